import { describeWeek, type Report, type ReportRow } from '../../notice/answer/report-notice.ts';
import type { AnswersWorld } from './answers-world.ts';
import type { Handlers } from './handlers.ts';
import { queryOf, rowsOf } from './kill-rows.ts';
import type { Clock } from '../ports.ts';
import { pastOf } from '../service-past.ts';
import type { HostStore, IncidentStore, KillStore } from '../store-port.ts';
import type { Targets } from './targets.ts';

export type ReportStore = KillStore & IncidentStore & HostStore;

const WEEK_MS = 7 * 24 * 60 * 60_000;
const SPAN_MAX_MS = 31 * 24 * 60 * 60_000;
const COUNTS_MAX = 20_000;
const TIMES_MAX = 5_000;
const PASTS_MAX = 5;
/** Whose incidents are looked at, and how many of each. */
const HOSTS_MAX = 30;
const INCIDENTS_MAX = 50;

/** The digest on demand: of a host, a tag, a service or the fleet. */
export function openReportAnswer(
  { store, fleet, clock, keepKillsMs }: AnswersWorld,
  targets: Targets,
): Handlers['answerReport'] {
  return async ({ target: asked, forMs }) => {
    const target = asked === null ? { kind: 'fleet' as const } : await targets.any(asked);
    if (target.kind === 'refused') return target;
    const { hosts, service } = queryOf(target);
    const report = await makeReport(store, clock, {
      target: target.kind === 'fleet' ? 'all hosts' : target.name,
      asked,
      hosts: hosts ?? fleet.hosts().map((host) => host.name),
      all: hosts === null,
      service,
      spanMs: Math.min(SPAN_MAX_MS, Math.max(60_000, forMs ?? WEEK_MS)),
      keepKillsMs,
    });
    return { kind: 'notice', notice: describeWeek(report) };
  };
}

/** Looks at what died, why, and what stands out on these hosts. `all`: also hosts that are no longer watched. */
export async function makeReport(
  store: ReportStore,
  clock: Clock,
  of: {
    target: string;
    asked: string | null;
    hosts: string[];
    all: boolean;
    service: string | null;
    spanMs: number;
    keepKillsMs: number;
  },
): Promise<Report> {
  const untilMs = clock.nowMs();
  const sinceMs = untilMs - of.spanMs;
  const query = { hosts: of.all ? null : of.hosts, service: of.service, sinceMs, untilMs: null };
  const [counts, times, before, hostProfiles] = await Promise.all([
    store.countKills({ ...query, limit: COUNTS_MAX }),
    store.killTimes({ ...query, limit: TIMES_MAX }),
    store.countKills({ ...query, sinceMs: sinceMs - of.spanMs, untilMs: sinceMs, limit: COUNTS_MAX }),
    store.hostProfiles(),
  ]);
  const rows = rowsOf(counts, times);
  const causes = await causesOf(store, [...new Set(rows.map((row) => row.host))].slice(0, HOSTS_MAX), {
    sinceMs,
    service: of.service,
  });
  const reachesBack = 2 * of.spanMs <= of.keepKillsMs;
  const mine = hostProfiles.filter(({ host }) => of.hosts.includes(host));
  return {
    target: of.target,
    asked: of.asked,
    sinceMs,
    untilMs,
    kills: sumOf(counts),
    killsBefore: reachesBack ? sumOf(before) : null,
    hostCount: of.hosts.length,
    rows: await Promise.all(
      rows.map(async (row, at): Promise<ReportRow> => ({
        ...row,
        killsBefore: reachesBack
          ? sumOf(before.filter(({ host, service }) => host === row.host && service === row.service))
          : null,
        leak: at < PASTS_MAX ? (await pastOf(store, { ...row, sinceMs }, untilMs)).leak : null,
        cause: causes.find((one) => one.host === row.host && one.service === row.service)?.code ?? null,
      })),
    ),
    causes: [...Map.groupBy(causes, (one) => one.code)]
      .map(([code, all]) => ({ code, incidents: all.reduce((sum, one) => sum + one.incidents, 0) }))
      .toSorted((a, b) => b.incidents - a.incidents),
    withoutSwap: mine.filter((hostProfile) => hostProfile.totalSwapKiB === 0).map((hostProfile) => hostProfile.host),
    oddAdj: mine.flatMap(({ host, oddAdj }) => oddAdj.map((odd) => ({ ...odd, host }))),
  };
}

/** Incidents by host, service and cause, most first. */
async function causesOf(
  store: ReportStore,
  hosts: readonly string[],
  { sinceMs, service }: { sinceMs: number; service: string | null },
): Promise<{ host: string; service: string; code: string; incidents: number }[]> {
  const all = (await Promise.all(hosts.map((host) => store.incidents(host, INCIDENTS_MAX)))).flat();
  const recent = all.filter(
    (incident) => incident.lastAtMs >= sinceMs && (service === null || incident.service === service),
  );
  const groups = Map.groupBy(recent, ({ host, service: of, cause }) => JSON.stringify([host, of, cause?.code]));
  return [...groups.values()]
    .flatMap((incidents) => {
      const [first] = incidents;
      if (first === undefined || first.cause === null) return [];
      return [{ host: first.host, service: first.service, code: first.cause.code, incidents: incidents.length }];
    })
    .toSorted((a, b) => b.incidents - a.incidents);
}

function sumOf(counts: readonly { count: number }[]): number {
  return counts.reduce((sum, { count }) => sum + count, 0);
}
