import { computePoints, computeScore, UNKILLABLE, type BadnessTask, type Formula } from './badness.ts';
import type { PredictionInput } from './prediction-input.ts';
import type { TaskRow } from '../report.ts';
import { listTotals, type TotalGuess } from './total-pages.ts';

/** One way to fill in what the report leaves open. */
export interface Hypothesis {
  formula: Formula;
  pageSizeKiB: number;
  rootBonus: boolean;
  total: TotalGuess;
  /** All with the most points, in table order. */
  winners: TaskRow[];
}

export function listHypotheses(
  input: PredictionInput,
  eligible: readonly TaskRow[],
  formula: Formula,
  pageSizeKiB: number,
): Hypothesis[] {
  // uid 0 is no proof of CAP_SYS_ADMIN: root in a container mostly lacks it.
  const bonuses = formula.rootBonus !== null && eligible.some((row) => row.uid === 0) ? [true, false] : [false];
  return listTotals(input, pageSizeKiB).flatMap((total) =>
    bonuses.map((rootBonus) => {
      const guess: Hypothesis = { formula, pageSizeKiB, rootBonus, total, winners: [] };
      let most = UNKILLABLE;
      for (const row of eligible) {
        const points = pointsUnder(guess, row);
        if (points > most) guess.winners = [];
        if (points >= most) guess.winners.push(row);
        most = Math.max(most, points);
      }
      return guess;
    }),
  );
}

export function pointsUnder(guess: Hypothesis, row: TaskRow): number {
  return computePoints(toBadnessTask(row, guess.rootBonus, guess.pageSizeKiB), guess.total.pages, guess.formula);
}

export function scoreUnder(guess: Hypothesis, row: TaskRow): number {
  return computeScore(pointsUnder(guess, row), guess.total.pages, guess.formula);
}

function toBadnessTask(row: TaskRow, rootBonus: boolean, pageSizeKiB: number): BadnessTask {
  return {
    pid: row.pid,
    rssPages: row.rssPages,
    swapPages: row.swapPages ?? 0,
    pageTablePages:
      row.pageTablesBytes === null ? (row.pageTablePages ?? 0) : Math.trunc(row.pageTablesBytes / 1024 / pageSizeKiB),
    oomScoreAdj: row.oomScoreAdj ?? 0,
    privileged: rootBonus && row.uid === 0,
  };
}
