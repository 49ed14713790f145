import { POSTS_WINDOW_MS, type ChannelView } from './delivery-plan.ts';
import type { SendOutcome } from '../ports.ts';

/** What was done in a channel lately. Lost with the process: then it only costs a few messages more or an edit too soon. */
export interface ChannelMemory {
  /** Counts against the channel's allowance what is, or may be, in the channel now. Gives the outcome back. */
  counted: (outcome: SendOutcome) => SendOutcome;
  /** A message was posted or edited; with how many incidents it tells of, where that makes it a single one's or a storm's. */
  posted: (ts: string, incidentCount: number) => void;
  edited: (ts: string, stormMembers: number | null) => void;
  /** When a message was changed last; unknown ones count as edited long ago. */
  changeOf: (ts: string) => { touchedAtMs: number; wasEdited: boolean };
  view: () => Pick<ChannelView, 'sentAtMs' | 'newestSingle' | 'storm'>;
}

const TOUCHED_KEPT = 500;

/** An empty memory; `nowMs` is the clock. */
export function openChannelMemory(nowMs: () => number): ChannelMemory {
  const touched = new Map<string, { atMs: number; edited: boolean }>();
  let sentAtMs: number[] = [];
  let newestSingle: { ts: string; atMs: number } | null = null;
  let storm: { ts: string; members: number; joinedAtMs: number } | null = null;

  function counted(outcome: SendOutcome): SendOutcome {
    if (outcome.kind === 'sent' || outcome.kind === 'unknown') sentAtMs.push(nowMs());
    return outcome;
  }

  function posted(ts: string, incidentCount: number): void {
    note(ts, false);
    if (incidentCount === 1) newestSingle = { ts, atMs: nowMs() };
    else storm = { ts, members: incidentCount, joinedAtMs: nowMs() };
  }

  function edited(ts: string, stormMembers: number | null): void {
    note(ts, true);
    if (stormMembers !== null) storm = { ts, members: stormMembers, joinedAtMs: nowMs() };
  }

  function note(ts: string, wasEdited: boolean): void {
    touched.delete(ts);
    touched.set(ts, { atMs: nowMs(), edited: wasEdited });
    const oldest = touched.keys().next();
    if (touched.size > TOUCHED_KEPT && !oldest.done) touched.delete(oldest.value);
  }

  function changeOf(ts: string): { touchedAtMs: number; wasEdited: boolean } {
    const change = touched.get(ts);
    return { touchedAtMs: change?.atMs ?? 0, wasEdited: change?.edited ?? true };
  }

  function view(): Pick<ChannelView, 'sentAtMs' | 'newestSingle' | 'storm'> {
    sentAtMs = sentAtMs.filter((at) => at > nowMs() - POSTS_WINDOW_MS);
    return {
      sentAtMs,
      newestSingle: newestSingle ? { ...newestSingle, ...changeOf(newestSingle.ts) } : null,
      storm: storm ? { ...storm, touchedAtMs: changeOf(storm.ts).touchedAtMs } : null,
    };
  }

  return { counted, posted, edited, changeOf, view };
}
