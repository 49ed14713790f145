import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findLeak, isFaster, livesOf, type Life, type SizeAt } from '../../src/incident/leak.ts';
import { fitLine } from '../../src/incident/least-squares.ts';

const HOUR_MS = 3_600_000;
const START = Date.UTC(2026, 7, 1);
const NONE = { nowMs: START, clockMinute: null };

/** Lives of so many hours, one after the other, each dying at its size in MiB. */
function lives(...given: [hours: number, sizeMiB: number][]): Life[] {
  let bornAtMs = START;
  return given.map(([hours, sizeMiB]) => {
    const life = { bornAtMs, diedAtMs: bornAtMs + hours * HOUR_MS, sizeKiB: sizeMiB * 1_024 };
    bornAtMs = life.diedAtMs;
    return life;
  });
}

/** What was seen of each life every so many hours, growing from `from` MiB to its size at death. */
function seenIn(all: readonly Life[], everyHours: number, fromMiB: number): SizeAt[] {
  return all.flatMap(({ bornAtMs, diedAtMs, sizeKiB }) => {
    const seen: SizeAt[] = [];
    for (let atMs = bornAtMs + everyHours * HOUR_MS; atMs < diedAtMs; atMs += everyHours * HOUR_MS) {
      const share = (atMs - bornAtMs) / (diedAtMs - bornAtMs);
      seen.push({ atMs, sizeKiB: Math.round(fromMiB * 1_024 * (1 - share) + sizeKiB * share) });
    }
    return seen;
  });
}

describe('a line through points', () => {
  it('has the slope, the start and the straightness of what was put in', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e6, max: 1e6, noNaN: true }).filter((slope) => Math.abs(slope) > 1e-3),
        fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        fc.uniqueArray(fc.integer({ min: -10_000, max: 10_000 }), { minLength: 2, maxLength: 50 }),
        (slope, start, xs) => {
          const line = fitLine(xs.map((x) => ({ x, y: start + slope * x })));

          expect(line?.slope).toBeCloseTo(slope, 3);
          expect(line?.r2).toBeGreaterThan(0.999);
        },
      ),
    );
  });

  it('never claims more than all, and nothing where nothing varies', () => {
    const point = fc.record({ x: fc.integer({ min: 0, max: 1e6 }), y: fc.integer({ min: 0, max: 1e9 }) });
    fc.assert(
      fc.property(fc.array(point, { maxLength: 40 }), (points) => {
        const line = fitLine(points);

        if (line !== null) {
          expect(line.r2).toBeGreaterThanOrEqual(0);
          expect(line.r2).toBeLessThanOrEqual(1);
        }
        if (new Set(points.map(({ x }) => x)).size < 2 || new Set(points.map(({ y }) => y)).size < 2)
          expect(line).toBeNull();
      }),
    );
  });
});

describe('lives', () => {
  it('begin with the death before where their start is not known, and the first is left out', () => {
    const deaths = [2, 0, 5].map((hour) => ({ atMs: START + hour * HOUR_MS, sizeKiB: 9, bornAtMs: null }));

    expect(livesOf(deaths).map((life) => (life.diedAtMs - life.bornAtMs) / HOUR_MS)).toEqual([2, 3]);
  });

  it('begin where the process began if that is known', () => {
    const died = START + 30 * HOUR_MS;

    expect(livesOf([{ atMs: died, sizeKiB: 9, bornAtMs: START + 4 * HOUR_MS }])).toEqual([
      { bornAtMs: START + 4 * HOUR_MS, diedAtMs: died, sizeKiB: 9 },
    ]);
  });

  it('of a pool whose workers die together are one, of the largest size', () => {
    const deaths = [0, 10, 20].map((hour) =>
      [0, 1, 2].map((worker) => ({
        atMs: START + hour * HOUR_MS + worker * 20_000,
        sizeKiB: 100 + worker,
        bornAtMs: null,
      })),
    );

    expect(
      livesOf(deaths.flat()).map((life) => [Math.round((life.diedAtMs - life.bornAtMs) / HOUR_MS), life.sizeKiB]),
    ).toEqual([
      [10, 102],
      [10, 102],
    ]);
  });
});

describe('a leak', () => {
  it.each<[string, Life[], boolean]>([
    ['lives of like length', lives([26, 6_000], [24, 6_100], [27, 5_900]), true],
    ['lives of unlike length', lives([2, 6_000], [26, 6_100], [5, 5_900]), false],
    ['two lives', lives([26, 6_000], [26, 6_000]), false],
    ['sizes at death far apart', lives([26, 6_000], [26, 1_000], [26, 12_000]), false],
  ])('from sizes at death alone: %s', (_, given, isLeak) => {
    expect(findLeak(given, [], NONE) !== null).toBe(isLeak);
  });

  it('is not claimed from sizes at death alone where a clock time explains them', () => {
    const daily = lives([24, 6_000], [24, 6_000], [24, 6_000], [24, 6_000]);

    expect(findLeak(daily, [], { nowMs: START, clockMinute: 200 })).toBeNull();
    expect(findLeak(daily, seenIn(daily, 2, 500), { nowMs: START, clockMinute: 200 })).not.toBeNull();
  });

  it('has its rate and its next kill', () => {
    const given = lives([20, 6_000], [20, 6_000], [20, 6_000]);
    const lastDeathMs = START + 60 * HOUR_MS;

    const leak = findLeak(given, [], { nowMs: lastDeathMs + HOUR_MS, clockMinute: null });

    expect(leak).toMatchObject({
      slopeKiBPerHour: 300 * 1_024,
      r2: 1,
      lives: 3,
      nextAtMs: lastDeathMs + 20 * HOUR_MS,
      typicalSizeKiB: 6_000 * 1_024,
    });
  });

  it('expects the next kill by what is seen of the life now', () => {
    const given = lives([20, 6_000], [20, 6_000], [20, 6_000]);
    const lastDeathMs = START + 60 * HOUR_MS;
    const seen = [...seenIn(given, 4, 2_000), { atMs: lastDeathMs + HOUR_MS, sizeKiB: 4_000 * 1_024 }];

    const leak = findLeak(given, seen, { nowMs: lastDeathMs + HOUR_MS, clockMinute: null });

    // 200 MiB an hour, 2,000 MiB to go.
    expect(leak?.nextAtMs).toBeCloseTo(lastDeathMs + 11 * HOUR_MS, -5);
  });

  it('no longer expects a kill that is long overdue', () => {
    const given = lives([20, 6_000], [20, 6_000], [20, 6_000]);

    expect(findLeak(given, [], { nowMs: START + 200 * HOUR_MS, clockMinute: null })?.nextAtMs).toBeNull();
  });

  it('is not seen in what is large from its start on', () => {
    const given = lives([20, 6_000], [30, 6_000], [10, 6_000]);

    expect(findLeak(given, seenIn(given, 1, 5_900), NONE)).toBeNull();
  });

  it('is found with its rate whatever the lives, as long as the growth is straight', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 6, max: 60 }), { minLength: 3, maxLength: 8 }),
        fc.integer({ min: 10, max: 500 }),
        (hours, mibPerHour) => {
          const given = lives(...hours.map((one): [number, number] => [one, one * mibPerHour]));
          const typical = given.map((life) => life.sizeKiB).toSorted((a, b) => a - b);
          const spread = typical.at(-1)! / typical[0]!;
          const leak = findLeak(given, seenIn(given, 1, 0), NONE);

          if (spread < 1.2) expect(leak!.slopeKiBPerHour / (mibPerHour * 1_024)).toBeCloseTo(1, 2);
          if (leak !== null) expect(leak.r2).toBeGreaterThanOrEqual(0.8);
        },
      ),
    );
  });

  it('gets faster when the newer lives are much shorter', () => {
    expect(isFaster(lives([26, 6_000], [25, 6_000], [12, 6_000], [9, 6_000]))).toBe(true);
    expect(isFaster(lives([26, 6_000], [25, 6_000], [24, 6_000], [26, 6_000]))).toBe(false);
    expect(isFaster(lives([26, 6_000], [5, 6_000], [2, 6_000]))).toBe(false);
  });
});
