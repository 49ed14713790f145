import type { HostFacts, HostLink, LogBatch } from '../host-link.ts';
import type { Clock, Log } from '../ports.ts';
import type { Store } from '../store-port.ts';
import { unlessAborted } from '../unless-aborted.ts';
import { openKillCounter } from './kill-counter.ts';
import type { LineQueue } from './line-queue.ts';
import { openKillLocator } from './locate-kills.ts';
import type { SaveQueue } from './save-queue.ts';

export interface CountingWorld {
  store: Store;
  clock: Clock;
  log: Log;
  watchedSinceMs: number;
  saves: SaveQueue;
  /** Takes lines that are read once more. */
  take: (batch: LogBatch) => void;
  lines: LineQueue;
}

/** What the host's own counters add to its log: whose limit short lines were about, and kills that no line tells. */
export function openCounting(
  link: HostLink,
  facts: HostFacts,
  { store, clock, log, watchedSinceMs, saves, take, lines }: CountingWorld,
): { look: (until: AbortSignal) => Promise<void> } {
  const { host } = link;
  const locator = openKillLocator(link, facts, { store, nowMs: clock.nowMs });
  const counter = openKillCounter(link, facts, {
    store,
    clock,
    watchedSinceMs,
    backfill: async (sinceMs, stop) => {
      const span = { fromMs: sinceMs - facts.clockOffsetMs, toMs: null };
      await unlessAborted(link.backfill({ span, onLines: take, hold: lines.hold, signal: stop }), stop);
      await unlessAborted(lines.drained(), stop);
      await unlessAborted(saves.drained(), stop);
    },
  });

  async function look(until: AbortSignal): Promise<void> {
    saves.add({ kills: await unlessAborted(locator.complete(), until) });
    const kills = await unlessAborted(counter.compare(until), until);
    if (kills.length === 0) return;
    log.warn(
      { host, bootId: facts.bootId, kills: kills.length },
      'The kernel counted kills that its log does not explain',
    );
    saves.add({ kills });
    await unlessAborted(saves.drained(), until);
    await counter.settle(kills);
  }

  return { look };
}
