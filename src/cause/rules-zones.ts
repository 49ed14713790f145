import { sayKiB } from '../oom/units.ts';
import type { KillRecord, Zone } from '../oom/report.ts';
import type { CauseFacts } from './cause-facts.ts';
import type { Finding, Rule } from './cause-rule.ts';
import { THRESHOLDS } from './thresholds.ts';
import { sayPercent } from './cause-words.ts';

// The lowest bits of a GFP mask are the same in every kernel: which zone must it be?
const GFP_DMA = 0x01;
const GFP_HIGHMEM = 0x02;
const GFP_DMA32 = 0x04;
/** Above this order the killer is not called. */
const ORDER_MAX = 3;
const LOW_ZONES: ReadonlySet<string> = new Set(['DMA', 'DMA32']);

/** Shortages of a kind of memory, while there was some of another. */
export const ZONE_RULES: readonly Rule[] = [
  {
    code: 'fragmentation',
    id: 'N1',
    place: 'shape',
    sure: 'likely',
    meaning: 'free memory, but no block of the size that was asked for',
    advice: 'fragmentation',
    source: 'mm/page_alloc.c: zone_watermark_ok()',
    find: fragmented,
  },
  {
    code: 'low-zone',
    id: 'N2',
    place: 'shape',
    sure: 'likely',
    meaning: 'only the zone that the request needs was full: a 32-bit device or kernel',
    advice: 'low-zone',
    source: 'Documentation/admin-guide/sysctl/vm.rst: lowmem_reserve_ratio',
    find: lowZone,
  },
  {
    code: 'one-node',
    id: 'N4',
    place: 'aside',
    sure: 'hint',
    meaning: 'one NUMA node was full while another had room',
    advice: 'one-node',
    source: 'Documentation/admin-guide/sysctl/vm.rst: zone_reclaim_mode',
    find: oneNode,
  },
];

function fragmented({ record, memory }: CauseFacts): Finding | null {
  const order = record.trigger?.order ?? 0;
  if (record.domain !== 'host' || memory === null || order < 1 || order > ORDER_MAX) return null;
  const usable = memory.zones.filter((zone) => zone.blocks !== null && mayServe(record, zone, memory.zones));
  const zone = usable.toSorted((a, b) => (b.managedKiB ?? 0) - (a.managedKiB ?? 0))[0];
  if (zone?.blocks == null || zone.freeKiB === null || zone.minKiB === null || zone.freeKiB <= zone.minKiB) return null;
  if (zone.blocks.slice(order).some((count) => count > 0)) return null;
  const blockKiB = (record.pageSizeKiB ?? 4) * 2 ** order;
  return {
    text: `Memory was there, but in pieces: zone ${zone.name} had ${sayKiB(zone.freeKiB)} free (it keeps ${sayKiB(zone.minKiB)}), and no block of the ${sayKiB(blockKiB)} in one piece that were asked for (order ${order}).`,
    numbers: { order, freeKiB: zone.freeKiB, minKiB: zone.minKiB },
  };
}

function lowZone({ record, memory }: CauseFacts): Finding | null {
  if (record.domain !== 'host' || memory === null || maskOf(record) === null) return null;
  const able = memory.zones.filter((zone) => mayServe(record, zone, memory.zones));
  const others = memory.zones.filter((zone) => !able.includes(zone) && (zone.managedKiB ?? 0) > 0);
  const spare = others.toSorted((a, b) => (b.freeKiB ?? 0) - (a.freeKiB ?? 0))[0];
  const largest = able.toSorted((a, b) => (b.managedKiB ?? 0) - (a.managedKiB ?? 0))[0];
  if (spare === undefined || largest === undefined || !isAbove(spare, 'highKiB')) return null;
  if (able.some((zone) => (zone.managedKiB ?? 0) > 0 && isAbove(zone, 'lowKiB') && !hasReserve(zone, memory.zones)))
    return null;
  if (isAbove(largest, 'lowKiB')) return null;
  return {
    text: `Only low memory was full: what was asked for had to come from zone ${largest.name} (${sayKiB(largest.freeKiB ?? 0)} free, it keeps ${sayKiB(largest.minKiB ?? 0)}), while ${spare.name} had ${sayKiB(spare.freeKiB ?? 0)} free.`,
    numbers: {
      freeKiB: largest.freeKiB ?? 0,
      minKiB: largest.minKiB ?? 0,
      otherFreeKiB: spare.freeKiB ?? 0,
    },
  };
}

/** Requests that may use a higher zone leave the lowest alone; what is free there is kept for others. */
function hasReserve(zone: Zone, zones: readonly Zone[]): boolean {
  return LOW_ZONES.has(zone.name) && zones.some((other) => other.name === 'Normal' && (other.managedKiB ?? 0) > 0);
}

function isAbove(zone: Zone, mark: 'lowKiB' | 'highKiB'): boolean {
  return zone.freeKiB !== null && zone[mark] !== null && zone.freeKiB > (zone[mark] ?? 0);
}

/** Whether the kernel may take a page of this zone for what was asked. */
function mayServe(record: KillRecord, zone: Zone, zones: readonly Zone[]): boolean {
  const mask = maskOf(record);
  if (mask === null) return zone.name !== 'HighMem';
  if (zone.name === 'Movable' || zone.name === 'Device') return (mask & GFP_HIGHMEM) !== 0;
  if ((mask & GFP_DMA) !== 0) return zone.name === 'DMA';
  if ((mask & GFP_DMA32) !== 0 && zones.some((other) => other.name === 'DMA32')) return LOW_ZONES.has(zone.name);
  return zone.name !== 'HighMem' || (mask & GFP_HIGHMEM) !== 0;
}

function maskOf({ trigger }: KillRecord): number | null {
  const mask = trigger?.gfpMask ?? null;
  return mask !== null && /^0x[0-9a-f]{1,12}$/i.test(mask) ? Number.parseInt(mask.slice(-2), 16) : null;
}

function oneNode({ record, memory, host }: CauseFacts): Finding | null {
  if (record.domain !== 'host' || memory === null) return null;
  const nodes = new Map<number, { freeKiB: number; minKiB: number; managedKiB: number }>();
  for (const zone of memory.zones) {
    if (zone.node === null) return null;
    const sum = nodes.get(zone.node) ?? { freeKiB: 0, minKiB: 0, managedKiB: 0 };
    sum.freeKiB += zone.freeKiB ?? 0;
    sum.minKiB += zone.minKiB ?? 0;
    sum.managedKiB += zone.managedKiB ?? 0;
    nodes.set(zone.node, sum);
  }
  const full = [...nodes].find(([, sum]) => sum.managedKiB > 0 && sum.freeKiB <= sum.minKiB);
  const spare = [...nodes].find(
    ([, sum]) => sum.managedKiB > 0 && sum.freeKiB / sum.managedKiB >= THRESHOLDS.otherNodeFreeShare,
  );
  if (full === undefined || spare === undefined) return null;
  const mode = host?.vm['zone_reclaim_mode'];
  return {
    text: `NUMA node ${full[0]} was full while node ${spare[0]} had ${sayKiB(spare[1].freeKiB)} free (${sayPercent(spare[1].freeKiB / spare[1].managedKiB)} of it)${mode ? `; vm.zone_reclaim_mode is ${mode}, which keeps memory on one node` : ''}.`,
    numbers: { fullNode: full[0], otherNode: spare[0], otherFreeKiB: spare[1].freeKiB },
    ...(mode ? { sure: 'likely' as const } : {}),
  };
}
