import type { LedgerRow } from '../ledger.ts';
import type { SendOutcome } from '../ports.ts';
import type { Webhook } from '../webhook.ts';
import type { Destination } from './destination.ts';
import type { HookStep, HookTeller } from './hook-teller.ts';
import { openLedgerBook } from './ledger-book.ts';
import { patchOf } from './row-patch.ts';
import { backOffMs, REFUSED_TRIES_MAX, refusedBackOffMs } from './send-plan.ts';
import type { TellWorld } from './tell-world.ts';
import { openWebhookAlerts } from './webhook-alerts.ts';
import { openWebhookEvents } from './webhook-events.ts';

const STORE_AGAIN_MS = 1_000;
/** What fails so often, and for so long, while other messages get through is set aside: it would be tried for ever. */
const POISON_TRIES = 8;
const POISON_AFTER_MS = 60 * 60_000;

/**
 * One webhook: what its receiver should know is sent, one request at a time. A receiver knows a message again by its id, so that what
 * is in doubt after a fault or a crash is simply sent once more. `isMine`: false while another process serves it.
 */
export function openWebhookDestination(destination: string, world: TellWorld, isMine: () => boolean): Destination {
  const { clock, log, webhook: find = () => null } = world;
  const book = openLedgerBook(destination, world);
  const tellers: Record<Webhook['takes'], HookTeller> = {
    events: openWebhookEvents(world, book),
    alerts: openWebhookAlerts(destination, world, book),
  };
  const failed = new Map<string, { tries: number; sentBefore: number; sinceMs: number }>();
  let sent = 0;
  let failures = 0;
  let pausedUntilMs = 0;

  async function run(signal: AbortSignal): Promise<number | null> {
    while (!signal.aborted) {
      if (clock.nowMs() < pausedUntilMs) return pausedUntilMs;
      try {
        const again = await step(signal);
        if (again !== 'now') return again;
      } catch (error) {
        if (!book.isFaulty()) log.error({ err: error, webhook: destination }, 'A webhook could not be served');
        return clock.nowMs() + STORE_AGAIN_MS;
      }
    }
    return null;
  }

  async function step(signal: AbortSignal): Promise<'now' | number | null> {
    const rows = (await book.rows()).filter((row) => isMine() || book.isUnrecorded(row.key));
    const hook = find(destination);
    if (hook === null) {
      if (rows.length > 0) await book.settle(rows.map((row) => patchOf(row, { doneUpTo: row.wanted })));
      return book.unwritten() > 0 ? clock.nowMs() + STORE_AGAIN_MS : null;
    }
    const teller = tellers[hook.takes];
    const plan = await teller.next(rows, (id) => failed.get(id)?.tries ?? 0);
    if (plan.kind === 'nothing') return 'now';
    if (plan.kind === 'wait') return whenAgain(plan.untilMs, rows);
    const outcome = await hook.send(plan.step.message, signal);
    if (signal.aborted && outcome.kind !== 'sent') return null;
    if (outcome.kind !== 'sent') await notSent(plan.step, outcome);
    else {
      sent += 1;
      failures = 0;
      failed.delete(plan.step.id);
      teller.sent(plan.step.id);
      await book.settle(plan.step.arrived);
    }
    return 'now';
  }

  function whenAgain(untilMs: number | null, rows: readonly LedgerRow[]): number | null {
    const isForStore = book.unwritten() > 0 || book.isFaulty() || rows.some(({ key }) => book.isGuess(key));
    const again = isForStore ? clock.nowMs() + STORE_AGAIN_MS : Infinity;
    const first = Math.min(again, untilMs ?? Infinity);
    return Number.isFinite(first) ? first : null;
  }

  async function notSent({ id, rows }: HookStep, outcome: Exclude<SendOutcome, { kind: 'sent' }>): Promise<void> {
    if (outcome.kind === 'rate-limited') pausedUntilMs = clock.nowMs() + outcome.retryAfterMs;
    else if (outcome.kind === 'refused') await setAside(rows, outcome.reason, false);
    else {
      const reason = outcome.kind === 'gone' ? 'gone' : outcome.reason;
      const before = failed.get(id) ?? { tries: 0, sentBefore: sent, sinceMs: clock.nowMs() };
      failed.set(id, { ...before, tries: before.tries + 1 });
      failures += 1;
      pausedUntilMs = clock.nowMs() + backOffMs(failures);
      if (failures === 1) log.warn({ webhook: destination, reason }, 'A webhook did not take a message; it waits');
      const isOld = clock.nowMs() - before.sinceMs >= POISON_AFTER_MS;
      if (isOld && before.tries + 1 >= POISON_TRIES && sent > before.sentBefore) {
        failed.delete(id);
        await setAside(rows, reason, true);
      }
    }
  }

  /** Tried ever more rarely; at last it is left for an operator. */
  async function setAside(rows: readonly LedgerRow[], reason: string, isFinal: boolean): Promise<void> {
    const nowMs = clock.nowMs();
    const patches = rows.map((row) => {
      const attempts = row.attempts + 1;
      return isFinal || attempts >= REFUSED_TRIES_MAX
        ? patchOf(row, { attempts, failed: { reason, atMs: nowMs } })
        : patchOf(row, { attempts, notBeforeMs: nowMs + refusedBackOffMs(attempts) });
    });
    const isGivenUp = patches.some((patch) => patch.failed !== null);
    const facts = { webhook: destination, reason, keys: rows.slice(0, 5).map(({ key }) => key) };
    log[isGivenUp ? 'error' : 'warn'](facts, 'A webhook refused a message');
    await book.settle(patches);
  }

  return { run, hand: book.hand, unwritten: book.unwritten, owes: book.owes, close: () => book.settle([]) };
}
