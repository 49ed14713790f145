import { knownProgram } from './programs.ts';

// What an unknown front says of a line: when it was written, and on which host.

const MONTH = '[A-Z][a-z]{2}';
const CLOCK = '\\d{1,2}:\\d\\d:\\d\\d(?:[.,]\\d{1,9})?';
const ZONE = '(?: ?(?:Z|UTC|GMT|[A-Z]{3,4}|[+-]\\d\\d:?\\d\\d)(?![A-Za-z0-9]))?';
const STAMPS: readonly string[] = [
  `\\d{4}[-/.]\\d\\d[-/.]\\d\\d[T _,]{1,2}${CLOCK}${ZONE}`,
  `\\d{8}[T _-]\\d{2}:?\\d{2}:?\\d{2}(?:\\.\\d{1,9})?Z?`,
  `(?:${MONTH},? )?${MONTH} [ \\d]?\\d (?:\\d{4} )?${CLOCK}(?: [A-Z]{3,4})?(?: \\d{4})?`,
  `(?:${MONTH},? )?\\d{1,2}[/ -]${MONTH}[/ -]\\d{2,4}[: ]${CLOCK}${ZONE}`,
  `\\d{1,2}[./-]\\d{1,2}[./-]\\d{2,4},? ${CLOCK}(?: [AP]M)?`,
  `[IWEF]\\d{4} ${CLOCK}`,
  `${CLOCK}(?: [AP]M)?${ZONE}`,
  '(?<![\\w.])1\\d{9}(?:\\d{3}|\\d{6}|\\d{9}|\\.\\d{1,9})?(?![\\w.])',
  '(?<![\\w.])\\d{1,10}\\.\\d{3,9}(?![\\w.])',
];
const STAMP = new RegExp(STAMPS.join('|'), 'g');
const EPOCH = /^1\d{9}(?:\d{3}|\d{6}|\d{9})?$/;
const HOST =
  /(?:^|[^a-z])(?:host|hostname|host_name|node|nodename|node_name|instance|computer|source_host|_HOSTNAME)["']? ?[=:] ?["']?([A-Za-z0-9][\w.-]{0,252})/i;

export interface FoundStamp {
  start: number;
  end: number;
  timeText: string;
  /** Where the stamp is a count since 1970 finer than seconds. */
  realtimeUs: number | null;
}

/** All stamps in a front, in order. */
export function findStamps(front: string): FoundStamp[] {
  return [...front.matchAll(STAMP)].map((found) => ({
    start: found.index,
    end: found.index + found[0].length,
    timeText: found[0],
    realtimeUs: EPOCH.test(found[0]) && found[0].length > 10 ? Number(found[0].slice(0, 16).padEnd(16, '0')) : null,
  }));
}

/** The host that a front names by a key such as `host=`, or an empty text. */
export function findHost(front: string): string {
  return HOST.exec(front)?.[1] ?? '';
}

const LEVELS = new Set(
  (
    'emerg emergency panic alert crit critical err error warn warning notice info information debug trace fatal severe ' +
    'kern kernel user daemon syslog local0 local1 local2 local3 local4 local5 local6 local7 stdout stderr f p i w e d n c t v ' +
    'utc gmt z cet cest est edt pst pdt am pm mon tue wed thu fri sat sun jan feb mar apr may jun jul aug sep oct nov dec'
  ).split(' '),
);

/** A word that says how bad, which facility or when: never where a line is from. */
export function isLevel(word: string): boolean {
  return LEVELS.has(word.toLowerCase());
}

const OF_LOGS = /^(?:dmesg|kmsg|syslog|journal(?:ctl)?|messages|log|console|output)$/i;

/** The one name in a text that holds some of these words: `db01 | `, `node-1: `. Empty: there is none, or several, or a program. */
export function nameIn(text: string, words: readonly string[]): string {
  const names = new Set(
    (text.match(/[A-Za-z0-9][\w.-]*/g) ?? []).filter((name) => name.split(/[.-]/).some((part) => words.includes(part))),
  );
  const [name = ''] = names;
  return names.size !== 1 || isLevel(name) || OF_LOGS.test(name) || knownProgram(name) !== null ? '' : name;
}
