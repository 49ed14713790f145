import { readDuration } from '../duration.ts';

/** When something died: in the last so many milliseconds, or around a clock time (UTC) or a moment. */
export type When =
  { kind: 'last'; forMs: number } | { kind: 'clock'; minuteOfDay: number } | { kind: 'moment'; atMs: number };

const DAY_MS = 24 * 60 * 60_000;
const AROUND_MS = 10 * 60_000;
const CLOCK = /^([01]?\d|2[0-3]):([0-5]\d)(?:\s*utc)?$/i;
const MOMENT = /^(\d{4}-\d\d-\d\d)[t ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?z?(?:\s*utc)?$/i;

/** `2h`, `30m ago`, `at 14:05`, `2026-11-30 14:05`; null: none of these. Times are UTC, as everywhere in the answers. */
export function readWhen(words: readonly string[]): When | null {
  const said = words
    .filter((word) => !['at', 'around', 'ago', 'last', 'since', 'for', 'in', 'the'].includes(word.toLowerCase()))
    .join(' ');
  const clock = CLOCK.exec(said);
  if (clock) return { kind: 'clock', minuteOfDay: Number(clock[1]) * 60 + Number(clock[2]) };
  const moment = MOMENT.exec(said);
  if (moment) {
    const atMs = Date.parse(`${moment[1]}T${moment[2]}:${moment[3]}:${moment[4] ?? '00'}Z`);
    return Number.isNaN(atMs) ? null : { kind: 'moment', atMs };
  }
  const forMs = readDuration(said);
  return forMs === null ? null : { kind: 'last', forMs };
}

/** Between which moments it was; a clock time is the last one that has been. null: nobody said. */
export function spanOf(when: When | null, nowMs: number): { sinceMs: number; untilMs: number } | null {
  if (when === null) return null;
  if (when.kind === 'last') return { sinceMs: nowMs - when.forMs, untilMs: nowMs };
  const today = Math.floor(nowMs / DAY_MS) * DAY_MS;
  const clock = when.kind === 'clock' ? today + when.minuteOfDay * 60_000 : when.atMs;
  const atMs = when.kind === 'clock' && clock > nowMs ? clock - DAY_MS : clock;
  return { sinceMs: atMs - AROUND_MS, untilMs: Math.min(nowMs, atMs + AROUND_MS) };
}
