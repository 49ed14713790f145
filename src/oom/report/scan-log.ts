import { ANCHOR_BYTES, countLineFeeds, openAnchorSearch } from './anchors.ts';
import type { LogParser } from './log-parser.ts';
import type { OomEvent } from '../report.ts';

/** Node's Buffer, as far as it is needed here. */
export interface ByteBuffer extends Uint8Array {
  toString: (encoding?: 'latin1', start?: number, end?: number) => string;
}

export interface LogScanner {
  /** Takes the next bytes of the log, cut anywhere. They are copied. */
  push: (chunk: Uint8Array) => void;
  /** Nothing is open: of what comes only that has to be pushed in which something can begin, and 64 KiB of whole lines before it. */
  mayPass: () => boolean;
  /** So many lines are not pushed, where that may be. The next push begins with a line. */
  pass: (lineCount: number) => void;
  /** End of input: the last line, and the last word on every kill. */
  end: () => void;
}

/** A good size for the scanner's buffer. It needs more than two lines' bounds. */
export const SCAN_BUFFER = 2 ** 18 + 2 ** 18;
/** A line is given up to this length; the rest of it is dropped. No kernel line comes near. */
export const LINE_BYTES_MAX = 65_536;
/** Pasted text and small files are most of all inputs: nothing of them is passed over. */
const READ_WHOLE_BYTES = 2 ** 20;
// What may stand in front of an anchor's line and belong to it: pieces of a name, the beginning of a journal entry, nohang's block.
const LINES_BEFORE = 64;

/**
 * Reads a log of any size: splits and counts its lines and gives them to the parser, but for those that an idle parser need not see.
 * `found` is called with what came of it. Memory is the buffer's, whatever the input.
 */
export function openLogScanner(options: {
  parser: LogParser;
  buffer: ByteBuffer;
  found: (events: OomEvent[]) => void;
  /** So many bytes are read line by line in any case. */
  readWholeBytes?: number;
}): LogScanner {
  const { parser, buffer, found } = options;
  if (buffer.length < 4 * LINE_BYTES_MAX) throw new Error(`The buffer must hold ${4 * LINE_BYTES_MAX} bytes`);
  const anchors = openAnchorSearch();
  let filled = 0;
  /** First byte of the first line that was neither given nor passed over. */
  let next = 0;
  /** Up to here there is no line feed (reading) or no anchor (passing over). */
  let searched = 0;
  /** Lines up to this byte have to be given. */
  let until = -1;
  /** The line at `next` was given already, cut: its rest is dropped. */
  let isCut = false;
  let lines = 0;
  let whole = options.readWholeBytes ?? READ_WHOLE_BYTES;

  function give(end: number): void {
    const events = parser.line(buffer.toString('latin1', next, Math.min(end, next + LINE_BYTES_MAX)), lines + 1);
    if (events.length > 0) found(events);
  }

  function moveTo(at: number): void {
    whole -= at - next;
    next = at;
    searched = at;
  }

  /** False: the bytes at hand are used up. */
  function readLine(): boolean {
    const feed = buffer.indexOf(10, searched);
    if (feed < 0 || feed >= filled) {
      searched = filled;
      if (isCut || filled - next <= LINE_BYTES_MAX) return false;
      give(filled);
      isCut = true;
      return false;
    }
    if (!isCut) give(feed);
    isCut = false;
    lines += 1;
    moveTo(feed + 1);
    return true;
  }

  /** Where a line starts, at most `count` lines before `at`, and not before `next`. */
  function lineBefore(at: number, count: number): number {
    let start = at;
    for (let line = 0; line < count && start > next; line += 1) {
      const feed = start < 2 ? -1 : buffer.lastIndexOf(10, start - 2);
      const before = Math.max(feed + 1, next);
      if (at - before > LINE_BYTES_MAX) break;
      start = before;
    }
    return start;
  }

  function startOfLine(at: number): number {
    return at === 0 ? next : Math.max(buffer.lastIndexOf(10, at - 1) + 1, next);
  }

  function passTo(at: number): void {
    lines += countLineFeeds(buffer, next, at);
    moveTo(at);
  }

  /** True: there is something to read. Else all lines at hand were passed over but the last few. */
  function passOver(): boolean {
    const anchor = anchors.next(buffer, searched, filled);
    if (anchor >= 0) {
      passTo(lineBefore(startOfLine(anchor), LINES_BEFORE));
      until = anchor;
      return true;
    }
    const last = startOfLine(filled);
    passTo(lineBefore(last, LINES_BEFORE));
    searched = Math.max(next, filled - ANCHOR_BYTES + 1);
    // Its beginning is passed over, and nobody asks for the rest.
    if (filled - last > LINE_BYTES_MAX) {
      passTo(last);
      isCut = true;
    }
    return false;
  }

  function mayPass(): boolean {
    return !isCut && whole <= 0 && next > until && parser.maySkip();
  }

  function work(): void {
    for (;;) {
      if (mayPass() && !passOver()) break;
      if (!readLine()) break;
    }
    if (isCut) moveTo(filled);
    if (next === 0) return;
    buffer.copyWithin(0, next, filled);
    filled -= next;
    searched -= next;
    until -= next;
    next = 0;
  }

  return {
    push: (chunk) => {
      for (let from = 0; from < chunk.length;) {
        const part = chunk.subarray(from, from + buffer.length - filled);
        buffer.set(part, filled);
        filled += part.length;
        from += part.length;
        work();
      }
    },
    mayPass,
    pass: (lineCount) => {
      lines += countLineFeeds(buffer, next, filled) + lineCount;
      filled = next = searched = 0;
      until = -1;
    },
    end: () => {
      if (!isCut && filled > next && (next <= until || whole > 0 || !parser.maySkip())) give(filled);
      found(parser.end());
    },
  };
}
