import { INCIDENT_WINDOW_MS } from './grouping.ts';
import { median } from './least-squares.ts';

/** How a service has died before, as numbers. */
export interface Recurrence {
  /** Kills before this one. */
  kills: number;
  /** Times that it happened; kills without a long pause between them are one time. */
  times: number;
  firstAtMs: number;
  lastAtMs: number;
  /** The middle pause between two times; null below two pauses. */
  typicalGapMs: number | null;
  /** Minutes after midnight UTC, in their order, where all of it, or all of the last two weeks, happened near one of a few clock times; else empty. */
  clockMinutes: readonly number[];
  /** It happened at each of them on nearly every one of these days. */
  isDaily: boolean;
}

const CLOCK_SPREAD_MIN = 10;
/** Days on which it must have happened at each of the times. */
const CLOCK_DAYS_MIN = 3;
/** With more a day, chance makes them. */
const CLOCK_TIMES_MAX = 6;
const CLOCK_WINDOW_DAYS = 14;
/** A day may be left out now and then. */
const DAILY_SHARE = 0.8;
const MINUTE_MS = 60_000;
const DAY_MIN = 1_440;

/** What the past says about a service on a host. `atMs` are the times of its earlier kills, in any order. null: it never happened. */
export function recurrenceOf(atMs: readonly number[]): Recurrence | null {
  const sorted = atMs.toSorted((a, b) => a - b);
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (first === undefined || last === undefined) return null;
  const starts = sorted.filter((at, index) => index === 0 || at - (sorted[index - 1] ?? at) > INCIDENT_WINDOW_MS);
  const gaps = starts.slice(1).map((at, index) => at - (starts[index] ?? at));
  return {
    kills: sorted.length,
    times: starts.length,
    firstAtMs: first,
    lastAtMs: last,
    typicalGapMs: gaps.length < 2 ? null : median(gaps),
    ...clockTimes(starts),
  };
}

// Cron jobs, backups and log rotation kill at the same times of the day: each on at least three days, once a day, all within ten
// minutes of their middle.
function clockTimes(starts: readonly number[]): Pick<Recurrence, 'clockMinutes' | 'isDaily'> {
  const newestDay = dayOf(starts.at(-1) ?? 0);
  const always = clockTimesOf(starts, newestDay);
  // What began of late has an older past of another kind.
  const recent = starts.filter((at) => newestDay - dayOf(at) < CLOCK_WINDOW_DAYS);
  return always.clockMinutes.length > 0 ? always : clockTimesOf(recent, newestDay);
}

function clockTimesOf(starts: readonly number[], newestDay: number): Pick<Recurrence, 'clockMinutes' | 'isDaily'> {
  const none = { clockMinutes: [], isDaily: false };
  const clusters = clustersOf(starts);
  if (clusters.length > CLOCK_TIMES_MAX) return none;
  const middles = clusters.map(middleOf);
  const hold = clusters.every((cluster, at) => {
    const days = new Set(cluster.map(({ day }) => day));
    const middle = middles[at] ?? 0;
    return (
      days.size >= CLOCK_DAYS_MIN &&
      days.size === cluster.length &&
      cluster.every(({ minute }) => apart(minute, middle) <= CLOCK_SPREAD_MIN)
    );
  });
  if (!hold) return none;
  const spanned = newestDay - dayOf(starts[0] ?? 0) + 1;
  return {
    clockMinutes: middles.map((middle) => Math.round(middle) % DAY_MIN).toSorted((a, b) => a - b),
    // The first and the last day may have seen but a part of them.
    isDaily: clusters.every((cluster) => cluster.length + 1 >= spanned * DAILY_SHARE && stepOf(cluster) === 1),
  };
}

/** From one day to the next on which it happened: every other day is no daily one, however few there are. */
function stepOf(cluster: readonly ClockTime[]): number {
  const days = cluster.map(({ day }) => day).toSorted((a, b) => a - b);
  return median(days.slice(1).map((day, at) => day - (days[at] ?? day)));
}

interface ClockTime {
  day: number;
  minute: number;
}

/** Times that are near one another on the clock, which goes round: 23:58 and 00:04 are six minutes apart. */
function clustersOf(atMs: readonly number[]): ClockTime[][] {
  const times = atMs
    .map((at) => ({ day: dayOf(at), minute: (at / MINUTE_MS) % DAY_MIN }))
    .toSorted((a, b) => a.minute - b.minute);
  const clusters: ClockTime[][] = [];
  for (const time of times) {
    const cluster = clusters.at(-1);
    const before = cluster?.at(-1);
    if (cluster && before && time.minute - before.minute <= 2 * CLOCK_SPREAD_MIN) cluster.push(time);
    else clusters.push([time]);
  }
  const [first] = clusters;
  const last = clusters.at(-1);
  if (first === undefined || last === undefined || first === last) return clusters;
  const gap = (first[0]?.minute ?? 0) + DAY_MIN - (last.at(-1)?.minute ?? 0);
  if (gap > 2 * CLOCK_SPREAD_MIN) return clusters;
  // After midnight it is the day before for what comes around midnight.
  return [[...last, ...first.map(({ day, minute }) => ({ day: day - 1, minute }))], ...clusters.slice(1, -1)];
}

/** As the mean of points on a circle. */
function middleOf(cluster: readonly ClockTime[]): number {
  const east = cluster.reduce((sum, { minute }) => sum + Math.cos(angle(minute)), 0);
  const north = cluster.reduce((sum, { minute }) => sum + Math.sin(angle(minute)), 0);
  return ((Math.atan2(north, east) / (2 * Math.PI)) * DAY_MIN + DAY_MIN) % DAY_MIN;
}

function apart(a: number, b: number): number {
  const distance = Math.abs(a - b);
  return Math.min(distance, DAY_MIN - distance);
}

function dayOf(atMs: number): number {
  return Math.floor(atMs / (DAY_MIN * MINUTE_MS));
}

function angle(minute: number): number {
  return (minute / DAY_MIN) * 2 * Math.PI;
}
