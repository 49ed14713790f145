import { fits, isJustAfter, isWithin, REPORT_SECONDS_MAX } from './belonging.ts';
import { decodeText } from '../bytes.ts';
import type { LogLine } from '../framing/frame.ts';
import { chosenAt, hasBody, note, openDeath, type DeathState, type ReportState } from './report-state.ts';
import { adopt, firstTold } from './retold.ts';
import { joinBefore } from './split-line.ts';
import { amend, announce, announceNone, beginReport, finishReport, type StreamState } from './stream-state.ts';
import { parseHeader, parseKilled, parseReaper, parseScore, parseVerdict, type KilledLine } from './verdict.ts';

const GROUP = /^ ?Tasks in (.*) are going to be killed due to memory\.oom\.group set/s;
const SUPPRESSED = /oom_kill_process: (\d+) callbacks suppressed/;
const NO_KILLABLE = /no killable process|^ ?Memory cgroup out of memory.{0,200}no killable/s;
const PANIC = /Kernel panic - not syncing: (?:Out of memory|System is deadlocked on memory)/;
// out of memory from page fault. panic_on_oom is selected.           2.6.18 to 2.6.35
const OLD_PANIC = /^ ?out of memory.{0,40}[Pp]anic_on_oom is (?:selected|enabled)/s;
const POLICY = /(?:^ ?|, ?)oom_policy=([\w.-]{1,64})/;
const BLOB = /^\[\d+(?:\.\d+)?[KMGT]?B? blob data\]$/;
const SAME_MEMORY = /^ ?Kill process (\d{1,10}) \((.{1,64})\) sharing same memory/s;
const EXITING = /^.{0,80}?OOM victim (\d{1,10}) \((.{1,64})\) is already exiting/s;
const GROUP_SECONDS_MAX = 30;
/** A group is killed in one loop: between two of its lines lies no more than their printing. */
const GROUP_GAP_SECONDS_MAX = 0.25;
const POLICY_MAX = 300;
const AFTERMATH_MAX = 20;

/** Takes a kernel line that names somebody or decides something; false: it is neither. */
export function takeKernelLine(state: StreamState, line: LogLine): boolean {
  const { text } = line;
  if (text.includes('oom-killer') && takeHeader(state, line)) return true;
  if (text.includes('oom-kill:') && takeVerdict(state, line)) return true;
  const killed = text.includes('illed process ') ? parseKilled(text) : null;
  if (killed !== null) {
    takeKilled(state, line, killed);
    return true;
  }
  const policy = text.includes('oom_policy=') ? POLICY.exec(text)?.[1] : undefined;
  if (policy !== undefined && state.open !== null) {
    state.open.oomPolicy ??= policy;
    note(state.open.evidence, line);
    return true;
  }
  return takeScore(state, line) || takeReaper(state, line) || takeGroup(state, line) || takeOutcome(state, line);
}

function takeHeader(state: StreamState, given: LogLine): boolean {
  const line = joinBefore(given, state.before);
  const trigger = parseHeader(line.text);
  if (trigger === null) return false;
  finishReport(state);
  state.groupOpen = false;
  state.allocationFailed = false;
  const report = beginReport(state, line);
  report.trigger = trigger;
  report.headerLine = line;
  report.oomPolicy = POLICY.exec(line.text.slice(-POLICY_MAX))?.[1] ?? null;
  note(report.evidence, line);
  state.open = report;
  return true;
}

function takeVerdict(state: StreamState, line: LogLine): boolean {
  const verdict = parseVerdict(line.text);
  if (verdict === null) return false;
  const report = reportToName(state, line, verdict.pid);
  report.verdict ??= verdict;
  report.verdictLine ??= line;
  report.oomPolicy ??= POLICY.exec(line.text.slice(0, POLICY_MAX))?.[1] ?? null;
  note(report.evidence, line);
  return true;
}

function takeScore(state: StreamState, line: LogLine): boolean {
  const score = line.text.includes('ill process ') ? parseScore(line.text) : null;
  if (score === null) return false;
  const known = state.open?.scoreLine;
  if (known?.text === line.text && known.timeText === line.timeText && known.kernelUs === line.kernelUs) return true;
  if (state.open?.score != null) finishReport(state);
  const report = reportToName(state, line, score.pid);
  report.score = score;
  report.scoreLine = line;
  note(report.evidence, line);
  return true;
}

/** The open report, unless it has named somebody else already. */
function reportToName(state: StreamState, line: LogLine, pid: number | null): ReportState {
  const named = state.open?.score?.pid ?? state.open?.verdict?.pid ?? null;
  const isOther = named !== null && named !== pid;
  // Of an excerpt that shows little more than headers the clocks may have been made up.
  const since =
    state.open === null ? null : (chosenAt(state.open) ?? (state.open.cpu === null ? null : state.open.first));
  const isOfBefore = since !== null && !isWithin(since, line, REPORT_SECONDS_MAX);
  if (isOther || isOfBefore) finishReport(state);
  state.groupOpen = false;
  state.open ??= beginReport(state, line);
  state.open.idle = 0;
  return state.open;
}

function takeKilled(state: StreamState, line: LogLine, killed: KilledLine): void {
  const twin = state.recent.findLast(killed.pid, (death) => isSameDeath(state, death, line, killed));
  if (twin !== undefined) {
    // The rest of a report that was pasted twice.
    if (state.open !== null && (state.open.score ?? state.open.verdict)?.pid === killed.pid) state.open = null;
    amend(state, twin, line);
    return;
  }
  const first = firstTold(state, line, killed);
  const report = reportOfKill(state, line, killed);
  if (first !== undefined) {
    adopt(state, first, report, line, killed);
    return;
  }
  const known = report.deaths.find((death) => death.pid === killed.pid);
  if (known !== undefined) {
    if (known.killed === null) {
      known.killed = killed;
      known.toldLast = line;
      known.namedBy = 'kill line';
      known.warnings = [];
    }
    amend(state, known, line);
    return;
  }
  const death = openDeath(report, line, 'kill line');
  death.killed = killed;
  death.pid = killed.pid;
  death.name = killed.name;
  if (line.form === 'told') {
    death.isTold = true;
    death.warnings.push('A sentence quotes this line: when it was, and on which host, the text may not say');
  } else if (report.headerLine === null && report.deaths.length === 1 && !hasBody(report))
    death.warnings.push('The log does not hold the beginning of this report');
  if (killed.torn) death.warnings.push('The kill line is torn: the name may be cut');
  note(death.evidence, line);
  if (report === state.open) state.open = null;
  state.decided = report;
  announce(state, death);
}

/** The same line again (a paste, a merge of two logs), or a kernel that names its victim twice: nobody dies twice. */
function isSameDeath(state: StreamState, death: DeathState, line: LogLine, killed: KilledLine): boolean {
  const known = death.toldLast;
  if (known.text === line.text && known.kernelUs === line.kernelUs && known.timeText === line.timeText) return true;
  // The first of a group is always printed twice; else a report of its own is believed.
  const isNewReport = state.open !== null && state.open.headerLine !== null && death.report.group === null;
  if (isNewReport || death.killed === null || death.name !== killed.name || !isJustAfter(known, line)) return false;
  return death.report.group !== null || mayBeAgain(death.killed, killed);
}

const SAME = ['uid', 'oomScoreAdj', 'totalVmKiB'] as const;
const SHRINKS = ['anonRssKiB', 'fileRssKiB', 'shmemRssKiB', 'pageTablesKiB'] as const;

/** Who dies gives memory back and takes none: with other figures it is a process of the same id on another machine. */
function mayBeAgain(first: KilledLine, second: KilledLine): boolean {
  return (
    SAME.every((key) => first[key] === null || second[key] === null || first[key] === second[key]) &&
    SHRINKS.every((key) => (second[key] ?? 0) <= (first[key] ?? Infinity))
  );
}

function reportOfKill(state: StreamState, line: LogLine, killed: KilledLine): ReportState {
  // Named before by its oom-kill line, whose own kill line comes only now.
  const waiting = state.recent.findLast(killed.pid, (death) => death.killed === null && death.outcome === 'killed');
  if (waiting?.name === killed.name && waiting.userspace === null && isWithin(waiting.line, line, REPORT_SECONDS_MAX))
    return waiting.report;
  const { decided } = state;
  if (
    state.groupOpen &&
    state.open === null &&
    decided !== null &&
    // Each of a group is announced in the words of the first.
    (decided.deaths[0]?.killed?.message ?? killed.message) === killed.message &&
    isWithin(decided.deaths.at(-1)?.line, line, GROUP_GAP_SECONDS_MAX)
  )
    return decided;
  state.groupOpen = false;
  if (state.open !== null && fits(state.open, line, killed)) return state.open;
  finishReport(state);
  return beginReport(state, line);
}

function takeReaper(state: StreamState, line: LogLine): boolean {
  const reaper = line.text.includes('oom_reaper: ') ? parseReaper(line.text) : null;
  if (reaper === null) return false;
  if (state.open?.verdict?.pid === reaper.pid) finishReport(state);
  const death = state.recent.findLast(reaper.pid);
  if (death !== undefined) {
    death.reaped ||= reaper.reaped;
    if (!reaper.reaped && death.aftermath.length < AFTERMATH_MAX)
      death.aftermath.push('The reaper could not free its memory: the process is stuck');
    amend(state, death, line);
    return true;
  }
  if (!reaper.reaped) return true;
  // Whose line has no host, and says no more than another host's kill.
  if (state.wasKilledElsewhere(reaper.pid, reaper.name)) return true;
  // The reaper only takes victims of the OOM killer: somebody died whose own line is not in this log.
  const lone = openDeath(beginReport(state, line), line, 'nobody');
  lone.outcome = 'truncated';
  lone.reaped = true;
  lone.reapedAlone = `${reaper.pid} ${reaper.name}`;
  lone.warnings.push(
    `The reaper took process ${reaper.pid} (${reaper.name}): it was killed, but its own kill line is not in this log`,
  );
  note(lone.evidence, line);
  announce(state, lone);
  return true;
}

function takeGroup(state: StreamState, line: LogLine): boolean {
  const { decided } = state;
  const sharing = SAME_MEMORY.exec(line.text);
  const last = decided?.deaths.at(-1);
  if (sharing !== null && last !== undefined && last.aftermath.length < AFTERMATH_MAX) {
    last.aftermath.push(
      `Process ${sharing[1]} (${decodeText(sharing[2] ?? '')}) shared its memory and was killed with it`,
    );
    amend(state, last, line);
    return true;
  }
  const path = GROUP.exec(line.text)?.[1];
  if (path === undefined) return false;
  const group = decodeText(path);
  const first = state.recent.all.findLast((death) => livesIn(death, group)) ?? decided?.deaths[0];
  if (first === undefined) return false;
  state.decided = first.report;
  state.decided.group = group;
  state.groupOpen = true;
  amend(state, first, line);
  return true;
}

function livesIn(death: DeathState, group: string): boolean {
  const path = death.report.verdict?.taskMemcg ?? '';
  return path === group || path.startsWith(`${group}/`);
}

function takeOutcome(state: StreamState, line: LogLine): boolean {
  const { text } = line;
  if (SUPPRESSED.test(text)) {
    state.suppressed = line;
    return true;
  }
  if (PANIC.test(text) || OLD_PANIC.test(text)) return takeNoVictim(state, line, 'panic');
  if (NO_KILLABLE.test(text)) return takeNoVictim(state, line, 'no-killable');
  if (text.includes('page allocation failure')) state.allocationFailed = true;
  const report = state.open;
  if (report === null) return false;
  if (BLOB.test(text.trim()) && (report.verdict !== null || report.score !== null)) {
    report.hiddenKillLine = true;
    note(report.evidence, line);
    finishReport(state);
    return true;
  }
  const exiting = EXITING.exec(text);
  if (exiting === null) return false;
  report.warnings.push(
    `Process ${exiting[1]} (${decodeText(exiting[2] ?? '')}) was chosen but already exiting: nobody was killed`,
  );
  report.verdict = null;
  note(report.evidence, line);
  finishReport(state);
  return true;
}

function takeNoVictim(state: StreamState, line: LogLine, outcome: 'panic' | 'no-killable'): boolean {
  const last = state.recent.all.at(-1);
  if (
    state.open === null &&
    outcome === 'panic' &&
    last?.outcome === 'no-killable' &&
    isWithin(last.line, line, GROUP_SECONDS_MAX)
  ) {
    last.outcome = 'panic';
    amend(state, last, line);
    return true;
  }
  // What has named somebody is another report, which waits for its kill line. Not where its header is there: old kernels chose
  // again when they could not kill, without a new one.
  if (state.open !== null && state.open.headerLine === null && chosenAt(state.open) !== null) finishReport(state);
  const report = state.open ?? beginReport(state, line);
  state.open = null;
  report.noVictimLine = line;
  note(report.evidence, line);
  announceNone(state, report, outcome);
  return true;
}
