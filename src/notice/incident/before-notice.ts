import { sizesOf, type Growth, type Moment } from '../../incident/growth.ts';
import type { Incident } from '../../incident/incident.ts';
import { KIB_PER_MIB, sayKiB } from '../../oom/units.ts';
import { aNotice, joinTexts, type ChartPoint, type Notice, type Part, type Text } from '../notice.ts';
import { sayDuration } from '../units.ts';

const BARS = 20;
const SAID_PRESSURE = 5;

/** The minutes before a kill, for its thread: who grew, what was left, and a chart. `moments` are oldest first, at least two. */
export function describeBefore(
  incident: Pick<Incident, 'host' | 'firstAtMs'>,
  moments: readonly Moment[],
  growth: Growth | null,
): Notice {
  const chart =
    growth === null ? availableChart(moments, incident.firstAtMs) : growthChart(growth, moments, incident.firstAtMs);
  return aNotice({
    headline:
      growth === null
        ? [
            { words: 'Before the kill on ' },
            { hostText: incident.host },
            { words: ', no service was seen to grow much' },
          ]
        : growthText(growth),
    sentence: memoryText(moments, incident.firstAtMs),
    parts: chart === null ? [] : [chart],
    small:
      growth?.isNew === true
        ? [[{ words: 'It was not among the largest services at first, so it may have grown by more.' }]]
        : [],
  });
}

/** `gunicorn grew 2.1 GiB in 20 min, from 1.2 GiB to 3.3 GiB`. */
export function growthText(growth: Growth): Text {
  const { service, fromKiB, toKiB, fromMs, toMs } = growth;
  const from = fromKiB < KIB_PER_MIB ? 'next to nothing' : sayKiB(fromKiB);
  return [
    { hostText: service },
    {
      words: ` grew ${sayKiB(toKiB - fromKiB)} in ${sayDuration(toMs - fromMs)}, from ${from} to ${sayKiB(toKiB)}`,
    },
  ];
}

function memoryText(moments: readonly Moment[], killAtMs: number): Text {
  const first = moments[0];
  const last = moments.at(-1);
  if (first === undefined || last === undefined) return [];
  const swap =
    last.totalSwapKiB === 0
      ? ', and there is no swap'
      : `, free swap from ${sayKiB(first.freeSwapKiB)} to ${sayKiB(last.freeSwapKiB)}`;
  const pressure = last.pressureFullAvg10;
  const waited =
    pressure !== null && pressure >= SAID_PRESSURE
      ? ` Everything there waited for memory ${Math.round(pressure)} % of the last 10 s.`
      : '';
  return [
    {
      words: `Available memory of the host went from ${sayKiB(first.availableKiB)} to ${sayKiB(last.availableKiB)} in ${sayDuration(last.atMs - first.atMs)}${swap}; last looked at ${sayDuration(killAtMs - last.atMs)} before the kill.${waited}`,
    },
    ...largestText(last),
  ];
}

function largestText({ services }: Moment): Text {
  if (services.length === 0) return [];
  const named = services
    .slice(0, 3)
    .map(({ service, sizeKiB }): Text => [{ hostText: service }, { words: ` ${sayKiB(sizeKiB)}` }]);
  return [{ words: ' The largest then: ' }, ...joinTexts(named), { words: '.' }];
}

function growthChart(growth: Growth, moments: readonly Moment[], killAtMs: number): Part | null {
  const seen = sizesOf(growth.service, moments);
  const end = growth.toMs > (seen.at(-1)?.atMs ?? 0) ? [{ atMs: growth.toMs, sizeKiB: growth.toKiB }] : [];
  // The service is named in the headline: a title would be cut.
  return barChart('Its memory before the kill', [...seen, ...end], killAtMs);
}

function availableChart(moments: readonly Moment[], killAtMs: number): Part | null {
  return barChart(
    'Available memory before the kill',
    moments.map(({ atMs, availableKiB }) => ({ atMs, sizeKiB: availableKiB })),
    killAtMs,
  );
}

function barChart(title: string, sizes: readonly { atMs: number; sizeKiB: number }[], killAtMs: number): Part | null {
  if (sizes.length < 2) return null;
  const every = Math.ceil(sizes.length / BARS);
  // Thinned from the end, so that the newest stays.
  const shown = sizes.filter((_, at) => (sizes.length - 1 - at) % every === 0);
  return {
    kind: 'chart',
    shape: 'bar',
    title,
    unit: 'MiB',
    points: shown.map(({ atMs, sizeKiB }): ChartPoint => ({
      label: killAtMs - atMs < 1_000 ? 'at the kill' : `-${sayDuration(killAtMs - atMs)}`,
      value: Math.round(sizeKiB / KIB_PER_MIB),
    })),
  };
}
