import { amendKills, closeQuiet, groupKills, type Grouping } from '../../incident/grouping.ts';
import type { Incident, Kill } from '../../incident/incident.ts';
import { describeEvidence, describeLaterKill, describeMoreKills } from '../../notice/incident/thread-notice.ts';
import { mutedUntil } from '../mute-target.ts';
import type { Mute, Posted } from '../ports.ts';
import { writeReply, type ReplyBody } from '../reply-body.ts';
import type { BatchDecision, BatchView, NewDelivery } from '../store-port.ts';

export interface Placing {
  nowMs: number;
  newId: (firstKill: Kill) => string;
  /** Kills that are only history: read on first contact, told to nobody. */
  isHistory: (kill: Kill) => boolean;
  mutes: readonly Mute[];
  channelOf: (incident: Incident) => string;
}

const REPLIES_MAX = 20;

/** Puts the kills of a batch into incidents and says what the channels must hear of it. Pure. */
export function assignIncidents(view: BatchView, placing: Placing): BatchDecision {
  const known = amendKills(view.nowOpen, view.amended);
  const grouped = groupKills(known.incidents, view.fresh, placing.nowMs, placing.newId);
  const changed = changedOf(view.nowOpen, grouped.incidents);
  const placed: Record<string, string> = {};
  for (const change of grouped.changes) for (const kill of change.newKills) placed[kill.key] = change.incidentId;
  const kinds = new Map(grouped.changes.map((change) => [change.incidentId, change.kind]));
  return {
    incidents: changed,
    placed,
    deliveries: changed.flatMap((incident) => {
      const fresh = grouped.changes.find((change) => change.incidentId === incident.id)?.newKills ?? [];
      return deliveriesFor(incident, kinds.get(incident.id) ?? 'amended', fresh, placing);
    }),
  };
}

/** Closes the incidents of one host that have been quiet; those that changed. */
export function closeQuietIncidents(open: readonly Incident[], nowMs: number): Incident[] {
  return changedOf(open, closeQuiet(open, nowMs).incidents);
}

/** Has the message of an incident that was closed say so; nothing where none was posted. */
export function tellClosed(incident: Incident, posted: readonly Posted[], nowMs: number): NewDelivery[] {
  if (incident.closedAtMs === null) return [];
  return posted.map(({ channel }) => ({
    incidentId: incident.id,
    channel,
    kind: 'incident',
    body: null,
    notBeforeMs: nowMs,
  }));
}

function changedOf(before: readonly Incident[], after: Grouping['incidents']): Incident[] {
  const known = new Map(before.map((incident) => [incident.id, incident]));
  return after.filter((incident) => known.get(incident.id) !== incident);
}

function deliveriesFor(incident: Incident, kind: string, fresh: readonly Kill[], placing: Placing): NewDelivery[] {
  if (mutedUntil(placing.mutes, incident, placing.nowMs) !== null) return [];
  // What is only history is told to nobody, nor when more of the past or a detail of it comes.
  if (incident.kills.every(placing.isHistory)) return [];
  const channel = placing.channelOf(incident);
  const message: NewDelivery = {
    incidentId: incident.id,
    channel,
    kind: 'incident',
    body: null,
    notBeforeMs: placing.nowMs,
  };
  const news = fresh.filter((kill) => !placing.isHistory(kill));
  return [
    message,
    ...repliesFor(incident, kind, news).map((body): NewDelivery => ({
      ...message,
      kind: 'reply',
      body: writeReply(body),
    })),
  ];
}

/** The first kill’s evidence (told for it, so that a storm leaves it out), then a line for each later one; many at once are told together. */
function repliesFor(incident: Incident, kind: string, news: readonly Kill[]): ReplyBody[] {
  const first = kind === 'opened' ? news[0] : undefined;
  const rest = first === undefined ? news : news.slice(1);
  const evidence: ReplyBody[] = first === undefined ? [] : [{ notice: describeEvidence(first), upToKill: 0 }];
  if (rest.length > REPLIES_MAX) {
    const times = rest.map((kill) => kill.atMs);
    const withinMs = Math.max(...times) - Math.min(...times);
    return [...evidence, { notice: describeMoreKills(incident, rest.length, withinMs), upToKill: incident.killCount }];
  }
  const before = incident.killCount - rest.length;
  return [...evidence, ...rest.map((kill, at) => ({ notice: describeLaterKill(kill), upToKill: before + at + 1 }))];
}
