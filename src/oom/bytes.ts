// Log text is handled as byte strings: one character per byte (latin1). Only what people read is decoded, here.

const NEEDS_DECODING = /[\x80-\xff]|\\x[0-9a-fA-F]{2}/;

/** Byte string to text: UTF-8 where it is valid, `\xHH` for each byte that is not. */
export function decodeText(bytes: string): string {
  return NEEDS_DECODING.test(bytes) ? decodeUtf8(unescapeNonPrintable(bytes)) : bytes;
}

/** Text to byte string, for sources that hand over decoded text (JSON). */
export function encodeText(text: string): string {
  let bytes = '';
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    if (point < 0x80) bytes += character;
    else if (point < 0x800) bytes += String.fromCharCode(0xc0 | (point >> 6), 0x80 | (point & 63));
    else if (point < 0x10000)
      bytes += String.fromCharCode(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
    else
      bytes += String.fromCharCode(
        0xf0 | (point >> 18),
        0x80 | ((point >> 12) & 63),
        0x80 | ((point >> 6) & 63),
        0x80 | (point & 63),
      );
  }
  return bytes;
}

/** `/dev/kmsg` writes bytes below 32, from 127 on, and the backslash as `\xHH` (Documentation/ABI/testing/dev-kmsg). */
export function unescapeKmsg(text: string): string {
  if (!text.includes('\\x')) return text;
  return text.replace(/\\x([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** dmesg in the C locale and syslog-ng write `\xHH` too, but leave the backslash: undo it only where the byte is not printable. */
function unescapeNonPrintable(text: string): string {
  return text.replace(/\\x([0-9a-fA-F]{2})/g, (whole, hex: string) => {
    const byte = Number.parseInt(hex, 16);
    return byte < 0x20 || byte >= 0x7f ? String.fromCharCode(byte) : whole;
  });
}

function decodeUtf8(bytes: string): string {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const first = bytes.charCodeAt(at);
    const length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : 4;
    const point = length === 1 ? first : decodeSequence(bytes, at, length);
    if (point < 0) {
      text += first > 0xff ? bytes.charAt(at) : `\\x${first.toString(16).padStart(2, '0')}`;
      at += 1;
    } else {
      text += String.fromCodePoint(point);
      at += length;
    }
  }
  return text;
}

/** The code point of a 2 to 4 byte sequence, or -1: cut short, overlong, a surrogate or too large. */
function decodeSequence(bytes: string, at: number, length: number): number {
  const first = bytes.charCodeAt(at);
  if (first < 0xc2 || first > 0xf4 || at + length > bytes.length) return -1;
  let point = first & (0xff >> (length + 1));
  for (let next = at + 1; next < at + length; next += 1) {
    const byte = bytes.charCodeAt(next);
    if (byte < 0x80 || byte > 0xbf) return -1;
    point = (point << 6) | (byte & 63);
  }
  const least = length === 2 ? 0x80 : length === 3 ? 0x800 : 0x10000;
  return point < least || point > 0x10ffff || (point >= 0xd800 && point < 0xe000) ? -1 : point;
}

export function toInteger(digits: string | undefined): number | null {
  return digits === undefined ? null : Number(digits);
}
