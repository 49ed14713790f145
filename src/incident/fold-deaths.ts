import type { KillRecord } from '../oom/report.ts';
import { isSameDeath, momentOf } from './death-key.ts';
import type { Kill } from './incident.ts';

/** Under which name a death is looked up: kills that may be one death have the same. */
export function placeOf({ key }: Pick<Kill, 'key'>): string {
  return momentOf(key) ?? key;
}

/** Each death once, in the order in which they were told first, under its first key. */
export function foldDeaths(kills: readonly Kill[]): Kill[] {
  const told = new Map<string, Kill[]>();
  for (const kill of kills) {
    const near = told.get(placeOf(kill)) ?? [];
    const at = near.findIndex(({ key }) => isSameDeath(key, kill.key));
    const before = near[at];
    told.set(placeOf(kill), before === undefined ? [...near, kill] : near.with(at, mergeKill(before, kill) ?? before));
  }
  return [...told.values()].flat();
}

/**
 * What is known of one death after it was told again; null: nothing new. The first source keeps the word, but for one that
 * not every local user can write to, and later facts come from the source that told it.
 */
export function mergeKill(before: Kill, next: Kill): Kill | null {
  const isProven = next.verified && !before.verified;
  const isLater =
    next.source === before.source &&
    next.verified === before.verified &&
    next.record.evidence.length >= before.record.evidence.length;
  const merged = {
    ...before,
    bootId: before.bootId ?? next.bootId,
    ...(isProven || isLater
      ? { source: next.source, verified: next.verified, record: keepCompleted(before.record, next.record) }
      : {}),
    who: before.who ?? next.who,
    ...(next.container && !before.container ? { container: next.container } : {}),
  };
  return factsOf(merged) === factsOf(before) ? null : merged;
}

/** What the host's counters added to a short line stays, unless the log tells it after all. */
function keepCompleted(before: KillRecord, next: KillRecord): KillRecord {
  if (before.completedByHost !== true || next.completedByHost === true || next.oomMemcg !== null) return next;
  const { taskMemcg, identity, oomMemcg, memcgLimitKiB, cause, warnings } = before;
  return { ...next, taskMemcg, identity, oomMemcg, memcgLimitKiB, cause, warnings, completedByHost: true };
}

// Line and report numbers count from where reading began: the same log read again is no news.
function factsOf(kill: Kill): string {
  return JSON.stringify(kill, (key, value: unknown) => (key === 'line' || key === 'report' ? 0 : value));
}
