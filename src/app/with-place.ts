/**
 * Waits for a place, then does `work`. The place is given back when the work ends, or when `patience` does if that is sooner: the work goes
 * on, and what hangs keeps nobody waiting. `queue` calls what it is given when there is a place, which is free again once that resolves.
 */
export async function withPlace<T>(
  queue: (hold: () => Promise<void>) => void,
  work: () => Promise<T>,
  patience: (signal: AbortSignal) => Promise<unknown>,
): Promise<T> {
  const started = Promise.withResolvers<{ result: Promise<T> }>();
  queue(async () => {
    const done = new AbortController();
    const result = work();
    started.resolve({ result });
    await Promise.race([result, patience(done.signal)].map((one) => one.catch(() => undefined)));
    // Without a reason it would make an error with a stack each time.
    done.abort('done');
  });
  return (await started.promise).result;
}
