import { open, type FileHandle } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { HEAD_BYTES, openContainer } from '../oom/framing/container.ts';
import type { LogParser } from '../oom/report/log-parser.ts';
import type { OomEvent } from '../oom/report.ts';
import { openLogScanner, SCAN_BUFFER } from '../oom/report/scan-log.ts';

/** A sentence for a person: the input cannot be read, or only in part. */
export class UnreadableInput extends Error {}

const CHUNK = 262_144;
const MAGIC_LENGTH = 6;

/**
 * Reads a log to its end through the parser and hands on what it finds. Plain or compressed, told by the first bytes.
 * Memory stays bounded whatever the input. Throws UnreadableInput with a sentence.
 */
export async function readLog(
  file: string,
  parser: LogParser,
  found: (events: OomEvent[]) => void,
  progress: (bytes: number) => void,
  /** Waited for between chunks, so that a slow reader of the output slows the reading. */
  drain: () => Promise<void>,
): Promise<void> {
  const chunks = plainLines(file === '-' ? decompress(process.stdin) : await openFile(file, progress), file);
  const scanner = openLogScanner({ parser, buffer: Buffer.allocUnsafe(SCAN_BUFFER), found });
  try {
    for await (const chunk of chunks) {
      scanner.push(chunk);
      await drain();
    }
  } catch (error) {
    scanner.end();
    throw error instanceof UnreadableInput ? error : new UnreadableInput(`${nameOf(file)}: ${faultOf(error)}`);
  }
  scanner.end();
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
  return decompress(readChunks(handle, progress));
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

/** Undoes gzip, xz and zstd by their magic numbers (RFC 1952, the .xz format, RFC 8878); everything else passes as it is. */
async function* decompress(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < MAGIC_LENGTH) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const whole = prepend(head, chunks);
  const magic = head.toString('hex', 0, MAGIC_LENGTH);
  if (magic.startsWith('1f8b')) yield* through(copies(whole), createGunzip());
  else if (magic.startsWith('28b52ffd')) yield* through(copies(whole), createZstdDecompress());
  else if (magic === 'fd377a585a00') yield* unxz(copies(whole));
  else yield* whole;
}

async function* prepend(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

/** For decoders, which queue what they are given. */
async function* copies(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of source) yield Buffer.from(chunk);
}

async function* through(source: AsyncIterable<Buffer>, decoder: NodeJS.ReadWriteStream): AsyncGenerator<Buffer> {
  // A fault of the source or the decoder ends the iteration below with that error.
  const decoded = pipeline(Readable.from(source, { highWaterMark: 2 }), decoder, () => undefined);
  for await (const chunk of decoded) yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk, 'latin1');
}

async function* unxz(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  // Loaded only here: it is WebAssembly, and most logs are not .xz.
  const { default: xz } = await import('xz-decompress');
  const decoded = new xz.XzReadableStream(
    Readable.toWeb(Readable.from(source, { highWaterMark: 2 })) as ReadableStream<Uint8Array>,
  );
  const reader = decoded.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield Buffer.from(next.value);
}

/** Takes off what holds the lines: UTF-16, mail, HTML, JSON documents, tables (oom/framing/container.ts). */
async function* plainLines(source: AsyncIterable<Buffer>, file: string): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]();
  const parts: Buffer[] = [];
  let length = 0;
  while (length < HEAD_BYTES) {
    const next = await chunks.next();
    if (next.done === true) break;
    parts.push(Buffer.from(next.value));
    length += next.value.length;
  }
  const head = Buffer.concat(parts);
  const container = openContainer(head.toString('latin1'));
  if (container === null && isBinary(head)) throw new UnreadableInput(`${nameOf(file)} is a binary file, not a log`);
  const whole = prepend(head, chunks);
  if (container === null) {
    yield* whole;
    return;
  }
  for await (const chunk of whole) yield Buffer.from(container.push(chunk.toString('latin1')), 'latin1');
  yield Buffer.from(container.end(), 'latin1');
}

/** Executables, archives, journal files: many bytes in the first part that no log has. Journal export's lengths are few. */
function isBinary(head: Buffer): boolean {
  const part = head.subarray(0, 4096);
  let odd = 0;
  for (const byte of part) if (byte < 7 || (byte > 13 && byte < 27)) odd += 1;
  return odd > part.length / 10;
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
  return FAULTS[code] ?? `cannot be read (${error instanceof Error ? error.message : String(error)})`;
}
