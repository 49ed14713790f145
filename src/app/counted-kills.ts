import type { KillStore } from './store-port.ts';

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
