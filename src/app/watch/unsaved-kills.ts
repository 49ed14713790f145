import type { Incident, Kill } from '../../incident/incident.ts';
import type { Clock, Mute } from '../ports.ts';
import type { HostStore, IncidentStore } from '../store-port.ts';
import { withTimeout } from '../with-timeout.ts';
import { assignIncidents, type Placing } from './assign-incidents.ts';

const STORE_WITHIN_MS = 3_000;

export interface UnsavedWorld {
  store: Pick<IncidentStore, 'openIncidents'> & Pick<HostStore, 'mutes'>;
  clock: Clock;
  onUnsaved?: (incident: Incident, channel: string) => void;
}

/** Kills that the store does not take: what they open is told from memory. Never throws. */
export async function tellUnsaved(
  host: string,
  kills: readonly Kill[],
  placing: Omit<Placing, 'mutes' | 'nowMs'>,
  { store, clock, onUnsaved }: UnsavedWorld,
): Promise<void> {
  /** What the store says, if it can be read. */
  async function ask<T>(what: () => Promise<T[]>): Promise<T[]> {
    try {
      const done = await withTimeout(clock, STORE_WITHIN_MS, what);
      return done.kind === 'done' ? done.value : [];
    } catch {
      return []; // It cannot be read either: an incident may be told anew that was open already.
    }
  }
  const nowOpen = await ask(() => store.openIncidents(host));
  const mutes = await ask<Mute>(() => store.mutes(clock.nowMs()));
  const known = new Set(nowOpen.map(({ id }) => id));
  const decision = assignIncidents(
    { host, nowOpen, fresh: [...kills], amended: [] },
    { ...placing, nowMs: clock.nowMs(), mutes },
  );
  for (const { incidentId, channel } of decision.deliveries) {
    const incident = decision.incidents.find(({ id }) => id === incidentId);
    if (incident !== undefined && !known.has(incidentId)) onUnsaved?.(incident, channel);
  }
}
