import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lastWeekTime } from '../../src/app/answer/week-time.ts';

const DAY_MS = 86_400_000;

describe('the last moment of a weekly time', () => {
  it.each([
    ['this very minute', 'UTC', 1, 540, '2026-11-23T09:00:00Z', '2026-11-23T09:00:00Z'],
    ['a second before', 'UTC', 1, 540, '2026-11-23T08:59:59Z', '2026-11-16T09:00:00Z'],
    ['winter in Berlin', 'Europe/Berlin', 1, 540, '2026-11-25T00:00:00Z', '2026-11-23T08:00:00Z'],
    ['summer in Berlin', 'Europe/Berlin', 1, 540, '2026-07-08T00:00:00Z', '2026-07-06T07:00:00Z'],
    ['the day of the change', 'Europe/Berlin', 0, 540, '2026-10-25T12:00:00Z', '2026-10-25T08:00:00Z'],
    ['Sunday there, Monday here', 'Pacific/Honolulu', 0, 1_380, '2026-11-23T10:00:00Z', '2026-11-23T09:00:00Z'],
    ['Monday there, Sunday here', 'Pacific/Auckland', 1, 60, '2026-11-22T13:00:00Z', '2026-11-22T12:00:00Z'],
  ])('%s', (_, zone, weekday, minute, now, expected) => {
    expect(new Date(lastWeekTime({ zone, weekday, minute }, Date.parse(now))).toISOString()).toBe(
      new Date(expected).toISOString(),
    );
  });

  it('is never later than now, at most a week and an hour old, and shows that time on the clocks there', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Pacific/Chatham'),
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 5 * 60, max: 1_439 }), // clocks change before five
        fc.integer({ min: Date.UTC(2025, 0, 1), max: Date.UTC(2028, 0, 1) }),
        (zone, weekday, minute, nowMs) => {
          const atMs = lastWeekTime({ zone, weekday, minute }, nowMs);

          expect(atMs).toBeLessThanOrEqual(nowMs);
          expect(nowMs - atMs).toBeLessThanOrEqual(7 * DAY_MS + 3_600_000);
          const shown = new Intl.DateTimeFormat('en-GB', {
            timeZone: zone,
            weekday: 'short',
            hour: '2-digit',
            minute: '2-digit',
            hourCycle: 'h23',
          }).format(atMs);
          const clock = `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
          const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
          expect(shown).toBe(`${days[weekday]} ${clock}`);
        },
      ),
    );
  });
});
