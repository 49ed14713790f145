import type { ContainerName } from '../oom/proc/container-name.ts';
import type { ChangeRefusal } from './refusal.ts';

/**
 * What is known of one process of a change. `untouched`: nothing was sent yet. `left`: somebody set another value since, which stays.
 */
export type ProcessState = 'untouched' | 'written' | 'gone' | 'refused' | 'unknown' | 'restored' | 'left';

/** One process as the proposal saw it: with the change's boot id, pid and start name it and no later one. Texts are hostile. */
export interface ChangedProcess {
  pid: number;
  startTicks: number;
  name: string;
  uid: number;
  from: number;
  to: number;
  state: ProcessState;
}

/** oombot's own file in the unit, which makes a value last. null: no such file. */
export interface DropIn {
  unit: string;
  from: number | null;
  to: number | null;
  state: ProcessState;
}

export interface Approval {
  by: string;
  atMs: number;
}

/** One process in an order of who dies, first to die first. `points` null: it cannot be chosen. */
export interface ProofRow {
  pid: number;
  name: string;
  rssKiB: number;
  swapKiB: number;
  oomScoreAdj: number;
  points: number | null;
  isTarget: boolean;
}

/** Among whom the kernel chooses when this process is in danger: the whole host, or the memory group whose limit it lives under. */
export type ProofScope = { kind: 'host' } | { kind: 'group'; path: string; limitKiB: number | null };

/** Who dies next, and who would after the change, from one scan. `after` is empty where the kernel's choice cannot be computed. */
export interface Proof {
  scope: ProofScope;
  atMs: number;
  before: ProofRow[];
  after: ProofRow[];
  notes: ProofNote[];
}

/** What a person must know before saying yes; the words are in `notice/`. Numbers are in KiB, thousandths or as named. */
export type ProofNote =
  | { kind: 'not-next' }
  | { kind: 'still-next' }
  | { kind: 'alone-in-group' }
  | { kind: 'in-group'; group: string; limitKiB: number | null }
  | { kind: 'never-killed' }
  | { kind: 'big-and-deep'; rssShare: number }
  | { kind: 'growing-and-deep'; grewKiB: number; inMs: number }
  | { kind: 'forking-and-deep'; children: number }
  | { kind: 'much-protected'; share: number }
  | { kind: 'little-left' }
  | { kind: 'children-inherit'; children: number }
  | { kind: 'more-likely' }
  | { kind: 'legacy'; oomAdj: number; wanted: number }
  | { kind: 'no-capability' }
  | { kind: 'drop-in-by-hand'; unit: string; path: string; text: string }
  | { kind: 'other-killer'; killer: string }
  | { kind: 'hidden-processes' }
  | { kind: 'vendor'; vendor: Vendor };

export type Vendor =
  'postgresql' | 'redis' | 'mysql' | 'mariadb' | 'sshd' | 'pod' | 'container' | 'elasticsearch' | 'mongodb' | 'oracle';

/** Who keeps the present state to himself while the host is asked: the id of one start of the program. */
export interface InProgress {
  owner: string;
  atMs: number;
}

export type ChangeState =
  | { kind: 'proposed' }
  | { kind: 'approved'; atMs: number }
  | ({ kind: 'applying' } & InProgress)
  | { kind: 'applied'; atMs: number; untilMs: number | null; undoFailed: ChangeRefusal | null; tryAgainAtMs: number }
  /** Asked, and the host's check or ours said no: nothing was changed. */
  | { kind: 'refused'; atMs: number; why: ChangeRefusal }
  /** Tried, and it could not be done. What was changed before was put back, as far as `processes` says. */
  | { kind: 'failed'; atMs: number; why: ChangeRefusal }
  /** Sent, and not read back. */
  | { kind: 'unknown'; atMs: number; during: 'apply' | 'undo'; askedBy: string }
  | { kind: 'declined'; atMs: number; by: string }
  | { kind: 'expired'; atMs: number }
  | ({ kind: 'undoing'; askedBy: string } & InProgress)
  | { kind: 'undone'; atMs: number; askedBy: string };

/** What a rule says beside what, where and which value. */
export interface RuleTerms {
  /** Hosts with this tag are proposed as well, one by one. null: only the host of the change. */
  tag: string | null;
  /** Only processes whose command line has this in it, as it is written. null: any. Hostile. */
  commandLine: string | null;
  /** `show`: another value is told, and nothing is written. */
  onDrift: 'mend' | 'show';
}

/** A proposed change of `oom_score_adj`, and all that became of it. */
export interface Change {
  id: string;
  /** Goes up by one with each saved step. */
  revision: number;
  host: string;
  bootId: string;
  /** What people call it: the process's or the unit's name. */
  subject: string;
  /** Where the processes live, as the cgroup says. */
  unit: string | null;
  /** What their container or pod is called; missing or null: none, or not known. */
  container?: ContainerName | null;
  processes: ChangedProcess[];
  dropIn: DropIn | null;
  /** The lowest value that it sets. */
  to: number;
  /** How long it is wanted once it is applied; null: until the processes end. */
  forMs: number | null;
  why: string | null;
  /** It becomes a rule once it is applied. */
  keep: boolean;
  /** Of that rule; absent: this host alone, mended. */
  terms?: RuleTerms | null;
  /** The rule that it takes to another host of its tag. */
  widens?: string | null;
  proposedBy: string;
  proposedAtMs: number;
  /** Where its card is. */
  channel: string;
  incidentId: string | null;
  expiresAtMs: number;
  /** Approvals that it needs. */
  quorum: number;
  approvals: Approval[];
  proof: Proof;
  /** The change that this one takes back. */
  undoes: string | null;
  state: ChangeState;
}
