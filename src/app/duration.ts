import ms from 'ms';

const DURATION_MAX_MS = 366 * 24 * 60 * 60_000;
const DURATION_PARTS = /\d+(?:\.\d+)?\s*(?:weeks?|w|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)/gi;

/** `90s`, `30m`, `2 hours`, `1h30m`, `7d` as milliseconds; null when it is no such time, is 0, or passes a year. */
export function readDuration(text: string): number | null {
  const parts = text.match(DURATION_PARTS) ?? [];
  if (parts.length === 0 || text.length > 40 || text.replace(DURATION_PARTS, '').trim() !== '') return null;
  const sum = parts.reduce((total, part) => total + ms(part as ms.StringValue), 0);
  return sum > 0 && sum <= DURATION_MAX_MS ? sum : null;
}
