import type { HostFacts } from '../host-link.ts';
import type { Clock, Log } from '../ports.ts';
import type { Store } from '../store-port.ts';

/** Gives the name that the machine had before, when its records came along just now; null: it is known by this name, or new. */
export async function recogniseHost(
  host: string,
  { bootId, hostKey }: HostFacts,
  { store, clock, log, configured }: { store: Store; clock: Clock; log: Log; configured: readonly string[] },
): Promise<string | null> {
  // One of them is not enough: containers share a boot, and machines that were cloned a key.
  if (bootId === null || hostKey === undefined || hostKey === null) return null;
  try {
    const formerly = await store.noteMachine({ host, bootId, hostKey, atMs: clock.nowMs() }, configured);
    if (formerly !== null) log.warn({ host, formerly }, 'A host has a new name; its history came along');
    return formerly;
  } catch (error) {
    // A record that takes no writes must not keep a host from being watched.
    log.warn({ err: error, host }, 'Which machine a host is could not be noted');
    return null;
  }
}
