import type { Incident } from '../../incident/incident.ts';
import type { LedgerRow } from '../ledger.ts';
import { openChannelMemory } from './channel-memory.ts';
import { openLedgerBook } from './ledger-book.ts';
import { openLooking } from './look.ts';
import { openRepeats } from './repeats.ts';
import { patchOf } from './row-patch.ts';
import { isSatisfied, named, needsOfChange, needsOfIncident, NO_NEEDS, type Needs } from './row-needs.ts';
import {
  backOffMs,
  planStep,
  POSTS_MAX,
  POSTS_WINDOW_MS,
  REFUSED_TRIES_MAX,
  refusedBackOffMs,
  type ChannelView,
  type Step,
} from './send-plan.ts';
import { openSteps, type Done, type Failure } from './send-steps.ts';
import type { EditAllowance, TellWorld } from './tell-world.ts';

/** While the store fails it is asked again this often: whoever waits to hear of a kill waits for it. */
const STORE_AGAIN_MS = 1_000;

export interface Destination {
  /** Sends until nothing can be sent now. Returns when to come again; null: when something new is there. Never throws. */
  run: (signal: AbortSignal) => Promise<number | null>;
  /** An incident that people must hear of; `isOnRecord`: false while it cannot be saved. */
  hand: (incident: Incident, isOnRecord: boolean) => void;
  /** Writes down what could not be written yet. */
  close: () => Promise<void>;
  /** Facts that wait for the store. */
  unwritten: () => number;
  /** Only this process knows of something that nobody was told of. */
  owes: () => boolean;
}

/**
 * One channel: what should stand there is made to stand there, one request at a time. `isMine`: false while another process serves
 * it; then only what nobody else knows is told.
 */
export function openDestination(
  destination: string,
  world: TellWorld,
  edits: EditAllowance,
  isMine: () => boolean,
): Destination {
  const { store, clock, log } = world;
  const memory = openChannelMemory(clock.nowMs);
  const book = openLedgerBook(destination, world);
  const context = { ...world, destination, book, memory, edits, repeats: openRepeats() };
  const looking = openLooking(context, isMine);
  const steps = openSteps(context);
  /** What each row needs, as long as it is as it was. */
  const needs = new Map<string, { stamp: string; needs: Needs }>();
  let isBegun = false;
  let pausedUntilMs = 0;
  let failures = 0;

  async function run(signal: AbortSignal): Promise<number | null> {
    while (!signal.aborted) {
      const nowMs = clock.nowMs();
      if (nowMs < pausedUntilMs) return pausedUntilMs;
      try {
        const again = await step();
        if (again !== 'now') return again;
      } catch (error) {
        if (!book.isFaulty()) log.error({ err: error, channel: destination }, 'A channel could not be served');
        return clock.nowMs() + STORE_AGAIN_MS;
      }
    }
    return null;
  }

  async function step(): Promise<'now' | number | null> {
    await begin();
    const rows = (await book.rows()).filter((row) => isMine() || book.isUnrecorded(row.key));
    const doubtful = looking.inDoubt(rows);
    const ripe = doubtful.filter(looking.isRipe);
    if (ripe.length > 0) return lookFor(ripe);
    const clear = rows.filter((row) => !doubtful.includes(row));
    const next = planStep(await view(clear), clock.nowMs());
    if (next.kind === 'wait') {
      const isForStore = book.unwritten() > 0 || book.isFaulty() || clear.some(({ key }) => book.isGuess(key));
      return earliest([next.untilMs, ...(isForStore || doubtful.length > 0 ? [clock.nowMs() + STORE_AGAIN_MS] : [])]);
    }
    return after(await perform(next, clear));
  }

  /** What was sent before a restart counts too. Where that cannot be read, one message may go. */
  async function begin(): Promise<void> {
    if (isBegun) return;
    isBegun = true;
    const nowMs = clock.nowMs();
    const unknown = Array.from({ length: POSTS_MAX - 1 }, () => nowMs);
    memory.begin(await book.sentSince(nowMs - POSTS_WINDOW_MS).catch(() => unknown));
  }

  async function lookFor(ripe: readonly LedgerRow[]): Promise<'now' | number> {
    const looked = await looking.look(ripe);
    if (looked.kind === 'looked') return 'now';
    if (looked.kind === 'wait') pausedUntilMs = clock.nowMs() + looked.forMs;
    else rest(looked.reason);
    return pausedUntilMs;
  }

  async function view(rows: readonly LedgerRow[]): Promise<ChannelView> {
    const announce: LedgerRow[] = [];
    const cards: string[] = [];
    const behind: ChannelView['behind'][number][] = [];
    const threads = new Map<string, number>();
    let hasNews = false;
    // What cannot be read waits for the store, and holds up nothing that is told from memory.
    const mayFail = book.isFaulty() || rows.some(({ key }) => book.isUnrecorded(key));
    for (const row of rows) {
      if (row.kind === 'news') hasNews = true;
      if (row.kind === 'reply') {
        if (row.parent?.ts != null) threads.set(row.parent.ts, 0);
        else await book.settle([patchOf(row, { doneUpTo: row.wanted })]);
      }
      if (row.kind === 'reply' || row.kind === 'news') continue;
      const need = await needsOf(row);
      if (need.announce && row.kind === 'incident') {
        if (!mayFail || (await book.ifReadable(() => book.incident(row))) !== null) announce.push(row);
      } else if (need.announce) cards.push(row.key);
      if (row.ts === null) continue;
      if (need.edit) behind.push({ key: row.key, ...memory.changeOf(row.ts) });
      const pace = row.kind === 'incident' && row.told.evidence ? memory.restsUntil(row.ts) : 0;
      if (need.thread) threads.set(row.ts, Math.min(threads.get(row.ts) ?? Infinity, pace));
    }
    for (const key of needs.keys()) if (!rows.some((row) => row.key === key)) needs.delete(key);
    for (const row of announce) memory.came(row.createdAtMs);
    return {
      ...memory.view(),
      announce: announce.map((row) => row.key),
      cards,
      behind,
      threads: [...threads].map(([ts, atMs]) => ({ ts, atMs })),
      hasNews,
      editFreeAtMs: edits.freeAtMs,
    };
  }

  /** What a message needs; one that needs nothing is settled. */
  async function needsOf(row: LedgerRow): Promise<Needs> {
    if (row.ts === null) return { ...NO_NEEDS, announce: true };
    const stamp = `${row.wanted} ${row.ts} ${row.shown} ${JSON.stringify(row.told)} ${book.isUnrecorded(row.key)}`;
    const known = needs.get(row.key);
    if (known?.stamp === stamp) return known.needs;
    const found = await book.ifReadable(() => (row.kind === 'card' ? needsOfCard(row) : needsOfKills(row)));
    // It waits for the store, and is looked at again.
    if (found === null || book.isGuess(row.key)) return NO_NEEDS;
    needs.set(row.key, { stamp, needs: found });
    return found;
  }

  async function needsOfCard(row: LedgerRow): Promise<Needs> {
    const change = await store.change(row.changeId ?? '');
    const found = change === null ? NO_NEEDS : needsOfChange(change, row);
    if (isSatisfied(found)) await book.settle([patchOf(row, { doneUpTo: row.wanted })]);
    return found;
  }

  async function needsOfKills(row: LedgerRow): Promise<Needs> {
    const incident = await book.incident(row);
    const found = incident === null ? NO_NEEDS : needsOfIncident(incident, row);
    const told = incident === null ? row.told : { ...row.told, services: named(row.told, incident) };
    // Until it is on record nothing is known to be done.
    if (isSatisfied(found) && book.isSure(row.key)) await book.settle([patchOf(row, { told, doneUpTo: row.wanted })]);
    return found;
  }

  function perform(next: Exclude<Step, { kind: 'wait' }>, rows: readonly LedgerRow[]): Promise<Done> {
    switch (next.kind) {
      case 'announce':
        return steps.announceOne(rowOf(rows, next.key));
      case 'card':
        return steps.postCard(rowOf(rows, next.key));
      case 'edit':
        return steps.edit(rowOf(rows, next.key));
      case 'summary':
        return steps.summarize(rows.filter((one) => next.keys.includes(one.key)));
      case 'thread':
        return steps.sayInThread(next.ts, inThread(rows, next.ts));
      case 'news':
        return steps.tellNews(rows.filter((one) => one.kind === 'news'));
    }
  }

  function inThread(rows: readonly LedgerRow[], ts: string): LedgerRow[] {
    return rows.filter((row) =>
      row.kind === 'reply' ? row.parent?.ts === ts : row.ts === ts && needs.get(row.key)?.needs.thread === true,
    );
  }

  async function after(done: Done): Promise<'now' | number> {
    if (done.kind === 'rest') return clock.nowMs() + STORE_AGAIN_MS;
    if (done.kind === 'settled') {
      failures = 0;
      return 'now';
    }
    await failed(done.rows, done.outcome);
    return 'now';
  }

  async function failed(rows: readonly LedgerRow[], outcome: Failure): Promise<void> {
    switch (outcome.kind) {
      case 'unknown':
        return rest(outcome.reason);
      case 'rate-limited':
        pausedUntilMs = clock.nowMs() + outcome.retryAfterMs;
        break;
      case 'unsent':
        rest(outcome.reason);
        break;
      case 'gone':
        // The thread's message was deleted: it is shown anew.
        return book.settle(rows.map((row) => patchOf(row, { attempt: null, seenOwner: null, ts: null, shown: -1 })));
      case 'refused':
        return book.settle(rows.map((row) => refused(row, outcome.reason)));
    }
    await book.settle(rows.map((row) => patchOf(row, { attempt: null, seenOwner: null })));
  }

  /** To be tried ever more rarely; at last it is set aside for an operator. */
  function refused(row: LedgerRow, reason: string) {
    const tries = row.attempts + 1;
    const isFinal = tries >= REFUSED_TRIES_MAX;
    const nowMs = clock.nowMs();
    log[isFinal ? 'error' : 'warn']({ channel: destination, reason, tries, key: row.key }, 'Slack refused a message');
    return patchOf(row, {
      attempt: null,
      seenOwner: null,
      attempts: tries,
      ...(isFinal ? { failed: { reason, atMs: nowMs } } : { notBeforeMs: nowMs + refusedBackOffMs(tries) }),
    });
  }

  function rest(reason: string): void {
    failures += 1;
    pausedUntilMs = clock.nowMs() + backOffMs(failures);
    if (failures === 1) log.warn({ channel: destination, reason }, 'Slack is unreachable; messages are waiting');
  }

  return {
    run,
    hand: book.hand,
    unwritten: book.unwritten,
    owes: book.owes,
    close: () => book.settle([]),
  };
}

function rowOf(rows: readonly LedgerRow[], key: string): LedgerRow {
  const row = rows.find((one) => one.key === key);
  if (row === undefined) throw new Error(`no row ${key} to send`);
  return row;
}

function earliest(atMs: readonly number[]): number | null {
  const first = Math.min(...atMs);
  return Number.isFinite(first) ? first : null;
}
