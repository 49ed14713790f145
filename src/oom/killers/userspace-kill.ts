import type { LogLine } from '../framing/frame.ts';
import type { Killer } from '../report.ts';

/** What somebody beside the kernel's report says of one kill. */
export interface UserspaceKill {
  killer: Exclude<Killer, 'kernel'>;
  pid: number | null;
  name: string | null;
  uid: number | null;
  score: number | null;
  oomScoreAdj: number | null;
  rssKiB: number | null;
  cgroup: string | null;
  /** Where the line names a unit, but no path. */
  unit: string | null;
  signal: string | null;
  reason: string | null;
}

export type UserspaceLine =
  | {
      kind: 'kill';
      kill: UserspaceKill;
      outcome?: 'dry-run';
      /** The line that told of it first, where that is an earlier one. */
      at?: LogLine;
    }
  /** Told before a kill: a condition. */
  | { kind: 'before'; text: string }
  /**
   * Told after it. `failed`: the process lives, or the signal was never sent; `timed-out`: the wait for whoever was last said to
   * live is over; `died`: it is gone; `size`: how large it was; `why`: what
   * made it act.
   */
  | {
      kind: 'after';
      text: string;
      says?: 'failed' | 'timed-out' | 'died' | 'dry-run' | 'size' | 'why';
      pid?: number | null;
      rssKiB?: number;
    }
  /** systemd saw processes of a unit die of this killer; null: it does not say of which. */
  | { kind: 'unit'; unit: string; by: 'kernel' | 'systemd-oomd' | null; text: string }
  /** The kubelet, or a tool that traces, saw the kernel kill. */
  | { kind: 'seen'; by: 'kubelet' | 'oomkill'; pid: number; name: string; text: string };

export const NO_KILL: UserspaceKill = {
  killer: 'earlyoom',
  pid: null,
  name: null,
  uid: null,
  score: null,
  oomScoreAdj: null,
  rssKiB: null,
  cgroup: null,
  unit: null,
  signal: null,
  reason: null,
};
