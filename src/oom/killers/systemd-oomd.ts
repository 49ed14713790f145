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
const ACTED =
  /^(Killed|Marked) (\/.{0,4000}?)(?: for killing)?(?: due to (memory (?:pressure|used).{0,1000}|swap used.{0,1000}))?$/s;
const RULE =
  /^Rule '(.{0,255}?)' conditions met for cgroup (\/.{0,4000}?) (?:\(lasting (.{1,40})\)|for (.{1,40})), taking action (kill-[a-z-]{1,40})$/s;
const CANDIDATES = /^Considered \d{1,9} cgroups for killing/;
const PATH = /^\s{0,40}Path: (\/.{0,4000})$/s;
const OF_BLOCK = /^\s{1,40}\S/;
const DRY_RUN =
  /^oomd dry-run: Would have tried to kill (\/.{0,4000}?) (?:and all its descendants|with recurse=\w{2,5})$/s;
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
      const dry = DRY_RUN.exec(text);
      if (dry !== null) {
        const reason = rule?.reason ?? null;
        rule = null;
        dryRun = (dry[1] ?? '').replace(MOUNT, '');
        return [{ ...killed(dryRun, reason), outcome: 'dry-run' }];
      }
      const before = settle();
      const met = RULE.exec(text);
      if (met !== null) {
        const lasting = met[3] ?? met[4];
        const reason = `rule ${decodeText(met[1] ?? '')} of ${decodeText(met[2] ?? '')} held for ${lasting}, action ${met[5]}`;
        if (met[5] === 'kill-all') return [...before, killed(met[2] ?? '', reason)];
        rule = { at: line, reason, candidate: null };
        return before;
      }
      const acted = ACTED.exec(text);
      if (acted !== null && (acted[3] !== undefined || text.endsWith(' for killing'))) {
        const path = acted[2] ?? '';
        const wasDry = dryRun === path;
        dryRun = null;
        return wasDry ? before : [...before, killed(path, acted[3] === undefined ? null : decodeText(acted[3]))];
      }
      return CONDITION.test(text) ? [...before, { kind: 'before', text }] : before;
    },
  };
}

function killed(path: string, reason: string | null, at?: LogLine): UserspaceLine & { kind: 'kill' } {
  const kill = { ...NO_KILL, killer: 'systemd-oomd' as const, cgroup: decodeText(path), signal: 'SIGKILL', reason };
  return at === undefined ? { kind: 'kill', kill } : { kind: 'kill', kill, at };
}
