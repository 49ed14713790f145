import { describe, expect, it } from 'vitest';
import { GATHER_MS, placeAlerts, type Placed } from '../../src/app/tell/alert-plan.ts';

const T0 = 1_000_000;

function at(seconds: number, key: string, alert: string | null = null): Placed {
  return { key, alert, createdAtMs: T0 + seconds * 1_000 };
}

function placesAt(seconds: number, unplaced: Placed[], before: Placed[] = []): Record<string, string> {
  return Object.fromEntries(placeAlerts(unplaced, before, T0 + seconds * 1_000).places);
}

describe('which alert an incident belongs to', () => {
  it('waits two seconds for others, then is its own', () => {
    expect(placeAlerts([at(0, 'a')], [], T0 + 1_999)).toEqual({ places: new Map(), untilMs: T0 + GATHER_MS });
    expect(placesAt(2, [at(0, 'a')])).toEqual({ a: 'a' });
  });

  it('is one of three at most in ten seconds, else they begin a storm together', () => {
    expect(placesAt(2, [at(0, 'a'), at(1, 'b'), at(2, 'c')])).toEqual({ a: 'a', b: 'b', c: 'c' });
    expect(placesAt(2, [at(0, 'a'), at(1, 'b'), at(2, 'c'), at(2, 'd')])).toEqual({
      a: 'storm-a',
      b: 'storm-a',
      c: 'storm-a',
      d: 'storm-a',
    });
    const before = [at(0, 'a', 'a'), at(3, 'b', 'b'), at(6, 'c', 'c')];
    expect(placesAt(11, [at(9, 'd')], before)).toEqual({ d: 'storm-d' });
    expect(placesAt(13, [at(11, 'd')], before)).toEqual({ d: 'd' });
  });

  it('joins a storm at once while it lasts, until half a minute without a new one', () => {
    const before = [at(0, 'a', 'storm-a'), at(25, 'b', 'storm-a')];

    expect(placesAt(54, [at(54, 'c')], before)).toEqual({ c: 'storm-a' });
    expect(placesAt(57, [at(55, 'c')], before)).toEqual({ c: 'c' });
    expect(placesAt(90, [at(40, 'c'), at(69, 'd'), at(99, 'e')], before)).toEqual({ c: 'storm-a', d: 'storm-a' });
  });

  it('is the same whatever the order of the rows', () => {
    const rows = [at(0, 'a'), at(0, 'b'), at(1, 'c'), at(2, 'd'), at(40, 'e')];

    expect(placesAt(60, rows.toReversed())).toEqual(placesAt(60, rows));
    expect(placesAt(60, rows)).toEqual({ a: 'storm-a', b: 'storm-a', c: 'storm-a', d: 'storm-a', e: 'e' });
  });
});
