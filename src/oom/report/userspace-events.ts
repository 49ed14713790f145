import { isJustAfter, isNear, isOfUnit, isSameUserspaceKill, livesInUnit } from './belonging.ts';
import { decodeText } from '../bytes.ts';
import type { LogLine } from '../framing/frame.ts';
import { NO_KILL, type UserspaceKill, type UserspaceLine } from '../killers/userspace-kill.ts';
import { note, openDeath, openReport, type DeathState } from './report-state.ts';
import { amend, announce, type StreamState } from './stream-state.ts';

const AFTERMATH_MAX = 20;
/** A log with a kill of the kernel so near does not need a witness for it. */
const WITNESS_LINES = 2_000;

/** Takes what a userspace killer, systemd or the kubelet said. */
export function takeUserspace(state: StreamState, line: LogLine, said: UserspaceLine): void {
  switch (said.kind) {
    case 'before':
      state.condition = decodeText(said.text);
      return;
    case 'kill':
      takeKill(state, said.at ?? line, said.kill, said.outcome ?? 'killed');
      return;
    case 'after':
      takeAfter(state, line, said);
      return;
    case 'unit':
      takeUnit(state, line, said);
      return;
    case 'seen':
      takeSeen(state, line, said);
  }
}

function takeKill(state: StreamState, line: LogLine, kill: UserspaceKill, outcome: 'killed' | 'dry-run'): void {
  const twin = state.recent.all.findLast((death) => isSameUserspaceKill(death, kill, line));
  if (twin !== undefined) {
    twin.toldLast = line;
    amend(state, twin, line);
    return;
  }
  const reason = kill.reason ?? state.condition;
  state.condition = null;
  if (outcome === 'killed' && (isToldByUnit(state, line, { ...kill, reason }) || isOfKernel(state, line, kill))) return;
  const report = openReport(state.nextReport(), kill.killer, line);
  const death = openDeath(report, line, 'userspace');
  death.userspace = { ...kill, reason };
  death.pid = kill.pid;
  death.name = kill.name;
  death.outcome = outcome;
  note(death.evidence, line);
  announce(state, death);
}

/** systemd may tell of a kill by systemd-oomd before that does itself: then it says which group, and why. */
function isToldByUnit(state: StreamState, line: LogLine, kill: UserspaceKill): boolean {
  const { cgroup } = kill;
  if (kill.killer !== 'systemd-oomd' || cgroup === null) return false;
  const known = state.recent.all.findLast(
    ({ userspace, line: told }) =>
      userspace?.killer === 'systemd-oomd' &&
      userspace.cgroup === null &&
      userspace.unit !== null &&
      livesInUnit(cgroup, userspace.unit) &&
      isJustAfter(told, line),
  );
  if (known === undefined) return false;
  known.userspace = { ...kill, unit: known.userspace?.unit ?? null };
  known.warnings = [];
  amend(state, known, line);
  return true;
}

/** One death told by two killers is one kill: it counts for the one whose signal came first. */
function isOfKernel(state: StreamState, line: LogLine, kill: UserspaceKill): boolean {
  const known =
    kill.pid === null
      ? undefined
      : state.recent.findLast(
          kill.pid,
          (death) => death.userspace === null && death.name === kill.name && isNear(death.line, line),
        );
  if (known === undefined) return false;
  known.alsoBy = kill.killer;
  tell(known, `${kill.killer} then sent it ${kill.signal ?? 'a signal'} too`);
  amend(state, known, line);
  return true;
}

function takeAfter(state: StreamState, line: LogLine, said: UserspaceLine & { kind: 'after' }): void {
  const pid = said.pid ?? (said.says === 'timed-out' ? state.survivorPid : null);
  const death = state.recent.all.findLast(
    ({ userspace, pid: victim }) =>
      userspace !== null && userspace.killer !== 'systemd-oomd' && (pid === null || pid === victim),
  );
  if (said.says === 'failed' && pid !== null) state.survivorPid = pid;
  else if (said.says === 'timed-out') state.survivorPid = null;
  if (death?.userspace == null) return;
  if (said.says === 'why')
    death.userspace = { ...death.userspace, reason: death.userspace.reason ?? decodeText(said.text) };
  else if (said.says === 'size') death.userspace = { ...death.userspace, rssKiB: said.rssKiB ?? null };
  else if (death.killed === null && (said.says === 'failed' || said.says === 'timed-out')) death.outcome = 'attempted';
  else if (death.killed === null && said.says === 'dry-run') death.outcome = 'dry-run';
  else if (said.says === 'died') death.outcome = 'killed';
  tell(death, decodeText(said.text));
  amend(state, death, line);
}

function takeUnit(state: StreamState, line: LogLine, said: UserspaceLine & { kind: 'unit' }): void {
  const death = state.recent.all.findLast((one) => isBy(one, said.by) && isOfUnit(one, said.unit, line));
  if (death !== undefined) {
    tell(death, said.text);
    amend(state, death, line);
    return;
  }
  if (said.by === 'systemd-oomd') announceByUnit(state, line, said.unit, 'systemd-oomd');
  else if (said.by === 'kernel' && !state.recent.all.some((one) => isBy(one, 'kernel') && isStillNear(one, line)))
    announceByUnit(state, line, said.unit, 'kernel');
}

function isBy({ userspace, outcome }: DeathState, by: 'kernel' | 'systemd-oomd' | null): boolean {
  if (outcome !== 'killed' && outcome !== 'truncated') return false;
  return by === null || (by === 'kernel' ? userspace === null : userspace?.killer === by);
}

function isStillNear(death: DeathState, line: LogLine): boolean {
  return line.line - death.toldLast.line <= WITNESS_LINES;
}

/** Only systemd's word is in this log: it names the unit, and nobody. */
function announceByUnit(state: StreamState, line: LogLine, unit: string, by: 'kernel' | 'systemd-oomd'): void {
  const death = openDeath(openReport(state.nextReport(), by, line), line, 'unit');
  death.unit = unit;
  if (by === 'systemd-oomd') {
    death.userspace = { ...NO_KILL, killer: by, unit, signal: 'SIGKILL', reason: state.condition };
    state.condition = null;
  }
  const whose = by === 'kernel' ? 'The kernel’s' : 'systemd-oomd’s';
  death.warnings.push(`${whose} own lines are not in this log: systemd saw that processes of the unit were killed`);
  note(death.evidence, line);
  announce(state, death);
}

function takeSeen(state: StreamState, line: LogLine, said: UserspaceLine & { kind: 'seen' }): void {
  const known = state.recent.findLast(said.pid, (death) => isNear(death.line, line));
  if (known !== undefined) {
    tell(known, said.text);
    amend(state, known, line);
    return;
  }
  const death = openDeath(openReport(state.nextReport(), 'kernel', line), line, said.by);
  death.pid = said.pid;
  death.name = said.name;
  death.warnings.push(
    `The kernel’s own lines are not in this log: ${said.by === 'kubelet' ? 'the kubelet' : 'the tool oomkill'} saw the kill`,
  );
  note(death.evidence, line);
  announce(state, death);
}

function tell(death: DeathState, text: string): void {
  if (death.aftermath.length < AFTERMATH_MAX) death.aftermath.push(text);
}
