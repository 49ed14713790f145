import { styleText } from 'node:util';
import { withCause } from '../cause/cause.ts';
import { explainReport, listKills, NO_PAINT, type Paint } from '../notice/incident/kill-report.ts';
import type { KillRecord } from '../oom/report.ts';
import { onceEach, type MemberRecord } from './members.ts';
import { readLog, UnreadableInput } from './read-log.ts';

export const EXIT_FOUND = 0;
export const EXIT_NONE = 1;
export const EXIT_UNREADABLE = 2;

export interface ParseOptions {
  json: boolean;
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
  let faults = 0;
  for (const file of files) {
    const printed = openPrinter(file, options, found);
    try {
      await readLog(file, {
        found: printed.take,
        progress: openProgress(file, options),
        drain: printed.drain,
      });
    } catch (error) {
      if (!(error instanceof UnreadableInput)) throw error;
      faults += 1;
      options.err.write(`oombot parse: ${error.message}\n`);
    }
    count += await printed.end();
  }
  if (!options.json) await write(options.out, explainAll(found, count, paintFor(options.out)));
  if (count === 0 && faults === 0 && !options.json)
    options.err.write(`oombot parse: no out-of-memory kill in ${nameFiles(files)}\n`);
  return faults > 0 ? EXIT_UNREADABLE : count > 0 ? EXIT_FOUND : EXIT_NONE;
}

interface Printer {
  take: (records: readonly KillRecord[], member: string | null) => void;
  drain: () => Promise<void>;
  end: () => Promise<number>;
}

/** Records come when nothing more will be said of them, which is nearly the order of the log: a small window puts them in order. */
function openPrinter(file: string, options: ParseOptions, found: Found[]): Printer {
  let records: KillRecord[] = [];
  /** Of the members of an archive; one kill may stand in several. */
  let ofMembers: MemberRecord[] = [];
  let pending = '';
  let count = 0;

  function flush(): void {
    records.sort((a, b) => a.line - b.line);
    for (const record of records) print(record, null);
    records = [];
    for (const { record, member } of onceEach(ofMembers)) print(record, member);
    ofMembers = [];
  }

  function print(record: KillRecord, member: string | null): void {
    count += 1;
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
        if (member === null) records.push(withCause(record));
        else ofMembers.push({ record: withCause(record), member });
      }
      if (records.length > 2_000 || ofMembers.length > MEMBER_RECORDS_MAX) flush();
    },
    end: async () => {
      flush();
      await write(options.out, pending);
      return count;
    },
  };
}

/** JSON leaves DEL and the C1 controls as they are, but some terminals obey them. */
function toJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\x7f-\x9f]/g, (control) => `\\u00${control.charCodeAt(0).toString(16)}`);
}

function explainAll(found: readonly Found[], count: number, paint: Paint): string {
  if (found.length === 0) return '';
  const table = found.length > 1 ? `${listKills(found)}\n\n` : '';
  const reports = byReport(found);
  const explained = reports.slice(0, EXPLAINED_MAX).map((records) => explainReport(records, paint));
  const shown = reports.slice(0, EXPLAINED_MAX).reduce((sum, records) => sum + records.length, 0);
  const note = count > shown ? `\n… and ${count - shown} more: see the table above, or use --json\n` : '';
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
    options.err.write(`\r${file}: ${Math.round(bytes / 1e6)} MB read `);
  };
}

function paintFor(out: NodeJS.WriteStream): Paint {
  if (!out.isTTY || !out.hasColors()) return NO_PAINT;
  return {
    bold: (text) => styleText('bold', text),
    dim: (text) => styleText('dim', text),
    alarm: (text) => styleText('red', text),
  };
}

function nameFiles(files: readonly string[]): string {
  const [only] = files;
  if (files.length > 1) return `these ${files.length} files`;
  return only === undefined || only === '-' ? 'standard input' : only;
}

/** Waits until the text is on its way: output to a pipe must not be lost when the process ends. */
function write(out: NodeJS.WriteStream, text: string): Promise<void> {
  if (text === '') return Promise.resolve();
  return new Promise((resolve, reject) => {
    out.write(text, (error) => (error == null ? resolve() : reject(error)));
  });
}
