import { availableParallelism } from 'node:os';
import { readLog } from './read-log.ts';
import { UnreadableInput, type Reading } from './reading.ts';
import { openThreads, THREADS_MAX, WORTH_A_THREAD_BYTES, type Job } from './threads.ts';

/** A file that is read: what it held comes in the order of the files. */
export interface FileReading {
  file: string;
  /** Reads it to its end, as `readLog` does. */
  read: (reading: Reading) => Promise<void>;
}

/** The files as they are to be printed, one after the other; several large ones are read at once on the cores there are. */
export function readFiles(files: readonly string[], sizeOf: (file: string) => number): FileReading[] {
  const isLarge = files.map((file) => file !== '-' && sizeOf(file) >= WORTH_A_THREAD_BYTES);
  const large = isLarge.filter(Boolean).length;
  const threadCount = Math.min(THREADS_MAX, availableParallelism(), large);
  if (threadCount < 2) return files.map((file) => ({ file, read: (reading) => readLog(file, reading) }));
  const threads = openThreads(threadCount);
  /** By their place among the files: one may be named twice. */
  const running = new Map<number, Job>();
  let begun = 0;
  let left = large;

  /** The next files begin while the ones before are still printed. */
  function startMore(): void {
    for (; begun < files.length && running.size < threadCount; begun += 1) {
      const file = files[begun];
      if (file !== undefined && isLarge[begun] === true) running.set(begun, threads.start({ kind: 'file', file }));
    }
  }

  async function readInThread(at: number, reading: Reading): Promise<void> {
    startMore();
    const job = running.get(at);
    if (job === undefined) throw new Error('the files are read in their order');
    for (;;) {
      const end = await threads.handOn(job, reading);
      if (end !== null) {
        running.delete(at);
        left -= 1;
        startMore();
        if (left === 0) threads.stop();
        if (end.fault !== null) throw new UnreadableInput(end.fault);
        return;
      }
      await threads.news();
    }
  }

  return files.map((file, at) => ({
    file,
    read: async (reading) => {
      if (isLarge[at] !== true) return readLog(file, reading);
      try {
        await readInThread(at, reading);
      } catch (error) {
        // Nobody reads on: the output is closed, or a thread has failed.
        if (!(error instanceof UnreadableInput)) threads.stop();
        throw error;
      }
    },
  }));
}
