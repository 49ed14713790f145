import { describe, expect, it } from 'vitest';
import { recurrenceOf } from '../../src/incident/recurrence.ts';

const DAY_MS = 86_400_000;
const MIDNIGHT = Date.UTC(2026, 7, 1);

function at(day: number, hour: number, minute: number): number {
  return MIDNIGHT + day * DAY_MS + (hour * 60 + minute) * 60_000;
}

describe('what the past says', () => {
  it('says nothing when it never happened', () => {
    expect(recurrenceOf([])).toBeNull();
  });

  it('gives the middle pause, not swayed by one long one', () => {
    const times = [at(0, 0, 0), at(0, 2, 0), at(0, 4, 0), at(0, 6, 0), at(9, 0, 0)];

    expect(recurrenceOf(times)).toMatchObject({ kills: 5, times: 5, typicalGapMs: 2 * 3_600_000, clockMinutes: [] });
  });

  it('counts a loop of kills as one time', () => {
    const times = [at(0, 3, 0), at(0, 3, 1), at(0, 3, 2), at(1, 9, 0)];

    expect(recurrenceOf(times)).toMatchObject({ kills: 4, times: 2, typicalGapMs: null });
  });

  it('sees the same clock time on three days', () => {
    expect(recurrenceOf([at(0, 3, 11), at(1, 3, 16), at(2, 3, 21)])).toMatchObject({
      clockMinutes: [3 * 60 + 16],
      isDaily: true,
    });
  });

  it('sees it across midnight', () => {
    expect(recurrenceOf([at(0, 23, 58), at(2, 0, 4), at(3, 23, 58)])?.clockMinutes).toEqual([0]);
  });

  it('does not see it when one lies outside, or on two days only', () => {
    expect(recurrenceOf([at(0, 3, 0), at(1, 3, 0), at(2, 4, 0)])?.clockMinutes).toEqual([]);
    expect(recurrenceOf([at(0, 3, 0), at(1, 3, 0)])?.clockMinutes).toEqual([]);
  });

  it('sees several clock times a day, in their order', () => {
    const times = [0, 1, 2].flatMap((day) => [at(day, 23, 45), at(day, 1, 34 + day), at(day, 14, 12)]);

    expect(recurrenceOf(times)).toMatchObject({ clockMinutes: [95, 852, 1_425], isDaily: true });
  });

  it('is not every day where days are left out', () => {
    const weekly = [at(0, 3, 0), at(7, 3, 0), at(14, 3, 0), at(21, 3, 0)];

    expect(recurrenceOf(weekly)).toMatchObject({ clockMinutes: [180], isDaily: false });
  });

  it('is not daily where it comes every other day, even when it came only a few times', () => {
    const day = 24 * 60 * 60_000;
    const times = [0, 2, 4].map((at) => at * day + 109 * 60_000);

    expect(recurrenceOf(times)).toMatchObject({ clockMinutes: [109], isDaily: false, typicalGapMs: 2 * day });
  });

  it('is what it has been for two weeks, whatever was before', () => {
    const before = [at(0, 8, 0), at(1, 17, 20), at(3, 11, 5)];
    const since = [20, 21, 22, 23, 24].map((day) => at(day, 2, 30));

    expect(recurrenceOf([...before, ...since])).toMatchObject({ clockMinutes: [150], isDaily: true });
  });

  it('is none where it happens at more times than chance would leave', () => {
    const hourly = Array.from({ length: 72 }, (_, hour) => at(0, hour, 0));

    expect(recurrenceOf(hourly)?.clockMinutes).toEqual([]);
  });
});
