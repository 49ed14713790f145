import { expect, it } from 'vitest';
import { openLooks } from '../../src/app/watch/looks.ts';
import { fakeClock } from '../support/fake-clock.ts';

const HOSTS = 100;

it('looks at few hosts at a time, and those that hang keep nobody waiting for long', async () => {
  const clock = fakeClock(0);
  const { whenThereIsRoom } = openLooks(clock);
  const { signal } = new AbortController();
  const hangs = Array.from({ length: 30 }, () => whenThereIsRoom(() => new Promise<never>(() => {}), signal));
  let underWay = 0;
  let most = 0;
  let done = 0;
  for (let host = 0; host < HOSTS; host += 1)
    void whenThereIsRoom(async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await clock.sleep(100);
      underWay -= 1;
      done += 1;
    }, signal);

  await clock.advance(10_000);

  expect(hangs).toHaveLength(30);
  expect(done).toBe(HOSTS);
  expect(most).toBeLessThanOrEqual(12);
});

it('gives what a look gives, passes on its fault, and leaves out what nobody wants any more', async () => {
  const { whenThereIsRoom } = openLooks(fakeClock(0));
  const leave = new AbortController();

  expect(await whenThereIsRoom(async () => 42, leave.signal)).toBe(42);
  await expect(whenThereIsRoom(() => Promise.reject(new Error('no answer')), leave.signal)).rejects.toThrow(
    'no answer',
  );
  leave.abort();
  let looked = false;
  await expect(whenThereIsRoom(async () => (looked = true), leave.signal)).rejects.toThrow();
  expect(looked).toBe(false);
});
