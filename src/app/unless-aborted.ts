/** What a promise gives, or a rejection as soon as the signal aborts: what hangs on a host never holds up a shutdown. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  function onAbort(): void {
    aborted.reject(new Error('given up'));
  }
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
