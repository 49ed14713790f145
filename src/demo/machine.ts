import { randomUUID } from 'node:crypto';

import type { Clock } from '../app/ports.ts';
import type { Journal } from './journal.ts';
import { openKernelRing, type KernelRing, type KernelText } from './kernel-ring.ts';
import { pageTablePagesOf, PROCESS_KINDS, workerPages, type DemoProcess, type ProcessKind } from './processes.ts';

export const KERNEL_RELEASE = '6.1.0-50-amd64';
/** `managed` of all zones, as the reports say it; no swap. */
export const TOTAL_PAGES = 3_002_368;
/** What processes hold when nothing is left: the rest is the kernel's, and what it keeps free. */
export const ANON_FULL_PAGES = 2_877_000;
/** A process that was started again begins with a quarter of its size and has all of it after ten minutes. */
const GROWS_MS = 600_000;

const BOOT_LINES = [
  `Linux version ${KERNEL_RELEASE} (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40) #1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1`,
  `Command line: BOOT_IMAGE=/boot/vmlinuz-${KERNEL_RELEASE} root=/dev/vda1 ro console=ttyS0`,
  'Memory: 12009472K/12582372K available',
];

/** A machine with a kernel log, a journal and processes, all in memory. Nothing runs in it. */
export interface DemoMachine {
  bootId: string;
  bootAtMs: number;
  ring: KernelRing;
  journal: Journal;
  /** In the order of start; pid 1 among them. */
  processes: () => DemoProcess[];
  /** `oom_kill` of /proc/vmstat. */
  oomKills: () => number;
  start: (kind: ProcessKind) => DemoProcess;
  /** Lets a process hold so many pages from now on. */
  fill: (pid: number, anonPages: number) => void;
  /** Ends a process; its unit starts it again after a while. */
  end: (pid: number) => void;
  /** As systemd would tell of a unit of that name. */
  unit: (name: string) => DemoUnit;
  /** The kernel counts one more kill. */
  countKill: () => void;
  /** False: there is no such process any more. */
  setOomScoreAdj: (pid: number, oomScoreAdj: number) => boolean;
  /** What a service is started with by its own file and by oombot's drop-in (null: there is none). null: no such service. */
  startsWith: (unit: string) => { own: number; dropIn: number | null } | null;
  /** Its next start has it. null takes the drop-in away. */
  setDropIn: (unit: string, oomScoreAdj: number | null) => void;
  /** Writes to the kernel's log, now. */
  logKernel: (lines: readonly KernelText[]) => void;
  /** Writes as a unit to the journal, now. */
  logUnit: (unit: string, level: number, text: string) => void;
  close: () => void;
}

export interface DemoUnit {
  activeState: 'active' | 'activating' | 'inactive';
  mainPid: number;
  restarts: number;
  /** Since boot; 0: it was never active. */
  activeSinceUsec: number;
}

interface Running {
  process: DemoProcess;
  startedAtMs: number;
  grows: boolean;
  filledPages: number | null;
}

export function openDemoMachine(options: { bootAtMs: number; journal: Journal; clock: Clock }): DemoMachine {
  const { clock, bootAtMs, journal } = options;
  const bootId = randomUUID();
  const ring = openKernelRing();
  const closing = new AbortController();
  const running = new Map<number, Running>();
  /** By cgroup: how often its unit was started again. */
  const restarts = new Map<string, number>();
  /** By unit. */
  const dropIns = new Map<string, number>();
  let nextPid = 1;
  let oomKills = 0;
  let lastUsec = 0;

  function add(kind: ProcessKind, startedAtMs: number, grows: boolean): DemoProcess {
    const pid = nextPid;
    nextPid = nextPid === 1 ? 318 : nextPid + 2 + (nextPid % 11);
    const first = [...running.values()].find((other) => other.process.kind.cgroup === kind.cgroup);
    const process: DemoProcess = {
      kind,
      pid,
      parentPid: pid === 1 ? 0 : (first?.process.pid ?? 1),
      startTicks: Math.max(1, Math.floor((startedAtMs - bootAtMs) / 10)),
      oomScoreAdj: dropIns.get(kind.cgroup.slice(kind.cgroup.lastIndexOf('/') + 1)) ?? kind.oomScoreAdj,
      anonPages: kind.anonPages,
      filePages: kind.filePages,
      totalVmPages: kind.totalVmPages,
      pageTablePages: pageTablePagesOf(kind.anonPages),
    };
    running.set(pid, { process, startedAtMs, grows, filledPages: null });
    return process;
  }

  function seen({ process, startedAtMs, grows, filledPages }: Running): DemoProcess {
    const share = grows ? Math.min(1, 0.25 + (0.75 * (clock.nowMs() - startedAtMs)) / GROWS_MS) : 1;
    const anonPages = filledPages ?? Math.round(workerPages(process.kind, process.pid) * share);
    return { ...process, anonPages, pageTablePages: pageTablePagesOf(anonPages) };
  }

  async function startAgain(kind: ProcessKind, afterMs: number): Promise<void> {
    await clock.sleep(afterMs, closing.signal);
    if (closing.signal.aborted) return;
    const isFirst = [...running.values()].every((one) => one.process.kind.cgroup !== kind.cgroup);
    if (isFirst) restarts.set(kind.cgroup, (restarts.get(kind.cgroup) ?? 0) + 1);
    add(kind, clock.nowMs(), true);
  }

  function write(line: KernelText, usec: number): void {
    ring.append(line, usec);
    journal.append({ bootId, atUsec: bootAtMs * 1000 + usec, monotonicUsec: usec, from: 'kernel', ...line });
  }

  function unit(name: string): DemoUnit {
    const ends = `/${name}`;
    const main = [...running.values()].find((one) => one.process.kind.cgroup.endsWith(ends));
    const cgroup = main?.process.kind.cgroup ?? PROCESS_KINDS.find((kind) => kind.cgroup.endsWith(ends))?.cgroup;
    if (cgroup === undefined) return { activeState: 'inactive', mainPid: 0, restarts: 0, activeSinceUsec: 0 };
    return {
      activeState: main === undefined ? 'activating' : 'active',
      mainPid: main?.process.pid ?? 0,
      restarts: restarts.get(cgroup) ?? 0,
      activeSinceUsec: main === undefined ? 0 : main.process.startTicks * 10_000,
    };
  }

  function stamp(): number {
    lastUsec = Math.max(lastUsec + 23, Math.round((clock.nowMs() - bootAtMs) * 1000));
    return lastUsec;
  }

  for (const kind of PROCESS_KINDS) {
    for (let one = 0; one < kind.count; one++)
      add(kind, bootAtMs + (running.size === 0 ? 10 : 2_000 + running.size * 310), false);
  }
  nextPid = 2_211;
  for (const [index, text] of BOOT_LINES.entries()) write({ level: 5, text }, index * 1_730);

  return {
    bootId,
    bootAtMs,
    ring,
    journal,
    processes: () => [...running.values()].map(seen),
    oomKills: () => oomKills,
    start: (kind) => add(kind, clock.nowMs(), false),
    fill: (pid, anonPages) => {
      const one = running.get(pid);
      if (one) one.filledPages = anonPages;
    },
    end: (pid) => {
      const kind = running.get(pid)?.process.kind;
      if (!running.delete(pid) || kind === undefined || kind.restartMs === null) return;
      // Ends early only by `close`.
      startAgain(kind, kind.restartMs).catch(() => {});
    },
    unit,
    countKill: () => (oomKills += 1),
    setOomScoreAdj: (pid, oomScoreAdj) => {
      const one = running.get(pid);
      if (one) one.process = { ...one.process, oomScoreAdj };
      return one !== undefined;
    },
    startsWith: (unit) => {
      const kind = PROCESS_KINDS.find((one) => one.cgroup.endsWith(`/${unit}`));
      return kind === undefined ? null : { own: kind.oomScoreAdj, dropIn: dropIns.get(unit) ?? null };
    },
    setDropIn: (unit, oomScoreAdj) => {
      if (oomScoreAdj === null) dropIns.delete(unit);
      else dropIns.set(unit, oomScoreAdj);
    },
    logKernel: (lines) => {
      for (const line of lines) write(line, stamp());
    },
    logUnit: (unit, level, text) => {
      const pid =
        [...running.values()].find((one) => one.process.kind.cgroup === `/system.slice/${unit}`)?.process.pid ?? 1;
      const monotonicUsec = stamp();
      journal.append({
        bootId,
        atUsec: bootAtMs * 1000 + monotonicUsec,
        monotonicUsec,
        from: { unit, pid },
        level,
        text,
      });
    },
    close: () => closing.abort(),
  };
}
