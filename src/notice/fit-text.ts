// Text for a terminal of so many columns. Colours take no column.

const COLOUR = /\x1b\[[0-9;]{0,20}m/g;
const CONTAINER_ID = /(?<![0-9a-f])([0-9a-f]{12})[0-9a-f]{52}(?![0-9a-f])/g;
const POD_UID = /(?<=pod)([0-9a-f]{8})[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}/g;
/** A word that is longer than this part of a line is shortened in its middle. */
const WORD_SHARE = 0.8;

export function columnsOf(text: string): number {
  return Array.from(text.replace(COLOUR, '')).length;
}

/** Container and pod ids by their first digits, as their own tools show them. */
export function shortenIds(text: string): string {
  return text.replace(CONTAINER_ID, '$1…').replace(POD_UID, '$1…');
}

/** A path or another long word without its middle: how it begins and ends says most. */
export function shortenMiddle(word: string, columns: number): string {
  const letters = Array.from(word);
  if (letters.length <= columns || columns < 5) return word;
  const head = Math.floor((columns - 1) / 3);
  return `${letters.slice(0, head).join('')}…${letters.slice(letters.length - (columns - 1 - head)).join('')}`;
}

/** Words on as many lines as it takes; what is longer than a line is shortened. */
export function wrapWords(text: string, columns: number): string[] {
  const most = Math.max(5, Math.floor(columns * WORD_SHARE));
  const lines: string[] = [];
  for (const given of shortenIds(text).split(' ')) {
    const word = given.includes('\x1b') || columnsOf(given) <= most ? given : shortenMiddle(given, most);
    const last = lines.at(-1);
    if (last !== undefined && columnsOf(last) + 1 + columnsOf(word) <= columns)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** A row of a table: cut at the edge. */
export function cutRow(text: string, columns: number): string {
  const letters = Array.from(text);
  return letters.length <= columns ? text : `${letters.slice(0, Math.max(1, columns - 1)).join('')}…`;
}
