import type { Incident } from '../incident/incident.ts';
import { mutedUntil } from './mute-target.ts';
import type { LedgerStore } from './ledger.ts';
import type { HostStore } from './store-port.ts';

/** Whether a channel was told of an incident and may hear more: one that never was (muted, history) is not told by what is found out later. */
export async function isAnnounced(store: LedgerStore & HostStore, incident: Incident, nowMs: number): Promise<boolean> {
  return (
    (await store.postedOf(incident.id)).length > 0 && mutedUntil(await store.mutes(nowMs), incident, nowMs) === null
  );
}
