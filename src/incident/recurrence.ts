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
  /** Minutes after midnight UTC, when it happens at one clock time on several days. */
  clockMinute: number | null;
}

const CLOCK_SPREAD_MIN = 10;
const CLOCK_TIMES_MIN = 3;
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
    clockMinute: sameClockTime(starts),
  };
}

// Cron jobs, backups and log rotation kill at one time of the day: at least three days, all within ten minutes of their middle.
function sameClockTime(starts: number[]): number | null {
  const days = new Set(starts.map((at) => Math.floor(at / (DAY_MIN * MINUTE_MS))));
  if (days.size < CLOCK_TIMES_MIN || starts.length > days.size) return null;
  const minutes = starts.map((at) => (at / MINUTE_MS) % DAY_MIN);
  // Clock times go round: 23:58 and 00:04 are six minutes apart. Their mean is that of points on a circle.
  const east = minutes.reduce((sum, minute) => sum + Math.cos(angle(minute)), 0);
  const north = minutes.reduce((sum, minute) => sum + Math.sin(angle(minute)), 0);
  const middle = ((Math.atan2(north, east) / (2 * Math.PI)) * DAY_MIN + DAY_MIN) % DAY_MIN;
  const fits = minutes.every((minute) => {
    const apart = Math.abs(minute - middle);
    return Math.min(apart, DAY_MIN - apart) <= CLOCK_SPREAD_MIN;
  });
  return fits ? Math.round(middle) % DAY_MIN : null;
}

function angle(minute: number): number {
  return (minute / DAY_MIN) * 2 * Math.PI;
}
