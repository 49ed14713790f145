import { openLines, type Filter } from './filter.ts';

// Mail as it is stored: parts whose text is written as quoted-printable or base64 (RFC 2045).

const ENCODING = /^Content-Transfer-Encoding: *"?(quoted-printable|base64)/i;
const TYPE = /^Content-Type: *(?:image\/|application\/pgp|video\/|audio\/)/i;
const HTML_TYPE = /^Content-Type: *text\/html/i;
const HEADER = /^[A-Za-z][A-Za-z0-9-]{0,76}:/;

type Encoding = 'quoted-printable' | 'base64' | 'none';

/** Decodes the parts of a stored mail, each as its header says. A part of HTML beside one of plain text (`hasText`) is left out. */
export function openMail(hasText: boolean): Filter {
  let encoding: Encoding = 'none';
  let inHeader = true;
  let isLeftOut = false;
  let next: Encoding = 'none';
  let base64 = openBase64();

  return openLines((line) => {
    const isBoundary = line.startsWith('--') && line.length > 8 && !line.includes(' ');
    if (isBoundary || (!inHeader && line.startsWith('From ') && line.includes('@'))) {
      inHeader = true;
      next = 'none';
      isLeftOut = false;
      base64 = openBase64();
      encoding = 'none';
      return '\n';
    }
    if (inHeader) {
      if (line === '') {
        inHeader = false;
        encoding = next;
      }
      const named = ENCODING.exec(line)?.[1]?.toLowerCase();
      if (named === 'quoted-printable' || named === 'base64') next = named;
      if (TYPE.test(line) || (hasText && HTML_TYPE.test(line))) isLeftOut = true;
      if (line !== '' && !HEADER.test(line) && !/^\s/.test(line)) inHeader = false;
      return '\n';
    }
    if (isLeftOut) return '\n';
    if (encoding === 'quoted-printable') return decodeQuotedLine(line);
    return encoding === 'base64' ? base64(line) : `${line}\n`;
  });
}

/** Quoted-printable text without a header. */
export function openQuotedPrintable(): Filter {
  return openLines(decodeQuotedLine);
}

/** `=3D` is the sign `=`; a `=` at the end of a line joins it with the next. */
function decodeQuotedLine(line: string): string {
  const trimmed = line.trimEnd();
  const goesOn = trimmed.endsWith('=');
  const text = (goesOn ? trimmed.slice(0, -1) : line).replace(/=([0-9A-F]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return goesOn ? text : `${text}\n`;
}

/** Base64 without a header. */
export function openBase64Text(): Filter {
  const decode = openBase64();
  return openLines(decode);
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES = new Map(Array.from(ALPHABET, (character, value) => [character, value]));

export function openBase64(): (line: string) => string {
  let bits = 0;
  let count = 0;
  return (line) => {
    let out = '';
    for (const character of line) {
      const value = VALUES.get(character);
      if (value === undefined) {
        if (character === '=') bits = count = 0;
        continue;
      }
      bits = ((bits << 6) | value) & 0xffffff;
      count += 6;
      if (count < 8) continue;
      count -= 8;
      out += String.fromCharCode((bits >> count) & 255);
    }
    return out;
  };
}
