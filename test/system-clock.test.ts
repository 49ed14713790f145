import { afterEach, expect, it, vi } from 'vitest';
import { systemClock } from '../src/system-clock.ts';

afterEach(() => void vi.useRealTimers());

/** When a sleep that begins after `startMs` ends. */
async function endOf(startMs: number, ms: number): Promise<number> {
  vi.useFakeTimers();
  await vi.advanceTimersByTimeAsync(startMs);
  const startedAt = performance.now();
  const slept = systemClock.sleep(ms).then(() => performance.now() - startedAt);
  await vi.advanceTimersByTimeAsync(ms + 1_000);
  return startMs + (await slept);
}

it('wakes those together who sleep long, and nobody early', async () => {
  const ends = [await endOf(100, 30_000), await endOf(400, 30_000), await endOf(900, 29_500)];

  expect(new Set(ends.map((end) => end - (ends[0] ?? 0)))).toEqual(new Set([0]));
  expect(ends[0]).toBeGreaterThanOrEqual(30_900 - 500);
  expect(ends[0]).toBeLessThanOrEqual(31_100);
});

it('ends a short sleep when it was to end', async () => {
  expect(await endOf(123, 5_000)).toBe(5_123);
});

it('gives up as soon as its signal aborts', async () => {
  const aborted = new AbortController();
  const slept = systemClock.sleep(60_000, aborted.signal);

  aborted.abort();

  await expect(slept).rejects.toThrow('no longer sleeping');
});
