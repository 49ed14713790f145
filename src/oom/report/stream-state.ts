import { decodeText } from '../bytes.ts';
import { isJustAfter, isRecent } from './belonging.ts';
import type { LogLine } from '../framing/frame.ts';
import { residentKiB } from '../resident.ts';
import { note, openDeath, openReport, type DeathState, type ReportState } from './report-state.ts';
import type { RecentDeaths } from './recent-deaths.ts';
import type { SplitLine } from './split-line.ts';

/** What became known: a victim (or a report that has none), more about one, or that nothing more will be said of it. */
export interface DeathEvent {
  kind: 'kill' | 'amended' | 'closed';
  death: DeathState;
}

/** Where one stream of log lines stands. */
export interface StreamState {
  nextReport: () => number;
  wasKilledElsewhere: (pid: number, name: string) => boolean;
  events: DeathEvent[];
  /** The report that has no victim yet. */
  open: ReportState | null;
  /** The last report with a victim: group lines and further victims belong to it. */
  decided: ReportState | null;
  groupOpen: boolean;
  split: SplitLine | null;
  /** The last short lines: a name with line breaks may have begun there. */
  before: LogLine[];
  recent: RecentDeaths;
  suppressed: LogLine | null;
  /** A failed allocation prints a Mem-Info too, which must not be taken for a report's. */
  allocationFailed: boolean;
  /** What a userspace killer said before it acted. */
  condition: string | null;
  /** Whom a userspace killer last said to live on. */
  survivorPid: number | null;
}

const RECENT_MAX = 512;

export function beginReport(state: StreamState, line: LogLine): ReportState {
  const report = openReport(state.nextReport(), 'kernel', line);
  const { all } = state.recent;
  for (let index = all.length - 1; index >= 0; index -= 1) {
    const death = all[index];
    if (death === undefined || !isRecent(death.line, line)) break;
    if (death.pid === null || death.outcome !== 'killed') continue;
    report.recentPids.add(death.pid);
    report.killedBefore ??= { pid: death.pid, name: death.name, kiB: sizeOf(death), agoMs: agoMs(death.line, line) };
  }
  if (state.suppressed !== null) {
    report.warnings.push(
      `The kernel's rate limit dropped reports before this one: ${decodeText(state.suppressed.text.trim())}`,
    );
    note(report.evidence, state.suppressed);
    state.suppressed = null;
  }
  report.foreignMemory = state.allocationFailed;
  return report;
}

function sizeOf({ killed }: DeathState): number | null {
  return killed === null ? null : residentKiB(killed);
}

/** By the kernel's clock; null where it is not printed. */
function agoMs(first: LogLine, second: LogLine): number | null {
  return first.kernelUs === null || second.kernelUs === null ? null : (second.kernelUs - first.kernelUs) / 1_000;
}

export function announce(state: StreamState, death: DeathState): void {
  state.recent.add(death);
  state.events.push({ kind: 'kill', death });
  while (state.recent.all.length > RECENT_MAX) closeOldest(state);
}

export function amend(state: StreamState, death: DeathState, line: LogLine): void {
  note(death.evidence, line);
  state.events.push({ kind: 'amended', death });
}

export function closeOldest(state: StreamState): void {
  const death = state.recent.shift();
  if (death !== undefined) state.events.push({ kind: 'closed', death });
}

/** Ends the open report: a victim that only the oom-kill or score line names, or none at all. */
export function finishReport(state: StreamState): void {
  const report = state.open;
  state.open = null;
  if (report === null || report.deaths.length > 0) return;
  if (report.noVictim !== null) {
    announceNone(state, report, report.noVictim);
    return;
  }
  const named = report.score ?? report.verdict;
  const namedLine = report.score === null ? report.verdictLine : report.scoreLine;
  if (named !== null && namedLine !== null && named.pid !== null) {
    const twin = state.recent.findLast(named.pid, (one) => one.name === named.name && isJustAfter(one.line, namedLine));
    if (twin !== undefined) {
      amend(state, twin, namedLine);
      return;
    }
    const death = openDeath(report, namedLine, report.score === null ? 'oom-kill line' : 'score line');
    death.pid = named.pid;
    death.name = named.name;
    const why = report.hiddenKillLine
      ? 'journalctl shows the kill line only as "[… blob data]"'
      : 'There is no "Killed process" line';
    death.warnings.push(`${why}: the victim is taken from the ${death.namedBy}`);
    state.decided = report;
    announce(state, death);
    return;
  }
  const isReport =
    report.headerLine !== null || report.verdict !== null || report.table !== null || report.memcg?.taskMemcg != null;
  if (isReport) announceNone(state, report, 'truncated');
}

export function announceNone(state: StreamState, report: ReportState, outcome: DeathState['outcome']): void {
  const line = report.noVictimLine ?? report.headerLine ?? report.first;
  const death = openDeath(report, line, 'nobody');
  death.outcome = outcome;
  if (outcome === 'truncated') death.warnings.push('The report ends before it names a victim');
  announce(state, death);
}
