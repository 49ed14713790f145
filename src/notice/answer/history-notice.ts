import type { Leak, SizeAt } from '../../incident/leak.ts';
import { median } from '../../incident/least-squares.ts';
import type { Recurrence } from '../../incident/recurrence.ts';
import { sayKiB } from '../../oom/units.ts';
import { leakText, sizesChart } from '../growth-text.ts';
import { aNotice, type Cell, type Notice, type Part, type Text } from '../notice.ts';
import { sayHowOften, seenBeforeText } from '../recurrence-text.ts';
import { sayClocks, sayCount, sayDay, sayDuration, sayNumber } from '../units.ts';

/** Kills of one service on one host over the asked time. */
export interface HistoryRow {
  host: string;
  service: string;
  /** What its newest kill tells of a container's name; null: nothing, or it is none. */
  label: string | null;
  kills: number;
  recurrence: Recurrence;
  /** Sizes at death, oldest first, and what they show; null: not looked at. */
  past: { sizes: readonly SizeAt[]; leak: Leak | null; isFaster: boolean } | null;
}

export interface History {
  /** The host, tag or `all hosts` that was asked for. */
  target: string;
  sinceMs: number;
  untilMs: number;
  /** Kills in as long a time before; null: the record does not reach back. */
  killsBefore: number | null;
  /** Most kills first. */
  rows: readonly HistoryRow[];
  /** Kills per day, oldest first, days without kills included; at most 20 are shown. */
  days: readonly { dayMs: number; kills: number }[];
  /** False: the record begins later than what was asked for. */
  complete: boolean;
}

const ROWS_SHOWN = 20;

/** Kills over time: count, services, repeats. */
export function describeHistory(history: History): Notice {
  const { rows, target } = history;
  const kills = rows.reduce((sum, row) => sum + row.kills, 0);
  const span = sayDuration(history.untilMs - history.sinceMs);
  const before = beforeText(history, kills, span);
  const worst = rows[0];
  const hosts = new Set(rows.map((row) => row.host)).size;
  const shown = rows.slice(0, ROWS_SHOWN);
  const hasSizes = shown.some((row) => sizeAtDeath(row) !== null);
  const hasPatterns = shown.some((row) => patternText(row).length > 0);
  if (!worst) {
    return aNotice({
      tone: 'good',
      headline: [{ words: 'No kills on ' }, { hostText: target }, { words: ` in the last ${span}` }],
      sentence: before.length === 0 ? null : before,
      small: incomplete(history),
    });
  }
  return aNotice({
    headline: [{ words: `${sayCount(kills, 'kill')} on ` }, { hostText: target }, { words: ` in the last ${span}` }],
    sentence: [
      { words: 'Most: ' },
      { hostText: worst.label ?? worst.service },
      { words: hosts > 1 ? ' on ' : '' },
      ...(hosts > 1 ? [{ hostText: worst.host }] : []),
      { words: ', ' },
      ...seenBeforeText(worst.recurrence),
      { words: before.length === 0 ? '.' : '. ' },
      ...before,
    ],
    parts: [
      {
        kind: 'table',
        caption: rows.length > ROWS_SHOWN ? `The ${ROWS_SHOWN} services with the most kills` : 'Kills by service',
        columns: [
          ...(hosts > 1 ? [{ title: 'Host', align: 'left' as const }] : []),
          { title: 'Service', align: 'left' },
          { title: 'Kills', align: 'right' },
          { title: 'Times', align: 'right' },
          { title: 'How often', align: 'left' },
          { title: 'Last', align: 'left' },
          ...(hasSizes ? [{ title: 'At death', align: 'right' as const }] : []),
          ...(hasPatterns ? [{ title: 'Pattern', align: 'left' as const }] : []),
        ],
        rows: shown.map((row): Cell[] => [
          ...(hosts > 1 ? [{ text: [{ hostText: row.host }] }] : []),
          { text: serviceCell(row) },
          { text: [{ words: sayNumber(row.kills) }], sortBy: row.kills },
          { text: [{ words: sayNumber(row.recurrence.times) }], sortBy: row.recurrence.times },
          {
            text: [{ words: sayHowOften(row.recurrence) }],
            sortBy: row.recurrence.typicalGapMs ?? 0,
          },
          { text: [{ atMs: row.recurrence.lastAtMs }] },
          ...(hasSizes ? [sizeCell(sizeAtDeath(row))] : []),
          ...(hasPatterns ? [{ text: patternText(row) }] : []),
        ]),
      },
      ...leaksPart(shown, hosts > 1),
      ...sizesPart(worst),
      ...daysChart(history),
    ],
    small: incomplete(history),
    buttons: hosts === 1 ? [{ id: 'run', label: 'Last kill', value: `last ${worst.host}` }] : [],
  });
}

/** As many days before; nothing to say where there was none then either. */
function beforeText({ killsBefore }: History, kills: number, span: string): Text {
  if (killsBefore === null || (killsBefore === 0 && kills === 0)) return [];
  return [{ words: `${killsBefore === 0 ? 'None' : sayCount(killsBefore, 'kill')} in the ${span} before.` }];
}

/** The name of a container beside its id, by which its kills are counted. */
function serviceCell({ service, label }: HistoryRow): Text {
  return label === null ? [{ hostText: service }] : [{ hostText: label }, { words: ', ' }, { hostText: service }];
}

/** The middle one of its sizes at death. */
function sizeAtDeath({ past }: HistoryRow): number | null {
  return past === null || past.sizes.length === 0 ? null : median(past.sizes.map((size) => size.sizeKiB));
}

function sizeCell(sizeKiB: number | null): Cell {
  return { text: [{ words: sizeKiB === null ? '' : sayKiB(sizeKiB) }], sortBy: sizeKiB ?? 0 };
}

function patternText({ recurrence, past }: HistoryRow): Text {
  const words = [
    ...(recurrence.clockMinutes.length === 0 ? [] : [sayClocks(recurrence.clockMinutes, recurrence.isDaily)]),
    ...(past?.leak ? ['leak'] : []),
  ];
  return words.length === 0 ? [] : [{ words: words.join(', ') }];
}

function leaksPart(rows: readonly HistoryRow[], withHosts: boolean): Part[] {
  return rows.flatMap(({ host, service, past }): Part[] => {
    if (!past?.leak) return [];
    const of: Text = withHosts ? [{ words: ' on ' }, { hostText: host }] : [];
    return [
      { kind: 'text', text: [{ hostText: service }, ...of, { words: ' ' }, ...leakText(past.leak, past.isFaster)] },
    ];
  });
}

function sizesPart({ past }: HistoryRow): Part[] {
  const chart = past === null ? null : sizesChart(past.sizes);
  return chart === null ? [] : [chart];
}

function daysChart(history: History): Part[] {
  const days = history.days.slice(-20);
  if (days.length < 2 || days.every((day) => day.kills === 0)) return [];
  return [
    {
      kind: 'chart',
      shape: 'bar',
      title: 'Kills per day (UTC)',
      unit: 'kills',
      points: days.map((day) => ({ label: sayDay(day.dayMs), value: day.kills })),
    },
  ];
}

function incomplete(history: History) {
  return history.complete ? [] : [[{ words: 'The record does not go back that far.' }]];
}
