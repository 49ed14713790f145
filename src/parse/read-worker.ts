import { parentPort } from 'node:worker_threads';
import { readLog, readMember } from './read-log.ts';
import { faultOf, NESTED_MAX, UnreadableInput, type Reading } from './reading.ts';
import type { FromThread, Source, ToThread } from './threads.ts';
import { openZipMember } from './zip.ts';

// A thread that reads one input after the other (threads.ts).

/** It waits at so many records that nobody has printed yet. */
const UNREAD_MAX = 1_000;

const port = parentPort;
if (port === null) throw new Error('read-worker.ts is started by threads.ts');
const inbox: ToThread[] = [];
let unread = 0;
/** Reader and printing may wait at the same time. */
const waiting: (() => void)[] = [];
port.on('message', (message: ToThread) => {
  if (message.kind === 'printed') unread -= message.count;
  else inbox.push(message);
  for (const wake of waiting.splice(0)) wake();
});

function send(message: FromThread): void {
  port?.postMessage(message);
}

function news(): Promise<void> {
  return new Promise((resolve) => waiting.push(resolve));
}

async function next(): Promise<ToThread> {
  for (;;) {
    const message = inbox.shift();
    if (message !== undefined) return message;
    await news();
  }
}

/** The pieces of an input, up to its end. */
async function* pieces(job: number): AsyncGenerator<Buffer> {
  for (;;) {
    const message = await next();
    if (message.kind === 'piece') {
      send({ kind: 'taken', job, bytes: message.bytes.length });
      yield Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.length);
    } else if (message.kind === 'close') {
      if (message.fault !== null) throw new UnreadableInput(message.fault);
      return;
    }
  }
}

/** Closes nothing: what the reader leaves has to be taken all the same. */
function untilClosed(content: AsyncGenerator<Buffer>): AsyncIterable<Buffer> {
  return { [Symbol.asyncIterator]: () => ({ next: () => content.next() }) };
}

async function read(job: number, source: Source, reading: Reading): Promise<boolean> {
  if (source.kind === 'file') {
    await readLog(source.file, reading);
    return true;
  }
  if (source.kind === 'zip') return readMember(await openZipMember(source.place), source.name, NESTED_MAX - 1, reading);
  const content = pieces(job);
  try {
    return await readMember(untilClosed(content), source.name, NESTED_MAX - 1, reading);
  } finally {
    // A fault of the rest was told, or is of what nobody wanted.
    for (let piece = await content.next().catch(() => null); piece?.done === false;)
      piece = await content.next().catch(() => null);
  }
}

for (;;) {
  const message = await next();
  if (message.kind !== 'read') continue;
  const { job, source } = message;
  const end: FromThread = { kind: 'end', job, isText: false, fault: null };
  try {
    end.isText = await read(job, source, {
      found: (records, member) => {
        if (records.length === 0) return;
        unread += records.length;
        send({ kind: 'found', job, records: [...records], member });
      },
      progress: (bytes) => send({ kind: 'progress', job, bytes }),
      drain: async () => {
        while (unread >= UNREAD_MAX) await news();
      },
    });
  } catch (error) {
    end.fault = faultOf(error);
  }
  send(end);
}
