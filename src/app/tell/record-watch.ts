import { describeRecordBack, describeRecordFault } from '../../notice/answer/record-notice.ts';
import { newsFor } from '../deliveries.ts';
import type { Clock, Log, Workspace } from '../ports.ts';
import type { LedgerStore } from '../ledger.ts';
import type { RecordStore } from '../store-port.ts';
import { withTimeout } from '../with-timeout.ts';

/** Since when, and why, the record takes nothing. */
export interface RecordFault {
  sinceMs: number;
  sentence: string;
}

export interface RecordWatchWorld {
  store: RecordStore & Pick<LedgerStore, 'enqueue'>;
  workspace: Pick<Workspace, 'post' | 'find'>;
  clock: Clock;
  log: Log;
  /** Where people hear of it. */
  channel: () => string;
  killsWaiting: () => number;
  /** The record takes writes again. */
  onBack: () => void;
}

export interface RecordWatch {
  /** Tries to write something, unless that was tried just now. null: it can be written. Never throws. */
  fault: () => Promise<RecordFault | null>;
  close: () => Promise<void>;
}

const WELL_EVERY_MS = 30_000;
const FAULT_EVERY_MS = 5_000;
/** Several who ask at once are answered by one try. */
const FRESH_MS = 2_000;
const BEAT_WITHIN_MS = 6_000;
/** It is over when nothing was refused for so long. */
const STEADY_MS = 8_000;
/** A fault of less is nobody's business. */
const TELL_AFTER_MS = 120_000;
const TELL_AGAIN_MS = 15_000;
/** Ten minutes of tries, then the log and /healthz must do. */
const TELL_TRIES_MAX = 40;
const REQUEST_WITHIN_MS = 30_000;
/** Of several processes on one record the first one tells: they notice one fault within this. */
const SAME_FAULT_MS = 90_000;
const KEY = 'record-fault-';
/** As the ledger names news under that key. */
const MARK = `news-${KEY}`;

/**
 * Finds out whether the record can be written: by writing, and by what was refused elsewhere. Says so in the log once and, when it lasts,
 * in a channel once: from memory, under a mark by which the ledger finds the message when it can be read again. For ever.
 */
export function openRecordWatch(world: RecordWatchWorld): RecordWatch {
  const { store, workspace, clock, log } = world;
  const stop = new AbortController();
  let fault: RecordFault | null = null;
  let wellSinceMs: number | null = null;
  let triedAtMs = -Infinity;
  let underWay: Promise<void> | null = null;
  let tries = 0;
  let toldIn: string | null = null;
  const loop = keepLooking();

  async function keepLooking(): Promise<void> {
    while (!stop.signal.aborted) {
      await look();
      if (fault !== null) await tellIfItLasts(fault);
      await clock.sleep(fault === null ? WELL_EVERY_MS : FAULT_EVERY_MS, stop.signal).catch(() => undefined);
    }
  }

  function look(): Promise<void> {
    if (clock.nowMs() - triedAtMs < FRESH_MS) return underWay ?? Promise.resolve();
    triedAtMs = clock.nowMs();
    underWay = tryOnce().finally(() => (underWay = null));
    return underWay;
  }

  async function tryOnce(): Promise<void> {
    const sentence = await beat();
    const nowMs = clock.nowMs();
    if (sentence !== null) {
      wellSinceMs = null;
      if (fault === null) log.error({ reason: sentence }, 'The record cannot be written; kills are told from memory');
      fault = { sinceMs: fault?.sinceMs ?? nowMs, sentence };
      return;
    }
    wellSinceMs ??= nowMs;
    if (fault !== null && nowMs - wellSinceMs >= STEADY_MS) await back(fault);
  }

  /** null: it was written, and nothing was refused since the last time. */
  async function beat(): Promise<string | null> {
    try {
      const beaten = await withTimeout(clock, BEAT_WITHIN_MS, () => store.beat(clock.nowMs()));
      const refused = store.takeRefusal();
      return beaten.kind === 'late' ? 'The database does not answer.' : refused;
    } catch (error) {
      store.takeRefusal();
      return error instanceof Error ? error.message : String(error);
    }
  }

  async function back(was: RecordFault): Promise<void> {
    if (toldIn !== null) {
      const notice = describeRecordBack(was, clock.nowMs());
      const news = newsFor(toldIn, { key: keyOf(was), notice }, clock.nowMs());
      try {
        // What it finds under that mark is edited; nothing is told again.
        await store.enqueue([{ ...news, lookSinceMs: was.sinceMs }]);
      } catch {
        return; // It was not over: the next try says so, or comes here again.
      }
    }
    log.info({ sinceMs: was.sinceMs }, 'The record can be written again');
    [fault, toldIn, tries] = [null, null, 0];
    world.onBack();
  }

  async function tellIfItLasts(now: RecordFault): Promise<void> {
    const nowMs = clock.nowMs();
    const dueAtMs = now.sinceMs + TELL_AFTER_MS + tries * TELL_AGAIN_MS;
    if (toldIn !== null || nowMs < dueAtMs || tries >= TELL_TRIES_MAX) return;
    tries += 1;
    const channel = world.channel();
    const stands = await standsIn(channel, now);
    if (stands === 'ours') toldIn = channel;
    if (stands === 'none' && (await post(channel, now))) toldIn = channel;
    if (stands === 'others') tries = TELL_TRIES_MAX;
  }

  /** Looked for first: a request without an answer may have arrived. */
  async function standsIn(channel: string, { sinceMs }: RecordFault): Promise<'ours' | 'others' | 'none' | 'unknown'> {
    const looked = await withTimeout(clock, REQUEST_WITHIN_MS, () =>
      workspace.find({ channel, threadTs: null, sinceMs: sinceMs - SAME_FAULT_MS }),
    );
    const found = looked.kind === 'done' ? looked.value : null;
    if (found?.kind === 'looked') {
      if (found.byId.has(markOf({ sinceMs }))) return 'ours';
      const others = [...found.byId.keys()].flatMap((id) => (id.startsWith(MARK) ? Number(id.slice(MARK.length)) : []));
      return others.some((atMs) => Math.abs(atMs - sinceMs) <= SAME_FAULT_MS) ? 'others' : 'none';
    }
    // Where nobody may search, the first try is the only one.
    return found?.kind === 'refused' && tries === 1 ? 'none' : 'unknown';
  }

  async function post(channel: string, now: RecordFault): Promise<boolean> {
    const notice = describeRecordFault(now, world.killsWaiting());
    const done = await withTimeout(clock, REQUEST_WITHIN_MS, () =>
      workspace.post({ channel, notice, mark: { id: markOf(now), also: [] } }),
    );
    return done.kind === 'done' && done.value.kind === 'sent';
  }

  return {
    fault: async () => {
      await look();
      return fault;
    },
    close: async () => {
      stop.abort();
      await loop;
    },
  };
}

function keyOf({ sinceMs }: Pick<RecordFault, 'sinceMs'>): string {
  return `${KEY}${sinceMs}`;
}

function markOf(fault: Pick<RecordFault, 'sinceMs'>): string {
  return `${MARK}${fault.sinceMs}`;
}
