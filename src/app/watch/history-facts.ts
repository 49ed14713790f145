import type { HistoryFacts } from '../../cause/history-facts.ts';
import type { Incident } from '../../incident/incident.ts';
import { changeBefore, killLoopOf, otherHostsOf, PATTERN_THRESHOLDS } from '../../incident/pattern.ts';
import { recurrenceOf } from '../../incident/recurrence.ts';
import { pastOf } from '../service-past.ts';
import type { KillStore } from '../store-port.ts';

const KILLS_MAX = 1_000;

/** Looks an incident's past up. `changes`: deploys, packages, configuration, as far as they are known. */
export async function historyOf(
  store: KillStore,
  incident: Incident,
  given: { nowMs: number; changes: readonly { atMs: number; what: string }[] },
): Promise<HistoryFacts> {
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
