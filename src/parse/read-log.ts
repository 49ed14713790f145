import { open, type FileHandle } from 'node:fs/promises';
import { HEAD_BYTES, openContainer } from '../oom/framing/container.ts';
import type { Filter } from '../oom/framing/filter.ts';
import { openLogParser } from '../oom/report/log-parser.ts';
import { openLogScanner, SCAN_BUFFER } from '../oom/report/scan-log.ts';
import type { KillRecord } from '../oom/report.ts';
import { decompress, prepend, type Opened } from './decompress.ts';
import { isTar, readTar, type Member } from './tar.ts';
import { isZip, readZip } from './zip.ts';

/** A sentence for a person: the input cannot be read, or only in part. */
export class UnreadableInput extends Error {}

export interface Reading {
  /** `member` is the file's name in an archive; null: the input is a log itself. */
  found: (records: KillRecord[], member: string | null) => void;
  progress: (bytes: number) => void;
  /** Waited for between chunks, so that a slow reader of the output slows the reading. */
  drain: () => Promise<void>;
}

const CHUNK = 262_144;
/** An archive in an archive, as a sosreport of several hosts is. */
const NESTED_MAX = 3;
const LATE_MAX = 100_000;

/**
 * Reads a log to its end and hands on what it finds. Plain, compressed or an archive of logs, told by the first bytes.
 * Memory stays bounded whatever the input. Throws UnreadableInput with a sentence, after what could be read was handed on.
 */
export async function readLog(file: string, reading: Reading): Promise<void> {
  const source = file === '-' ? process.stdin : await openFile(file, reading.progress);
  try {
    const opened = await decompress(source);
    if (!(await readMembers(opened, file === '-' || !isZip(opened.head) ? null : file, '', NESTED_MAX, reading)))
      throw new UnreadableInput(`${nameOf(file)} is a binary file, not a log`);
  } catch (error) {
    throw error instanceof UnreadableInput ? error : new UnreadableInput(`${nameOf(file)}: ${faultOf(error)}`);
  }
}

/** False: there is no text in it. */
async function readMembers(
  { head, whole }: Opened,
  file: string | null,
  path: string,
  nested: number,
  reading: Reading,
): Promise<boolean> {
  const members = isTar(head) ? readTar(whole) : isZip(head) ? readZip(file, whole) : null;
  if (members === null) return readText(whole, path === '' ? null : path, reading);
  if (nested === 0) return false;
  let isText = false;
  const faults: string[] = [];
  for await (const member of members) {
    const name = path === '' ? member.name : `${path}!${member.name}`;
    try {
      isText = (await readMember(member, name, nested - 1, reading)) || isText;
    } catch (error) {
      faults.push(`${name}: ${faultOf(error)}`);
    }
  }
  if (faults.length > 0) throw new Error(faults.slice(0, 3).join('; '));
  return isText;
}

async function readMember(member: Member, name: string, nested: number, reading: Reading): Promise<boolean> {
  return readMembers(await decompress(member.content), null, name, nested, reading);
}

async function readText(whole: AsyncIterable<Buffer>, member: string | null, reading: Reading): Promise<boolean> {
  const chunks = whole[Symbol.asyncIterator]();
  try {
    const parts: Buffer[] = [];
    for (let length = 0; length < HEAD_BYTES;) {
      const next = await chunks.next();
      if (next.done === true) break;
      parts.push(Buffer.from(next.value));
      length += next.value.length;
    }
    const head = Buffer.concat(parts);
    const container = openContainer(head.toString('latin1'));
    if (container === null && isBinary(head)) return false;
    await scan(prepend(head, chunks), container, (records) => reading.found(records, member), reading.drain);
    return true;
  } finally {
    // Closes the file when nothing of it is wanted.
    await chunks.return?.();
  }
}

async function scan(
  chunks: AsyncIterable<Buffer>,
  container: Filter | null,
  found: (records: KillRecord[]) => void,
  drain: () => Promise<void>,
): Promise<void> {
  // Of a container that turns the lines round the numbers are known at the end.
  const late: KillRecord[] = [];
  const parser = openLogParser({ lastWordOnly: true });
  const scanner = openLogScanner({
    parser,
    buffer: Buffer.allocUnsafe(SCAN_BUFFER),
    found: (events) => {
      const records = events.map(({ record }) => record);
      if (container === null || late.length > LATE_MAX) found(records);
      else late.push(...records);
    },
  });
  try {
    for await (const chunk of chunks) {
      scanner.push(container === null ? chunk : Buffer.from(container.push(chunk.toString('latin1')), 'latin1'));
      await drain();
    }
  } finally {
    if (container !== null) scanner.push(Buffer.from(container.end(), 'latin1'));
    scanner.end();
    const lineCount = container?.turnedLines?.() ?? null;
    if (late.length > 0) found(lineCount === null ? late : late.map((record) => turn(record, lineCount)));
  }
}

/** A record with the numbers that its lines have in the input. */
function turn(record: KillRecord, lineCount: number): KillRecord {
  const evidence = record.evidence.map(({ line, text }) => ({ line: lineCount + 1 - line, text })).toReversed();
  return { ...record, line: lineCount + 1 - record.line, evidence };
}

async function openFile(file: string, progress: (bytes: number) => void): Promise<AsyncIterable<Buffer>> {
  let handle: FileHandle;
  try {
    handle = await open(file);
  } catch (error) {
    throw new UnreadableInput(`${file}: ${faultOf(error)}`);
  }
  const stats = await handle.stat();
  if (stats.isDirectory()) {
    await handle.close();
    const example = `${file.replace(/\/*$/, '')}/kern.log`;
    throw new UnreadableInput(`${file} is a directory: name the log files in it, such as ${example}`);
  }
  return readChunks(handle, progress);
}

/** Reads ahead: one buffer is filled while the other is looked at. Each chunk stands until the next one is asked for. */
async function* readChunks(handle: FileHandle, progress: (bytes: number) => void): AsyncGenerator<Buffer> {
  let read = 0;
  let pending = handle.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK);
  let spare = Buffer.allocUnsafe(CHUNK);
  try {
    for (;;) {
      const { buffer, bytesRead } = await pending;
      if (bytesRead === 0) return;
      pending = handle.read(spare, 0, CHUNK);
      spare = buffer;
      read += bytesRead;
      progress(read);
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    // Whoever stops early leaves a read under way; its fault is nobody's any more.
    await pending.catch(() => undefined);
    await handle.close();
  }
}

/** Executables, pictures, journal files: many bytes in the first part that no log has. Journal export's lengths are few. */
function isBinary(head: Buffer): boolean {
  const part = head.subarray(0, 4096);
  let odd = 0;
  for (const byte of part) if (byte < 7 || (byte > 13 && byte < 27)) odd += 1;
  return odd > part.length / 33;
}

function nameOf(file: string): string {
  return file === '-' ? 'standard input' : file;
}

const FAULTS: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'you may not read it: try as root, or as a member of the groups adm and systemd-journal',
  EPERM: 'you may not read it: try as root',
  EISDIR: 'it is a directory',
  Z_BUF_ERROR: 'the compressed data ends too early; what could be read is shown',
  Z_DATA_ERROR: 'the compressed data is damaged; what could be read is shown',
  ZSTD_error_prefix_unknown: 'the compressed data is damaged; what could be read is shown',
};

function faultOf(error: unknown): string {
  if (error instanceof UnreadableInput) return error.message;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (FAULTS[code] !== undefined) return FAULTS[code];
  const message = error instanceof Error ? error.message : String(error);
  return message.includes('what could be read is shown') || message.includes(': ')
    ? message
    : `cannot be read (${message})`;
}
