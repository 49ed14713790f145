// The form of what stands before or behind a line: words, blanks and signs. Two pieces of text have the same form when they differ
// only in their words and in how many blanks stand between them.

/** One part of a form: `word` for letters, digits and "_", `gap` for blanks, `pad` for blanks or none, else the sign itself. */
export type Part = string;

export interface Shape {
  parts: readonly Part[];
  /** `parts` as one string: the same for texts of one form. */
  key: string;
  /** The words, in order. */
  words: string[];
  /** Where each word begins. */
  starts: number[];
}

const PARTS_MAX = 120;

function isWordCode(code: number): boolean {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 48 && code <= 57) ||
    (code >= 65 && code <= 90) ||
    code === 95 ||
    code >= 128
  );
}

/**
 * How many bytes a sign outside of ASCII has that begins here: quotation marks, dashes, bullets, arrows, frames, invisible marks,
 * emoji (all of U+00A0–00BF, U+2000–2BFF, U+3000–303F, U+FEFF, U+1F000–1FFFF in UTF-8); 0: a letter, or ASCII.
 */
function signLength(text: string, at: number): number {
  const second = text.charCodeAt(at + 1);
  switch (text.charCodeAt(at)) {
    case 0xc2:
      return second >= 0xa0 ? 2 : 0;
    case 0xe2:
      return second >= 0x80 && second < 0xb0 ? 3 : 0;
    case 0xe3:
      return second === 0x80 ? 3 : 0;
    case 0xef:
      return second === 0xbb ? 3 : 0;
    case 0xf0:
      return second === 0x9f ? 4 : 0;
    default:
      return 0;
  }
}

/** Where a word that begins at `at` ends; `at` itself: none does. */
function endOfWord(text: string, at: number): number {
  let end = at;
  for (let code = text.charCodeAt(end); isWordCode(code); code = text.charCodeAt(end)) {
    if (code >= 128 && signLength(text, end) > 0) break;
    end += 1;
  }
  return end;
}

/** Where a word that ends at `end` begins; `end` itself: none does. */
function startOfWord(text: string, end: number): number {
  let at = end;
  while (at > 0 && isWordCode(text.charCodeAt(at - 1))) {
    if (text.charCodeAt(at - 1) >= 128 && [2, 3, 4].some((length) => signLength(text, at - length) === length)) break;
    at -= 1;
  }
  return at;
}

/** A tab that was written as text: the letter is no part of the word behind it. */
function isWrittenTab(text: string, at: number): boolean {
  return text.charCodeAt(at) === 92 && text.charCodeAt(at + 1) === 116;
}

function isBlankCode(code: number): boolean {
  return code === 32 || code === 9;
}

/**
 * The form of a text, or null when it has too many parts to be a wrapping. Blanks that begin a tail are part of it.
 * Numbers and words are padded inside of brackets and quotes, and at the beginning of a line: any blanks there are a `pad`.
 */
export function shapeOf(text: string, isTail = false): Shape | null {
  const parts: Part[] = isTail ? [] : ['pad'];
  const words: string[] = [];
  const starts: number[] = [];
  const openQuotes = new Set<string>();
  for (let at = 0; at < text.length;) {
    const start = at;
    const code = text.charCodeAt(at);
    const signBytes = code >= 128 ? signLength(text, at) : 0;
    if (isWordCode(code) && signBytes === 0) {
      at = endOfWord(text, at);
      parts.push('word');
      words.push(text.slice(start, at));
      starts.push(start);
    } else if (isBlankCode(code)) {
      while (at < text.length && isBlankCode(text.charCodeAt(at))) at += 1;
      if (parts.at(-1) !== 'pad') parts.push('gap');
    } else {
      const sign = signBytes > 0 ? text.slice(at, at + signBytes) : isWrittenTab(text, at) ? '\\t' : text.charAt(at);
      const closes = CLOSING.includes(sign) || openQuotes.delete(sign);
      if (closes && parts.at(-1) === 'gap') parts[parts.length - 1] = 'pad';
      else if (closes && parts.at(-1) !== 'pad') parts.push('pad');
      parts.push(sign);
      const opens = OPENING.includes(sign) || (!closes && QUOTES.includes(sign));
      if (opens) parts.push('pad');
      if (opens && QUOTES.includes(sign)) openQuotes.add(sign);
      at += sign.length;
    }
    if (parts.length > PARTS_MAX) return null;
  }
  return { parts, key: parts.map((part) => NAMES[part] ?? part).join(''), words, starts };
}

const OPENING = '[({<';
const CLOSING = '])}>';
const QUOTES = '"\'';
const NAMES: Record<string, string> = { word: 'w', gap: ' ', pad: '' };

/**
 * Where a text that begins with this form goes on, or -1; its words are put into `words`. A gap at the end of the form takes
 * `lastGap` blanks, so that the blanks with which the kernel begins a line stay.
 */
export function matchFront(parts: readonly Part[], lastGap: number, text: string, words: string[]): number {
  let at = 0;
  words.length = 0;
  for (let index = 0; index < parts.length; index += 1) {
    const part = parts[index] ?? '';
    const start = at;
    if (part === 'word') {
      at = endOfWord(text, at);
      if (at === start) return -1;
      words.push(text.slice(start, at));
    } else if (part === 'gap') {
      const most = index === parts.length - 1 ? start + lastGap : text.length;
      while (at < most && isBlankCode(text.charCodeAt(at))) at += 1;
      if (at === start) return -1;
    } else if (part === 'pad') {
      const most = index === parts.length - 1 ? start + lastGap : text.length;
      while (at < most && isBlankCode(text.charCodeAt(at))) at += 1;
    } else {
      if (!text.startsWith(part, at)) return -1;
      at += part.length;
    }
  }
  return at;
}

/** Where the ending of this form begins in a text, or -1: read from the end of the text. A gap at its beginning takes `firstGap` blanks. */
export function matchTail(parts: readonly Part[], firstGap: number, text: string): number {
  let at = text.length;
  for (let index = parts.length - 1; index >= 0; index -= 1) {
    const part = parts[index] ?? '';
    const end = at;
    if (part === 'word') {
      at = startOfWord(text, end);
      if (at === end) return -1;
    } else if (part === 'gap') {
      const least = index === 0 ? end - firstGap : 0;
      while (at > 0 && at > least && isBlankCode(text.charCodeAt(at - 1))) at -= 1;
      if (at === end) return -1;
    } else if (part === 'pad') {
      while (at > 0 && isBlankCode(text.charCodeAt(at - 1))) at -= 1;
    } else {
      at -= part.length;
      if (at < 0 || !text.startsWith(part, at)) return -1;
    }
  }
  return at;
}
