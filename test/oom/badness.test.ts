import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  chooseFormula,
  computePermille,
  computePoints,
  computeScore,
  oomAdjOfOomScoreAdj,
  oomScoreAdjOfOomAdj,
  rankTasks,
  UNKILLABLE,
  type BadnessTask,
} from '../../src/oom/badness/badness.ts';

function aTask(given: Partial<BadnessTask> = {}): BadnessTask {
  return {
    pid: 100,
    rssPages: 1000,
    swapPages: 0,
    pageTablePages: 0,
    oomScoreAdj: 0,
    privileged: false,
    ...given,
  };
}

describe('the formula of a kernel', () => {
  it.each([
    ['2.6.18-8.el5', 'up to 2.6.35'],
    ['2.6.32-431.el6.x86_64', '2.6.36 to 2.6.38'],
    ['2.6.36', '2.6.36 to 2.6.38'],
    ['2.6.39', '2.6.39 to 3.4'],
    ['3.2.0-4-amd64', '2.6.39 to 3.4'],
    ['3.5.0', '3.5 to 3.13'],
    ['3.10.0-957.el7.x86_64', '3.5 to 3.13'],
    ['3.14.0', '3.14 to 4.16'],
    ['4.16.18', '3.14 to 4.16'],
    ['4.17.0', '4.17 to 5.1'],
    ['5.2.0-rc7', '5.2 to 5.8'],
    ['5.8.18', '5.2 to 5.8'],
    ['5.9.0-rc6', '5.9 and newer'],
    ['6.12.0-211.el10.ppc64le', '5.9 and newer'],
    ['7.2.0', '5.9 and newer'],
    [null, '5.9 and newer'],
    ['not a release', '5.9 and newer'],
  ])('of %s is that of %s', (release, kernels) => {
    expect(chooseFormula(release).kernels).toBe(kernels);
  });

  it.each([
    ['el6 by its columns, with no release', null, { hasOomScoreAdj: true, hasOomAdj: true }, '2.6.39 to 3.4'],
    ['el6 by its columns', '2.6.32-431', { hasOomScoreAdj: true, hasOomAdj: true }, '2.6.36 to 2.6.38'],
    ['3.5 with the old columns', '3.5.0', { hasOomScoreAdj: true, hasOomAdj: true }, '3.5 to 3.13'],
    ['a table without oom_score_adj', '3.0.51', { hasOomScoreAdj: false }, 'up to 2.6.35'],
    ['nr_ptes with no release', null, { hasOomScoreAdj: true, hasPageTablePages: true }, '3.14 to 4.16'],
    ['el8 with the oom-kill line', '4.18.0-553.el8', { hasPageTableBytes: true, hasOomKillLine: true }, '4.17 to 5.1'],
    ['pgtables_bytes and a score line', null, { hasPageTableBytes: true, hasScoreLine: true }, '4.17 to 5.1'],
    ['rss_anon columns of a backport', '5.14.0', { hasPageTableBytes: true, hasRssSplit: true }, '5.9 and newer'],
    ['scores that start at 666', '5.4.0', { hasShiftedScore: true }, '5.9 and newer'],
    ['scores that start at 0', '5.10.0', { hasShiftedScore: false }, '5.2 to 5.8'],
  ])('follows what is seen: %s', (_, release, form, kernels) => {
    expect(chooseFormula(release, form).kernels).toBe(kernels);
  });
});

describe('points', () => {
  const root = { rssPages: 100_000, swapPages: 1000, pageTablePages: 200, privileged: true };
  it.each([
    ['2.6.36 leaves page tables out and takes 30 points off root', '2.6.36', root, 1_000_000, 101 - 30],
    ['2.6.39 counts page tables', '3.4.0', { ...root, pageTablePages: 5000 }, 1_000_000, 106 - 30],
    ['permille is never above 1000', '3.0.0', aTask({ rssPages: 900, oomScoreAdj: 500 }), 1000, 1000],
    ['permille is never below 1', '3.0.0', aTask({ rssPages: 9, oomScoreAdj: -500 }), 1000, 1],
    ['3.5 takes 30 off the adj of root', '3.10.0', root, 1_000_000, 101_200 - 30 * 1000],
    ['3.14 takes 3 % off the memory of root', '3.18.0', root, 1_000_000, 101_200 - 3036],
    ['3.14 takes 3 % before the adj is added', '4.9.0', { ...root, oomScoreAdj: 100 }, 1_000_000, 98_164 + 100_000],
    ['4.17 treats root as anybody', '4.17.0', root, 1_000_000, 101_200],
    ['5.8 stops at 1', '5.8.0', aTask({ oomScoreAdj: -999 }), 1_000_000, 1],
    ['5.9 goes below zero', '5.9.0', aTask({ oomScoreAdj: -999 }), 1_000_000, 1000 - 999_000],
    ['the total is divided first', '6.1.0', aTask({ oomScoreAdj: 3 }), 1999, 1003],
    ['a group of under 1000 pages knows no adj', '6.1.0', aTask({ rssPages: 7, oomScoreAdj: 1000 }), 999, 7],
    ['a logged victim of 6.18', '6.18.0', aTask({ rssPages: 130_854, pageTablePages: 1_097_728 / 4096 }), 1, 131_122],
  ])('%s', (_, release, task, total, points) => {
    expect(computePoints(aTask(task), total, chooseFormula(release))).toBe(points);
  });

  it.each(['2.6.36', '3.5.0', '4.17.0', '6.1.0'])('of init and of adj -1000 are none in %s', (release) => {
    const formula = chooseFormula(release);

    expect(computePoints(aTask({ oomScoreAdj: -1000 }), 1e6, formula)).toBe(UNKILLABLE);
    expect(computePoints(aTask({ pid: 1 }), 1e6, formula)).toBe(UNKILLABLE);
    expect(computeScore(UNKILLABLE, 1e6, formula)).toBe(0);
  });
});

describe('the shown score', () => {
  it.each([
    ['an idle process shows 666', '5.9.0', 10, 6_000_000, 666],
    ['adj 1000 shows 1333', '6.1.0', 6_000_000, 6_000_000, 1333],
    ['adj -999 shows 0', '6.1.0', -999 * 6000, 6_000_000, 0],
    ['adj -999 and a few pages show 1', '6.1.0', 10 - 999 * 6000, 6_000_000, 1],
    ['half of the memory shows 1000', '6.1.0', 3_000_000, 6_000_000, 1000],
    ['before 5.9 an idle process shows 0', '5.8.0', 10, 6_000_000, 0],
    ['and half of the memory 500', '4.4.0', 3_000_000, 6_000_000, 500],
    ['it may pass 1000 in a small group', '4.4.0', 2366, 1000, 2366],
    ['up to 3.4 it is the points', '3.0.0', 651, 6_000_000, 651],
  ])('%s', (_, release, points, total, score) => {
    expect(computeScore(points, total, chooseFormula(release))).toBe(score);
  });

  it('cuts towards zero, as C does', () => {
    expect(computePermille(-1999, 1_000_000, chooseFormula('6.1'))).toBe(-1);
    expect(computePermille(-999, 1_000_000, chooseFormula('6.1'))).toBe(0);
  });
});

describe('a ranking', () => {
  it('names the last of equals in 5.2 and newer, the first before, and says that they are equal', () => {
    const tasks = [aTask({ pid: 10 }), aTask({ pid: 11 }), aTask({ pid: 12, rssPages: 1 })];

    expect(rankTasks(tasks, 1e6, chooseFormula('6.1')).map((row) => [row.task.pid, row.tied])).toEqual([
      [11, true],
      [10, true],
      [12, false],
    ]);
    expect(rankTasks(tasks, 1e6, chooseFormula('4.19'))[0]?.task.pid).toBe(10);
  });

  it('answers who would die next with another adj, and leaves the tasks as they are', () => {
    const tasks = [aTask({ pid: 10, rssPages: 300_000 }), aTask({ pid: 11, rssPages: 200_000 })];
    const formula = chooseFormula('6.1');

    expect(rankTasks(tasks, 1e6, formula)[0]?.task.pid).toBe(10);
    expect(rankTasks(tasks, 1e6, formula, new Map([[10, -500]]))[0]?.task.pid).toBe(11);
    expect(rankTasks(tasks, 1e6, formula, new Map([[10, -1000]])).at(-1)).toMatchObject({
      points: UNKILLABLE,
      score: 0,
    });
    expect(tasks[0]?.oomScoreAdj).toBe(0);
  });

  const release = fc.constantFrom('2.6.36', '3.4.0', '3.10.0', '4.4.0', '4.19.0', '5.4.0', '6.1.0');
  const task = fc.record({
    rssPages: fc.nat(1e8),
    swapPages: fc.nat(1e7),
    pageTablePages: fc.nat(1e6),
    oomScoreAdj: fc.integer({ min: -1000, max: 1000 }),
    privileged: fc.boolean(),
  });
  const tasks = fc
    .array(task, { minLength: 1, maxLength: 30 })
    .map((list) => list.map((one, at) => ({ pid: at + 2, ...one })));

  it('holds every task once, most points first', () => {
    fc.assert(
      fc.property(tasks, fc.nat(1e9), release, (list, total, kernel) => {
        const ranked = rankTasks(list, total, chooseFormula(kernel));

        expect(ranked.map((row) => row.task.pid).toSorted((a, b) => a - b)).toEqual(list.map((one) => one.pid));
        expect(ranked.every((row, at) => at === 0 || row.points <= (ranked[at - 1]?.points ?? 0))).toBe(true);
        expect(ranked.every((row) => Number.isFinite(row.points) && Number.isInteger(row.score))).toBe(true);
      }),
    );
  });

  it('never makes a task less likely by a higher adj', () => {
    fc.assert(
      fc.property(tasks, fc.nat(1e9), release, fc.nat(), fc.nat(2000), (list, total, kernel, pick, more) => {
        const formula = chooseFormula(kernel);
        const chosen = list[pick % list.length]!;
        const raised = new Map([[chosen.pid, Math.min(chosen.oomScoreAdj + more, 1000)]]);
        function rankOf(ranked: { task: BadnessTask }[]): number {
          return ranked.findIndex((row) => row.task.pid === chosen.pid);
        }

        expect(rankOf(rankTasks(list, total, formula, raised))).toBeLessThanOrEqual(
          rankOf(rankTasks(list, total, formula)),
        );
      }),
    );
  });
});

describe('the old oom_adj', () => {
  it.each([
    [15, 1000],
    [-17, -1000],
    [-16, -941],
    [1, 58],
    [0, 0],
  ])('%i writes oom_score_adj %i', (oomAdj, oomScoreAdj) => {
    expect(oomScoreAdjOfOomAdj(oomAdj)).toBe(oomScoreAdj);
  });

  it.each([
    [1000, 15],
    [-1000, -17],
    [-999, -16],
    [-58, 0],
    [58, 0],
    [59, 1],
    [0, 0],
  ])('oom_score_adj %i reads as %i', (oomScoreAdj, oomAdj) => {
    expect(oomAdjOfOomScoreAdj(oomScoreAdj)).toBe(oomAdj);
  });
});
