/** A time of the week in a time zone. `weekday` 0 is Sunday. */
export interface WeekTime {
  weekday: number;
  /** After midnight, by the clocks there. */
  minute: number;
  zone: string;
}

const DAY_MS = 24 * 60 * 60_000;
const MINUTE_MS = 60_000;

/** The last such moment up to now. A time that clocks skip is taken as long after the change as it was meant after midnight. */
export function lastWeekTime(time: WeekTime, nowMs: number): number {
  for (let daysAgo = 0; daysAgo <= 8; daysAgo += 1) {
    const there = dateIn(time.zone, nowMs - daysAgo * DAY_MS);
    if (new Date(there.midnightMs).getUTCDay() !== time.weekday) continue;
    const atMs = instantOf(there.midnightMs + time.minute * MINUTE_MS, time.zone);
    if (atMs <= nowMs) return atMs;
  }
  return nowMs - 7 * DAY_MS; // not reached: eight days hold each weekday
}

/** When clocks in a zone show `wallMs` (a time written as if it were UTC). */
function instantOf(wallMs: number, zone: string): number {
  // Twice: the offset at the first guess may be that of the other side of a change of clocks.
  const guessMs = wallMs - offsetAt(wallMs, zone);
  return wallMs - offsetAt(guessMs, zone);
}

function offsetAt(atMs: number, zone: string): number {
  return dateIn(zone, atMs).wallMs - Math.floor(atMs / 1_000) * 1_000;
}

/** What clocks in a zone show, written as if it were UTC. */
function dateIn(zone: string, atMs: number): { wallMs: number; midnightMs: number } {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(atMs);
  function read(type: Intl.DateTimeFormatPartTypes): number {
    return Number(parts.find((part) => part.type === type)?.value);
  }
  const midnightMs = Date.UTC(read('year'), read('month') - 1, read('day'));
  return { midnightMs, wallMs: midnightMs + ((read('hour') * 60 + read('minute')) * 60 + read('second')) * 1_000 };
}
