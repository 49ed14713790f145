import { sayKiB } from '../oom/units.ts';
import type { Zone } from '../oom/report.ts';
import type { CauseFacts } from './cause-facts.ts';
import type { Finding, Rule } from './cause-rule.ts';
import { THRESHOLDS } from './thresholds.ts';
import { sayPercent } from './cause-words.ts';
import { maskOf, mayServe, viewZone } from './zone-room.ts';

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
  const able = memory.zones
    .filter((zone) => mayServe(record, zone, memory.zones))
    .map((zone) => viewZone(record, zone, memory.zones));
  if (able.some(({ isAboveMin, hasBlock }) => isAboveMin && hasBlock !== false)) return null;
  const whole = able.filter(({ isAboveMin, hasBlock }) => isAboveMin && hasBlock === false);
  const view = whole.toSorted((a, b) => b.usableKiB - a.usableKiB)[0];
  if (view === undefined) return null;
  const { zone, kept } = view;
  const blockKiB = (record.pageSizeKiB ?? 4) * 2 ** order;
  const why = kept === null ? '' : ` The larger blocks that are free there may only be used ${kept}.`;
  return {
    text: `Memory was free, but not in one piece: zone ${zone.name} had ${sayKiB(view.usableKiB)} free for this request (it keeps ${sayKiB(zone.minKiB ?? 0)}), and no block of the ${sayKiB(blockKiB)} that were asked for (order ${order}).${why}`,
    numbers: { order, freeKiB: view.usableKiB, minKiB: zone.minKiB ?? 0 },
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
    text: `Only one kind of memory was full: what was asked for had to come from zone ${largest.name} (${sayKiB(largest.freeKiB ?? 0)} free, it keeps ${sayKiB(largest.minKiB ?? 0)}), while ${spare.name} had ${sayKiB(spare.freeKiB ?? 0)} free.`,
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
