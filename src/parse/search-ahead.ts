import { open, type FileHandle } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { LINE_BYTES_MAX, type LogScanner } from '../oom/report/scan-log.ts';
import type { Reading } from './reading.ts';
import { startThread } from './threads.ts';

// A large file is looked through by all cores: threads tell of each block whether something can begin in it, and how many lines it
// has. Only the scanner reads lines, in their order and by itself, so that what it finds is the same; it just need not see the blocks
// in which nothing is.

export const BLOCK_BYTES = 262_144;
/** Starting threads takes as long as looking through so much. */
const WORTH_THREADS_BYTES = 134_217_728;
const SEARCHERS_MAX = 4;

/** What a thread is given. Both arrays are shared. */
export interface SearchTask {
  file: string;
  blocks: number;
  /** The number of the next block that nobody has looked at. */
  taken: Int32Array<SharedArrayBuffer>;
  /** Of each block the line feeds in it and one; 0: not known yet; -1: it has to be read. */
  results: Int32Array<SharedArrayBuffer>;
}

/** Whether it is worth it, for a file of this size. */
export function isWorthSearching(sizeBytes: number): boolean {
  return isMainThread && sizeBytes >= WORTH_THREADS_BYTES && availableParallelism() > 1;
}

/** Gives the scanner all of a file that it needs. It must be plain text: the first bytes told. */
export async function scanBlocks(file: string, scanner: LogScanner, reading: Omit<Reading, 'found'>): Promise<void> {
  const handle = await open(file);
  // What is written from now on is read at the end, as it comes.
  let search: Search | null = null;
  try {
    const blocks = Math.floor((await handle.stat()).size / BLOCK_BYTES);
    search = openSearch(file, blocks);
    let at = 0;

    async function push(end: number): Promise<void> {
      for (; at < end; at += 1) {
        scanner.push(await readAt(handle, at * BLOCK_BYTES));
        reading.progress((at + 1) * BLOCK_BYTES);
        await reading.drain();
      }
    }

    while (at < blocks) {
      let end = at;
      let lines = 0;
      let linesOfLast = 0;
      while (end < blocks && scanner.mayPass()) {
        const inBlock = await search.linesOf(end);
        if (inBlock === null) break;
        lines += linesOfLast;
        linesOfLast = inBlock;
        end += 1;
      }
      // The last of them is read: some lines before an anchor may belong to it.
      if (end - at > 1) {
        const last = await readAt(handle, (end - 1) * BLOCK_BYTES);
        const feed = last.indexOf(10);
        if (feed >= 0 && feed < last.length - 2 * LINE_BYTES_MAX) {
          scanner.pass(lines + 1);
          scanner.push(last.subarray(feed + 1));
          at = end;
          reading.progress(at * BLOCK_BYTES);
        }
      }
      await push(Math.min(blocks, Math.max(end, at) + 1));
    }
    for (let from = at * BLOCK_BYTES; ;) {
      const rest = await readAt(handle, from);
      if (rest.length === 0) return;
      scanner.push(rest);
      from += rest.length;
      await reading.drain();
    }
  } finally {
    search?.stop();
    await handle.close();
  }
}

/** Fewer bytes, or none: the file ends there, or was cut meanwhile. */
async function readAt(handle: FileHandle, from: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(BLOCK_BYTES), 0, BLOCK_BYTES, from);
  return buffer.subarray(0, bytesRead);
}

interface Search {
  /** The line feeds in a block in which nothing can begin; null: it has to be read. Waits until it is known. */
  linesOf: (block: number) => Promise<number | null>;
  stop: () => void;
}

function openSearch(file: string, blocks: number): Search {
  const results = new Int32Array(new SharedArrayBuffer(blocks * 4));
  const task: SearchTask = { file, blocks, taken: new Int32Array(new SharedArrayBuffer(4)), results };
  let running = 0;
  let wake: (() => void) | null = null;
  const workers = Array.from({ length: Math.min(SEARCHERS_MAX, availableParallelism()) }, () => {
    const worker = startThread('search-worker', task);
    running += 1;
    worker.on('message', () => wake?.());
    // A fault of the file is met again by whoever reads the block.
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      running -= 1;
      wake?.();
    });
    return worker;
  });

  return {
    linesOf: async (block) => {
      for (;;) {
        const result = Atomics.load(results, block);
        if (result > 0) return result - 1;
        if (result < 0 || running === 0) return null;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    stop: () => {
      for (const worker of workers) void worker.terminate();
    },
  };
}
