import { decodeText } from './bytes.ts';
import type { Holder, TaskRow } from './report.ts';

// [ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name                              3.6 to 3.19
// [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name                     4.19 to 6.7
// [    365]   100   365   293211    36510   618496        0             0 mariadbd
// The columns are read from the heading; vendors insert their own. Numbers overflow their width, so white space divides.
// The name is what stands behind the last number and one blank: it may hold blanks, look like a number, or be empty.

export interface TaskTable {
  columns: string[];
  rows: TaskRow[];
  /** Rows counted, also those beyond the bound that are not kept. */
  count: number;
  /** A row whose end was torn off by another line. */
  torn: boolean;
}

const HEADING = /^ ?\[ *pid *\] +(uid +tgid +total_vm .*?)name\s*$/;
const ROWS_MAX = 100_000;

/** The table that a heading opens, or null. */
export function openTable(text: string): TaskTable | null {
  const heading = HEADING.exec(text);
  if (heading === null) return null;
  return { columns: (heading[1] ?? '').trim().split(/\s+/), rows: [], count: 0, torn: false };
}

/** Takes one row; false: not a row of this table. */
export function readRow(table: TaskTable, text: string, line: number): boolean {
  let at = text.charCodeAt(0) === 32 ? 1 : 0;
  if (text.charCodeAt(at) !== 91) return false;
  at = skipBlanks(text, at + 1);
  let pid = 0;
  const pidStart = at;
  for (let code = text.charCodeAt(at); code >= 48 && code <= 57; code = text.charCodeAt(++at))
    pid = pid * 10 + code - 48;
  if (at === pidStart) return false;
  at = skipBlanks(text, at);
  if (text.charCodeAt(at) !== 93) return false;
  at += 1;
  const values: number[] = [];
  while (values.length < table.columns.length) {
    at = skipBlanks(text, at);
    const negative = text.charCodeAt(at) === 45;
    if (negative) at += 1;
    const start = at;
    let value = 0;
    for (let code = text.charCodeAt(at); code >= 48 && code <= 57; code = text.charCodeAt(++at))
      value = value * 10 + code - 48;
    if (at === start) return countTorn(table, values.length);
    values.push(negative ? -value : value);
    const behind = text.charCodeAt(at);
    if (behind !== 32 && !Number.isNaN(behind)) return countTorn(table, values.length - 1);
  }
  table.count += 1;
  if (table.rows.length < ROWS_MAX)
    table.rows.push(toRow(table.columns, values, pid, decodeText(text.slice(at + 1)), line));
  return true;
}

/** A row that breaks off counts as a task when pid, uid, tgid and sizes are there; its figures are not used. */
function countTorn(table: TaskTable, values: number): boolean {
  if (values < 4) return false;
  table.count += 1;
  table.torn = true;
  return true;
}

function skipBlanks(text: string, start: number): number {
  let at = start;
  while (text.charCodeAt(at) === 32) at += 1;
  return at;
}

function toRow(columns: string[], values: number[], pid: number, name: string, line: number): TaskRow {
  const row: TaskRow = {
    pid,
    tgid: pid,
    uid: 0,
    name,
    totalVmPages: 0,
    rssPages: 0,
    rssAnonPages: null,
    rssFilePages: null,
    rssShmemPages: null,
    pageTablesBytes: null,
    pageTablePages: null,
    swapPages: null,
    oomScoreAdj: null,
    oomAdj: null,
    line,
  };
  for (let index = 0; index < columns.length; index += 1) {
    const value = values[index] ?? 0;
    switch (columns[index]) {
      case 'uid':
        row.uid = value;
        break;
      case 'tgid':
        row.tgid = value;
        break;
      case 'total_vm':
        row.totalVmPages = value;
        break;
      case 'rss':
        row.rssPages = value;
        break;
      case 'rss_anon':
        row.rssAnonPages = value;
        break;
      case 'rss_file':
        row.rssFilePages = value;
        break;
      case 'rss_shmem':
        row.rssShmemPages = value;
        break;
      case 'pgtables_bytes':
        row.pageTablesBytes = value;
        break;
      case 'nr_ptes':
      case 'nr_pmds':
      case 'nr_puds':
        row.pageTablePages = (row.pageTablePages ?? 0) + value;
        break;
      case 'swapents':
        row.swapPages = value;
        break;
      case 'oom_score_adj':
        row.oomScoreAdj = value;
        break;
      case 'oom_adj':
        row.oomAdj = value;
        break;
      default: // a vendor's own column
    }
  }
  return row;
}

/** The rows with the largest RSS, equal ones in the order of the table. */
export function largestTasks(rows: TaskRow[], count: number): TaskRow[] {
  return [...rows].sort((a, b) => b.rssPages - a.rssPages).slice(0, count);
}

/** Tasks of one name summed, largest first. Anonymous memory is summed where the table has it: shared pages count once per task in RSS. */
export function sumByName(rows: TaskRow[], count: number): Holder[] {
  const byName = new Map<string, Holder>();
  const largestRssPages = new Map<string, number>();
  for (const row of rows) {
    const holder = byName.get(row.name) ?? {
      name: row.name,
      count: 0,
      rssPages: 0,
      anonPages: null,
      swapPages: null,
      largestPid: row.pid,
    };
    holder.count += 1;
    holder.rssPages += row.rssPages;
    if (row.rssAnonPages !== null) holder.anonPages = (holder.anonPages ?? 0) + row.rssAnonPages;
    if (row.swapPages !== null) holder.swapPages = (holder.swapPages ?? 0) + row.swapPages;
    if (row.rssPages > (largestRssPages.get(row.name) ?? -1)) {
      largestRssPages.set(row.name, row.rssPages);
      holder.largestPid = row.pid;
    }
    byName.set(row.name, holder);
  }
  return [...byName.values()].sort((a, b) => b.rssPages - a.rssPages).slice(0, count);
}
