import type { Holder, KillRecord, MemoryPicture, TaskFacts, TaskWeight } from '../oom/report.ts';
import { residentKiB } from '../oom/resident.ts';
import { THRESHOLDS } from './thresholds.ts';
import type { HistoryFacts } from './history-facts.ts';
import type { HostFacts } from './host-facts.ts';

/** Tasks of one name (a title like `nginx: worker` counts as `nginx`), summed. */
export interface NamedTasks {
  name: string;
  count: number;
  kiB: number;
  /** Of what the shortage was counted against; without what is known to be counted once for each task. */
  share: number;
  /** Of its largest task, as far as the table tells. */
  largestKiB: number;
}

/** What the kills of one incident say beside the newest report. */
export interface KillsFacts {
  /** Kills within the loop window that ends at the newest. */
  inLoop: number;
  loopSpanMs: number;
  /** Their task tables show that no later victim lived beside an earlier one. */
  loopIsSure: boolean;
  /** The same for victims of a size that hardly matters. */
  smallVictims: number;
  diedAtMs: number;
}

/** Everything that rules may ask. What is null was not told. */
export interface CauseFacts {
  record: KillRecord;
  /** RAM that the kernel manages. */
  ramKiB: number | null;
  /** What processes are counted against: RAM and swap, or the limit of the group. */
  totalKiB: number | null;
  memory: MemoryPicture | null;
  tasks: TaskFacts | null;
  victim: TaskWeight | null;
  /** Largest first. */
  holders: readonly NamedTasks[];
  /** What the full group held, by the kernel's names for version 2. */
  group: GroupPicture | null;
  kills: KillsFacts | null;
  host: HostFacts | null;
  history: HistoryFacts | null;
}

export interface GroupPicture {
  usageKiB: number;
  limitKiB: number | null;
  /** The report lists what was charged to it. */
  isListed: boolean;
  anonKiB: number;
  /** Page cache without shared memory. */
  cacheKiB: number;
  shmemKiB: number;
  dirtyKiB: number;
  lockedKiB: number;
  pageTablesKiB: number;
  /** Everything charged that is the kernel's, page tables among it. */
  kernelKiB: number;
  kernelParts: readonly { what: string; kiB: number }[];
  swapKiB: number | null;
  swapLimitKiB: number | null;
}

/** What is known around one report. */
export interface CauseContext {
  kills?: KillsFacts | null;
  host?: HostFacts | null;
  history?: HistoryFacts | null;
}

/** Gathers the facts that rules reason with. */
export function gatherFacts(record: KillRecord, context: CauseContext = {}): CauseFacts {
  const ramKiB = ramOf(record);
  const group = record.domain === 'memcg' ? groupOf(record) : null;
  // Of what was cut off nothing is known: no sum of what is left may be told.
  const isCut = record.missing?.includes('end') === true;
  const totalKiB =
    record.domain === 'memcg'
      ? (record.memcgLimitKiB ?? record.memcgUsageKiB)
      : ramKiB === null
        ? null
        : ramKiB + (record.totalSwapKiB ?? 0);
  return {
    record,
    ramKiB,
    totalKiB,
    memory: record.domain === 'memcg' ? null : record.memory,
    tasks: isCut ? null : (record.tasks ?? null),
    victim: record.tasks?.victim ?? null,
    holders: totalKiB === null || totalKiB <= 0 || isCut ? [] : holdersOf(record, totalKiB, group),
    group,
    kills: context.kills ?? null,
    host: context.host ?? null,
    history: context.history ?? null,
  };
}

/** With a node mask the kernel prints only the zones of those nodes, but counts the pages of all: those alone ran out. */
function ramOf({ memory, ramPages, pageSizeKiB, domain }: KillRecord): number | null {
  const zonesKiB = (memory?.zones ?? []).reduce((sum, zone) => sum + (zone.managedKiB ?? zone.presentKiB ?? 0), 0);
  if ((domain === 'cpuset' || domain === 'mempolicy') && zonesKiB > 0 && ramPages !== null) return zonesKiB;
  if (memory?.managedKiB) return memory.managedKiB;
  return ramPages === null ? null : ramPages * (pageSizeKiB ?? 4);
}

/** Where there is no task table, the kill line still tells what the victim held. */
function victimAlone(record: KillRecord, totalKiB: number, group: GroupPicture | null): NamedTasks[] {
  const size = record.domain === 'memcg' ? ownKiB(record) : residentKiB(record);
  if (record.name === null || size === null || record.outcome !== 'killed') return [];
  // The group's own figures say otherwise: the line is of another moment.
  if (group?.isListed === true && size > (group.anonKiB + group.shmemKiB) * THRESHOLDS.movedFactor) return [];
  const name = titleOf(record.name);
  return [{ name, count: 1, kiB: size, share: Math.min(1, size / totalKiB), largestKiB: size }];
}

/** File pages may be charged to another group. */
function ownKiB({ anonRssKiB, shmemRssKiB }: KillRecord): number | null {
  return anonRssKiB === null ? null : anonRssKiB + (shmemRssKiB ?? 0);
}

function holdersOf(record: KillRecord, totalKiB: number, group: GroupPicture | null): NamedTasks[] {
  if (record.holders.length === 0) return victimAlone(record, totalKiB, group);
  const pageKiB = record.pageSizeKiB ?? 4;
  const isGroup = record.domain === 'memcg';
  const sums = new Map<string, NamedTasks>();
  for (const holder of record.holders) {
    const name = titleOf(holder.name);
    const kiB = pagesOf(holder, isGroup) * pageKiB;
    const sum = sums.get(name) ?? { name, count: 0, kiB: 0, share: 0, largestKiB: 0 };
    sum.count += holder.count;
    sum.kiB += kiB;
    sum.largestKiB = Math.max(sum.largestKiB, largestOf(record, holder, kiB, pageKiB));
    sums.set(name, sum);
  }
  const all = [...sums.values()];
  const twiceKiB = Math.max(0, all.reduce((sum, one) => sum + one.kiB, 0) - totalKiB);
  const pools = all.filter((one) => one.count > 1).reduce((sum, one) => sum + one.kiB, 0);
  for (const one of all) {
    const less = one.count > 1 && pools > 0 ? (twiceKiB * one.kiB) / pools : 0;
    one.share = Math.min(1, Math.max(one.largestKiB, one.kiB - less) / totalKiB);
  }
  return all.toSorted((a, b) => b.share - a.share);
}

/** Memory that is the processes' own, as a share: what they share or only map is not freed by killing one. */
export function ownShare({ record, memory, group, totalKiB }: CauseFacts): number {
  if (group?.isListed === true) return Math.min(1, group.anonKiB / group.usageKiB);
  if (group !== null) return 1;
  if (memory?.activeAnonKiB == null || memory.inactiveAnonKiB === null || totalKiB === null) return 1;
  const swapped = (record.totalSwapKiB ?? 0) - (record.freeSwapKiB ?? record.totalSwapKiB ?? 0);
  // Locked pages of processes stand on a list of their own.
  const resident =
    memory.activeAnonKiB + memory.inactiveAnonKiB + (memory.unevictableKiB ?? 0) - (memory.shmemKiB ?? 0);
  return Math.max(0, Math.min(1, (resident + swapped) / totalKiB));
}

/** Swap does not count against a group's limit on memory. */
function pagesOf(holder: Holder, isGroup: boolean): number {
  return (holder.anonPages ?? holder.rssPages) + (isGroup ? 0 : (holder.swapPages ?? 0));
}

/** The largest of a name stands among the largest of all, else it is no larger than the last of those. */
function largestOf({ topTasks }: KillRecord, holder: Holder, kiB: number, pageKiB: number): number {
  if (holder.count === 1) return kiB;
  const top = topTasks?.find((task) => task.name === holder.name) ?? topTasks?.at(-1);
  return Math.min(kiB, (top?.rssPages ?? 0) * pageKiB);
}

/** Server programs write what they do behind their name: `nginx: worker`, `postgres: writer`. */
export function titleOf(name: string): string {
  const colon = name.indexOf(': ');
  return colon > 0 ? name.slice(0, colon) : name;
}

function groupOf({ memcg, memcgUsageKiB, tasks }: KillRecord): GroupPicture | null {
  if (memcg === null || memcgUsageKiB === null || memcgUsageKiB <= 0) return null;
  const stat = memcg.statsKiB;
  function of(...keys: string[]): number {
    // Version 1 has totals of the whole tree beside the group's own.
    for (const key of keys) if (stat[`total_${key}`] !== undefined) return stat[`total_${key}`] ?? 0;
    for (const key of keys) if (stat[key] !== undefined) return stat[key] ?? 0;
    return 0;
  }
  const shmemKiB = of('shmem');
  // Version 1 does not list them; the task table does.
  const pageTablesKiB = stat['pagetables'] === undefined ? (tasks?.pageTablesKiB ?? 0) : of('pagetables');
  const kernelParts = [
    { what: 'slab', kiB: stat['slab'] ?? of('slab_reclaimable') + of('slab_unreclaimable') },
    { what: 'sockets', kiB: of('sock') },
    { what: 'kernel stacks', kiB: of('kernel_stack') },
    { what: 'page tables', kiB: pageTablesKiB },
    { what: 'per-CPU memory', kiB: of('percpu') },
    { what: 'vmalloc', kiB: of('vmalloc') },
  ].toSorted((a, b) => b.kiB - a.kiB);
  const listed = kernelParts.reduce((sum, part) => sum + part.kiB, 0);
  return {
    usageKiB: memcgUsageKiB,
    limitKiB: memcg.limitKiB,
    isListed: stat['anon'] !== undefined || stat['rss'] !== undefined || stat['total_rss'] !== undefined,
    anonKiB: of('anon', 'rss'),
    cacheKiB: Math.max(0, of('file', 'cache') - shmemKiB),
    shmemKiB,
    dirtyKiB: of('file_dirty', 'dirty') + of('file_writeback', 'writeback'),
    lockedKiB: of('unevictable'),
    pageTablesKiB,
    kernelKiB: Math.max(memcg.kmemUsageKiB ?? 0, of('kernel'), listed),
    kernelParts,
    swapKiB: memcg.swapUsageKiB ?? (stat['swap'] === undefined && stat['total_swap'] === undefined ? null : of('swap')),
    swapLimitKiB:
      memcg.swapLimitKiB ??
      (memcg.memswLimitKiB === null || memcg.limitKiB === null
        ? null
        : Math.max(0, memcg.memswLimitKiB - memcg.limitKiB)),
  };
}

/** Whether another than the victim held so much more that the victim cannot be the cause. */
export function isOtherThanVictim(facts: CauseFacts, holder: NamedTasks): boolean {
  const { record, holders } = facts;
  if (record.pid === null || record.name === null) return false;
  const name = titleOf(record.selected?.name ?? record.name);
  if (holder.name === name || holder.name === titleOf(record.name)) return false;
  const own = holders.find((one) => one.name === name)?.kiB ?? victimKiB(facts);
  return own !== null && holder.kiB >= own * THRESHOLDS.nearFactor;
}

/** What the victim weighed, by the task table, else by the kill line; null: neither says. */
export function victimKiB({ victim, record }: CauseFacts): number | null {
  return victim?.kiB ?? residentKiB(record);
}
