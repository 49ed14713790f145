import type { LinkState, Watched } from '../app/host-link.ts';
import type { LedgerStore } from '../app/ledger.ts';
import type { WatchedHosts } from '../app/host-link.ts';

/** How a host is watched, and while it is not connected why not. `elsewhere`: by another process. */
type HostState = Watched['kind'] | Exclude<LinkState['kind'], 'connected'> | 'elsewhere';

export const NO_HOSTS: Readonly<Record<HostState, number>> = {
  watching: 0,
  starting: 0,
  waiting: 0,
  failed: 0,
  elsewhere: 0,
  connecting: 0,
  unreachable: 0,
  refused: 0,
  resting: 0,
};

export function stateOf(fleet: WatchedHosts, host: string): { state: HostState; sentence: string } {
  const { kind, sentence } = fleet.link(host)?.state() ?? { kind: 'connecting', sentence: '' };
  if (kind !== 'connected') return { state: kind, sentence };
  const watch = fleet.watchState(host);
  return { state: watch?.kind ?? 'elsewhere', sentence: watch?.sentence ?? '' };
}

export interface Health {
  ok: boolean;
  chat: boolean;
  record: boolean;
  hosts: { host: string; state: HostState; sentence: string }[];
}

/** Well: the record can be read, and the chat is connected. A host that is away is its own matter. */
export async function healthOf(fleet: WatchedHosts, store: LedgerStore, hasChat: boolean): Promise<Health> {
  const hasRecord = await store.queueLengths().then(
    () => true,
    () => false,
  );
  const hosts = fleet.hosts().map(({ name }) => ({ host: name, ...stateOf(fleet, name) }));
  return { ok: hasRecord && hasChat, chat: hasChat, record: hasRecord, hosts };
}
