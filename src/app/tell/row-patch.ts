import type { LedgerPatch, LedgerRow } from '../ledger.ts';
import type { NewDelivery } from '../ports.ts';
import { writeLines } from '../reply-body.ts';

/** Lines of a summary in one reply: what a message can carry, each of up to 500 characters. */
const LINES_PER_REPLY = 20;

/** The row as it is, with what changes. */
export function patchOf(row: LedgerRow, change: Partial<LedgerPatch>): LedgerPatch {
  return {
    destination: row.destination,
    key: row.key,
    ts: row.ts,
    shown: row.shown,
    told: row.told,
    attempt: row.attempt,
    attempts: row.attempts,
    notBeforeMs: row.notBeforeMs,
    failed: null,
    doneUpTo: null,
    sentAtMs: null,
    seenOwner: row.attempt?.owner ?? null,
    seenTs: row.ts,
    ...change,
  };
}

/** The lines of a summary for its thread. */
export function linesOf(channel: string, incidentIds: readonly string[], nowMs: number): NewDelivery[] {
  const replies: NewDelivery[] = [];
  for (let at = 0; at < incidentIds.length; at += LINES_PER_REPLY) {
    const ids = incidentIds.slice(at, at + LINES_PER_REPLY);
    replies.push({ incidentId: ids[0] ?? '', channel, kind: 'reply', body: writeLines(ids), notBeforeMs: nowMs });
  }
  return replies;
}
