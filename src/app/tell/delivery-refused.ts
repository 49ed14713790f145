import { REFUSED_TRIES_MAX, refusedBackOffMs } from './delivery-plan.ts';
import type { DeliveryWorld } from './delivery-world.ts';
import type { Delivery } from '../ports.ts';

/** Puts back what the chat refused, to be tried ever more rarely; at last it is set aside for an operator. */
export async function settleRefused(
  { store, clock, log }: DeliveryWorld,
  { id, channel, incidentId, attempts }: Delivery,
  reason: string,
): Promise<void> {
  const nowMs = clock.nowMs();
  const tries = attempts + 1;
  const final = tries >= REFUSED_TRIES_MAX;
  log[final ? 'error' : 'warn']({ channel, reason, tries, incidentId }, 'The chat refused a message');
  await store.settleDelivery(
    id,
    final ? { kind: 'failed', reason, atMs: nowMs } : { kind: 'retry', notBeforeMs: nowMs + refusedBackOffMs(tries) },
  );
}
