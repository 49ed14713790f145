import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { ANCHOR_BYTES, countLineFeeds, openAnchorSearch } from '../oom/report/anchors.ts';
import { BLOCK_BYTES, type SearchTask } from './search-ahead.ts';

// A thread that looks through blocks of a large file (search-ahead.ts): those in which nothing can begin, and how many lines they have.

const BLOCKS_AT_ONCE = 8;
/** An anchor may begin at the end of the block before. */
const OVERLAP = ANCHOR_BYTES - 1;

const { file, blocks, taken, results } = workerData as SearchTask;
const anchors = openAnchorSearch();
const bytes = Buffer.allocUnsafe(OVERLAP + BLOCKS_AT_ONCE * BLOCK_BYTES);

function look(from: number, to: number, before: number): number {
  return anchors.next(bytes, from - before, to) >= 0 ? -1 : countLineFeeds(bytes, from, to) + 1;
}

const handle = openSync(file, 'r');
try {
  for (;;) {
    const first = Atomics.add(taken, 0, BLOCKS_AT_ONCE);
    if (first >= blocks) break;
    const before = first === 0 ? 0 : OVERLAP;
    const count = Math.min(BLOCKS_AT_ONCE, blocks - first);
    const length = before + count * BLOCK_BYTES;
    const read = readSync(handle, bytes, 0, length, first * BLOCK_BYTES - before);
    for (let block = 0; block < count; block += 1) {
      const from = before + block * BLOCK_BYTES;
      const isThere = from + BLOCK_BYTES <= read;
      Atomics.store(
        results,
        first + block,
        isThere ? look(from, from + BLOCK_BYTES, first + block === 0 ? 0 : OVERLAP) : -1,
      );
    }
    parentPort?.postMessage(null);
  }
} finally {
  closeSync(handle);
}
