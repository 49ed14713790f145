import type { Incident } from '../incident/incident.ts';
import { sayKiB } from '../oom/units.ts';
import type { ScoreRow, Ranking } from '../notice/scores-notice.ts';
import { sayShare } from '../notice/units.ts';
import { UNKILLABLE } from '../oom/badness/badness.ts';
import { identifyCgroup, isWithin } from '../oom/proc/cgroup.ts';
import { nameOfGroup, type ContainerName } from '../oom/proc/container-name.ts';
import { rankNext, type LiveRank, type ProcessFacts, type ProcScan } from '../oom/proc/proc-scan.ts';

/** Memory groups whose limit was hit before: path → limit in KiB, null where the report did not say. */
export type LimitedGroups = ReadonlyMap<string, number | null>;

const NEXT_COUNT = 3;
/** A tenth of the time in which everybody waits for memory is felt by users. */
const PRESSURE_WORTH_SAYING = 10;

/** Who dies next on a host by its scan, first to die first, at most `limit` rows; `warnings` say what makes the order doubtful. */
export function rankingOf(
  host: string,
  live: { scan: ProcScan; atMs: number },
  limit: number,
  limited: LimitedGroups = new Map(),
): Ranking {
  const { scan, atMs } = live;
  const rank = rankNext(scan);
  const ordered = orderOf(scan, rank).slice(0, limit);
  return {
    host,
    atMs,
    rows: ordered.map(({ facts, points }) => rowOf(facts, points, nameOfGroup(scan.containers, facts.cgroup))),
    processCount: scan.processes.length,
    availableKiB: scan.memAvailableKiB,
    totalKiB: scan.memTotalKiB,
    freeSwapKiB: scan.swapFreeKiB,
    totalSwapKiB: scan.swapTotalKiB,
    warnings: [
      ...doubts(scan, rank),
      ...limitWarnings(
        ordered.map(({ facts }) => facts),
        limited,
      ),
    ],
  };
}

/**
 * The processes of one memory group, as the kernel weighs them when that group is full: among themselves, by its limit. Up to the
 * group's own swap limit, which a scan does not tell.
 */
export function scanOfGroup(scan: ProcScan, group: string, limitKiB: number | null): ProcScan {
  return {
    ...scan,
    memTotalKiB: limitKiB ?? scan.memTotalKiB,
    swapTotalKiB: limitKiB === null ? scan.swapTotalKiB : 0,
    processes: scan.processes.filter(({ cgroup }) => isWithin(cgroup, group)),
  };
}

/** The first who would die next among those of whom this incident's victim was chosen: on the host, or in the full group. */
export function whoIsNext(incident: Incident, live: { scan: ProcScan; atMs: number }): Incident['next'] {
  const record = incident.kills.at(-1)?.record;
  const group = record?.domain === 'memcg' ? record.oomMemcg : null;
  const scan =
    record && group !== null && group !== '/' ? scanOfGroup(live.scan, group, record.memcgLimitKiB) : live.scan;
  const candidates = orderOf(scan, rankNext(scan))
    .filter(({ points }) => points !== null)
    .slice(0, NEXT_COUNT)
    .map(({ facts: { pid, name, rssKiB, swapKiB, oomScoreAdj } }) => ({ pid, name, rssKiB, swapKiB, oomScoreAdj }));
  return { candidates, atMs: live.atMs };
}

function orderOf(scan: ProcScan, rank: LiveRank): { facts: ProcessFacts; points: number | null }[] {
  if (rank.formula.scale !== null) {
    return rank.ranking.map(({ task, points }) => ({ facts: task, points: points === UNKILLABLE ? null : points }));
  }
  // Up to 2.6.35 nothing at hand tells the points; the kernel's own score is in the same order.
  return scan.processes
    .toSorted((a, b) => b.oomScore - a.oomScore || a.pid - b.pid)
    .map((facts) => ({ facts, points: facts.legacyOomAdj === -17 || facts.pid === 1 ? null : facts.oomScore }));
}

function rowOf(facts: ProcessFacts, points: number | null, named: ContainerName | null): ScoreRow {
  const identity = facts.cgroup === null ? null : identifyCgroup(facts.cgroup);
  return {
    pid: facts.pid,
    name: facts.name,
    unit: identity?.unit ?? null,
    container: identity?.container ?? null,
    named,
    rssKiB: facts.rssKiB,
    swapKiB: facts.swapKiB,
    score: facts.oomScore,
    oomScoreAdj: facts.oomScoreAdj,
    points,
  };
}

function doubts(scan: ProcScan, { formula, ranking }: LiveRank): string[] {
  const [first, second] = ranking;
  const pressure = scan.pressureFullAvg10;
  return [
    ...(scan.seesAll
      ? []
      : [
          `Processes of other users are hidden from the bot there (/proc is mounted with hidepid=${scan.hidepid}), so the real order may be another. Put the bot’s user into the group that the mount option gid= names.`,
        ]),
    ...(scan.complete ? [] : ['The answer was cut off: processes are missing.']),
    ...(scan.allocatingTask === true
      ? ['vm.oom_kill_allocating_task is 1 there: whoever asks for memory dies, not the first of this list.']
      : []),
    ...(scan.panicOnOom !== null && scan.panicOnOom > 0
      ? [`vm.panic_on_oom is ${scan.panicOnOom} there: the host panics instead of killing.`]
      : []),
    ...(formula.scale === null ? ['This kernel is too old to recompute its choice: sorted by its own scores.'] : []),
    ...(first?.tied === true && second !== undefined
      ? ['The first two have the same points: their order in the kernel’s list decides.']
      : []),
    ...(pressure !== null && pressure >= PRESSURE_WORTH_SAYING
      ? [`In the last 10 s everything there waited for memory ${sayShare(pressure, 100)} of the time.`]
      : []),
  ];
}

// A scan does not read limits; that a group has one is known from kills in it.
function limitWarnings(shown: readonly ProcessFacts[], limited: LimitedGroups): string[] {
  return [...limited].flatMap(([group, limitKiB]) => {
    const names = shown.filter(({ cgroup }) => isWithin(cgroup, group)).map(({ name, pid }) => `${name} (pid ${pid})`);
    if (names.length === 0) return [];
    const limit = limitKiB === null ? 'a limit' : `a limit of ${sayKiB(limitKiB)}`;
    const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
    return [
      `${names.slice(0, 3).join(', ')}${more}: memory group ${group} hit ${limit} before. When it is full again, one of its own processes dies, whatever the host has free.`,
    ];
  });
}
