import { promisify } from 'node:util';
import yauzl from 'yauzl';
import type { Member, ZipPlace } from './reading.ts';

// A zip's list of members stands at its end: it is read from a file at any place, or kept in memory.

const KEPT_MAX = 268_435_456;

export function isZip(head: Buffer): boolean {
  return head.toString('latin1', 0, 4) === 'PK\x03\x04';
}

/** The members of a zip, the likely logs first. `file` is null for what comes from a pipe or lies in another archive. */
export async function* readZip(file: string | null, whole: AsyncIterable<Buffer>): AsyncGenerator<Member> {
  const zip = file === null ? await fromBuffer(await keep(whole)) : await fromFile(file, whole);
  try {
    const entries = await listEntries(zip);
    const likelyFirst = [...entries.entries()].toSorted(
      ([, a], [, b]) => likelihood(b.fileName) - likelihood(a.fileName),
    );
    for (const [index, entry] of likelyFirst)
      yield {
        name: entry.fileName,
        size: entry.uncompressedSize,
        content: readEntry(zip, entry),
        place: file === null ? null : { file, index },
      };
  } finally {
    zip.close();
  }
}

let lastOpened: { file: string; zip: yauzl.ZipFile; entries: yauzl.Entry[] } | null = null;

/** Opens one member of a zip; the file stays open for the next one. */
export async function openZipMember({ file, index }: ZipPlace): Promise<AsyncIterable<Buffer>> {
  if (lastOpened?.file !== file) {
    const zip = await openPath(file);
    lastOpened = { file, zip, entries: await listEntries(zip) };
  }
  const entry = lastOpened.entries[index];
  if (entry === undefined) throw new Error('the archive has changed while it was read');
  return readEntry(lastOpened.zip, entry);
}

/** Without its folders. */
async function listEntries(zip: yauzl.ZipFile): Promise<yauzl.Entry[]> {
  const entries: yauzl.Entry[] = [];
  for await (const entry of zip.eachEntry()) if (!entry.fileName.endsWith('/')) entries.push(entry);
  return entries;
}

const LOGS = /(?:^|[/._-])(?:kern|dmesg|messages|syslog|journal(?:ctl)?|console|kmsg|vmcore-dmesg)/i;

function likelihood(name: string): number {
  return LOGS.test(name) ? 2 : /\.(?:log|txt|out|json|csv)(?:\.|$)/i.test(name) ? 1 : 0;
}

async function fromFile(file: string, whole: AsyncIterable<Buffer>): Promise<yauzl.ZipFile> {
  // Opened anew by its name: what was opened to look at its first bytes is closed.
  const chunks = whole[Symbol.asyncIterator]();
  await chunks.next();
  await chunks.return?.();
  return openPath(file);
}

async function openPath(file: string): Promise<yauzl.ZipFile> {
  const open = promisify<string, yauzl.Options, yauzl.ZipFile>((path, options, done) => {
    yauzl.open(path, options, done);
  });
  return open(file, { lazyEntries: true, autoClose: false });
}

async function fromBuffer(bytes: Buffer): Promise<yauzl.ZipFile> {
  const open = promisify<Buffer, yauzl.Options, yauzl.ZipFile>((buffer, options, done) => {
    yauzl.fromBuffer(buffer, options, done);
  });
  return open(bytes, { lazyEntries: true, autoClose: false });
}

async function keep(whole: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of whole) {
    size += chunk.length;
    if (size > KEPT_MAX) throw new Error('this zip is too large to be read from a pipe: give it as a file');
    parts.push(Buffer.from(chunk));
  }
  return Buffer.concat(parts);
}

async function* readEntry(zip: yauzl.ZipFile, entry: yauzl.Entry): AsyncGenerator<Buffer> {
  const stream = await promisify(
    zip.openReadStream.bind(zip) as (
      entry: yauzl.Entry,
      done: (error: Error | null, stream: NodeJS.ReadableStream) => void,
    ) => void,
  )(entry);
  for await (const chunk of stream) yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk, 'latin1');
}
