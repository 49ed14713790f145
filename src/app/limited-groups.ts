import type { LimitedGroups } from './ranking.ts';
import type { KillStore } from './store-port.ts';

const DAY_MS = 24 * 60 * 60_000;
/** Kills of the last days that tell which memory groups have a limit. */
const LIMITS_SINCE_MS = 30 * DAY_MS;
const LIMITS_KILLS = 50;

/** Memory groups of a host whose limit was hit in the last month, with the limit of the newest kill; null: it was not told. */
export async function limitedGroups(store: KillStore, host: string, nowMs: number): Promise<LimitedGroups> {
  const sinceMs = nowMs - LIMITS_SINCE_MS;
  const kills = await store.kills({ hosts: [host], sinceMs, untilMs: null, service: null, limit: LIMITS_KILLS });
  const groups = new Map<string, number | null>();
  // Newest first: the limit of the last kill is the one that counts.
  for (const { record } of kills) {
    const { domain, oomMemcg, memcgLimitKiB } = record;
    if (domain === 'memcg' && oomMemcg !== null && oomMemcg !== '/' && !groups.has(oomMemcg))
      groups.set(oomMemcg, memcgLimitKiB);
  }
  return groups;
}
