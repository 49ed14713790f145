import { describeScores } from '../../notice/scores-notice.ts';
import type { AnswersWorld } from './answers-world.ts';
import type { Handlers } from './handlers.ts';
import type { LiveScans } from '../live-scan.ts';
import { rankingOf, type LimitedGroups } from '../ranking.ts';
import { scanRefusal } from './scan-refusal.ts';
import type { Targets } from './targets.ts';

const WITHIN_MS = 10_000;
const ROWS = 10;
const ROWS_MAX = 50;
const DAY_MS = 24 * 60 * 60_000;
/** Kills of the last days that tell which memory groups have a limit. */
const LIMITS_SINCE_MS = 30 * DAY_MS;
const LIMITS_KILLS = 50;

/** Who dies next, live. */
export function openScoresAnswer(
  { store, clock }: AnswersWorld,
  targets: Targets,
  scans: LiveScans,
): Handlers['answerScores'] {
  return async ({ host, limit }) => {
    const target = await targets.host(host);
    if (target.kind === 'refused') return target;
    const [live, limited] = await Promise.all([scans.read(target.name, WITHIN_MS), limitedGroups(target.name)]);
    if (live.kind !== 'scan') return scanRefusal(target.name, live);
    const rows = Math.min(ROWS_MAX, Math.max(1, Math.trunc(limit ?? ROWS) || ROWS));
    return { kind: 'notice', notice: describeScores(rankingOf(target.name, live, rows, limited)) };
  };

  async function limitedGroups(host: string): Promise<LimitedGroups> {
    const sinceMs = clock.nowMs() - LIMITS_SINCE_MS;
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
}
