import { sayKiB } from '../../oom/units.ts';
import { survivedSignal } from '../../oom/survived-signal.ts';
import type { Identity, KillRecord, Prediction } from '../../oom/report.ts';
import { showHostLine, showHostText } from '../host-text.ts';
import { countsSharedTwice, holdersTable, memoryChart } from './pictures.ts';
import { plainTable, plainText } from '../render-text.ts';
import { residentKiB } from '../../oom/resident.ts';
import { domainText, freedKiB, freedWords, reapedOf } from '../roles.ts';
import { sayCount, sayNumber } from '../units.ts';

/** How a terminal shows emphasis; plain functions where it has none. */
export interface Paint {
  bold: (text: string) => string;
  dim: (text: string) => string;
  alarm: (text: string) => string;
}

export const NO_PAINT: Paint = { bold: String, dim: String, alarm: String };

const BAR_WIDTH = 40;
const LABEL_WIDTH = 10;
const SHADES = ['█', '▓', '▒', '░', '▞', '▚', '▖', '·'];

/**
 * One report explained for a terminal, in the order of what somebody woken up wants to know. All who died of it (`memory.oom.group`)
 * are told together; `records` are theirs, at least one. Lines end in `\n`.
 */
export function explainReport(records: readonly [KillRecord, ...KillRecord[]], paint: Paint = NO_PAINT): string {
  const [record] = records;
  const lines = [
    paint.bold(paint.alarm(headline(records))),
    ...(record.cause === null
      ? []
      : [`${showHostText(record.cause.text, 1_000)} ${paint.dim(sureWords(record.cause.sure))}`]),
    ...(record.cause?.also ?? []).map((one, at) =>
      labelled(at === 0 ? 'also' : '', `${showHostText(one.text, 500)} ${sureWords(one.sure)}`, paint),
    ),
    ...factLines(record, paint),
    ...(records.length === 1
      ? []
      : wrap(records.map(victimWords), 90).map((line, at) => labelled(at === 0 ? 'victims' : '', line, paint))),
    ...memoryLines(record, paint),
    ...holderLines(record, paint),
    ...record.slabs
      .slice(0, 3)
      .map((slab) => labelled('kernel', `${showHostText(slab.name)} ${sayKiB(slab.totalKiB)}`, paint)),
    ...pickedLines(record, paint),
    ...records.flatMap((one) => one.aftermath).map((text) => labelled('then', showHostText(text, 300), paint)),
    ...[...new Set(records.flatMap((one) => one.warnings))].map((text) =>
      labelled('note', showHostText(text, 300), paint),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/** The table that stands before many kills. */
export function listKills(records: readonly { file: string; record: KillRecord }[]): string {
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
        text: cell === '' ? [{ words: '' }] : [{ hostText: String(cell) }],
      }));
    }),
  };
  return plainTable(table);
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

function factLines(record: KillRecord, paint: Paint): string[] {
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
    ...(victim.length === 0 ? [] : [labelled('victim', victim.join(', '), paint)]),
    ...(asked.length === 0 ? [] : [labelled('trigger', asked.join(' '), paint)]),
    ...(freed === null ? [] : [labelled('freed', freed, paint)]),
    ...(domain === null ? [] : [labelled('ran out', plainText(domain), paint)]),
    ...(time === '' ? [] : [labelled('time', showHostText(time), paint)]),
    ...(record.reason === null ? [] : [labelled('reason', showHostText(record.reason, 300), paint)]),
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
function memoryLines(record: KillRecord, paint: Paint): string[] {
  const chart = memoryChart(record);
  if (chart?.kind !== 'chart') return [];
  const total = chart.points.reduce((sum, point) => sum + point.value, 0);
  const bar = chart.points
    .map((point, at) => (SHADES[at] ?? '·').repeat(Math.max(1, Math.round((point.value / total) * BAR_WIDTH))))
    .join('');
  const legend = chart.points.map((point, at) => `${SHADES[at] ?? '·'} ${point.label} ${sayKiB(point.value * 1024)}`);
  return [labelled('memory', bar, paint), ...wrap(legend, 90).map((line) => labelled('', line, paint))];
}

function holderLines(record: KillRecord, paint: Paint): string[] {
  const table = holdersTable(record);
  if (table === null) return [];
  const rows = plainTable(table).split('\n');
  return [
    labelled('holders', table.caption.toLowerCase(), paint),
    ...rows.map((row) => labelled('', row, paint)),
    ...(countsSharedTwice(record)
      ? [labelled('', 'shared memory is counted more than once: the sum is larger than RAM', paint)]
      : []),
  ];
}

function pickedLines(record: KillRecord, paint: Paint): string[] {
  const prediction = record.predictedVictim;
  return prediction === null ? [] : [labelled('picked', pickedWords(prediction, record), paint)];
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

function labelled(label: string, text: string, paint: Paint): string {
  return `  ${paint.dim(label.padEnd(LABEL_WIDTH))}${showHostLine(text, 2_000)}`;
}

function wrap(parts: string[], width: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + part.length + 2 <= width) lines[lines.length - 1] = `${last}  ${part}`;
    else lines.push(part);
  }
  return lines;
}
