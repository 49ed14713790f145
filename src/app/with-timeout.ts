import type { Clock } from './ports.ts';

/** What `work` gives, or `late` when it took longer. Its signal aborts as soon as nobody waits any more. */
export async function withTimeout<T>(
  clock: Clock,
  limitMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<{ kind: 'done'; value: T } | { kind: 'late' }> {
  const stop = new AbortController();
  try {
    return await Promise.race([
      work(stop.signal).then((value) => ({ kind: 'done' as const, value })),
      clock.sleep(limitMs, stop.signal).then(() => ({ kind: 'late' as const })),
    ]);
  } finally {
    stop.abort('done');
  }
}
