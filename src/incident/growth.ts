/** How much a service held, as people name it. */
export interface ServiceSize {
  service: string;
  sizeKiB: number;
}

/** Memory of a host at one moment. */
export interface Moment {
  atMs: number;
  totalKiB: number;
  availableKiB: number;
  totalSwapKiB: number;
  freeSwapKiB: number;
  /** Share of 10 s in which all tasks waited for memory, in per cent; null: not known. */
  pressureFullAvg10: number | null;
  /** The largest, largest first; not all. */
  services: readonly ServiceSize[];
}

/** The service that grew most in some time. */
export interface Growth {
  service: string;
  fromKiB: number;
  toKiB: number;
  fromMs: number;
  toMs: number;
  /** It was not among the largest at first, so that `fromKiB` is the most it can have been. */
  isNew: boolean;
}

export const SERVICES_KEPT = 8;
export const GROWTH_THRESHOLDS = {
  /** Less is not worth a word: the larger of these. */
  leastKiB: 64 * 1_024,
  leastShare: 0.03,
  /** Growth begins where so much of it is still to come. */
  beforeShare: 0.95,
} as const;

/** Sums rows by what people call them; the largest few. */
export function largestServices(rows: readonly ServiceSize[]): ServiceSize[] {
  const sums = new Map<string, number>();
  for (const { service, sizeKiB } of rows) sums.set(service, (sums.get(service) ?? 0) + sizeKiB);
  return [...sums]
    .map(([service, sizeKiB]) => ({ service, sizeKiB }))
    .toSorted((a, b) => b.sizeKiB - a.sizeKiB)
    .slice(0, SERVICES_KEPT);
}

/** Sizes of one service over time; 0 where it was not among the largest. */
export function sizesOf(service: string, moments: readonly Moment[]): { atMs: number; sizeKiB: number }[] {
  return moments.map(({ atMs, services }) => ({
    atMs,
    sizeKiB: services.find((one) => one.service === service)?.sizeKiB ?? 0,
  }));
}

/**
 * Who grew most over these moments (oldest first). `death`: what is known of a victim at its end, where it was larger than when it
 * was last seen. null: nobody grew by a part that matters.
 */
export function findGrowth(
  moments: readonly Moment[],
  death: { atMs: number; service: string; sizeKiB: number } | null = null,
): Growth | null {
  const [first] = moments;
  const last = moments.at(-1);
  if (first === undefined || last === undefined) return null;
  const names = new Set([...last.services.map((one) => one.service), ...(death === null ? [] : [death.service])]);
  const grown = [...names]
    .map((service) => growthOf(service, moments, death?.service === service ? death : null))
    .filter((growth) => growth !== null)
    .toSorted((a, b) => b.toKiB - b.fromKiB - (a.toKiB - a.fromKiB));
  const least = Math.max(GROWTH_THRESHOLDS.leastKiB, GROWTH_THRESHOLDS.leastShare * first.totalKiB);
  const [most] = grown;
  return most !== undefined && most.toKiB - most.fromKiB >= least ? most : null;
}

function growthOf(
  service: string,
  moments: readonly Moment[],
  death: { atMs: number; sizeKiB: number } | null,
): Growth | null {
  const seen = moments.map(({ atMs, services }) => {
    const size = services.find((one) => one.service === service)?.sizeKiB;
    // What is not listed is no larger than the smallest that is.
    const floorKiB = services.length < SERVICES_KEPT ? 0 : (services.at(-1)?.sizeKiB ?? 0);
    return { atMs, sizeKiB: size ?? floorKiB, isNew: size === undefined };
  });
  const newest = seen.at(-1);
  const end = death !== null && death.sizeKiB > (newest?.sizeKiB ?? 0) ? { ...death, isNew: false } : newest;
  if (end === undefined || end.isNew) return null;
  const [first] = [...seen, end].toSorted((a, b) => a.sizeKiB - b.sizeKiB || b.atMs - a.atMs);
  if (first === undefined || first.sizeKiB >= end.sizeKiB) return null;
  // It may have rested at its small size for long: the growth begins at its end.
  const rise = end.sizeKiB - first.sizeKiB;
  const start =
    seen.findLast(
      ({ atMs, sizeKiB }) => atMs < end.atMs && end.sizeKiB - sizeKiB >= GROWTH_THRESHOLDS.beforeShare * rise,
    ) ?? first;
  if (start.atMs >= end.atMs) return null;
  return {
    service,
    fromKiB: start.sizeKiB,
    toKiB: end.sizeKiB,
    fromMs: start.atMs,
    toMs: end.atMs,
    isNew: start.isNew,
  };
}
