// LZ4 frames (lz4_Frame_format.md, version 1.6.4): blocks that are copied from what came before, up to 64 KiB back.

const MAGIC = 0x184d2204;
const SKIPPABLE = 0x184d2a50;
const WINDOW = 65_536;
const BLOCK_MAX = 4_194_304;

/** Undoes LZ4; throws on damaged data. Checksums are not compared. */
export async function* openLz4(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const input = openBytes(source);
  for (let magic = await input.take(4, true); magic !== null; magic = await input.take(4, true)) {
    const number = magic.readUInt32LE();
    if ((number & 0xfffffff0) >>> 0 === SKIPPABLE) await input.take((await input.must(4)).readUInt32LE());
    else if (number === MAGIC) yield* readFrame(input);
    else throw new Error('the compressed data is damaged; what could be read is shown');
  }
}

async function* readFrame(input: Bytes): AsyncGenerator<Buffer> {
  const flags = (await input.must(2))[0] ?? 0;
  const hasSize = (flags & 8) !== 0;
  const hasDictionary = (flags & 1) !== 0;
  await input.must((hasSize ? 8 : 0) + (hasDictionary ? 4 : 0) + 1);
  let window: Buffer = Buffer.alloc(0);
  for (;;) {
    const size = (await input.must(4)).readUInt32LE();
    if (size === 0) break;
    const length = size & 0x7fffffff;
    if (length > BLOCK_MAX) throw new Error('the compressed data is damaged; what could be read is shown');
    const block = await input.must(length);
    if ((flags & 16) !== 0) await input.must(4);
    const isPlain = size >>> 31 === 1;
    const out = isPlain ? Buffer.from(block) : decodeBlock(block, window);
    yield out;
    window = Buffer.from(Buffer.concat([window, out]).subarray(-WINDOW));
  }
  if ((flags & 4) !== 0) await input.must(4);
}

function decodeBlock(block: Buffer, window: Buffer): Buffer {
  const out = Buffer.allocUnsafe(window.length + BLOCK_MAX);
  window.copy(out);
  let end = window.length;
  let at = 0;

  function longLength(start: number): number {
    let length = start;
    if (start !== 15) return length;
    for (let byte = 255; byte === 255; length += byte) byte = block[at++] ?? 0;
    return length;
  }

  while (at < block.length) {
    const token = block[at++] ?? 0;
    const literals = longLength(token >> 4);
    if (end + literals > out.length || at + literals > block.length)
      throw new Error('the compressed data is damaged; what could be read is shown');
    block.copy(out, end, at, at + literals);
    at += literals;
    end += literals;
    if (at >= block.length) break;
    const offset = block.readUInt16LE(at);
    at += 2;
    const length = longLength(token & 15) + 4;
    if (offset === 0 || offset > end || end + length > out.length)
      throw new Error('the compressed data is damaged; what could be read is shown');
    // The copy may reach into what it writes itself.
    for (let index = 0; index < length; index += 1) out[end + index] = out[end + index - offset] ?? 0;
    end += length;
  }
  return out.subarray(window.length, end);
}

export interface Bytes {
  /** The next bytes; null: the input has ended (only where `mayEnd`). */
  take: (length: number, mayEnd?: boolean) => Promise<Buffer | null>;
  must: (length: number) => Promise<Buffer>;
}

/** Reads an input by lengths. */
export function openBytes(source: AsyncIterable<Buffer>): Bytes {
  const chunks = source[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);

  async function take(length: number, mayEnd = false): Promise<Buffer | null> {
    const parts = [held];
    for (let size = held.length; size < length;) {
      const next = await chunks.next();
      if (next.done === true) {
        if (mayEnd && size === 0) return null;
        throw new Error('the compressed data ends too early; what could be read is shown');
      }
      parts.push(Buffer.from(next.value));
      size += next.value.length;
    }
    const all = parts.length === 1 ? held : Buffer.concat(parts);
    held = all.subarray(length);
    return all.subarray(0, length);
  }

  return { take, must: async (length) => (await take(length)) ?? Buffer.alloc(0) };
}
