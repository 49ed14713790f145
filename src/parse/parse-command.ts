import { statSync } from 'node:fs';
import { styleText } from 'node:util';
import { withCause } from '../cause/cause.ts';
import { explainReport, explainWords, listKills } from '../notice/incident/kill-report.ts';
import { NO_PAINT, type Look } from '../notice/incident/terminal-lines.ts';
import { summarizeKills } from '../notice/answer/kill-summary.ts';
import { showHostText } from '../notice/host-text.ts';
import type { KillRecord } from '../oom/report.ts';
import { onceEach, type MemberRecord } from './members.ts';
import { readFiles } from './read-parallel.ts';
import { UnreadableInput } from './reading.ts';
import { isWanted, type Selection } from './selection.ts';

export const EXIT_FOUND = 0;
export const EXIT_NONE = 1;
export const EXIT_UNREADABLE = 2;

export interface ParseOptions {
  json: boolean;
  /** A line for each service in place of the reports. */
  summary?: boolean;
  /** The words of each report in plain words. */
  explain?: boolean;
  select?: Selection | null;
  out: NodeJS.WriteStream;
  err: NodeJS.WriteStream;
}

interface Found {
  file: string;
  record: KillRecord;
}

const PROGRESS_FROM_BYTES = 50_000_000;
const PROGRESS_STEP_BYTES = 25_000_000;
/** For people: beyond this the table alone is shown. */
const EXPLAINED_MAX = 50;
const LISTED_MAX = 10_000;
const PENDING_MAX = 1_000_000;
const MEMBER_RECORDS_MAX = 20_000;

/** Reads each file on its own and prints every kill; gives the exit status. */
export async function parseFiles(files: readonly string[], options: ParseOptions): Promise<number> {
  const found: Found[] = [];
  let count = 0;
  let deaths = 0;
  let undated = 0;
  let faults = 0;
  for (const { file, read } of readFiles(files, sizeOf)) {
    const printed = openPrinter(file, options, found);
    try {
      await read({
        found: printed.take,
        progress: openProgress(file, options),
        drain: printed.drain,
      });
    } catch (error) {
      if (!(error instanceof UnreadableInput)) throw error;
      faults += 1;
      options.err.write(`oombot parse: ${showHostText(error.message, 2_000)}\n`);
    }
    const told = await printed.end();
    count += told.count;
    deaths += told.deaths;
    undated += told.undated;
  }
  if (!options.json) await write(options.out, explainAll(found, count, options));
  if (undated > 0)
    options.err.write(
      `oombot parse: ${undated} left out, because the log does not say when or on which host they were\n`,
    );
  if (count === 0 && faults === 0 && !options.json)
    options.err.write(`oombot parse: no out-of-memory kill in ${nameFiles(files)}\n`);
  return faults > 0 ? EXIT_UNREADABLE : deaths > 0 ? EXIT_FOUND : EXIT_NONE;
}

/** 0: it is not there, or nothing that has a size. */
function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

interface Printer {
  take: (records: readonly KillRecord[], member: string | null) => void;
  drain: () => Promise<void>;
  end: () => Promise<Told>;
}

interface Told {
  count: number;
  /** Without attempts that failed, and dry runs. */
  deaths: number;
  /** Left out, since they do not say when or where. */
  undated: number;
}

/** Records come when nothing more will be said of them, which is nearly the order of the log: a small window puts them in order. */
function openPrinter(file: string, options: ParseOptions, found: Found[]): Printer {
  let records: KillRecord[] = [];
  /** Of the members of an archive; one kill may stand in several. */
  let ofMembers: MemberRecord[] = [];
  let pending = '';
  const told: Told = { count: 0, deaths: 0, undated: 0 };
  const { select = null } = options;

  function isSelected(record: KillRecord): boolean {
    const wanted = select === null || isWanted(record, select, Date.now());
    if (wanted === null) told.undated += 1;
    return wanted === true;
  }

  function flush(): void {
    records.sort((a, b) => a.line - b.line);
    for (const record of records) print(record, null);
    records = [];
    for (const { record, member } of onceEach(ofMembers)) print(record, member);
    ofMembers = [];
  }

  function print(record: KillRecord, member: string | null): void {
    told.count += 1;
    if (record.outcome !== 'attempted' && record.outcome !== 'dry-run') told.deaths += 1;
    if (options.json) pending += `${toJson(member === null ? { file, ...record } : { file, member, ...record })}\n`;
    else if (found.length < LISTED_MAX) found.push({ file: member === null ? file : `${file}: ${member}`, record });
  }

  async function drain(): Promise<void> {
    if (pending.length < PENDING_MAX) return;
    const text = pending;
    pending = '';
    await write(options.out, text);
  }

  return {
    drain,
    take: (read, member) => {
      for (const record of read) {
        if (!isSelected(record)) continue;
        if (member === null) records.push(withCause(record));
        else ofMembers.push({ record: withCause(record), member });
      }
      if (records.length > 2_000 || ofMembers.length > MEMBER_RECORDS_MAX) flush();
    },
    end: async () => {
      flush();
      await write(options.out, pending);
      return told;
    },
  };
}

// Controls that JSON leaves as they are, and what reorders or hides text: a terminal obeys them.
const UNSAFE = /[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

function toJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function explainAll(found: readonly Found[], count: number, options: ParseOptions): string {
  if (found.length === 0) return '';
  const look = lookFor(options.out);
  if (options.summary === true)
    return summarizeKills(
      found.map(({ record }) => record),
      look.columns,
    );
  const table = found.length > 1 ? `${listKills(found, look.columns)}\n\n` : '';
  const reports = byReport(found);
  const explained = reports
    .slice(0, EXPLAINED_MAX)
    .map((records) => explainReport(records, look) + (options.explain === true ? explainWords(records[0], look) : ''));
  const shown = reports.slice(0, EXPLAINED_MAX).reduce((sum, records) => sum + records.length, 0);
  const note = count > shown ? `\n… and ${count - shown} more: see the table above, or use --summary or --json\n` : '';
  return `${table}${explained.join('\n')}${note}`;
}

/** Victims of one report stand together: they died of one decision. */
function byReport(found: readonly Found[]): [KillRecord, ...KillRecord[]][] {
  const reports = new Map<string, [KillRecord, ...KillRecord[]]>();
  for (const { file, record } of found) {
    const key = `${record.report} ${file}`;
    const report = reports.get(key);
    if (report === undefined) reports.set(key, [record]);
    else report.push(record);
  }
  return [...reports.values()];
}

function openProgress(file: string, options: ParseOptions): (bytes: number) => void {
  let next = PROGRESS_FROM_BYTES;
  return (bytes) => {
    if (bytes < next || !options.err.isTTY) return;
    next = bytes + PROGRESS_STEP_BYTES;
    options.err.write(`\r${showHostText(file)}: ${Math.round(bytes / 1e6)} MB read `);
  };
}

/** What the output can show; a pipe has neither colours nor a width. */
function lookFor(out: NodeJS.WriteStream): Look {
  const columns = out.isTTY ? Math.max(40, out.columns) : null;
  if (!out.isTTY || !out.hasColors()) return { paint: NO_PAINT, columns };
  return {
    paint: {
      bold: (text) => styleText('bold', text),
      dim: (text) => styleText('dim', text),
      alarm: (text) => styleText('red', text),
    },
    columns,
  };
}

function nameFiles(files: readonly string[]): string {
  const [only] = files;
  if (files.length > 1) return `these ${files.length} files`;
  return only === undefined || only === '-' ? 'standard input' : showHostText(only);
}

/** Waits until the text is on its way: output to a pipe must not be lost when the process ends. */
function write(out: NodeJS.WriteStream, text: string): Promise<void> {
  if (text === '') return Promise.resolve();
  return new Promise((resolve, reject) => {
    out.write(text, (error) => (error == null ? resolve() : reject(error)));
  });
}
