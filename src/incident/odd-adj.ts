import type { ProcessFacts, ProcScan } from '../oom/proc/proc-scan.ts';
import { identifyCgroup } from '../oom/proc/cgroup.ts';
import { serviceOfProcess } from './service.ts';

/** Processes of one service whose oom_score_adj will cost others their lives. */
export interface OddAdj {
  /** `hog`: large and out of reach. `immortal`: at -1000 without being one of those that are meant to be. */
  kind: 'hog' | 'immortal';
  service: string;
  name: string;
  /** The largest of them. */
  pid: number;
  oomScoreAdj: number;
  /** Of all of them, swap included. */
  sizeKiB: number;
  count: number;
}

export const ODD_ADJ_THRESHOLDS = { outOfReach: -900, hogShare: 0.1 } as const;

const NEVER_KILLED = -1_000;
const SHOWN_MAX = 5;
// They set it themselves or ship with it, are small, and are needed to log in, to keep logs or to keep containers.
const MEANT_TO_LIVE = new Set([
  'sshd',
  'systemd',
  'systemd-udevd',
  'udevd',
  'eudev',
  'systemd-journal',
  'auditd',
  'dbus-daemon',
  'dbus-broker',
  'multipathd',
  'iscsid',
  'conmon',
  'containerd',
  'containerd-shim',
  'dockerd',
  'crio',
  'kubelet',
  'lxcfs',
  'earlyoom',
  'systemd-oomd',
]);

/** Odd values of a scan, the largest first, at most five. A pod's values are the kubelet's own. */
export function findOddAdj(scan: Pick<ProcScan, 'memTotalKiB' | 'swapTotalKiB' | 'processes'>): OddAdj[] {
  const totalKiB = scan.memTotalKiB + scan.swapTotalKiB;
  const protectedOnes = scan.processes.filter(
    ({ oomScoreAdj, cgroup, pid }) =>
      pid !== 1 &&
      oomScoreAdj <= ODD_ADJ_THRESHOLDS.outOfReach &&
      (cgroup === null || identifyCgroup(cgroup).pod === null),
  );
  const groups = Map.groupBy(protectedOnes, (one) => `${one.oomScoreAdj} ${serviceOfProcess(one)} ${one.name}`);
  return [...groups.values()]
    .flatMap((all): OddAdj[] => {
      const largest = all.toSorted((a, b) => sizeOf(b) - sizeOf(a))[0];
      if (largest === undefined) return [];
      const sizeKiB = all.reduce((sum, one) => sum + sizeOf(one), 0);
      const { name, pid, oomScoreAdj } = largest;
      const kind = kindOf(name, oomScoreAdj, sizeKiB / totalKiB);
      if (kind === null) return [];
      return [{ kind, service: serviceOfProcess(largest), name, pid, oomScoreAdj, sizeKiB, count: all.length }];
    })
    .toSorted((a, b) => b.sizeKiB - a.sizeKiB)
    .slice(0, SHOWN_MAX);
}

function kindOf(name: string, oomScoreAdj: number, share: number): OddAdj['kind'] | null {
  if (share >= ODD_ADJ_THRESHOLDS.hogShare) return 'hog';
  // A thread's name may have more behind it: `containerd-shim-runc-v2` is cut to 15 bytes.
  const isMeant = MEANT_TO_LIVE.has(name) || name.startsWith('containerd-shim') || name.startsWith('sshd');
  return oomScoreAdj === NEVER_KILLED && !isMeant ? 'immortal' : null;
}

function sizeOf({ rssKiB, swapKiB }: ProcessFacts): number {
  return rssKiB + swapKiB;
}
