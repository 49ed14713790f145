import type { KillRecord, Zone } from '../../oom/report.ts';
import { sayKiB } from '../../oom/units.ts';
import { residentKiB } from '../../oom/resident.ts';

/** A word of a report, and what it means there. */
export interface Term {
  term: string;
  means: string;
}

const FLAGS: Readonly<Record<string, string>> = {
  GFP_KERNEL: 'memory for the kernel itself; it may wait, write data out and drop caches to get it',
  GFP_KERNEL_ACCOUNT: 'memory for the kernel itself, charged to the memory group of who asked',
  GFP_USER: 'memory for a process, in any zone that the kernel can address',
  GFP_HIGHUSER: 'memory for a process',
  GFP_HIGHUSER_MOVABLE: 'an ordinary page of a process, which can be moved later',
  GFP_TRANSHUGE: 'a huge page for a process',
  GFP_TRANSHUGE_LIGHT: 'a huge page for a process, if one is at hand',
  GFP_NOFS: 'may not call into a filesystem to get it',
  GFP_NOIO: 'may not start any I/O to get it',
  GFP_ATOMIC: 'may not wait at all',
  GFP_NOWAIT: 'may not wait at all',
  GFP_DMA: 'must come from the lowest 16 MiB',
  GFP_DMA32: 'must come from the lowest 4 GiB',
  __GFP_DMA: 'must come from the lowest 16 MiB',
  __GFP_DMA32: 'must come from the lowest 4 GiB',
  __GFP_HIGHMEM: 'may come from high memory',
  __GFP_MOVABLE: 'the page can be moved later',
  __GFP_RECLAIMABLE: 'the kernel can drop it again',
  __GFP_ZERO: 'filled with zeros first',
  __GFP_COMP: 'several pages handled as one',
  __GFP_ACCOUNT: 'charged to the memory group of who asked',
  __GFP_NOWARN: 'no warning if it fails',
  __GFP_NORETRY: 'gives up early',
  __GFP_RETRY_MAYFAIL: 'tries hard, but may fail',
  __GFP_REPEAT: 'tries hard, but may fail',
  __GFP_NOFAIL: 'must not fail: it waits for as long as it takes',
  __GFP_THISNODE: 'from this NUMA node only',
  __GFP_HARDWALL: 'only from the memory nodes of its cpuset',
  __GFP_COLD: 'a page that no processor has in its cache',
  __GFP_WRITE: 'will be written to disk',
  __GFP_NOTRACK: 'not watched by a debugging tool',
  __GFP_NOMEMALLOC: 'may not use the last reserves',
  __GFP_MEMALLOC: 'may use the last reserves',
  __GFP_IO: 'may start I/O to get it',
  __GFP_FS: 'may call into a filesystem to get it',
  __GFP_RECLAIM: 'may drop caches to get it',
  __GFP_WAIT: 'may wait',
  __GFP_HIGH: 'may use some of the reserves',
};

/** Bits of 2.6.24 to 4.3, which printed the bare mask; from 4.4 on they have other places, and from 4.6 on names. */
const OLD_BITS: readonly (readonly [number, string])[] = [
  [0x01, '__GFP_DMA'],
  [0x02, '__GFP_HIGHMEM'],
  [0x04, '__GFP_DMA32'],
  [0x08, '__GFP_MOVABLE'],
  [0x10, '__GFP_WAIT'],
  [0x20, '__GFP_HIGH'],
  [0x40, '__GFP_IO'],
  [0x80, '__GFP_FS'],
  [0x100, '__GFP_COLD'],
  [0x200, '__GFP_NOWARN'],
  [0x400, '__GFP_REPEAT'],
  [0x800, '__GFP_NOFAIL'],
  [0x1000, '__GFP_NORETRY'],
  [0x4000, '__GFP_COMP'],
  [0x8000, '__GFP_ZERO'],
  [0x10000, '__GFP_NOMEMALLOC'],
  [0x20000, '__GFP_HARDWALL'],
  [0x40000, '__GFP_THISNODE'],
  [0x80000, '__GFP_RECLAIMABLE'],
  [0x200000, '__GFP_NOTRACK'],
  [0x1000000, '__GFP_WRITE'],
];
const ZONES: Readonly<Record<string, string>> = {
  DMA: 'the lowest memory (16 MiB on x86), for old devices',
  DMA32: 'memory below 4 GiB, for devices that reach no further',
  Normal: 'memory that the kernel can use directly',
  HighMem: 'memory that a 32-bit kernel cannot address directly',
  Movable: 'memory for pages that can be moved',
};
const ZONES_SHOWN = 6;

/** The words of this report in plain words, with its own numbers. */
export function explainTerms(record: KillRecord): Term[] {
  return [...sizeTerms(record), ...scoreTerms(record), ...requestTerms(record), ...zoneTerms(record)];
}

function sizeTerms(record: KillRecord): Term[] {
  const resident = residentKiB(record);
  if (resident === null) return [];
  const parts = [
    record.anonRssKiB === null ? '' : `anon-rss ${sayKiB(record.anonRssKiB)} (its own memory, freed with it)`,
    record.fileRssKiB ? `file-rss ${sayKiB(record.fileRssKiB)} (files it had mapped, which stay in the cache)` : '',
    record.shmemRssKiB
      ? `shmem-rss ${sayKiB(record.shmemRssKiB)} (shared memory and tmpfs, which a kill need not free)`
      : '',
  ].filter((part) => part !== '');
  return [
    ...(record.totalVmKiB === null
      ? []
      : [
          {
            term: 'total-vm',
            means: `${sayKiB(record.totalVmKiB)} of addresses that it had set aside, used or not; only ${sayKiB(resident)} of that was in RAM`,
          },
        ]),
    { term: 'rss', means: `what was in RAM: ${parts.join(', ')}` },
    ...(record.pageTablesKiB === null
      ? []
      : [{ term: 'pgtables', means: `${sayKiB(record.pageTablesKiB)} of tables that say where its pages are` }]),
  ];
}

function scoreTerms({ oomScoreAdj, score }: KillRecord): Term[] {
  if (oomScoreAdj === null) return [];
  const effect =
    oomScoreAdj === 0
      ? 'nothing was added to its size or taken from it'
      : oomScoreAdj === -1000
        ? 'it may not be killed'
        : `as if it used ${Math.abs(oomScoreAdj) / 10} % ${oomScoreAdj > 0 ? 'more' : 'less'} of all memory than it did`;
  return [
    { term: 'oom_score_adj', means: `${oomScoreAdj}: ${effect} (-1000 to 1000)` },
    ...(score === null
      ? []
      : [{ term: 'score', means: `${score}: its share of memory in thousandths, with oom_score_adj added` }]),
  ];
}

function requestTerms(record: KillRecord): Term[] {
  const { trigger } = record;
  if (trigger === null) return [];
  const pageKiB = record.pageSizeKiB ?? 4;
  const { order } = trigger;
  return [
    ...(order === null
      ? []
      : [
          {
            term: `order ${order}`,
            means:
              order < 0
                ? 'asked for by hand (SysRq f)'
                : `${2 ** order} ${order === 0 ? 'page' : 'pages in one piece'}, ${sayKiB(pageKiB * 2 ** order)}, ${order === 0 ? 'was' : 'were'} asked for`,
          },
        ]),
    ...flagsOf(record).map((flag) => ({ term: flag, means: FLAGS[flag] ?? 'a detail of the request' })),
  ];
}

function flagsOf({ trigger, kernelRelease, holders }: KillRecord): string[] {
  if (trigger?.gfpFlags != null) return trigger.gfpFlags.split('|').slice(0, 20);
  const mask = Number.parseInt(trigger?.gfpMask ?? '', 16);
  if (Number.isNaN(mask) || holders === undefined) return [];
  const release = /^(\d{1,3})\.(\d{1,3})/.exec(kernelRelease ?? '');
  const isOld = release === null || Number(release[1]) < 4 || (Number(release[1]) === 4 && Number(release[2]) < 4);
  // Only the lowest four have kept their place.
  return OLD_BITS.filter(([bit]) => (mask & bit) !== 0 && (isOld || bit <= 0x08)).map(([, name]) => name);
}

function zoneTerms({ memory }: KillRecord): Term[] {
  const zones = (memory?.zones ?? []).filter((zone) => (zone.managedKiB ?? zone.presentKiB ?? 0) > 0);
  const [largest] = zones.toSorted((a, b) => (b.managedKiB ?? 0) - (a.managedKiB ?? 0));
  const names = [...new Set(zones.map((zone) => zone.name))].slice(0, ZONES_SHOWN);
  return [
    ...names.map((name) => ({
      term: `zone ${name}`,
      means: `${ZONES[name] ?? 'a part of memory'}: ${zoneWords(zones, name)}`,
    })),
    ...(largest === undefined || largest.minKiB === null
      ? []
      : [
          {
            term: 'min, low, high',
            means: `zone ${largest.name} keeps ${sayKiB(largest.minKiB)} free for emergencies${largest.lowKiB === null ? '' : `, starts to make room below ${sayKiB(largest.lowKiB)}`}${largest.highKiB === null ? '' : `, and stops at ${sayKiB(largest.highKiB)}`}; it had ${sayKiB(largest.freeKiB ?? 0)} free`,
          },
        ]),
  ];
}

function zoneWords(zones: readonly Zone[], name: string): string {
  const own = zones.filter((zone) => zone.name === name);
  const size = own.reduce((sum, zone) => sum + (zone.managedKiB ?? zone.presentKiB ?? 0), 0);
  const free = own.reduce((sum, zone) => sum + (zone.freeKiB ?? 0), 0);
  return `${sayKiB(size)} here, ${sayKiB(free)} of it free`;
}
