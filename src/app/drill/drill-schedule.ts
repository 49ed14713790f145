import { phaseOf } from '../watch/spread.ts';
import type { Drills } from './drills.ts';
import type { DrillWorld } from './drill-world.ts';

const LOOK_EVERY_MS = 5_000;
/** A bot that was down, or a channel in a storm, comes that late at most: what was missed is not made up for. */
const LATE_MAX_MS = 30 * 60_000;

/** When the drill was due that a host should have had last: each host has a time of its own in the span. */
export function lastSlot(host: string, everyMs: number, nowMs: number): number {
  const offsetMs = Math.floor(phaseOf(host) * everyMs);
  return Math.floor((nowMs - offsetMs) / everyMs) * everyMs + offsetMs;
}

/** Looks after drills that wait, and does those that are due, one after the other. Ends with the signal. */
export async function keepDrills(world: DrillWorld, drills: Drills, signal: AbortSignal): Promise<void> {
  const { clock, log } = world;
  /** The slot of each host that needs no look any more. */
  const done = new Map<string, number>();
  while (!signal.aborted) {
    try {
      await drills.tidy();
      await runDue(world, drills, done, signal);
    } catch (error) {
      if (!signal.aborted) log.error({ err: error }, 'Drills could not be looked after; retrying');
    }
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
  }
}

async function runDue(
  { store, clock, fleet, schedule, isReadOnly }: DrillWorld,
  drills: Drills,
  done: Map<string, number>,
  signal: AbortSignal,
): Promise<void> {
  const { everyMs } = schedule();
  if (everyMs === null) return;
  for (const { name } of fleet.hosts()) {
    const nowMs = clock.nowMs();
    const slotMs = lastSlot(name, everyMs, nowMs);
    if (signal.aborted) return;
    if (done.get(name) === slotMs || nowMs - slotMs > Math.min(LATE_MAX_MS, everyMs / 4)) continue;
    // Who watches a host drills it; the mark keeps one that takes it over from doing so again.
    if (fleet.watchState(name)?.kind !== 'watching' || isReadOnly(name)) continue;
    if (await drills.isStormy(name)) continue;
    done.set(name, slotMs);
    if (await store.enqueueOnce(`drill ${name} ${slotMs}`, nowMs, [])) await drills.runScheduled(name);
  }
}
