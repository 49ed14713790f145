import { isJustAfter, isNear, livesInUnit } from './belonging.ts';
import type { LogLine } from '../framing/frame.ts';
import type { DeathState, ReportState } from './report-state.ts';
import { amend, type StreamState } from './stream-state.ts';
import type { KilledLine } from './verdict.ts';

const AFTERMATH_MAX = 20;

/** Another killer had sent this process a signal before, or systemd or the kubelet told of its death first. */
export function firstTold(state: StreamState, line: LogLine, killed: KilledLine): DeathState | undefined {
  const signalled = state.recent.findLast(
    killed.pid,
    (death) =>
      death.killed === null &&
      (death.userspace !== null || death.namedBy === 'kubelet' || death.namedBy === 'oomkill') &&
      death.outcome !== 'dry-run' &&
      death.name === killed.name &&
      isNear(death.line, line),
  );
  if (signalled !== undefined) return signalled;
  const path = state.open?.verdict?.taskMemcg ?? null;
  return state.recent.all.findLast(
    (death) =>
      death.namedBy === 'unit' &&
      death.userspace === null &&
      death.killed === null &&
      (path === null || (death.unit !== null && livesInUnit(path, death.unit))) &&
      isJustAfter(death.line, line),
  );
}

/** The kernel's report and kill line are of a death that was told before: one kill, by whom the signal came from first. */
export function adopt(
  state: StreamState,
  death: DeathState,
  report: ReportState,
  line: LogLine,
  killed: KilledLine,
): void {
  const said = death.userspace;
  report.report = death.report.report;
  report.deaths.push(death);
  death.report = report;
  death.killed = killed;
  death.pid = killed.pid;
  death.name = killed.name;
  death.outcome = 'killed';
  death.toldLast = line;
  death.warnings = [];
  if (said !== null) {
    death.alsoBy = 'kernel';
    if (death.aftermath.length < AFTERMATH_MAX) death.aftermath.push('The kernel then killed it, before it had exited');
  }
  if (report === state.open) state.open = null;
  state.decided = report;
  amend(state, death, line);
}
