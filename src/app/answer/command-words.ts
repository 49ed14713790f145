import { quoted } from '../../notice/notice.ts';
import { readDuration } from '../duration.ts';
import type { Parsed, Slip } from './command.ts';
import { readWhen, type When } from './when-words.ts';

const SCORES_MAX = 50;

/** Words at blanks; quotes hold several together. A quote that is never closed is a character like others. */
export function splitWords(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'(?=\s|$)|(\S+)/g)]
    .map((match) => match[1] ?? match[2] ?? match[3] ?? '')
    .filter(Boolean);
}

/** Words as they can be typed again: those with blanks in quotes. */
export function joinWords(words: readonly string[]): string {
  return words.map((word) => (/\s/.test(word) ? quoted(word) : word)).join(' ');
}

/** What was asked, read. */
export function asking<Ask extends object>(ask: Ask): { kind: 'ask'; ask: Ask } {
  return { kind: 'ask', ask };
}

export function incomplete(verb: string, wanted: string, example: string): Slip {
  return { kind: 'incomplete', verb, wanted, example };
}

/** `[target] [time]`: `history 7d` asks for all. */
export function readSpan(
  words: readonly string[],
): Slip | { kind: 'ask'; ask: { target: string | null; forMs: number | null } } {
  const first = words[0];
  const alone = words.length === 1 && first !== undefined && readDuration(first) !== null;
  const target = alone ? null : (first ?? null);
  return withDuration(alone ? words : words.slice(1), (forMs) => ({ target, forMs }));
}

/** A time in the words that are left, none: null. */
export function withDuration<Ask extends object>(
  words: readonly string[],
  make: (forMs: number | null) => Ask,
): Slip | { kind: 'ask'; ask: Ask } {
  const said = words.filter((word) => !['for', 'last', 'since'].includes(word.toLowerCase())).join('');
  if (said === '') return asking(make(null));
  const forMs = readDuration(said);
  if (forMs === null)
    return { kind: 'bad-value', name: 'duration', given: said, expected: 'a time such as 30m, 2h, 7d or 1h30m' };
  return asking(make(forMs));
}

/** The words after `why`. */
export function readWhy([host, what, ...rest]: readonly string[]):
  Slip | { kind: 'ask'; ask: { host: string; what: string; when: When | null } } {
  if (host === undefined || what === undefined) return incomplete('why', 'a host and what died', 'why db01 mysqld 2h');
  const when = rest.length === 0 ? null : readWhen(rest);
  if (rest.length > 0 && when === null)
    return {
      kind: 'bad-value',
      name: 'time',
      given: rest.join(' '),
      expected: '2h, 30m ago, 14:05 or 2026-11-30 14:05 (UTC)',
    };
  return asking({ host, what, when });
}

/** A host, and how many rows. */
export function readScores([host, count]: readonly string[]):
  Slip | { kind: 'ask'; ask: { host: string; limit: number | null } } {
  if (host === undefined) return incomplete('scores', 'a host', 'scores db01 10');
  const limit = count === undefined ? null : /^\d{1,4}$/.test(count) ? Number(count) : 0;
  if (limit === null) return asking({ host, limit });
  if (limit < 1)
    return {
      kind: 'bad-value',
      name: 'number',
      given: count ?? '',
      expected: `a number from 1 to ${SCORES_MAX}`,
    };
  return asking({ host, limit: Math.min(limit, SCORES_MAX) });
}

/** `<target> [time] [because …]`; `off` in place of a time is another command. */
export function readMute([target, ...rest]: readonly string[], unmute: (words: readonly string[]) => Parsed) {
  if (target === undefined) return incomplete('mute', 'a host or a service', 'mute db01 1h');
  if (['off', 'none'].includes(rest[0]?.toLowerCase() ?? '')) return unmute([target]);
  const at = rest.findIndex((word) => word.toLowerCase() === 'because');
  const why = at < 0 ? '' : rest.slice(at + 1).join(' ');
  return withDuration(at < 0 ? rest : rest.slice(0, at), (forMs) => ({
    target,
    forMs,
    ...(why === '' ? {} : { why }),
  }));
}

/** `<incident> [page]`. */
export function readShow([incident, page = '1']: readonly string[]):
  Slip | { kind: 'ask'; ask: { incident: string; page: number } } {
  if (incident === undefined) return incomplete('show', 'an incident', 'show 1a2b3c4d');
  return /^[1-9]\d{0,3}$/.test(page)
    ? asking({ incident, page: Number(page) })
    : { kind: 'bad-value', name: 'page', given: page, expected: 'a number from 1 on' };
}

/** `<host> [time]`. */
export function readMemory([host, ...rest]: readonly string[]):
  Slip | { kind: 'ask'; ask: { host: string; forMs: number | null } } {
  return host === undefined
    ? incomplete('memory', 'a host', 'memory db01')
    : withDuration(rest, (forMs) => ({ host, forMs }));
}
