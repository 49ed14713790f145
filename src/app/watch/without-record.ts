import type { FollowEnd, HostFacts, HostLink, LogBatch, LogGap } from '../host-link.ts';
import type { Clock } from '../ports.ts';
import type { Store } from '../store-port.ts';
import { unlessAborted } from '../unless-aborted.ts';
import { withTimeout } from '../with-timeout.ts';
import type { DrillWatch } from './drill-watch.ts';
import { openLineQueue } from './line-queue.ts';
import type { Looks } from './looks.ts';
import { openLogReader } from './log-reader.ts';
import { isPast } from './past.ts';
import type { SaveQueue } from './save-queue.ts';
import type { Snapshots } from './snapshots.ts';
import { spread } from './spread.ts';
import type { Turns } from './turns.ts';

export interface WithoutRecordWorld {
  facts: HostFacts;
  store: Pick<Store, 'positions'>;
  clock: Clock;
  saves: SaveQueue;
  snapshots: Pick<Snapshots, 'who' | 'named'>;
  /** Knows kills on purpose; absent: there are none. */
  drills?: Pick<DrillWatch, 'tellApart'> | undefined;
  turns: Turns;
  looks: Looks;
  /** What died before is read when the record answers. */
  sinceMs: number;
  onLines: (batch: LogBatch) => void;
  onGap: (gap: LogGap) => void;
  signal: AbortSignal;
}

const ASK_EVERY_MS = 5_000;
const RECORD_WITHIN_MS = 3_000;
/** The past of the ring's host is not wanted here. */
const NO_PAST = { source: 'past', value: 'read' };

/** Up to where each source was read, once nothing waits for the record. null: the record does not take or tell it now. */
export async function readPositions(
  host: string,
  { store, saves, clock, looks }: Pick<WithoutRecordWorld, 'store' | 'saves' | 'clock' | 'looks'>,
): Promise<Awaited<ReturnType<Store['positions']>> | null> {
  if (looks.isRecordSilent()) return null;
  let askedAtMs: number | null = null;
  try {
    // What waits belongs to the positions: reading goes on behind it.
    const read = await withTimeout(clock, RECORD_WITHIN_MS, async (signal) => {
      await unlessAborted(saves.drained(), signal);
      askedAtMs = clock.nowMs();
      return store.positions(host);
    });
    if (askedAtMs !== null) looks.recordAnswered(read.kind === 'done', askedAtMs);
    return read.kind === 'done' ? read.value : null;
  } catch {
    looks.recordAnswered(false, askedAtMs ?? clock.nowMs());
    return null;
  }
}

/**
 * Without the record nobody knows up to where a log was read. What dies from now on is read and waits for the record; its place in the
 * log is not kept, so that all is read again, from where the record says. Until the record answers, or the host is lost.
 */
export async function watchWithoutRecord(link: HostLink, world: WithoutRecordWorld): Promise<FollowEnd> {
  const { facts, clock, saves, snapshots, turns, looks, sinceMs, onGap } = world;
  const { host } = link;
  const answered = new AbortController();
  const until = AbortSignal.any([world.signal, answered.signal]);
  const reader = openLogReader({ host, facts, nowMs: clock.nowMs, who: snapshots.who, named: snapshots.named });
  const lines = openLineQueue({
    turns,
    room: saves.room,
    onLines: (batch) => {
      const all = reader.take(batch).kills.filter((kill) => !isPast(kill, sinceMs));
      const { kills, drilled } = world.drills?.tellApart(all) ?? { kills: all, drilled: [] };
      if (all.length > 0) saves.add({ kills, drilled });
    },
    onPosition: () => undefined,
    onGap,
  });

  async function keepAsking(): Promise<void> {
    while (!until.aborted) {
      await clock.sleep(spread(host, ASK_EVERY_MS), until).catch(() => undefined);
      if (until.aborted) return;
      // Thousands that asked at once would keep it from answering any of them.
      const known = await looks.whenThereIsRoom(() => readPositions(host, world), until).catch(() => null);
      if (known !== null) answered.abort();
    }
  }

  const asking = keepAsking();
  try {
    const end = await link.follow({
      positions: [NO_PAST],
      onLines: (batch) => {
        world.onLines(batch);
        lines.add(batch);
      },
      hold: lines.hold,
      onGap,
      onPosition: () => undefined,
      signal: until,
    });
    await unlessAborted(lines.drained(), world.signal);
    return end;
  } finally {
    answered.abort();
    lines.close();
    await asking;
  }
}
