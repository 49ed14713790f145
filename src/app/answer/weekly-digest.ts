import { describeWeek, isWorthTelling } from '../../notice/answer/report-notice.ts';
import { newsFor } from '../deliveries.ts';
import type { Clock, Log } from '../ports.ts';
import type { Fleet } from '../host-link.ts';
import { makeReport } from './report-answer.ts';
import type { Store } from '../store-port.ts';
import { lastWeekTime, type WeekTime } from './week-time.ts';

export interface DigestWorld {
  store: Store;
  fleet: Fleet;
  clock: Clock;
  log: Log;
  /** Read anew each time; null: there is no digest. */
  schedule: () => WeekTime | null;
  channelOf: (of: { host: string }) => string;
  wake: () => void;
  keepKillsMs: number;
  signal: AbortSignal;
}

const LOOK_EVERY_MS = 60_000;
const WEEK_MS = 7 * 24 * 60 * 60_000;
/** A bot that was down at the time catches up for so long. */
const LATE_MAX_MS = 12 * 60 * 60_000;

/** Tells each channel once a week what its hosts were like; several bots and restarts tell it once. Ends with the signal. */
export async function tellWeeks(world: DigestWorld): Promise<void> {
  const { clock, log, signal } = world;
  /** What needs no look any more. */
  const done = new Set<string>();
  while (!signal.aborted) {
    try {
      await tellDue(world, done);
    } catch (error) {
      log.error({ err: error }, 'The weekly digest could not be made; retrying');
    }
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
  }
}

async function tellDue(world: DigestWorld, done: Set<string>): Promise<void> {
  const { store, fleet, clock, schedule, channelOf, wake, keepKillsMs, signal } = world;
  const time = schedule();
  if (time === null) return;
  const nowMs = clock.nowMs();
  // What was due before the first bot came is nobody's week.
  const sinceMs = await store.marker('digests-since', nowMs);
  const dueAtMs = lastWeekTime(time, nowMs);
  if (dueAtMs <= sinceMs || nowMs - dueAtMs > LATE_MAX_MS) return;

  const byChannel = Map.groupBy(
    fleet.hosts().map((host) => host.name),
    (host) => channelOf({ host }),
  );
  for (const [channel, hosts] of byChannel) {
    if (signal.aborted) return;
    const name = `digest ${channel} ${dueAtMs}`;
    if (done.has(name)) continue;
    const of = {
      target: `the hosts of ${channel}`,
      asked: null,
      hosts,
      all: false,
      service: null,
      spanMs: WEEK_MS,
      keepKillsMs,
    };
    const report = await makeReport(store, clock, of);
    const told = isWorthTelling(report) ? [newsFor(channel, { notice: describeWeek(report) }, nowMs)] : [];
    if ((await store.enqueueOnce(name, nowMs, told)) && told.length > 0) wake();
    done.add(name);
  }
}
