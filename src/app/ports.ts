import type { DrillKill } from '../incident/drill.ts';
import type { Kill } from '../incident/incident.ts';
import type { Notice } from '../notice/notice.ts';

/** Time as the use cases see it; tests move it by hand. */
export interface Clock {
  nowMs: () => number;
  sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/** The program's own log: a fixed sentence, facts as fields. */
export interface Log {
  info: (facts: Record<string, unknown>, message: string) => void;
  warn: (facts: Record<string, unknown>, message: string) => void;
  error: (facts: Record<string, unknown>, message: string) => void;
}

/** What every use case stands on. */
export interface Base<S> {
  store: S;
  clock: Clock;
  log: Log;
}

/** Where what is said of a host is told, and that something waits to be told. */
export interface Outbox {
  channelOf: (of: { host: string }) => string;
  wake: () => void;
}

/** Where a log source of one host was read up to; opaque outside `ssh/`. Stored with the kills that it yielded. */
export interface Position {
  /** `kmsg`, `journal`, `file:/var/log/kern.log`, `dmesg`. */
  source: string;
  /** JSON: boot id and sequence number, cursor, inode and offset. */
  value: string;
}

/** What one host said since the last batch: saved whole or not at all. */
export interface Batch {
  host: string;
  kills: Kill[];
  positions: Position[];
  /** What to tell that is not about a kill. */
  deliveries?: NewDelivery[];
  /** Kills on purpose: no kills on record, but counted by the kernel. */
  drilled?: readonly DrillKill[];
}

export interface KillQuery {
  hosts: string[] | null;
  sinceMs: number | null;
  untilMs: number | null;
  service: string | null;
  /** Newest first. */
  limit: number;
}

/** Something to be told in a channel. `kind` says how; what the record knows is rendered when it is sent, so that it is never stale. */
export interface NewDelivery {
  /** Empty for news. */
  incidentId: string;
  channel: string;
  /** `incident`: its own message, posted or edited. `reply`: in its thread. `news`: a message about no incident. `event`: at a webhook. */
  kind: 'incident' | 'reply' | 'news' | 'event';
  /** For replies and news: what to say, see reply-body.ts. */
  body: string | null;
  notBeforeMs: number;
  /** It may have been told since then by a process that could not write it down: look before it is told. */
  lookSinceMs?: number;
}

export interface Mute {
  /** A host's or a service's name, see mute-target.ts. */
  target: string;
  untilMs: number;
  by: string;
  /** Missing: nobody said. */
  why?: string;
  /** The tag that was muted: there is one such mute for each host that had it. */
  tag?: string;
}

/** A host added from Slack, beside those of the configuration. */
export interface AddedHost {
  name: string;
  address: string;
  port: number;
  user: string | null;
  tags: string[];
  /** `SHA256:…` as confirmed by the person who added it. */
  fingerprint: string;
  addedBy: string;
  addedAtMs: number;
}

/**
 * What became of one request to the chat. `unknown`: it may have arrived (look before you repeat). `unsent`: it certainly did not.
 * `refused`: the chat said no, and would again until somebody changes something. `gone`: the message to edit or to answer was deleted.
 */
export type SendOutcome =
  | { kind: 'sent'; ts: string }
  | { kind: 'rate-limited'; retryAfterMs: number }
  | { kind: 'unknown'; reason: string }
  | { kind: 'unsent'; reason: string }
  | { kind: 'refused'; reason: string }
  | { kind: 'gone' };

/** `byId`: the newest message for each mark that was found. `refused`: the chat will not let itself be searched. */
export type FindOutcome =
  | { kind: 'looked'; byId: Map<string, string> }
  | { kind: 'rate-limited'; retryAfterMs: number }
  | { kind: 'unknown'; reason: string }
  | { kind: 'refused'; reason: string };

/** What a message carries unseen, so that it can be found again: which incident or reply it is. */
export interface MessageMark {
  id: string;
  /** Further ids that the same message stands for: a storm tells of many incidents. */
  also: string[];
}

/** The chat that people are told in. `channel` is a name with `#` or an id, as in the configuration. Nothing here throws. */
export interface Workspace {
  post: (to: { channel: string; notice: Notice; mark: MessageMark }) => Promise<SendOutcome>;
  update: (to: { channel: string; ts: string; notice: Notice; mark: MessageMark }) => Promise<SendOutcome>;
  /** `broadcast`: also shown in the channel, where it notifies people. */
  reply: (to: {
    channel: string;
    threadTs: string;
    notice: Notice;
    mark: MessageMark;
    broadcast?: boolean;
  }) => Promise<SendOutcome>;
  /** Which messages with a mark were posted after `sinceMs`, in the channel or (with `threadTs`) in a thread. */
  find: (where: { channel: string; threadTs: string | null; sinceMs: number }) => Promise<FindOutcome>;
}
