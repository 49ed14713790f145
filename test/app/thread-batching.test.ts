import { describe, expect, it } from 'vitest';
import { openDigests } from '../../src/app/tell/thread-batching.ts';

describe('what a thread tells of later kills', () => {
  it('tells slow kills one by one', () => {
    const digests = openDigests();
    digests.told('i', 1, 0);

    expect(digests.fold('i', 2, 60_000)).toBe(false);
    digests.told('i', 2, 60_000);
    expect(digests.fold('i', 3, 120_000)).toBe(false);
  });

  it('tells fast kills together, ever more rarely', () => {
    const digests = openDigests();
    const gaps: number[] = [];
    let nowMs = 0;
    digests.told('i', 1, nowMs);
    for (let kill = 2; kill < 200; kill += 1) {
      expect(digests.fold('i', kill, nowMs + 10)).toBe(true);
      const [dueMs = 0] = digests.dueTimes();
      gaps.push(dueMs - nowMs);
      nowMs = dueMs;
      expect(digests.takeDue(nowMs)).toMatchObject({ incidentId: 'i', toldKills: kill - 1 });
      digests.told('i', kill, nowMs);
    }

    expect(gaps.slice(0, 6)).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
  });

  it('does not tell again what a line covered', () => {
    const digests = openDigests();
    digests.told('i', 40, 0);

    expect(digests.fold('i', 12, 1_000_000)).toBe(true);
    expect(digests.dueTimes()).toEqual([]);
  });

  it('keeps threads apart, and forgets the oldest of very many', () => {
    const digests = openDigests();
    for (let thread = 0; thread <= 1_000; thread += 1) digests.told(`i${thread}`, 1, 0);

    expect(digests.fold('i0', 1, 10)).toBe(false);
    expect(digests.fold('i1000', 1, 10)).toBe(true);
  });
});
