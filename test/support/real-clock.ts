import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../../src/app/ports.ts';

/** The machine's own clock, for tests that talk over sockets. */
export const realClock: Clock = {
  nowMs: () => Date.now(),
  sleep: async (ms, signal) => {
    await setTimeout(ms, undefined, signal ? { signal, ref: false } : { ref: false });
  },
};
