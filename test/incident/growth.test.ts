import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findGrowth, largestServices, type Moment } from '../../src/incident/growth.ts';

const MINUTE_MS = 60_000;
const MIB = 1_024;

/** One moment a minute: the sizes of services in MiB. */
function moments(...sizes: Record<string, number>[]): Moment[] {
  return sizes.map((services, minute) => ({
    atMs: minute * MINUTE_MS,
    totalKiB: 4_000 * MIB,
    availableKiB: 1_000 * MIB,
    totalSwapKiB: 0,
    freeSwapKiB: 0,
    pressureFullAvg10: null,
    services: Object.entries(services)
      .map(([service, mib]) => ({ service, sizeKiB: mib * MIB }))
      .toSorted((a, b) => b.sizeKiB - a.sizeKiB),
  }));
}

describe('who grew', () => {
  it.each<[string, Moment[], Parameters<typeof findGrowth>[1], object | null]>([
    [
      'the one that grew most, from where its growth began',
      moments({ a: 500, b: 900 }, { a: 500, b: 950 }, { a: 1_500, b: 1_000 }, { a: 2_500, b: 1_000 }),
      null,
      { service: 'a', fromKiB: 500 * MIB, toKiB: 2_500 * MIB, fromMs: MINUTE_MS, toMs: 3 * MINUTE_MS, isNew: false },
    ],
    [
      'one that was not there at first',
      moments({ b: 900 }, { b: 900, a: 300 }, { b: 900, a: 800 }),
      null,
      { service: 'a', fromKiB: 0, toKiB: 800 * MIB, fromMs: 0, isNew: true },
    ],
    ['nobody, by a part that matters', moments({ a: 500 }, { a: 550 }, { a: 560 }), null, null],
    ['nobody, when all shrink', moments({ a: 2_500 }, { a: 1_500 }, { a: 500 }), null, null],
    [
      'a victim that grew after it was last seen',
      moments({ b: 900 }, { b: 900 }),
      { atMs: MINUTE_MS + 9_000, service: 'a', sizeKiB: 3_000 * MIB },
      { service: 'a', toKiB: 3_000 * MIB, fromMs: MINUTE_MS, toMs: MINUTE_MS + 9_000, isNew: true },
    ],
    [
      'a pool that is larger than the one that died of it',
      moments({ pool: 500 }, { pool: 2_500 }),
      { atMs: MINUTE_MS + 9_000, service: 'pool', sizeKiB: 100 * MIB },
      { service: 'pool', toKiB: 2_500 * MIB, toMs: MINUTE_MS },
    ],
    ['nobody in nothing', [], null, null],
  ])('names %s', (_, given, death, expected) => {
    const growth = findGrowth(given, death);

    if (expected === null) expect(growth).toBeNull();
    else expect(growth).toMatchObject(expected);
  });

  it('never claims a growth that was not seen', () => {
    const sizes = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 1, max: 4_000 }));
    fc.assert(
      fc.property(fc.array(sizes, { minLength: 1, maxLength: 20 }), (given) => {
        const growth = findGrowth(moments(...given));

        if (growth === null) return;
        const seen = given.map((one) => (one[growth.service] ?? 0) * MIB);
        expect(seen.at(-1)).toBe(growth.toKiB);
        expect(seen[growth.fromMs / MINUTE_MS]).toBe(growth.fromKiB);
        expect(growth.toKiB).toBeGreaterThan(growth.fromKiB);
        expect(growth.toMs).toBeGreaterThan(growth.fromMs);
      }),
    );
  });

  it('sums what has one name, and keeps the largest', () => {
    const rows = Array.from({ length: 20 }, (_, at) => ({ service: `s${at % 10}`, sizeKiB: at }));

    expect(largestServices(rows).map((one) => one.sizeKiB)).toEqual([28, 26, 24, 22, 20, 18, 16, 14]);
  });
});
