/** What is left of a host's memory at one look. */
export interface RestAt {
  atMs: number;
  /** Available memory and free swap. */
  restKiB: number;
  totalKiB: number;
}

export const PACE = {
  /** Between two looks while memory falls steeply. */
  fastMs: 15_000,
  /** A fall is judged over this at least: what moves between two fast looks is noise. */
  overMs: 45_000,
  /** Steep: in a minute it loses this share of all memory or more, and at that rate the rest is gone within `steepMs`. */
  fallShare: 0.02,
  steepMs: 15 * 60_000,
  /** Fast looks in `budgetMs`, at most. */
  fastMax: 40,
  budgetMs: 60 * 60_000,
} as const;

/** How long to wait after the newest of these looks (oldest first, of the last hour) where `everyMs` is the usual pace. */
export function waitAfter(looks: readonly RestAt[], everyMs: number): number {
  const last = looks.at(-1);
  if (last === undefined || everyMs <= PACE.fastMs || !isSteep(looks, last, everyMs)) return everyMs;
  const fast = looks.filter(({ atMs }, at) => {
    const before = looks[at - 1];
    return before !== undefined && last.atMs - atMs <= PACE.budgetMs && atMs - before.atMs < PACE.overMs;
  });
  return fast.length < PACE.fastMax ? PACE.fastMs : everyMs;
}

function isSteep(looks: readonly RestAt[], last: RestAt, everyMs: number): boolean {
  const before = looks.findLast(({ atMs }) => last.atMs - atMs >= PACE.overMs);
  // After a long silence nothing is known of the slope.
  if (before === undefined || last.atMs - before.atMs > 2 * everyMs) return false;
  const fallPerMs = (before.restKiB - last.restKiB) / (last.atMs - before.atMs);
  return fallPerMs * 60_000 >= PACE.fallShare * last.totalKiB && last.restKiB <= fallPerMs * PACE.steepMs;
}
