import type { HistoryFacts } from '../../cause/history-facts.ts';
import type { Incident } from '../../incident/incident.ts';
import { changeBefore, killLoopOf, otherHostsOf, PATTERN_THRESHOLDS } from '../../incident/pattern.ts';
import { recurrenceOf } from '../../incident/recurrence.ts';
import { pastOf } from '../service-past.ts';
import type { KillStore } from '../store-port.ts';

const KILLS_MAX = 1_000;
/** More hosts than these are no longer looked at one by one. */
const HOSTS_COMPARED = 20;
const KILLS_COMPARED = 5;

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
    clockMinute: recurrence?.clockMinutes[0] ?? null,
    clockMinutes: recurrence?.clockMinutes ?? [],
    isDaily: recurrence?.isDaily ?? false,
    leak: past?.leak ?? null,
    loopCount: killLoopOf(times.filter((atMs) => atMs <= lastAtMs)),
    changedAtMs: change?.atMs ?? null,
    changedWhat: change?.what ?? null,
    otherHosts: await otherMachines(store, incident, otherHostsOf({ host, service, atMs: firstAtMs }, everywhere)),
  };
}

/** Without those that are this very machine under another name: one boot is one machine. */
async function otherMachines(store: KillStore, incident: Incident, hosts: readonly string[]): Promise<string[]> {
  const { service, firstAtMs } = incident;
  const boots = new Set(incident.kills.flatMap(({ bootId }) => bootId ?? []));
  const span = {
    sinceMs: firstAtMs - PATTERN_THRESHOLDS.otherHostsWindowMs,
    untilMs: firstAtMs + PATTERN_THRESHOLDS.otherHostsWindowMs + 1,
  };
  const others: string[] = [];
  for (const [at, host] of hosts.entries()) {
    const kills =
      at < HOSTS_COMPARED ? await store.kills({ hosts: [host], service, ...span, limit: KILLS_COMPARED }) : [];
    if (!kills.some(({ bootId }) => bootId !== null && boots.has(bootId))) others.push(host);
  }
  return others;
}
