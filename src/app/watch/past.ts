import type { Kill } from '../../incident/incident.ts';
import { serviceOf } from '../../incident/service.ts';
import { describePast, type PastKill } from '../../notice/incident/past-notice.ts';
import type { Clock, NewDelivery, Position } from '../ports.ts';
import { writeReply } from '../reply-body.ts';
import type { Store } from '../store-port.ts';
import type { ToSave } from './save-queue.ts';

export interface PastWorld {
  store: Store;
  clock: Clock;
  channel: () => string;
  save: (what: ToSave) => void;
}

export interface Past {
  /** Kills from before the host was first watched are on record. */
  see: (kills: readonly Kill[]) => void;
  /** Tells of them, once for each host, when no more come. Until the signal aborts. */
  tell: (positions: readonly Position[], sinceMs: number, signal: AbortSignal) => Promise<void>;
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
/** Kept with the positions of a host that is watched for the first time, until its past was told. */
export const PAST_DUE: Position = { source: SOURCE, value: 'due' };
const PAST_TOLD: Position = { source: SOURCE, value: 'told' };

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
export function openPast(host: string, { store, clock, channel, save }: PastWorld): Past {
  const seen: PastKill[] = [];
  let seenAtMs = 0;

  function see(kills: readonly Kill[]): void {
    if (kills.length > 0) seenAtMs = clock.nowMs();
    for (const kill of kills)
      if (kill.record.outcome === 'killed' && seen.length < KILLS_MAX)
        seen.push({ service: serviceOf(kill), atMs: kill.atMs });
  }

  async function tell(positions: readonly Position[], sinceMs: number, signal: AbortSignal): Promise<void> {
    if (positions.every(({ source, value }) => source !== SOURCE || value !== PAST_DUE.value)) return;
    const untilMs = clock.nowMs() + WAIT_MAX_MS;
    do await clock.sleep(QUIET_MS, signal);
    while (!signal.aborted && clock.nowMs() - seenAtMs < QUIET_MS && clock.nowMs() < untilMs);
    if (signal.aborted) return;
    const isMuted = (await store.mutes(clock.nowMs())).some((mute) => mute.target === host);
    const kills = [...(await onRecord(sinceMs)), ...seen.filter((kill) => kill.atMs >= sinceMs)];
    const notice = isMuted ? null : describePast(host, kills);
    save({ positions: [PAST_TOLD], deliveries: notice === null ? [] : [news(writeReply({ notice, upToKill: null }))] });
  }

  /** Also those that a process before this one read. */
  function onRecord(untilMs: number): Promise<PastKill[]> {
    return store.killTimes({ hosts: [host], service: null, sinceMs: null, untilMs, limit: KILLS_MAX });
  }

  function news(body: string): NewDelivery {
    const notBeforeMs = Math.ceil(clock.nowMs() / GATHER_MS) * GATHER_MS;
    return { incidentId: '', channel: channel(), kind: 'news', body, notBeforeMs };
  }

  return { see, tell };
}
