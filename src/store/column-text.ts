import { createHash } from 'node:crypto';

// PostgreSQL refuses NUL in text and index entries over 2,704 bytes; 600 characters are at most 1,800 bytes of UTF-8.
const COLUMN_CHARS_MAX = 600;

/** Host text made fit for a key column: unchanged where it can be, else cut and cleaned with a hash of the whole to keep it unique. */
export function columnText(text: string): string {
  if (text.length <= COLUMN_CHARS_MAX && !text.includes('\0') && text.isWellFormed()) return text;
  const hash = createHash('sha256').update(text, 'utf16le').digest('hex').slice(0, 16);
  return `${text
    .slice(0, COLUMN_CHARS_MAX - 17)
    .replaceAll('\0', '\uFFFD')
    .toWellFormed()}#${hash}`;
}

/** Slices of at most `size`: databases bound the parameters of one statement. */
export function slicesOf<T>(list: readonly T[], size: number): T[][] {
  const slices: T[][] = [];
  for (let at = 0; at < list.length; at += size) slices.push(list.slice(at, at + size));
  return slices;
}
