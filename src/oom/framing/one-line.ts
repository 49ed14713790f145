import { parseJson } from './json-entry.ts';
import { findLandmark } from './landmarks.ts';
import type { Filter } from './filter.ts';

// A whole log in one line: its line breaks are written as escapes, as commas between strings, or were lost.
//
//   "stdout": "[  107.5] php-fpm invoked oom-killer: …\n[  107.6] CPU: 1 PID: …\n…"          in a text that is no JSON
//   ['[  107.5] php-fpm invoked oom-killer: …', '[  107.6] CPU: 1 PID: …']
//   %5B%20%20107.5%5D%20php-fpm%20invoked%20oom-killer…%0A                                    a URL, a form

/** What separates the lines, and how to decode what is between. */
interface Separator {
  pattern: RegExp;
  decode: (text: string) => string;
  /** A separator that may be cut by the end of a chunk. */
  unfinished: RegExp;
}

const KNOWN_MIN = 2;
const PIECES_MAX = 400;
const LOOKED_AT_MAX = 65_536;
const REST_MAX = 65_536;

function asIs(text: string): string {
  return text;
}

const SEPARATORS: readonly Separator[] = [
  { pattern: /(?:\\r)?\\n/g, decode: unescape, unfinished: /\\[^\\]{0,3}$/ },
  { pattern: /#012/g, decode: asIs, unfinished: /#0?1?$/ },
  { pattern: /', '|", "|',\s?b'/g, decode: asIs, unfinished: /['"],? ?b?$/ },
  { pattern: /(?:%0D)?%0A/gi, decode: unpercent, unfinished: /%[^%]{0,5}$/ },
  // Lines whose ends are known, one behind the other.
  {
    pattern:
      /(?<=or (?:sacrifice|a) child|and children\.|,uid=\d{1,10}|oom_score_adj[:=]-?\d{1,5}|, order=\d|rss:\d{1,12}kB)(?:[ \t]*[,;/|])?[ \t]+(?=(?:Out of [Mm]emory: |Memory cgroup out of memory: )?Kill(?:ed)? process \d|oom_reaper: |oom-kill:constraint|Mem-[Ii]nfo:)/g,
    decode: asIs,
    unfinished: /(?:child|\.|\d|kB)[ \t,;/|]*[A-Za-z -]{0,40}:?$/,
  },
  // Only the kernel's stamps tell where a line begins.
  {
    pattern: /(?<![ \t>])[ \t]*(?=(?:<\d>)?\[ *\d{1,10}\.\d{6}\] )/g,
    decode: asIs,
    unfinished: /\s[^\s\]]*(?:\[ *[\d.]*\]?)?$/,
  },
];

function unescape(text: string): string {
  return text.replace(/\\(["'\\t])/g, (_, sign: string) => (sign === 't' ? '\t' : sign));
}

function unpercent(text: string): string {
  const blanks = text.includes(' ') ? text : text.replaceAll('+', ' ');
  return blanks.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Makes lines of a text that has several in one, or null: it has not. */
export function openOneLine(head: string): Filter | null {
  for (const line of head.split('\n')) {
    if (line.length < 60 || !/oom|ill(?:ed)?(?: |\+|%20)process/.test(line) || isJson(line)) continue;
    const separator = SEPARATORS.find((one) => separates(one, line.slice(0, LOOKED_AT_MAX)));
    if (separator !== undefined) return openSplit(separator);
  }
  return null;
}

function isJson(line: string): boolean {
  return line.startsWith('{') && parseJson(line) !== null;
}

function separates({ pattern, decode }: Separator, line: string): boolean {
  const pieces = line.split(pattern, PIECES_MAX);
  const isEncoded = decode === unpercent && /%(?:20|2C|3A)/i.test(line) && !/[ \t]/.test(line);
  const least = isEncoded ? 1 : KNOWN_MIN;
  return pieces.length >= least && pieces.filter((piece) => findLandmark(decode(piece)) !== null).length >= least;
}

function openSplit({ pattern, decode, unfinished }: Separator): Filter {
  let rest = '';

  function split(text: string): string {
    return text
      .split('\n')
      .map((line) => line.split(pattern).map(decode).join('\n'))
      .join('\n');
  }

  return {
    push: (bytes) => {
      const text = rest + bytes;
      const cut = unfinished.exec(text.slice(-64));
      rest = cut === null || text.length > REST_MAX * 8 ? '' : text.slice(text.length - cut[0].length);
      return split(text.slice(0, text.length - rest.length));
    },
    end: () => split(rest),
  };
}
