import { findGrowth } from '../../incident/growth.ts';
import type { Incident } from '../../incident/incident.ts';
import { serviceOf } from '../../incident/service.ts';
import { describeBefore } from '../../notice/incident/before-notice.ts';
import { residentKiB } from '../../oom/resident.ts';
import { replyFor } from '../deliveries.ts';
import type { Clock, Log } from '../ports.ts';
import type { LedgerStore } from '../ledger.ts';
import type { HostStore, SavedBatch } from '../store-port.ts';

export interface BeforeWorld {
  store: HostStore & LedgerStore;
  clock: Clock;
  log: Log;
  channelOf: (incident: Incident) => string;
  wake: () => void;
}

/** What is looked back at. */
const BEFORE_MS = 20 * 60_000;
/** A kill that is learned of later is history: its samples are gone or thinned. */
const NEWS_MS = 10 * 60_000;

/** Kills were recorded: tells in the thread of each new incident what the minutes before were like. Without samples nothing. */
export async function tellBefore(saved: SavedBatch, world: BeforeWorld): Promise<void> {
  const fresh = new Set(saved.fresh.map((kill) => kill.key));
  for (const incident of saved.incidents) {
    const isNew = incident.kills.length === incident.killCount && incident.kills.every((kill) => fresh.has(kill.key));
    const isNews = world.clock.nowMs() - incident.firstAtMs < NEWS_MS;
    if (!isNew || !isNews || incident.closedAtMs !== null || incident.mutedUntilMs !== null) continue;
    try {
      await tellOne(incident, world);
    } catch (error) {
      world.log.warn({ err: error, host: incident.host }, 'The minutes before a kill could not be posted');
    }
  }
}

async function tellOne(incident: Incident, { store, clock, channelOf, wake }: BeforeWorld): Promise<void> {
  const [kill] = incident.kills;
  if (kill === undefined) return;
  const moments = await store.samples(incident.host, kill.atMs - BEFORE_MS, kill.atMs);
  if (moments.length < 2) return;
  const sizeKiB = residentKiB(kill.record);
  const death = sizeKiB === null ? null : { atMs: kill.atMs, service: serviceOf(kill), sizeKiB };
  const notice = describeBefore(incident, moments, findGrowth(moments, death));
  const nowMs = clock.nowMs();
  const reply = replyFor(incident.id, channelOf(incident), { notice }, nowMs);
  const told = await store.enqueueOnce(`before ${incident.id}`, nowMs, [reply]);
  if (told) wake();
}
