import type { RuleTerms } from '../../change/change.ts';
import { MEND } from '../../change/rule.ts';
import { readDuration } from '../duration.ts';
import { nearest } from '../nearest.ts';
import type { Slip } from './command.ts';
import { asking, incomplete, joinWords } from './command-words.ts';

/** `terms` are of a standing rule; absent: this host alone, mended. */
interface Protection {
  host: string;
  what: string;
  adj: number | null;
  forMs: number | null;
  keep: boolean;
  terms?: RuleTerms;
  why: string | null;
}

const WORDS = ['keep', 'show', 'matching', 'for', 'because'];

/**
 * `protect <host> <process|pid|unit> [adj] [keep [show] [on tag <tag>] [matching <text>]] [for 2h] [because …]`: in any order, `because`
 * takes all that follows.
 */
export function readProtect(words: readonly string[]): Slip | { kind: 'ask'; ask: Protection } {
  const [host, what, ...rest] = words;
  if (host === undefined || what === undefined)
    return incomplete('protect', 'a host and a process', 'protect db01 mysqld');
  const { said, why } = splitReason(rest);
  let adj: number | null = null;
  let forMs: number | null = null;
  let keep = false;
  let terms = MEND;
  for (let at = 0; at < said.length; at += 1) {
    const word = said[at] ?? '';
    const lower = word.toLowerCase();
    if (lower === 'keep') keep = true;
    else if (lower === 'show') terms = { ...terms, onDrift: 'show' };
    else if (lower === 'on') {
      const tag = said[at + 2];
      if (said[at + 1]?.toLowerCase() !== 'tag' || tag === undefined)
        return {
          kind: 'bad-value',
          name: 'word here',
          given: word,
          expected: 'a tag after it, for example “on tag db”',
        };
      terms = { ...terms, tag };
      at += 2;
    } else if (lower === 'matching') {
      const commandLine = said[at + 1];
      if (commandLine === undefined)
        return { kind: 'bad-value', name: 'text to match', given: 'nothing', expected: 'a part of the command line' };
      terms = { ...terms, commandLine };
      at += 1;
    } else if (lower === 'for') {
      const { text, taken } = durationAt(said, at + 1);
      const read = readDuration(text);
      if (read === null)
        return {
          kind: 'bad-value',
          name: 'duration',
          given: text || 'nothing',
          expected: 'a time such as 30m, 2h or 7d',
        };
      forMs = read;
      at += taken;
    } else if (lower === 'to' || lower === 'at') continue;
    else if (adj === null && /^[-+]?\d{1,6}$/.test(word)) {
      adj = Number(word);
      if (adj < -1000 || adj > 1000)
        return { kind: 'bad-value', name: 'value', given: word, expected: 'a whole number from -1000 to 1000' };
    } else {
      const meant = nearest(word, WORDS);
      if (meant !== null) return { kind: 'typo', word, corrected: correct(words, words.indexOf(word, 2), meant) };
      return {
        kind: 'bad-value',
        name: 'word here',
        given: word,
        expected: 'a value from -1000 to 1000, “keep”, “for 2h” or “because …”',
      };
    }
  }
  if (terms !== MEND) {
    if (!keep)
      return {
        kind: 'bad-value',
        name: 'word here',
        given: 'show, on tag or matching',
        expected: '“keep” beside it: this only works for a rule',
      };
    return asking({ host, what, adj, forMs, keep, terms, why });
  }
  return asking({ host, what, adj, forMs, keep, why });
}

/** `unprotect <host> <process|unit> [because …]`. */
export function readUnprotect(
  words: readonly string[],
): Slip | { kind: 'ask'; ask: { host: string; what: string; why: string | null } } {
  const [host, what, ...rest] = words;
  if (host === undefined || what === undefined)
    return incomplete('unprotect', 'a host and a process', 'unprotect db01 mysqld');
  const { said, why } = splitReason(rest);
  if (said[0] !== undefined)
    return { kind: 'bad-value', name: 'word here', given: said[0], expected: '“because …” or nothing' };
  return asking({ host, what, why });
}

function splitReason(words: readonly string[]): { said: readonly string[]; why: string | null } {
  const at = words.findIndex((word) => word.toLowerCase() === 'because');
  if (at < 0) return { said: words, why: null };
  return { said: words.slice(0, at), why: words.slice(at + 1).join(' ') || null };
}

/** `2h`, `2 hours`, `1 h 30 min`: the most words that read as a time together. */
function durationAt(words: readonly string[], from: number): { text: string; taken: number } {
  for (let taken = 4; taken > 1; taken -= 1) {
    const text = words.slice(from, from + taken).join('');
    if (words.length >= from + taken && readDuration(text) !== null) return { text, taken };
  }
  return { text: words[from] ?? '', taken: 1 };
}

function correct(words: readonly string[], at: number, meant: string): string {
  return joinWords(['protect', ...words.map((word, place) => (place === at ? meant : word))]);
}
