import { availableParallelism } from 'node:os';
import { readLog } from './read-log.ts';
import { UnreadableInput, type Reading } from './reading.ts';
import { openThreads, type Job } from './threads.ts';

/** A file that is read: what it held comes in the order of the files. */
export interface FileReading {
  file: string;
  /** Reads it to its end, as `readLog` does. */
  read: (reading: Reading) => Promise<void>;
}

const THREADS_MAX = 8;
/** Starting a thread takes as long as reading so much. */
const WORTH_A_THREAD_BYTES = 8_000_000;

/** The files as they are to be printed, one after the other; several large ones are read at once on the cores there are. */
export function readFiles(files: readonly string[], sizeOf: (file: string) => number): FileReading[] {
  const large = files.filter((file) => file !== '-' && sizeOf(file) >= WORTH_A_THREAD_BYTES);
  const threadCount = Math.min(THREADS_MAX, availableParallelism(), large.length);
  if (threadCount < 2) return files.map((file) => ({ file, read: (reading) => readLog(file, reading) }));
  const threads = openThreads(threadCount);
  const waiting = new Set(large);
  const running = new Map<string, Job>();

  function start(file: string): Job {
    waiting.delete(file);
    const job = threads.start({ kind: 'file', file });
    running.set(file, job);
    return job;
  }

  /** The next files begin while the ones before are still printed. */
  function startMore(): void {
    for (const file of waiting) {
      if (running.size >= threadCount) return;
      start(file);
    }
  }

  async function readInThread(file: string, reading: Reading): Promise<void> {
    startMore();
    const job = running.get(file) ?? start(file);
    for (;;) {
      const end = await threads.handOn(job, reading);
      if (end !== null) {
        running.delete(file);
        startMore();
        if (running.size === 0) threads.stop();
        if (end.fault !== null) throw new UnreadableInput(end.fault);
        return;
      }
      await threads.news();
    }
  }

  return files.map((file) => ({
    file,
    read: async (reading) => {
      if (!large.includes(file)) return readLog(file, reading);
      try {
        await readInThread(file, reading);
      } catch (error) {
        // Nobody reads on: the output is closed, or a thread has failed.
        if (!(error instanceof UnreadableInput)) threads.stop();
        throw error;
      }
    },
  }));
}
