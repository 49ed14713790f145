import type { Incident } from '../../incident/incident.ts';
import type { LedgerRow } from '../ledger.ts';
import type { HookMessage } from '../webhook.ts';
import type { LedgerBook } from './ledger-book.ts';
import { patchOf } from './row-patch.ts';
import type { TellWorld } from './tell-world.ts';
import type { HookPlan, HookTeller } from './hook-teller.ts';

/** What goes on in one incident is told no more often than this. */
const UPDATE_GAP_MS = 5_000;
const KEPT_MAX = 5_000;

/** Each incident by itself: an event when it opens, when more is known of it, and when it closes. */
export function openWebhookEvents({ clock }: Pick<TellWorld, 'clock'>, book: LedgerBook): HookTeller {
  /** When the last event of an incident was sent. Lost with the process: then one comes sooner. */
  const sentAtMs = new Map<string, number>();

  function dueAtMs(row: LedgerRow): number {
    return row.shown < 0 ? 0 : (sentAtMs.get(row.key) ?? -Infinity) + UPDATE_GAP_MS;
  }

  async function next(rows: readonly LedgerRow[], tries: (id: string) => number): Promise<HookPlan> {
    const nowMs = clock.nowMs();
    const due = rows.filter((row) => dueAtMs(row) <= nowMs);
    // What opened first, then what is to be completed.
    for (const row of due.toSorted(
      (a, b) => tries(a.key) - tries(b.key) || Number(a.shown >= 0) - Number(b.shown >= 0),
    )) {
      const plan = await book.ifReadable(() => tell(row));
      if (plan !== null) return plan;
    }
    const later = rows.map(dueAtMs).filter((atMs) => atMs > nowMs);
    return { kind: 'wait', untilMs: later.length === 0 ? null : Math.min(...later) };
  }

  /** null: it waits for the store. */
  async function tell(row: LedgerRow): Promise<HookPlan | null> {
    const incident = await book.incident(row);
    const message = incident === null ? null : eventOf(incident, row, !book.isUnrecorded(row.key));
    if (message === null && book.isGuess(row.key)) return null;
    if (incident === null || message === null) {
      await book.settle([patchOf(row, { doneUpTo: row.wanted })]);
      return { kind: 'nothing' };
    }
    // A receiver that got the first event twice kept the first of them: what was known later comes as an event of its own.
    const shown = message.type === 'opened' ? 1 : incident.revision;
    const isDone = shown >= incident.revision && book.isSure(row.key);
    const arrived = patchOf(row, {
      ts: incident.id,
      shown,
      attempt: null,
      attempts: 0,
      doneUpTo: isDone ? row.wanted : null,
      sentAtMs: clock.nowMs(),
    });
    return { kind: 'send', step: { id: row.key, message, rows: [row], arrived: [arrived] } };
  }

  return {
    next,
    sent: (id) => {
      sentAtMs.delete(id);
      sentAtMs.set(id, clock.nowMs());
      const oldest = sentAtMs.keys().next();
      if (sentAtMs.size > KEPT_MAX && !oldest.done) sentAtMs.delete(oldest.value);
    },
  };
}

/** What the receiver does not know yet; null: nothing. One revision of an incident is always the same event. */
function eventOf(
  incident: Incident,
  { shown }: LedgerRow,
  isOnRecord: boolean,
): Extract<HookMessage, { kind: 'event' }> | null {
  const { id, revision, closedAtMs } = incident;
  if (shown < 0) return { kind: 'event', id: `${id}-opened`, type: 'opened', incident, isOnRecord };
  if (revision <= shown) return null;
  const type = closedAtMs === null ? 'updated' : 'closed';
  return { kind: 'event', id: `${id}-${type === 'closed' ? type : revision}`, type, incident, isOnRecord };
}
