import { describe, expect, it } from 'vitest';
import { timeOfDeath } from '../../src/incident/time-of-death.ts';

const BOOT = 1_788_000_000_000;
const SEEN = BOOT + 100_000;

describe('time of death', () => {
  it('takes the kernel clock when it agrees with the stamp: it is sharper', () => {
    const time = timeOfDeath({
      kernelSeconds: 90.5,
      boot: { atMs: BOOT, errorMs: 20 },
      stamp: { atMs: BOOT + 91_000, errorMs: 1_000 },
      seenAtMs: SEEN,
      live: true,
    });

    expect(time).toEqual({ atMs: BOOT + 90_500, errorMs: 20 });
  });

  it('takes the stamp when the kernel clock stood still in suspend', () => {
    const time = timeOfDeath({
      kernelSeconds: 90,
      boot: { atMs: BOOT - 3_600_000, errorMs: 50 },
      stamp: { atMs: BOOT + 90_000, errorMs: 500 },
      seenAtMs: SEEN,
      live: false,
    });

    expect(time).toEqual({ atMs: BOOT + 90_000, errorMs: 500 });
  });

  it('takes the clock that agrees with the arrival of a live line, whichever was set or stood still', () => {
    const now = { seenAtMs: SEEN, live: true };
    const right = { atMs: SEEN - 300, errorMs: 1_000 };
    const wrong = { atMs: SEEN - 3_600_000, errorMs: 1_000 };

    expect(timeOfDeath({ ...now, kernelSeconds: 99.7, boot: { atMs: BOOT, errorMs: 20 }, stamp: wrong })).toEqual({
      atMs: SEEN - 300,
      errorMs: 300,
    });
    expect(timeOfDeath({ ...now, kernelSeconds: 90, boot: wrong, stamp: right })).toEqual({
      atMs: SEEN - 300,
      errorMs: 1_000,
    });
    expect(timeOfDeath({ ...now, kernelSeconds: 90, boot: wrong, stamp: wrong })).toEqual({
      atMs: SEEN - 2_500,
      errorMs: 2_500,
    });
  });

  it('narrows what a clock that nobody sets right leaves open by the arrival of a live line', () => {
    const time = timeOfDeath({
      kernelSeconds: 101,
      boot: { atMs: BOOT, errorMs: 8_000 },
      stamp: null,
      seenAtMs: SEEN,
      live: true,
    });

    expect(time).toEqual({ atMs: SEEN, errorMs: 5_000 });
  });

  it('has only the boot estimate for an old line without a stamp', () => {
    const time = timeOfDeath({
      kernelSeconds: 10,
      boot: { atMs: BOOT, errorMs: 400 },
      stamp: null,
      seenAtMs: SEEN,
      live: false,
    });

    expect(time).toEqual({ atMs: BOOT + 10_000, errorMs: 400 });
  });

  it('is never later than the line was read, so that what died just before a watch began comes before what died in it', () => {
    const time = timeOfDeath({
      kernelSeconds: 100,
      boot: { atMs: BOOT, errorMs: 9_000 },
      stamp: { atMs: SEEN + 507, errorMs: 1_020 },
      seenAtMs: SEEN,
      live: false,
    });

    expect(time).toEqual({ atMs: SEEN, errorMs: 513 });
  });

  it('covers the moment of reading for a live line without any clock', () => {
    const time = timeOfDeath({ kernelSeconds: null, boot: null, stamp: null, seenAtMs: SEEN, live: true });

    expect(time.atMs + time.errorMs).toBe(SEEN);
    expect(time.errorMs).toBeLessThanOrEqual(5_000);
  });

  it('owns up to half a day when nothing is known', () => {
    expect(timeOfDeath({ kernelSeconds: 5, boot: null, stamp: null, seenAtMs: SEEN, live: false }).errorMs).toBe(
      43_200_000,
    );
  });
});
