import type { MemoryPicture, Zone } from './report.ts';

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
const ZONE_NAMES = 'DMA|DMA32|Normal|HighMem|Movable|Device';
const ZONE = new RegExp(`^ ?(?:Node (\\d+) )?(${ZONE_NAMES}) free:(\\d+)kB `);
const BUDDY = new RegExp(`^ ?(?:Node (\\d+) )?(${ZONE_NAMES}): ((?:\\d+\\*\\d+kB (?:\\([A-Z]+\\) )?)+)`);
const NODE = /^ ?Node \d+ active_anon:\d+kB/;
const HUGE = /^ ?(?:Node \d+ )?hugepages_total=(\d+) hugepages_free=(\d+) .*hugepages_size=(\d+)kB/;
const COUNT =
  /^ ?(\d+) (pages RAM|pages of RAM|pages reserved|reserved pages|pages hwpoisoned|total pagecache pages|pages in swap cache)\s*$/;
const SWAP = /^ ?(Free|Total) swap *[=:] *(\d+)kB/;
const ZONE_FIELDS = new Map<string, 'freeKiB' | 'minKiB' | 'lowKiB' | 'highKiB' | 'presentKiB' | 'managedKiB'>([
  ['free', 'freeKiB'],
  ['min', 'minKiB'],
  ['low', 'lowKiB'],
  ['high', 'highKiB'],
  ['present', 'presentKiB'],
  ['managed', 'managedKiB'],
]);
const ZONE_SUMS = new Set(['present', 'managed', 'mlocked', 'kernel_stack']);
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
  if (first === 78)
    return readNode(state, text) || readZone(state, text) || readBuddy(state, text) || readHuge(state, text);
  if (first === 68 || first === 72 || first === 77) return readZone(state, text) || readBuddy(state, text);
  if (first === 104) return readHuge(state, text);
  if (!TOTALS.test(text)) return false;
  eachPair(text, (key, pages) => setOnce(state.totalsPages, key.toLowerCase(), pages));
  return true;
}

function readNode(state: MemoryState, text: string): boolean {
  if (!NODE.test(text)) return false;
  eachPair(text, (key, kiB) => {
    if (key === 'kernel_stack') add(state.nodesKiB, key, kiB);
  });
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
    freeKiB: null,
    minKiB: null,
    lowKiB: null,
    highKiB: null,
    presentKiB: null,
    managedKiB: null,
    blocks: null,
  };
  eachPair(text, (key, kiB) => {
    const field = ZONE_FIELDS.get(key);
    if (field !== undefined) zone[field] ??= kiB;
    if (ZONE_SUMS.has(key)) add(state.zonesKiB, key, kiB);
  });
  state.zones.push(zone);
  return true;
}

function readBuddy(state: MemoryState, text: string): boolean {
  const found = BUDDY.exec(text);
  if (found === null) return false;
  const list = [...(found[3] ?? '').matchAll(/(\d+)\*(\d+)kB/g)];
  state.firstBlockKiB ??= Number(list[0]?.[2] ?? 0) || null;
  const node = found[1] === undefined ? null : Number(found[1]);
  const zone = state.zones.find((one) => one.node === node && one.name === found[2] && one.blocks === null);
  if (zone !== undefined) zone.blocks = list.map((block) => Number(block[1]));
  return true;
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
  if (state.totalsPages.size === 0 && state.zones.length === 0 && state.ramPages === null) return null;
  function inKiB(pages: number | null | undefined): number | null {
    return pages === null || pages === undefined ? null : pages * pageKiB;
  }
  function total(...keys: string[]): number | null {
    return inKiB(keys.map((key) => state.totalsPages.get(key)).find((value) => value !== undefined));
  }
  const managed = state.zonesKiB.get('managed') ?? state.zonesKiB.get('present');
  return {
    managedKiB:
      managed ??
      (state.ramPages === null || state.reservedPages === null
        ? null
        : (state.ramPages - state.reservedPages) * pageKiB),
    ramKiB: inKiB(state.ramPages),
    reservedKiB: inKiB(state.reservedPages),
    freeKiB: total('free'),
    activeAnonKiB: total('active_anon'),
    inactiveAnonKiB: total('inactive_anon'),
    activeFileKiB: total('active_file'),
    inactiveFileKiB: total('inactive_file'),
    unevictableKiB: total('unevictable'),
    mlockedKiB: state.zonesKiB.get('mlocked') ?? null,
    dirtyKiB: total('dirty'),
    writebackKiB: total('writeback'),
    slabReclaimableKiB: total('slab_reclaimable'),
    slabUnreclaimableKiB: total('slab_unreclaimable', 'slab'),
    mappedKiB: total('mapped'),
    shmemKiB: total('shmem'),
    pageTablesKiB: total('pagetables'),
    kernelStackKiB: state.nodesKiB.get('kernel_stack') ?? state.zonesKiB.get('kernel_stack') ?? null,
    hugePagesKiB: state.hugePagesKiB,
    hugePagesFreeKiB: state.hugePagesFreeKiB,
    pageCacheKiB: inKiB(state.pageCachePages),
    swapCacheKiB: inKiB(state.swapCachePages),
    totalSwapKiB: state.totalSwapKiB,
    freeSwapKiB: state.freeSwapKiB,
    hwPoisonedKiB: inKiB(state.hwPoisonedPages),
    zones: state.zones,
  };
}

/** Calls `take` for each `key:number` or `key: number` of a line, in order. */
function eachPair(text: string, take: (key: string, value: number) => void): void {
  for (let colon = text.indexOf(':'); colon >= 0; colon = text.indexOf(':', colon + 1)) {
    let at = text.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1;
    const digits = at;
    let value = 0;
    for (let code = text.charCodeAt(at); code >= 48 && code <= 57; code = text.charCodeAt((at += 1)))
      value = value * 10 + code - 48;
    if (at > digits) take(text.slice(text.lastIndexOf(' ', colon) + 1, colon), value);
  }
}

function setOnce(map: Map<string, number>, key: string, value: number): void {
  if (!map.has(key)) map.set(key, value);
}

function add(map: Map<string, number>, key: string, value: number): void {
  map.set(key, (map.get(key) ?? 0) + value);
}
