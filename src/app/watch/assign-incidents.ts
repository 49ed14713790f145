import { amendKills, closeQuiet, groupKills, type Grouping, type ToldAs } from '../../incident/grouping.ts';
import type { Incident, Kill } from '../../incident/incident.ts';
import { messageFor } from '../deliveries.ts';
import { mutedUntil } from '../mute-target.ts';
import type { Posted } from '../ledger.ts';
import type { Mute, NewDelivery } from '../ports.ts';
import type { WebhookRoute } from '../webhook.ts';
import type { BatchDecision, BatchView } from '../store-port.ts';

export interface Placing {
  nowMs: number;
  newId: (firstKill: Kill) => string;
  /** As which incident people were told of a kill that was not on record; missing: of none. */
  toldAs?: ((kill: Kill) => ToldAs | null) | undefined;
  /** Kills that are only history: read on first contact, told to nobody. */
  isHistory: (kill: Kill) => boolean;
  mutes: readonly Mute[];
  channelOf: (incident: Incident) => string;
  /** Webhooks that get the incidents of a host; missing: there are none. */
  webhooksOf?: ((of: { host: string }) => readonly WebhookRoute[]) | undefined;
  /** Since when this process runs: one before it may have told of earlier kills that it could not save. */
  aliveSinceMs?: number;
}

/** How far before the death of a process it may have been told of: clocks differ. */
const LOOK_BACK_MS = 60_000;

/** Puts the kills of a batch into incidents and says what the channels must hear of it. Pure. */
export function assignIncidents(view: BatchView, placing: Placing): BatchDecision {
  const known = amendKills(view.nowOpen, view.amended);
  const grouped = groupKills(known.incidents, view.fresh, placing.nowMs, placing.newId, placing.toldAs);
  const changed = changedOf(view.nowOpen, grouped.incidents);
  const placed: Record<string, string> = {};
  for (const change of grouped.changes) for (const kill of change.newKills) placed[kill.key] = change.incidentId;
  return {
    incidents: changed,
    placed,
    deliveries: changed.flatMap((incident) => deliveriesFor(incident, placing)),
  };
}

/** Closes the incidents of one host that have been quiet; those that changed. */
export function closeQuietIncidents(open: readonly Incident[], nowMs: number): Incident[] {
  return changedOf(open, closeQuiet(open, nowMs).incidents);
}

/** Has the message of an incident that was closed say so; nothing where none was posted. */
export function tellClosed(incident: Incident, posted: readonly Posted[], nowMs: number): NewDelivery[] {
  if (incident.closedAtMs === null) return [];
  return posted.map(({ channel }) => messageFor(incident.id, channel, nowMs));
}

function changedOf(before: readonly Incident[], after: Grouping['incidents']): Incident[] {
  const known = new Map(before.map((incident) => [incident.id, incident]));
  return after.filter((incident) => known.get(incident.id) !== incident);
}

function deliveriesFor(incident: Incident, placing: Placing): NewDelivery[] {
  // What is only history is told to nobody, nor when more of the past or a detail of it comes.
  if (incident.kills.every(placing.isHistory)) return [];
  const isMuted = mutedUntil(placing.mutes, incident, placing.nowMs) !== null;
  const events = (placing.webhooksOf?.(incident) ?? [])
    .filter(({ hearsMuted }) => hearsMuted || !isMuted)
    .map(({ destination }): NewDelivery => ({
      incidentId: incident.id,
      channel: destination,
      kind: 'event',
      body: null,
      notBeforeMs: placing.nowMs,
    }));
  if (isMuted) return events;
  const message = messageFor(incident.id, placing.channelOf(incident), placing.nowMs);
  const isFromMemory = incident.kills.some((kill) => placing.toldAs?.(kill)?.id === incident.id);
  // Whoever serves the channel may not have been told where the message stands.
  const mayBeTold = incident.revision === 0 && (isFromMemory || incident.firstAtMs < (placing.aliveSinceMs ?? 0));
  return [mayBeTold ? { ...message, lookSinceMs: incident.firstAtMs - LOOK_BACK_MS } : message, ...events];
}
