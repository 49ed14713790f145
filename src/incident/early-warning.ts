import type { Moment } from './growth.ts';
import { fitLine } from './least-squares.ts';

/** Why memory of a host will soon be short. */
export interface Danger {
  /** `running-out`: it falls in a straight line. `stalling`: there is little, and everybody waits for it now. */
  kind: 'running-out' | 'stalling';
  /** What is left: available memory and free swap. */
  restKiB: number;
  totalKiB: number;
  /** At the present slope; null: it does not fall. */
  leftMs: number | null;
  /** A fall is positive. */
  fallKiBPerMinute: number;
  /** Begin of the stretch that was looked at. */
  sinceMs: number;
  pressureFullAvg10: number | null;
}

export const WARNING_THRESHOLDS = {
  /** Stretches that are looked at, the longest first. A short one must fall to its end within `steepMs`. */
  stretchesMs: [30 * 60_000, 20 * 60_000, 10 * 60_000, 4.5 * 60_000],
  shortMs: 10 * 60_000,
  steepMs: 15 * 60_000,
  pointsMin: 5,
  r2: 0.85,
  /** A fall below this share of all memory is noise. */
  fallShare: 0.03,
  /** With more than this left, as a share of all memory, it is early to speak; less where little of the past is known. */
  restShare: 0.35,
  restShareUnknown: 0.1,
  knownMs: 2 * 3_600_000,
  /** The rest must be this far (as a share of all memory) below what the host has lived through before. */
  newLowShare: 0.03,
  /** A day, and what a nightly job may be late. */
  historyMs: 26 * 3_600_000,
  /** What came before a kill was not lived through. */
  beforeKillMs: 3_600_000,
  stallPercent: 20,
  stallShare: 0.25,
  /** So many looks in a row must agree. */
  looks: 2,
  /** For so long it must be calm until an episode is over; and for so long after it none begins. */
  calmMs: 10 * 60_000,
  pauseMs: 30 * 60_000,
  /** No slope within this many times the asked time counts as calm. */
  calmFactor: 2,
} as const;

/** Available memory and free swap. */
export function restOf({ availableKiB, freeSwapKiB }: Moment): number {
  return availableKiB + freeSwapKiB;
}

/** Whether the last samples (oldest first) say that memory will be used up in time, or is short now. Looks at them alone. */
export function findDanger(recent: readonly Moment[], withinMs: number): Danger | null {
  const last = recent.at(-1);
  if (last === undefined) return null;
  return runningOut(recent, last, withinMs) ?? stalling(recent, last);
}

function runningOut(recent: readonly Moment[], last: Moment, withinMs: number): Danger | null {
  const totalKiB = last.totalKiB + last.totalSwapKiB;
  for (const stretchMs of WARNING_THRESHOLDS.stretchesMs) {
    const stretch = recent.filter(({ atMs }) => last.atMs - atMs <= stretchMs);
    const [first] = stretch;
    // Half of the stretch at least must have been seen.
    if (
      first === undefined ||
      stretch.length < WARNING_THRESHOLDS.pointsMin ||
      last.atMs - first.atMs < stretchMs * 0.8
    )
      continue;
    const line = fitLine(stretch.map((moment) => ({ x: moment.atMs - last.atMs, y: restOf(moment) })));
    if (line === null || line.slope >= 0 || line.r2 < WARNING_THRESHOLDS.r2) continue;
    const fallKiB = -line.slope * (last.atMs - first.atMs);
    if (fallKiB < WARNING_THRESHOLDS.fallShare * totalKiB) continue;
    const leftMs = Math.max(0, restOf(last) / -line.slope);
    const limitMs = stretchMs < WARNING_THRESHOLDS.shortMs ? Math.min(withinMs, WARNING_THRESHOLDS.steepMs) : withinMs;
    if (leftMs > limitMs) continue;
    return {
      kind: 'running-out',
      restKiB: restOf(last),
      totalKiB,
      leftMs,
      fallKiBPerMinute: -line.slope * 60_000,
      sinceMs: first.atMs,
      pressureFullAvg10: last.pressureFullAvg10,
    };
  }
  return null;
}

function stalling(recent: readonly Moment[], last: Moment): Danger | null {
  const totalKiB = last.totalKiB + last.totalSwapKiB;
  const looks = recent.slice(-WARNING_THRESHOLDS.looks);
  const isStalled =
    looks.length === WARNING_THRESHOLDS.looks &&
    looks.every(({ pressureFullAvg10 }) => (pressureFullAvg10 ?? 0) >= WARNING_THRESHOLDS.stallPercent);
  if (!isStalled || restOf(last) > WARNING_THRESHOLDS.stallShare * totalKiB) return null;
  return {
    kind: 'stalling',
    restKiB: restOf(last),
    totalKiB,
    leftMs: null,
    fallKiBPerMinute: 0,
    sinceMs: looks[0]?.atMs ?? last.atMs,
    pressureFullAvg10: last.pressureFullAvg10,
  };
}

/**
 * Whether a danger is more than this host's daily life: memory is lower than it has been in the last day without a kill. A host
 * that falls and recovers again and again is not warned about. `history`: samples of the last day, oldest first.
 */
export function isUnheardOf(danger: Danger, history: readonly Moment[], killsAtMs: readonly number[]): boolean {
  if (danger.kind === 'stalling') return true;
  const before = history.filter(
    ({ atMs }) =>
      atMs < danger.sinceMs &&
      !killsAtMs.some((killAtMs) => atMs <= killAtMs && killAtMs - atMs <= WARNING_THRESHOLDS.beforeKillMs),
  );
  const [first] = before;
  const isKnown = first !== undefined && danger.sinceMs - first.atMs >= WARNING_THRESHOLDS.knownMs;
  const share = isKnown ? WARNING_THRESHOLDS.restShare : WARNING_THRESHOLDS.restShareUnknown;
  if (danger.restKiB > share * danger.totalKiB) return false;
  return before.every((moment) => danger.restKiB < restOf(moment) - WARNING_THRESHOLDS.newLowShare * danger.totalKiB);
}

/** What is known of the episodes of one host; kept over restarts. */
export interface WarningState {
  /** null: none is under way. */
  episode: { startedAtMs: number; calmSinceMs: number | null; toldAtMs: number } | null;
  endedAtMs: number | null;
  /** Looks in a row that saw danger. */
  dangers: number;
}

export const NO_WARNING: WarningState = { episode: null, endedAtMs: null, dangers: 0 };

/** One look: what it changes, and what is to be told. `killed`: somebody died for memory since the episode began. */
export function stepWarning(
  state: WarningState,
  look: { nowMs: number; danger: boolean; calm: boolean; killed: boolean },
): { state: WarningState; event: 'began' | 'goes-on' | 'passed' | 'killed' | null } {
  const { nowMs } = look;
  const { episode } = state;
  if (episode === null) {
    const dangers = look.danger ? state.dangers + 1 : 0;
    const isResting = state.endedAtMs !== null && nowMs - state.endedAtMs < WARNING_THRESHOLDS.pauseMs;
    if (dangers < WARNING_THRESHOLDS.looks || isResting) return { state: { ...state, dangers }, event: null };
    return {
      state: { episode: { startedAtMs: nowMs, calmSinceMs: null, toldAtMs: nowMs }, endedAtMs: null, dangers: 0 },
      event: 'began',
    };
  }
  const over: WarningState = { episode: null, endedAtMs: nowMs, dangers: 0 };
  if (look.killed) return { state: over, event: 'killed' };
  const calmSinceMs = look.calm ? (episode.calmSinceMs ?? nowMs) : null;
  if (calmSinceMs !== null && nowMs - calmSinceMs >= WARNING_THRESHOLDS.calmMs) return { state: over, event: 'passed' };
  return { state: { ...state, episode: { ...episode, calmSinceMs } }, event: 'goes-on' };
}
