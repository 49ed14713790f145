import type { Incident, Kill, ProcessIdentity } from '../incident/incident.ts';
import type { Amendment } from '../incident/grouping.ts';
import type { Moment } from '../incident/growth.ts';
import type { Drill } from '../incident/drill.ts';
import type { OddAdj } from '../incident/odd-adj.ts';
import type { Change } from '../change/change.ts';
import type { Killer } from '../oom/report.ts';
import type { ContainerName } from '../oom/proc/container-name.ts';
import type { Rule } from '../change/rule.ts';
import type { LedgerStore } from './ledger.ts';
import type { AddedHost, Batch, KillQuery, Mute, NewDelivery, Position } from './ports.ts';

/**
 * What a decision about one batch may look at. `fresh` kills were unknown, of `amended` ones more is known now. `nowOpen` are the
 * open incidents that these may belong to.
 */
export interface BatchView {
  host: string;
  nowOpen: Incident[];
  fresh: Kill[];
  amended: Amendment[];
}

/** What a batch changes. Pure data: the store writes it, nobody has been told anything yet. */
export interface BatchDecision {
  /** New ones and changed open ones, with the revision as it was handed in (0 for new ones); the store counts it up. */
  incidents: Incident[];
  /** Which incident each fresh kill belongs to: kill key → incident id. */
  placed: Record<string, string>;
  deliveries: NewDelivery[];
}

export interface SavedBatch {
  fresh: Kill[];
  amended: Kill[];
  /** As saved, with their new revisions. */
  incidents: Incident[];
}

export type UpdateResult =
  | { kind: 'saved'; incident: Incident }
  /** Somebody was faster. `current` is what is stored now; null: it is gone. */
  | { kind: 'conflict'; current: Incident | null };

/** Kills of one service on one host in one hour, for charts. */
export interface KillCount {
  host: string;
  service: string;
  /** Start of the hour, UTC. */
  hourMs: number;
  count: number;
}

/** When one process died, without its report. */
export interface KillTime {
  host: string;
  service: string;
  atMs: number;
}

/** What a list of hosts says of one of them. */
export interface HostKills {
  host: string;
  /** Its newest kill. */
  lastAtMs: number;
  /** Since the moment asked for. */
  count: number;
}

/** What a killer's own counter says (the kernel's `oom_kill` in /proc/vmstat) beside our count, at one moment of one boot. */
export interface CounterReading {
  host: string;
  bootId: string;
  killer: Killer;
  counter: number;
  parsed: number;
  atMs: number;
}

export interface Leases {
  /** Names that the owner holds now: it lets go of everything else. */
  held: string[];
  /** When the first of the other live owners will be gone unless it renews, in ms; null: there is no other, or another counted the shares. */
  othersEndMs: number | null;
}

export interface LeaseRequest {
  /** Hosts are shared among processes, and so are channels: one sender each keeps Slack's rate. */
  kind: 'host' | 'channel';
  /** One id for each start of a process, never used again. */
  owner: string;
  /** All names that are to be shared, the same for every process. */
  names: string[];
  /** Clocks of processes that share a database must agree to well within `ttlMs`. */
  nowMs: number;
  ttlMs: number;
  /** How many may be taken that this owner does not hold; missing: all up to its share. */
  takeMax?: number;
}

/** The newest scan of a host's processes. */
export interface Snapshot {
  host: string;
  bootId: string;
  atMs: number;
  processes: ProcessIdentity[];
  /** What its containers and pods are called, those that are gone since a day too; missing in those of older versions. */
  containers?: ContainerName[];
}

/** What the last light scan of a host showed that a report should say. */
export interface HostProfile {
  host: string;
  atMs: number;
  totalKiB: number;
  totalSwapKiB: number;
  oddAdj: OddAdj[];
}

export interface MemorySample extends Moment {
  host: string;
  /** False: only for the hours around a kill; true: one of the few that stay for a day. */
  isLasting: boolean;
}

export interface AuditEntry {
  atMs: number;
  /** Who did it: a user id, or `oombot`. */
  actor: string;
  /** `propose`, `approve`, `apply` … */
  action: string;
  host: string | null;
  details: Record<string, unknown>;
}

export interface AuditRow extends AuditEntry {
  /** 1, 2, 3 … without gaps. */
  seq: number;
  /** Hash of the entry before; empty for the first. */
  previousHash: string;
  hash: string;
}

/** What an audit log of that length ends with. */
export interface AuditHead {
  seq: number;
  hash: string;
}

/** A log may have been rewritten from its beginning: compare it with a head that was noted elsewhere. */
export type AuditVerdict =
  { kind: 'intact'; entries: number; headHash: string } | { kind: 'broken'; seq: number; reason: string };

export interface Retention {
  nowMs: number;
  keepKillsMs: number;
  keepSamplesMs: number;
  /** A host that floods its log keeps only its newest kills; null: not looked for now. */
  maxKillsPerHost: number | null;
}

/** Kills, what they say together, and how far each log was read. */
export interface KillStore {
  /** Saves kills with their positions, incidents and deliveries in one transaction. `decide` is pure and may be called more than once; it is not called when nothing is fresh or amended. */
  saveBatch: (batch: Batch, decide: (view: BatchView) => BatchDecision) => Promise<SavedBatch>;
  positions: (host: string) => Promise<Position[]>;
  /** Newest first. */
  kills: (query: KillQuery) => Promise<Kill[]>;
  /** Newest first; also the ones that the incident itself no longer carries. */
  killsOfIncident: (incidentId: string, limit: number) => Promise<Kill[]>;
  /** Processes that died, by hour. `limit` of the query bounds the rows. */
  countKills: (query: KillQuery) => Promise<KillCount[]>;
  /** The same processes one by one, newest first: repeats are found in their times. */
  killTimes: (query: KillQuery) => Promise<KillTime[]>;
  /** Names of services that anything is on record of, in the order of letters, each read for itself and not from its kills. */
  services: (limit: number) => Promise<string[]>;
  /** One entry for each host of which any kill is on record. */
  hostKills: (sinceMs: number) => Promise<HostKills[]>;
  /** Kills by the kernel in one boot, those that were pruned since too, to compare with its counter. */
  countKernelKills: (host: string, bootId: string) => Promise<number>;
  /** Kills of drills in one boot: they are not on record as kills, and the kernel counts them all the same. */
  countDrillKills: (host: string, bootId: string) => Promise<number>;
  saveCounter: (reading: CounterReading) => Promise<void>;
  counter: (host: string, bootId: string, killer: Killer) => Promise<CounterReading | null>;
}

/** A report as the kernel printed it, by the key of its first kill. */
export interface ReportText {
  host: string;
  key: string;
  text: string;
}

/** The reports themselves, which are read only when somebody asks for all of one. */
export interface ReportStore {
  /** Keeps each beside its kill; a report that is kept already stays. Says of each whether its kill is on record. */
  saveReports: (reports: readonly ReportText[]) => Promise<boolean[]>;
  /** The report of the first of these kills that has one; null: none was kept. */
  report: (host: string, keys: readonly string[]) => Promise<string | null>;
}

/** Problems as people see them. */
export interface IncidentStore {
  incident: (id: string) => Promise<Incident | null>;
  /** Incidents whose id begins so, newest first. */
  incidentsCalled: (prefix: string, limit: number) => Promise<Incident[]>;
  /** By last kill, newest first. */
  incidents: (host: string, limit: number) => Promise<Incident[]>;
  /** By last kill, oldest first, at most 200: those behind `after`, or the first ones. */
  openIncidents: (host: string, after?: Pick<Incident, 'id' | 'lastAtMs'> | null) => Promise<Incident[]>;
  /** Hosts with incidents that are not closed, also those that are not watched any more. */
  hostsWithOpenIncidents: () => Promise<string[]>;
  /** Saves a change made outside a batch (muted, back, closed) if `incident.revision` is still the stored one, with its deliveries. */
  updateIncident: (incident: Incident, deliveries: NewDelivery[]) => Promise<UpdateResult>;
}

/** Hosts added from Slack, mutes, and what was seen of the processes of each host. */
export interface HostStore {
  putMute: (mute: Mute) => Promise<void>;
  removeMute: (target: string) => Promise<boolean>;
  mutes: (nowMs: number) => Promise<Mute[]>;
  putHost: (host: AddedHost) => Promise<void>;
  removeHost: (name: string) => Promise<boolean>;
  addedHosts: () => Promise<AddedHost[]>;
  /** Keeps what an inventory said, for a start at which it does not answer. */
  keepInventory: (source: string, body: string) => Promise<void>;
  keptInventory: (source: string) => Promise<string | null>;
  /** Replaces the host's snapshot before. */
  saveSnapshot: (snapshot: Snapshot) => Promise<void>;
  snapshot: (host: string) => Promise<Snapshot | null>;
  saveSamples: (samples: MemorySample[]) => Promise<void>;
  /** Oldest first. */
  samples: (host: string, sinceMs: number, untilMs: number) => Promise<MemorySample[]>;
  /** Replaces the host's profile before. */
  saveHostProfile: (hostProfile: HostProfile) => Promise<void>;
  hostProfiles: () => Promise<HostProfile[]>;
  /**
   * Notes which machine a host is. A machine whose only other name is not among the `configured` any more, and whose new name has no record,
   * was renamed: all that is kept of it goes to the new name at once, and the audit log says so. Gives the old one; null: it was not.
   */
  noteMachine: (seen: SeenMachine, configured: readonly string[]) => Promise<string | null>;
}

/** What tells a machine from all others: its boot and its host key together. */
export interface SeenMachine {
  host: string;
  bootId: string;
  /** `SHA256:…` */
  hostKey: string;
  atMs: number;
}

/** Who works on what, where several processes share one database. */
export interface LeaseStore {
  /** Renews, gives back and claims, so that live owners hold fair shares; while somebody else does, it may only renew. */
  claimLeases: (request: LeaseRequest) => Promise<Leases>;
  /** Gives everything back at once, for a clean stop. */
  releaseLeases: (owner: string) => Promise<void>;
}

/** Who did what. */
export interface AuditStore {
  appendAudit: (entry: AuditEntry) => Promise<AuditRow>;
  /** Newest first. */
  audit: (host: string | null, limit: number) => Promise<AuditRow[]>;
  /** `known`: a head that was noted elsewhere. */
  verifyAudit: (known?: AuditHead) => Promise<AuditVerdict>;
  /** The present head, with its signature where there is a key; null: no entry yet. */
  auditHead: () => Promise<(AuditHead & { mac: string | null }) | null>;
}

export type ChangeSaved =
  | { kind: 'saved'; change: Change }
  /** Somebody was faster. `current` is what is stored now; null: it is gone. */
  | { kind: 'conflict'; current: Change | null };

/** Changes, their cards and rules. Each function does all of its work or throws and has done nothing. */
export interface ChangeStore {
  /** A new change (revision 0 as handed in) with its card to post, in its channel and in direct messages to `people`, and its entry in the audit log. */
  addChange: (change: Change, entry: AuditEntry, people?: readonly string[]) => Promise<Change>;
  /** Saves the next step if `change.revision` is still the stored one, with its audit entries and what is to be told of it. */
  updateChange: (
    change: Change,
    entries: readonly AuditEntry[],
    deliveries?: readonly NewDelivery[],
  ) => Promise<ChangeSaved>;
  change: (id: string) => Promise<Change | null>;
  /** Newest first, of a host or of all. */
  changes: (host: string | null, limit: number) => Promise<Change[]>;
  /** Those that wait or are under way, oldest first: what was decided before what was proposed. */
  openChanges: () => Promise<Change[]>;
  /** Those in force, oldest first, a page at a time: the ones behind `after`. See `everyApplied`. */
  appliedChanges: (after?: Pick<Change, 'id' | 'proposedAtMs'> | null) => Promise<Change[]>;

  /** Shows the card anew: somebody acted on one that was not up to date. */
  repairCard: (changeId: string) => Promise<void>;

  /** Replaces the rule if its revision is still the stored one (0: a new one). null: somebody was faster. */
  putRule: (rule: Rule) => Promise<Rule | null>;
  /** Those that have not ended, oldest first. */
  rules: () => Promise<Rule[]>;
}

/** A drill with the key of its kill, once one was taken for it. */
export interface StoredDrill extends Drill {
  killKey: string | null;
}

/** What became of news under a key. `missing`: nobody asked for them. */
export type NewsState = { kind: 'missing' | 'waiting' | 'shown' } | { kind: 'failed'; reason: string };

/** Kills on purpose. */
export interface DrillStore {
  /** Saves it if its stored state is one of `from` (none: if it is new). False: somebody else was faster. */
  putDrill: (drill: Drill, from?: readonly Drill['state'][]) => Promise<boolean>;
  /** Of a host since then, newest first. */
  drills: (host: string, sinceMs: number) => Promise<StoredDrill[]>;
  /** Those that wait or are under way. */
  openDrills: () => Promise<StoredDrill[]>;
  /** The newest of each host. */
  lastDrills: () => Promise<StoredDrill[]>;
  /** Whether a channel shows what was last asked for under a key of news. */
  newsState: (channel: string, key: string) => Promise<NewsState>;
}

/** Whether the record takes what it is given. */
export interface RecordStore {
  /** Writes a few bytes. Throws one sentence that says why nothing, or not much more, can be written. */
  beat: (atMs: number) => Promise<void>;
  /** Why the database refused a write since this was asked last; null: it refused none. */
  takeRefusal: () => string | null;
}

/** All that oombot remembers. Every function but `prune` either does all of its work or throws and has done nothing. */
export interface Store
  extends
    KillStore,
    ReportStore,
    IncidentStore,
    LedgerStore,
    HostStore,
    LeaseStore,
    AuditStore,
    ChangeStore,
    DrillStore,
    RecordStore {
  /** Returns how many rows went. Open incidents, waiting deliveries and the audit log always stay. */
  prune: (retention: Retention) => Promise<number>;
  close: () => Promise<void>;
}
