import { fitLine, median } from './least-squares.ts';

/** One death of a service: when, how large it was, and when it had started, where that is known. */
export interface Death {
  atMs: number;
  sizeKiB: number;
  bornAtMs: number | null;
}

/** How large the service was at some moment of its life. */
export interface SizeAt {
  atMs: number;
  sizeKiB: number;
}

/** From a start to a death. */
export interface Life {
  bornAtMs: number;
  diedAtMs: number;
  sizeKiB: number;
}

export interface Leak {
  slopeKiBPerHour: number;
  /** How straight the growth was, 0 to 1. */
  r2: number;
  /** When the next kill is due at this rate; null: it should have come by now. */
  nextAtMs: number | null;
  /** Lives that it was seen in. */
  lives: number;
  /** The middle one of their lengths. */
  typicalLifeMs: number;
  /** The middle one of the sizes at death. */
  typicalSizeKiB: number;
}

export const LEAK_THRESHOLDS = {
  lives: 3,
  r2: 0.8,
  /** Sizes at death may be off their middle by this share: a leak dies at the same size. */
  sizeSpread: 0.3,
  /** By so much of its size at death it must have grown in a life: what is large from its start on does not leak. */
  growthShare: 0.2,
  /** Deaths without a longer pause are one: the workers of a pool. */
  togetherMs: 60_000,
  /** Past its time by so much of a life, the next kill is no longer expected. */
  overdueShare: 0.5,
} as const;

const HOUR_MS = 3_600_000;

/**
 * Lives of a service, oldest first. Deaths less than `togetherMs` apart are one, of the largest size. A life whose start is not
 * known begins with the death before; the first is left out then.
 */
export function livesOf(deaths: readonly Death[], togetherMs: number = LEAK_THRESHOLDS.togetherMs): Life[] {
  const lives: Life[] = [];
  let before: { atMs: number; sizeKiB: number } | null = null;
  for (const death of deaths.toSorted((a, b) => a.atMs - b.atMs)) {
    const last = lives.at(-1);
    if (before !== null && death.atMs - before.atMs <= togetherMs) {
      if (last?.diedAtMs === before.atMs) {
        last.diedAtMs = death.atMs;
        last.sizeKiB = Math.max(last.sizeKiB, death.sizeKiB);
      }
    } else {
      const since: number | null = before?.atMs ?? null;
      // A process that is older than the death before was not killed by it: a life of its own.
      const bornAtMs = death.bornAtMs ?? since;
      if (bornAtMs !== null && bornAtMs < death.atMs)
        lives.push({ bornAtMs, diedAtMs: death.atMs, sizeKiB: death.sizeKiB });
    }
    before = death;
  }
  return lives;
}

/**
 * Whether a service grows from each start until it is killed. `sizes` are what was seen between, in any order; a life without any
 * is taken to begin at nothing, which shows a leak only as lives of like length: pass `clockMinute` where kills keep a clock time,
 * which explains that as well. null: no leak is seen.
 */
export function findLeak(
  lives: readonly Life[],
  sizes: readonly SizeAt[],
  given: { nowMs: number; clockMinute: number | null },
): Leak | null {
  const known = lives.filter((life) => life.sizeKiB > 0 && life.diedAtMs > life.bornAtMs);
  if (known.length < LEAK_THRESHOLDS.lives) return null;
  const typicalSizeKiB = median(known.map((life) => life.sizeKiB));
  const typicalLifeMs = median(known.map((life) => life.diedAtMs - life.bornAtMs));
  if (known.some((life) => Math.abs(life.sizeKiB - typicalSizeKiB) > LEAK_THRESHOLDS.sizeSpread * typicalSizeKiB))
    return null;

  const seen = known.map((life) => ({ life, within: sizes.filter(({ atMs }) => isIn(atMs, life)) }));
  if (given.clockMinute !== null && seen.filter(({ within }) => within.length > 0).length < LEAK_THRESHOLDS.lives)
    return null;
  const line = fitLine(seen.flatMap(({ life, within }) => pointsOf(life, within)));
  if (line === null || line.slope <= 0 || line.r2 < LEAK_THRESHOLDS.r2) return null;
  const slopePerMs = line.slope;
  if (slopePerMs * typicalLifeMs < LEAK_THRESHOLDS.growthShare * typicalSizeKiB) return null;
  return {
    slopeKiBPerHour: Math.round(slopePerMs * HOUR_MS),
    r2: line.r2,
    nextAtMs: nextOf(known, sizes, { slopePerMs, typicalSizeKiB, typicalLifeMs, nowMs: given.nowMs }),
    lives: known.length,
    typicalLifeMs,
    typicalSizeKiB,
  };
}

function isIn(atMs: number, life: Life): boolean {
  return atMs > life.bornAtMs && atMs <= life.diedAtMs;
}

/** Size by age. What was seen says more than the guess that it began at nothing. */
function pointsOf(life: Life, within: readonly SizeAt[]): { x: number; y: number }[] {
  const start = within.length > 0 ? [] : [{ x: 0, y: 0 }];
  const middle = within.map(({ atMs, sizeKiB }) => ({ x: atMs - life.bornAtMs, y: sizeKiB }));
  return [...start, ...middle, { x: life.diedAtMs - life.bornAtMs, y: life.sizeKiB }];
}

/** From the last size that was seen since the last death, else from that death on. */
function nextOf(
  lives: readonly Life[],
  sizes: readonly SizeAt[],
  rate: { slopePerMs: number; typicalSizeKiB: number; typicalLifeMs: number; nowMs: number },
): number | null {
  const lastDeathMs = Math.max(...lives.map((life) => life.diedAtMs));
  const newest = sizes.filter((size) => size.atMs > lastDeathMs).toSorted((a, b) => b.atMs - a.atMs)[0];
  const restKiB = newest === undefined ? 0 : Math.max(0, rate.typicalSizeKiB - newest.sizeKiB);
  const nextAtMs =
    newest === undefined ? lastDeathMs + rate.typicalLifeMs : Math.round(newest.atMs + restKiB / rate.slopePerMs);
  return rate.nowMs - nextAtMs > LEAK_THRESHOLDS.overdueShare * rate.typicalLifeMs ? null : nextAtMs;
}

/** Whether lives get shorter at the same size: the newer half is at most two thirds of the older one, from four lives on. */
export function isFaster(lives: readonly Life[]): boolean {
  const lengths = lives.toSorted((a, b) => a.diedAtMs - b.diedAtMs).map((life) => life.diedAtMs - life.bornAtMs);
  if (lengths.length < 4) return false;
  const half = Math.floor(lengths.length / 2);
  return median(lengths.slice(-half)) <= (2 / 3) * median(lengths.slice(0, half));
}
