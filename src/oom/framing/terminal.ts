import { openLines, type Filter } from './filter.ts';
import { mayBeginReport } from './landmarks.ts';
import { parseJson, toBytes } from './json-entry.ts';

// What a terminal showed: a recording by asciinema, and colours of which the escape was written as text or lost.

export function isRecording(head: string): boolean {
  return /^\{[^\n]{0,40}"version": ?[123],/.test(head) && /^\{[^\n]*"(?:width|cols)":/.test(head);
}

/** asciicast: `[1.234, "o", "[  107.5] php-fpm invoked oom-kil"]`, a line each time the terminal was written to. */
export function openRecording(): Filter {
  return openLines((line) => {
    const event = parseJson(line);
    if (!Array.isArray(event) || event[1] !== 'o' || typeof event[2] !== 'string') return '';
    return toBytes(event[2]).replaceAll('\r', '');
  });
}

/** ESC as rsyslog, editors, pagers and languages write it, with the control sequence behind it. */
const WRITTEN = /(?:#033|\^\[|\xe2\x90\x9b|\\033|\\x1b|\\e|\\u001b)\[[0-9;?]{0,20}[A-Za-z]/gi;
/** ESC is gone: only of colours it is sure. */
const LOST = /(?<!\x1b)\[(?:\d{1,3}(?:;\d{1,3}){0,4})?m/g;

/** Takes escapes away that are text, or null: there are none. */
export function openWrittenEscapes(head: string): Filter | null {
  const lines = head.split('\n').filter(mayBeginReport);
  const pattern = [WRITTEN, LOST].find((one) => lines.filter((line) => (line.match(one)?.length ?? 0) > 1).length > 0);
  return pattern === undefined ? null : openLines((line) => `${line.replace(pattern, '')}\n`);
}
