import { isWithin, RECENT_LINES, REPORT_SECONDS_MAX } from './belonging.ts';
import type { LogLine } from '../framing/frame.ts';
import { takeKernelLine } from './kernel-line.ts';
import { openRecentDeaths } from './recent-deaths.ts';
import { beginsHeadless, readReportLine } from './report-lines.ts';
import { chosenAt, note, openReport, type ReportState } from './report-state.ts';
import { frontPiece, joinPiece } from './split-line.ts';
import {
  announceNone,
  beginReport,
  closeOldest,
  finishReport,
  type DeathEvent,
  type StreamState,
} from './stream-state.ts';
import { keepLine, noLines } from './report-text.ts';
import { readRow } from './tasks.ts';
import { readStat } from './memcg.ts';
import { openUserspaceReader } from '../killers/userspace.ts';
import { takeUserspace } from './userspace-events.ts';

export interface Assembler {
  /** Takes one line; what it changed is in `events` until the caller takes it away. */
  feed: (line: LogLine) => void;
  /** Nothing came for a while: what waits for a further line is told as it is. */
  settle: () => void;
  /** End of input: as `settle`, and every death gets its last word. */
  end: () => void;
  events: DeathEvent[];
  /** No report is open and no line is held back: only lines that begin something matter now. */
  isIdle: () => boolean;
  /** This line is the header of the report that is open. */
  hasBegunWith: (line: LogLine) => boolean;
  /** A process of this id and name was killed not long ago. */
  hasKilled: (pid: number, name: string) => boolean;
}

const NONE: readonly string[] = [];
// How lines begin that name somebody or decide something, by their first letter. Others belong to the body of an open report, or to
// nobody. A header begins with a process name, which may be anything.
const BEGINNINGS = byFirstLetter([
  'oom-kill:',
  'oom_reaper: ',
  'oom_kill_process: ',
  'oom_policy=',
  'oomd kill: ',
  'oomd dry-run: ',
  'out of memory',
  'Out of memory',
  'Out of Memory',
  'Memory cgroup out of memory',
  'Marked /',
  'Rule ',
  'Considered ',
  'No available memory',
  'Kill process ',
  "Kill '",
  "Killing '",
  'Killing process',
  'Killed ',
  'Kernel panic ',
  'kill process ',
  'killing process ',
  'kill failed: ',
  'Could not kill process: ',
  'Tasks in ',
  'sending SIG',
  'send sigkill to ',
  'Sending SIGKILL to cgroup ',
  'victim processes: ',
  '[talos] ',
  'lowmemorykiller: ',
  'lmkd: ',
  'low memory!',
  'Low memory!',
  'Low Memory!',
  'escalating to SIG',
  'dryrun, ',
  'process ',
  'System OOM ',
  'Victim ',
]);
/**
 * A report without a victim is given up after so many lines in a row that mean nothing and whose clock is far from its own: the
 * host has restarted. Fewer are those of another host in a log of several.
 */
const STRANGE_LINES_MAX = 100;
const SHORT = 16; // a piece of a name: 15 bytes and less
const BEFORE_MAX = 3;

/**
 * Puts reports together from the lines of one host. Never throws; memory is bounded.
 *
 * @param wasKilledElsewhere whether another host of the same input has just killed a process of this id and name
 * @param keepsLines whether the lines of each report are kept until its kill is told
 */
export function openAssembler(
  nextReport: () => number,
  wasKilledElsewhere: (pid: number, name: string) => boolean = () => false,
  keepsLines = false,
): Assembler {
  const userspace = openUserspaceReader();
  const state: StreamState = {
    nextReport,
    wasKilledElsewhere,
    events: [],
    open: null,
    decided: null,
    groupOpen: false,
    split: null,
    before: [],
    recent: openRecentDeaths(),
    suppressed: null,
    allocationFailed: false,
    condition: null,
    survivorPid: null,
  };

  const recent = state.recent.all;
  let lastLine: LogLine | null = null;

  function process(line: LogLine, isSpecial: boolean): void {
    if (line.program !== null || isSpecial || userspace.isInBlock()) {
      if (line.program === null && takeKernelLine(state, line)) return;
      const said = userspace.read(line);
      for (const one of said) takeUserspace(state, line, one);
      lastLine = line;
      if (said.length > 0 || line.program !== null) return;
    }
    if (state.open === null) {
      if (!beginsHeadless(line.text)) return;
      state.open = beginReport(state, line);
    }
    const report = state.open;
    const isNear = isWithin(chosenAt(report) ?? report.first, line, REPORT_SECONDS_MAX);
    // Somebody was chosen: the body of this report is past, and what stands far from that is of another.
    const mayBelong = isNear || chosenAt(report) === null;
    if (mayBelong && readReportLine(report, line)) report.idle = 0;
    else if ((report.idle += 1) > (isNear ? RECENT_LINES : STRANGE_LINES_MAX)) finishReport(state);
  }

  function releaseSplit(): void {
    const held = state.split;
    state.split = null;
    if (held !== null) process(held.line, true);
  }

  /** True when the line was taken as a piece of the one that is held back. */
  function takePiece(line: LogLine): boolean {
    if (state.split === null) return false;
    const joined = joinPiece(state.split, line);
    if (joined.kind === 'whole') {
      state.split = null;
      process(joined.line, true);
      return true;
    }
    if (joined.kind === 'longer') {
      state.split = joined.split;
      return true;
    }
    if (joined.givenUp) releaseSplit();
    return false;
  }

  function feed(line: LogLine): void {
    const before = state.open;
    take(line);
    const report = state.open ?? before;
    if (!keepsLines || report === null || line.program !== null) return;
    keepLine((report.kept ??= noLines()), line);
  }

  function take(line: LogLine): void {
    const { text } = line;
    const { open } = state;
    if (open !== null && state.split === null && line.program === null && readFrequent(open, line)) return;
    while (recent.length > 0 && line.line - (recent[0]?.line.line ?? 0) > RECENT_LINES) closeOldest(state);
    if (takePiece(line)) return;
    const isSpecial = mayBeSpecial(text, state.open);
    const front =
      isSpecial && line.program === null && state.split === null ? frontPiece(line, state.open !== null) : null;
    if (front !== null) state.split = front;
    else process(line, isSpecial);
    if (text.length < SHORT) {
      if (state.before.length >= BEFORE_MAX) state.before.shift();
      state.before.push(line);
    } else if (state.before.length > 0) state.before = [];
  }

  function settle(): void {
    releaseSplit();
    finishReport(state);
    for (const one of userspace.settle()) if (lastLine !== null) takeUserspace(state, lastLine, one);
  }

  return {
    feed,
    settle,
    end: () => {
      settle();
      if (state.suppressed !== null) {
        const report = openReport(nextReport(), 'kernel', state.suppressed);
        note(report.evidence, state.suppressed);
        announceNone(state, report, 'suppressed');
        state.suppressed = null;
      }
      while (recent.length > 0) closeOldest(state);
    },
    events: state.events,
    isIdle: () => state.open === null && state.split === null,
    hasBegunWith: (line) => state.open?.headerLine === line,
    hasKilled: (pid, name) => state.recent.findLast(pid, (death) => death.name === name) !== undefined,
  };
}

/** By character code; most have none. */
function byFirstLetter(beginnings: readonly string[]): (readonly string[])[] {
  const byLetter = Array.from({ length: 128 }, (): readonly string[] => NONE);
  for (const beginning of beginnings) {
    const letter = beginning.charCodeAt(0);
    byLetter[letter] = [...(byLetter[letter] ?? NONE), beginning];
  }
  return byLetter;
}

/** What most lines of a report are. */
function readFrequent(report: ReportState, line: LogLine): boolean {
  const { table, memcg } = report;
  const isTaken =
    table !== null
      ? readRow(table, line.text, line.line)
      : memcg !== null && memcg.statsOpen && readStat(memcg, line.text);
  if (isTaken) report.idle = 0;
  return isTaken;
}

/** Cheap tests: this is asked of every line that is not a row of a task table. */
function mayBeSpecial(text: string, open: ReportState | null): boolean {
  const start = text.charCodeAt(0) === 32 ? 1 : 0;
  const first = text.charCodeAt(start);
  for (const beginning of BEGINNINGS[first] ?? NONE) if (text.startsWith(beginning, start)) return true;
  // "-" is rarer than "o": the search for it is the faster one.
  if (text.includes('-killer')) return true;
  const last = text.charCodeAt(text.length - 1);
  if (last === 46 && text.includes(' in this unit.')) return true;
  // The kubelet's events end in the victim's pid; the driver of Android goes on in an indented line.
  if (last >= 48 && last <= 57 && (text.includes('System OOM e') || text.includes('OOM kill of PID '))) return true;
  if (first === 32 && (text.includes('kB on behalf of ') || text.includes('kB is below limit '))) return true;
  if (open === null) return text.includes('age allocation failure');
  if (first === 67 || first === 80) return open.cpu === null;
  return first === 91 && text.includes('blob data]');
}
