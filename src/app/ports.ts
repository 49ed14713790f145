import type { Kill } from '../incident/incident.ts';

/** Time as the use cases see it; tests move it by hand. */
export interface Clock {
  nowMs: () => number;
  sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
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
}

export interface KillQuery {
  hosts: string[] | null;
  sinceMs: number | null;
  untilMs: number | null;
  service: string | null;
  /** Newest first. */
  limit: number;
}

/** One thing to tell a channel. `kind` says how; the text is made from the incident when it is sent, so that it is never stale. */
export interface Delivery {
  id: number;
  incidentId: string;
  channel: string;
  kind: 'incident' | 'reply';
  /** For replies: what to say, as a notice in JSON. null: the incident's own message, posted or edited to its present state. */
  body: string | null;
  /** Times that it was tried. */
  attempts: number;
  notBeforeMs: number;
  /** True from just before the request until its answer was noted: after a crash, look before you repeat. */
  inFlight: boolean;
}

/** Where an incident's message stands in Slack. */
export interface Posted {
  incidentId: string;
  channel: string;
  ts: string;
  /** Revision of the incident that the message shows. */
  revision: number;
}

export interface Mute {
  /** A host's or a service's name. */
  target: string;
  untilMs: number;
  by: string;
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
