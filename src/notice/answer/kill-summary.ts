import type { KillRecord } from '../../oom/report.ts';
import { sayKiB } from '../../oom/units.ts';
import { residentKiB } from '../../oom/resident.ts';
import { causeWords } from './report-causes.ts';
import { cutRow, shortenIds, shortenMiddle } from '../fit-text.ts';
import { plainTable } from '../render-text.ts';
import { sayCount } from '../units.ts';

interface Sum {
  service: string;
  count: number;
  first: string;
  last: string;
  largestKiB: number;
  causes: Map<string, number>;
}

const SERVICES_MAX = 40;
const KINDS: Partial<Record<KillRecord['outcome'], [string, string]>> = {
  attempted: ['attempt that failed', 'attempts that failed'],
  'dry-run': ['dry run', 'dry runs'],
  panic: ['panic', 'panics'],
  'no-killable': ['report with nobody left to kill', 'reports with nobody left to kill'],
  truncated: ['report without its end', 'reports without their end'],
  suppressed: ['gap of dropped reports', 'gaps of dropped reports'],
};

/** What a log holds, on one screen: a line for each service. Lines end in `\n`. */
export function summarizeKills(records: readonly KillRecord[], columns: number | null): string {
  const sums = new Map<string, Sum>();
  const kills = records.filter((record) => record.outcome === 'killed');
  for (const record of kills) add(sums, record);
  const ranked = [...sums.values()].toSorted((a, b) => b.count - a.count);
  const others = Object.entries(KINDS).flatMap(([outcome, [one, many]]) => {
    const count = records.filter((record) => record.outcome === outcome).length;
    return count === 0 ? [] : [sayCount(count, one, many)];
  });
  const head = `${sayCount(kills.length, 'kill')} of ${sayCount(sums.size, 'service')}${others.length === 0 ? '' : `; ${others.join(', ')}`}`;
  if (ranked.length === 0) return `${head}\n`;
  const room = columns === null ? 60 : Math.max(12, Math.floor(columns / 3));
  const table = plainTable({
    kind: 'table',
    caption: '',
    columns: [
      { title: 'Service', align: 'left' },
      { title: 'Kills', align: 'right' },
      { title: 'Largest', align: 'right' },
      { title: 'Mostly', align: 'left' },
      { title: 'First', align: 'left' },
      { title: 'Last', align: 'left' },
    ],
    rows: ranked
      .slice(0, SERVICES_MAX)
      .map((sum) =>
        [
          shortenMiddle(shortenIds(sum.service), room),
          String(sum.count),
          sum.largestKiB === 0 ? '' : sayKiB(sum.largestKiB),
          mostOf(sum.causes),
          sum.first,
          sum.last,
        ].map((cell) => ({ text: cell === '' ? [{ words: '' }] : [{ hostText: cell }] })),
      ),
  });
  const more = ranked.length - SERVICES_MAX;
  const rows =
    columns === null
      ? table
      : table
          .split('\n')
          .map((row) => cutRow(row, columns))
          .join('\n');
  return `${head}\n\n${rows}\n${more > 0 ? `and ${sayCount(more, 'more service')}\n` : ''}`;
}

function add(sums: Map<string, Sum>, record: KillRecord): void {
  const { identity } = record;
  const service =
    identity?.unit ?? identity?.container ?? record.oomGroup ?? record.name ?? record.taskMemcg ?? '(unknown)';
  const at =
    record.time ?? record.timeText ?? (record.kernelSeconds === null ? '' : `${record.kernelSeconds.toFixed(0)} s`);
  const sum = sums.get(service) ?? { service, count: 0, first: at, last: at, largestKiB: 0, causes: new Map() };
  sum.count += 1;
  sum.last = at;
  sum.largestKiB = Math.max(sum.largestKiB, residentKiB(record) ?? 0);
  const cause = record.cause === null ? '' : causeWords(record.cause.code);
  sum.causes.set(cause, (sum.causes.get(cause) ?? 0) + 1);
  sums.set(service, sum);
}

function mostOf(causes: ReadonlyMap<string, number>): string {
  return [...causes].toSorted((a, b) => b[1] - a[1])[0]?.[0] ?? '';
}
