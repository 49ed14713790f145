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

    expect(recurrenceOf(times)).toMatchObject({ kills: 5, times: 5, typicalGapMs: 2 * 3_600_000, clockMinute: null });
  });

  it('counts a loop of kills as one time', () => {
    const times = [at(0, 3, 0), at(0, 3, 1), at(0, 3, 2), at(1, 9, 0)];

    expect(recurrenceOf(times)).toMatchObject({ kills: 4, times: 2, typicalGapMs: null });
  });

  it('sees the same clock time on three days', () => {
    expect(recurrenceOf([at(0, 3, 11), at(1, 3, 16), at(2, 3, 21)])?.clockMinute).toBe(3 * 60 + 16);
  });

  it('sees it across midnight', () => {
    expect(recurrenceOf([at(0, 23, 58), at(2, 0, 4), at(3, 23, 58)])?.clockMinute).toBe(0);
  });

  it('does not see it when one lies outside, or on two days only', () => {
    expect(recurrenceOf([at(0, 3, 0), at(1, 3, 0), at(2, 4, 0)])?.clockMinute).toBeNull();
    expect(recurrenceOf([at(0, 3, 0), at(1, 3, 0)])?.clockMinute).toBeNull();
  });
});
