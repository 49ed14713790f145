import type { Kill } from '../../incident/incident.ts';
import type { GroupKills } from '../host-link.ts';

/**
 * How often the kernel counted this death. With memory.oom.group it kills, prints and counts the chosen process, then all of
 * its group, the chosen one again (oom_kill_process and oom_kill_memcg_member both call __oom_kill_process): one death, twice.
 */
export function countedTimes({ record }: Kill): number {
  if (record.oomGroup === null) return 1;
  return Math.max(1, record.evidence.filter((line) => line.text.includes(`Killed process ${record.pid} `)).length);
}

/**
 * Where the kernel counted more kills than are on record: a group's path for each that it lacks. `kills` are all that the
 * kernel did in this boot, `missing` are in no log. A group that lacks more than that was there before the count began, and
 * which of them is new cannot be told.
 */
export function unexplainedCgroups(groups: readonly GroupKills[], kills: readonly Kill[], missing: number): string[] {
  const lacking = groups.flatMap(({ path, kills: counted }) => {
    const lacks = Math.max(0, counted - countIn(kills, path));
    return Array.from({ length: Math.min(missing + 1, lacks) }, () => path);
  });
  return lacking.length <= missing ? lacking : [];
}

/**
 * In which group each of these kills was, by the groups' own counters: known where one group alone lacks kills, and just as many as
 * nobody has placed. `kills` are all that the kernel did in this boot, `homeless` those of them without a group. null: it cannot be told.
 */
export function groupOfHomeless(
  groups: readonly GroupKills[],
  kills: readonly Kill[],
  homeless: readonly Kill[],
): string | null {
  const placed = kills.filter((kill) => !homeless.includes(kill));
  const lacking = groups
    .map(({ path, kills: counted }) => ({ path, count: counted - countIn(placed, path) }))
    .filter(({ count }) => count > 0);
  const [group] = lacking;
  return lacking.length === 1 && group?.count === homeless.length ? group.path : null;
}

function countIn(kills: readonly Kill[], path: string): number {
  return kills.filter((kill) => mayBeOf(kill, path)).reduce((sum, kill) => sum + countedTimes(kill), 0);
}

/** A kill that does not say its group may be of any, one that names the group killed as a whole of any below. */
function mayBeOf({ record, who }: Kill, path: string): boolean {
  const home = record.taskMemcg ?? who?.cgroup ?? null;
  if (home === null || home === path) return true;
  return record.oomGroup !== null && path.startsWith(record.oomGroup === '/' ? '/' : `${record.oomGroup}/`);
}
