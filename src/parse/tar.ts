import type { Member } from './reading.ts';

// Tar archives (POSIX ustar and pax, GNU long names), read from one end to the other: no member is kept in memory.

const BLOCK = 512;
const NAME_MAX = 65_536;

/** Whether the first 512 bytes are a member's head: the sum of its bytes is in it. */
export function isTar(head: Buffer): boolean {
  if (head.length < BLOCK || head.toString('latin1', 257, 262) !== 'ustar') return false;
  return readOctal(head, 148, 8) === sumOf(head);
}

function sumOf(head: Buffer): number {
  let sum = 0;
  for (let at = 0; at < BLOCK; at += 1) sum += at >= 148 && at < 156 ? 32 : (head[at] ?? 0);
  return sum;
}

function readOctal(head: Buffer, start: number, length: number): number {
  // GNU writes sizes of 8 GiB and more as bytes, marked by the first bit.
  if (((head[start] ?? 0) & 0x80) !== 0) return Number(head.readBigUInt64BE(start + length - 8));
  return Number.parseInt(head.toString('latin1', start, start + length).replace(/[\0 ].*$/s, '') || '0', 8);
}

function readText(head: Buffer, start: number, length: number): string {
  return head.toString('utf8', start, start + length).replace(/\0.*$/s, '');
}

/** The regular files of an archive, in its order. Each must be read, or left, before the next one is asked for. */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<Member> {
  const chunks = source[Symbol.asyncIterator]();
  try {
    yield* membersOf(chunks);
  } finally {
    // What follows its end is not read: the source is to close its file.
    await chunks.return?.();
  }
}

async function* membersOf(chunks: AsyncIterator<Buffer>): AsyncGenerator<Member> {
  let held: Buffer = Buffer.alloc(0);

  /** At most `length` bytes; none: the archive has ended. */
  async function some(length: number): Promise<Buffer> {
    while (held.length === 0) {
      const next = await chunks.next();
      if (next.done === true) return held;
      held = Buffer.from(next.value);
    }
    const part = held.subarray(0, length);
    held = held.subarray(part.length);
    return part;
  }

  async function exactly(length: number): Promise<Buffer | null> {
    const parts: Buffer[] = [];
    for (let left = length; left > 0;) {
      const part = await some(left);
      if (part.length === 0) return null;
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts);
  }

  let longName: string | null = null;
  for (;;) {
    const head = await exactly(BLOCK);
    if (head === null || head[0] === 0) return;
    if (readOctal(head, 148, 8) !== sumOf(head)) throw new Error('the archive is damaged; what could be read is shown');
    const size = readOctal(head, 124, 12);
    const padding = (BLOCK - (size % BLOCK)) % BLOCK;
    const type = String.fromCharCode(head[156] ?? 0);
    if (type === 'L' || type === 'x') {
      const text = ((await exactly(Math.min(size, NAME_MAX))) ?? Buffer.alloc(0)).toString('utf8');
      longName = type === 'L' ? text.replace(/\0.*$/s, '') : (/^\d+ path=(.*)$/m.exec(text)?.[1] ?? longName);
      await exactly(Math.max(0, size - NAME_MAX) + padding);
      continue;
    }
    const prefix = readText(head, 345, 155);
    const name: string = longName ?? (prefix === '' ? '' : `${prefix}/`) + readText(head, 0, 100);
    longName = null;
    let left = size;
    async function* content(): AsyncGenerator<Buffer> {
      while (left > 0) {
        const part = await some(left);
        if (part.length === 0) throw new Error('the archive ends too early; what could be read is shown');
        left -= part.length;
        yield part;
      }
    }
    if ((type === '0' || type === '\0') && size > 0) yield { name, size, content: content(), place: null };
    for await (const part of content()) void part;
    if (padding > 0 && (await exactly(padding)) === null) return;
  }
}
