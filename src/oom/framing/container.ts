import { encodeText } from '../bytes.ts';
import { findColumns, openCsv } from './csv.ts';
import { isDebugFormat, openDebugFormat } from './debug-format.ts';
import type { Filter } from './filter.ts';
import { isOffice, openHtml, openOffice } from './html.ts';
import { openJsonDocument } from './json-document.ts';
import { parseJson, readJsonLine } from './json-entry.ts';
import { mayBeginReport } from './landmarks.ts';
import { isNewestFirst, openNewestFirst } from './newest-first.ts';
import { openFragments, hasFragments } from './fragments.ts';
import { openOneLine } from './one-line.ts';
import { isSourceCode, openSourceCode } from './source-code.ts';
import { isRecording, openRecording, openWrittenEscapes } from './terminal.ts';
import { findWrap, openWrapped } from './wrapped-lines.ts';
import { openBase64, openBase64Text, openMail, openQuotedPrintable } from './mail.ts';

// What holds the lines of a log is told by its first bytes: other line ends, UTF-16, mail, HTML, JSON, tables. One may hold another.

/** So much of the input is looked at. */
export const HEAD_BYTES = 262_144;
const NESTED_MAX = 4;

/** A filter that makes plain lines of what begins like this, or null: they are plain already. */
export function openContainer(head: string): Filter | null {
  const first = findContainer(head);
  return first === null ? null : nest(first, 1);
}

/** What comes out of a container may be one itself. */
function nest(outer: Filter, level: number): Filter {
  let head = '';
  let inner: Filter | null | 'unknown' = 'unknown';

  function through(text: string, isEnd: boolean): string {
    if (inner === null) return text;
    if (inner !== 'unknown') return inner.push(text) + (isEnd ? inner.end() : '');
    head += text;
    if (!isEnd && head.length < HEAD_BYTES) return '';
    const found = level < NESTED_MAX ? findContainer(head) : null;
    const given = head;
    head = '';
    inner = found === null ? null : nest(found, level + 1);
    if (inner === null) return given;
    return inner.push(given) + (isEnd ? inner.end() : '');
  }

  return {
    push: (bytes) => through(outer.push(bytes), false),
    end: () => through(outer.end(), true),
    leavesOut: outer.leavesOut === true,
    turnedLines: () => outer.turnedLines?.() ?? (typeof inner === 'string' ? null : (inner?.turnedLines?.() ?? null)),
  };
}

function findContainer(head: string): Filter | null {
  const wide = findUtf16(head);
  if (wide !== null) return openUtf16(wide);
  if (hasStrangeLineEnds(head)) return openLineEnds();
  if (hasSoftBreaks(head)) return openSoftBreaks();
  const text = head.startsWith('\xef\xbb\xbf') ? head.slice(3) : head;
  if (isMail(text)) return openMail(/^Content-Type: *text\/(?!html)/im.test(text));
  if (isQuotedPrintable(text)) return openQuotedPrintable();
  if (isBase64(text)) return openBase64Text();
  if (isOffice(text)) return openOffice();
  if (isHtml(text)) return openHtml();
  if (isRecording(text)) return openRecording();
  if (isSourceCode(text)) return openSourceCode();
  if (isJson(text)) return openJsonDocument();
  const behindProse = findJsonBehindProse(text);
  if (behindProse > 0) return openBehind(behindProse, openJsonDocument());
  if (isDebugFormat(text)) return openDebugFormat();
  if (hasFragments(text)) return openFragments(text);
  const columns = mayBeTable(text) ? findColumns(text) : null;
  if (columns !== null) return openCsv(columns);
  if (isNewestFirst(text)) return openNewestFirst();
  const oneLine = openWrittenEscapes(text) ?? openOneLine(text);
  if (oneLine !== null) return oneLine;
  if (hasTabbedTable(text)) return openTabs();
  const wrap = findWrap(text);
  return wrap === null ? null : openWrapped(wrap);
}

type Order = 'little' | 'big';

/** With a mark, or by the zero bytes of Latin letters. */
function findUtf16(head: string): Order | null {
  if (head.startsWith('\xff\xfe')) return 'little';
  if (head.startsWith('\xfe\xff')) return 'big';
  const part = head.slice(0, 4096);
  if (part.length < 8 || !part.includes('\0')) return null;
  let even = 0;
  let odd = 0;
  for (let at = 0; at < part.length; at += 1) {
    if (part.charCodeAt(at) !== 0) continue;
    if (at % 2 === 0) even += 1;
    else odd += 1;
  }
  if (odd > part.length * 0.35 && even < part.length * 0.05) return 'little';
  return even > part.length * 0.35 && odd < part.length * 0.05 ? 'big' : null;
}

function openUtf16(order: Order): Filter {
  let rest = '';
  return {
    push: (bytes) => {
      const text = rest + bytes;
      const [low, high] = order === 'little' ? [0, 1] : [1, 0];
      let out = '';
      let at = 0;
      for (; at + 1 < text.length; at += 2) {
        const code = text.charCodeAt(at + low) | (text.charCodeAt(at + high) << 8);
        if (code < 0x80) out += String.fromCharCode(code);
        else if (code < 0xd800 || code > 0xdfff) {
          if (code !== 0xfeff) out += encodeText(String.fromCharCode(code));
        } else if (code < 0xdc00 && at + 3 < text.length) {
          const next = text.charCodeAt(at + 2 + low) | (text.charCodeAt(at + 2 + high) << 8);
          out += encodeText(String.fromCharCode(code, next));
          at += 2;
        } else if (code < 0xdc00) break;
      }
      rest = text.slice(at);
      return out;
    },
    end: () => '',
  };
}

/** Old Macs, terminals and serial consoles: a carriage return alone, or two before the line feed. */
function hasStrangeLineEnds(head: string): boolean {
  if (!head.includes('\r')) return false;
  const returns = head.split('\r').length - 1;
  const feeds = head.split('\n').length - 1;
  // journalctl's long forms are read by whole lines.
  if (returns > 1 && JOURNAL.test(head)) return true;
  if (feeds === 0 && /\r[^\r]/.test(head)) return true;
  return head.includes('\r\r\n') || (returns > 1 && feeds * 10 < returns);
}

const JOURNAL = /^(?:__(?:CURSOR|REALTIME_TIMESTAMP)=|.{20,40} \[s=[0-9a-f]+;)[^\n]*\r\n/m;

function openLineEnds(): Filter {
  let held = '';
  return {
    push: (bytes) => {
      const text = held + bytes;
      held = /\r+$/.exec(text)?.[0] ?? '';
      return text.slice(0, text.length - held.length).replace(/\r*\n|\r+/g, '\n');
    },
    end: () => (held === '' ? '' : '\n'),
  };
}

const SOFT_BREAK = /\x0b|\x0c|\xe2\x80\xa8|\xc2\x85/g;

/** Office programs and browsers break lines by other signs: vertical tab, U+2028, U+0085. */
function hasSoftBreaks(head: string): boolean {
  const breaks = head.match(SOFT_BREAK)?.length ?? 0;
  return breaks > 1 && breaks * 2 > head.split('\n').length && mayBeginReport(head);
}

function openSoftBreaks(): Filter {
  let held = '';
  return {
    push: (bytes) => {
      const text = held + bytes;
      held = /(?:\xe2\x80?|\xc2)$/.exec(text)?.[0] ?? '';
      return text.slice(0, text.length - held.length).replace(SOFT_BREAK, '\n');
    },
    end: () => held,
  };
}

/** The rows of its table have tabs where the kernel prints blanks. */
function hasTabbedTable(text: string): boolean {
  return [...text.matchAll(/\[[ \t]*pid[ \t]*\]([ \t]+)uid\b/g)].some(([, gap = '']) => gap.includes('\t'));
}

function openTabs(): Filter {
  return { push: (bytes) => bytes.replaceAll('\t', '  '), end: () => '' };
}

function isMail(text: string): boolean {
  if (!/^(?:From |[A-Z][A-Za-z-]{1,40}: )/.test(text)) return false;
  return (
    /^Content-Transfer-Encoding: *"?(?:quoted-printable|base64)/im.test(text) &&
    /^(?:MIME-Version|Content-Type|From|Subject|Received|Date):/im.test(text)
  );
}

/** Its `=3D`, or lines of a report that end with `=` where they are broken. */
function isQuotedPrintable(text: string): boolean {
  if (/(?:gfp_mask|order|constraint|oom_score_adj|nodemask)=3D/.test(text)) return true;
  const lines = text.split('\n').map((line) => line.trimEnd());
  const broken = lines.filter((line) => line.length > 70 && line.endsWith('='));
  return (
    broken.some((line) => /failcnt|process \d|oom|-rss:/.test(line)) &&
    lines.every((line) => line.length <= 76) &&
    broken.length * 2 > lines.filter((line) => line.length > 70).length
  );
}

function isBase64(text: string): boolean {
  const line = /^\s*([A-Za-z0-9+/]{60,})={0,2}\s*$/m.exec(text.slice(0, 4096));
  if (line === null || text.trimStart().search(/[^A-Za-z0-9+/=\r\n]/) >= 0) return false;
  const decoded = openBase64()(line[1] ?? '');
  return !/[\x00-\x06\x0e-\x1a\x7f]/.test(decoded) && decoded.includes(' ');
}

const HTML_START =
  /^\s*<(?:!doctype|html|head|body|pre|code|div|p|table|span|section|article|br|ul|ol|li|font|tt|td|tr|blockquote|details)\b/i;
const BREAK_AT_END = /<br ?\/?>\s*$/gim;
const ENTITY = /&(?:lt|gt|quot|nbsp|amp|#\d{1,6}|#x[0-9a-f]{1,6});|\xc2\xa0/i;

function isHtml(text: string): boolean {
  if (HTML_START.test(text)) return true;
  if ((text.match(BREAK_AT_END)?.length ?? 0) > 2) return true;
  return (
    ENTITY.test(text) &&
    text
      .split('\n')
      .some(
        (line) =>
          ENTITY.test(line) && !line.includes('":') && mayBeginReport(line.replaceAll(/&nbsp;|&#160;|\xc2\xa0/g, ' ')),
      )
  );
}

/** JSON that has to be read as a whole. One object a line with a usual name for its text is read line by line. */
function isJson(text: string): boolean {
  if (hasJsonBehindFronts(text) || isAnsible(text)) return true;
  if (!/^\s*(?:\{\s*"(?:[^"\\]|\\.){0,200}"\s*:|\[\s*(?:[{["]|$))/.test(text)) return false;
  if (/^\{\n\t"[A-Z_]+" : |^\{\n? *"dmesg": \[/.test(text)) return false;
  const lines = text.trimStart().split('\n');
  const [firstLine = ''] = lines;
  if (!firstLine.startsWith('{') || readJsonLine(firstLine) === null) return true;
  return (lines.length === 1 ? lines : lines.slice(0, -1)).some(
    (line) =>
      !line.includes('"MESSAGE"') &&
      mayBeginReport(line) &&
      !mayBeginReport(readJsonLine(line)?.text.replace(/\\n|\n[^]*/, '') ?? ''),
  );
}

const JSON_LINE = /^(?:\{\s*"(?:[^"\\\n]|\\.){1,200}"\s*:|\[\s*\{\s*"|[{[][ \t]*$)/m;
const PROSE_MAX = 8_192;

/** Where JSON of many lines begins behind words about it; -1: there is none, or it is read line by line. */
function findJsonBehindProse(text: string): number {
  const start = text.slice(0, PROSE_MAX).search(JSON_LINE);
  if (start <= 0 || text.slice(0, start).split('\n').some(mayBeginReport)) return -1;
  const rest = text.slice(start);
  return isJson(rest) && /^[ \t]+"[^"\n]{1,200}"[ \t]*:/m.test(rest) ? start : -1;
}

/** Passes over the first bytes, but for their line ends. */
function openBehind(length: number, filter: Filter): Filter {
  let left = length;
  return {
    push: (bytes) => {
      const over = bytes.slice(0, left);
      left -= over.length;
      return over.replace(/[^\n]+/g, '') + filter.push(bytes.slice(over.length));
    },
    end: () => filter.end(),
  };
}

/** Objects behind a front of their own: fluentd's files, journalctl -o json-seq and json-sse. */
function hasJsonBehindFronts(text: string): boolean {
  const line = text.split('\n').find((one) => one.includes('{"') && mayBeginReport(one)) ?? '';
  const start = line.indexOf('{"');
  // Talos writes what it did before its fields.
  return (
    start > 0 &&
    line.charCodeAt(0) !== 123 &&
    mayBeginReport(line.slice(start)) &&
    parseJson(line.slice(start)) !== null
  );
}

/** `ok: [db01] => {` or `db01 | CHANGED => {`, with the same output as one text and as a list. */
function isAnsible(text: string): boolean {
  return /^[^\n{]{1,300} => \{\r?$/m.test(text) && /^\s+"stdout_lines": \[/m.test(text);
}

function mayBeTable(text: string): boolean {
  const first = text.slice(0, 2000).split('\n')[0] ?? '';
  if (/^\s*[{[]/.test(first)) return false;
  return (
    first.startsWith('"') ||
    /(?:^|[,;\t])"?_?@?(?:raw|message|msg|log|line|text|body|textpayload|rawdata|syslogmessage|event|content)"?\s*(?:[,;\t]|$)/i.test(
      first,
    ) ||
    /[,;\t]"/.test(first)
  );
}
