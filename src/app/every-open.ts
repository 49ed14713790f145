import type { Incident } from '../incident/incident.ts';
import type { IncidentStore } from './store-port.ts';

/** Every open incident of a host, by last kill, oldest first, a page at a time: each may carry many kilobytes. */
export async function* everyOpen(store: IncidentStore, host: string): AsyncGenerator<Incident> {
  let after: Incident | null = null;
  for (;;) {
    const page: Incident[] = await store.openIncidents(host, after);
    yield* page;
    after = page.at(-1) ?? null;
    if (after === null) return;
  }
}
