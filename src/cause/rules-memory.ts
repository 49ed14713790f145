import { sayKiB } from '../oom/units.ts';
import type { KillRecord, MemoryPicture } from '../oom/report.ts';
import type { CauseFacts } from './cause-facts.ts';
import type { Finding, Rule } from './cause-rule.ts';
import { THRESHOLDS } from './thresholds.ts';
import { sayName, sayPart } from './cause-words.ts';

const PROC = 'Documentation/filesystems/proc.rst: meminfo';
const VM = 'Documentation/admin-guide/sysctl/vm.rst';

/** Memory of a host that is not simply that of a process. */
export const MEMORY_RULES: readonly Rule[] = [
  {
    code: 'kernel-slab',
    id: 'M5',
    place: 'shape',
    sure: 'certain',
    meaning: 'the kernel itself says that its own memory exceeds that of processes',
    advice: 'kernel-slab',
    source: 'mm/oom_kill.c: dump_unreclaimable_slab()',
    find: ({ record, memory }) => {
      if (record.slabNamed !== true || record.domain === 'memcg') return null;
      const kiB = memory?.slabUnreclaimableKiB ?? null;
      const pagesKiB = pagesOf(memory);
      // The kernel prints the list when this holds; a report whose own figures say otherwise is torn.
      const fits = kiB === null || pagesKiB === null || kiB > pagesKiB;
      return {
        text: `Kernel memory (unreclaimable slab${kiB === null ? '' : `, ${sayKiB(kiB)}`}) exceeds all memory of processes and page cache${topSlab(record.slabs, kiB)}: killing processes frees little of it.`,
        numbers: { slabUnreclaimableKiB: kiB ?? 0 },
        ...(fits ? {} : { sure: 'likely' as const }),
      };
    },
  },
  ofRam('kernel-slab', 'M4', 'slabUnreclaimableKiB', THRESHOLDS.slabShare, {
    meaning: 'the kernel’s own memory: a driver, filesystem or network leak',
    advice: 'kernel-slab',
    source: PROC,
    say: (part, { record, memory }) =>
      `Kernel memory (unreclaimable slab) holds ${part}${topSlab(record.slabs, memory?.slabUnreclaimableKiB ?? null)}: killing processes frees little of it.`,
  }),
  {
    code: 'slab-cache',
    id: 'M6',
    place: 'memory',
    sure: 'hint',
    meaning: 'the inode and dentry cache is not given back',
    advice: 'slab-cache',
    source: `${VM}: vfs_cache_pressure`,
    find: ({ memory, ramKiB, host }) => {
      const kiB = memory?.slabReclaimableKiB ?? 0;
      if (ramKiB === null || kiB / ramKiB < THRESHOLDS.slabReclaimableShare) return null;
      const pressure = host?.vm['vfs_cache_pressure'];
      const low = pressure !== undefined && pressure <= THRESHOLDS.cachePressureLow;
      return {
        text: `The inode and dentry cache (reclaimable slab) holds ${sayPart(kiB, ramKiB)} of RAM${low ? `, and vm.vfs_cache_pressure is ${pressure}: the kernel hardly gives it back` : ', and was not given back'}.`,
        numbers: { slabReclaimableKiB: kiB, ...(pressure === undefined ? {} : { cachePressure: pressure }) },
        share: kiB / ramKiB,
        ...(low ? { sure: 'likely' as const } : {}),
      };
    },
  },
  {
    code: 'shmem',
    id: 'M7',
    place: 'memory',
    sure: 'likely',
    meaning: 'shared memory or tmpfs files, which no kill gives back',
    advice: 'shmem',
    source: PROC,
    find: sharedMemory,
  },
  {
    code: 'huge-pages',
    id: 'M8',
    place: 'memory',
    sure: 'certain',
    meaning: 'memory is locked away in a pool of huge pages that nobody uses',
    advice: 'huge-pages',
    source: 'Documentation/admin-guide/mm/hugetlbpage.rst',
    find: ({ memory, ramKiB }) => {
      const [pool, free] = [memory?.hugePagesKiB ?? 0, memory?.hugePagesFreeKiB ?? 0];
      if (ramKiB === null || pool / ramKiB < THRESHOLDS.hugePoolShare || free / pool < THRESHOLDS.hugeFreeShare)
        return null;
      return {
        text: `${sayPart(pool, ramKiB)} of RAM is set aside for huge pages, and ${sayKiB(free)} of that is free: nothing else may use it.`,
        numbers: { hugePagesKiB: pool, hugePagesFreeKiB: free },
        share: free / ramKiB,
      };
    },
  },
  ofRam('page-tables', 'M9', 'pageTablesKiB', THRESHOLDS.pageTablesShare, {
    meaning: 'page tables: much shared memory mapped by very many processes',
    advice: 'page-tables',
    source: PROC,
    say: (part, { tasks }) => {
      const most = tasks?.mostPageTables;
      return `Page tables hold ${part}${most ? `, ${sayKiB(most.pageTablesKiB)} of them ${sayName(most.name)}’s` : ''}: much memory is mapped by many processes in small pages.`;
    },
  }),
  {
    code: 'mlocked',
    id: 'M10',
    place: 'memory',
    sure: 'likely',
    meaning: 'locked memory, which can neither be swapped nor dropped',
    advice: 'mlocked',
    source: PROC,
    find: ({ memory, ramKiB }) => {
      const kiB = Math.max(memory?.unevictableKiB ?? 0, memory?.mlockedKiB ?? 0);
      if (ramKiB === null || kiB / ramKiB < THRESHOLDS.lockedShare) return null;
      return {
        text: `${sayPart(kiB, ramKiB)} of RAM is locked (mlock, ramfs, a virtual machine): it can neither be swapped nor dropped.`,
        numbers: { lockedKiB: kiB },
        share: kiB / ramKiB,
      };
    },
  },
  ofRam('kernel-stacks', 'M11', 'kernelStackKiB', THRESHOLDS.kernelStackShare, {
    meaning: 'kernel stacks: very many threads or processes',
    advice: 'kernel-stacks',
    source: PROC,
    say: (part) => `Kernel stacks hold ${part}: there were very many threads or processes.`,
  }),
  {
    code: 'unaccounted',
    id: 'M12',
    place: 'memory',
    sure: 'hint',
    meaning: 'memory in nothing that a report lists: balloon, zram, ZFS, a driver',
    advice: 'unaccounted',
    source: 'measured on plain reports, which account for 98 to 99 %',
    find: unaccounted,
  },
  {
    code: 'dirty-pages',
    id: 'M13',
    place: 'memory',
    sure: 'hint',
    meaning: 'written data waits for slow storage',
    advice: 'dirty-pages',
    source: `${VM}: dirty_ratio`,
    find: ({ memory, ramKiB }) => {
      const kiB = (memory?.dirtyKiB ?? 0) + (memory?.writebackKiB ?? 0);
      if (ramKiB === null || kiB / ramKiB < THRESHOLDS.dirtyShare) return null;
      return {
        text: `${sayPart(kiB, ramKiB)} of RAM is written data that waits for the storage: it may be slow or stuck.`,
        numbers: { dirtyKiB: kiB },
        share: kiB / ramKiB,
      };
    },
  },
  {
    code: 'bad-memory',
    id: 'M14',
    place: 'aside',
    sure: 'likely',
    meaning: 'the hardware lost memory',
    advice: 'bad-memory',
    source: PROC,
    find: ({ memory, host }) => {
      const kiB = Math.max(memory?.hwPoisonedKiB ?? 0, host?.memory.corruptedKiB ?? 0);
      if (kiB === 0) return null;
      return { text: `${sayKiB(kiB)} of RAM is out of use for hardware faults.`, numbers: { hwPoisonedKiB: kiB } };
    },
  },
  {
    code: 'min-free',
    id: 'M15',
    place: 'memory',
    sure: 'likely',
    meaning: 'vm.min_free_kbytes keeps too much back',
    advice: 'min-free',
    source: `${VM}: min_free_kbytes`,
    find: ({ memory, ramKiB, host, record }) => {
      if (record.domain !== 'host' || ramKiB === null) return null;
      const zones = (memory?.zones ?? []).reduce((sum, zone) => sum + (zone.minKiB ?? 0), 0);
      const kiB = host?.vm['min_free_kbytes'] ?? zones;
      if (kiB / ramKiB < THRESHOLDS.minFreeShare) return null;
      return {
        text: `The kernel keeps ${sayPart(kiB, ramKiB)} of RAM free for itself (vm.min_free_kbytes): nobody else may use that.`,
        numbers: { minFreeKiB: kiB },
        share: kiB / ramKiB,
      };
    },
  },
];

/** All pages of processes and of the page cache, as `dump_unreclaimable_slab()` is weighed against. */
function pagesOf(memory: MemoryPicture | null): number | null {
  const parts = [
    memory?.activeAnonKiB,
    memory?.inactiveAnonKiB,
    memory?.activeFileKiB,
    memory?.inactiveFileKiB,
    memory?.unevictableKiB,
  ];
  return parts.some((part) => part == null) ? null : parts.reduce<number>((sum, part) => sum + (part ?? 0), 0);
}

// Records that the kernel keeps of its own allocations, when it was built or booted to find faults.
const DEBUGGING: readonly (readonly [RegExp, string])[] = [
  [/^kmemleak/, 'kmemleak'],
  [/^page_(?:owner|ext)/, 'page_owner'],
  [/^debug_objects/, 'debugobjects'],
  [/^(?:kasan|stack_?depot)/, 'KASAN'],
  [/^kfence/, 'KFENCE'],
  [/^(?:lockdep|lock_class)/, 'lockdep'],
  [/^dma_debug/, 'DMA debugging'],
];

/** The largest cache of the kernel's list, where it is a good part of the whole; and what it is for, where that is fault finding. */
function topSlab(slabs: KillRecord['slabs'], ofKiB: number | null): string {
  const [top] = slabs.toSorted((a, b) => b.totalKiB - a.totalKiB);
  if (top === undefined || (ofKiB !== null && top.totalKiB < ofKiB * THRESHOLDS.namedShare)) return '';
  const feature = DEBUGGING.find(([pattern]) => pattern.test(top.name))?.[1] ?? null;
  const what = feature === null ? '' : ` of the debugging feature ${feature}, which this kernel has turned on`;
  return `, first ${sayName(top.name)} (${sayKiB(top.totalKiB)})${what}`;
}

interface ShareRule {
  meaning: string;
  advice: string;
  source: string;
  say: (part: string, facts: CauseFacts) => string;
}

/** A rule that one part of the memory picture is larger than a share of RAM. */
function ofRam(code: string, id: string, key: keyof MemoryPicture, least: number, rule: ShareRule): Rule {
  const { meaning, advice, source, say } = rule;
  function find(facts: CauseFacts): Finding | null {
    const kiB = facts.memory?.[key];
    if (typeof kiB !== 'number' || facts.ramKiB === null || kiB / facts.ramKiB < least) return null;
    return {
      text: say(`${sayPart(kiB, facts.ramKiB)} of RAM`, facts),
      numbers: { [key]: kiB },
      share: kiB / facts.ramKiB,
    };
  }
  return { code, id, place: 'memory', sure: 'likely', meaning, advice, source, find };
}

function sharedMemory({ memory, ramKiB, tasks, host }: CauseFacts): Finding | null {
  const kiB = memory?.shmemKiB ?? 0;
  if (memory === null || ramKiB === null || kiB / ramKiB < THRESHOLDS.shmemShare) return null;
  // The lists of anonymous pages hold shared memory too; what processes have beyond private memory and file pages may be it.
  const anon = (memory.activeAnonKiB ?? 0) + (memory.inactiveAnonKiB ?? 0);
  const file = (memory.activeFileKiB ?? 0) + (memory.inactiveFileKiB ?? 0);
  const beyond = Math.max(0, (tasks?.rssKiB ?? 0) - Math.max(0, anon - kiB) - file);
  const mapped = Math.min(kiB, tasks?.mostShmemKiB ?? beyond);
  const loose = kiB - mapped;
  const fullest = host?.tmpfs.toSorted((a, b) => b.usedKiB - a.usedKiB)[0];
  const where = fullest && fullest.usedKiB >= kiB / 4 ? `, ${sayKiB(fullest.usedKiB)} in ${sayName(fullest.path)}` : '';
  return {
    text:
      loose >= kiB / 2
        ? `Shared memory and tmpfs files hold ${sayPart(kiB, ramKiB)} of RAM, most of it mapped by no process${where}: killing does not give it back.`
        : `Shared memory holds ${sayPart(kiB, ramKiB)} of RAM, mapped by processes${where}.`,
    numbers: { shmemKiB: kiB, unmappedKiB: loose },
    share: kiB / ramKiB,
  };
}

function unaccounted({ memory, ramKiB, record, host }: CauseFacts): Finding | null {
  if (memory === null || ramKiB === null || record.domain !== 'host' || memory.managedKiB === null) return null;
  const parts = [
    memory.freeKiB,
    memory.activeAnonKiB,
    memory.inactiveAnonKiB,
    memory.activeFileKiB,
    memory.inactiveFileKiB,
    memory.unevictableKiB,
    memory.slabReclaimableKiB,
    memory.slabUnreclaimableKiB,
    memory.pageTablesKiB,
    memory.kernelStackKiB,
    memory.hugePagesKiB,
  ];
  // A torn report lists less than there was.
  if (parts.slice(0, 5).some((part) => part === null) || memory.slabUnreclaimableKiB === null) return null;
  const listed = parts.reduce<number>((sum, part) => sum + (part ?? 0), 0);
  if (listed / ramKiB >= THRESHOLDS.accountedShare) return null;
  const seen = [
    host?.balloon ? `a balloon driver (${sayName(host.balloon)}) is loaded` : '',
    host?.zramKiB ? `zram holds ${sayKiB(host.zramKiB)}` : '',
    host?.zfsArcKiB ? `the ZFS cache holds ${sayKiB(host.zfsArcKiB)}` : '',
  ].filter((part) => part !== '');
  const may = seen.length > 0 ? seen.join(', ') : 'it may be with a balloon driver, zram, ZFS or another driver';
  return {
    text: `${sayPart(ramKiB - listed, ramKiB)} of RAM is in nothing that the report lists: ${may}.`,
    numbers: { unaccountedKiB: ramKiB - listed },
    share: 1 - listed / ramKiB,
  };
}
