const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** A length of time, its two largest parts: `4 s`, `2 min`, `1 h 50 min`, `3 d 4 h`. Below one second: `420 ms`. */
export function sayDuration(lengthMs: number): string {
  const ms = Math.max(0, Math.round(lengthMs));
  if (ms < SECOND_MS) return `${ms} ms`;
  if (ms < MINUTE_MS) return `${Math.round(ms / SECOND_MS) === 60 ? '1 min' : `${Math.round(ms / SECOND_MS)} s`}`;
  const minutes = Math.round(ms / MINUTE_MS);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 24 * 60) return twoParts(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(ms / HOUR_MS);
  return twoParts(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function twoParts(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** `1 kill`, `2 kills`, `1,000 kills`. */
export function sayCount(count: number, one: string, many = `${one}s`): string {
  return `${sayNumber(count)} ${count === 1 ? one : many}`;
}

/** Thousands set apart: `1,536`. */
export function sayNumber(value: number): string {
  const sign = value < 0 ? '-' : '';
  return sign + String(Math.abs(Math.round(value))).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** A share of a whole: `31 %`, `0.4 %`. */
export function sayShare(part: number, whole: number): string {
  const percent = (part / whole) * 100;
  if (percent > 0 && percent < 0.05) return '<0.1 %';
  return `${percent > 0 && percent < 9.95 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

/** UTC with its name, for surfaces that do not know the reader's zone: `2026-08-30 01:35:08 UTC`. */
export function sayUtc(atMs: number): string {
  // Beyond ±8.64e15 ms there is no date; a kernel clock read wrongly must not throw here.
  if (!Number.isFinite(atMs) || Math.abs(atMs) > 8.64e15) return 'at an unknown time';
  return `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** A day in UTC as `22 Nov`, short enough to stand under a bar. */
export function sayDay(atMs: number): string {
  const [, day = '', month = ''] = /^\w+, (\d\d) (\w+)/.exec(new Date(atMs).toUTCString()) ?? [];
  return `${Number(day)} ${month}`;
}

/** Minutes after midnight UTC as `01:35`. */
export function sayClock(minuteOfDay: number): string {
  const whole = ((Math.round(minuteOfDay) % 1440) + 1440) % 1440;
  return `${String(Math.floor(whole / 60)).padStart(2, '0')}:${String(whole % 60).padStart(2, '0')}`;
}

/** `every day at about 01:35, 14:12 and 23:45 UTC`, or without “every day”. Minutes after midnight. */
export function sayClocks(minutes: readonly number[], isDaily: boolean): string {
  const clocks = minutes.map(sayClock);
  const listed = clocks.length < 2 ? clocks.join() : `${clocks.slice(0, -1).join(', ')} and ${clocks.at(-1)}`;
  return `${isDaily ? 'every day at about' : 'at about'} ${listed} UTC`;
}
