/**
 * Does `work` once `enter` has called what it is given, which ends with the work, or with `patience` if that is sooner: a place is held
 * for so long at most while the work goes on, and what hangs holds up nobody. Gives what the work gives.
 */
export async function inPlace<T>(
  enter: (hold: () => Promise<void>) => void,
  work: () => Promise<T>,
  patience: (signal: AbortSignal) => Promise<unknown>,
): Promise<T> {
  const started = Promise.withResolvers<{ result: Promise<T> }>();
  enter(async () => {
    const done = new AbortController();
    const result = work();
    started.resolve({ result });
    await Promise.race([result, patience(done.signal)].map((one) => one.catch(() => undefined)));
    // Without a reason it would make an error with a stack each time.
    done.abort('done');
  });
  return (await started.promise).result;
}
