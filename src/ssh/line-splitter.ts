import { NO_CUTS } from './log-source.ts';

export interface SplitLines {
  lines: string[];
  cut: ReadonlySet<number>;
  /** Where in the stream each line starts, and where the one after it does. */
  starts: number[];
  ends: number[];
}

export interface LineSplitter {
  /** The lines that this chunk completes, as latin1; null if none. Holds back at most 64 KiB. */
  push: (chunk: Buffer) => SplitLines | null;
}

const LINE_BYTES_MAX = 64 * 1024;

/** Splits bytes at newlines. A line of more than 64 KiB is given cut, once, and its rest is passed over. */
export function openLineSplitter(): LineSplitter {
  let carry = '';
  let skipping = false;
  let seen = 0;
  let lineStart = 0;

  function push(chunk: Buffer): SplitLines | null {
    const text = chunk.toString('latin1');
    const lines: string[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    let cut: Set<number> | null = null;

    function add(line: string, end: number): void {
      if (line.length > LINE_BYTES_MAX) {
        cut ??= new Set();
        cut.add(lines.length);
        lines.push(line.slice(0, LINE_BYTES_MAX));
      } else lines.push(line);
      starts.push(lineStart);
      ends.push(end);
    }

    let start = 0;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', start)) {
      if (skipping) {
        skipping = false;
      } else add(carry === '' ? text.slice(start, at) : carry + text.slice(start, at), seen + at + 1);
      carry = '';
      start = at + 1;
      lineStart = seen + start;
    }
    if (!skipping) {
      carry += text.slice(start);
      if (carry.length > LINE_BYTES_MAX) {
        add(carry, seen + text.length);
        carry = '';
        skipping = true;
      }
    }
    seen += text.length;
    return lines.length === 0 ? null : { lines, cut: cut ?? NO_CUTS, starts, ends };
  }

  return { push };
}
