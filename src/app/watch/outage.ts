import { describeBackAgain, describeUnreachable } from '../../notice/answer/fleet-notice.ts';
import type { Notice } from '../../notice/notice.ts';
import { z } from 'zod';
import { newsFor } from '../deliveries.ts';
import type { LinkState, WatchState } from '../host-link.ts';
import { isHostMuted } from '../mute-target.ts';
import type { Clock, Log, NewDelivery, Position } from '../ports.ts';
import type { ToSave } from './save-queue.ts';
import type { Store } from '../store-port.ts';

/** How a host is watched right now. */
export interface WatchStatus {
  isWatched: boolean;
  sinceMs: number;
  /** Why it is not. */
  sentence: string;
  bootId: string | null;
}

/** The same, of a watch and its link. */
export function statusOf({ kind, sinceMs, sentence, facts }: WatchState, connection: LinkState): WatchStatus {
  return {
    isWatched: kind === 'watching',
    sinceMs,
    sentence: connection.kind === 'connected' ? sentence : connection.sentence,
    bootId: facts?.bootId ?? null,
  };
}

export interface OutageWorld {
  store: Store;
  clock: Clock;
  channel: () => string;
  sight: () => WatchStatus;
  save: (what: ToSave) => boolean;
}

/** A host that is away for less is nobody's business. */
const TELL_AFTER_MS = 120_000;
/** A host is back when it has been watched for so long; until then what was missed is read. */
const STEADY_MS = 10_000;
/** A cut that nobody notices is found by keepalive after about a minute. */
const UNNOTICED_MS = 120_000;
const LOOK_EVERY_MS = 10_000;
/** While all is well: a thousand hosts are asked this often. */
const WELL_EVERY_MS = 30_000;
const MISSED_MAX = 1_000;
/** Hosts that go together are told together: news are sent at the ends of such spans. */
const GATHER_MS = 15_000;

const SOURCE = 'outage';
/** What was told last, kept with the positions so that a restart neither repeats nor forgets it. null: all is well. */
const Told = z.object({ sinceMs: z.number(), bootId: z.string().nullable() }).nullable();
type Told = z.output<typeof Told>;

const RETRY_MS = 30_000;

/** Tells of them until the signal aborts, whatever fails. */
export async function keepTellingOutages(
  host: string,
  world: OutageWorld,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await tellOutages(host, world, signal).catch((error: unknown) => {
      log.error({ err: error, host }, 'A host outage could not be posted; retrying');
    });
    await world.clock.sleep(RETRY_MS, signal).catch(() => undefined);
  }
}

/** Tells once that a host cannot be watched, and once that it can again: silence must mean health. Until the signal aborts. */
async function tellOutages(host: string, world: OutageWorld, signal: AbortSignal): Promise<void> {
  const { store, clock } = world;
  let told = await readTold(store, host);
  let awaySinceMs: number | null = told?.sinceMs ?? null;
  let bootId = told?.bootId ?? null;

  while (!signal.aborted) {
    const sight = world.sight();
    const nowMs = clock.nowMs();
    const isWell = sight.isWatched && nowMs - sight.sinceMs >= STEADY_MS;
    if (isWell) {
      if (told !== null && tell((await isMuted()) ? null : await backAgain(told, sight), null)) told = null;
      awaySinceMs = null;
      bootId = sight.bootId;
    } else {
      awaySinceMs ??= sight.sinceMs;
      const next = { sinceMs: awaySinceMs, bootId };
      // A mute that ends while the host is away is followed by the news.
      if (told === null && nowMs - awaySinceMs >= TELL_AFTER_MS && !(await isMuted())) {
        if (tell(describeUnreachable(host, awaySinceMs, sight.sentence), next)) told = next;
      }
    }
    await clock.sleep(isWell ? WELL_EVERY_MS : LOOK_EVERY_MS, signal).catch(() => undefined);
  }

  async function isMuted(): Promise<boolean> {
    return isHostMuted(await store.mutes(clock.nowMs()), host);
  }

  /** What is told and that it was told go on record together. null: nobody is told. */
  function tell(notice: Notice | null, next: Told): boolean {
    const position: Position = { source: SOURCE, value: JSON.stringify(next) };
    return world.save({ positions: [position], deliveries: notice === null ? [] : [newsOf(notice)] });
  }

  function newsOf(notice: Notice): NewDelivery {
    return newsFor(world.channel(), { notice }, Math.ceil(clock.nowMs() / GATHER_MS) * GATHER_MS);
  }

  async function backAgain(was: NonNullable<Told>, sight: WatchStatus): Promise<Notice> {
    const span = { sinceMs: was.sinceMs - UNNOTICED_MS, untilMs: sight.sinceMs };
    const kills = await store.kills({ hosts: [host], ...span, service: null, limit: MISSED_MAX });
    const missed = kills.filter((kill) => kill.seenAtMs >= sight.sinceMs && kill.record.outcome === 'killed').length;
    const rebooted = was.bootId !== null && sight.bootId !== null && was.bootId !== sight.bootId;
    const sources = (await store.positions(host)).map((position) => position.source);
    const logOutlastsReboot = sources.some((source) => source === 'journal' || source.startsWith('file:'));
    return describeBackAgain(host, sight.sinceMs - was.sinceMs, missed, { rebooted, logOutlastsReboot });
  }
}

async function readTold(store: Store, host: string): Promise<Told> {
  const stored = (await store.positions(host)).find((position) => position.source === SOURCE);
  try {
    return stored === undefined ? null : Told.parse(JSON.parse(stored.value));
  } catch {
    return null; // written by a newer version
  }
}
