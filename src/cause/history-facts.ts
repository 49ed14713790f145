/**
 * What earlier kills of the same service say, as far as it is known. An empty list, zero or null: nothing of that kind was found.
 * Times are by our clock.
 */
export interface HistoryFacts {
  /** When the service was killed before on this host, oldest first, without the kills of this incident. */
  recurrenceAtMs: readonly number[];
  /** Minute of the day (UTC, 0 to 1439) at which kills of it keep coming, the first if there are several; null: no such minute. */
  clockMinute: number | null;
  /** All of them, in their order, and whether it is nearly every day; missing in records of older versions. */
  clockMinutes?: readonly number[];
  isDaily?: boolean;
  leak: LeakFacts | null;
  /** Kills of it within the loop window, this incident's own among them. 0: no loop. */
  loopCount: number;
  /** The last deploy, package or configuration change shortly before its first kill. */
  changedAtMs: number | null;
  /** What changed, in the host's words. */
  changedWhat: string | null;
  /** Other hosts on which the same service was killed within the hour, by name. */
  otherHosts: readonly string[];
}

/** A steady rise over several lives of one service. */
export interface LeakFacts {
  slopeKiBPerHour: number;
  /** How well a straight line fits, 0 to 1. */
  r2: number;
  /** When the next kill is due at this slope; null: cannot be said. */
  nextAtMs: number | null;
  /** Lives that the line was drawn through. */
  lives: number;
}

/** Nothing known of the past. */
export const NO_HISTORY: HistoryFacts = {
  recurrenceAtMs: [],
  clockMinute: null,
  leak: null,
  loopCount: 0,
  changedAtMs: null,
  changedWhat: null,
  otherHosts: [],
};
