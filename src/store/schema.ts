import type { Generated, Kysely, Transaction } from 'kysely';
import type { Killer } from '../oom/report.ts';
import type { KillCache } from './kill-cache.ts';

// Columns are what is asked for; the whole value is JSON in `body`. Times are milliseconds since 1970, flags are 0 or 1.
export interface Tables {
  kills: {
    id: Generated<number>;
    host: string;
    key: string;
    /** What the key says beside the boot; null: no moment. */
    moment: string | null;
    boot_id: string | null;
    at_ms: number;
    killer: string;
    outcome: string;
    source: string;
    service: string;
    incident_id: string | null;
    body: string;
  };
  /** The lines of a report, packed (raw deflate, base64), beside the first kill of it; with the kill it goes. */
  reports: { kill_id: number; body: string };
  positions: { host: string; source: string; value: string };
  /** `pruned`: kills of that boot that were recorded and removed since. */
  counters: {
    host: string;
    boot_id: string;
    killer: Killer;
    counter: number;
    parsed: number;
    pruned: Generated<number>;
    at_ms: number;
  };
  incidents: {
    id: string;
    host: string;
    last_at_ms: number;
    closed_at_ms: number | null;
    revision: number;
    /** JSON of the keys of the kills that it carries, newest last. */
    kill_keys: string;
    /** Empty in rows of older versions. */
    problem: string;
    /** Without its kills, problem and revision. */
    body: string;
  };
  /** What should stand where, and what stands there; see app/ledger.ts. */
  ledger: {
    id: Generated<number>;
    destination: string;
    /** Unique in its destination. */
    key: string;
    kind: 'incident' | 'card' | 'reply' | 'news' | 'event';
    incident_id: string | null;
    change_id: string | null;
    body: string | null;
    wanted: number;
    /** 1: something is to be done. */
    open: number;
    ts: string | null;
    shown: number;
    /** JSON. */
    told: string;
    /** JSON; null: nothing is in doubt. */
    attempt: string | null;
    tried_by: string | null;
    attempts: number;
    not_before_ms: number;
    created_at_ms: number;
    sent_at_ms: number | null;
    failed_reason: string | null;
    failed_at_ms: number | null;
  };
  mutes: { target: string; until_ms: number; body: string };
  added_hosts: { name: string; body: string };
  /** What an inventory said last; `source` is its place in the configuration. */
  inventories: { source: string; body: string };
  snapshots: { host: string; at_ms: number; body: string };
  samples: {
    host: string;
    at_ms: number;
    total_kib: number;
    available_kib: number;
    total_swap_kib: number;
    free_swap_kib: number;
    /** In hundredths of a per cent; null: the kernel does not tell. */
    pressure: number | null;
    /** JSON; null: not looked at. */
    services: string | null;
    lasting: Generated<number>;
  };
  outlooks: { host: string; at_ms: number; body: string };
  /** Which machine each host was when it was connected to last. */
  machines: { host: string; boot_id: string; host_key: string; at_ms: number };
  /** What was done once for ever, or since when something is done. */
  markers: { name: string; at_ms: number };
  owners: { owner: string; expires_ms: number };
  leases: { kind: string; name: string; owner: string; expires_ms: number };
  changes: { id: string; host: string; state: string; revision: number; proposed_at_ms: number; body: string };
  rules: { id: string; state: string; revision: number; made_at_ms: number; body: string };
  /** Kills on purpose. `boot_id` and `kill_key`: of the death that was taken for its own; null: none yet. */
  drills: {
    id: string;
    host: string;
    state: string;
    at_ms: number;
    boot_id: string | null;
    kill_key: string | null;
    body: string;
  };
  audit_head: { id: number; seq: number; hash: string; mac: string | null };
  audit: { seq: number; host: string | null; previous_hash: string; hash: string; body: string };
}

export type Trx = Transaction<Tables>;
export type Reader = Kysely<Tables>;

/** An open database: everything in which SQLite and PostgreSQL differ. */
export interface Database {
  db: Reader;
  /** Runs `work` in one transaction. It may be run again: no effects inside. */
  transact: <T>(work: (trx: Trx) => Promise<T>) => Promise<T>;
  /** The same for what people wait for, and for leases, past all else that waits; null: there is but one way in. */
  urgent: Pick<Database, 'db' | 'transact'> | null;
  leases: Pick<Database, 'db' | 'transact'> | null;
  /** Makes others who lock the same name wait until this transaction ends. */
  lock: (trx: Trx, name: string) => Promise<void>;
  /** False: somebody else has locked it. */
  tryLock: (trx: Trx, name: string) => Promise<boolean>;
  /** Whether rows can and must be locked with `for update`. */
  hasRowLocks: boolean;
  /** Column type of a number that counts up by itself and is never given twice. */
  countingKey: string;
  /** Signs the head of the audit log; null: nothing does. */
  auditKey: string | null;
  /** Why the file cannot grow; null: it can, or it is on another machine. */
  faultOfDisk: () => Promise<string | null>;
  /** null where other processes may write too. */
  killCache: KillCache | null;
  close: () => Promise<void>;
}
