import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../src/app/ports.ts';

export interface FakeClock extends Clock {
  /** Moves time on, waking each sleeper at its moment and letting what it does settle before the next. */
  advance: (ms: number) => Promise<void>;
  sleeperCount: () => number;
  /** Somebody sets it: what it shows jumps, sleeps go on. */
  step: (ms: number) => void;
}

interface Sleeper {
  atMs: number;
  wake: () => void;
}

/** Turns of the event loop in which work that was woken may go on: a store's transactions take some. */
const TURNS = 40;

/** A clock that tests move by hand. A sleep that is aborted ends at once, without a fault. */
export function fakeClock(startMs: number): FakeClock {
  let now = startMs;
  let stepMs = 0;
  const sleepers = new Set<Sleeper>();

  function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const sleeper = { atMs: now + ms, wake: done };
      function done(): void {
        sleepers.delete(sleeper);
        signal?.removeEventListener('abort', done);
        resolve();
      }
      if (signal?.aborted) return resolve();
      signal?.addEventListener('abort', done);
      sleepers.add(sleeper);
    });
  }

  async function settle(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn += 1) await setImmediate();
  }

  async function advance(ms: number): Promise<void> {
    const untilMs = now + ms;
    await settle();
    for (;;) {
      const next = [...sleepers].filter((sleeper) => sleeper.atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs)[0];
      if (!next) break;
      now = Math.max(now, next.atMs);
      next.wake();
      await settle();
    }
    now = untilMs;
  }

  return {
    nowMs: () => now + stepMs,
    sleep,
    advance,
    sleeperCount: () => sleepers.size,
    step: (ms) => {
      stepMs += ms;
    },
  };
}
