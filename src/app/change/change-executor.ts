import { everyApplied } from './every-applied.ts';
import PQueue from 'p-queue';
import type { Change } from '../../change/change.ts';
import { decideBegin, decideExpiry, decideUndo } from '../../change/decisions.ts';
import { concludeApply, concludeUndo } from '../../change/outcome.ts';
import { describeChangeOutcome } from '../../notice/change/change-notice.ts';
import { auditHashOf, changeEntry } from './change-record.ts';
import { applyOn, undoOn } from './host-requests.ts';
import type { ChangeWorld } from './change-world.ts';
import { replyFor } from '../deliveries.ts';
import type { NewDelivery } from '../ports.ts';
import { afterApplied, endRuleOf, withNewcomers } from './change-effects.ts';
import { settleOn } from './settle-change.ts';

export interface ChangeExecutor {
  /** There may be something to do. Cheap. */
  wake: () => void;
  /** Finishes what is under way; what it leaves is told from the host's values by whoever starts next. */
  close: () => Promise<void>;
}

export const OWN_NAME = 'oombot';
const POLL_MS = 2_000;
const ENDS_EVERY_MS = 5_000;
const AT_ONCE = 8;
/** Long after the yes the proof is no longer true. */
const BEGIN_WITHIN_MS = 10 * 60_000;
/** Another process that shares the record may still be at work on what it began. */
const OTHERS_WORK_MS = 5 * 60_000;
/** So long after the start a host may still be on its way to us: what needs it waits, instead of failing for that. */
const CONNECT_WITHIN_MS = 30_000;
/** A lost request may still be on its way to the host. */
const SETTLE_AFTER_MS = 10_000;

/** Carries out what was decided, ends what has an end, and finds out what is true of what was interrupted; for ever. */
export function openChangeExecutor(world: ChangeWorld): ChangeExecutor {
  const { store, fleet, clock, log, owner } = world;
  const stop = new AbortController();
  const busy = new Set<string>();
  const queue = new PQueue({ concurrency: AT_ONCE });
  const startedAtMs = clock.nowMs();
  let nap = new AbortController();
  let endsAtMs = 0;
  const loop = keepWorking();

  function wake(): void {
    nap.abort();
  }

  async function keepWorking(): Promise<void> {
    while (!stop.signal.aborted) {
      nap = new AbortController();
      try {
        for (const change of await store.openChanges()) if (isDue(change)) start(change);
        await endDue();
      } catch (error) {
        log.error({ err: error }, 'Open changes could not be read');
      }
      if (!stop.signal.aborted) await clock.sleep(POLL_MS, nap.signal).catch(() => undefined);
    }
  }

  /** What is in force may be much, and ends by the minute. */
  async function endDue(): Promise<void> {
    if (clock.nowMs() < endsAtMs) return;
    endsAtMs = clock.nowMs() + ENDS_EVERY_MS;
    for await (const change of everyApplied(store)) if (isDue(change)) start(change);
  }

  function start(change: Change): void {
    if (busy.has(change.id)) return;
    busy.add(change.id);
    queue
      .add(() => step(change))
      .catch((error: unknown) => log.error({ err: error, change: change.id }, 'A change could not be worked on'))
      .finally(() => {
        busy.delete(change.id);
        world.wake();
      });
  }

  function isDue({ id, state, expiresAtMs, host }: Change): boolean {
    const nowMs = clock.nowMs();
    if (busy.has(id)) return false;
    switch (state.kind) {
      case 'proposed':
        return nowMs >= expiresAtMs;
      case 'approved':
        return !isConnecting(host);
      case 'applied':
        if (state.untilMs === null || state.untilMs > nowMs || state.tryAgainAtMs > nowMs || isConnecting(host))
          return false;
        // Tried before while the host was away: there is no use before it is back.
        return state.undoFailed?.kind !== 'host-away' || isConnected(host);
      case 'applying':
      case 'undoing':
        // Ours and not under way: just asked for, or begun before a fault.
        return state.owner === owner || nowMs - state.atMs > (world.shared ? OTHERS_WORK_MS : 0);
      case 'unknown':
        return nowMs - state.atMs > SETTLE_AFTER_MS && isConnected(host);
      case 'refused':
      case 'failed':
      case 'declined':
      case 'expired':
      case 'undone':
        return false;
    }
  }

  function isConnected(host: string): boolean {
    return fleet.link(host)?.state().kind === 'connected';
  }

  function isConnecting(host: string): boolean {
    return clock.nowMs() - startedAtMs < CONNECT_WITHIN_MS && fleet.link(host) !== null && !isConnected(host);
  }

  async function step(change: Change): Promise<void> {
    const { state } = change;
    const nowMs = clock.nowMs();
    switch (state.kind) {
      case 'proposed': {
        const decision = decideExpiry(change, nowMs);
        if (decision.kind === 'accepted') await save(decision.next, 'expire', OWN_NAME);
        return;
      }
      case 'approved': {
        const decision = decideBegin(change, { owner, nowMs, latestMs: BEGIN_WITHIN_MS });
        if (decision.kind === 'refused') return;
        const begun = await save(decision.next, 'begin', OWN_NAME);
        if (begun?.state.kind === 'applying') await apply(begun);
        return;
      }
      case 'applied': {
        const decision = decideUndo(change, { by: OWN_NAME, nowMs, standing: 'may', owner });
        if (decision.kind === 'refused') return;
        const begun = await save(decision.next, 'undo', OWN_NAME);
        if (begun) await undo(begun, OWN_NAME);
        return;
      }
      case 'undoing':
        if (state.owner === owner) return undo(change, state.askedBy);
        await save(
          { ...change, state: { kind: 'unknown', atMs: nowMs, during: 'undo', askedBy: state.askedBy } },
          'interrupted',
          OWN_NAME,
        );
        return;
      case 'applying':
        await save(
          { ...change, state: { kind: 'unknown', atMs: nowMs, during: 'apply', askedBy: change.proposedBy } },
          'interrupted',
          OWN_NAME,
        );
        return;
      case 'unknown': {
        const settled = await settleOn(world, change, state);
        if (settled) await finish(settled, 'settle');
        return;
      }
      case 'refused':
      case 'failed':
      case 'declined':
      case 'expired':
      case 'undone':
        return;
    }
  }

  async function apply(change: Change): Promise<void> {
    const link = fleet.link(change.host);
    if (link === null) {
      const why = { kind: 'host-away', sentence: 'it is not watched any more.' } as const;
      return finish({ ...change, state: { kind: 'failed', atMs: clock.nowMs(), why } }, 'apply');
    }
    const told = await applyOn(link, change, await auditHashOf(store, change));
    await finish(concludeApply(change, told, clock.nowMs()), 'apply');
  }

  async function undo(change: Change, askedBy: string): Promise<void> {
    const link = fleet.link(change.host);
    const boot = link === null ? null : await withNewcomers(world, link, change);
    if (link === null || boot === null) {
      const why = { kind: 'host-away', sentence: link?.state().sentence ?? 'it is not watched any more.' } as const;
      const states = change.processes.map((one) => (one.state === 'written' ? ('refused' as const) : one.state));
      const told = { processes: states, dropIn: change.dropIn === null ? null : ('refused' as const), why };
      return finish(concludeUndo(change, told, clock.nowMs(), askedBy), 'undo');
    }
    const told = await undoOn(link, boot.change, boot.bootId, await auditHashOf(store, change));
    await finish(concludeUndo(boot.change, told, clock.nowMs(), askedBy), 'undo');
  }

  async function finish(change: Change, action: string): Promise<void> {
    const saved = await save(change, `${action}: ${change.state.kind}`, OWN_NAME, await repliesFor(change));
    if (saved === null) return;
    if (saved.state.kind === 'applied' && action !== 'undo') await afterApplied(world, saved);
    if (saved.state.kind === 'undone') await endRuleOf(world, saved.id, saved.state.askedBy);
  }

  /** null: somebody was faster, and it is theirs. */
  async function save(
    next: Change,
    action: string,
    actor: string,
    replies: readonly NewDelivery[] = [],
  ): Promise<Change | null> {
    const why = 'why' in next.state ? { refusal: next.state.why.kind } : {};
    const result = await store.updateChange(next, [changeEntry(next, action, actor, clock.nowMs(), why)], replies);
    world.wake();
    return result.kind === 'saved' ? result.change : null;
  }

  /** The outcome, for the threads of its incident: on record in one step with it. */
  async function repliesFor(change: Change): Promise<NewDelivery[]> {
    const { incidentId } = change;
    const notice = incidentId === null ? null : describeChangeOutcome(change);
    if (notice === null || incidentId === null) return [];
    const posted = await store.postedOf(incidentId);
    return posted.map(({ channel }) => replyFor(incidentId, channel, { notice }, clock.nowMs()));
  }

  async function close(): Promise<void> {
    stop.abort();
    nap.abort();
    await loop;
    await queue.onIdle();
  }

  return { wake, close };
}
