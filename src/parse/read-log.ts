import { statSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { HEAD_BYTES, openContainer } from '../oom/framing/container.ts';
import type { Filter } from '../oom/framing/filter.ts';
import { openLogParser } from '../oom/report/log-parser.ts';
import { openLogScanner, SCAN_BUFFER, type LogScanner } from '../oom/report/scan-log.ts';
import type { KillRecord } from '../oom/report.ts';
import { decompress, prepend, type Opened } from './decompress.ts';
import { openArchive, type ArchiveEnd } from './read-members.ts';
import { faultOf, NESTED_MAX, UnreadableInput, type Reading } from './reading.ts';
import { isWorthSearching, scanBlocks } from './search-ahead.ts';
import { isTar, readTar } from './tar.ts';
import { isZip, readZip } from './zip.ts';

const CHUNK = 262_144;
const LATE_MAX = 100_000;

/**
 * Reads a log to its end and hands on what it finds. Plain, compressed or an archive of logs, told by the first bytes.
 * Memory stays bounded whatever the input. Throws UnreadableInput with a sentence, after what could be read was handed on.
 */
export async function readLog(file: string, reading: Reading): Promise<void> {
  const source = file === '-' ? process.stdin : await openFile(file, reading.progress);
  try {
    const opened = await decompress(source);
    if (!(await readOpened(opened, file === '-' || opened.isDecoded ? null : file, '', NESTED_MAX, reading)))
      throw new UnreadableInput(`${nameOf(file)} is a binary file, not a log`);
  } catch (error) {
    throw error instanceof UnreadableInput ? error : new UnreadableInput(`${nameOf(file)}: ${faultOf(error)}`);
  }
}

/** Reads what was unpacked; `file` holds the same bytes, null: none does. False: there is no text in it. */
async function readOpened(
  { head, whole }: Opened,
  file: string | null,
  path: string,
  nested: number,
  reading: Reading,
): Promise<boolean> {
  const members = isTar(head) ? readTar(whole) : isZip(head) ? readZip(file, whole) : null;
  if (members === null) return readText(whole, file, path === '' ? null : path, reading);
  if (nested === 0) return false;
  const archive = openArchive(reading, nested - 1, readMember);
  let end: ArchiveEnd;
  try {
    for await (const member of members)
      await archive.read(member, path === '' ? member.name : `${path}!${member.name}`);
  } finally {
    end = await archive.end();
  }
  if (end.faults.length > 0) throw new Error(end.faults.slice(0, 3).join('; '));
  return end.isText;
}

/** Reads a member of an archive, which may be an archive itself, `nested` deep at most. False: there is no text in it. */
export async function readMember(
  content: AsyncIterable<Buffer>,
  name: string,
  nested: number,
  reading: Reading,
): Promise<boolean> {
  return readOpened(await decompress(content), null, name, nested, reading);
}

async function readText(
  whole: AsyncIterable<Buffer>,
  file: string | null,
  member: string | null,
  reading: Reading,
): Promise<boolean> {
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

    function found(records: KillRecord[]): void {
      reading.found(records, member);
    }

    if (container !== null) await scanContained(prepend(head, chunks), container, found, reading.drain);
    else if (file !== null && isWorthSearching(statSync(file).size)) {
      // Opened anew by its name: what was opened to look at its first bytes is closed.
      await chunks.return?.();
      await scan(found, (scanner) => scanBlocks(file, scanner, reading));
    } else await scan(found, (scanner) => pushAll(prepend(head, chunks), scanner, reading.drain));
    return true;
  } finally {
    // Closes the file when nothing of it is wanted.
    await chunks.return?.();
  }
}

/** An archive may have thousands of members, read one after the other. */
let spareBuffer: Buffer | null = null;

/** Opens a scanner, and closes it when it was fed. */
async function scan(
  found: (records: KillRecord[]) => void,
  feed: (scanner: LogScanner) => Promise<void>,
): Promise<void> {
  const parser = openLogParser({ lastWordOnly: true });
  const buffer = spareBuffer ?? Buffer.allocUnsafe(SCAN_BUFFER);
  spareBuffer = null;
  const scanner = openLogScanner({ parser, buffer, found: (events) => found(events.map(({ record }) => record)) });
  try {
    await feed(scanner);
  } finally {
    scanner.end();
    spareBuffer = buffer;
  }
}

async function pushAll(chunks: AsyncIterable<Buffer>, scanner: LogScanner, drain: () => Promise<void>): Promise<void> {
  for await (const chunk of chunks) {
    scanner.push(chunk);
    await drain();
  }
}

async function scanContained(
  chunks: AsyncIterable<Buffer>,
  container: Filter,
  found: (records: KillRecord[]) => void,
  drain: () => Promise<void>,
): Promise<void> {
  // Of a container that turns the lines round the numbers are known at the end.
  const late: KillRecord[] = [];
  try {
    await scan(
      (records) => {
        if (late.length > LATE_MAX) found(records);
        else late.push(...records);
      },
      async (scanner) => {
        try {
          for await (const chunk of chunks) {
            scanner.push(Buffer.from(container.push(chunk.toString('latin1')), 'latin1'));
            await drain();
          }
        } finally {
          scanner.push(Buffer.from(container.end(), 'latin1'));
        }
      },
    );
  } finally {
    const lineCount = container.turnedLines?.() ?? null;
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
