import { quoted } from '../notice/notice.ts';

/** Words as they can be typed again: those with blanks in quotes. */
export function joinWords(words: readonly string[]): string {
  return words.map((word) => (/\s/.test(word) ? quoted(word) : word)).join(' ');
}
