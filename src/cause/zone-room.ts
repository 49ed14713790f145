import type { KillRecord, MemoryPicture, Zone } from '../oom/report.ts';

// Whether a zone could have given what was asked for: mm/page_alloc.c, __zone_watermark_ok().
// The lowest bits of a GFP mask are the same in every kernel: which zone must it be, and may the pages be moved later?
const GFP_DMA = 0x01;
const GFP_HIGHMEM = 0x02;
const GFP_DMA32 = 0x04;
const GFP_MOVABLE = 0x08;
const LOW_ZONES: ReadonlySet<string> = new Set(['DMA', 'DMA32']);
const RANKS = ['DMA', 'DMA32', 'Normal', 'HighMem', 'Movable', 'Device'];

/** One zone as a request sees it. */
export interface ZoneView {
  zone: Zone;
  /** Free, without what is kept for movable or for atomic requests. */
  usableKiB: number;
  isAboveMin: boolean;
  isAboveHigh: boolean;
  /** A block of the size that was asked for, of a kind that this request may use; null: the report has no list of blocks. */
  hasBlock: boolean | null;
  /** Who alone may use the blocks that are large enough; null: there are none. */
  kept: string | null;
}

/** Whether the kernel may take a page of this zone for what was asked. */
export function mayServe(record: KillRecord, zone: Zone, zones: readonly Zone[]): boolean {
  const mask = maskOf(record);
  if (mask === null) return zone.name !== 'HighMem' && zone.name !== 'Movable' && zone.name !== 'Device';
  if (zone.name === 'Device') return false;
  if (zone.name === 'Movable') return (mask & GFP_HIGHMEM) !== 0 && (mask & GFP_MOVABLE) !== 0;
  if ((mask & GFP_DMA) !== 0) return zone.name === 'DMA';
  if ((mask & GFP_DMA32) !== 0 && zones.some((other) => other.name === 'DMA32')) return LOW_ZONES.has(zone.name);
  return zone.name !== 'HighMem' || (mask & GFP_HIGHMEM) !== 0;
}

export function maskOf({ trigger }: KillRecord): number | null {
  const mask = trigger?.gfpMask ?? null;
  return mask !== null && /^0x[0-9a-f]{1,12}$/i.test(mask) ? Number.parseInt(mask.slice(-2), 16) : null;
}

export function viewZone(record: KillRecord, zone: Zone, zones: readonly Zone[]): ZoneView {
  const pageKiB = record.pageSizeKiB ?? 4;
  const order = Math.max(0, record.trigger?.order ?? 0);
  const isMovable = ((maskOf(record) ?? 0) & GFP_MOVABLE) !== 0;
  const kept = (isMovable ? 0 : (zone.freeCmaKiB ?? 0)) + (zone.reservedHighatomicKiB ?? 0);
  const usableKiB = Math.max(0, (zone.freeKiB ?? 0) - kept);
  const reserveKiB = reserveOf(record, zone, zones) * pageKiB;
  return {
    zone,
    usableKiB,
    isAboveMin: isAbove(usableKiB, zone.minKiB, reserveKiB),
    isAboveHigh: isAbove(usableKiB, zone.highKiB, reserveKiB),
    ...blocksOf(zone, order, isMovable),
  };
}

function isAbove(freeKiB: number, markKiB: number | null, reserveKiB: number): boolean {
  return markKiB !== null && freeKiB > markKiB + reserveKiB;
}

/** Unmovable, movable and reclaimable blocks serve any request; C (CMA) movable ones only, H (high-atomic) and I (isolated) none of these. */
function blocksOf(zone: Zone, order: number, isMovable: boolean): Pick<ZoneView, 'hasBlock' | 'kept'> {
  const { blocks, blockTypes = null } = zone;
  if (blocks === null) return { hasBlock: null, kept: null };
  let letters = '';
  for (let at = order; at < blocks.length; at += 1) {
    if ((blocks[at] ?? 0) === 0) continue;
    const types = blockTypes?.[at] ?? '';
    if (types === '' || /[UME]/.test(types) || (isMovable && types.includes('C')))
      return { hasBlock: true, kept: null };
    letters += types;
  }
  const who = [
    letters.includes('C') ? 'for movable memory (CMA)' : '',
    letters.includes('H') ? 'by atomic requests' : '',
  ].filter((one) => one !== '');
  return { hasBlock: false, kept: who.length === 0 ? null : who.join(' and ') };
}

/**
 * What a request that could have been served from a higher zone must leave here, in pages. `lowmem_reserve[]` has a place for each
 * kind of zone, those that the machine lacks among them; it grows with each higher zone that has pages.
 */
function reserveOf(record: KillRecord, zone: Zone, zones: readonly Zone[]): number {
  const reserves = zone.lowmemReservePages ?? null;
  if (reserves === null) return 0;
  // Of zones that were cut away nobody knows which they were: the request may have come from any above.
  if (record.memory?.zonesWhole === false && record.domain === 'host') return Math.max(...reserves, 0);
  const above = new Set(
    zones
      .filter((other) => other.node === zone.node && RANKS.indexOf(other.name) > RANKS.indexOf(zone.name))
      .filter((other) => (other.managedKiB ?? other.presentKiB ?? 0) > 0 && mayServe(record, other, zones))
      .map((other) => other.name),
  ).size;
  const steps = [...new Set(reserves.filter((pages) => pages > 0))].toSorted((a, b) => a - b);
  return above === 0 ? 0 : (steps[Math.min(above, steps.length) - 1] ?? 0);
}

/** The zone with most room, where the request could have been served by it without any kill; null: there was none, or it is not known. */
export function roomFor(record: KillRecord, memory: MemoryPicture | null): ZoneView | null {
  const zones = memory?.zones ?? [];
  return (
    zones
      .filter((zone) => mayServe(record, zone, zones))
      .map((zone) => viewZone(record, zone, zones))
      .filter(({ isAboveHigh, hasBlock }) => isAboveHigh && hasBlock !== false)
      .toSorted((a, b) => b.usableKiB - a.usableKiB)[0] ?? null
  );
}
