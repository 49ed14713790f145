import { identifyCgroup } from '../proc/cgroup.ts';
import { decodeText } from '../bytes.ts';
import { describeMemory, isMemoryCut } from './memory.ts';
import { predictVictim } from '../badness/prediction.ts';
import { hasBody, type DeathState, type ReportState } from './report-state.ts';
import type {
  Domain,
  Holder,
  Identity,
  KillRecord,
  MemcgFacts,
  Missing,
  MemoryPicture,
  Prediction,
  TaskFacts,
  TaskRow,
} from '../report.ts';
import { describeTasks } from './task-facts.ts';
import { keepRows, largestTasks, sumByName, type RowFacts } from './holders.ts';
import { parseTime } from '../time.ts';

const TOP_TASKS = 10;
const HOLDERS = 20;

/** What all victims of one report share, worked out once: the table can have thousands of rows. */
interface Shared {
  rows: RowFacts;
  topTasks: KillRecord['topTasks'];
  holders: Holder[];
  pageSizeKiB: number | null;
  memory: MemoryPicture | null;
  memcg: MemcgFacts | null;
  prediction: Prediction | null;
  tasks: TaskFacts | null;
}

const shared = new WeakMap<ReportState, Shared>();

const IDENTITIES_MAX = 256;
/** The same groups die again and again. */
const identities = new Map<string, Identity>();

function identityOfUnit(unit: string | null): Identity | null {
  return unit === null ? null : identify(`/${unit}`);
}

function identify(path: string): Identity {
  const known = identities.get(path);
  if (known !== undefined) return known;
  if (identities.size >= IDENTITIES_MAX) identities.clear();
  const identity = identifyCgroup(path);
  identities.set(path, identity);
  return identity;
}

/** The record of one victim, or of a report without one, from what has been read so far. */
export function buildRecord(death: DeathState): KillRecord {
  const { report, killed, userspace } = death;
  const facts = shareFacts(report, death);
  const row = death.pid === null ? null : facts.rows.find(death.pid);
  const { verdict, score, memcg } = report;
  const chosen = verdict !== null && (verdict.pid === death.pid || report.deaths[0] === death) ? verdict : null;
  const oomMemcg = verdict?.oomMemcg ?? memcg?.oomMemcg ?? null;
  const taskMemcg =
    userspace?.cgroup ?? chosen?.taskMemcg ?? (report.deaths[0] === death ? (memcg?.taskMemcg ?? null) : report.group);
  return {
    line: death.line.line,
    report: report.report,
    killer: death.userspace?.killer ?? report.killer,
    domain: findDomain(death),
    constraint: verdict?.constraint ?? null,
    pid: death.pid,
    name: death.name,
    uid: userspace?.uid ?? killed?.uid ?? (chosen?.pid === death.pid ? chosen?.uid : null) ?? row?.uid ?? null,
    oomScoreAdj: userspace?.oomScoreAdj ?? killed?.oomScoreAdj ?? row?.oomScoreAdj ?? null,
    score: userspace?.score ?? (report.deaths[0] === death ? (score?.score ?? null) : null),
    totalVmKiB: killed?.totalVmKiB ?? null,
    anonRssKiB: killed?.anonRssKiB ?? null,
    fileRssKiB: killed?.fileRssKiB ?? null,
    shmemRssKiB: killed?.shmemRssKiB ?? null,
    pageTablesKiB: killed?.pageTablesKiB ?? null,
    trigger: triggerOf(report),
    oomMemcg,
    taskMemcg,
    memcgUsageKiB: facts.memcg?.usageKiB ?? null,
    memcgLimitKiB: facts.memcg?.limitKiB ?? null,
    ramPages: report.memory.ramPages,
    totalSwapKiB: report.memory.totalSwapKiB,
    freeSwapKiB: report.memory.freeSwapKiB,
    tasksInDump: report.table?.count ?? null,
    topTasks: facts.topTasks,
    oomGroup: report.group,
    outcome: death.outcome,
    reaped: death.reaped,
    ...timesOf(death),
    identity: taskMemcg === null ? identityOfUnit(death.unit ?? userspace?.unit ?? null) : identify(taskMemcg),
    predictedVictim: facts.prediction,
    cause: null,
    evidence: [...report.evidence, ...death.evidence].sort((a, b) => a.line - b.line),
    warnings: [...report.warnings, ...death.warnings],
    selected: selectedOf(report),
    kernelRelease: report.cpu?.kernelRelease ?? null,
    pageSizeKiB: facts.pageSizeKiB,
    memory: facts.memory,
    memcg: facts.memcg,
    holders: facts.holders,
    slabs: report.slabs,
    tasks: facts.tasks,
    slabNamed: report.slabsOpen,
    byPageFault: report.roads.has('page-fault'),
    reason: userspace?.reason ?? null,
    aftermath: death.aftermath,
    host: hostOf(death),
    missing: missingOf(death),
    killedBefore: report.killedBefore,
    oomPolicy: report.oomPolicy,
    alsoBy: death.alsoBy,
    isTold: death.isTold,
  };
}

function hostOf({ line: { host } }: DeathState): string | null {
  return host === '' ? null : decodeText(host);
}

/** What a cut took away, by what stands before and behind it. */
function missingOf(death: DeathState): Missing[] {
  const { report } = death;
  if (report.killer !== 'kernel') return [];
  const { table, memory, headerLine, verdict, score } = report;
  const isUndecided = death.outcome === 'truncated' && !death.reaped;
  return [
    ...(headerLine === null && hasBody(report) ? ['beginning' as const] : []),
    ...(isMemoryCut(memory) ? ['memory' as const] : []),
    ...(table !== null && (table.torn || (isUndecided && verdict === null && score === null))
      ? ['tasks' as const]
      : []),
    ...(isUndecided ? ['end' as const] : []),
  ];
}

/** A name with a line break may have lost its first part in the header; the CPU line has it whole. */
function triggerOf({ trigger, cpu }: ReportState): KillRecord['trigger'] {
  if (trigger === null) return null;
  // The name's first lines may be lost, and a blank of what wraps the line may stand before it.
  const isWhole =
    cpu === null ||
    trigger.name === null ||
    !(cpu.comm.endsWith(`\n${trigger.name}`) || cpu.comm === trigger.name.trimStart());
  return { ...trigger, name: isWhole ? trigger.name : cpu.comm, pid: cpu?.pid ?? null };
}

function selectedOf(report: ReportState): KillRecord['selected'] {
  if (report.score !== null) return { pid: report.score.pid, name: report.score.name };
  if (report.verdict?.pid !== null && report.verdict?.pid !== undefined)
    return { pid: report.verdict.pid, name: report.verdict.name };
  return null;
}

function timesOf(death: DeathState): Pick<KillRecord, 'timeText' | 'time' | 'kernelSeconds'> {
  const { timeText, realtimeUs, kernelUs } = death.line;
  const readable = timeText === null ? null : decodeText(timeText);
  return {
    timeText: readable,
    time: parseTime(readable, realtimeUs),
    kernelSeconds: kernelUs === null ? null : kernelUs / 1e6,
  };
}

const DOMAINS: Record<string, Domain> = {
  CONSTRAINT_NONE: 'host',
  CONSTRAINT_CPUSET: 'cpuset',
  CONSTRAINT_MEMORY_POLICY: 'mempolicy',
  CONSTRAINT_MEMCG: 'memcg',
};

function findDomain(death: DeathState): Domain | null {
  const { report, killed, userspace } = death;
  // The kubelet tells of a system OOM only where it was the host's.
  if (death.namedBy === 'kubelet') return 'host';
  if (report.killer === 'kernel') return findKernelDomain(report, killed);
  if (report.killer === 'systemd-oomd')
    return userspace?.reason == null
      ? null
      : userspace.reason.startsWith('memory used') || userspace.reason.startsWith('swap used')
        ? 'host'
        : 'memcg';
  return report.killer === 'oomd' ? 'memcg' : 'host';
}

function findKernelDomain(report: ReportState, killed: DeathState['killed']): Domain | null {
  // Up to 5.0 the score line says it, and the kill line behind it is bare.
  const message = killed?.message || (report.score?.message ?? '');
  const isMemcg =
    message.startsWith('Memory cgroup') ||
    message.includes(' in UB ') ||
    report.score?.memcg === true ||
    report.verdict?.oomMemcg != null ||
    report.memcg?.oomMemcg != null;
  // With oom_memcg= it is a group's limit whatever the constraint is called: one tree of 5.2 printed CONSTRAINT_NONE there.
  if (isMemcg) return 'memcg';
  const byVerdict = report.verdict === null ? undefined : DOMAINS[report.verdict.constraint];
  if (byVerdict !== undefined) return byVerdict;
  if (message.includes('MPOL_BIND') || hasPolicyNodes(report)) return 'mempolicy';
  if (message === 'No available memory in cpuset') return 'cpuset';
  if (/^Out of [Mm]emory/.test(message) || (report.score !== null && !report.score.memcg)) return 'host';
  if (report.roads.has('memcg')) return 'memcg';
  return report.memory.totalsPages.size > 0 || report.roads.has('host') || report.roads.has('sysrq') ? 'host' : null;
}

const NODEMASK = /, nodemask=(\d[\d,-]{0,200}), ( ?)order=/;
const MEMS_ALLOWED = / mems_allowed=(\d[\d,-]{0,200})\s*$/;

/**
 * 4.11 to 4.20 print the nodes of a memory policy in the header, or `(null)`. 4.9 and 4.10 print those of the cpuset where there is
 * no policy (mm/oom_kill.c: dump_header()): there only nodes that are fewer than the cpuset's are a policy's.
 */
function hasPolicyNodes(report: ReportState): boolean {
  const nodes = report.verdict === null ? NODEMASK.exec(report.headerLine?.text ?? '') : null;
  if (nodes === null) return false;
  const allowed = MEMS_ALLOWED.exec(report.cpusetLine?.text ?? '')?.[1] ?? null;
  if (allowed !== null) return allowed !== nodes[1];
  // 4.11 to 4.14 alone have two blanks there.
  if (nodes[2] !== '') return true;
  const release = /^(\d{1,3})\.(\d{1,3})(?!\d)/.exec(report.cpu?.kernelRelease ?? '');
  return release !== null && (Number(release[1]) > 4 || Number(release[2]) > 10);
}

/**
 * Works out what needs the task table, and lets its rows go: a kill may stay open for long, and a table has thousands of them.
 * To be called once the victim is known; `buildRecord` does it too.
 */
export function shareFacts(report: ReportState, death: DeathState): Shared {
  const known = shared.get(report);
  if (known !== undefined) return known;
  const rows = report.table?.rows ?? [];
  const row = death.pid === null ? undefined : rows.find((one) => one.pid === death.pid);
  const pageSizeKiB = findPageSize(report, death, row);
  const facts: Shared = {
    rows: keepRows(rows),
    topTasks:
      report.table === null
        ? null
        : largestTasks(rows, TOP_TASKS).map(({ name, pid, rssPages }) => ({ name, pid, rssPages })),
    holders: sumByName(rows, HOLDERS),
    pageSizeKiB,
    memory: describeMemory(report.memory, pageSizeKiB ?? 4),
    memcg: report.memcg?.facts ?? null,
    prediction: null,
    tasks: describeTasks(rows, death.pid, selectedOf(report)?.pid ?? death.pid, pageSizeKiB ?? 4, report.recentPids),
  };
  facts.prediction = predict(report, death, facts);
  shared.set(report, facts);
  if (report.table !== null) report.table.rows = [];
  return facts;
}

/** total-vm of the kill line over total_vm of the victim's row, else the first block of the buddy list. Not printed anywhere. */
function findPageSize(report: ReportState, death: DeathState, row: TaskRow | undefined): number | null {
  const totalVmKiB = death.killed?.totalVmKiB ?? null;
  if (row !== undefined && row.totalVmPages > 0 && totalVmKiB !== null) {
    const size = totalVmKiB / row.totalVmPages;
    if (size === 4 || size === 16 || size === 64) return size;
  }
  return report.memory.firstBlockKiB;
}

function predict(report: ReportState, death: DeathState, facts: Shared): Prediction | null {
  if (report.killer !== 'kernel' || report.table === null) return null;
  const killed = death.killed === null ? null : { pid: death.killed.pid, totalVmKiB: death.killed.totalVmKiB };
  const selected = selectedOf(report);
  return predictVictim({
    tasks: report.table.rows,
    selected: selected === null ? null : { pid: selected.pid },
    hasOomKillLine: report.verdict !== null,
    hasScoreLine: report.score !== null,
    killed,
    domain: findDomain(death),
    kernelRelease: report.cpu?.kernelRelease ?? null,
    pageSizeKiB: facts.pageSizeKiB,
    memory: facts.memory,
    memcg: facts.memcg,
    printedScore: report.score?.score ?? null,
    recentlyKilled: report.recentPids,
    allocatingTask:
      death.killed?.message.includes('oom_kill_allocating_task') === true || report.score?.allocatingTask === true,
    oomGroup: report.group !== null,
    rowsMissing: report.table.torn || report.headerLine === null,
  });
}
