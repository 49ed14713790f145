import type { NewDelivery } from '../../src/app/ports.ts';
import type { BatchDecision, LeaseRequest, Store } from '../../src/app/store-port.ts';
import type { Kill } from '../../src/incident/incident.ts';
import { aKill, anIncident } from './a-stored-kill.ts';

export function batchOf(kills: Kill[], position?: string) {
  const positions = position === undefined ? [] : [{ source: 'kmsg', value: position }];
  return { host: kills[0]?.host ?? 'db01', kills, positions };
}

export function openOneAs(id: string, fresh: Kill[], deliveries = [anEdit(id)]): BatchDecision {
  return {
    incidents: [anIncident({ id, kills: fresh })],
    placed: Object.fromEntries(fresh.map((kill) => [kill.key, id])),
    deliveries,
  };
}

export async function saveMany(store: Store, ids: string[]): Promise<void> {
  for (const id of ids) {
    await store.saveBatch(batchOf([aKill({ key: id })]), ({ fresh }) => openOneAs(id, fresh, []));
  }
}

export function anEdit(incidentId: string, facts: Partial<NewDelivery> = {}): NewDelivery {
  return { incidentId, channel: '#oom', kind: 'incident', body: null, notBeforeMs: 0, ...facts };
}

export function aClaim(facts: Partial<LeaseRequest> = {}): LeaseRequest {
  return { kind: 'host', owner: 'a', names: ['h1', 'h2', 'h3', 'h4', 'h5'], nowMs: 0, ttlMs: 1000, ...facts };
}

export async function held(store: Store, facts: Partial<LeaseRequest>): Promise<string[]> {
  return (await store.claimLeases(aClaim(facts))).held;
}
