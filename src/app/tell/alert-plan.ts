import { POSTS_MAX, POSTS_WINDOW_MS, STORM_QUIET_MS } from './send-plan.ts';

/** What opens an alert waits so long for others: the first incidents of a storm should be in its alert, not beside it. */
export const GATHER_MS = 2_000;
/** How far back the plan looks. */
export const ALERTS_BACK_MS = STORM_QUIET_MS + POSTS_WINDOW_MS;
const STORM = 'storm-';

/** An incident at a webhook of alerts; `alert` null: it is in none yet. */
export interface Placed {
  key: string;
  alert: string | null;
  createdAtMs: number;
}

/** Whether an alert tells of several incidents. */
export function isStorm(alert: string): boolean {
  return alert.startsWith(STORM);
}

/** The incident with which an alert began: what the alert was told is noted in its row. */
export function headOf(alert: string): string {
  return isStorm(alert) ? alert.slice(STORM.length) : alert;
}

/**
 * Which alert each new incident belongs to. While a storm lasts all are in its alert; it is over after half a minute without a new
 * one. Else each has its own while there are no more than in a calm channel, and together they begin a storm. Those that are not
 * placed yet are looked at again at `untilMs`. Pure: after a restart the same rows give the same alerts.
 */
export function placeAlerts(
  unplaced: readonly Placed[],
  before: readonly Placed[],
  nowMs: number,
): { places: Map<string, string>; untilMs: number | null } {
  const places = new Map<string, string>();
  const known = before.filter(({ alert }) => alert !== null);
  const waiting = unplaced.toSorted((a, b) => a.createdAtMs - b.createdAtMs || (a.key < b.key ? -1 : 1));
  while (waiting[0] !== undefined) {
    const [first] = waiting;
    const storm = known
      .filter(({ alert }) => isStorm(alert ?? ''))
      .toSorted((a, b) => b.createdAtMs - a.createdAtMs)[0];
    const isOn = storm !== undefined && first.createdAtMs - storm.createdAtMs < STORM_QUIET_MS;
    if (!isOn && nowMs < first.createdAtMs + GATHER_MS) return { places, untilMs: first.createdAtMs + GATHER_MS };
    const together = isOn ? [first] : waiting.filter((one) => one.createdAtMs <= first.createdAtMs + POSTS_WINDOW_MS);
    const lately = known.filter((one) => one.createdAtMs > first.createdAtMs - POSTS_WINDOW_MS).length;
    const isCalm = !isOn && lately + together.length <= POSTS_MAX;
    for (const one of together) {
      const alert = isOn ? storm.alert : isCalm ? one.key : `${STORM}${first.key}`;
      places.set(one.key, alert ?? one.key);
      known.push({ ...one, alert });
    }
    waiting.splice(0, waiting.length, ...waiting.filter(({ key }) => !places.has(key)));
  }
  return { places, untilMs: null };
}
