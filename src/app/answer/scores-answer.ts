import { describeScores } from '../../notice/scores-notice.ts';
import type { AnswersWorld } from './answers-world.ts';
import type { Handlers } from './handlers.ts';
import type { LiveScans } from '../live-scan.ts';
import { limitedGroups } from '../limited-groups.ts';
import { rankingOf } from '../ranking.ts';
import { scanRefusal } from './scan-refusal.ts';
import type { Targets } from './targets.ts';

const WITHIN_MS = 10_000;
const ROWS = 10;
const ROWS_MAX = 50;

/** Who dies next, live. */
export function openScoresAnswer(
  { store, clock }: AnswersWorld,
  targets: Targets,
  scans: LiveScans,
): Handlers['answerScores'] {
  return async ({ host, limit }) => {
    const target = await targets.host(host);
    if (target.kind === 'refused') return target;
    const [live, limited] = await Promise.all([
      scans.read(target.name, WITHIN_MS),
      limitedGroups(store, target.name, clock.nowMs()),
    ]);
    if (live.kind !== 'scan') return scanRefusal(target.name, live);
    const rows = Math.min(ROWS_MAX, Math.max(1, Math.trunc(limit ?? ROWS) || ROWS));
    return { kind: 'notice', notice: describeScores(rankingOf(target.name, live, rows, limited)) };
  };
}
