import { encodeText } from '../bytes.ts';
import type { Filter } from './filter.ts';

const NAMED: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  tab: '\t',
  newline: '\n',
};
const ENTITY = /&(#x[0-9a-f]{1,6}|#\d{1,7}|[a-z]{2,8});?/gi;
/** Tags that end a line where they stand. */
const BREAKS = /<(?:br|\/p|\/div|\/li|\/tr|\/pre|\/h\d|\/blockquote|p|pre|tr|li)\b[^<>\n]{0,400}>/gi;
/** Cells of one row; and a stamp that only its tags set apart from what follows. */
const CELLS = /<\/t[dh]>\s{0,8}(?=<t[dh]\b)/gi;
const STAMP_ALONE =
  /(\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)(?:<\/\w{1,10}>){1,4}(?=(?:<\w[^<>]{0,400}>){1,4}\w)/g;
/** No kernel line has such a thing: `<4>` and `<TASK>` stay. */
const TAGS =
  /<\/?(?:!doctype|html|head|body|pre|code|span|div|p|br|td|th|tr|table|tbody|thead|font|b|i|em|strong|a|tt|samp|li|ul|ol|blockquote|section|article|main|meta|link|title|style|script|h\d|img|hr|details|summary|mark|kbd|small)\b[^<>]{0,2000}>/gi;
const PART_MAX = 65_536;

/** Takes tags and entities away, as a browser shows a text. */
export function openHtml(): Filter {
  let rest = '';

  function decode(text: string): string {
    // A line of nothing but blanks that do not break is an empty one.
    const apart = text.replace(CELLS, '\t').replace(STAMP_ALONE, '$1 ');
    return plainText(apart.replace(BREAKS, '\n').replace(TAGS, '')).replace(/^[ \t]+\r?$/gm, '');
  }

  return {
    push: (bytes) => {
      const text = rest + bytes;
      const end = text.lastIndexOf('\n') + 1;
      // Without line breaks a tag may be cut, but for what one ends.
      const cut = end > 0 || text.length < PART_MAX ? end : text.lastIndexOf('>') + 1 || text.length;
      rest = text.slice(cut);
      return decode(text.slice(0, cut));
    },
    end: () => decode(rest),
  };
}

// Documents of offices are archives of XML: Word's `<w:p><w:r><w:t>…</w:t></w:r></w:p>`, Excel's `<si><t>…</t></si>`, OpenDocument's
// `<text:p>…</text:p>`.
const OFFICE = /<(?:w:document|w:body|sst|worksheet|office:document-content|office:text)[\s>]/;
const OFFICE_BREAKS =
  /<\/(?:w:p|si|is|row|text:p|text:h|table:table-row)>|<(?:w:br|w:cr|text:line-break)\b[^<>]{0,200}>/g;
const OFFICE_TABS = /<(?:w:tab|text:tab)\b[^<>]{0,200}>/g;
const OFFICE_BLANKS = /<text:s(?: text:c="(\d{1,3})")?\s*\/>/g;
const ANY_TAG = /<[^<>]{1,4000}>/g;

export function isOffice(head: string): boolean {
  return head.trimStart().startsWith('<?xml') && OFFICE.test(head.slice(0, PART_MAX));
}

/** The text of a document's paragraphs, a line each. */
export function openOffice(): Filter {
  let rest = '';

  function decode(text: string): string {
    const broken = text
      .replace(OFFICE_BREAKS, '\n')
      .replace(OFFICE_TABS, '\t')
      .replace(OFFICE_BLANKS, (_, count: string | undefined) => ' '.repeat(Number(count ?? 1)));
    return plainText(broken.replace(ANY_TAG, ''));
  }

  return {
    push: (bytes) => {
      const text = rest + bytes;
      const end = text.lastIndexOf('>') + 1;
      const cut = end > 0 || text.length < PART_MAX ? end : text.length;
      rest = text.slice(cut);
      return decode(text.slice(0, cut));
    },
    end: () => decode(rest),
  };
}

/** Entities as the signs that they stand for; blanks that do not break as blanks. */
export function plainText(text: string): string {
  const plain = text.includes('&') ? text.replace(ENTITY, toSign) : text;
  return plain.includes('\xc2\xa0') ? plain.replaceAll('\xc2\xa0', ' ') : plain;
}

function toSign(whole: string, name: string): string {
  if (!name.startsWith('#')) return NAMED[name.toLowerCase()] ?? whole;
  const isHex = name.charAt(1).toLowerCase() === 'x';
  const point = Number.parseInt(name.slice(isHex ? 2 : 1), isHex ? 16 : 10);
  if (point === 160) return ' ';
  return point > 0 && point < 0x110000 ? encodeText(String.fromCodePoint(point)) : whole;
}
