import type { Clock } from '../app/ports.ts';

/**
 * The machine's own clock; a sleep rejects as soon as its signal aborts. Not `node:timers/promises`: each sleep of that takes
 * three kilobytes (Node 24.21), and a thousand watched hosts have four under way each.
 */
export const systemClock: Clock = { nowMs: () => Date.now(), sleep };

/** Sleeps of so long end on a whole tenth of a second: what a thousand hosts wait for then wakes the process less often, and not all at once. */
const COARSE_MS = 10_000;
const COARSE_STEP_MS = 100;

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(givenUp(signal));
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, coarse(ms));
    function onAbort(): void {
      clearTimeout(timer);
      reject(givenUp(signal));
    }
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function coarse(ms: number): number {
  if (ms < COARSE_MS) return ms;
  const nowMs = performance.now();
  return Math.ceil((nowMs + ms) / COARSE_STEP_MS) * COARSE_STEP_MS - nowMs;
}

function givenUp(signal: AbortSignal | undefined): Error {
  return new Error('no longer sleeping', { cause: signal?.reason });
}
