import { setImmediate as immediate } from 'node:timers/promises';

/** The longest that one host's lines keep the event loop at a stretch. */
const SHARE_MS = 4;
/** Lines of all hosts together that may wait in memory before each may have only little. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
const HOST_BYTES_MAX = 4 * 1024 * 1024;
const HOST_BYTES_TIGHT = 64 * 1024;

/** What the hosts share: the time of the event loop, and the memory for lines that wait. */
export interface Turns {
  /** When a piece of work that begins now must let others on. */
  endMs: () => number;
  isOver: (endMs: number) => boolean;
  /** Calls again, in turn with the others, until it gives false; between two calls everything else runs. */
  share: (work: () => boolean) => void;
  /** More (or, below 0, fewer) bytes wait. */
  waits: (bytes: number) => void;
  /** How many bytes one host may have waiting. */
  allowance: () => number;
}

export function openTurns(): Turns {
  const working = new Set<() => boolean>();
  let isRunning = false;
  let waiting = 0;

  async function run(): Promise<void> {
    isRunning = true;
    for (let [next] = working; next !== undefined; [next] = working) {
      await immediate();
      working.delete(next);
      if (next()) working.add(next);
    }
    isRunning = false;
  }

  return {
    endMs: () => performance.now() + SHARE_MS,
    isOver: (endMs) => performance.now() >= endMs,
    share: (work) => {
      working.add(work);
      if (!isRunning) void run();
    },
    waits: (bytes) => {
      waiting += bytes;
    },
    allowance: () => (waiting > WAITING_BYTES_MAX ? HOST_BYTES_TIGHT : HOST_BYTES_MAX),
  };
}
