import type { Incident } from '../incident/incident.ts';
import type { Leak } from '../incident/leak.ts';
import { changeBefore, killLoopOf, otherHostsOf, PATTERN_THRESHOLDS } from '../incident/pattern.ts';
import { recurrenceOf } from '../incident/recurrence.ts';
import { pastOf } from './service-past.ts';
import type { Store } from './store-port.ts';

const KILLS_MAX = 1_000;

/** What the record says about the past of an incident's service, for the rules of causes. */
export interface IncidentHistory {
  /** Earlier kills on this host, oldest first, without those of this incident. */
  recurrenceAtMs: number[];
  /** Minutes after midnight UTC, when it happens at one clock time on several days. */
  clockMinute: number | null;
  leak: Leak | null;
  /** Kills within ten minutes, this incident's own among them. 0: no loop. */
  loopCount: number;
  /** The last change shortly before its first kill, and what changed. */
  changedAtMs: number | null;
  changedWhat: string | null;
  /** Where else the same service died within the hour. */
  otherHosts: string[];
}

/** Looks an incident's past up. `changes`: deploys, packages, configuration, as far as they are known. */
export async function historyOf(
  store: Pick<Store, 'killTimes' | 'kills'>,
  incident: Incident,
  given: { nowMs: number; changes: readonly { atMs: number; what: string }[] },
): Promise<IncidentHistory> {
  const { host, service, firstAtMs, lastAtMs } = incident;
  const windowMs = PATTERN_THRESHOLDS.otherHostsWindowMs;
  const [here, everywhere] = await Promise.all([
    store.killTimes({ hosts: [host], service, sinceMs: null, untilMs: null, limit: KILLS_MAX }),
    store.killTimes({
      hosts: null,
      service,
      sinceMs: firstAtMs - windowMs,
      untilMs: firstAtMs + windowMs + 1,
      limit: KILLS_MAX,
    }),
  ]);
  const times = here.map((kill) => kill.atMs).toSorted((a, b) => a - b);
  const recurrenceAtMs = times.filter((atMs) => atMs < firstAtMs);
  const recurrence = recurrenceOf(times);
  const past =
    recurrence === null ? null : await pastOf(store, { host, service, sinceMs: null, recurrence }, given.nowMs);
  const change = changeBefore(firstAtMs, given.changes, recurrenceAtMs);
  return {
    recurrenceAtMs,
    clockMinute: recurrence?.clockMinute ?? null,
    leak: past?.leak ?? null,
    loopCount: killLoopOf(times.filter((atMs) => atMs <= lastAtMs)),
    changedAtMs: change?.atMs ?? null,
    changedWhat: change?.what ?? null,
    otherHosts: otherHostsOf({ host, service, atMs: firstAtMs }, everywhere),
  };
}
