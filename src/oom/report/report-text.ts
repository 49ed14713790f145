import { decodeText } from '../bytes.ts';
import type { LogLine } from '../framing/frame.ts';
import type { TaskRow } from '../report.ts';
import { openTable, readRow } from './tasks.ts';

/** A table of 5,000 tasks is half of it; what is more is left out, and how much is said. */
const CHARS_MAX = 512 * 1024;
const LINE_MAX = 1_000;
const STAMP = /^\[ *\d+\.\d{6}\] /;

/** The lines of a report while it is being read. */
export interface KeptLines {
  /** Byte strings, with the kernel's clock in front as dmesg prints it. */
  lines: string[];
  chars: number;
  lastLine: number;
  leftOut: number;
}

/** Takes one more line of a report, within bounds; the same line twice counts once. */
export function keepLine(kept: KeptLines, line: LogLine): void {
  if (line.line === kept.lastLine && !line.continued) return;
  kept.lastLine = line.line;
  const stamp = line.kernelUs === null ? '' : `[${(line.kernelUs / 1e6).toFixed(6).padStart(12)}] `;
  const text = stamp + line.text.slice(0, LINE_MAX);
  kept.chars += text.length;
  if (kept.chars > CHARS_MAX) kept.leftOut += 1;
  else kept.lines.push(text);
}

export function noLines(): KeptLines {
  return { lines: [], chars: 0, lastLine: -1, leftOut: 0 };
}

/** The text of a report for people, one line each. */
export function textOf({ lines, leftOut }: { lines: readonly string[]; leftOut: number }): string {
  const more = leftOut === 0 ? [] : [`(${leftOut} more lines were not kept: the report is too large)`];
  return [...lines.map(decodeText), ...more].join('\n');
}

/** The task table in the text of a report; empty where it has none. Never throws. */
export function tasksIn(lines: readonly string[]): TaskRow[] {
  let table: ReturnType<typeof openTable> = null;
  for (const [at, line] of lines.entries()) {
    const text = line.replace(STAMP, '');
    if (table === null) table = openTable(text);
    else readRow(table, text, at);
  }
  return table?.rows ?? [];
}

/** What was printed behind the text, by the evidence of its kill: the reaper's line comes after the report was kept. */
export function laterLines(lines: readonly string[], evidence: readonly { text: string }[]): string[] {
  const known = new Set(lines.map((line) => line.replace(STAMP, '')));
  return evidence.map(({ text }) => text).filter((text) => !known.has(text));
}
