import type { Clock } from './app/ports.ts';

/**
 * The machine's own clock; a sleep rejects as soon as its signal aborts. Not `node:timers/promises`: each sleep of that takes
 * three kilobytes (Node 24.21), and a thousand watched hosts have four under way each.
 */
export const systemClock: Clock = { nowMs: () => Date.now(), sleep };

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(givenUp(signal));
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    function onAbort(): void {
      clearTimeout(timer);
      reject(givenUp(signal));
    }
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function givenUp(signal: AbortSignal | undefined): Error {
  return new Error('no longer sleeping', { cause: signal?.reason });
}
