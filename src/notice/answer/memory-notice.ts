import type { Moment } from '../../incident/growth.ts';
import { KIB_PER_MIB, sayKiB } from '../../oom/units.ts';
import {
  aNotice,
  joinTexts,
  quoted,
  type ChartPoint,
  type Fact,
  type Notice,
  type Part,
  type Text,
} from '../notice.ts';
import { sayClock, sayCount, sayDuration, sayShare } from '../units.ts';

/** A host's memory over some hours, as it was noted, and what was killed then. Both oldest first. */
export interface MemoryHours {
  host: string;
  sinceMs: number;
  untilMs: number;
  moments: readonly Moment[];
  kills: readonly { atMs: number; service: string }[];
}

/** As many as a chart holds. */
const BARS = 20;
const KILLS_SHOWN = 8;
const LARGEST_SHOWN = 5;

/** How much memory a host had left over the last hours: a bar for the lowest of each stretch, those with kills marked. */
export function describeMemory(hours: MemoryHours): Notice {
  const { host, moments, kills, sinceMs, untilMs } = hours;
  const span = sayDuration(untilMs - sinceMs);
  const last = moments.at(-1);
  const count = kills.length === 0 ? 'no kills' : sayCount(kills.length, 'kill');
  if (last === undefined)
    return aNotice({
      tone: 'warn',
      headline: [{ words: `No memory noted on ` }, { hostText: host }, { words: ` in the last ${span}, ${count}` }],
      sentence: [
        { words: 'Memory is noted while the host is connected, as often as samples.every in the configuration says.' },
      ],
      parts: killsPart(hours),
    });
  const chart = chartPart(hours);
  const lowest = moments.reduce((low, one) => (one.availableKiB < low.availableKiB ? one : low), last);
  return aNotice({
    tone: kills.length === 0 ? 'plain' : 'warn',
    headline: [
      { hostText: host },
      { words: `: ${sayKiB(last.availableKiB)} of ${sayKiB(last.totalKiB)} available, ${count} in the last ${span}` },
    ],
    parts: [{ kind: 'facts', facts: factsOf(last, lowest) }, ...chart, ...killsPart(hours)],
    small: [
      [
        {
          words:
            chart.length === 0
              ? 'The chart begins with the second bar. '
              : `Each bar is the lowest of ${sayDuration(stretchMs(hours))}, named by its end (UTC). `,
        },
        { words: 'Short falls between two looks are not seen. Last look ' },
        { atMs: last.atMs },
        { words: '.' },
      ],
    ],
    buttons: [{ id: 'run', label: 'Scores now', value: `scores ${quoted(host)}` }],
  });
}

function factsOf(last: Moment, lowest: Moment): Fact[] {
  const largest = last.services
    .slice(0, LARGEST_SHOWN)
    .map(({ service, sizeKiB }): Text => [{ hostText: service }, { words: ` ${sayKiB(sizeKiB)}` }]);
  return [
    {
      label: 'Lowest',
      value: [
        { words: `${sayKiB(lowest.availableKiB)}, ${sayShare(lowest.availableKiB, lowest.totalKiB)}, ` },
        { atMs: lowest.atMs },
      ],
    },
    {
      label: 'Swap',
      value: [
        {
          words: last.totalSwapKiB === 0 ? 'none' : `${sayKiB(last.freeSwapKiB)} of ${sayKiB(last.totalSwapKiB)} free`,
        },
      ],
    },
    ...(last.pressureFullAvg10 === null
      ? []
      : [
          {
            label: 'Waiting for memory',
            value: [{ words: `all processes ${Math.round(last.pressureFullAvg10)} % of the last 10 s` }],
          },
        ]),
    ...(largest.length === 0 ? [] : [{ label: 'Largest', value: joinTexts(largest) }]),
  ];
}

function stretchMs({ sinceMs, untilMs }: MemoryHours): number {
  return Math.ceil((untilMs - sinceMs) / BARS / 60_000) * 60_000;
}

/** Stretches without a look have no bar: nothing is known of them. */
function chartPart(hours: MemoryHours): Part[] {
  const everyMs = stretchMs(hours);
  const points = Array.from({ length: BARS }, (_, at): ChartPoint | null => {
    const toMs = hours.untilMs - (BARS - 1 - at) * everyMs;
    const seen = hours.moments.filter(({ atMs }) => atMs > toMs - everyMs && atMs <= toMs);
    if (seen.length === 0) return null;
    const kills = hours.kills.filter(({ atMs }) => atMs > toMs - everyMs && atMs <= toMs).length;
    const clock = sayClock(Math.floor(toMs / 60_000) % 1_440);
    return {
      label: kills === 0 ? clock : `${clock} ✖ ${sayCount(kills, 'kill')}`,
      value: Math.round(Math.min(...seen.map(({ availableKiB }) => availableKiB)) / KIB_PER_MIB),
    };
  }).filter((point) => point !== null);
  if (points.length < 2) return [];
  return [{ kind: 'chart', shape: 'bar', title: 'Lowest available memory', unit: 'MiB', points }];
}

function killsPart({ kills, host }: MemoryHours): Part[] {
  if (kills.length === 0) return [];
  const shown = kills.slice(-KILLS_SHOWN);
  const more = kills.length - shown.length;
  return [
    {
      kind: 'rows',
      rows: [
        ...shown.map(({ atMs, service }): { text: Text } => ({
          text: [{ words: '✖ ' }, { atMs }, { words: ' ' }, { hostText: service }],
        })),
        ...(more > 0
          ? [
              {
                text: [{ words: `and ${sayCount(more, 'kill')} before these` }],
                button: { id: 'run' as const, label: 'History', value: `history ${quoted(host)} 1d` },
              },
            ]
          : []),
      ],
    },
  ];
}
