import { afterEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/run/system-clock.ts';

afterEach(() => void vi.useRealTimers());

it('wakes those together who sleep long, nobody early and nobody much later', async () => {
  vi.useFakeTimers();
  const startedAt = performance.now();
  const ends: number[] = [];
  for (const ms of [30_110, 30_150, 30_199])
    void systemClock.sleep(ms).then(() => ends.push(performance.now() - startedAt));

  await vi.advanceTimersByTimeAsync(31_000);

  expect(new Set(ends).size).toBe(1);
  expect(ends).toHaveLength(3);
  expect(ends[0]).toBeGreaterThanOrEqual(30_199);
  expect(ends[0]).toBeLessThanOrEqual(30_299);
});

it('ends a short sleep when it was to end', async () => {
  vi.useFakeTimers();
  const startedAt = performance.now();
  const slept = systemClock.sleep(5_037).then(() => performance.now() - startedAt);

  await vi.advanceTimersByTimeAsync(6_000);

  expect(await slept).toBe(5_037);
});

it('gives up as soon as its signal aborts', async () => {
  const aborted = new AbortController();
  const slept = systemClock.sleep(60_000, aborted.signal);

  aborted.abort();

  await expect(slept).rejects.toThrow('no longer sleeping');
});
