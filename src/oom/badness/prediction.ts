import { chooseFormula } from './badness.ts';
import { listHypotheses, pointsUnder, scoreUnder, type Hypothesis } from './prediction-hypothesis.ts';
import type { PredictionInput } from './prediction-input.ts';
import { explainPrediction } from './prediction-reason.ts';
import type { Prediction, TaskRow } from '../report.ts';

export type { PredictionInput };

// Recomputes the kernel's choice from the task table and says whether the log agrees. The report leaves some things open: the host's
// swap in a memory group's report, CAP_SYS_ADMIN of a task, the nodes allowed. Each way to fill them in is a hypothesis; the printed
// score, and then the choice itself, tell which holds. The choice is made before the table is printed: in a moving system they differ.

export interface VictimPrediction extends Prediction {
  /** What the report did not say and was taken for granted, and what was left out. */
  assumptions: string[];
}

/**
 * Whom the kernel should have chosen. `pid` may differ from the killed one although it `agrees` (a child, a thread, a whole group):
 * `reason` then says why. `points` and `score` are null where the total they hang on is not known. Never throws; texts hold no host text.
 */
export function predictVictim(input: PredictionInput): VictimPrediction {
  if (input.tasks.length === 0) return nothing('the report holds no task table');
  const formula = chooseFormula(input.kernelRelease, readForm(input));
  if (formula.scale === null || input.tasks.every((row) => row.oomScoreAdj === null)) {
    return nothing('kernels up to 2.6.35 also weigh CPU time, run time and children, which a report does not hold');
  }

  const named = input.selected ?? input.killed;
  const chosen = findChosen(input, named?.pid ?? null);
  const eligible = input.tasks.filter(
    (row) =>
      row.oomScoreAdj !== -1000 && row.pid !== 1 && (row.pid === chosen?.pid || !input.recentlyKilled.has(row.pid)),
  );
  if (eligible.length === 0) return nothing('no task of the table may be killed: all have oom_score_adj -1000');

  const pageSizeKiB = input.pageSizeKiB ?? inferPageSize(input) ?? 4;
  const all = listHypotheses(input, eligible, formula, pageSizeKiB);
  const scored = all.filter((guess) => chosen && input.printedScore === scoreUnder(guess, chosen));
  const possible = scored.length > 0 ? scored : all;
  const fitting = possible.filter((guess) => chosen && guess.winners.includes(chosen));
  const best = fitting[0] ?? possible[0];
  if (!best) return nothing('the total that the kernel counts against is not known');

  const winner = fitting.length > 0 ? chosen : best.winners.at(formula.tieGoesTo === 'last' ? -1 : 0);
  if (!winner) return nothing('no task of the table may be killed');
  const points = pointsUnder(best, winner);
  const score = scoreUnder(best, winner);
  const agrees = chosen ? fitting.length > 0 : null;
  return {
    pid: winner.pid,
    name: winner.name,
    points: possible.every((guess) => pointsUnder(guess, winner) === points) ? points : null,
    score: possible.every((guess) => scoreUnder(guess, winner) === score) ? score : null,
    agrees,
    reason: explainPrediction({ input, best, chosen, winner, agrees }),
    assumptions: listAssumptions({ input, best, possible, eligible, scoreMet: scored.length > 0 }),
  };
}

function nothing(reason: string): VictimPrediction {
  return { pid: null, name: null, points: null, score: null, agrees: null, reason, assumptions: [] };
}

function readForm(input: PredictionInput): Parameters<typeof chooseFormula>[1] {
  const { tasks } = input;
  return {
    hasOomScoreAdj: tasks.some((row) => row.oomScoreAdj !== null),
    hasOomAdj: tasks.some((row) => row.oomAdj !== null),
    hasPageTablePages: tasks.some((row) => row.pageTablePages !== null),
    hasPageTableBytes: tasks.some((row) => row.pageTablesBytes !== null),
    hasRssSplit: tasks.some((row) => row.rssAnonPages !== null),
    hasOomKillLine: input.hasOomKillLine,
    hasScoreLine: input.hasScoreLine,
  };
}

/** The chosen process' row. Before 5.3 a memory group's chosen may be a thread, which has no row: its process is the killed one. */
function findChosen(input: PredictionInput, pid: number | null): TaskRow | null {
  const row = input.tasks.find((task) => task.pid === pid);
  return row ?? input.tasks.find((task) => task.pid === input.killed?.pid) ?? null;
}

function inferPageSize(input: PredictionInput): number | null {
  const row = input.tasks.find((task) => task.pid === input.killed?.pid);
  if (!row || !input.killed?.totalVmKiB || row.totalVmPages === 0) return null;
  return [4, 8, 16, 64, 256].find((size) => size === (input.killed?.totalVmKiB ?? 0) / row.totalVmPages) ?? null;
}

interface Grounds {
  input: PredictionInput;
  best: Hypothesis;
  possible: readonly Hypothesis[];
  eligible: readonly TaskRow[];
  scoreMet: boolean;
}

function listAssumptions({ input, best, possible, eligible, scoreMet }: Grounds): string[] {
  const { formula } = best;
  const said: string[] = [`formula of kernels ${formula.kernels}`];
  const open = new Set(possible.map((guess) => guess.winners.map((row) => row.pid).join()));
  if (best.total.assumption !== null) said.push(best.total.assumption);
  if (open.size > 1) said.push('other assumptions give another victim');
  if (best.rootBonus) said.push('tasks of uid 0 have CAP_SYS_ADMIN, which makes them less likely');
  if (best.winners.length > 1) said.push(`${best.winners.length} tasks have equal points`);
  if (input.printedScore !== null && !scoreMet) said.push(`the printed score of ${input.printedScore} cannot be met`);
  if (input.pageSizeKiB === null) said.push(`pages of ${best.pageSizeKiB} KiB`);
  const passed = input.tasks
    .filter((row) => input.recentlyKilled.has(row.pid) && !eligible.includes(row))
    .map((row) => row.pid);
  if (passed.length > 0) said.push(`left out as just killed: pid ${passed.slice(0, 10).join(', ')}`);
  if (input.rowsMissing) said.push('the task table is not whole');
  if (eligible.every((row) => row.swapPages === null)) said.push('the table has no swap column');
  if (input.domain === 'memcg' && formula.shiftedScore)
    said.push("the score is against the group's total; /proc shows it against the host's");
  return said;
}
