import { gatherFacts, titleOf } from '../cause/cause-facts.ts';
import type { ProcessFacts, ProcScan } from '../oom/proc/proc-scan.ts';
import type { KillRecord } from '../oom/report.ts';
import { identifyCgroup, isWithin } from '../oom/proc/cgroup.ts';
import { residentKiB } from '../oom/resident.ts';
import type { NoSettings, ReadSettings } from './read-settings.ts';

/** Tasks of one name in the place that ran out. */
export interface Tasks {
  name: string;
  count: number;
  kiB: number;
  largestKiB: number;
  /** Of the largest, secrets masked, at most 200 bytes; null: not known. */
  commandLine: string | null;
  unit: string | null;
  /** What its command line and files say where that was asked, and for how long it has run (null: it does not, or not known). */
  settings?: ReadSettings | NoSettings;
  ageSeconds?: number | null;
}

/** What has to hold everything: the host, or the memory group whose limit counts. */
export interface Place {
  kind: 'host' | 'group';
  /** Path of the group; null: the host. */
  group: string | null;
  totalKiB: number;
  swapKiB: number;
  /** Everything in use that cannot be dropped, the kernel's share too; null: known from the tasks alone. */
  usedKiB: number | null;
  /** Of that the kernel's own. */
  kernelKiB: number;
  /** Largest first. */
  tasks: readonly Tasks[];
}

/** Where no report tells it. */
const KERNEL_SHARE = 0.05;

/** The place of a kill with what was in it; null: the report does not tell enough for arithmetic. Never throws. */
export function placeOfRecord(record: KillRecord, victimCommandLine: string | null = null): Place | null {
  const { domain } = record;
  if (domain !== 'host' && domain !== 'memcg') return null;
  const { group, memory, holders, ramKiB } = gatherFacts(record);
  const totalKiB = domain === 'memcg' ? (record.memcgLimitKiB ?? null) : ramKiB;
  if (totalKiB === null || totalKiB <= 0 || holders.length === 0) return null;
  const tasks = holders.map(({ name, count, kiB, largestKiB }): Tasks => {
    const isVictim = record.name !== null && titleOf(record.name) === name;
    const anonKiB = kiB - (domain === 'host' ? sharedTwiceKiB(record, name, count) : 0);
    return {
      name,
      count,
      kiB: Math.max(0, anonKiB),
      // A table whose largest tasks were not kept tells the mean only.
      largestKiB: Math.max(largestKiB, kiB / count, isVictim ? Math.min(kiB, residentKiB(record) ?? 0) : 0),
      commandLine: isVictim ? victimCommandLine : null,
      unit: isVictim ? (record.identity?.unit ?? null) : null,
    };
  });
  if (domain === 'memcg') {
    const isKnown = group !== null;
    return {
      kind: 'group',
      group: record.oomMemcg,
      totalKiB,
      swapKiB: group?.swapKiB ?? 0,
      usedKiB: isKnown ? group.anonKiB + group.shmemKiB + group.kernelKiB : null,
      kernelKiB: isKnown ? group.kernelKiB : totalKiB * KERNEL_SHARE,
      tasks,
    };
  }
  const dropped =
    memory === null
      ? null
      : (memory.freeKiB ?? 0) +
        (memory.activeFileKiB ?? 0) +
        (memory.inactiveFileKiB ?? 0) +
        (memory.slabReclaimableKiB ?? 0);
  const anon =
    memory?.activeAnonKiB == null || memory.inactiveAnonKiB === null
      ? null
      : memory.activeAnonKiB + memory.inactiveAnonKiB + (memory.unevictableKiB ?? 0);
  const usedKiB = dropped === null ? null : Math.max(0, totalKiB - dropped);
  return {
    kind: 'host',
    group: null,
    totalKiB,
    swapKiB: record.totalSwapKiB ?? 0,
    usedKiB,
    kernelKiB: usedKiB === null || anon === null ? totalKiB * KERNEL_SHARE : Math.max(0, usedKiB - anon),
    tasks,
  };
}

/** RSS has shared memory once for each task; the kill line tells how much one had mapped of it. */
function sharedTwiceKiB({ name, shmemRssKiB, holders }: KillRecord, title: string, count: number): number {
  const isAnonymous = holders.some((holder) => titleOf(holder.name) === title && holder.anonPages !== null);
  return name !== null && titleOf(name) === title && !isAnonymous ? (count - 1) * (shmemRssKiB ?? 0) : 0;
}

/** A host as it is now, or one of its groups with a known limit. */
export function placeOfScan(scan: ProcScan, within: { group: string; limitKiB: number } | null): Place {
  const inside = within === null ? scan.processes : scan.processes.filter((one) => isWithin(one.cgroup, within.group));
  const named = Map.groupBy(inside, (one) => titleOf(one.name));
  const tasks = [...named.entries()].map(([name, all]) => tasksOf(name, all)).toSorted((a, b) => b.kiB - a.kiB);
  const heldKiB = tasks.reduce((sum, one) => sum + one.kiB, 0);
  const totalKiB = within?.limitKiB ?? scan.memTotalKiB;
  const usedKiB = within === null && scan.memAvailableKiB !== null ? scan.memTotalKiB - scan.memAvailableKiB : null;
  return {
    kind: within === null ? 'host' : 'group',
    group: within?.group ?? null,
    totalKiB,
    swapKiB: scan.swapTotalKiB,
    usedKiB,
    kernelKiB: usedKiB === null ? totalKiB * KERNEL_SHARE : Math.max(0, usedKiB - heldKiB),
    tasks,
  };
}

function tasksOf(name: string, all: readonly ProcessFacts[]): Tasks {
  const [largest] = all.toSorted((a, b) => b.rssKiB - a.rssKiB);
  return {
    name,
    count: all.length,
    kiB: all.reduce((sum, one) => sum + one.rssKiB, 0),
    largestKiB: largest?.rssKiB ?? 0,
    commandLine: largest?.commandLine ?? null,
    unit: largest?.cgroup == null ? null : identifyCgroup(largest.cgroup).unit,
  };
}
