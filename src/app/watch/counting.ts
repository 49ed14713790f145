import type { HostFacts, HostLink, LogBatch } from '../host-link.ts';
import type { Clock, Log } from '../ports.ts';
import type { Store } from '../store-port.ts';
import { unlessAborted } from '../unless-aborted.ts';
import { openKillCounter, type CounterWorld, type KillCounter } from './kill-counter.ts';
import type { LineQueue } from './line-queue.ts';
import { openKillLocator } from './locate-kills.ts';
import { openOomdCounter } from './oomd-counter.ts';
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
  const world: CounterWorld = {
    store,
    clock,
    watchedSinceMs,
    backfill: async (sinceMs, stop) => {
      const span = { fromMs: sinceMs - facts.clockOffsetMs, toMs: null };
      await unlessAborted(link.backfill({ span, onLines: take, hold: lines.hold, signal: stop }), stop);
      await unlessAborted(lines.drained(), stop);
      await unlessAborted(saves.drained(), stop);
    },
  };
  const ofKernel = openKillCounter(link, facts, world);
  const ofOomd = openOomdCounter(link, facts, world);

  async function compare(counter: KillCounter, sentence: string, until: AbortSignal): Promise<void> {
    const kills = await unlessAborted(counter.compare(until), until);
    if (kills.length === 0) return;
    log.warn({ host, bootId: facts.bootId, kills: kills.length }, sentence);
    saves.add({ kills });
    await unlessAborted(saves.drained(), until);
    await counter.settle(kills);
  }

  async function look(until: AbortSignal): Promise<void> {
    saves.add({ kills: await unlessAborted(locator.complete(), until) });
    await compare(ofKernel, 'The kernel counted kills that its log does not explain', until);
    await compare(ofOomd, 'systemd counted kills by systemd-oomd that are in no log', until);
  }

  return { look };
}
