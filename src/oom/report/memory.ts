import type { MemoryPicture, Zone } from '../report.ts';

// The Mem-Info part of a host, cpuset or mempolicy report (kernel 6.1):
//   active_anon:51 inactive_anon:129668 isolated_anon:0          totals, in pages; one printk with line breaks
//    free:7683 free_pcp:0 free_cma:0
//   Node 0 active_anon:204kB inactive_anon:518672kB … kernel_stack:1840kB pagetables:2420kB … all_unreclaimable? yes
//   Node 0 DMA free:2432kB boost:0kB min:96kB low:120kB high:144kB … present:15992kB managed:15360kB mlocked:0kB …
//   Node 0 DMA: 2*4kB (ME) 1*8kB (E) 1*16kB (M) … = 2432kB
//   Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=2048kB
//   149 total pagecache pages / 0 pages in swap cache / Free swap  = 0kB / Total swap = 0kB / 148348 pages RAM
// Up to 4.7 what stands per node here stood per zone.

/** What has been read so far; sizes as printed. */
export interface MemoryState {
  /** The kernel's totals by their own names, in pages. */
  totalsPages: Map<string, number>;
  /** Sums over nodes, or over zones where no node line gives them, in KiB. */
  nodesKiB: Map<string, number>;
  zonesKiB: Map<string, number>;
  zones: Zone[];
  ramPages: number | null;
  reservedPages: number | null;
  hwPoisonedPages: number | null;
  pageCachePages: number | null;
  swapCachePages: number | null;
  totalSwapKiB: number | null;
  freeSwapKiB: number | null;
  hugePagesKiB: number;
  hugePagesFreeKiB: number;
  /** Size of the first block of the buddy list: the page size. */
  firstBlockKiB: number | null;
}

export function emptyMemory(): MemoryState {
  return {
    totalsPages: new Map(),
    nodesKiB: new Map(),
    zonesKiB: new Map(),
    zones: [],
    ramPages: null,
    reservedPages: null,
    hwPoisonedPages: null,
    pageCachePages: null,
    swapCachePages: null,
    totalSwapKiB: null,
    freeSwapKiB: null,
    hugePagesKiB: 0,
    hugePagesFreeKiB: 0,
    firstBlockKiB: null,
  };
}

const TOTALS =
  /^ *(?:Active|active_anon|active_file|Active_anon|inactive_anon|inactive_file|unevictable|free|slab|slab_reclaimable|mapped|sec_pagetables|kernel_misc_reclaimable)(?:_\w+)?:\d+(?:\s|$)/;
const TOTALS_FIRST = new Set(Array.from('Aaiufsmk', (letter) => letter.charCodeAt(0)));
const ZONE_NAMES = 'DMA|DMA32|Normal|HighMem|Movable|Device';
const ZONE = new RegExp(`^ ?(?:Node (\\d+) )?(${ZONE_NAMES}) free:(\\d+)kB `);
const BUDDY = new RegExp(`^ ?(?:Node (\\d+) )?(${ZONE_NAMES}): ((?:\\d+\\*\\d+kB (?:\\([A-Z]+\\) )?)+)`);
const NODE = /^ ?Node \d+ active_anon:\d+kB/;
const HUGE = /^ ?(?:Node \d+ )?hugepages_total=(\d+) hugepages_free=(\d+) .*hugepages_size=(\d+)kB/;
const COUNT =
  /^ ?(\d+) (pages RAM|pages of RAM|pages reserved|reserved pages|pages hwpoisoned|total pagecache pages|pages in swap cache)\s*$/;
// During swapoff the count of free swap is below zero (mm/swapfile.c: get_nr_swap_pages()).
const SWAP = /^ ?(Free|Total) swap {0,8}[=:] {0,20}(-?\d{1,15})kB/;
const RESERVES = /^ ?lowmem_reserve\[\]:((?: \d{1,12}){1,8})/;
const ZONE_SUMS = [
  ['mlocked', ' mlocked:'],
  ['kernel_stack', ' kernel_stack:'],
] as const;
/** Pages that are in no zone any more (hot-unplugged, bad) are few. */
const ZONES_WHOLE_SHARE = 0.97;
const ZONES_MAX = 1024; // 256 nodes of 4 zones

/** Takes one line of the Mem-Info part into `state`; false: not such a line. What was read first stays. */
export function readMemoryLine(state: MemoryState, text: string): boolean {
  const first = text.charCodeAt(0) === 32 ? text.charCodeAt(1) : text.charCodeAt(0);
  if (first >= 48 && first <= 57) return readCount(state, text);
  if (first === 70 || first === 84) {
    const swap = SWAP.exec(text);
    if (swap === null) return false;
    if (swap[1] === 'Free') state.freeSwapKiB ??= Number(swap[2]);
    else state.totalSwapKiB ??= Number(swap[2]);
    return true;
  }
  // The lists of free blocks alone have stars.
  if (first === 78)
    return text.includes('*')
      ? readBuddy(state, text)
      : readNode(state, text) || readZone(state, text) || readHuge(state, text);
  if (first === 68 || first === 72 || first === 77)
    return text.includes('*') ? readBuddy(state, text) : readZone(state, text);
  if (first === 104) return readHuge(state, text);
  if (first === 108) return readReserves(state, text);
  if (!TOTALS_FIRST.has(first) || !TOTALS.test(text)) return false;
  readTotals(state, text);
  return true;
}

function readNode(state: MemoryState, text: string): boolean {
  if (!NODE.test(text)) return false;
  const kernelStackKiB = readKiB(text, ' kernel_stack:');
  if (kernelStackKiB !== null) add(state.nodesKiB, 'kernel_stack', kernelStackKiB);
  return true;
}

function readCount(state: MemoryState, text: string): boolean {
  const count = COUNT.exec(text);
  if (count === null) return false;
  const pages = Number(count[1]);
  const what = count[2] ?? '';
  if (what === 'pages RAM' || what === 'pages of RAM') state.ramPages ??= pages;
  else if (what === 'pages reserved' || what === 'reserved pages') state.reservedPages ??= pages;
  else if (what === 'pages hwpoisoned') state.hwPoisonedPages ??= pages;
  else if (what === 'total pagecache pages') state.pageCachePages ??= pages;
  else state.swapCachePages ??= pages;
  return true;
}

function readZone(state: MemoryState, text: string): boolean {
  const found = ZONE.exec(text);
  if (found === null || state.zones.length >= ZONES_MAX) return false;
  const zone: Zone = {
    node: found[1] === undefined ? null : Number(found[1]),
    name: found[2] ?? '',
    freeKiB: Number(found[3]),
    minKiB: readKiB(text, ' min:'),
    lowKiB: readKiB(text, ' low:'),
    highKiB: readKiB(text, ' high:'),
    presentKiB: readKiB(text, ' present:'),
    managedKiB: readKiB(text, ' managed:'),
    blocks: null,
    blockTypes: null,
    freeCmaKiB: readKiB(text, ' free_cma:'),
    // 6.17 and newer tell what of the reserve is still free.
    reservedHighatomicKiB: readKiB(text, ' free_highatomic:') ?? readKiB(text, ' reserved_highatomic:'),
    lowmemReservePages: null,
  };
  if (zone.presentKiB !== null) add(state.zonesKiB, 'present', zone.presentKiB);
  if (zone.managedKiB !== null) add(state.zonesKiB, 'managed', zone.managedKiB);
  for (const [key, label] of ZONE_SUMS) {
    const kiB = readKiB(text, label);
    if (kiB !== null) add(state.zonesKiB, key, kiB);
  }
  state.zones.push(zone);
  return true;
}

function readBuddy(state: MemoryState, text: string): boolean {
  const found = BUDDY.exec(text);
  if (found === null) return false;
  const list = found[3] ?? '';
  state.firstBlockKiB ??= readDigits(list, list.indexOf('*') + 1) || null;
  const node = found[1] === undefined ? null : Number(found[1]);
  const zone = state.zones.find((one) => one.node === node && one.name === found[2] && one.blocks === null);
  if (zone !== undefined) Object.assign(zone, readBlocks(list));
  return true;
}

/** `lowmem_reserve[]: 0 2943 15889 15889`: stands behind the zone it is of. */
function readReserves(state: MemoryState, text: string): boolean {
  const found = RESERVES.exec(text);
  if (found === null) return false;
  const zone = state.zones.at(-1);
  if (zone !== undefined) zone.lowmemReservePages ??= (found[1] ?? '').trim().split(' ').map(Number);
  return true;
}

/** `2*4kB (ME) 1*8kB (E) `: how many of each size, and of which kinds; old kernels do not print the kinds. */
function readBlocks(list: string): Pick<Zone, 'blocks' | 'blockTypes'> {
  const blocks: number[] = [];
  const types: string[] = [];
  for (let star = list.indexOf('*'); star >= 0; star = list.indexOf('*', star + 1)) {
    blocks.push(readDigits(list, list.lastIndexOf(' ', star) + 1));
    const unit = list.indexOf('kB ', star);
    types.push(list.charAt(unit + 3) === '(' ? list.slice(unit + 4, list.indexOf(')', unit)) : '');
  }
  return { blocks, blockTypes: types.some((letters) => letters !== '') ? types : null };
}

function readHuge(state: MemoryState, text: string): boolean {
  const found = HUGE.exec(text);
  if (found === null) return false;
  state.hugePagesKiB += Number(found[1]) * Number(found[3]);
  state.hugePagesFreeKiB += Number(found[2]) * Number(found[3]);
  return true;
}

/** The picture in KiB; null when nothing of it was read. */
export function describeMemory(state: MemoryState, pageKiB: number): MemoryPicture | null {
  if (isMemoryEmpty(state)) return null;
  function inKiB(pages: number | null | undefined): number | null {
    return pages === null || pages === undefined ? null : pages * pageKiB;
  }
  function total(key: string): number | null {
    return inKiB(state.totalsPages.get(key));
  }
  const ramKiB = inKiB(state.ramPages);
  const managed = state.zonesKiB.get('managed') ?? state.zonesKiB.get('present');
  // The kernel's count of pages stands behind all zones: without it a cut may have taken some of them, and a sum would be of a part.
  const isWhole = ramKiB !== null && (state.zonesKiB.get('present') ?? 0) >= ramKiB * ZONES_WHOLE_SHARE;
  const bothEnds = ramKiB !== null && (isWhole || state.totalsPages.size > 0);
  const usableKiB = ramKiB === null ? null : ramKiB - (inKiB(state.reservedPages) ?? 0);
  return {
    managedKiB: isWhole ? (managed ?? usableKiB) : usableKiB,
    zonesWhole: isWhole,
    ramKiB,
    reservedKiB: inKiB(state.reservedPages),
    freeKiB: total('free'),
    activeAnonKiB: total('active_anon'),
    inactiveAnonKiB: total('inactive_anon'),
    activeFileKiB: total('active_file'),
    inactiveFileKiB: total('inactive_file'),
    unevictableKiB: total('unevictable'),
    mlockedKiB: bothEnds ? (state.zonesKiB.get('mlocked') ?? null) : null,
    dirtyKiB: total('dirty'),
    writebackKiB: total('writeback'),
    slabReclaimableKiB: total('slab_reclaimable'),
    slabUnreclaimableKiB: total('slab_unreclaimable') ?? total('slab'),
    mappedKiB: total('mapped'),
    shmemKiB: total('shmem'),
    pageTablesKiB: total('pagetables'),
    kernelStackKiB: bothEnds
      ? (state.nodesKiB.get('kernel_stack') ?? state.zonesKiB.get('kernel_stack') ?? null)
      : null,
    hugePagesKiB: bothEnds ? state.hugePagesKiB : null,
    hugePagesFreeKiB: bothEnds ? state.hugePagesFreeKiB : null,
    pageCacheKiB: inKiB(state.pageCachePages),
    swapCacheKiB: inKiB(state.swapCachePages),
    totalSwapKiB: state.totalSwapKiB,
    freeSwapKiB: state.freeSwapKiB,
    hwPoisonedKiB: inKiB(state.hwPoisonedPages),
    zones: state.zones,
  };
}

/** Nothing of Mem-Info was read. */
export function isMemoryEmpty(state: MemoryState): boolean {
  return (
    state.totalsPages.size === 0 &&
    state.zones.length === 0 &&
    state.ramPages === null &&
    state.totalSwapKiB === null &&
    state.freeSwapKiB === null
  );
}

/** A report of Mem-Info that breaks off before the kernel's count of pages, or that has lost what stands before it. */
export function isMemoryCut(state: MemoryState): boolean {
  if (isMemoryEmpty(state)) return false;
  return state.ramPages === null || state.totalsPages.size === 0;
}

/** The number behind `label`, blanks between them or not; null where it is not. */
function readKiB(text: string, label: string): number | null {
  const at = text.indexOf(label);
  return at < 0 ? null : readDigits(text, at + label.length);
}

/** The number at `start`, a blank before it or not; 0 where there is none. */
function readDigits(text: string, start: number): number {
  let at = text.charCodeAt(start) === 32 ? start + 1 : start;
  let value = 0;
  for (let code = text.charCodeAt(at); code >= 48 && code <= 57; code = text.charCodeAt((at += 1)))
    value = value * 10 + code - 48;
  return value;
}

/** Keeps each `key:number` of a line of totals. */
function readTotals(state: MemoryState, text: string): void {
  for (let colon = text.indexOf(':'); colon >= 0; colon = text.indexOf(':', colon + 1)) {
    const behind = text.charCodeAt(colon + 1);
    if (behind !== 32 && (behind < 48 || behind > 57)) continue;
    const key = text.slice(text.lastIndexOf(' ', colon) + 1, colon).toLowerCase();
    if (!state.totalsPages.has(key)) state.totalsPages.set(key, readDigits(text, colon + 1));
  }
}

function add(map: Map<string, number>, key: string, value: number): void {
  map.set(key, (map.get(key) ?? 0) + value);
}
