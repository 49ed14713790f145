import type { ContainerName } from '../oom/proc/container-name.ts';
import type { Cause, Domain, Killer, KillRecord } from '../oom/report.ts';
import type { HistoryFacts } from '../cause/history-facts.ts';
import type { HostFacts } from '../cause/host-facts.ts';

/** Who a process was, from a snapshot taken before it died. Secrets in the command line are masked on the host already. */
export interface ProcessIdentity {
  pid: number;
  ppid: number;
  /** Clock ticks since boot: with pid and boot id it names one process for ever. */
  startTicks: number;
  uid: number;
  name: string;
  commandLine: string | null;
  cgroup: string | null;
  parentName: string | null;
  ageMs: number | null;
}

/** One kill on one host, as the record keeps it. */
export interface Kill {
  /** The same for the same death, whatever source told it: `BOOTID:MICROSECONDS:PID` where the kernel's clock is known. */
  key: string;
  host: string;
  bootId: string | null;
  /** Time of death, wall clock. */
  atMs: number;
  /** Half width of what `atMs` may be off by. */
  atErrorMs: number;
  /** When the bot learned of it. */
  seenAtMs: number;
  /** Where it was read: `kmsg`, `journal`, `file:/var/log/kern.log`, `dmesg`, `counter`. */
  source: string;
  /** False for logs that any local user can write to (`syslog`, `messages`). */
  verified: boolean;
  record: KillRecord;
  who: ProcessIdentity | null;
  /** What its container or pod is called, as far as it was seen before it died; missing: not known. */
  container?: ContainerName | null;
}

export type BackState =
  | { kind: 'unknown' }
  | { kind: 'down'; sinceMs: number }
  | { kind: 'restarted'; afterMs: number; pid: number | null }
  | { kind: 'loop'; restarts: number };

/** A process that can be killed, as a live look ranked it. */
export interface Candidate {
  pid: number;
  name: string;
  rssKiB: number;
  /** null: the kernel does not tell it. */
  swapKiB: number | null;
  oomScoreAdj: number;
}

export interface ServiceCount {
  service: string;
  count: number;
}

/** One problem as people see it: kills on one host of the same service for the same shortage, close in time. */
export interface Incident {
  id: string;
  host: string;
  /** What its kills have in common (`problemOf`); empty in records of older versions, which take no more kills. */
  problem: string;
  /** Unit, container or process name of the first victim: what people call it. */
  service: string;
  /** Name that all its victims had; null: they differ, or one has none; missing in records of older versions. */
  name?: string | null;
  /** Services that lost processes, most first, at most 500; what their counts lack to `killCount` is of further ones. */
  victims: ServiceCount[];
  killer: Killer;
  domain: Domain | null;
  cause: Cause | null;
  firstAtMs: number;
  lastAtMs: number;
  killCount: number;
  /** Newest last, at most 20; all kills are in the store. */
  kills: Kill[];
  back: BackState;
  /** Who would die next, first to die first, as seen after the newest kill; null: not looked yet. */
  next: { candidates: Candidate[]; atMs: number } | null;
  /** What a look at the host after the newest kill found; missing or null: not looked yet. */
  hostFacts?: HostFacts | null;
  /** What earlier kills of the service say; missing or null: not looked up. */
  history?: HistoryFacts | null;
  mutedUntilMs: number | null;
  /** Who takes care of it, until it ends; missing or null: nobody said so. */
  ack?: { by: string; atMs: number } | null;
  closedAtMs: number | null;
  /** Goes up by one with each saved change. */
  revision: number;
}
