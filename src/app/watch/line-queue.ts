import type { LogBatch, LogGap } from '../host-link.ts';
import type { Position } from '../ports.ts';
import type { Turns } from './turns.ts';

/** Lines handled between two looks at the clock. */
const SLICE_LINES = 16;

export interface LineQueue {
  /** Lines as they arrive: handled in the same turn while nothing waits and for a few milliseconds at most, the rest in turn. */
  add: (batch: LogBatch) => void;
  /** A place to store behind the lines that came before it. */
  addPosition: (position: Position) => void;
  /** null: read on. Else so much waits that reading is to rest until this resolves. */
  hold: () => Promise<void> | null;
  /** Resolves when nothing waits, or at once when closed. */
  drained: () => Promise<void>;
  isEmpty: () => boolean;
  /** What waits is dropped: it was not stored, and is read again. */
  close: () => void;
}

export interface LineQueueWorld {
  turns: Turns;
  /** Lines at which it throws twice are passed over: they are met again after every restart, and must end nothing. */
  onLines: (batch: LogBatch) => void;
  onGap: (gap: LogGap) => void;
  onPosition: (position: Position) => void;
  /** null: more lines may be handled. Else they wait until this resolves. */
  room: () => Promise<void> | null;
}

type Item = { batch: LogBatch; from: number } | { position: Position };

/** Between a host's log and its record: holds a bounded number of bytes, and takes a bounded share of the event loop. */
export function openLineQueue({ turns, onLines, onGap, onPosition, room }: LineQueueWorld): LineQueue {
  const items: Item[] = [];
  let bytes = 0;
  let isWorking = false;
  let isClosed = false;
  let waiters: (() => void)[] = [];

  function add(batch: LogBatch): void {
    if (isClosed || batch.lines.length === 0) return;
    const item = { batch, from: 0 };
    items.push(item);
    count(bytesOf(batch));
    if (items.length === 1 && !isWorking) work();
  }

  function addPosition(position: Position): void {
    if (isClosed) return;
    if (items.length === 0) onPosition(position);
    else items.push({ position });
  }

  function count(more: number): void {
    bytes += more;
    turns.waits(more);
  }

  /** Begins in this turn, goes on in later ones. */
  function work(): void {
    isWorking = step();
    if (isWorking) turns.share(step);
  }

  /** False: nothing is to be done any more, or there is no room now. */
  function step(): boolean {
    const endMs = turns.endMs();
    for (;;) {
      const [item] = items;
      if (item === undefined) return rest();
      const full = room();
      if (full !== null) {
        isWorking = false;
        void full.then(() => {
          if (!isWorking && items.length > 0) work();
        });
        return false;
      }
      if ('position' in item) {
        items.shift();
        onPosition(item.position);
      } else {
        const { batch, from } = item;
        const to = Math.min(from + SLICE_LINES, batch.lines.length);
        const slice = sliceOf(batch, from, to);
        item.from = to;
        if (to === batch.lines.length) items.shift();
        count(-bytesOf(slice));
        handOn(slice);
      }
      if (turns.isOver(endMs)) {
        wakeReaders();
        return items.length > 0 || rest();
      }
    }
  }

  function handOn(slice: LogBatch): void {
    try {
      onLines(slice);
    } catch {
      const faults = slice.lines.flatMap((_, at) => faultOf(sliceOf(slice, at, at + 1)));
      if (faults.length === 0) return;
      const what = `Lines of ${slice.source} could not be parsed and were skipped (a bug in oombot)`;
      onGap({ source: slice.source, lost: faults.length, sentence: `${what}: ${(faults[0] ?? '').slice(0, 200)}.` });
    }
  }

  function faultOf(one: LogBatch): string[] {
    try {
      onLines(one);
      return [];
    } catch (error) {
      return [error instanceof Error ? error.message : String(error)];
    }
  }

  function rest(): false {
    isWorking = false;
    wakeReaders();
    return false;
  }

  function wakeReaders(): void {
    if (items.length > 0 && bytes > turns.allowance() / 2) return;
    const ready = waiters;
    waiters = [];
    for (const wake of ready) wake();
  }

  return {
    add,
    addPosition,
    hold: () => (isClosed || bytes <= turns.allowance() ? null : new Promise((resolve) => waiters.push(resolve))),
    drained: async () => {
      while (items.length > 0) await new Promise<void>((resolve) => waiters.push(resolve));
    },
    isEmpty: () => items.length === 0,
    close: () => {
      isClosed = true;
      items.length = 0;
      count(-bytes);
      wakeReaders();
    },
  };
}

function sliceOf(batch: LogBatch, from: number, to: number): LogBatch {
  if (from === 0 && to === batch.lines.length) return batch;
  return { ...batch, lines: batch.lines.slice(from, to), positionAfter: (index) => batch.positionAfter(from + index) };
}

function bytesOf({ lines }: LogBatch): number {
  return lines.reduce((sum, line) => sum + line.length + 1, 0);
}
