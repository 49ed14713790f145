import { findLeak, isFaster, livesOf, type Death, type Leak, type SizeAt } from '../incident/leak.ts';
import type { Recurrence } from '../incident/recurrence.ts';
import { residentKiB } from '../oom/resident.ts';
import type { KillStore } from './store-port.ts';

/** Whole reports are read for this: the newest kills only. */
const KILLS_MAX = 40;

/** How a service grew and died on a host. */
export interface ServicePast {
  /** Oldest first. */
  sizes: SizeAt[];
  leak: Leak | null;
  /** Its lives get shorter. */
  isFaster: boolean;
}

/** Sizes at death of a service on a host since then, and whether it leaks. `recurrence` is of the same kills. */
export async function pastOf(
  store: KillStore,
  of: { host: string; service: string; sinceMs: number | null; recurrence: Recurrence },
  nowMs: number,
): Promise<ServicePast> {
  const { host, service, sinceMs, recurrence } = of;
  const kills = await store.kills({ hosts: [host], service, sinceMs, untilMs: null, limit: KILLS_MAX });
  const deaths = kills.flatMap(({ atMs, record, who }): Death[] => {
    const sizeKiB = record.outcome === 'killed' ? residentKiB(record) : null;
    if (sizeKiB === null) return [];
    return [{ atMs, sizeKiB, bornAtMs: who?.ageMs == null ? null : atMs - who.ageMs }];
  });
  const lives = livesOf(deaths);
  return {
    sizes: deaths.map(({ atMs, sizeKiB }) => ({ atMs, sizeKiB })).toSorted((a, b) => a.atMs - b.atMs),
    leak: findLeak(lives, [], { nowMs, clockMinute: recurrence.clockMinutes[0] ?? null }),
    isFaster: isFaster(lives),
  };
}
