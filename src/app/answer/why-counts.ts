import type { DeathFacts } from '../../cause/death-facts.ts';
import type { Kill } from '../../incident/incident.ts';
import { countedAmong, countedKills, firstBase, KILLS_MAX } from '../counted-kills.ts';
import { watchedSince } from '../watch/past.ts';
import { countedTimes } from '../watch/unexplained-cgroups.ts';
import type { AnswersWorld } from './answers-world.ts';

/** What a host said, and when it was asked, by our clock. */
export interface ReadFacts {
  facts: DeathFacts;
  sinceMs: number;
}

/** Kills of a host on record beside those that its kernel counted; null where that cannot be told. */
export interface WhyCounts {
  kills: readonly Kill[];
  /** False: there are more of this boot than were read. */
  isWhole: boolean;
  watchedSinceMs: number | null;
  missingSinceBoot: number | null;
  missingSinceWatched: number | null;
  /** Of this boot, on record now. */
  known: number;
  /** Some of these were seen after the host had counted: it may have more by now. */
  isOlder: boolean;
  /** Until when what was counted may still come on record; 0: nothing is to come. */
  aheadUntilMs: number;
}

/** A log that begins to be followed has been read to its end by then. */
const READ_BACK_MS = 2_000;

/** What is on record of a host, compared with what it counted. */
export async function readCounts(
  { store, clock, watchState }: AnswersWorld,
  host: string,
  read: ReadFacts | null,
): Promise<WhyCounts> {
  const bootId = read?.facts.bootId ?? '';
  // In this order: what comes on record meanwhile can only look as if it were missing, and then it is read again.
  const known = read === null ? 0 : await countedKills(store, host, bootId);
  const all = { hosts: [host], service: null, sinceMs: null, untilMs: null, limit: KILLS_MAX };
  const [kills, positions] = await Promise.all([store.kills(all), store.positions(host)]);
  const watchedSinceMs = watchedSince(positions);
  const counter = read?.facts.oomKills ?? null;
  const isWhole = kills.length < KILLS_MAX;
  if (read === null || counter === null)
    return {
      kills,
      isWhole,
      watchedSinceMs,
      missingSinceBoot: null,
      missingSinceWatched: null,
      known: 0,
      isOlder: false,
      aheadUntilMs: 0,
    };
  const present = countedAmong(kills, bootId).filter(({ source }) => source !== 'counter');
  // Seen since the counter was asked for: these would make up for others, that nobody told.
  const later = present.filter(({ seenAtMs }) => seenAtMs >= read.sinceMs).length;
  const before = present.filter(({ seenAtMs }) => seenAtMs < read.sinceMs);
  const parsed = known - later;
  const watch = watchState(host);
  const seen = watch?.facts ?? null;
  const base =
    (await store.counter(host, bootId, 'kernel')) ??
    (seen === null || seen.bootId !== bootId || watchedSinceMs === null
      ? null
      : await firstBase(
          store,
          { host, bootId, killer: 'kernel', counter, parsed, atMs: read.sinceMs },
          seen,
          watchedSinceMs,
        ));
  const missingSinceBoot = counter - parsed - countedTwice(before);
  const missingSinceWatched =
    base === null
      ? null
      : counter -
        base.counter -
        (parsed - base.parsed) -
        countedTwice(before.filter(({ atMs, atErrorMs }) => atMs - atErrorMs > base.atMs));
  const isReadMs = watch === null ? 0 : READ_BACK_MS + (watch.kind === 'starting' ? clock.nowMs() : watch.sinceMs);
  return {
    kills,
    isWhole: isWhole && present.length === (await store.countKernelKills(host, bootId)),
    watchedSinceMs,
    missingSinceBoot,
    missingSinceWatched,
    known,
    isOlder: later > 0,
    aheadUntilMs: (missingSinceWatched ?? 0) > 0 ? Infinity : missingSinceBoot > 0 ? isReadMs : 0,
  };
}

/** A group that dies as a whole: the kernel counts the one that it chose a second time. */
function countedTwice(kills: readonly Kill[]): number {
  return kills.reduce((sum, kill) => sum + countedTimes(kill) - 1, 0);
}
