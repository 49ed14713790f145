import { decodeText } from '../bytes.ts';
import type { TaskRow } from '../report.ts';

// [ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name                              3.6 to 3.19
// [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name                     4.19 to 6.7
// [    365]   100   365   293211    36510   618496        0             0 mariadbd
// The columns are read from the heading; vendors insert their own. Numbers overflow their width, so white space divides.
// The name is what stands behind the last number and one blank: it may hold blanks, look like a number, or be empty.

export interface TaskTable {
  columnCount: number;
  places: Places;
  rows: TaskRow[];
  /** Rows counted, also those beyond the bound that are not kept. */
  count: number;
  /** A row whose end was torn off by another line. */
  torn: boolean;
}

const KNOWN_COLUMNS = [
  'uid',
  'tgid',
  'total_vm',
  'rss',
  'rss_anon',
  'rss_file',
  'rss_shmem',
  'pgtables_bytes',
  'nr_ptes',
  'nr_pmds',
  'swapents',
  'oom_score_adj',
  'oom_adj',
] as const;
/** Where each known column stands, -1 if it does not. */
type Places = Readonly<Record<(typeof KNOWN_COLUMNS)[number], number>>;

const HEADING = /^ ?\[ *pid *\] +(uid +tgid +total_vm .*?)name\s*$/;
const ROWS_MAX = 100_000;
const COLUMNS_MAX = 32;

/** The table that a heading opens, or null. */
export function openTable(text: string): TaskTable | null {
  const heading = HEADING.exec(text);
  if (heading === null) return null;
  const columns = readColumns(heading[1] ?? '');
  return columns === null ? null : { ...columns, rows: [], count: 0, torn: false };
}

type Columns = Pick<TaskTable, 'columnCount' | 'places'>;
let lastColumns: { heading: string; columns: Columns } | null = null;

function readColumns(heading: string): Columns | null {
  if (lastColumns?.heading === heading) return lastColumns.columns;
  const names = heading.trim().split(/\s+/);
  if (names.length > COLUMNS_MAX) return null;
  const places = Object.fromEntries(KNOWN_COLUMNS.map((column) => [column, names.indexOf(column)])) as Places;
  lastColumns = { heading, columns: { columnCount: names.length, places } };
  return lastColumns.columns;
}

/** The numbers of the row that is being read; one array for all, since most lines of a report are rows. */
const values = Array.from({ length: COLUMNS_MAX }, () => 0);

/** Takes one row; false: not a row of this table. */
export function readRow(table: TaskTable, text: string, line: number): boolean {
  let at = text.charCodeAt(0) === 32 ? 1 : 0;
  if (text.charCodeAt(at) !== 91) return false;
  at = skipBlanks(text, at + 1);
  let pid = 0;
  const pidStart = at;
  let code = text.charCodeAt(at);
  for (; code >= 48 && code <= 57; code = text.charCodeAt((at += 1))) pid = pid * 10 + code - 48;
  if (at === pidStart) return false;
  at = skipBlanks(text, at);
  if (text.charCodeAt(at) !== 93) return false;
  at += 1;
  const count = table.columnCount;
  for (let column = 0; column < count; column += 1) {
    at = skipBlanks(text, at);
    const isNegative = text.charCodeAt(at) === 45;
    if (isNegative) at += 1;
    const start = at;
    let value = 0;
    code = text.charCodeAt(at);
    for (; code >= 48 && code <= 57; code = text.charCodeAt((at += 1))) value = value * 10 + code - 48;
    // Only a blank or the end of the line ends a number.
    if (at === start || (code !== 32 && at < text.length)) return countTorn(table, column);
    values[column] = isNegative ? -value : value;
  }
  table.count += 1;
  if (table.rows.length < ROWS_MAX) table.rows.push(toRow(table.places, pid, decodeText(text.slice(at + 1)), line));
  return true;
}

/** A row that breaks off counts as a task when pid, uid, tgid and sizes are there; its figures are not used. */
function countTorn(table: TaskTable, columns: number): boolean {
  if (columns < 4) return false;
  table.count += 1;
  table.torn = true;
  return true;
}

function skipBlanks(text: string, start: number): number {
  let at = start;
  while (text.charCodeAt(at) === 32) at += 1;
  return at;
}

function toRow(places: Places, pid: number, name: string, line: number): TaskRow {
  const ptes = valueAt(places.nr_ptes);
  const pmds = valueAt(places.nr_pmds);
  return {
    pid,
    tgid: valueAt(places.tgid) ?? pid,
    uid: valueAt(places.uid) ?? 0,
    name,
    totalVmPages: valueAt(places.total_vm) ?? 0,
    rssPages: valueAt(places.rss) ?? 0,
    rssAnonPages: valueAt(places.rss_anon),
    rssFilePages: valueAt(places.rss_file),
    rssShmemPages: valueAt(places.rss_shmem),
    pageTablesBytes: valueAt(places.pgtables_bytes),
    pageTablePages: ptes === null && pmds === null ? null : (ptes ?? 0) + (pmds ?? 0),
    swapPages: valueAt(places.swapents),
    oomScoreAdj: valueAt(places.oom_score_adj),
    oomAdj: valueAt(places.oom_adj),
    line,
  };
}

function valueAt(place: number): number | null {
  return place < 0 ? null : (values[place] ?? null);
}
