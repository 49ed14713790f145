import { KIB_PER_MIB, sayKiB } from '../../oom/units.ts';
import type { Incident } from '../../incident/incident.ts';
import type { KillRecord } from '../../oom/report.ts';
import type { Cell, ChartPoint, Part } from '../notice.ts';
import { residentKiB } from '../../oom/resident.ts';
import { ramKiB } from '../roles.ts';
import { sayDuration, sayNumber, sayShare } from '../units.ts';

const HOLDERS_SHOWN = 6;
// Slack's charts were first published with six segments; the smallest parts go together.
const SEGMENTS = 6;
const BARS = 20;

/** Who held memory, summed by name, largest first. null when the report has no task table. */
export function holdersTable(record: KillRecord): Extract<Part, { kind: 'table' }> | null {
  const { holders, pageSizeKiB } = record;
  // Rows that a cut took away would be missing from the sums.
  if (holders.length === 0 || record.missing?.includes('end') === true) return null;
  const total = record.domain === 'memcg' ? (record.memcgLimitKiB ?? record.memcgUsageKiB) : ramKiB(record);
  const swap = holders.some((holder) => (holder.swapPages ?? 0) > 0);
  const rows = holders.slice(0, HOLDERS_SHOWN).map((holder): Cell[] => {
    const pages = holder.anonPages ?? holder.rssPages;
    const kiB = pageSizeKiB === null ? null : pages * pageSizeKiB;
    return [
      { text: [{ hostText: holder.name }] },
      { text: [{ words: sayNumber(holder.count) }], sortBy: holder.count },
      { text: [{ words: kiB === null ? `${sayNumber(pages)} pages` : sayKiB(kiB) }], sortBy: pages },
      ...(total && kiB !== null ? [{ text: [{ words: sayShare(kiB, total) }], sortBy: (kiB / total) * 100 }] : []),
      ...(swap ? [{ text: [{ words: swapWords(holder.swapPages, pageSizeKiB) }], sortBy: holder.swapPages ?? 0 }] : []),
    ];
  });
  return {
    kind: 'table',
    caption: record.domain === 'memcg' ? 'Who held memory in this group' : 'Who held memory',
    columns: [
      { title: 'Process', align: 'left' },
      { title: 'Count', align: 'right' },
      { title: 'Memory', align: 'right' },
      ...(total && pageSizeKiB !== null
        ? [{ title: record.domain === 'memcg' ? 'Of the limit' : 'Of RAM', align: 'right' as const }]
        : []),
      ...(swap ? [{ title: 'Swap', align: 'right' as const }] : []),
    ],
    rows,
  };
}

/** Resident sizes count shared pages once per process; sums can pass the total. */
export function countsSharedTwice(record: KillRecord): boolean {
  const total = ramKiB(record);
  const summed = record.holders
    .filter((holder) => holder.anonPages === null)
    .reduce((sum, holder) => sum + holder.rssPages, 0);
  return (
    total !== null && record.pageSizeKiB !== null && record.domain === 'host' && summed * record.pageSizeKiB > total
  );
}

/** Where the memory was: of the host, or of the group that hit its limit. null when the report does not say. */
export function memoryChart(record: KillRecord): Part | null {
  const shares = record.domain === 'memcg' ? groupShares(record) : record.domain === 'host' ? hostShares(record) : [];
  const known = shares.filter((share) => share.kiB >= KIB_PER_MIB).toSorted((a, b) => b.kiB - a.kiB);
  if (known.length < 2) return null;
  const shown = known.length > SEGMENTS ? known.slice(0, SEGMENTS - 1) : known;
  const rest = known.slice(shown.length).reduce((sum, share) => sum + share.kiB, 0);
  const points: ChartPoint[] = [...shown, ...(rest > 0 ? [{ label: 'Rest', kiB: rest }] : [])].map((share) => ({
    label: share.label,
    value: Math.round(share.kiB / KIB_PER_MIB),
  }));
  const title = record.domain === 'memcg' ? 'The group’s memory' : 'The host’s RAM';
  return { kind: 'chart', shape: 'pie', title, unit: 'MiB', points };
}

function hostShares({ memory, missing }: KillRecord): { label: string; kiB: number }[] {
  if (!memory || missing?.includes('memory') === true) return [];
  // The lists of anonymous pages hold shared memory and tmpfs too; killing a process need not free those.
  const anon = sum(memory.activeAnonKiB, memory.inactiveAnonKiB);
  const shared = Math.min(memory.shmemKiB ?? 0, anon);
  const shares = [
    { label: 'Processes', kiB: anon - shared },
    { label: 'Shared, tmpfs', kiB: shared },
    { label: 'File cache', kiB: sum(memory.activeFileKiB, memory.inactiveFileKiB) },
    { label: 'Locked', kiB: sum(memory.unevictableKiB) },
    { label: 'Kernel (slab)', kiB: sum(memory.slabReclaimableKiB, memory.slabUnreclaimableKiB) },
    { label: 'Page tables, stacks', kiB: sum(memory.pageTablesKiB, memory.kernelStackKiB) },
    { label: 'Huge-page pool', kiB: sum(memory.hugePagesKiB) },
    { label: 'Free', kiB: sum(memory.freeKiB) },
  ];
  const listed = sum(...shares.map((share) => share.kiB));
  return [...shares, { label: 'Unaccounted', kiB: (memory.managedKiB ?? 0) - listed }];
}

function groupShares({ memcg }: KillRecord): { label: string; kiB: number }[] {
  if (!memcg) return [];
  const stat = memcg.statsKiB;
  const shmem = stat['shmem'] ?? 0;
  // `file` counts shmem too; version 1 says `rss` and `cache` for `anon` and `file`.
  return [
    { label: 'Processes', kiB: stat['anon'] ?? stat['rss'] ?? 0 },
    { label: 'File cache', kiB: (stat['file'] ?? stat['cache'] ?? 0) - shmem },
    { label: 'Shared, tmpfs', kiB: shmem },
    { label: 'Kernel (slab)', kiB: stat['slab'] ?? sum(stat['slab_reclaimable'], stat['slab_unreclaimable']) },
    { label: 'Sockets', kiB: stat['sock'] ?? 0 },
    { label: 'Page tables, stacks', kiB: sum(stat['pagetables'], stat['kernel_stack']) },
  ];
}

/** Memory of the victim at each kill of this incident, oldest first. null below two kills of known size. */
export function pastKillsChart(incident: Incident): Part | null {
  const sizes = incident.kills
    .map((kill) => ({ kill, kiB: residentKiB(kill.record) ?? 0 }))
    .filter(({ kiB }) => kiB >= KIB_PER_MIB)
    .slice(-BARS);
  if (sizes.length < 2) return null;
  const fromMs = sizes[0]?.kill.atMs ?? 0;
  const title =
    sizes.length < incident.killCount
      ? `Memory of ${sizes.length} of ${sayNumber(incident.killCount)} victims`
      : 'Memory of the victim at each kill';
  return {
    kind: 'chart',
    shape: 'bar',
    title,
    unit: 'MiB',
    points: sizes.map(({ kill, kiB }, at) => ({
      // Numbered, since two kills may fall into one second and labels must differ.
      label: `${at + 1}${at === 0 ? '' : `: +${sayDuration(kill.atMs - fromMs)}`}`,
      value: Math.round(kiB / KIB_PER_MIB),
    })),
  };
}

function swapWords(pages: number | null, pageSizeKiB: number | null): string {
  if (pages === null) return '';
  return pageSizeKiB === null ? `${sayNumber(pages)} pages` : sayKiB(pages * pageSizeKiB);
}

function sum(...values: (number | null | undefined)[]): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}
