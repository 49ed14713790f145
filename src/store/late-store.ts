import type { Clock } from '../app/ports.ts';
import type { Store } from '../app/store-port.ts';

/** A start waits no longer than this for a server that says nothing. */
const START_WAITS_MS = 3_000;
const AGAIN_MS = 2_000;

export interface LateStore {
  store: Store;
  /** Resolves when the store is open, at the latest when it is closed. null: it was at once. */
  opened: Promise<void> | null;
}

/**
 * Opens a store or, while its server is away, gives one that is opened later: until then all that is asked of it fails with the
 * reason. What else is wrong at the first try is thrown; afterwards it is told (`onFault`, each reason once in a row) and tried again.
 */
export async function openLate(
  open: () => Promise<Store>,
  { clock, isAway, onFault }: { clock: Clock; isAway: (error: unknown) => boolean; onFault: (error: unknown) => void },
): Promise<LateStore> {
  const closing = new AbortController();
  let store: Store | null = null;
  // A code of the system, as of a lost connection.
  let fault: unknown = new Error('The database does not answer.', {
    cause: Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }),
  });

  async function tryOnce(): Promise<'open' | 'away'> {
    try {
      store = await open();
      return 'open';
    } catch (error) {
      fault = error;
      if (!isAway(error)) throw error;
      return 'away';
    }
  }

  const first = tryOnce();
  const atStart = await Promise.race([first, clock.sleep(START_WAITS_MS, closing.signal).then(() => 'away' as const)]);
  const opened = atStart === 'open' ? null : keepTrying();

  async function keepTrying(): Promise<void> {
    let said = '';
    for (let tried = first; ; tried = tryOnce()) {
      const found = await tried.catch(() => 'away' as const);
      if (found === 'open') return;
      const reason = String(fault);
      if (reason !== said) onFault(fault);
      said = reason;
      await clock.sleep(AGAIN_MS, closing.signal).catch(() => undefined);
      if (closing.signal.aborted) return;
    }
  }

  async function close(): Promise<void> {
    closing.abort();
    await opened;
    await store?.close();
  }

  const late = new Proxy<Partial<Store>>(
    {},
    {
      get: (_, name) => {
        if (name === 'close') return close;
        if (name === 'takeRefusal') return () => store?.takeRefusal() ?? null;
        // It is no promise, whoever awaits it.
        if (name === 'then') return undefined;
        return (...given: unknown[]): unknown => {
          if (store === null) return Promise.reject(fault as Error);
          return (Reflect.get(store, name) as (...given: unknown[]) => unknown)(...given);
        };
      },
    },
  );
  return { store: atStart === 'open' && store !== null ? store : (late as Store), opened };
}
