import type { types } from '@slack/bolt';
import { cutText, showHostLine, showHostText } from '../notice/host-text.ts';
import type { Cell, Part, Text } from '../notice/notice.ts';
import { plainTable, plainText } from '../notice/render-text.ts';
import { sayNumber, sayUtc } from '../notice/units.ts';
import { isSlackTime } from './mrkdwn.ts';

type RichTextBlock = types.RichTextBlock;
type TablePart = Extract<Part, { kind: 'table' }>;
type ChartPart = Extract<Part, { kind: 'chart' }>;
type RawNumber = { type: 'raw_number'; value: number; text: string };
type TableCell = types.RawTextElement | RawNumber | RichTextBlock;

/** The published types lack it. */
export interface ChartBlock extends types.Block {
  type: 'data_visualization';
  title: string;
  chart:
    | { type: 'pie'; segments: { label: string; value: number }[] }
    | {
        type: 'bar';
        series: { name: string; data: { label: string; value: number }[] }[];
        axis_config: { categories: string[]; y_label: string };
      };
}

export interface TableBlock extends types.Block {
  type: 'data_table';
  caption: string;
  rows: TableCell[][];
  page_size: number;
}

const ROWS_MAX = 100;
const COLUMNS_MAX = 20;
const CELL_MAX = 80;
// Slack allows 10,000 characters over all cells; the message as a whole allows less.
const CELLS_MAX = 6_000;
const LABEL_MAX = 20;
const POINTS_MAX = 20;
const SEGMENTS_MAX = 6;
const PREFORMATTED_MAX = 3_000;

/** A sortable table of at most so many rows, which says how many it lacks; null when there is no row to show. */
export function tableBlock(table: TablePart, rowsMax: number = ROWS_MAX): TableBlock | null {
  const columns = table.columns.slice(0, COLUMNS_MAX);
  const head = columns.map((column): TableCell => ({ type: 'raw_text', text: cellText(column.title) }));
  const rows: TableCell[][] = [];
  let room = CELLS_MAX;
  for (const row of table.rows.slice(0, Math.min(rowsMax, ROWS_MAX))) {
    const cells = columns.map((_, at) => tableCell(row[at] ?? { text: [] }));
    room -= cells.reduce((sum, cell) => sum + ('text' in cell ? cell.text.length : CELL_MAX), 0);
    if (room < 0) break;
    rows.push(cells);
  }
  if (rows.length === 0 || columns.length === 0) return null;
  return {
    type: 'data_table',
    caption: `${cutText(showHostText(table.caption), 160)}${lacking(table.rows.length, rows.length)}`,
    rows: [head, ...rows],
    page_size: Math.min(rows.length, 10),
  };
}

function lacking(all: number, shown: number): string {
  return shown === all ? '' : ` (${sayNumber(shown)} of ${sayNumber(all)} shown)`;
}

function tableCell(cell: Cell): TableCell {
  const text = cellText(plainText(cell.text));
  if (cell.text.some((piece) => 'atMs' in piece && isSlackTime(piece.atMs))) return richCell(cell.text);
  if (cell.sortBy !== undefined && Number.isFinite(cell.sortBy))
    return { type: 'raw_number', value: cell.sortBy, text };
  return { type: 'raw_text', text };
}

function richCell(text: Text): RichTextBlock {
  const elements = text.map((piece): types.RichTextElement => {
    if (!('atMs' in piece) || !isSlackTime(piece.atMs)) return { type: 'text', text: cellText(plainText([piece])) };
    const fallback = sayUtc(piece.atMs);
    return { type: 'date', timestamp: Math.floor(piece.atMs / 1_000), format: '{date_short_pretty} {time}', fallback };
  });
  return { type: 'rich_text', elements: [{ type: 'rich_text_section', elements }] };
}

// Slack refuses empty cells.
function cellText(text: string): string {
  return cutText(text, CELL_MAX) || ' ';
}

/** A native chart; null when there is too little to draw. */
export function chartBlock(chart: ChartPart): ChartBlock | null {
  const most = chart.shape === 'pie' ? SEGMENTS_MAX : POINTS_MAX;
  const points = uniqueLabels(chart).filter(
    (point) => Number.isFinite(point.value) && (chart.shape === 'bar' || point.value > 0),
  );
  const shown = points.slice(-most);
  if (shown.length === 0) return null;
  const counted = chart.title.toLowerCase().startsWith(chart.unit.toLowerCase());
  const title = cutText(counted ? chart.title : `${chart.title} (${chart.unit})`, 50);
  if (chart.shape === 'pie') return { type: 'data_visualization', title, chart: { type: 'pie', segments: shown } };
  return {
    type: 'data_visualization',
    title,
    chart: {
      type: 'bar',
      series: [{ name: cutText(chart.unit, LABEL_MAX), data: shown }],
      axis_config: { categories: shown.map((point) => point.label), y_label: cutText(chart.unit, 50) },
    },
  };
}

function uniqueLabels(chart: ChartPart): { label: string; value: number }[] {
  const seen = new Set<string>();
  return chart.points.map((point, at) => {
    const wanted = cutText(showHostLine(point.label).trim() || `${at + 1}`, LABEL_MAX);
    const label = seen.has(wanted) ? cutText(`${at + 1} ${wanted}`, LABEL_MAX) : wanted;
    seen.add(label);
    return { label, value: point.value };
  });
}

/** Lines that Slack must not parse at all, cut to what a block may hold. */
export function preformattedBlock(lines: readonly string[]): RichTextBlock {
  let room = PREFORMATTED_MAX;
  const shown: string[] = [];
  for (const line of lines) {
    const text = showHostLine(line, Math.min(room, 600));
    if (room - text.length - 1 < 40) {
      shown.push(`… ${sayNumber(lines.length - shown.length)} more`);
      break;
    }
    shown.push(text);
    room -= text.length + 1;
  }
  const text = shown.join('\n').trim() === '' ? '(nothing)' : shown.join('\n');
  return { type: 'rich_text', elements: [{ type: 'rich_text_preformatted', elements: [{ type: 'text', text }] }] };
}

/** The table for places that have no native one. */
export function tableLines(table: TablePart): string[] {
  return plainTable({ ...table, columns: table.columns.slice(0, COLUMNS_MAX), rows: table.rows.slice(0, 30) }).split(
    '\n',
  );
}

/** The chart for places that have no native one: a bar of blocks behind each number. */
export function chartLines(chart: ChartPart): string[] {
  const points = chart.points.slice(-POINTS_MAX);
  const top = Math.max(1, ...points.map((point) => point.value));
  const width = Math.max(...points.map((point) => Array.from(point.label).length), 1);
  return points.map((point) => {
    const bar = '█'.repeat(Math.max(1, Math.round((point.value / top) * 20)));
    return `${point.label.padEnd(width)}  ${bar} ${sayNumber(point.value)} ${chart.unit}`;
  });
}
