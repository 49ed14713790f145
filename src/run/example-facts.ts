import type { Drill } from '../incident/drill.ts';
import type { Danger } from '../incident/early-warning.ts';
import type { Growth, Moment } from '../incident/growth.ts';
import type { Leak } from '../incident/leak.ts';
import type { Recurrence } from '../incident/recurrence.ts';
import type { HostRow } from '../notice/answer/fleet-notice.ts';
import type { History } from '../notice/answer/history-notice.ts';
import type { Report } from '../notice/answer/report-notice.ts';
import type { Ranking } from '../notice/scores-notice.ts';

/** A host and a service that do not exist, for examples of what is said of real ones. */
export const EXAMPLE = { host: 'example-db01', service: 'mysql.service', userId: 'U00000000' } as const;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const TOTAL_KIB = 12_582_440;
const { host: HOST, service: SERVICE } = EXAMPLE;

const LEAK: Omit<Leak, 'nextAtMs'> = {
  slopeKiBPerHour: 300_000,
  r2: 0.97,
  lives: 4,
  typicalLifeMs: 9 * HOUR_MS,
  typicalSizeKiB: 6_000_000,
};

export function exampleHost(nowMs: number): HostRow {
  return {
    name: HOST,
    address: '192.0.2.7',
    tags: ['db'],
    from: 'added in Slack',
    state: { kind: 'unreachable', sinceMs: nowMs - HOUR_MS, reason: 'connection refused' },
    lastKillAtMs: nowMs - MINUTE_MS,
    killsLast7d: 3,
    problems: ['The kernel log cannot be read: run oombot check.'],
    mutedUntilMs: nowMs + HOUR_MS,
    fromSlack: true,
  };
}

/** Memory on the way to a kill at `nowMs`. */
export function exampleMoments(nowMs: number): Moment[] {
  return Array.from({ length: 30 }, (_, at) => ({
    atMs: nowMs - (30 - at) * MINUTE_MS,
    totalKiB: TOTAL_KIB,
    availableKiB: TOTAL_KIB - 400_000 * at,
    totalSwapKiB: 0,
    freeSwapKiB: 0,
    pressureFullAvg10: at,
    services: [{ service: SERVICE, sizeKiB: 200_000 * at }],
  }));
}

export function exampleGrowth(nowMs: number): Growth {
  return { service: SERVICE, fromKiB: 0, toKiB: 6_000_000, fromMs: nowMs - 30 * MINUTE_MS, toMs: nowMs, isNew: false };
}

export function exampleDanger(nowMs: number): Danger {
  return {
    kind: 'running-out',
    restKiB: 900_000,
    totalKiB: TOTAL_KIB,
    leftMs: 15 * MINUTE_MS,
    fallKiBPerMinute: 60_000,
    sinceMs: nowMs - 10 * MINUTE_MS,
    pressureFullAvg10: 3.2,
  };
}

function recurrence(nowMs: number): Recurrence {
  return {
    kills: 3,
    times: 3,
    firstAtMs: nowMs - 2 * DAY_MS,
    lastAtMs: nowMs,
    typicalGapMs: DAY_MS,
    clockMinutes: [95, 852, 1_425],
    isDaily: true,
  };
}

export function exampleHistory(nowMs: number): History {
  const sizes = [3, 2, 1].map((days) => ({ atMs: nowMs - days * DAY_MS, sizeKiB: 6_000_000 }));
  return {
    target: HOST,
    sinceMs: nowMs - 7 * DAY_MS,
    untilMs: nowMs,
    killsBefore: 1,
    rows: [
      {
        host: HOST,
        service: SERVICE,
        label: null,
        kills: 3,
        recurrence: recurrence(nowMs),
        past: { sizes, leak: { ...LEAK, nextAtMs: nowMs + HOUR_MS }, isFaster: true },
      },
    ],
    days: [3, 2, 1, 0].map((days) => ({ dayMs: nowMs - days * DAY_MS, kills: 1 })),
    complete: false,
  };
}

export function exampleReport(nowMs: number): Report {
  return {
    target: 'all hosts',
    asked: null,
    sinceMs: nowMs - 7 * DAY_MS,
    untilMs: nowMs,
    kills: 3,
    killsBefore: 1,
    hostCount: 12,
    rows: [
      {
        host: HOST,
        service: SERVICE,
        kills: 3,
        killsBefore: 1,
        recurrence: recurrence(nowMs),
        leak: { ...LEAK, nextAtMs: nowMs + HOUR_MS },
        cause: 'memcg-limit',
      },
    ],
    causes: [{ code: 'memcg-limit', incidents: 3 }],
    withoutSwap: [HOST],
    oddAdj: [
      {
        kind: 'hog',
        host: HOST,
        service: SERVICE,
        name: 'mysqld',
        pid: 4_000,
        oomScoreAdj: -1_000,
        sizeKiB: 6_000_000,
        count: 1,
      },
    ],
  };
}

export function exampleRanking(nowMs: number): Ranking {
  const row = { unit: SERVICE, container: null, named: null, swapKiB: 1_024, oomScoreAdj: 0 };
  return {
    host: HOST,
    atMs: nowMs,
    rows: [
      { ...row, pid: 4_000, name: 'mysqld', rssKiB: 6_000_000, score: 700, points: 1_500_000 },
      { ...row, pid: 1, name: 'systemd', rssKiB: 12_000, score: 0, points: null },
    ],
    processCount: 143,
    availableKiB: 900_000,
    totalKiB: TOTAL_KIB,
    freeSwapKiB: 1_000_000,
    totalSwapKiB: 2_000_000,
    warnings: ['Processes of other users are hidden (hidepid).'],
  };
}

/** A drill that worked. */
export function exampleDrill(nowMs: number): Drill {
  const askedAtMs = nowMs - 60_000;
  return {
    id: '0123456789abcdef'.repeat(2),
    host: EXAMPLE.host,
    channel: '#oom',
    by: EXAMPLE.userId,
    state: 'worked',
    madeAtMs: askedAtMs - 1_000,
    askedAtMs,
    killedAtMs: askedAtMs + 120,
    seenAtMs: askedAtMs + 180,
    recordedAtMs: askedAtMs + 190,
    toldAtMs: askedAtMs + 520,
    counted: { before: 4, after: 5 },
    end: null,
  };
}
