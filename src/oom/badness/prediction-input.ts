import type { Domain, MemcgFacts, MemoryPicture, TaskRow } from '../report.ts';

/** What one report says about the choice of its victim. */
export interface PredictionInput {
  /** The whole task table, in printed order. */
  tasks: readonly TaskRow[];
  /** Named by the `oom-kill:` line, else by the `Kill process … score` line. */
  selected: { pid: number } | null;
  /** Which of the two lines were there. */
  hasOomKillLine: boolean;
  hasScoreLine: boolean;
  /** Named by the `Killed process` line. */
  killed: { pid: number; totalVmKiB: number | null } | null;
  domain: Domain | null;
  kernelRelease: string | null;
  pageSizeKiB: number | null;
  memory: MemoryPicture | null;
  memcg: MemcgFacts | null;
  /** `Total swap` of another report of this boot: a memory group's report does not hold it. */
  hostSwapKiB?: number | null;
  printedScore: number | null;
  /** Killed by reports of the last seconds: still in the table, no longer eligible. */
  recentlyKilled: ReadonlySet<number>;
  /** `vm.oom_kill_allocating_task`: whoever asks dies. */
  allocatingTask: boolean;
  /** The victim died with its group, `memory.oom.group`. */
  oomGroup: boolean;
  /** The table is torn, or lines of it were lost. */
  rowsMissing: boolean;
}
