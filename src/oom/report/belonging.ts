import type { LogLine } from '../framing/frame.ts';
import { chosenAt, type DeathState, type ReportState } from './report-state.ts';
import type { UserspaceKill } from '../killers/userspace-kill.ts';
import { parseTime } from '../time.ts';
import type { KilledLine } from './verdict.ts';

export const REPORT_SECONDS_MAX = 120; // a slow console was seen to need 31 s
/** So far behind a line nothing belongs to it any more. */
export const RECENT_LINES = 20_000;
// How far down systemd's word on a unit, or a killer's repetition, may stand.
const UNIT_LINES = 50;
const USERSPACE_LINES = 200;
const RECENTLY_KILLED_US = 10_000_000;
/** systemd-oomd looks at swap every 150 ms, and kills again what it killed and is not dead yet. */
const AT_ONCE_MS = 1_000;

/** Whether two lines can belong together, by the kernel's clock where both have it. */
export function isWithin(first: LogLine | undefined, second: LogLine, seconds: number): boolean {
  if (first === undefined) return false;
  if (first.kernelUs !== null && second.kernelUs !== null)
    return Math.abs(second.kernelUs - first.kernelUs) <= seconds * 1e6;
  return second.line - first.line <= RECENT_LINES;
}

export function isRecent(first: LogLine, second: LogLine): boolean {
  if (first.kernelUs === null || second.kernelUs === null) return second.line - first.line <= 2;
  return Math.abs(second.kernelUs - first.kernelUs) <= RECENTLY_KILLED_US;
}

/** Whether the second line came so soon that a process id cannot have been given to another by then. */
export function isJustAfter(first: LogLine, second: LogLine): boolean {
  if (first.kernelUs !== null && second.kernelUs !== null)
    return Math.abs(second.kernelUs - first.kernelUs) <= RECENTLY_KILLED_US;
  return second.line - first.line <= UNIT_LINES || (first.timeText !== null && isAtOnce(first, second));
}

/** Whether a kill line can be the end of the open report. */
export function fits(report: ReportState, line: LogLine, killed: KilledLine): boolean {
  if (!isWithin(chosenAt(report) ?? report.first, line, REPORT_SECONDS_MAX)) return false;
  if (killed.message.includes('oom_kill_allocating_task')) return true;
  // Up to 2.6.19 the line of a child that died has the message too.
  if (report.score !== null)
    return killed.message === '' || report.score.pid === killed.pid || report.score.andChildren;
  if (report.verdict !== null) {
    // When the leader has exited the id of another of its threads is printed: then only the name is the same.
    return report.verdict.pid === null || report.verdict.pid === killed.pid || report.verdict.name === killed.name;
  }
  return !(report.roads.has('memcg') && killed.message === 'Out of memory');
}

/** Whether a killer's signal and another's can be for one process: it may take a while to die. */
export function isNear(first: LogLine, second: LogLine): boolean {
  if (first.kernelUs !== null && second.kernelUs !== null) return isWithin(first, second, REPORT_SECONDS_MAX);
  const seconds = secondsBetween(first, second);
  return seconds === null
    ? Math.abs(second.line - first.line) <= USERSPACE_LINES
    : Math.abs(seconds) <= REPORT_SECONDS_MAX;
}

/** Whether a group is a unit's, or lies below it. */
export function livesInUnit(path: string, unit: string): boolean {
  return path.split('/').includes(unit);
}

export function isOfUnit(death: DeathState, unit: string, line: LogLine): boolean {
  const path = death.userspace?.cgroup ?? death.report.verdict?.taskMemcg ?? death.report.memcg?.taskMemcg ?? null;
  if (path !== null) return livesInUnit(path, unit);
  const known = death.unit ?? death.userspace?.unit ?? null;
  if (known !== null) return known === unit && line.line - death.toldLast.line < UNIT_LINES;
  return death.outcome === 'killed' && line.line - death.line.line < UNIT_LINES;
}

export function isSameUserspaceKill(death: DeathState, kill: UserspaceKill, line: LogLine): boolean {
  const known = death.userspace;
  const { toldLast } = death;
  if (known === null || known.killer !== kill.killer || line.line - toldLast.line > USERSPACE_LINES) return false;
  return kill.pid === null
    ? known.cgroup === kill.cgroup && isAtOnce(toldLast, line)
    : known.pid === kill.pid && known.name === kill.name;
}

function isAtOnce(first: LogLine, second: LogLine): boolean {
  if (first.timeText === second.timeText) return true;
  const seconds = secondsBetween(first, second);
  return seconds !== null && Math.abs(seconds) * 1_000 <= AT_ONCE_MS;
}

/** By stamps that tell a moment; null: they do not. */
function secondsBetween(first: LogLine, second: LogLine): number | null {
  const [from = NaN, to = NaN] = [first, second].map(({ timeText, realtimeUs }) =>
    Date.parse(parseTime(timeText, realtimeUs) ?? ''),
  );
  return Number.isNaN(to - from) ? null : (to - from) / 1_000;
}
