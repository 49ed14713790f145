import { describeChange, describeChangeOutcome } from '../../notice/change/change-notice.ts';
import type { Change } from '../../change/change.ts';
import type { Card, ChangeStore } from '../store-port.ts';
import { backOffMs, refusedBackOffMs, REFUSED_TRIES_MAX } from '../tell/delivery-plan.ts';
import type { Log } from '../ports.ts';
import type { Clock, FindOutcome, SendOutcome, Workspace } from '../ports.ts';

export interface ChangeCards {
  /** A change moved on. Cheap. */
  wake: () => void;
  close: () => Promise<void>;
}

const POLL_MS = 3_000;
const CLAIM_MS = 60_000;
const AT_ONCE = 20;
/** A little before the request: the chat's clock is not ours. */
const LOOK_BACK_MS = 60_000;
/** How long a card rests that nobody can post. */
const GIVEN_UP_MS = 6 * 60 * 60_000;

/**
 * Shows each change as one message that is edited to what is true, and tells its outcome in the thread, for ever. Before each request
 * it is noted that it is tried: what may have arrived is looked for and not repeated.
 */
export function openChangeCards(world: {
  store: ChangeStore;
  workspace: Workspace;
  clock: Clock;
  log: Log;
  owner: string;
}): ChangeCards {
  const { store, workspace, clock, log, owner } = world;
  const stop = new AbortController();
  let nap = new AbortController();
  let news = true;
  const loop = keepShowing();

  function wake(): void {
    news = true;
    nap.abort();
  }

  async function keepShowing(): Promise<void> {
    while (!stop.signal.aborted) {
      nap = new AbortController();
      news = false;
      try {
        const cards = await store.claimCards({ owner, nowMs: clock.nowMs(), ttlMs: CLAIM_MS, limit: AT_ONCE });
        for (const card of cards) {
          if (stop.signal.aborted) return;
          await show(card);
        }
      } catch (error) {
        log.error({ err: error }, 'Change cards could not be sent');
      }
      if (!news && !stop.signal.aborted) await clock.sleep(POLL_MS, nap.signal).catch(() => undefined);
    }
  }

  async function show(card: Card): Promise<void> {
    const change = await store.change(card.changeId);
    if (change === null) return;
    const looked = card.trying === null ? card : await lookFor(card);
    if (looked === null) return;
    const posted = looked.ts === null ? await post(looked, change) : await edit(looked, change);
    if (posted === null) return;
    const told = await tell(posted, change);
    if (told) await store.saveCard({ ...told, shown: change.revision, attempts: 0 }, owner);
  }

  /** What became of a request whose answer was not noted. null: not known yet. */
  async function lookFor(card: Card): Promise<Card | null> {
    const { channel, ts, trying } = card;
    const sinceMs = (card.tryingSinceMs ?? 0) - LOOK_BACK_MS;
    const threadTs = trying === 'reply' ? ts : null;
    const seen: FindOutcome = await workspace.find({ channel, threadTs, sinceMs });
    if (seen.kind === 'rate-limited') return rest(card, seen.retryAfterMs);
    if (seen.kind === 'unknown') return rest(card, backOffMs(card.attempts + 1));
    const untried = { ...card, trying: null, tryingSinceMs: null };
    if (seen.kind === 'refused') {
      log.error({ channel, reason: seen.reason }, 'Slack cannot be searched; a card may be posted twice');
      return untried;
    }
    const change = await store.change(card.changeId);
    if (trying === 'reply') {
      const isThere = change !== null && seen.byId.has(replyMark(change));
      return isThere ? { ...untried, told: outcomeOf(change) } : untried;
    }
    return { ...untried, ts: seen.byId.get(cardMark(card.changeId)) ?? null };
  }

  async function post(card: Card, change: Change): Promise<Card | null> {
    const trying = await note(card, 'post');
    if (trying === null) return null;
    const mark = { id: cardMark(change.id), also: [] };
    const outcome = await workspace.post({ channel: card.channel, notice: describeChange(change), mark });
    if (outcome.kind !== 'sent') return failed(trying, outcome);
    const posted = { ...trying, ts: outcome.ts, trying: null, tryingSinceMs: null };
    return (await store.saveCard(posted, owner)) ? posted : null;
  }

  async function edit(card: Card, change: Change): Promise<Card | null> {
    if (card.ts === null || card.shown === change.revision) return card;
    const mark = { id: cardMark(change.id), also: [] };
    // To edit twice does no harm.
    const outcome = await workspace.update({
      channel: card.channel,
      ts: card.ts,
      notice: describeChange(change),
      mark,
    });
    if (outcome.kind === 'sent') return card;
    // Somebody deleted it: the truth is shown anew.
    if (outcome.kind === 'gone') return post({ ...card, ts: null, told: null }, change);
    return failed(card, outcome);
  }

  /** The outcome in the thread, with the requester's name, once. */
  async function tell(card: Card, change: Change): Promise<Card | null> {
    const notice = describeChangeOutcome(change);
    if (notice === null || card.ts === null || card.told === outcomeOf(change)) return card;
    const trying = await note(card, 'reply');
    if (trying === null) return null;
    const mark = { id: replyMark(change), also: [] };
    const outcome = await workspace.reply({ channel: card.channel, threadTs: card.ts, notice, mark });
    if (outcome.kind !== 'sent' && outcome.kind !== 'gone') return failed(trying, outcome);
    return { ...trying, told: outcomeOf(change), trying: null, tryingSinceMs: null };
  }

  async function note(card: Card, what: 'post' | 'reply'): Promise<Card | null> {
    const trying = { ...card, trying: what, tryingSinceMs: clock.nowMs() };
    return (await store.saveCard(trying, owner)) ? trying : null;
  }

  async function failed(card: Card, outcome: Exclude<SendOutcome, { kind: 'sent' }>): Promise<null> {
    const untried = { ...card, trying: null, tryingSinceMs: null };
    const attempts = card.attempts + 1;
    switch (outcome.kind) {
      case 'rate-limited':
        return rest(untried, outcome.retryAfterMs);
      case 'unsent':
        return rest({ ...untried, attempts }, backOffMs(attempts));
      case 'unknown':
        return rest({ ...card, attempts }, backOffMs(attempts));
      case 'gone':
      case 'refused': {
        const reason = outcome.kind === 'gone' ? 'message not found' : outcome.reason;
        log.warn({ channel: card.channel, change: card.changeId, reason }, 'Slack refused a card');
        return rest({ ...untried, attempts }, attempts > REFUSED_TRIES_MAX ? GIVEN_UP_MS : refusedBackOffMs(attempts));
      }
    }
  }

  async function rest(card: Card, forMs: number): Promise<null> {
    await store.saveCard({ ...card, notBeforeMs: clock.nowMs() + forMs }, owner);
    return null;
  }

  async function close(): Promise<void> {
    stop.abort();
    nap.abort();
    await loop;
  }

  return { wake, close };
}

function cardMark(changeId: string): string {
  return `change-${changeId}`;
}

/** Undone after applied is another outcome; so is a second one after a try that failed. */
function outcomeOf({ state }: Change): string {
  return state.kind === 'applied' && state.undoFailed !== null ? `not undone: ${state.undoFailed.kind}` : state.kind;
}

function replyMark(change: Change): string {
  return `change-${change.id}-${outcomeOf(change)}`;
}
