import { open, type FileHandle } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import type { LogParser } from '../oom/log-parser.ts';
import type { OomEvent } from '../oom/report.ts';

/** A sentence for a person: the input cannot be read, or only in part. */
export class UnreadableInput extends Error {}

const CHUNK = 1_048_576;
/** Longer lines are no kernel lines: the rest is dropped up to the line's end. */
const LINE_MAX = 65_536;
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
): Promise<void> {
  const chunks = file === '-' ? decompress(process.stdin, file) : await openFile(file, progress);
  const lines = openLines(parser, found);
  try {
    for await (const chunk of chunks) lines.take(chunk);
  } catch (error) {
    lines.end();
    throw error instanceof UnreadableInput ? error : new UnreadableInput(`${nameOf(file)}: ${faultOf(error)}`);
  }
  lines.end();
}

interface Lines {
  take: (chunk: Buffer) => void;
  end: () => void;
}

function openLines(parser: LogParser, found: (events: OomEvent[]) => void): Lines {
  let rest = '';
  let dropping = false;
  let number = 0;

  function tell(line: string): void {
    number += 1;
    const events = parser.line(line, number);
    if (events.length > 0) found(events);
  }

  return {
    take: (chunk) => {
      let at = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, at)) {
        const piece = chunk.toString('latin1', at, Math.min(end, at + LINE_MAX));
        if (dropping) tell(rest);
        else tell(rest === '' ? piece : (rest + piece).slice(0, LINE_MAX));
        rest = '';
        dropping = false;
        at = end + 1;
      }
      if (dropping || at >= chunk.length) return;
      rest += chunk.toString('latin1', at, Math.min(chunk.length, at + LINE_MAX));
      if (rest.length < LINE_MAX) return;
      rest = rest.slice(0, LINE_MAX);
      dropping = true;
    },
    end: () => {
      if (rest !== '') tell(rest);
      rest = '';
      found(parser.end());
    },
  };
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
    throw new UnreadableInput(
      `${file} is a directory: name the log files in it, such as ${file.replace(/\/*$/, '')}/kern.log`,
    );
  }
  return decompress(readChunks(handle, progress), file);
}

async function* readChunks(handle: FileHandle, progress: (bytes: number) => void): AsyncGenerator<Buffer> {
  let read = 0;
  try {
    for (;;) {
      const buffer = Buffer.allocUnsafe(CHUNK);
      const { bytesRead } = await handle.read(buffer, 0, CHUNK);
      if (bytesRead === 0) return;
      read += bytesRead;
      progress(read);
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** Undoes gzip, xz and zstd by their magic numbers (RFC 1952, the .xz format, RFC 8878); everything else passes as it is. */
async function* decompress(source: AsyncIterable<Buffer>, file: string): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < MAGIC_LENGTH) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  const whole = prepend(head, chunks);
  if (head.length === 0) return;
  if (head[0] === 0x1f && head[1] === 0x8b) yield* through(whole, createGunzip());
  else if (head.readUInt32LE(0) === 0xfd2fb528) yield* through(whole, createZstdDecompress());
  else if (head.subarray(0, MAGIC_LENGTH).equals(Buffer.from('fd377a585a00', 'hex'))) yield* unxz(whole);
  else if (isBinary(head)) throw new UnreadableInput(`${nameOf(file)} is a binary file, not a log`);
  else yield* whole;
}

async function* prepend(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

async function* through(source: AsyncIterable<Buffer>, decoder: NodeJS.ReadWriteStream): AsyncGenerator<Buffer> {
  // A fault of the source or the decoder ends the iteration below with that error.
  const decoded = pipeline(Readable.from(source), decoder, () => undefined);
  for await (const chunk of decoded) yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk, 'latin1');
}

async function* unxz(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  // Loaded only here: it is WebAssembly, and most logs are not .xz.
  const { default: xz } = await import('xz-decompress');
  const decoded = new xz.XzReadableStream(Readable.toWeb(Readable.from(source)) as ReadableStream<Uint8Array>);
  const reader = decoded.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield Buffer.from(next.value);
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
