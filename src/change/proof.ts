import { UNKILLABLE } from '../oom/badness/badness.ts';
import { rankNext, type ProcScan } from '../oom/proc/proc-scan.ts';
import type { ProofRow } from './change.ts';

const ROWS = 5;

/**
 * Who dies next, and who would if these processes (pid → adj) had these values: the first five each. `scan` holds the processes among
 * whom the kernel chooses. `after` is null where the kernel is too old for its choice to be computed.
 */
export function proveChange(
  scan: ProcScan,
  values: ReadonlyMap<number, number>,
): { before: ProofRow[]; after: ProofRow[] | null } {
  const now = rankNext(scan);
  if (now.formula.scale === null) {
    const rows = scan.processes.toSorted((a, b) => b.oomScore - a.oomScore || a.pid - b.pid).slice(0, ROWS);
    return {
      before: rows.map(({ pid, name, rssKiB, swapKiB, oomScoreAdj, oomScore }) => {
        return { pid, name, rssKiB, swapKiB, oomScoreAdj, points: oomScore, isTarget: values.has(pid) };
      }),
      after: null,
    };
  }
  return { before: rowsOf(now.ranking, values), after: rowsOf(rankNext(scan, values).ranking, values) };
}

type Ranking = ReturnType<typeof rankNext>['ranking'];

function rowsOf(ranking: Ranking, values: ReadonlyMap<number, number>): ProofRow[] {
  return ranking.slice(0, ROWS).map(({ task, oomScoreAdj, points }) => ({
    pid: task.pid,
    name: task.name,
    rssKiB: task.rssKiB,
    swapKiB: task.swapKiB,
    oomScoreAdj,
    points: points === UNKILLABLE ? null : points,
    isTarget: values.has(task.pid),
  }));
}

/** The pid that the kernel would choose; null: nobody can be chosen, or it cannot be computed. */
export function chosenPid(scan: ProcScan, values: ReadonlyMap<number, number>): number | null {
  const [first] = rankNext(scan, values).ranking;
  return first === undefined || first.points === UNKILLABLE ? null : first.task.pid;
}
