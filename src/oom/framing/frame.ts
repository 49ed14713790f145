import { unescapeKmsg } from '../bytes.ts';
import { readEventText } from './event-text.ts';
import { openJournalReader, type JournalReader } from './journal-entry.ts';
import { readDmesgSeconds, readJsonLine, type Entry } from './json-entry.ts';
import { logcatTag, stripPrefix, type KnownTail } from './prefix.ts';
import { clearStamp, emptyStamp, type Stamp } from './stamp.ts';

/** One line of text with what its framing told. A printk with line breaks gives several, all but the first `continued`. */
export interface LogLine {
  /** Number of the physical line in the input, from 1. */
  line: number;
  /** Byte string, framing and escapes removed. */
  text: string;
  /** The program that wrote it; null: the kernel, or no program was named (then it is taken as the kernel's). */
  program: string | null;
  continued: boolean;
  /** As printed. */
  timeText: string | null;
  /** Microseconds since 1970, where the source gives them. */
  realtimeUs: number | null;
  /** Microseconds of the kernel's own clock. */
  kernelUs: number | null;
  /** Tells apart the hosts and forms that one input may mix. */
  stream: string;
  /** As the log names it; empty: it does not. */
  host: string;
  /** How its front looked. `learned`: as the input itself showed. `told`: a sentence quotes it. `inside`: other text stood before it. */
  form: string;
}

export interface Framer {
  /** Gives a text whose wrapping is off, with what that told; a printk with line breaks as several lines. */
  push: (out: LogLine[], text: string, line: number, from: Stamp) => void;
  /** Takes one physical line (byte string without its line end); appends what it holds to `out`. Never throws. */
  frame: (raw: string, line: number, out: LogLine[]) => void;
  /** End of input: appends what was still held back. */
  end: (out: LogLine[]) => void;
  /** The form has entries of many lines: none may be left out. */
  needsEveryLine: () => boolean;
}

const ANSI = /\x1b\[[0-9;?]*[A-Za-z]/g;
// ` SUBSYSTEM=pci`: metadata behind a /dev/kmsg record.
const KMSG_FIELD = /^ [A-Z][A-Z0-9_]*=/;
const BYTE_ORDER_MARK = '\xef\xbb\xbf';
// rsyslog writes control characters as `#012`.
const OCTAL = /#(0[0-3][0-7]|177)/g;
const SECONDS_INSIDE = /\[ *\d{1,10}\.\d{6}\](?= )/;
const SET_IN = /^ +[a-z_]+:\d/;
const LINE_MAX = 65_536;
/** `adb logcat -v long`: the front of an entry on a line of its own; an empty line ends it. */
const HEADING =
  /^\[ +((?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,9})(?: +[+-]\d{4})? +(?:\w+ *: *)?\d{1,10}: *\d{1,10} [VDIWEFA]\/(\S{1,64}) +\]$/;
const QUOTE = /(?:> ?|\| ?|\xe2\x94\x82 ?)+/y;

export interface FramerHooks {
  /** Is given each line as its container holds it, before known fronts are taken off. Gives how wide a front it took off; -1: none. */
  take: (text: string, line: number, base: Stamp | null, out: LogLine[]) => number;
}

/** A framer for one input; it remembers what its form needs: entries of many lines, the width of the prefix above. */
export function openFramer(hooks: FramerHooks): Framer {
  const known: KnownTail = { text: '', host: '', program: null };
  /** Two stamps take turns: the one that is being read, and that of the line above. */
  let stamp: Stamp = emptyStamp();
  let above: Stamp = emptyStamp();
  let widthAbove = 0;
  let journal: JournalReader | null = null;
  let dmesgJsonUs: number | null = null;
  /** What a heading told of the lines behind it. */
  let heading: Stamp | null = null;
  /** Of the last entry of a structured source: one that breaks off lacks it. */
  let hostOfEntry = '';

  function push(out: LogLine[], given: string, line: number, from: Stamp, continued: boolean): void {
    const { program, timeText, realtimeUs, kernelUs, form } = from;
    const host = from.hostName ?? from.host;
    const isGlued = form === 'syslog' && given.includes('#');
    const text = isGlued ? given.replace(OCTAL, toControl) : given;
    const mayBreak = isGlued || form === 'kmsg' || form === 'structured';
    const stream = from.host !== '' ? from.host : form === 'kmsg' || form === 'structured' ? form : '';
    if (!mayBreak || !text.includes('\n')) {
      out.push({ line, text, program, continued, timeText, realtimeUs, kernelUs, stream, host, form });
      return;
    }
    for (const [index, part] of text.split('\n').entries())
      out.push({
        line,
        text: part,
        program,
        continued: continued || index > 0,
        timeText,
        realtimeUs,
        kernelUs,
        stream,
        host,
        form,
      });
  }

  function pushEntry(out: LogLine[], entry: Entry, line: number): void {
    above = { ...entry, hostName: null, form: 'structured' };
    if (hooks.take(entry.text, line, above, out) >= 0) {
      hostOfEntry = above.host;
      return;
    }
    // rsyslog keeps the blank behind the tag.
    const start = entry.text.startsWith(' [') ? 1 : 0;
    const at = entry.program === null ? stripInner(entry.text, start, above) : 0;
    widthAbove = 0;
    hostOfEntry = above.host;
    push(out, entry.text.slice(at), line, above, false);
  }

  /** A message may have a front of its own, which says more than what holds it. Gives where it ends; 0: there is none. */
  function stripInner(text: string, start: number, outer: Stamp): number {
    const inner = emptyStamp();
    const at = stripPrefix(text, start, inner, known);
    if (at === start) return 0;
    outer.program = inner.program;
    outer.kernelUs ??= inner.kernelUs;
    outer.timeText = inner.timeText ?? outer.timeText;
    if (inner.host !== '') outer.host = inner.host;
    if (inner.form === 'kmsg' || inner.form === 'syslog') outer.form = inner.form;
    return at;
  }

  /** True when the line had a prefix, and was pushed without it. */
  function pushPrefixed(out: LogLine[], raw: string, indent: number, line: number): boolean {
    clearStamp(stamp);
    const at = stripPrefix(raw, 0, stamp, known);
    if (at === 0) return false;
    if (indent === 0) hostOfEntry = '';
    const read = stamp;
    stamp = above;
    above = read;
    widthAbove = indent + at;
    push(out, read.form === 'kmsg' ? unescapeKmsg(raw.slice(at)) : raw.slice(at), line, read, false);
    return true;
  }

  function frameText(raw: string, line: number, out: LogLine[]): void {
    const width = hooks.take(raw, line, null, out);
    if (width >= 0) {
      widthAbove = width;
      return;
    }
    const first = raw.charCodeAt(0);
    const isIndented = first === 32 || first === 9;
    if (first === 91 && readHeading(raw)) return;
    if (heading !== null) {
      const from = { ...heading };
      push(out, raw.slice(from.program === null ? stripInner(raw, 0, from) : 0), line, from, false);
      return;
    }
    if (!isIndented && pushPrefixed(out, raw, 0, line)) return;
    if (above.form === 'kmsg' && first === 32 && KMSG_FIELD.test(raw)) return;
    // Without a prefix of its own: the rest of a record with line breaks, padded to the width of the prefix above it.
    if (widthAbove > 0 && isIndented && isPadded(raw, widthAbove)) {
      // The totals of Mem-Info are set in further than the text above them.
      const text = raw.slice(widthAbove);
      push(out, text.startsWith('  ') && SET_IN.test(text) ? text.trimStart() : text, line, above, true);
      return;
    }
    const quoted = unquote(raw);
    if (quoted.length < raw.length && pushPrefixed(out, quoted, raw.length - quoted.length, line)) return;
    // A console shows text of others that did not end its line: `host login: [  112.397795] Out of memory: Killed process …`
    const inside = raw.includes('] ') ? SECONDS_INSIDE.exec(raw) : null;
    if (inside !== null && pushPrefixed(out, raw.slice(inside.index), inside.index, line)) {
      for (const pushed of out.slice(-1)) {
        pushed.form = 'inside';
        if (pushed.stream === '') pushed.stream = pushed.host = hostOfEntry;
      }
      return;
    }
    // A bare line: it belongs to the stream around it, but carries no time of its own.
    const isSetIn = first === 62 || first === 124 || first === 9 || raw.startsWith('    ');
    const bare = readEventText(raw) ?? (isSetIn ? quoted : raw);
    push(out, bare, line, { ...emptyStamp(), form: above.form, host: above.host, hostName: above.hostName }, false);
  }

  /** True when the line is the front of those behind it. */
  function readHeading(raw: string): boolean {
    const found = raw.endsWith(' ]') ? HEADING.exec(raw) : null;
    if (found === null) return false;
    heading = { ...emptyStamp(), timeText: found[1] ?? null, program: logcatTag(found[2]), form: 'logcat' };
    return true;
  }

  /** True when the line was one of a journal entry's. */
  function readJournal(raw: string, line: number, out: LogLine[]): boolean {
    const taken = journal?.take(raw, line) ?? null;
    if (taken !== null || (raw === '' && journal !== null)) {
      for (const entry of taken ?? []) pushEntry(out, entry, entry.line);
      return true;
    }
    const next = openJournalReader(raw);
    if (journal === null && next === null) return false;
    // Another form begins, or text that is no entry: the last one has ended.
    for (const entry of journal?.end() ?? []) pushEntry(out, entry, entry.line);
    journal = next;
    for (const entry of journal?.take(raw, line) ?? []) pushEntry(out, entry, entry.line);
    return journal !== null;
  }

  return {
    push: (out, text, line, from) => {
      // An entry that breaks off is no JSON any more.
      if (from.form === 'learned' && from.host === '') from.host = hostOfEntry;
      above = from;
      push(out, text, line, from, false);
    },
    frame: (given, line, out) => {
      const cut = given.length > LINE_MAX ? given.slice(0, LINE_MAX) : given;
      if (readJournal(cut, line, out)) return;
      const withoutReturn = cut.charCodeAt(cut.length - 1) === 13 ? cut.slice(0, -1) : cut;
      const plain = withoutReturn.includes('\x1b') ? withoutReturn.replace(ANSI, '') : withoutReturn;
      const raw = line === 1 && plain.startsWith(BYTE_ORDER_MARK) ? plain.slice(3) : plain;
      if (raw === '') {
        heading = null;
        return;
      }
      const first = raw.charCodeAt(0);
      if (first === 123 || first === 32 || first === 9 || first === 34) {
        const entry = first === 123 || raw.includes('": ') ? readJsonLine(raw) : null;
        if (entry !== null) {
          const timed = dmesgJsonUs === null ? entry : { ...entry, kernelUs: dmesgJsonUs };
          dmesgJsonUs = null;
          // A message of several lines is one printk in the journal and in dmesg --json; collectors put lines of their own together.
          if (!timed.text.includes('\n') || first !== 123 || raw.includes('"MESSAGE"')) pushEntry(out, timed, line);
          else for (const text of timed.text.split(/\r?\n/)) pushEntry(out, { ...timed, text }, line);
          return;
        }
        dmesgJsonUs = readDmesgSeconds(raw) ?? dmesgJsonUs;
      }
      frameText(raw, line, out);
    },
    needsEveryLine: () => journal !== null,
    end: (out) => {
      if (journal !== null) for (const entry of journal.end()) pushEntry(out, entry, entry.line);
    },
  };
}

function toControl(_: string, octal: string): string {
  return String.fromCharCode(Number.parseInt(octal, 8));
}

function isPadded(raw: string, width: number): boolean {
  if (raw.length < width) return false;
  for (let at = 0; at < width; at += 1) if (raw.charCodeAt(at) !== 32) return false;
  return true;
}

/** Without the marks of a quoted or indented paste. */
function unquote(raw: string): string {
  let at = 0;
  while (at < raw.length && (raw.charCodeAt(at) === 32 || raw.charCodeAt(at) === 9)) at += 1;
  QUOTE.lastIndex = at;
  if (QUOTE.test(raw)) at = QUOTE.lastIndex;
  while (at < raw.length && (raw.charCodeAt(at) === 32 || raw.charCodeAt(at) === 9)) at += 1;
  return raw.slice(at);
}
