import { showHostLine } from '../host-text.ts';
import { cutRow, wrapWords } from '../fit-text.ts';

/** How a terminal shows emphasis; plain functions where it has none. */
export interface Paint {
  bold: (text: string) => string;
  dim: (text: string) => string;
  alarm: (text: string) => string;
}

export const NO_PAINT: Paint = { bold: String, dim: String, alarm: String };

/** How a terminal shows it; without a width nothing is wrapped. */
export interface Look {
  paint: Paint;
  columns: number | null;
}

const LABEL_WIDTH = 10;
/** Where no terminal says how wide it is. */
const PART_WIDTH = 90;

export interface Line {
  label: string;
  text: string;
  /** Columns stand under each other: cut, not wrapped. */
  isRow?: true;
}

/** How many columns the text of a line has. */
export function textColumns({ columns }: Look): number {
  return columns === null ? PART_WIDTH : Math.max(20, columns - LABEL_WIDTH - 2);
}

export function wrapped(text: string, { columns }: Look): string[] {
  return columns === null ? [text] : wrapWords(text, columns);
}

export function renderLine({ label, text, isRow }: Line, { paint, columns }: Look): string[] {
  const shown = showHostLine(text, 2_000);
  const room = columns === null ? null : Math.max(20, columns - LABEL_WIDTH - 2);
  const parts = room === null ? [shown] : isRow === true ? [cutRow(shown, room)] : wrapWords(shown, room);
  return parts.map((part, at) => `  ${paint.dim((at === 0 ? label : '').padEnd(LABEL_WIDTH))}${part}`);
}

export function rowsOf(label: string, rows: readonly string[]): Line[] {
  return rows.map((text, at) => ({ label: at === 0 ? label : '', text, isRow: true }));
}

export function joinParts(parts: string[], width: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + part.length + 2 <= width) lines[lines.length - 1] = `${last}  ${part}`;
    else lines.push(part);
  }
  return lines;
}
