import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { KillRecord } from '../oom/report.ts';
import type { Reading, ZipPlace } from './reading.ts';

// Threads that read logs (read-worker.ts). Each reads one input after the other; whoever started them prints in the order that it wants.

export const THREADS_MAX = 8;
/** Starting a thread takes as long as reading so much. */
export const WORTH_A_THREAD_BYTES = 8_000_000;

/** The same file is TypeScript in the sources and JavaScript in the package. */
export function startThread(script: 'read-worker' | 'search-worker', workerData?: unknown): Worker {
  return new Worker(new URL(`./${script}${path.extname(import.meta.filename)}`, import.meta.url), { workerData });
}

/** What a thread is to read: a file, a member of a zip, or bytes that are sent in pieces. */
export type Source =
  { kind: 'file'; file: string } | { kind: 'zip'; place: ZipPlace; name: string } | { kind: 'pieces'; name: string };

export type ToThread =
  | { kind: 'read'; job: number; source: Source }
  | { kind: 'piece'; bytes: Uint8Array }
  /** No further piece; `fault`: there should have been more. */
  | { kind: 'close'; fault: string | null }
  | { kind: 'printed'; count: number };

export type FromThread = { job: number } & (
  | { kind: 'found'; records: KillRecord[]; member: string | null }
  | { kind: 'progress'; bytes: number }
  | { kind: 'taken'; bytes: number }
  | Ended
);

interface Ended {
  kind: 'end';
  /** False: there is no text in it. */
  isText: boolean;
  fault: string | null;
}

export interface Job {
  id: number;
  thread: Thread;
  /** What came of it and was not handed on yet. */
  messages: FromThread[];
}

interface Thread {
  worker: Worker;
  jobs: number;
  /** Sent and not read yet. */
  waitingBytes: number;
}

export interface Threads {
  /** Begins an input in the thread that has least to do. */
  start: (source: Source) => Job;
  /** Sends the next bytes of a job; they are the thread's from then on. */
  send: (job: Job, bytes: Uint8Array<ArrayBuffer>) => void;
  close: (job: Job, fault: string | null) => void;
  /** Sent to all threads and not read yet. */
  waitingBytes: () => number;
  /** Waits for any news; throws when a thread has failed. */
  news: () => Promise<void>;
  /** Hands on what came of a job; null: it has not ended yet. */
  handOn: (job: Job, reading: Reading) => Promise<Ended | null>;
  stop: () => void;
}

/** Starts threads as they are needed, `most` at most. */
export function openThreads(most: number): Threads {
  const threads: Thread[] = [];
  const jobs = new Map<number, Job>();
  let started = 0;
  let fault: Error | null = null;
  let isStopped = false;
  let wake: (() => void) | null = null;

  function idlest(): Thread {
    const least = threads.toSorted((a, b) => a.waitingBytes - b.waitingBytes || a.jobs - b.jobs)[0];
    return least !== undefined && (least.jobs === 0 || threads.length >= most) ? least : open();
  }

  function open(): Thread {
    const worker = startThread('read-worker');
    const thread: Thread = { worker, jobs: 0, waitingBytes: 0 };
    worker.on('message', (message: FromThread) => {
      take(thread, message);
      wake?.();
    });
    worker.on('error', (error) => {
      fault = error instanceof Error ? error : new Error(String(error));
      wake?.();
    });
    worker.on('exit', () => {
      if (!isStopped) fault ??= new Error('a thread ended before its work did');
      wake?.();
    });
    threads.push(thread);
    return thread;
  }

  function take(thread: Thread, message: FromThread): void {
    if (message.kind === 'taken') {
      thread.waitingBytes -= message.bytes;
      return;
    }
    const job = jobs.get(message.job);
    if (message.kind === 'end') {
      thread.jobs -= 1;
      jobs.delete(message.job);
    }
    if (message.kind === 'progress' && job?.messages.at(-1)?.kind === 'progress') job.messages.pop();
    job?.messages.push(message);
  }

  function post({ worker }: Thread, message: ToThread, transfer: ArrayBuffer[] = []): void {
    worker.postMessage(message, transfer);
  }

  return {
    start: (source) => {
      const job: Job = { id: (started += 1), thread: idlest(), messages: [] };
      job.thread.jobs += 1;
      jobs.set(job.id, job);
      post(job.thread, { kind: 'read', job: job.id, source });
      return job;
    },
    send: ({ thread }, bytes) => {
      thread.waitingBytes += bytes.length;
      post(thread, { kind: 'piece', bytes }, [bytes.buffer]);
    },
    close: ({ thread }, reason) => post(thread, { kind: 'close', fault: reason }),
    waitingBytes: () => threads.reduce((sum, { waitingBytes }) => sum + waitingBytes, 0),
    news: async () => {
      if (fault === null) await new Promise<void>((resolve) => (wake = resolve));
      if (fault !== null) throw fault;
    },
    handOn: async ({ thread, messages }, reading) => {
      for (let message = messages.shift(); message !== undefined; message = messages.shift()) {
        if (message.kind === 'end') return message;
        if (message.kind === 'progress') reading.progress(message.bytes);
        if (message.kind !== 'found') continue;
        reading.found(message.records, message.member);
        await reading.drain();
        post(thread, { kind: 'printed', count: message.records.length });
      }
      return null;
    },
    stop: () => {
      isStopped = true;
      for (const { worker } of threads) void worker.terminate();
    },
  };
}
