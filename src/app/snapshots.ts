import type { ProcessIdentity } from '../incident/incident.ts';
import { parseProcScan } from '../oom/proc-scan.ts';
import type { HostLink } from './host-link.ts';
import type { Clock } from './ports.ts';
import type { Snapshot, Store } from './store-port.ts';

export interface Snapshots {
  /** The last one stored, so that a restart of the bot does not forget who was who. */
  load: () => Promise<void>;
  /** Looks at the host's larger processes now. */
  take: () => Promise<void>;
  /** Who had this pid, if the name fits: the kernel keeps 15 bytes of it, and a thread may have its own. */
  who: (pid: number, name: string | null) => ProcessIdentity | null;
}

const PROCESSES_MAX = 5_000;
const OLD_MS = 24 * 60 * 60_000;

/** Now and then who runs on a host, so that a kill can be told with more than 15 bytes of name. */
export function openSnapshots(host: string, link: HostLink, store: Store, clock: Clock): Snapshots {
  let snapshot: Snapshot | null = null;
  let byPid = new Map<number, ProcessIdentity>();

  function use(taken: Snapshot): void {
    snapshot = taken;
    byPid = new Map(taken.processes.map((one) => [one.pid, one]));
  }

  return {
    load: async () => {
      const stored = snapshot ?? (await store.snapshot(host));
      if (stored !== null && clock.nowMs() - stored.atMs < OLD_MS) use(stored);
    },
    take: async () => {
      const text = await link.scan('light');
      const scan = text === null ? null : parseProcScan(text);
      if (scan === null || scan.kind !== 'scan') return;
      const nowMs = clock.nowMs();
      const names = new Map(scan.processes.map((one) => [one.pid, one.name]));
      const processes = scan.processes.slice(0, PROCESSES_MAX).map((one): ProcessIdentity => ({
        pid: one.pid,
        ppid: one.parentPid,
        startTicks: one.startTicks,
        uid: one.uid,
        name: one.name,
        commandLine: one.commandLine,
        cgroup: one.cgroup,
        parentName: names.get(one.parentPid) ?? null,
        ageMs: Math.max(
          0,
          Math.round(scan.uptimeSeconds * 1_000 - (one.startTicks / scan.clockTicksPerSecond) * 1_000),
        ),
      }));
      const taken: Snapshot = { host, bootId: scan.bootId, atMs: nowMs, processes };
      use(taken);
      await store.saveSnapshot(taken);
      const availableKiB = scan.memAvailableKiB;
      if (availableKiB === null) return;
      const { memTotalKiB: totalKiB, swapTotalKiB: totalSwapKiB, swapFreeKiB: freeSwapKiB } = scan;
      await store.saveSamples([{ host, atMs: nowMs, totalKiB, availableKiB, totalSwapKiB, freeSwapKiB }]);
    },
    who: (pid, name) => {
      const known = byPid.get(pid);
      if (known === undefined || (name !== null && known.name !== name)) return null;
      return known;
    },
  };
}
