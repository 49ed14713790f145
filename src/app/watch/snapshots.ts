import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { largestServices, type Moment } from '../../incident/growth.ts';
import { serviceOfProcess } from '../../incident/service.ts';
import { findOddAdj } from '../../incident/odd-adj.ts';
import type { ProcessIdentity } from '../../incident/incident.ts';
import { parseProcScan, type ProcScan } from '../../oom/proc/proc-scan.ts';
import { nameOfGroup, noteNames, type ContainerName } from '../../oom/proc/container-name.ts';
import type { HostLink } from '../host-link.ts';
import { askEngines, hasUnnamed } from '../engine-names.ts';
import type { NamesGroup, WhoKnows } from './kill-from-record.ts';
import type { Clock } from '../ports.ts';
import type { Snapshot, Store } from '../store-port.ts';

export interface Snapshots {
  /** The last one stored, so that a restart of the bot does not forget who was who. */
  load: () => Promise<void>;
  isEmpty: () => boolean;
  /** Looks at the host's larger processes now. */
  take: () => Promise<void>;
  /** Who died: the kernel keeps 15 bytes of a name, and a thread may have its own. null: not known for certain. */
  who: WhoKnows;
  /** What a container is called, by the engine and the kubelet there. */
  named: NamesGroup;
}

const PROCESSES_MAX = 5_000;
const OLD_MS = 24 * 60 * 60_000;
/** Times of death are uncertain, and a scan takes a moment. */
const SLACK_MS = 5_000;

/** Now and then who runs on a host, so that a kill can be told with more than 15 bytes of name. */
export function openSnapshots(
  host: string,
  link: HostLink,
  store: Store,
  clock: Clock,
  /** Whether memory is noted by others, who look more often. */
  isSampled: () => boolean = () => false,
): Snapshots {
  /** Packed, as a string: a thousand hosts are remembered at once, few are asked about, and zlib's buffers hold far more than they use. */
  let kept: string | null = null;
  let unpacked: {
    bootId: string;
    atMs: number;
    byPid: Map<number, ProcessIdentity>;
    containers: ContainerName[];
  } | null = null;

  function keep(taken: Snapshot): void {
    kept = deflateRawSync(JSON.stringify(taken)).toString('latin1');
    unpacked = null;
  }

  function unpack(packed: string): NonNullable<typeof unpacked> {
    const {
      bootId,
      atMs,
      processes,
      containers = [],
    } = JSON.parse(inflateRawSync(Buffer.from(packed, 'latin1')).toString()) as Snapshot;
    return { bootId, atMs, byPid: new Map(processes.map((one) => [one.pid, one])), containers };
  }

  function keptNow(): ReturnType<typeof unpack> | null {
    if (kept !== null) unpacked ??= unpack(kept);
    return unpacked;
  }

  return {
    isEmpty: () => kept === null,
    load: async () => {
      const stored = kept === null ? await store.snapshot(host) : null;
      if (stored !== null && clock.nowMs() - stored.atMs < OLD_MS) keep(stored);
    },
    take: async () => {
      const text = await link.scan('light');
      const scan = text === null ? null : parseProcScan(text);
      if (scan === null || scan.kind !== 'scan') return;
      const seen = hasUnnamed(scan) ? [...scan.containers, ...(await askEngines(link))] : scan.containers;
      const atMs = clock.nowMs();
      const containers = noteNames(keptNow()?.containers ?? [], seen, atMs, OLD_MS);
      const taken: Snapshot = { host, bootId: scan.bootId, atMs, processes: identities(scan), containers };
      keep(taken);
      await store.saveSnapshot(taken);
      await store.saveHostProfile({
        host,
        atMs: taken.atMs,
        totalKiB: scan.memTotalKiB,
        totalSwapKiB: scan.swapTotalKiB,
        oddAdj: findOddAdj(scan),
      });
      const sample = isSampled() ? null : sampleOf(scan);
      if (sample !== null) await store.saveSamples([{ ...sample, host, atMs: taken.atMs, isLasting: true }]);
    },
    who: ({ pid, name, bootId, atMs }) => {
      const now = keptNow();
      // What died before the snapshot is not in it: the same pid is somebody else's.
      if (now === null || now.bootId !== bootId || now.atMs > atMs + SLACK_MS) return null;
      const known = now.byPid.get(pid);
      if (known === undefined || (name !== null && known.name !== name)) return null;
      return { ...known, ageMs: known.ageMs === null ? null : known.ageMs + Math.max(0, atMs - now.atMs) };
    },
    named: (path) => nameOfGroup(keptNow()?.containers ?? [], path),
  };
}

/** Memory as this scan saw it, for hosts that are not looked at more often. */
function sampleOf(scan: ProcScan): Omit<Moment, 'atMs'> | null {
  const { memTotalKiB, memAvailableKiB, swapTotalKiB, swapFreeKiB, pressureFullAvg10, processes } = scan;
  if (memAvailableKiB === null) return null;
  return {
    totalKiB: memTotalKiB,
    availableKiB: memAvailableKiB,
    totalSwapKiB: swapTotalKiB,
    freeSwapKiB: swapFreeKiB,
    pressureFullAvg10,
    services: largestServices(
      processes.map((one) => ({ service: serviceOfProcess(one), sizeKiB: one.rssKiB + one.swapKiB })),
    ),
  };
}

function identities(scan: ProcScan): ProcessIdentity[] {
  const names = new Map(scan.processes.map((one) => [one.pid, one.name]));
  return scan.processes.slice(0, PROCESSES_MAX).map((one) => ({
    pid: one.pid,
    ppid: one.parentPid,
    startTicks: one.startTicks,
    uid: one.uid,
    name: one.name,
    commandLine: one.commandLine,
    cgroup: one.cgroup,
    parentName: names.get(one.parentPid) ?? null,
    ageMs: Math.max(0, Math.round(scan.uptimeSeconds * 1_000 - (one.startTicks / scan.clockTicksPerSecond) * 1_000)),
  }));
}
