import type { NewDelivery } from './ports.ts';
import { writeReply, type ReplyBody } from './reply-body.ts';

/** A message about no incident, to be told in a channel from then on. */
export function newsFor(channel: string, body: ReplyBody, notBeforeMs: number): NewDelivery {
  return { incidentId: '', channel, kind: 'news', body: writeReply(body), notBeforeMs };
}

/** A reply in the thread of an incident's message. It waits behind that message, and is dropped if that is never told. */
export function replyFor(incidentId: string, channel: string, body: ReplyBody, notBeforeMs: number): NewDelivery {
  return { incidentId, channel, kind: 'reply', body: writeReply(body), notBeforeMs };
}

/** An incident's own message, posted or brought up to date: it is rendered from the record when it is sent. */
export function messageFor(incidentId: string, channel: string, notBeforeMs: number): NewDelivery {
  return { incidentId, channel, kind: 'incident', body: null, notBeforeMs };
}
