import type { Clock, Log } from '../app/ports.ts';
import type { Fleet } from '../app/host-link.ts';
import { everyOpen } from '../app/every-open.ts';
import { closeQuietIncidents, tellClosed } from '../app/watch/assign-incidents.ts';
import type { Store } from '../app/store-port.ts';
import type { Inventories } from './inventories.ts';

const LEASE_MS = 15_000;
const LEASE_EVERY_MS = 5_000;
const LEASE_SOONEST_MS = 100;
/** So many hosts at once: taking up thousands in one go would keep the process, and others that start just then, from their leases. */
const HOSTS_AT_ONCE = 200;
const TIDY_EVERY_MS = 60_000;
const INVENTORIES_EVERY_MS = 10_000;
/** Kills are kept for a year and a month, so that last year's pattern can be seen. */
export const KEEP_KILLS_MS = 400 * 24 * 60 * 60_000;
/** A day and a little: what happens each night at a time must be known until it happens again. */
const KEEP_SAMPLES_MS = 26 * 60 * 60_000;
const MAX_KILLS_PER_HOST = 50_000;
/** To find hosts that flood their log, all kills are counted. */
const FLOODS_EVERY_MS = 60 * 60_000;

/** With PostgreSQL several processes share hosts and channels: each does what it holds leases on. Ends with the signal. */
export async function shareWork(world: {
  store: Store;
  fleet: Fleet;
  clock: Clock;
  log: Log;
  owner: string;
  /** null: all. */
  watchOnly: (hosts: readonly string[] | null) => void;
  /** Until then nobody else serves these channels. */
  serveOnly: (channels: readonly string[], untilMs: number) => void;
  /** The leases are held again for a while. */
  onRenewed: (atMs: number) => void;
  signal: AbortSignal;
}): Promise<void> {
  const { store, fleet, clock, log, owner, signal } = world;
  let held: readonly string[] | null = null;
  while (!signal.aborted) {
    let waitMs = LEASE_EVERY_MS;
    try {
      const lease = { owner, nowMs: clock.nowMs(), ttlMs: LEASE_MS };
      const names = fleet.hosts().map((host) => host.name);
      const before = held?.length ?? 0;
      const hosts = await store.claimLeases({ ...lease, kind: 'host', names, takeMax: HOSTS_AT_ONCE });
      held = hosts.held;
      world.watchOnly(held);
      const waiting = (await store.queueLengths()).map((queue) => queue.channel);
      const channels = await store.claimLeases({ ...lease, kind: 'channel', names: waiting });
      world.serveOnly(channels.held, lease.nowMs + LEASE_MS);
      world.onRenewed(lease.nowMs);
      const mayTakeMore = held.length >= before + HOSTS_AT_ONCE;
      waitMs = mayTakeMore ? LEASE_SOONEST_MS : untilNext(hosts.othersEndMs, clock.nowMs());
    } catch (error) {
      log.error({ err: error }, 'The leases could not be renewed');
      // Nobody says who else would watch: all are, until the database answers.
      if (held === null) world.watchOnly(null);
    }
    await clock.sleep(waitMs, signal).catch(() => undefined);
  }
}

/** Sooner where a process that does not renew will be gone by then: its hosts wait for nothing but that. */
function untilNext(endMs: number | null, nowMs: number): number {
  return endMs === null ? LEASE_EVERY_MS : Math.min(LEASE_EVERY_MS, Math.max(LEASE_SOONEST_MS, endMs - nowMs));
}

/** Reads the inventories again as they change, and has the hosts follow. Ends with the signal. */
export async function followInventories(world: {
  inventories: Inventories;
  hostsChanged: () => Promise<void>;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}): Promise<void> {
  const { inventories, hostsChanged, clock, log, signal } = world;
  while (!signal.aborted) {
    await clock.sleep(INVENTORIES_EVERY_MS, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      if (await inventories.refresh('due', signal)) await hostsChanged();
    } catch (error) {
      log.error({ err: error }, 'The hosts of the inventories could not be taken up; retrying');
    }
  }
}

/** Closes incidents that have been quiet, and lets go of what is too old to keep. Ends with the signal. */
export async function tidyUp(world: { store: Store; clock: Clock; log: Log; signal: AbortSignal }): Promise<void> {
  const { store, clock, log, signal } = world;
  let floodsAtMs = 0;
  while (!signal.aborted) {
    await clock.sleep(TIDY_EVERY_MS, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const nowMs = clock.nowMs();
      for (const name of await store.hostsWithOpenIncidents()) {
        for await (const incident of everyOpen(store, name))
          for (const closed of closeQuietIncidents([incident], nowMs))
            await store.updateIncident(closed, tellClosed(closed, await store.postedOf(closed.id), nowMs));
      }
      await store.prune({
        nowMs,
        keepKillsMs: KEEP_KILLS_MS,
        keepSamplesMs: KEEP_SAMPLES_MS,
        maxKillsPerHost: nowMs >= floodsAtMs ? MAX_KILLS_PER_HOST : null,
      });
      if (nowMs >= floodsAtMs) floodsAtMs = nowMs + FLOODS_EVERY_MS;
    } catch (error) {
      log.error({ err: error }, 'Pruning old records failed; retrying');
    }
  }
}
