import { notReachedText } from '../../notice/answer/answer-notes.ts';
import { describeHistory, type History } from '../../notice/answer/history-notice.ts';
import type { AnswersWorld } from './answers-world.ts';
import type { Handlers } from './handlers.ts';
import { labelsOf, queryOf, rowsOf } from './kill-rows.ts';
import { pastOf } from '../service-past.ts';
import type { KillCount } from '../store-port.ts';
import type { Targets } from './targets.ts';

const DAY_MS = 24 * 60 * 60_000;
const SPAN_MS = 7 * DAY_MS;
const SPAN_MAX_MS = 366 * DAY_MS;
const COUNTS_MAX = 20_000;
/** The newest kills, whose times tell how things repeat. */
const TIMES_MAX = 5_000;
/** Whose sizes at death are looked at: whole reports are read for that. */
const PASTS_MAX = 3;
/** As many as the table shows. */
const LABELS_MAX = 20;

/** Kills over time of a host, a tag, a service or the fleet. */
export function openHistoryAnswer(
  { store, fleet, clock, keepKillsMs }: AnswersWorld,
  targets: Targets,
): Handlers['answerHistory'] {
  return async ({ target: asked, forMs }) => {
    const target = asked === null ? { kind: 'fleet' as const } : await targets.any(asked);
    if (target.kind === 'refused') return target;
    const nowMs = clock.nowMs();
    const spanMs = Math.min(SPAN_MAX_MS, Math.max(60_000, forMs ?? SPAN_MS));
    const sinceMs = nowMs - spanMs;
    const query = { ...queryOf(target), sinceMs, untilMs: null };
    const reachesBack = 2 * spanMs <= keepKillsMs;
    const [counts, times, before] = await Promise.all([
      store.countKills({ ...query, limit: COUNTS_MAX }),
      store.killTimes({ ...query, limit: TIMES_MAX }),
      reachesBack
        ? store.countKills({ ...query, sinceMs: sinceMs - spanMs, untilMs: sinceMs, limit: COUNTS_MAX })
        : null,
    ]);
    const rows = rowsOf(counts, times);
    const pasts = await Promise.all(rows.slice(0, PASTS_MAX).map((row) => pastOf(store, { ...row, sinceMs }, nowMs)));
    const labels = await labelsOf(store, rows.slice(0, LABELS_MAX));
    const notice = describeHistory({
      target: target.kind === 'fleet' ? 'all hosts' : target.name,
      sinceMs,
      untilMs: nowMs,
      killsBefore: before?.reduce((sum, { count }) => sum + count, 0) ?? null,
      rows: rows.map((row, at) => ({ ...row, past: pasts[at] ?? null, label: labels[at] ?? null })),
      days: daysOf(counts, sinceMs, nowMs),
      complete: spanMs <= keepKillsMs && counts.length < COUNTS_MAX,
    });
    const state = target.kind === 'host' ? fleet.link(target.name)?.state() : undefined;
    const away = state?.kind === 'unreachable' || state?.kind === 'refused';
    return {
      kind: 'notice',
      notice: away ? { ...notice, small: [...notice.small, notReachedText(state.sentence)] } : notice,
    };
  };
}

function daysOf(counts: readonly KillCount[], sinceMs: number, nowMs: number): History['days'] {
  const kills = new Map<number, number>();
  for (let dayMs = dayOf(sinceMs); dayMs <= nowMs; dayMs += DAY_MS) kills.set(dayMs, 0);
  for (const { hourMs, count } of counts) kills.set(dayOf(hourMs), (kills.get(dayOf(hourMs)) ?? 0) + count);
  return [...kills].map(([dayMs, many]) => ({ dayMs, kills: many })).toSorted((a, b) => a.dayMs - b.dayMs);
}

function dayOf(atMs: number): number {
  return Math.floor(atMs / DAY_MS) * DAY_MS;
}
