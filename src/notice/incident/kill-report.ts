import { sayKiB } from '../../oom/units.ts';
import { survivedSignal } from '../../oom/survived-signal.ts';
import type { Identity, KillRecord, Prediction } from '../../oom/report.ts';
import { showHostText } from '../host-text.ts';
import { cutRow, shortenIds, shortenMiddle } from '../fit-text.ts';
import { missingText } from '../missing-text.ts';
import { explainTerms } from './glossary.ts';
import {
  joinParts,
  NO_PAINT,
  renderLine,
  rowsOf,
  textColumns,
  wrapped,
  type Line,
  type Look,
} from './terminal-lines.ts';
import { countsSharedTwice, holdersTable, memoryChart } from './pictures.ts';
import { plainTable, plainText } from '../render-text.ts';
import { residentKiB } from '../../oom/resident.ts';
import { sizeOfRecord } from '../../size/size.ts';
import { sizeSteps, sizeText } from '../size-text.ts';
import { domainText, freedKiB, freedWords, reapedOf } from '../roles.ts';
import { sayCount, sayNumber } from '../units.ts';

const BAR_WIDTH = 40;
const SHADES = ['█', '▓', '▒', '░', '▞', '▚', '▖', '·'];

/**
 * One report explained for a terminal, in the order of what somebody woken up wants to know. All who died of it (`memory.oom.group`)
 * are told together; `records` are theirs, at least one. Lines end in `\n`.
 */
export function explainReport(
  records: readonly [KillRecord, ...KillRecord[]],
  look: Look = { paint: NO_PAINT, columns: null },
): string {
  const [record] = records;
  const { paint } = look;
  const missing = missingText(record);
  const told = [
    ...wrapped(headline(records), look).map((line) => paint.bold(paint.alarm(line))),
    ...(record.cause === null
      ? []
      : wrapped(`${showHostText(record.cause.text, 1_000)} ${paint.dim(sureWords(record.cause.sure))}`, look)),
  ];
  const width = textColumns(look);
  const lines: Line[] = [
    ...(record.cause?.also ?? []).map((one, at) => ({
      label: at === 0 ? 'also' : '',
      text: `${showHostText(one.text, 500)} ${sureWords(one.sure)}`,
    })),
    ...factLines(record),
    ...(records.length === 1 ? [] : rowsOf('victims', joinParts(records.map(victimWords), width))),
    ...memoryLines(record, width),
    ...holderLines(record),
    ...record.slabs.slice(0, 3).map((slab) => ({
      label: 'kernel',
      text: `${showHostText(slab.name)} ${sayKiB(slab.totalKiB)}`,
    })),
    ...pickedLines(record),
    ...sizeLines(record),
    ...records.flatMap((one) => one.aftermath).map((text) => ({ label: 'then', text: showHostText(text, 300) })),
    ...(missing === null ? [] : [{ label: 'note', text: missing }]),
    ...[...new Set(records.flatMap((one) => one.warnings))].map((text) => ({
      label: 'note',
      text: showHostText(text, 300),
    })),
  ];
  return `${[...told, ...lines.flatMap((line) => renderLine(line, look))].join('\n')}\n`;
}

/** The words of a report in plain words, and the arithmetic of the size that fits, to stand behind it. */
export function explainWords(record: KillRecord, look: Look): string {
  const sizing = sizeOfRecord(record, record.cause?.code ?? null, null);
  const lines = [
    ...labelled(
      'in words',
      explainTerms(record).map(({ term, means }) => `${term}: ${means}`),
    ),
    ...labelled('size', sizing === null ? [] : sizeSteps(sizing)),
  ];
  return lines.length === 0 ? '' : `${lines.flatMap((line) => renderLine(line, look)).join('\n')}\n`;
}

function labelled(label: string, texts: readonly string[]): Line[] {
  return texts.map((text, at) => ({ label: at === 0 ? label : '', text }));
}

/** The table that stands before many kills. */
export function listKills(
  records: readonly { file: string; record: KillRecord }[],
  columns: number | null = null,
): string {
  const files = new Set(records.map(({ file }) => file)).size > 1;
  const table = {
    kind: 'table' as const,
    caption: '',
    columns: [
      ...(files ? [{ title: 'File', align: 'left' as const }] : []),
      { title: 'Line', align: 'right' as const },
      { title: 'Time', align: 'left' as const },
      { title: 'Killed', align: 'left' as const },
      { title: 'Pid', align: 'right' as const },
      { title: 'Freed', align: 'right' as const },
      { title: 'What ran out', align: 'left' as const },
      { title: 'Asked', align: 'left' as const },
    ],
    rows: records.map(({ file, record }) => {
      const freed = freedKiB(record);
      const cells = [
        record.line,
        timeWords(record),
        record.name ?? outcomeWords(record),
        record.pid ?? '',
        freed === null ? '' : sayKiB(freed),
        domainWord(record),
        record.trigger?.name ?? '',
      ];
      return [...(files ? [file] : []), ...cells].map((cell) => ({
        text: cell === '' ? [{ words: '' }] : [{ hostText: shortCell(String(cell), columns) }],
      }));
    }),
  };
  const text = plainTable(table);
  if (columns === null) return text;
  return text
    .split('\n')
    .map((row) => cutRow(row, columns))
    .join('\n');
}

/** Paths and ids give way first: the other columns say who and when. */
function shortCell(cell: string, columns: number | null): string {
  return columns === null ? cell : shortenMiddle(shortenIds(cell), Math.max(10, Math.floor(columns / 4)));
}

function headline(records: readonly [KillRecord, ...KillRecord[]]): string {
  const [record, ...others] = records;
  if (record.pid === null && record.killer === 'kernel' && (record.outcome !== 'killed' || record.identity === null))
    return outcomeWords(record);
  const sizes = records.map(residentKiB).filter((size) => size !== null);
  const size = sizes.length === 0 ? '' : `, ${sayKiB(sizes.reduce((sum, one) => sum + one, 0))} resident`;
  const who =
    others.length === 0
      ? nameWords(record)
      : `${nameWords(record)} and ${sayCount(others.length, 'other process', 'other processes')}`;
  if (record.outcome === 'dry-run') return `${record.killer} would have killed ${who} (dry run: nothing was done)`;
  if (others.length === 0 && survivedSignal(record))
    return `${record.killer} tried to kill ${who}${size}: it did not exit`;
  return `${who} ${others.length === 0 ? 'was' : 'were'} killed by ${record.killer === 'kernel' ? 'the kernel' : record.killer}${size}`;
}

function nameWords(record: KillRecord): string {
  const who = record.name ?? record.taskMemcg ?? record.identity?.unit ?? 'a process';
  return `${showHostText(who)}${record.pid === null ? '' : ` (pid ${record.pid})`}`;
}

function victimWords(record: KillRecord): string {
  const size = residentKiB(record);
  return `${nameWords(record)}${size === null ? '' : ` ${sayKiB(size)}`}`;
}

function outcomeWords(record: KillRecord): string {
  const reaped = reapedOf(record);
  if (reaped)
    return `${showHostText(reaped.name)} (pid ${reaped.pid}) was killed; only the reaper’s line is in this log`;
  switch (record.outcome) {
    case 'panic':
      return 'The kernel panicked: out of memory';
    case 'no-killable':
      return 'Out of memory, and nobody left to kill';
    case 'truncated':
      return 'An out-of-memory report without its victim';
    case 'suppressed':
      return 'Reports were dropped by the kernel’s rate limit';
    case 'attempted':
    case 'dry-run':
    case 'killed':
      return 'A process was killed';
  }
}

function domainWord(record: KillRecord): string {
  if (record.trigger?.order === -1) return 'SysRq';
  return record.domain === 'memcg' ? (record.oomMemcg ?? 'memory cgroup') : (record.domain ?? '');
}

function sureWords(sure: 'certain' | 'likely' | 'hint'): string {
  return sure === 'certain' ? '(certain)' : sure === 'likely' ? '(likely)' : '(a hint)';
}

function timeWords(record: KillRecord): string {
  return (
    record.time ??
    record.timeText ??
    (record.kernelSeconds === null ? '' : `${record.kernelSeconds.toFixed(6)} s after boot`)
  );
}

function factLines(record: KillRecord): Line[] {
  const domain = domainText(record);
  const { trigger } = record;
  const home = homeWords(record.identity);
  const victim = [
    home === null ? null : `of ${showHostText(home)}`,
    record.uid === null ? null : `uid ${record.uid}`,
    record.oomScoreAdj === null ? null : `oom_score_adj ${record.oomScoreAdj}`,
    record.score === null ? null : `score ${record.score}`,
    record.reaped ? 'memory reaped' : null,
  ].filter((part) => part !== null);
  const asked =
    trigger === null
      ? []
      : [
          trigger.name === null ? 'a process that the log does not name' : showHostText(trigger.name),
          trigger.pid === null ? null : `(pid ${trigger.pid})`,
          trigger.order === null ? null : `order ${trigger.order}`,
          trigger.gfpFlags ?? trigger.gfpMask,
        ].filter((part) => part !== null);
  const time = timeWords(record);
  const freed = freedWords(record);
  return [
    ...(victim.length === 0 ? [] : [{ label: 'victim', text: victim.join(', ') }]),
    ...(asked.length === 0 ? [] : [{ label: 'trigger', text: asked.join(' ') }]),
    ...(freed === null ? [] : [{ label: 'freed', text: freed }]),
    ...(domain === null ? [] : [{ label: 'ran out', text: plainText(domain) }]),
    ...(time === '' ? [] : [{ label: 'time', text: showHostText(time) }]),
    ...(record.reason === null ? [] : [{ label: 'reason', text: showHostText(record.reason, 300) }]),
  ];
}

/** Where a process lived, by the name that people know. */
function homeWords(identity: Identity | null): string | null {
  if (identity === null) return null;
  if (identity.container !== null) {
    const container = /^[0-9a-f]{64}$/.test(identity.container) ? identity.container.slice(0, 12) : identity.container;
    return `${identity.runtime ?? ''} container ${container}${identity.pod === null ? '' : ` in pod ${identity.pod}`}`.trim();
  }
  return identity.pod === null ? (identity.unit ?? identity.slice) : `pod ${identity.pod}`;
}

/** A bar of where the memory was, and its parts in words. */
function memoryLines(record: KillRecord, width: number): Line[] {
  const chart = memoryChart(record);
  if (chart?.kind !== 'chart') return [];
  const total = chart.points.reduce((sum, point) => sum + point.value, 0);
  const bar = chart.points
    .map((point, at) =>
      (SHADES[at] ?? '·').repeat(Math.max(1, Math.round((point.value / total) * Math.min(BAR_WIDTH, width)))),
    )
    .join('');
  const legend = chart.points.map((point, at) => `${SHADES[at] ?? '·'} ${point.label} ${sayKiB(point.value * 1024)}`);
  return rowsOf('memory', [bar, ...joinParts(legend, width)]);
}

function holderLines(record: KillRecord): Line[] {
  const table = holdersTable(record);
  if (table === null) return [];
  return [
    ...rowsOf('holders', [table.caption.toLowerCase(), ...plainTable(table).split('\n')]),
    ...(countsSharedTwice(record)
      ? [{ label: '', text: 'shared memory is counted more than once: the sum is larger than RAM' }]
      : []),
  ];
}

function pickedLines(record: KillRecord): Line[] {
  const prediction = record.predictedVictim;
  return prediction === null ? [] : [{ label: 'picked', text: pickedWords(prediction, record) }];
}

/** What fits, by this report alone. */
function sizeLines(record: KillRecord): Line[] {
  const sizing = sizeOfRecord(record, record.cause?.code ?? null, null);
  return sizing === null ? [] : [{ label: 'size', text: plainText(sizeText(sizing)) }];
}

function pickedWords(prediction: Prediction, record: KillRecord): string {
  const reason = prediction.reason === null ? '' : `: ${showHostText(prediction.reason, 300)}`;
  if (prediction.pid === null) return `cannot be recomputed${reason}`;
  const points = prediction.points === null ? '' : `, ${sayNumber(prediction.points)} points`;
  const who = `${showHostText(prediction.name ?? '?')} (pid ${prediction.pid}${points})`;
  if (prediction.agrees === true)
    return `it had the most points of ${sayCount(record.tasksInDump ?? 0, 'task')}: ${who}${reason}`;
  if (record.pid === null || record.pid === prediction.pid) return `most points in the table: ${who}${reason}`;
  return `by its figures in the table it would have been ${who}${reason}`;
}
