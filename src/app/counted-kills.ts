import type { Kill } from '../incident/incident.ts';
import { isByKernel } from '../oom/by-kernel.ts';
import type { HostFacts } from './host-link.ts';
import type { KillQuery } from './ports.ts';
import type { CounterReading, KillStore } from './store-port.ts';

/** How many of the kernel's kills in one boot are known here: those on record and those of drills, as its counter (`oom_kill`) has both. */
export async function countedKills(
  store: Pick<KillStore, 'countKernelKills' | 'countDrillKills'>,
  host: string,
  bootId: string,
): Promise<number> {
  const [kills, drills] = await Promise.all([
    store.countKernelKills(host, bootId),
    store.countDrillKills(host, bootId),
  ]);
  return kills + drills;
}

/** Kills of one boot that are looked through. */
export const KILLS_MAX = 1_000;

/** Kills by the kernel in one boot that are on record, newest first; also those that only its counter told. */
export async function recordedKills(
  store: Pick<KillStore, 'kills'>,
  { host, bootId }: Pick<CounterReading, 'host' | 'bootId'>,
  span: Partial<KillQuery>,
): Promise<Kill[]> {
  const all = { hosts: [host], service: null, sinceMs: null, untilMs: null, limit: KILLS_MAX };
  return countedAmong(await store.kills({ ...all, ...span }), bootId);
}

/** Those of the kernel in one boot, as its counter has them. */
export function countedAmong(kills: readonly Kill[], bootId: string): Kill[] {
  return kills.filter((kill) => kill.bootId === bootId && isByKernel(kill.record) && kill.record.outcome === 'killed');
}

/** What died so long before the host was first looked at was counted by then, as far as clocks can be compared. */
const CERTAINLY_MS = 10_000;

/**
 * What the kernel's counter is compared with from now on. A boot that began while the host was watched is counted from its first kill
 * on, any other from the look before it was followed. A kill on record that may have been counted by then or not is taken for a later
 * one: that can only hide one that is missing.
 */
export async function firstBase(
  store: Pick<KillStore, 'kills'>,
  now: CounterReading,
  facts: HostFacts,
  watchedSinceMs: number,
): Promise<CounterReading> {
  if (watchedSinceMs < facts.bootAtMs) return { ...now, counter: 0, parsed: 0, atMs: facts.bootAtMs };
  const { oomKills, probedAtMs, bootErrorMs } = facts;
  if (oomKills === null || oomKills >= now.counter) return now;
  const untilMs = probedAtMs - bootErrorMs - CERTAINLY_MS;
  const before = (await recordedKills(store, now, { untilMs })).filter(
    (kill) => kill.source !== 'counter' && kill.atMs + kill.atErrorMs < untilMs,
  );
  return { ...now, counter: oomKills, parsed: Math.min(oomKills, before.length), atMs: probedAtMs };
}
