import type { DeathFacts } from '../../cause/death-facts.ts';
import type { Kill } from '../../incident/incident.ts';
import { countedKills, firstBase, recordedKills } from '../counted-kills.ts';
import { watchedSince } from '../watch/past.ts';
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
  /** Until when what was counted may still come on record; 0: nothing is to come. */
  aheadUntilMs: number;
}

/** Kills of one boot that are looked through. */
const KILLS_MAX = 1_000;
/** A log that begins to be followed has been read to its end by then. */
const READ_BACK_MS = 2_000;

/** What is on record of a host, compared with what it counted. */
export async function readCounts(
  { store, clock, watchState }: AnswersWorld,
  host: string,
  read: ReadFacts | null,
): Promise<WhyCounts> {
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
      aheadUntilMs: 0,
    };
  const { bootId } = read.facts;
  const known = await countedKills(store, host, bootId);
  const present = (await recordedKills(store, { host, bootId }, {})).filter(({ source }) => source !== 'counter');
  // Seen since the counter was asked for: these would make up for others, that nobody told.
  const parsed = known - present.filter(({ seenAtMs }) => seenAtMs >= read.sinceMs).length;
  const watch = watchState(host);
  const seen = watch?.facts ?? null;
  const base =
    (await store.counter(host, bootId)) ??
    (seen === null || seen.bootId !== bootId || watchedSinceMs === null
      ? null
      : await firstBase(store, { host, bootId, counter, parsed, atMs: read.sinceMs }, seen, watchedSinceMs));
  const missingSinceBoot = counter - parsed;
  const missingSinceWatched = base === null ? null : counter - base.counter - (parsed - base.parsed);
  const isReadMs = watch === null ? 0 : READ_BACK_MS + (watch.kind === 'starting' ? clock.nowMs() : watch.sinceMs);
  return {
    kills,
    isWhole: isWhole && present.length === (await store.countKernelKills(host, bootId)),
    watchedSinceMs,
    missingSinceBoot,
    missingSinceWatched,
    known,
    aheadUntilMs: (missingSinceWatched ?? 0) > 0 ? Infinity : missingSinceBoot > 0 ? isReadMs : 0,
  };
}
