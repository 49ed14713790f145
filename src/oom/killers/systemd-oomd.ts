import { decodeText } from '../bytes.ts';
import type { LogLine } from '../framing/frame.ts';
import { NO_KILL, type UserspaceLine } from './userspace-kill.ts';

// Killed /system.slice/leaky.service due to memory pressure for /system.slice being 22.53% > 5.00% for > 3s with reclaim activity
// Marked /system.slice/leaky.service for killing due to memory used (…) / total (…) and swap used (…) …      258 on
// Marked /system.slice/leaky.service for killing                                                             some of 258 to 261
// Rule 'busy' conditions met for cgroup /a.slice for 10s, taking action kill-by-pgscan                       260 on; then only
//   Considered 19 cgroups for killing, top candidates were:                                                  the last path is the
//           Path: /a.slice/b.service                                                                         victim's
// oomd dry-run: Would have tried to kill /sys/fs/cgroup/a.slice and all its descendants
// Before 248 it named no victim, only the condition; what died, systemd told.
const CANDIDATES = /^Considered \d{1,9} cgroups for killing/;
const PATH = /^\s{0,40}Path: (\/.{0,4000})$/s;
const OF_BLOCK = /^\s{1,40}\S/;
const DRY_RUN = 'oomd dry-run: Would have tried to kill ';
const DRY_RUN_END = /(?: and all its descendants| with recurse=\w{2,5})$/;
const CONDITION = /^(?:Memory pressure for \/|Swap used \(|Memory used \()/;
const MOUNT = /^\/sys\/fs\/cgroup(?:\/unified)?(?=\/)/;

export interface SystemdOomdReader {
  read: (line: LogLine, text: string) => UserspaceLine[];
  /** A rule's victim is the last of the candidates: nothing more came. */
  settle: () => UserspaceLine[];
}

/** Reads the lines of systemd-oomd, 244 to 261. */
export function openSystemdOomdReader(): SystemdOomdReader {
  let rule: { at: LogLine; reason: string; candidate: string | null } | null = null;
  /** Its dry run of this group was told: what is said of it next was not done either. */
  let dryRun: string | null = null;

  function settle(): UserspaceLine[] {
    const waiting = rule;
    rule = null;
    if (waiting === null || waiting.candidate === null) return [];
    return [killed(waiting.candidate, waiting.reason, waiting.at)];
  }

  function readBlock(text: string): boolean {
    if (rule === null || !(CANDIDATES.test(text) || OF_BLOCK.test(text))) return false;
    rule.candidate = PATH.exec(text)?.[1] ?? rule.candidate;
    return true;
  }

  return {
    settle,
    read: (line, text) => {
      if (readBlock(text)) return [];
      if (text.startsWith(DRY_RUN)) {
        const reason = rule?.reason ?? null;
        rule = null;
        dryRun = text.slice(DRY_RUN.length).replace(DRY_RUN_END, '').replace(MOUNT, '');
        return [{ ...killed(dryRun, reason), outcome: 'dry-run' }];
      }
      const before = settle();
      const met = readRule(text);
      if (met !== null) {
        if (met.action === 'kill-all') return [...before, killed(met.path, met.reason)];
        rule = { at: line, reason: met.reason, candidate: null };
        return before;
      }
      const acted = readActed(text);
      if (acted !== null) {
        const wasDry = dryRun === acted.path;
        dryRun = null;
        return wasDry ? before : [...before, killed(acted.path, acted.reason)];
      }
      return CONDITION.test(text) ? [...before, { kind: 'before', text }] : before;
    },
  };
}

// All are cut from both ends: a rule, a group and a reason may hold any words.
const MET = "' conditions met for cgroup /";
const ACTION = ', taking action ';
const DUE = / due to (?=memory pressure |memory used |swap used )/;
/** A pager cut it: `… due to memory p>`. */
const CUT = / due to [a-z ]{0,16}(?:>|\.\.\.|\xe2\x80\xa6)?$/;

function readRule(text: string): { path: string; action: string; reason: string } | null {
  const at = text.startsWith("Rule '") ? text.indexOf(MET) : -1;
  const actionAt = text.lastIndexOf(ACTION);
  if (at < 0 || actionAt < at) return null;
  const middle = text.slice(at + MET.length - 1, actionAt);
  const lastingAt = middle.lastIndexOf(' (lasting ');
  const forAt = lastingAt < 0 ? middle.lastIndexOf(' for ') : lastingAt;
  if (forAt < 0) return null;
  const lasting = middle
    .slice(forAt)
    .replace(/^ \(?(?:lasting|for) /, '')
    .replace(/\)$/, '');
  const path = middle.slice(0, forAt);
  const action = text.slice(actionAt + ACTION.length);
  const name = decodeText(text.slice("Rule '".length, at));
  return { path, action, reason: `rule ${name} of ${decodeText(path)} held for ${lasting}, action ${action}` };
}

function readActed(text: string): { path: string; reason: string | null } | null {
  const front = /^(?:Killed|Marked) (?=\/)/.exec(text);
  if (front === null) return null;
  const due = DUE.exec(text);
  const end = due?.index ?? CUT.exec(text)?.index ?? text.length;
  const named = text.slice(front[0].length, end);
  const path = named.replace(/ for killing$/, '');
  if (end === text.length && path === named) return null;
  return { path, reason: due === null ? null : decodeText(text.slice(due.index + due[0].length)) };
}

function killed(path: string, reason: string | null, at?: LogLine): UserspaceLine & { kind: 'kill' } {
  const kill = { ...NO_KILL, killer: 'systemd-oomd' as const, cgroup: decodeText(path), signal: 'SIGKILL', reason };
  return at === undefined ? { kind: 'kill', kill } : { kind: 'kill', kill, at };
}
