import type { Incident } from '../../incident/incident.ts';
import type { Delivery, MessageMark, Posted } from '../ports.ts';
import type { ReplyBody } from '../reply-body.ts';

/** A delivery that this process has claimed. `maybeSentSinceMs`: it may have reached the chat after that; null: it has not. */
export interface Item {
  delivery: Delivery;
  reply: ReplyBody | null;
  maybeSentSinceMs: number | null;
  posted: Posted | null;
}

/** The thread that it is said in; null: the channel itself. */
export function threadOf({ delivery, posted }: Item): string | null {
  return delivery.kind === 'incident' ? null : (posted?.ts ?? null);
}

/** What it is found by in the chat. */
export function seenAs({ delivery }: Item): string {
  return delivery.kind === 'incident' ? delivery.incidentId : `reply-${delivery.id}`;
}

/** The mark of a message that tells of these incidents. */
export function markOf(incidents: readonly Incident[]): MessageMark {
  const [first, ...others] = incidents.map((incident) => incident.id);
  return { id: first ?? '', also: others };
}
