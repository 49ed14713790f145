import { pointsUnder, type Hypothesis } from './prediction-hypothesis.ts';
import type { PredictionInput } from './prediction-input.ts';
import type { TaskRow } from '../report.ts';

interface Question {
  input: PredictionInput;
  best: Hypothesis;
  chosen: TaskRow | null;
  winner: TaskRow;
  agrees: boolean | null;
}

/** Why the log names another than the predicted one, or another died than was chosen; null: nothing to explain. */
export function explainPrediction(question: Question): string | null {
  const { input, best, chosen, winner, agrees } = question;
  const named = input.selected ?? input.killed;
  if (named === null) return 'no line of the report names the chosen process';
  if (chosen === null)
    return `pid ${named.pid} is not in the task table: ${input.rowsMissing ? 'rows are missing' : 'it may be a thread, or its row was lost'}`;
  if (agrees === true) return explainOtherDeath(input, named.pid, chosen);
  if (input.allocatingTask)
    return 'vm.oom_kill_allocating_task is set: the kernel kills the task that asks, not the one with the most points';
  if (chosen.oomScoreAdj === -1000)
    return `pid ${chosen.pid} stands in the table with oom_score_adj -1000, which cannot be chosen: it changed in between, or this kernel is patched`;
  if (!input.selected && input.hasOomKillLine === false && best.formula.tieGoesTo === 'first') {
    return `the line that names the chosen process is missing; up to 5.0 a child of it (here pid ${chosen.pid}) could die in its place`;
  }
  if (swapUsed(input) && input.tasks.every((row) => row.swapPages === null))
    return "this kernel's table has no swap column, and swap was in use";

  const gap = pointsUnder(best, winner) - pointsUnder(best, chosen);
  const unit = best.formula.scale === 'permille' ? 'points' : 'pages';
  const more = `pid ${winner.pid} has ${gap} ${unit} more than the chosen pid ${chosen.pid}`;
  if (gap <= Math.max(16, pointsUnder(best, chosen) * 0.02))
    return `${more}: the choice was made a moment before the table was printed, and memory moved`;
  if (input.domain === 'cpuset' || input.domain === 'mempolicy')
    return `${more}: it may be outside the memory nodes that ran out`;
  if (input.rowsMissing) return `${more}: it was probably killed just before, by lines that are missing here`;
  return `${more}: it was probably dying already (such a task stays in the table but is passed over), or between vfork and exec`;
}

function explainOtherDeath(input: PredictionInput, namedPid: number, chosen: TaskRow): string | null {
  const killedPid = input.killed?.pid ?? namedPid;
  if (namedPid !== chosen.pid) return `pid ${namedPid} is a thread of pid ${chosen.pid}`;
  if (killedPid === chosen.pid) return null;
  if (input.oomGroup) return `memory.oom.group is set: pid ${killedPid} died with the chosen pid ${chosen.pid}`;
  if (input.hasScoreLine)
    return `pid ${killedPid}, a child of the chosen pid ${chosen.pid}, was sacrificed in its place`;
  if (!input.tasks.some((row) => row.pid === killedPid))
    return `pid ${killedPid} is another thread of the chosen pid ${chosen.pid}, whose first thread had ended`;
  return `pid ${killedPid} died with the chosen pid ${chosen.pid}, whose memory it shares`;
}

function swapUsed(input: PredictionInput): boolean {
  const { totalSwapKiB = null, freeSwapKiB = null } = input.memory ?? {};
  return totalSwapKiB !== null && totalSwapKiB > (freeSwapKiB ?? 0);
}
