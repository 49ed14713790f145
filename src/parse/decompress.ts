import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { openLz4 } from './lz4.ts';

const MAGIC_LENGTH = 512;
const LAYERS_MAX = 3;

/** The first bytes of an input, and all of it, the first bytes too. */
export interface Opened {
  head: Buffer;
  whole: AsyncIterable<Buffer>;
  /** They are not what the source holds. */
  isDecoded: boolean;
}

/**
 * Undoes gzip, xz, zstd, bzip2 and LZ4 by their magic numbers (RFC 1952, the .xz format, RFC 8878); everything else passes as it is.
 * One may hold another.
 */
export async function decompress(source: AsyncIterable<Buffer>, layers = LAYERS_MAX): Promise<Opened> {
  const opened = { ...(await lookAt(source)), isDecoded: layers < LAYERS_MAX };
  const decoded = layers > 0 ? decoderFor(opened) : null;
  return decoded === null ? opened : decompress(decoded, layers - 1);
}

/** Closes its source whenever it is left, also when nobody went on reading. */
async function lookAt(source: AsyncIterable<Buffer>): Promise<Omit<Opened, 'isDecoded'>> {
  const chunks = source[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < MAGIC_LENGTH) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  return { head, whole: prepend(head, chunks) };
}

function decoderFor({ head, whole }: Opened): AsyncIterable<Buffer> | null {
  const magic = head.toString('hex', 0, 6);
  if (magic.startsWith('1f8b')) return through(copies(whole), createGunzip());
  if (magic.startsWith('28b52ffd')) return through(copies(whole), createZstdDecompress());
  if (magic === 'fd377a585a00') return unxz(copies(whole));
  if (/^425a683[1-9]/.test(magic)) return bunzip2(copies(whole));
  return magic.startsWith('04224d18') ? openLz4(whole) : null;
}

export async function* prepend(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
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

async function* bunzip2(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const { default: unbzip2 } = await import('unbzip2-stream');
  // It is of the old kind of streams, and ends by itself only at the end of the data.
  const decoded = new Readable({ read: () => undefined, highWaterMark: 1 });
  const decoder = unbzip2();
  decoder.on('data', (chunk: Buffer) => decoded.push(Buffer.from(chunk)));
  decoder.on('error', (error: unknown) =>
    decoded.destroy(new Error('the compressed data is damaged; what could be read is shown', { cause: error })),
  );
  decoder.on('end', () => decoded.push(null));
  const feeding = feed(source, decoder, decoded);
  for await (const chunk of decoded) yield chunk as Buffer;
  await feeding;
}

/** Gives a piece only once the one before was taken: the decoder itself holds nothing back. */
async function feed(source: AsyncIterable<Buffer>, decoder: NodeJS.WritableStream, decoded: Readable): Promise<void> {
  for await (const chunk of source) {
    if (decoded.destroyed) return;
    decoder.write(chunk);
    while (decoded.readableLength > 4 && !decoded.destroyed) await new Promise((resolve) => setImmediate(resolve));
  }
  if (!decoded.destroyed) decoder.end();
}
