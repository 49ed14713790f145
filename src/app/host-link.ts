import type { Position } from './ports.ts';

/** `unreachable` is tried again by itself, `refused` waits for a person, `resting` for a question. `sentence` says what is wrong and what to do. */
export interface LinkState {
  kind: 'connecting' | 'connected' | 'unreachable' | 'refused' | 'resting';
  sinceMs: number;
  sentence: string;
}

export interface HostKey {
  type: string;
  /** `SHA256:…` */
  fingerprint: string;
  /** This very key as a line of known_hosts; null: no key of a known kind. */
  line: string | null;
}

/** Why a login failed. `sentence` says what is wrong and what to do. */
export interface LoginTrouble {
  /**
   * `no-key`: there is no file with one. `locked-key`: it wants another passphrase. `jump-host`: the way there fails, not the host.
   * `fido-key`: the program ssh alone can use it. `no-ssh`: that program is not here, or too old. `local-program`: ssh would run a program
   * of its configuration, which is not allowed. `no-ticket`: Kerberos has none, or it has expired. `kerberos`: that fails in another way.
   */
  reason:
    | 'network'
    | 'authentication'
    | 'algorithms'
    | 'no-key'
    | 'locked-key'
    | 'unusable-key'
    | 'fido-key'
    | 'no-ssh'
    | 'no-ticket'
    | 'kerberos'
    | 'local-program'
    | 'jump-host'
    | 'unknown-host-key'
    | 'changed-host-key'
    | 'revoked-host-key';
  sentence: string;
  /** What the host showed, when that is the matter. */
  hostKey: HostKey | null;
}

/** Lines of one log source as they came in one piece. */
export interface LogBatch {
  /** As in Position. */
  source: string;
  /** Byte strings without line ends, framing included. */
  lines: string[];
  arrivedAtMs: number;
  /** null where each line says it (journal) or nothing does (files). */
  bootId: string | null;
  /** False: written before the stream was opened. */
  live: boolean;
  /** Not null: read again because of a gap; only kills in this span, by the host's clock, may be news. */
  lookup: { fromMs: number | null; toMs: number | null } | null;
  positionAfter: (index: number) => Position | null;
}

/** Something may be missing from a source. */
export interface LogGap {
  source: string;
  lost: number | null;
  sentence: string;
}

/** What the first look at a host found, as far as watching needs it. */
export interface HostFacts {
  kernel: string | null;
  /** PRETTY_NAME of /etc/os-release. */
  os: string | null;
  bootId: string | null;
  /** `SHA256:…` of the key that the host has shown to have; null or absent: not known. */
  hostKey?: string | null;
  /** When the host was booted, by our clock, and how far off that may be (half the round trip, and 10 ms of /proc/uptime). */
  bootAtMs: number;
  bootErrorMs: number;
  /** To add to the host's clock to get ours; off by up to a second, as `date` tells seconds. */
  clockOffsetMs: number;
  /** Kills since boot by the kernel's own count (/proc/vmstat), host-wide and in memory cgroups; null before 4.13. */
  oomKills: number | null;
  /** When that was read, by our clock; off by at most `bootErrorMs`. */
  probedAtMs: number;
}

export interface HostCounters {
  bootId: string;
  oomKills: number | null;
  readAtMs: number;
}

/** What the kernel counted in one memory group itself since that group was made. The path is the host's text. */
export interface GroupKills {
  path: string;
  kills: number;
}

/** How often systemd-oomd killed, as systemd counts it in each unit that it has loaded (ManagedOOMKills, systemd 259). */
export interface OomdKills {
  /** Falls when a unit goes. */
  sum: number;
  /** Those of which it is not 0; not all where there are many. */
  units: readonly { unit: string; kills: number }[];
  readAtMs: number;
}

export interface FollowRequest {
  positions: readonly Position[];
  /** Called in the same turn as the bytes arrive. */
  onLines: (batch: LogBatch) => void;
  /** Asked after each piece. null: read on; else when to. What is not read meanwhile stays on the host. */
  hold?: (() => Promise<void> | null) | undefined;
  onGap: (gap: LogGap) => void;
  onPosition: (position: Position) => void;
  signal: AbortSignal;
}

export interface BackfillRequest {
  span: { fromMs: number | null; toMs: number | null };
  onLines: (batch: LogBatch) => void;
  hold?: (() => Promise<void> | null) | undefined;
  signal: AbortSignal;
}

export type FollowEnd =
  { kind: 'lost' } | { kind: 'aborted' } | { kind: 'done' } | { kind: 'failed'; sentence: string };

/** How a request to the host's helper ended. */
export type RequestEnd =
  /** `asUid`: there is no helper, and the same check and write was tried as that user. */
  | { kind: 'answered'; text: string; asUid: number | null }
  /** It certainly did not get there. */
  | { kind: 'unsent'; sentence: string }
  /** The host will not let the helper be called. */
  | { kind: 'no-helper'; sentence: string }
  /** It may have been carried out. */
  | { kind: 'unknown'; sentence: string };

/** The innermost memory group around a process that has a limit. */
export interface LimitedGroup {
  path: string;
  limitKiB: number;
}

/** Asking a host for changes. Nothing here throws for what the host does. */
export interface ChangeAccess {
  /** Hands one request line (`change/host-command.ts`) to the helper. Never repeated by itself. */
  request: (line: string) => Promise<RequestEnd>;
  /** null: no limit around that group, or no answer. */
  limitOf: (cgroup: string) => Promise<LimitedGroup | null>;
  /** Userspace killers that run there. */
  killers: () => Promise<readonly string[]>;
  close: () => Promise<void>;
}

/** One host as the use cases see it; how it is reached is the business of `ssh/`. No function throws for what the host does. */
export interface HostLink {
  host: string;
  state: () => LinkState;
  /** Calls back on every change from now on; returns how to stop that. */
  onState: (listener: (state: LinkState) => void) => () => void;
  /** Resolves once connected; rejects when the signal aborts. */
  whenConnected: (signal: AbortSignal) => Promise<void>;
  probe: () => Promise<{ kind: 'facts'; facts: HostFacts } | { kind: 'failed'; sentence: string }>;
  /** Follows the kernel log as found by the last `probe`, until the link is lost or the signal aborts. */
  follow: (request: FollowRequest) => Promise<FollowEnd>;
  /** Reads a span (by the host's clock) of the lasting log once more. True: to its end; false: there is none, or it could not be read. */
  backfill: (request: BackfillRequest) => Promise<boolean>;
  counters: () => Promise<HostCounters | null>;
  /** Groups in which the kernel killed, at most 1,000; null: no answer. */
  groupKills: () => Promise<readonly GroupKills[] | null>;
  /** null: no answer, no systemd-oomd, or a systemd that does not count; that is asked once for each connection. */
  oomdKills: () => Promise<OomdKills | null>;
  /** The text of a process scan (`oom/proc/proc-scan.ts` reads it) or of a memory sample (`oom/proc/memory-sample.ts`); null: no answer. */
  scan: (which: 'all' | 'light' | 'sample') => Promise<string | null>;
  /** What systemd says of a unit now; null: it does not say. */
  unit: (name: string) => Promise<UnitState | null>;
  /** The text of a short look at the host after a kill (`cause/read-host-facts.ts` reads it); null: no answer. */
  collectFacts: (request: FactsRequest) => Promise<string | null>;
  /** The text of what it still knows of something that is gone (`cause/death-facts.ts` reads it); null: no answer. */
  why: (unit: string | null) => Promise<string | null>;
  /** The text of how programs there are set (`size/read-settings.ts` reads it), at most 8; null: no answer. */
  settings: (ask: readonly SettingsRequest[]) => Promise<string | null>;
  changes: ChangeAccess;
  close: () => Promise<void>;
}

/** What to look at beside the host itself: the victim's unit, and the memory group that was full. */
export interface FactsRequest {
  unit: string | null;
  group: string | null;
}

/** A program by its key in `size/`, the process that stands for it (0: none), and which files may be taken for its own. */
export interface SettingsRequest {
  program: string;
  pid: number;
  files: 'usual' | 'named' | 'inside';
}

export interface UnitState {
  isActive: boolean;
  mainPid: number | null;
  /** By systemd's own hand, since the unit was loaded. */
  restarts: number;
  /** When it last became active, on the host's clock since boot. */
  activeSinceBootMs: number | null;
}

/** All hosts that this process may watch. */
export interface Fleet {
  /** null: no such host. */
  link: (host: string) => HostLink | null;
  hosts: () => readonly FleetHost[];
}

export interface FleetHost {
  name: string;
  tags: readonly string[];
  /** Where its kills are told; null: by the routes. */
  channel: string | null;
}

/** How the log of a host is followed; `WatchState` of `watch-host.ts` is one. */
export interface Watched {
  kind: 'starting' | 'watching' | 'waiting' | 'failed';
  sinceMs: number;
  sentence: string;
  /** Logs that lines came from since watching began: `kmsg`, `journal`, `file:/var/log/kern.log`, `dmesg`. */
  sources: readonly string[];
  /** Times that lines may have been lost. */
  gaps: number;
  /** What the last look at it found; null: there was none. Missing: not known here. */
  facts?: HostFacts | null;
  /** The name that the host had until this process saw it under the present one. */
  formerly?: string;
}

/** `watching`: the log is followed now. */
export interface WatchState extends Watched {
  lastLineAtMs: number | null;
  facts: HostFacts | null;
}

/** The hosts of this process, and how each is watched. */
export interface WatchedHosts extends Fleet {
  watchState: (host: string) => WatchState | null;
  /** How many of its kills are not on record yet. */
  killsWaiting: (host: string) => number;
}
