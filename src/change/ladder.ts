import { rankNext, type ProcScan } from '../oom/proc/proc-scan.ts';
import { chosenPid } from './proof.ts';

/** Steps that people know: gentle, monitoring, databases and runtimes, small supervisors. Nothing below comes by default. */
const RUNGS = [-100, -250, -500, -800] as const;
const LEAST = RUNGS[RUNGS.length - 1] ?? -800;
/** Memory moves: the value keeps a little more distance than the numbers of this moment ask for. */
const MARGIN = 20;

export type DefaultAdj =
  /** The smallest step that changes who dies next, with a margin, in tens. */
  | { kind: 'computed'; adj: number; needed: number }
  /** It would not die next anyway, or nobody can compute it: the next rung of the ladder. */
  | { kind: 'rung'; adj: number; isNext: boolean | null }
  /** `needed`: only so low a value would change it, which nobody gets by default. null: none would, or it is that low already. */
  | { kind: 'none'; needed: number | null };

/** What to set for these processes when nobody said: `scan` holds those among whom the kernel chooses. */
export function chooseDefaultAdj(scan: ProcScan, pids: readonly number[]): DefaultAdj {
  const targets = scan.processes.filter(({ pid }) => pids.includes(pid));
  const current = Math.min(...targets.map((one) => one.oomScoreAdj));
  if (rankNext(scan).formula.scale === null) return rungBelow(current, null);
  if (!diesNext(scan, pids, null)) return rungBelow(current, false);

  // Lowering can only help, so that the largest value that helps is found by halving.
  if (diesNext(scan, pids, -999)) return { kind: 'none', needed: null };
  let helps = -999;
  let fails = Math.max(...targets.map((one) => one.oomScoreAdj));
  while (fails - helps > 1) {
    const middle = Math.floor((fails + helps) / 2);
    if (diesNext(scan, pids, middle)) fails = middle;
    else helps = middle;
  }
  const adj = Math.floor((helps - MARGIN) / 10) * 10;
  return adj < LEAST
    ? { kind: 'none', needed: helps }
    : { kind: 'computed', adj: Math.min(adj, current - 1), needed: helps };
}

function rungBelow(current: number, isNext: boolean | null): DefaultAdj {
  const adj = RUNGS.find((rung) => rung < current);
  return adj === undefined ? { kind: 'none', needed: null } : { kind: 'rung', adj, isNext };
}

function diesNext(scan: ProcScan, pids: readonly number[], adj: number | null): boolean {
  const chosen = chosenPid(scan, adj === null ? new Map() : new Map(pids.map((pid) => [pid, adj])));
  return chosen !== null && pids.includes(chosen);
}
