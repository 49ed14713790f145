import { nearest } from '../app/nearest.ts';
import type { Command, Parsed } from './command.ts';
import { joinWords } from './join-words.ts';
import { parseProtect, parseRules, parseUnprotect } from './protect-grammar.ts';
import { readDuration } from '../app/duration.ts';

export type { Command, Parsed };
export { readDuration };

const VERBS = [
  'last',
  'history',
  'report',
  'scores',
  'protect',
  'unprotect',
  'pending',
  'rules',
  'hosts',
  'mute',
  'unmute',
  'explain',
  'audit',
  'help',
] as const;
const HOSTS_VERBS = ['add', 'remove', 'check', 'list'] as const;
// What people also write.
const SAME: Record<string, (typeof VERBS)[number]> = {
  top: 'scores',
  next: 'scores',
  host: 'hosts',
  '?': 'help',
  latest: 'last',
  digest: 'report',
  week: 'report',
  weekly: 'report',
};
const TEXT_MAX = 4_000;
const SCORES_MAX = 50;

/**
 * Reads what somebody typed after `/oom` or after the bot's name: Slack's entities and links undone, curly quotes and long dashes
 * taken as plain ones, `"several words"` as one. An empty text asks for help.
 */
export function parseCommand(text: string): Parsed {
  const words = splitWords(plainTyping(text.slice(0, TEXT_MAX)));
  const [first, ...rest] = words;
  if (first === undefined) return { kind: 'command', command: { verb: 'help' } };
  const said = first.toLowerCase().replace(/^-+/, '');
  const verb = VERBS.find((known) => known === said) ?? (Object.hasOwn(SAME, said) ? SAME[said] : undefined);
  if (!verb) return typo(first, nearest(said, VERBS), rest);
  switch (verb) {
    case 'last':
      return withTarget(verb, rest[0], 'a host', (host) => ({ verb, host }));
    case 'history':
    case 'report':
      return parseSpan(verb, rest);
    case 'scores':
      return parseScores(rest);
    case 'hosts':
      return parseHosts(rest);
    case 'mute':
      return parseMute(rest);
    case 'unmute':
      return withTarget(verb, rest[0], 'a host or a service', (target) => ({ verb, target }));
    case 'audit':
      return { kind: 'command', command: { verb, host: rest[0] ?? null } };
    case 'protect':
      return parseProtect(rest);
    case 'unprotect':
      return parseUnprotect(rest);
    case 'rules':
      return parseRules(rest);
    case 'pending':
    case 'explain':
    case 'help':
      return { kind: 'command', command: { verb } };
  }
}

function parseSpan(verb: 'history' | 'report', words: string[]): Parsed {
  const first = words[0];
  // `/oom history 7d` asks for all hosts.
  const alone = words.length === 1 && first !== undefined && readDuration(first) !== null;
  const target = alone ? null : (first ?? null);
  return withDuration(alone ? words : words.slice(1), (forMs) => ({ verb, target, forMs }));
}

function parseMute(words: string[]): Parsed {
  const [target, ...rest] = words;
  if (target === undefined) return incomplete('mute', 'a host or a service', 'mute db01 1h');
  if (['off', 'none'].includes(rest[0]?.toLowerCase() ?? ''))
    return { kind: 'command', command: { verb: 'unmute', target } };
  return withDuration(rest, (forMs) => ({ verb: 'mute', target, forMs }));
}

function parseScores(words: string[]): Parsed {
  const [host, count] = words;
  if (host === undefined) return incomplete('scores', 'a host', 'scores db01 10');
  if (count === undefined) return { kind: 'command', command: { verb: 'scores', host, limit: null } };
  const limit = /^\d{1,4}$/.test(count) ? Number(count) : 0;
  if (limit < 1)
    return { kind: 'bad-value', name: 'number', given: count, expected: `a number from 1 to ${SCORES_MAX}` };
  return { kind: 'command', command: { verb: 'scores', host, limit: Math.min(limit, SCORES_MAX) } };
}

function parseHosts(words: string[]): Parsed {
  const [said, host] = words;
  if (said === undefined) return { kind: 'command', command: { verb: 'hosts' } };
  const verb = HOSTS_VERBS.find((known) => known === said.toLowerCase());
  if (!verb) return typo(`hosts ${said}`, prefixed('hosts ', nearest(said, HOSTS_VERBS)), words.slice(1));
  switch (verb) {
    case 'add':
      return { kind: 'command', command: { verb: 'hosts add' } };
    case 'remove':
      return { kind: 'command', command: { verb: 'hosts remove', host: host ?? null } };
    case 'check':
      return { kind: 'command', command: { verb: 'hosts check', host: host ?? null } };
    case 'list':
      return { kind: 'command', command: { verb: 'hosts' } };
  }
}

function withTarget(
  verb: string,
  target: string | undefined,
  wanted: string,
  make: (target: string) => Command,
): Parsed {
  if (target === undefined) return incomplete(verb, wanted, `${verb} db01`);
  return { kind: 'command', command: make(target) };
}

function withDuration(words: string[], make: (forMs: number | null) => Command): Parsed {
  const said = words.filter((word) => !['for', 'last', 'since'].includes(word.toLowerCase())).join('');
  if (said === '') return { kind: 'command', command: make(null) };
  const forMs = readDuration(said);
  if (forMs === null)
    return { kind: 'bad-value', name: 'time', given: said, expected: 'for example 30m, 2h, 7d or 1h30m' };
  return { kind: 'command', command: make(forMs) };
}

/** Text as it was meant: mentions and links by their labels, entities undone, typographic signs as plain ones. */
export function plainTyping(text: string): string {
  return (
    text
      // `should_escape` sends <#C024BE7LR|general>, <@U012|ann>, and Slack makes <http://db01.example.net|db01.example.net> of a host's name.
      .replace(/<([#@!])([A-Z0-9^]+)(?:\|([^<>]*))?>/gi, (_, sign: string, id: string, label?: string) =>
        label ? (sign === '#' ? `#${label}` : label) : id,
      )
      .replace(
        /<(?:https?:\/\/|mailto:)([^<>|]*)(?:\|([^<>]*))?>/gi,
        (_, url: string, label?: string) => label ?? url.replace(/\/$/, ''),
      )
      // &amp; last: `&amp;lt;` was typed as `&lt;`.
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&amp;', '&')
      .replace(/[“”„‟«»″]/g, '"')
      .replace(/[‘’‚‛′]/g, "'")
      .replace(/[‐‑‒–—―−]/g, '-')
      .replace(/[\u00a0\u2000-\u200b\u202f\u3000\ufeff\s]+/g, ' ')
      .trim()
  );
}

/** Words at blanks; quotes hold several together. A quote that is never closed is a character like others. */
export function splitWords(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'(?=\s|$)|(\S+)/g)]
    .map((match) => match[1] ?? match[2] ?? match[3] ?? '')
    .filter(Boolean);
}

function typo(word: string, corrected: string | null, rest: string[]): Parsed {
  return { kind: 'typo', word, corrected: corrected === null ? null : `${corrected} ${joinWords(rest)}`.trim() };
}

function prefixed(prefix: string, word: string | null): string | null {
  return word === null ? null : prefix + word;
}

function incomplete(verb: string, wanted: string, example: string): Parsed {
  return { kind: 'incomplete', verb, wanted, example: `/oom ${example}` };
}
