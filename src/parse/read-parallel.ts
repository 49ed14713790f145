import { availableParallelism } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { KillRecord } from '../oom/report.ts';
import { readLog, UnreadableInput, type Reading } from './read-log.ts';

export type FromWorker =
  | { kind: 'found'; records: KillRecord[]; member: string | null }
  | { kind: 'progress'; bytes: number }
  | { kind: 'end'; fault: string | null };

/** A file that is read: what it held comes in the order of the files. */
export interface FileReading {
  file: string;
  /** Reads it to its end, as `readLog` does. */
  read: (reading: Reading) => Promise<void>;
}

const WORKERS_MAX = 8;
/** A thread whose file is not printed yet waits at so many records. */
const UNREAD_MAX = 5_000;
/** Starting a thread takes as long as reading so much. */
const WORTH_A_THREAD_BYTES = 8_000_000;

/** The files as they are to be printed, one after the other; several large ones are read at once on the cores there are. */
export function readFiles(files: readonly string[], sizeOf: (file: string) => number): FileReading[] {
  const large = files.filter((file) => file !== '-' && sizeOf(file) >= WORTH_A_THREAD_BYTES);
  const workerCount = Math.min(WORKERS_MAX, availableParallelism(), large.length);
  if (workerCount < 2) return files.map((file) => ({ file, read: (reading) => readLog(file, reading) }));
  const waiting = new Set(large);
  const running = new Map<string, Running>();

  /** The next files begin while the ones before are still printed. */
  function startMore(): void {
    for (const file of waiting) {
      if (running.size >= workerCount) return;
      waiting.delete(file);
      running.set(file, start(file));
    }
  }

  return files.map((file) => ({
    file,
    read: async (reading) => {
      if (!large.includes(file)) return readLog(file, reading);
      startMore();
      const own = running.get(file) ?? start(file);
      waiting.delete(file);
      try {
        await own.printTo(reading);
      } catch (error) {
        // Nobody reads on: the output is closed, or a thread has failed.
        if (!(error instanceof UnreadableInput)) for (const one of running.values()) one.stop();
        throw error;
      } finally {
        running.delete(file);
      }
      startMore();
    },
  }));
}

interface Running {
  printTo: (reading: Reading) => Promise<void>;
  stop: () => void;
}

function start(file: string): Running {
  // The same file is TypeScript in the sources and JavaScript in the package.
  const script = new URL(`./read-worker${path.extname(import.meta.filename)}`, import.meta.url);
  const worker = new Worker(script, { workerData: { file, unreadMax: UNREAD_MAX } });
  const messages: FromWorker[] = [];
  let fault: Error | null = null;
  let wake: (() => void) | null = null;
  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'progress' && messages.at(-1)?.kind === 'progress') messages.pop();
    messages.push(message);
    wake?.();
  });
  worker.on('error', (error) => {
    fault = error instanceof Error ? error : new Error(String(error));
    wake?.();
  });

  async function next(): Promise<FromWorker> {
    for (let message = messages.shift(); ; message = messages.shift()) {
      if (message !== undefined) return message;
      if (fault !== null) throw fault;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  return {
    stop: () => void worker.terminate(),
    printTo: async (reading) => {
      for (let message = await next(); ; message = await next()) {
        if (message.kind === 'progress') reading.progress(message.bytes);
        else if (message.kind === 'found') {
          reading.found(message.records, message.member);
          await reading.drain();
          worker.postMessage(message.records.length);
        } else if (message.fault === null) return;
        else throw new UnreadableInput(message.fault);
      }
    },
  };
}
