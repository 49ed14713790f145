import type { SendOutcome } from '../ports.ts';
import { POSTS_WINDOW_MS, STORM_QUIET_MS, type ChannelView, type Storm } from './send-plan.ts';

/** What was done in a channel lately. Lost with the process: then it only costs an edit too soon, or a line too many. */
export interface ChannelMemory {
  /** What the ledger knows of the time before. */
  begin: (sentAtMs: readonly number[]) => void;
  /** Counts against the channel's allowance what is, or may be, in the channel now. Gives the outcome back. */
  counted: (outcome: SendOutcome) => SendOutcome;
  touched: (ts: string, wasEdited: boolean) => void;
  /** When a message was changed last; unknown ones count as edited long ago. */
  changeOf: (ts: string) => { touchedAtMs: number; wasEdited: boolean };
  /** A summary was posted. */
  summarized: () => void;
  /** Of those whom a message would notify, the ones whom no other message of this storm did. */
  notNotified: (ids: readonly string[]) => string[];
  notified: (ids: readonly string[]) => void;
  /** Something to announce came at that moment: a storm that goes on lasts longer. */
  came: (atMs: number) => void;
  /** Something was said in a thread; the faster it comes, the longer the thread rests. */
  said: (threadTs: string) => void;
  /** When the thread may be told more. */
  restsUntil: (threadTs: string) => number;
  view: () => Pick<ChannelView, 'sentAtMs' | 'storm'>;
}

const KEPT = 500;
const GAP_FIRST_MS = 5_000;
const GAP_MAX_MS = 60_000;

/** An empty memory; `nowMs` is the clock. */
export function openChannelMemory(nowMs: () => number): ChannelMemory {
  const touched = new Map<string, { atMs: number; edited: boolean }>();
  const threads = new Map<string, { atMs: number; gapMs: number }>();
  let sentAtMs: number[] = [];
  let storm: Storm | null = null;
  /** In this storm. */
  let notified = new Set<string>();

  function keep<T>(map: Map<string, T>, key: string, value: T): void {
    map.delete(key);
    map.set(key, value);
    const oldest = map.keys().next();
    if (map.size > KEPT && !oldest.done) map.delete(oldest.value);
  }

  function said(threadTs: string): void {
    const before = threads.get(threadTs);
    const fast = before !== undefined && nowMs() - before.atMs < before.gapMs * 2;
    const gapMs = fast ? Math.min(GAP_MAX_MS, before.gapMs * 2) : GAP_FIRST_MS;
    keep(threads, threadTs, { atMs: nowMs(), gapMs });
  }

  function stormNow(): Storm | null {
    if (storm && nowMs() - storm.newestAtMs >= STORM_QUIET_MS) storm = null;
    if (storm === null) notified = new Set();
    return storm;
  }

  function view(): Pick<ChannelView, 'sentAtMs' | 'storm'> {
    sentAtMs = sentAtMs.filter((at) => at >= nowMs() - POSTS_WINDOW_MS);
    return { sentAtMs, storm: stormNow() };
  }

  return {
    begin: (before) => {
      sentAtMs = [...before, ...sentAtMs].toSorted((a, b) => a - b);
    },
    counted: (outcome) => {
      if (outcome.kind === 'sent' || outcome.kind === 'unknown') sentAtMs.push(nowMs());
      return outcome;
    },
    touched: (ts, wasEdited) => keep(touched, ts, { atMs: nowMs(), edited: wasEdited }),
    changeOf: (ts) => {
      const change = touched.get(ts);
      return { touchedAtMs: change?.atMs ?? 0, wasEdited: change?.edited ?? true };
    },
    summarized: () => {
      storm = {
        newestAtMs: storm?.newestAtMs ?? nowMs(),
        summaryAtMs: nowMs(),
        summaries: (storm?.summaries ?? 0) + 1,
      };
    },
    notNotified: (ids) => {
      stormNow();
      return ids.filter((id) => !notified.has(id));
    },
    notified: (ids) => {
      if (stormNow() !== null) for (const id of ids) notified.add(id);
    },
    came: (atMs) => {
      if (storm && atMs > storm.newestAtMs && atMs - storm.newestAtMs < STORM_QUIET_MS) storm.newestAtMs = atMs;
    },
    said,
    restsUntil: (threadTs) => {
      const thread = threads.get(threadTs);
      return thread === undefined ? 0 : thread.atMs + thread.gapMs;
    },
    view,
  };
}
