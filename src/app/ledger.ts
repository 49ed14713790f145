import type { Incident } from '../incident/incident.ts';
import type { NewDelivery } from './ports.ts';

/** What a destination was told of an incident or a change, beside what its message shows. */
export interface Told {
  /** False: the message tells of several incidents. It is never edited; what follows goes to its thread. */
  alone: boolean;
  /** When people were notified last; null: not yet. */
  announcedAtMs: number | null;
  /** Kills that the message or its thread told of. */
  kills: number;
  /** Services that an announcement named. */
  services: string[];
  /** It was announced as a loop. */
  loop: boolean;
  /** The thread has the log lines of the first kill. */
  evidence: boolean;
  /** The outcome of a change that the thread was told. */
  outcome: string | null;
  /** What a webhook's alert was told; missing: nothing yet, or it is no alert. */
  alert?: { says: string; isTaken: boolean; isOver: boolean };
}

export const NOTHING_TOLD: Told = {
  alone: true,
  announcedAtMs: null,
  kills: 0,
  services: [],
  loop: false,
  evidence: false,
  outcome: null,
};

/** A request that was about to be made. Until its outcome is known it may have arrived: look for `mark` before it is repeated. */
export interface Attempt {
  /** Who makes it: one id for each start of a process. */
  owner: string;
  /** What the message carries unseen. */
  mark: string;
  /** null: it stands in the channel itself. */
  threadTs: string | null;
  sinceMs: number;
  /** What is so once it has arrived. null: not known, a process before this one may have sent it. */
  after: { told: Told; isMessage: boolean; isDone: boolean } | null;
}

/** What should stand in one place, and what stands there. */
export interface LedgerRow {
  /** A channel, as in the configuration, or another receiver. */
  destination: string;
  /** One for each thing that stands there; also the id in the message's metadata. */
  key: string;
  /** `event`: an incident at a webhook. Its `ts` is the alert that it is part of; with `shown` -1 it was not told yet. */
  kind: 'incident' | 'card' | 'reply' | 'news' | 'event';
  incidentId: string | null;
  changeId: string | null;
  /** For replies and news: what cannot be made from the record. */
  body: string | null;
  /** Counts what was asked for: more than was done means that there is something to do. */
  wanted: number;
  ts: string | null;
  /** Revision of the incident or change that the message shows; -1: not known. */
  shown: number;
  told: Told;
  attempt: Attempt | null;
  /** Refusals in a row. */
  attempts: number;
  notBeforeMs: number;
  createdAtMs: number;
  /** For replies: the message of their incident. null: there is none. */
  parent: { ts: string | null; alone: boolean } | null;
}

/** What the sender has to write down about one row. */
export interface LedgerPatch {
  destination: string;
  key: string;
  ts: string | null;
  shown: number;
  told: Told;
  attempt: Attempt | null;
  attempts: number;
  notBeforeMs: number;
  failed: { reason: string; atMs: number } | null;
  /** Everything up to this count of `wanted` is done; null: there is more to do. */
  doneUpTo: number | null;
  /** When a message was sent; null: none was. */
  sentAtMs: number | null;
  /** Whose attempt the sender knows of and has cleared up. */
  seenOwner: string | null;
  /** Where the message stood when the sender read the row; null: nowhere. */
  seenTs: string | null;
}

/** `missing`: there is no such row (yet). `taken`: somebody else sends it now. */
export type PatchResult = 'saved' | 'missing' | 'taken';

export interface QueueLength {
  channel: string;
  waiting: number;
  /** Requests whose outcome is not known. */
  inFlight: number;
  failed: number;
  /** When the first waiting one may be sent; null: none waits. */
  nextAtMs: number | null;
  /** Since when the oldest incident waits that this destination was not told of; null: there is none. */
  untoldSinceMs: number | null;
}

export interface FailedRow {
  channel: string;
  key: string;
  incidentId: string | null;
  attempts: number;
  reason: string;
  failedAtMs: number;
}

/** Where an incident's message stands. */
export interface Posted {
  incidentId: string;
  channel: string;
  ts: string;
  /** Revision of the incident that the message shows. */
  revision: number;
}

/** An incident that is part of an alert of a webhook. */
export interface AlertMember {
  row: LedgerRow;
  incident: Omit<Incident, 'kills'>;
}

/** What should stand where. */
export interface LedgerStore {
  /** Asks for these to be shown: an incident's message, and news under a key, are brought up to date where they stand; the same reply or news asked for twice is one. */
  enqueue: (deliveries: NewDelivery[]) => Promise<void>;
  /** Asks for these and marks the name, in one step, unless it was marked before. False: it was; nothing is asked for. */
  enqueueOnce: (name: string, atMs: number, deliveries: NewDelivery[]) => Promise<boolean>;
  /** The time that stands under this name; the first to ask sets it. */
  marker: (name: string, atMs: number) => Promise<number>;
  /** Rows of a destination in which something is to be done now or is in doubt: those without a message first, then oldest first. */
  ledger: (destination: string, nowMs: number) => Promise<LedgerRow[]>;
  /**
   * Writes all patches, and asks for `more`, in one step. What another live owner of the destination sends is left alone, as is a message
   * that stands elsewhere than the sender knew.
   */
  saveLedger: (
    owner: string,
    nowMs: number,
    patches: readonly LedgerPatch[],
    more?: readonly NewDelivery[],
  ) => Promise<PatchResult[]>;
  /** When messages were sent there since then, or may have been, oldest first. */
  sentSince: (destination: string, sinceMs: number) => Promise<number[]>;
  queueLengths: () => Promise<QueueLength[]>;
  failedDeliveries: (limit: number) => Promise<FailedRow[]>;
  /** In channels. */
  postedOf: (incidentId: string) => Promise<Posted[]>;
  /** All incidents in one alert of a webhook, oldest first. */
  alertMembers: (destination: string, alert: string, limit: number) => Promise<AlertMember[]>;
  /** Which alert each incident is part of that a webhook was asked to tell since then, newest first. */
  alertsSince: (
    destination: string,
    sinceMs: number,
    limit: number,
  ) => Promise<{ key: string; alert: string; createdAtMs: number }[]>;
}
