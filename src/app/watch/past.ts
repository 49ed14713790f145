import type { Kill } from '../../incident/incident.ts';
import { serviceOf } from '../../incident/service.ts';
import { describePast, type PastKill } from '../../notice/incident/past-notice.ts';
import { newsFor } from '../deliveries.ts';
import { isHostMuted } from '../mute-target.ts';
import type { Clock, Log, Position } from '../ports.ts';
import type { Store } from '../store-port.ts';
import type { SaveQueue } from './save-queue.ts';

export interface PastWorld {
  store: Store;
  clock: Clock;
  channel: () => string;
  log: Log;
  saves: Pick<SaveQueue, 'add' | 'drained'>;
}

export interface Past {
  /** Kills from before the host was first watched are on record. */
  see: (kills: readonly Kill[]) => void;
  /** Tells of them, once for each host, when no more come. Until the signal aborts. */
  tell: (sinceMs: number, signal: AbortSignal) => Promise<void>;
}

/** A log is read back within seconds. */
const QUIET_MS = 15_000;
const WAIT_MAX_MS = 5 * 60_000;
const KILLS_MAX = 10_000;
/** Hosts that are added together are told of together: news are sent at the ends of such spans. */
const GATHER_MS = 15_000;
/** An uncertain time may lie before or after a moment; what is read first on a host is the past then. */
const CERTAIN_MS = 10_000;
const FIRST_READ_MS = 10 * 60_000;

const SOURCE = 'past';
/** When the host was first watched, kept with its positions: what died before that is the past for ever. */
const WATCHED_SINCE = 'watched-since';
/** Kept with the positions of a host that is watched for the first time, until its past was told. */
const PAST_DUE: Position = { source: SOURCE, value: 'due' };
const PAST_TOLD: Position = { source: SOURCE, value: 'told' };

/** Since when a host with these positions is watched; null: it is not yet. */
export function watchedSince(positions: readonly Position[]): number | null {
  const known = Number(positions.find((position) => position.source === WATCHED_SINCE)?.value);
  return known > 0 ? known : null;
}

/** Since when a host with these positions is watched; `toSave`: it is from now on. */
export function beginWatching(positions: readonly Position[], nowMs: number): { sinceMs: number; toSave: Position[] } {
  const known = watchedSince(positions);
  if (known !== null) return { sinceMs: known, toSave: [] };
  return { sinceMs: nowMs, toSave: [{ source: WATCHED_SINCE, value: String(nowMs) }, PAST_DUE] };
}

/** Whether this died before its host was first watched: it is told as the past, whatever its age. */
export function isPast({ atMs, atErrorMs, seenAtMs, source }: Kill, watchedSinceMs: number): boolean {
  // The kernel's counter is read from the first look on.
  if (source === 'counter') return false;
  // Our clock was set back since: what was seen as it happened is news.
  if (seenAtMs < watchedSinceMs) return atMs < seenAtMs - FIRST_READ_MS;
  if (atMs + atErrorMs < watchedSinceMs) return true;
  return atErrorMs > CERTAIN_MS && seenAtMs < watchedSinceMs + FIRST_READ_MS && atMs - atErrorMs < watchedSinceMs;
}

/** What happened on a host before the bot first watched it. */
export function openPast(host: string, { store, clock, log, channel, saves }: PastWorld): Past {
  const seen: PastKill[] = [];
  let seenAtMs = 0;

  function see(kills: readonly Kill[]): void {
    if (kills.length > 0) seenAtMs = clock.nowMs();
    for (const kill of kills)
      if (kill.record.outcome === 'killed' && seen.length < KILLS_MAX)
        seen.push({ service: serviceOf(kill), atMs: kill.atMs });
  }

  async function tell(sinceMs: number, signal: AbortSignal): Promise<void> {
    try {
      await saves.drained();
      await tellOnce(await store.positions(host), sinceMs, signal);
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error, host }, 'Kills from before a host was watched were not told');
    }
  }

  async function tellOnce(positions: readonly Position[], sinceMs: number, signal: AbortSignal): Promise<void> {
    if (positions.every(({ source, value }) => source !== SOURCE || value !== PAST_DUE.value)) return;
    const untilMs = clock.nowMs() + WAIT_MAX_MS;
    do await clock.sleep(QUIET_MS, signal);
    while (!signal.aborted && clock.nowMs() - seenAtMs < QUIET_MS && clock.nowMs() < untilMs);
    if (signal.aborted) return;
    const isMuted = isHostMuted(await store.mutes(clock.nowMs()), host);
    const kills = [...(await onRecord(sinceMs)), ...seen.filter((kill) => kill.atMs >= sinceMs)];
    const notice = isMuted ? null : describePast(host, kills);
    const gatheredMs = Math.ceil(clock.nowMs() / GATHER_MS) * GATHER_MS;
    saves.add({
      positions: [PAST_TOLD],
      deliveries: notice === null ? [] : [newsFor(channel(), { notice }, gatheredMs)],
    });
  }

  /** Also those that a process before this one read. */
  function onRecord(untilMs: number): Promise<PastKill[]> {
    return store.killTimes({ hosts: [host], service: null, sinceMs: null, untilMs, limit: KILLS_MAX });
  }

  return { see, tell };
}
