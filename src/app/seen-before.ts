import type { Incident } from '../incident/incident.ts';
import { recurrenceOf, type Recurrence } from '../incident/recurrence.ts';
import type { KillStore } from './store-port.ts';

const KILLS_MAX = 1_000;

/** How the service of an incident died on its host before that incident. null: it never did. */
export async function seenBefore(store: KillStore, incident: Incident): Promise<Recurrence | null> {
  const times = await store.killTimes({
    hosts: [incident.host],
    service: incident.service,
    sinceMs: null,
    untilMs: incident.firstAtMs,
    limit: KILLS_MAX,
  });
  return recurrenceOf(times.map((time) => time.atMs));
}
