import type { Incident } from '../../incident/incident.ts';
import { NOTHING_TOLD, type LedgerPatch, type LedgerRow, type PatchResult } from '../ledger.ts';
import type { NewDelivery } from '../ports.ts';
import { withTimeout } from '../with-timeout.ts';
import type { TellWorld } from './tell-world.ts';

/** What one destination's ledger holds, also while the store fails: what could not be written is known here and written later. */
export interface LedgerBook {
  /** What is to be done or is in doubt now. Never throws: while the store cannot be read, what is known. */
  rows: () => Promise<LedgerRow[]>;
  /** Writes before a request. `taken`: somebody else sends it now; `failed`: it is not written. */
  note: (patches: readonly LedgerPatch[]) => Promise<PatchResult | 'failed'>;
  /** Notes what is so; while that cannot be written it is kept and written later. */
  settle: (patches: readonly LedgerPatch[], more?: readonly NewDelivery[]) => Promise<void>;
  /** When messages were sent there since then. Throws when the store fails. */
  sentSince: (sinceMs: number) => Promise<number[]>;
  /** The incident of a row, from what the watch handed over or from the store. null: gone. Throws when it cannot be read. */
  incident: (row: LedgerRow) => Promise<Incident | null>;
  /** What `read` gives; null: it cannot be read while the store fails, and must not hold up what nobody heard of. */
  ifReadable: <T>(read: () => Promise<T>) => Promise<T | null>;
  /** An incident that people must hear of, as it is now. `isOnRecord`: false while it could not be saved. */
  hand: (incident: Incident, isOnRecord: boolean) => void;
  /** Told, or to be told, and not on record as far as is known. */
  isUnrecorded: (key: string) => boolean;
  /** What was said of its incident may be older than what is wanted: it came from memory, or the store was read before it was saved. */
  isGuess: (key: string) => boolean;
  /** Its incident was read from the record: what is shown of it may be the last word. */
  isSure: (key: string) => boolean;
  /** The store failed lately. */
  isFaulty: () => boolean;
  /** What waits for the store: nothing when all is written. */
  unwritten: () => number;
  /** Something that is not on record was told nobody yet. */
  owes: () => boolean;
}

/** A store that takes longer is as good as none: what people must hear goes on. */
const STORE_WITHIN_MS = 3_000;
/** What the watch handed over is of use while the store does not answer. */
const HANDED_FOR_MS = 30 * 60_000;
const HANDED_MAX = 2_000;
/** What was told but never came on record: its kills were placed otherwise. */
const UNWRITTEN_FOR_MS = 24 * 60 * 60_000;
const UNWRITTEN_MAX = 5_000;
/** Clocks differ. */
const LOOK_BACK_MS = 60_000;

interface Handed {
  incident: Incident;
  atMs: number;
  isOnRecord: boolean;
}

/** An empty book of one destination. */
export function openLedgerBook(destination: string, world: TellWorld): LedgerBook {
  const { store, clock, log, owner } = world;
  const pending = new Map<string, { patch: LedgerPatch; sinceMs: number }>();
  let asked: NewDelivery[] = [];
  /** Told by this process, the newest of them. */
  const told = new Set<string>();
  /** Told, and not on record yet. */
  const unrecorded = new Set<string>();
  const handed = new Map<string, Handed>();
  /** Those whose incident was a guess when it was last asked for. */
  const guessed = new Set<string>();
  let known = new Map<string, LedgerRow>();
  let isFaulty = false;
  /** An incident could not be read since the rows were: the next one is not waited for as long. */
  let isUnread = false;
  const openedAtMs = clock.nowMs();

  /** Throws when the store fails or takes too long. */
  async function ask<T>(what: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const done = await withTimeout(clock, STORE_WITHIN_MS, what);
    if (done.kind === 'late') throw new Error('the store did not answer in time');
    return done.value;
  }

  /** One after the other, also after one that took too long: what it writes at last must not undo what is newer. */
  let lastWrite: Promise<unknown> = Promise.resolve();
  async function write(patches: readonly LedgerPatch[], more: readonly NewDelivery[] = []): Promise<PatchResult[]> {
    return ask(async (signal) => {
      await lastWrite;
      signal.throwIfAborted();
      const written = store.saveLedger(owner, clock.nowMs(), patches, more);
      lastWrite = written.catch(() => undefined);
      return written;
    });
  }

  function failed(error: unknown): void {
    if (!isFaulty) log.error({ err: error, channel: destination }, 'The ledger cannot be read or written');
    isFaulty = true;
  }

  async function rows(): Promise<LedgerRow[]> {
    isUnread = false;
    const isWritten = await attempted(flush);
    const isRead = await attempted(async () => {
      const loaded = await ask(() => store.ledger(destination, clock.nowMs()));
      known = new Map(loaded.map((row) => [row.key, row]));
      for (const { patch } of pending.values()) apply(patch);
      for (const { key } of loaded) recorded(key);
      forgetOld();
    });
    giveUpOld();
    isFaulty = !isWritten || !isRead;
    const fromMemory = [...handed].filter(
      // What was told and is written down may have gone from `known` since.
      ([key, one]) => !known.has(key) && (!one.isOnRecord || isFaulty) && (!told.has(key) || pending.has(key)),
    );
    for (const [key, one] of fromMemory) {
      known.set(key, rowOf(key, one));
      const patch = pending.get(key)?.patch;
      if (patch) apply(patch);
    }
    for (const key of guessed) if (!known.has(key)) guessed.delete(key);
    return [...known.values()];
  }

  /** False: it failed, which is logged once. */
  async function attempted(what: () => Promise<void>): Promise<boolean> {
    try {
      await what();
      return true;
    } catch (error) {
      failed(error);
      return false;
    }
  }

  /** What is known of a row after this. */
  function apply(patch: LedgerPatch): void {
    const row = known.get(patch.key);
    if (row === undefined) return;
    const isDone = patch.failed !== null || (patch.doneUpTo !== null && row.wanted <= patch.doneUpTo);
    if (isDone || (patch.attempt === null && patch.notBeforeMs > clock.nowMs())) {
      known.delete(patch.key);
      return;
    }
    const { ts, shown, told, attempt, attempts, notBeforeMs } = patch;
    known.set(patch.key, { ...row, ts, shown, told, attempt, attempts, notBeforeMs });
  }

  function recorded(key: string): void {
    unrecorded.delete(key);
    const one = handed.get(key);
    if (one) one.isOnRecord = true;
  }

  function rowOf(key: string, { atMs, incident }: Handed): LedgerRow {
    // A process before this one may have told of it and not written that down.
    const sinceMs = incident.firstAtMs - LOOK_BACK_MS;
    const mayBeTold = incident.firstAtMs < openedAtMs;
    const attempt = mayBeTold ? { owner: '', mark: key, threadTs: null, sinceMs, after: null } : null;
    return {
      destination,
      key,
      kind: 'incident',
      incidentId: key,
      changeId: null,
      body: null,
      wanted: 1,
      ts: null,
      shown: -1,
      told: NOTHING_TOLD,
      attempt,
      attempts: 0,
      notBeforeMs: 0,
      createdAtMs: atMs,
      parent: null,
    };
  }

  /** What is on record is read from there once the store answers. */
  function forgetOld(): void {
    const nowMs = clock.nowMs();
    for (const [key, one] of handed)
      if ((one.isOnRecord && !known.has(key)) || nowMs - one.atMs > HANDED_FOR_MS) handed.delete(key);
  }

  /** Also while the store fails: what waits for it must not grow for ever. */
  function giveUpOld(): void {
    for (const [key, one] of pending)
      if (clock.nowMs() - one.sinceMs > UNWRITTEN_FOR_MS || pending.size > UNWRITTEN_MAX) giveUp(key);
  }

  /** It never came on record, and replies to it never can. */
  function giveUp(key: string): void {
    pending.delete(key);
    unrecorded.delete(key);
    asked = asked.filter((one) => one.incidentId !== key);
  }

  async function flush(): Promise<void> {
    if (pending.size + asked.length === 0) return;
    const patches = [...pending.values()].map(({ patch }) => patch);
    // A reply needs its incident on record.
    const more = asked.filter((one) => !unrecorded.has(one.incidentId));
    const results = await write(patches, more);
    asked = asked.filter((one) => !more.includes(one));
    for (const [at, patch] of patches.entries()) {
      if (results[at] === 'missing' || pending.get(patch.key)?.patch !== patch) continue;
      pending.delete(patch.key);
      recorded(patch.key);
    }
  }

  async function note(patches: readonly LedgerPatch[]): Promise<PatchResult | 'failed'> {
    try {
      const results = await write(patches);
      for (const [at, { key }] of patches.entries()) if (results[at] !== 'missing') recorded(key);
      if (results.includes('taken')) return 'taken';
      return results.includes('missing') ? 'missing' : 'saved';
    } catch (error) {
      failed(error);
      return 'failed';
    }
  }

  async function settle(patches: readonly LedgerPatch[], more: readonly NewDelivery[] = []): Promise<void> {
    for (const patch of patches) {
      // What the record shows until then is what was seen before the first of those that wait.
      const seenTs = pending.get(patch.key)?.patch.seenTs ?? patch.seenTs;
      pending.set(patch.key, { patch: { ...patch, seenTs }, sinceMs: clock.nowMs() });
      apply(patch);
      // From here on the ledger, or what waits for it, knows where it stands.
      if (patch.ts === null) continue;
      if (handed.get(patch.key)?.isOnRecord === false) unrecorded.add(patch.key);
      handed.delete(patch.key);
      told.add(patch.key);
      const [oldest] = told;
      if (told.size > UNWRITTEN_MAX && oldest !== undefined) told.delete(oldest);
    }
    asked = [...asked, ...more].slice(-UNWRITTEN_MAX);
    await attempted(flush);
  }

  async function incident(row: LedgerRow): Promise<Incident | null> {
    const one = handed.get(row.key);
    const wasUnrecorded = isUnrecorded(row.key);
    guessed.delete(row.key);
    // On record when it was handed over, and nothing was asked since.
    const isCurrent = one !== undefined && one.incident.revision > 0 && row.wanted <= 1;
    if (one && (!one.isOnRecord || isCurrent)) return one.incident;
    if (isUnread) {
      if (one === undefined) throw new Error('the store did not answer just now');
      guessed.add(row.key);
      return one.incident;
    }
    try {
      const found = await ask(() => store.incident(row.key));
      if (found !== null) recorded(row.key);
      else if (wasUnrecorded) guessed.add(row.key);
      return found;
    } catch (error) {
      failed(error);
      isUnread = true;
      if (one === undefined) throw error;
      guessed.add(row.key);
      return one.incident;
    }
  }

  async function ifReadable<T>(read: () => Promise<T>): Promise<T | null> {
    try {
      return await read();
    } catch (error) {
      if (isFaulty) return null;
      throw error;
    }
  }

  function isUnrecorded(key: string): boolean {
    return unrecorded.has(key) || handed.get(key)?.isOnRecord === false;
  }

  return {
    rows,
    sentSince: (sinceMs) => ask(() => store.sentSince(destination, sinceMs)),
    note,
    settle,
    incident,
    ifReadable,
    hand: (incident, isOnRecord) => {
      if (isOnRecord) recorded(incident.id);
      // What was told and is written needs no help; a save may have succeeded meanwhile.
      if (told.has(incident.id) && !pending.has(incident.id)) return;
      handed.delete(incident.id);
      handed.set(incident.id, { incident, isOnRecord, atMs: clock.nowMs() });
      const oldest = handed.keys().next();
      if (handed.size > HANDED_MAX && !oldest.done) handed.delete(oldest.value);
    },
    isUnrecorded,
    isGuess: (key) => guessed.has(key),
    isSure: (key) => !isUnrecorded(key) && !guessed.has(key),
    isFaulty: () => isFaulty,
    unwritten: () => pending.size + asked.length,
    owes: () => [...handed].some(([key, { isOnRecord }]) => !isOnRecord && !told.has(key)),
  };
}
