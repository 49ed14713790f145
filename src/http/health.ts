import type { LinkState, Watched, WatchedHosts } from '../app/host-link.ts';
import type { LedgerStore } from '../app/ledger.ts';
import type { RecordFault, RecordWatch } from '../app/tell/record-watch.ts';

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
  /** The socket to Slack is up. */
  chat: boolean;
  /** When Slack last took a message; null: not since the start. */
  lastSentAtMs: number | null;
  /** Since when the oldest incident waits that its channel was not told of; null: there is none, or the database does not say. */
  untoldSinceMs: number | null;
  /** The database can be read and written: something was written to find out. */
  record: boolean;
  /** Since when, and why, it cannot be written; null: it can. */
  recordFault: RecordFault | null;
  /** `lastLineAtMs`: when its log last said something; null: not since it is watched. */
  hosts: { host: string; state: HostState; sentence: string; lastLineAtMs: number | null }[];
}

export interface ChatHealth {
  isConnected: () => boolean;
  lastSentAtMs: () => number | null;
}

/** Well: the record can be read and written, and the chat is connected. A host that is away is its own matter. */
export async function healthOf(
  fleet: WatchedHosts,
  store: Pick<LedgerStore, 'queueLengths'>,
  recordWatch: Pick<RecordWatch, 'fault'>,
  chat: ChatHealth,
): Promise<Health> {
  const queues = await store.queueLengths().catch(() => null);
  const recordFault = await recordWatch.fault();
  const untold = (queues ?? []).flatMap(({ untoldSinceMs }) => untoldSinceMs ?? []);
  const record = queues !== null && recordFault === null;
  return {
    ok: record && chat.isConnected(),
    chat: chat.isConnected(),
    lastSentAtMs: chat.lastSentAtMs(),
    untoldSinceMs: untold.length === 0 ? null : Math.min(...untold),
    record,
    recordFault,
    hosts: fleet.hosts().map(({ name }) => ({
      host: name,
      ...stateOf(fleet, name),
      lastLineAtMs: fleet.watchState(name)?.lastLineAtMs ?? null,
    })),
  };
}
