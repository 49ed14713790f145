import type { Change, ChangedProcess, ProcessState } from './change.ts';
import { isFailure, type ChangeRefusal } from './refusal.ts';

/** What the helper, or a look at the host, said of each part; in the order of `change.processes`. */
export interface Told {
  processes: ProcessState[];
  dropIn: ProcessState | null;
  /** The first reason for a no. */
  why: ChangeRefusal | null;
}

/** A way back that could not be gone is tried again: soon where the host was away, seldom where it said no. */
const RETRY_AWAY_MS = 30_000;
const RETRY_MS = 10 * 60_000;

/** What an attempt to apply came to. Only what was read back everywhere is `applied`. */
export function concludeApply(change: Change, told: Told, nowMs: number): Change {
  const { next, states } = withStates(change, told);
  const askedBy = change.proposedBy;
  if (states.includes('unknown')) return { ...next, state: { kind: 'unknown', atMs: nowMs, during: 'apply', askedBy } };
  const left = states.filter((state) => state !== 'gone');
  const isWritten = left.length > 0 && left.every((state) => state === 'written');
  if (isWritten && !processesGone(next)) {
    const untilMs = change.forMs === null ? null : nowMs + change.forMs;
    return { ...next, state: { kind: 'applied', atMs: nowMs, untilMs, undoFailed: null, tryAgainAtMs: 0 } };
  }
  const why = told.why ?? { kind: 'process-gone' };
  return { ...next, state: { kind: isFailure(why) ? 'failed' : 'refused', atMs: nowMs, why } };
}

/** What an attempt to undo came to. A part that could not be put back leaves it applied, to be tried again. */
export function concludeUndo(change: Change, told: Told, nowMs: number, askedBy: string): Change {
  const { next, states } = withStates(change, told);
  if (states.includes('unknown')) return { ...next, state: { kind: 'unknown', atMs: nowMs, during: 'undo', askedBy } };
  if (states.every((state) => state !== 'written' && state !== 'refused'))
    return { ...next, state: { kind: 'undone', atMs: nowMs, askedBy } };
  // It is in force as before: what was refused is still written.
  const processes = next.processes.map((one) =>
    one.state === 'refused' ? { ...one, state: 'written' as const } : one,
  );
  const dropIn = next.dropIn?.state === 'refused' ? { ...next.dropIn, state: 'written' as const } : next.dropIn;
  const undoFailed = told.why ?? { kind: 'not-written' };
  return {
    ...next,
    processes,
    dropIn,
    state: {
      kind: 'applied',
      atMs: nowMs,
      untilMs: nowMs,
      undoFailed,
      tryAgainAtMs: nowMs + (undoFailed.kind === 'host-away' ? RETRY_AWAY_MS : RETRY_MS),
    },
  };
}

/** A process as a look at the host found it now; null: it is gone (or its boot is). */
export type SeenValue = number | null;

/**
 * What a look at the host says of an attempt whose answer was lost. `from` seen soon after may still become `to`: the request can be on
 * its way, so the caller waits before it looks.
 */
export function settleBySight(
  processes: readonly ChangedProcess[],
  seen: readonly SeenValue[],
  during: 'apply' | 'undo',
): ProcessState[] {
  return processes.map((one, at) => {
    const value = seen[at] ?? null;
    if (one.state === 'gone' || value === null) return 'gone';
    if (during === 'apply') {
      if (value === one.to) return 'written';
      return value === one.from ? 'refused' : 'left';
    }
    if (value === one.from) return 'restored';
    return value === one.to ? 'written' : 'left';
  });
}

function withStates(change: Change, told: Told): { next: Change; states: ProcessState[] } {
  const processes = change.processes.map((one, at) => ({ ...one, state: told.processes[at] ?? one.state }));
  const dropIn = change.dropIn === null ? null : { ...change.dropIn, state: told.dropIn ?? change.dropIn.state };
  const states = [...processes.map((one) => one.state), ...(dropIn === null ? [] : [dropIn.state])];
  return { next: { ...change, processes, dropIn }, states };
}

/** A drop-in alone protects nobody who lives now, unless the unit had no process to begin with. */
function processesGone({ processes }: Change): boolean {
  return processes.length > 0 && processes.every((one) => one.state === 'gone');
}
