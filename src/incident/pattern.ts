export const PATTERN_THRESHOLDS = {
  loopWindowMs: 10 * 60_000,
  loopKills: 3,
  momentMs: 1_000,
  changeWindowMs: 15 * 60_000,
  otherHostsWindowMs: 60 * 60_000,
} as const;

/**
 * Deaths of a service within ten minutes of its newest one, when they are so many that it is a loop; else 0. Kills of one moment are
 * one death: a group that dies as a whole, or workers of a pool.
 */
export function killLoopOf(atMs: readonly number[]): number {
  const newest = Math.max(...atMs);
  const count = deathsOf(atMs.filter((at) => newest - at <= PATTERN_THRESHOLDS.loopWindowMs));
  return count >= PATTERN_THRESHOLDS.loopKills ? count : 0;
}

/** Kills by their moments: each that comes soon after the one before belongs to it. */
export function deathsOf(atMs: readonly number[]): number {
  const sorted = atMs.toSorted((a, b) => a - b);
  return sorted.filter((at, nth) => at - (sorted[nth - 1] ?? -Infinity) > PATTERN_THRESHOLDS.momentMs).length;
}

/** The newest change (deploy, package, configuration) shortly before a kill, if no other kill came between. null: there is none. */
export function changeBefore<C extends { atMs: number }>(
  killAtMs: number,
  changes: readonly C[],
  earlierKillsAtMs: readonly number[],
): C | null {
  const change = changes
    .filter(({ atMs }) => atMs <= killAtMs && killAtMs - atMs <= PATTERN_THRESHOLDS.changeWindowMs)
    .toSorted((a, b) => b.atMs - a.atMs)[0];
  if (change === undefined) return null;
  return earlierKillsAtMs.some((at) => at >= change.atMs && at < killAtMs) ? null : change;
}

/** Other hosts on which the same service died within an hour of this kill, the nearest in time first. */
export function otherHostsOf(
  kill: { host: string; service: string; atMs: number },
  kills: readonly { host: string; service: string; atMs: number }[],
): string[] {
  const near = kills
    .filter(({ host, service }) => host !== kill.host && service === kill.service)
    .map(({ host, atMs }) => ({ host, apartMs: Math.abs(atMs - kill.atMs) }))
    .filter(({ apartMs }) => apartMs <= PATTERN_THRESHOLDS.otherHostsWindowMs)
    .toSorted((a, b) => a.apartMs - b.apartMs || (a.host < b.host ? -1 : 1));
  return [...new Set(near.map(({ host }) => host))];
}
