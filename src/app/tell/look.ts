import { NOTHING_TOLD, type LedgerPatch, type LedgerRow } from '../ledger.ts';
import { POSTS_WINDOW_MS, SUMMARY_MAX } from './send-plan.ts';
import { linesOf, patchOf } from './row-patch.ts';
import type { ChannelContext } from './send-steps.ts';

/** A request of another process may still be on its way for so long. */
const ON_ITS_WAY_MS = 3_000;
/** The chat's clock is not ours, and what waited since before may have been sent at any time. */
const LOOK_BACK_MS = 10 * 60_000;
/** What another process may tell as well is looked for again when it was not sent within this. */
const SOUGHT_FOR_MS = 3_000;
const SOUGHT_MAX = 5_000;
/** A chat that will not be searched does not block its channel for ever. */
const REFUSED_MAX = 2;
/** Half an hour of searches without an answer. */
const FAILED_MAX = 60;
/** Nobody may have heard of what only this process knows: it is told sooner. */
const FAILED_UNRECORDED_MAX = 3;

export type Looked = { kind: 'looked' } | { kind: 'rest'; reason: string } | { kind: 'wait'; forMs: number };

export interface Looking {
  /** Rows whose message may have arrived, or that a process before this one may have told without writing it down. */
  inDoubt: (rows: readonly LedgerRow[]) => LedgerRow[];
  /** False: a request of another process may be under way; look a little later. */
  isRipe: (row: LedgerRow) => boolean;
  /** Finds out what became of doubtful messages of one place before any of them is repeated. */
  look: (doubtful: readonly LedgerRow[]) => Promise<Looked>;
}

/** Searches one channel for what may have been sent there. `isMine`: false while another process may serve it. */
export function openLooking(context: ChannelContext, isMine: () => boolean): Looking {
  const { destination, book, memory, repeats, workspace, clock, log, owner } = context;
  const openedAtMs = clock.nowMs();
  /** When rows were looked for last and not found. */
  const soughtAtMs = new Map<string, number>();
  let refused = 0;
  let failed = 0;

  function inDoubt(rows: readonly LedgerRow[]): LedgerRow[] {
    return rows.filter((row) => row.attempt !== null || (row.kind === 'incident' && row.ts === null && mayBeTold(row)));
  }

  function mayBeTold({ key, createdAtMs }: LedgerRow): boolean {
    const soughtMs = soughtAtMs.get(key);
    // Another process that reaches the record may tell it at any moment.
    if (!isMine() && book.isUnrecorded(key)) return clock.nowMs() - (soughtMs ?? -Infinity) >= SOUGHT_FOR_MS;
    return createdAtMs < openedAtMs && soughtMs === undefined;
  }

  function isRipe({ attempt }: LedgerRow): boolean {
    if (attempt === null || attempt.owner === owner || attempt.owner === '') return true;
    const ageMs = clock.nowMs() - attempt.sinceMs;
    return ageMs >= ON_ITS_WAY_MS || ageMs < 0;
  }

  async function look(doubtful: readonly LedgerRow[]): Promise<Looked> {
    const threadTs = doubtful[0]?.attempt?.threadTs ?? null;
    const here = doubtful.filter((row) => (row.attempt?.threadTs ?? null) === threadTs);
    const sinceMs = Math.min(...here.map((row) => row.attempt?.sinceMs ?? row.createdAtMs)) - LOOK_BACK_MS;
    const seen = await workspace.find({ channel: destination, threadTs, sinceMs });
    switch (seen.kind) {
      case 'looked':
        [refused, failed] = [0, 0];
        await settle(here, seen.byId);
        return { kind: 'looked' };
      case 'rate-limited':
        return { kind: 'wait', forMs: seen.retryAfterMs };
      case 'unknown':
        failed += 1;
        if (failed >= FAILED_MAX) break;
        if (failed >= FAILED_UNRECORDED_MAX) return giveUp(here.filter(isUntried), seen.reason);
        return { kind: 'rest', reason: seen.reason };
      case 'refused':
        refused += 1;
        if (refused < REFUSED_MAX) return { kind: 'rest', reason: seen.reason };
    }
    return giveUp(here, seen.reason);
  }

  /** Nobody but this process may know of it, and no request of it is in doubt. */
  function isUntried({ key, attempt }: LedgerRow): boolean {
    return book.isUnrecorded(key) && (attempt === null || attempt.after === null);
  }

  /** These are told although they may have been told before, and say so; when there are none, the search is tried again. */
  async function giveUp(rows: readonly LedgerRow[], reason: string): Promise<Looked> {
    if (rows.length === 0) return { kind: 'rest', reason };
    log.error({ channel: destination, reason }, 'Slack cannot be searched; a message may be posted twice');
    repeats.note(rows.map(markOf));
    await settle(rows, new Map());
    return { kind: 'looked' };
  }

  async function settle(here: readonly LedgerRow[], byId: ReadonlyMap<string, string>): Promise<void> {
    const found = here.flatMap((row) => {
      const ts = byId.get(markOf(row));
      return ts === undefined ? [] : [{ row, ts }];
    });
    for (const { row } of found)
      log.info(
        { channel: destination, key: row.key },
        'A message that might not have been sent did arrive; not repeated',
      );
    // What nobody noted counts against the allowance all the same; attempts were counted by whoever made or read them.
    const unnoted = found.filter(({ row }) => !row.attempt?.owner).map(({ ts }) => Number(ts) * 1_000);
    memory.begin([...new Set(unnoted)].filter((atMs) => atMs > clock.nowMs() - POSTS_WINDOW_MS));
    const lost = here.filter((row) => !found.some((one) => one.row === row));
    for (const row of lost) {
      soughtAtMs.delete(row.key);
      soughtAtMs.set(row.key, clock.nowMs());
    }
    for (const oldest of soughtAtMs.keys()) if (soughtAtMs.size > SOUGHT_MAX) soughtAtMs.delete(oldest);
    const summaries = Map.groupBy(
      found.filter(({ row }) => row.kind === 'incident' && row.ts === null),
      ({ ts }) => ts,
    );
    await book.settle(
      [...lost.map((row) => patchOf(row, { attempt: null })), ...found.map(({ row, ts }) => arrived(row, ts, byId))],
      // The summary may have been sent, and its thread not.
      [...summaries.values()].flatMap((members) =>
        members.length < 2
          ? []
          : linesOf(
              destination,
              members.map(({ row }) => row.key),
              clock.nowMs(),
            ),
      ),
    );
  }

  function arrived(row: LedgerRow, ts: string, byId: ReadonlyMap<string, string>): LedgerPatch {
    const after = row.attempt?.after ?? null;
    if (after !== null)
      return patchOf(row, {
        attempt: null,
        told: after.told,
        ts: after.isMessage ? ts : row.ts,
        // What it shows may be older than what is known: it is edited.
        shown: after.isMessage ? -1 : row.shown,
        doneUpTo: after.isDone ? row.wanted : null,
        sentAtMs: clock.nowMs(),
      });
    const others = [...byId.values()].filter((one) => one === ts).length;
    const told = {
      ...NOTHING_TOLD,
      alone: others < 2,
      announcedAtMs: row.createdAtMs,
      kills: 1,
      evidence: others >= 2,
    };
    return patchOf(row, { attempt: null, ts, shown: -1, told, sentAtMs: clock.nowMs() });
  }

  return {
    inDoubt: (rows) => inDoubt(rows).slice(0, SUMMARY_MAX * 4),
    isRipe,
    look,
  };
}

/** What the message that may have arrived carries. */
function markOf({ attempt, key }: LedgerRow): string {
  return attempt?.mark ?? key;
}
