import { toInteger } from '../bytes.ts';
// What the userspace killers write. They send plain signals: no kernel report, no `oom_kill` count.
import { decodeText } from '../bytes.ts';
import type { Killer } from '../report.ts';

export interface UserspaceKill {
  killer: Exclude<Killer, 'kernel'>;
  pid: number | null;
  name: string | null;
  uid: number | null;
  score: number | null;
  oomScoreAdj: number | null;
  rssKiB: number | null;
  cgroup: string | null;
  signal: string | null;
  reason: string | null;
}

export type UserspaceLine =
  | { kind: 'kill'; kill: UserspaceKill }
  /** Told before or after a kill: a condition, a candidate, an outcome. */
  | { kind: 'before' | 'after'; text: string }
  /** systemd saw processes of a unit die: evidence for the kernel's or systemd-oomd's kill. */
  | { kind: 'unit'; unit: string; text: string };

// earlyoom[1233]: sending SIGTERM to process 29410 uid 1000 "cluster": badness 1264, VmRSS 23964 MiB
// 1.3 and older have no uid; before that: killing process 4711 "name" with signal 15: badness …
const EARLYOOM =
  /^(?:sending (SIG\w+) to process (\d+)(?: uid (\d+))? "(.*)": |killing process (\d+) "(.*)" with signal (\d+): )(?:badness|oom_score) (\d+)(?:, oom_score_adj (-?\d+))?(?:, VmRSS (\d+) MiB)?/s;
const EARLYOOM_BEFORE = /^low memory! at or below /;
const EARLYOOM_AFTER = /^(?:escalating to SIG\w+ after |process exited after |process \d+ did not exit|kill failed: )/;
// Killed /system.slice/leaky.service due to memory pressure for /system.slice being 22.53% > 5.00% for > 3s with reclaim activity
const OOMD_SYSTEMD = /^(?:Killed|Marked) (\/.*?)(?: for killing)? due to (memory (?:pressure|used).*|swap used.*)$/s;
// oomd kill: 62.08 40.05 10.05 system.slice/foo.service 5371920384 ruleset:[memory] detectorgroup:[x] killer:kill_by_size v2
const OOMD = /^oomd kill: ([\d.]+) [\d.]+ [\d.]+ (.*) (\d+) (ruleset:\[.*|detector:.*|killer:.*)$/s;
const SYSTEMD_UNIT =
  /^(\S+\.(?:service|scope|slice|mount|socket|swap)): (A process of this unit has been killed by the OOM killer\.|Failed with result 'oom-kill'\.?|systemd-oomd killed \d+ process\(es\) in this unit\.)/;
// nohang prints a block: "Victim status (found in 1ms):", "  PID:       5677, name: tail, state: R, EUID: 1000, …"
const NOHANG_PID = /^ +PID: +(\d+), name: (.*), state: .*?, EUID: (\d+)/s;
const NOHANG_BADNESS = /^ +badness: +(-?\d+), oom_score: +(\d+), oom_score_adj: +(-?\d+)/;
const NOHANG_RSS = /^ +Vm, MiB: +Size: \d+, RSS: (\d+)/;
const NOHANG_SEND = /^ *Sending (SIG\w+) to the victim/;
const NOHANG_AFTER = /^The victim (?:died in|doesn't respond|became a zombie)/;

export interface UserspaceReader {
  /** `program` as the framing named it; null for bare text, where only lines with a shape of their own count. */
  read: (program: string | null, text: string) => UserspaceLine | null;
}

/** Reads one stream; remembers what a killer said just before (nohang's victim, earlyoom's limits). */
export function openUserspaceReader(): UserspaceReader {
  let victim: Partial<UserspaceKill> = {};

  function readNohang(text: string): UserspaceLine | null {
    const pid = NOHANG_PID.exec(text);
    if (pid !== null) victim = { pid: Number(pid[1]), name: decodeText(pid[2] ?? ''), uid: Number(pid[3]) };
    const badness = NOHANG_BADNESS.exec(text);
    if (badness !== null) victim = { ...victim, score: Number(badness[1]), oomScoreAdj: Number(badness[3]) };
    const rss = NOHANG_RSS.exec(text);
    if (rss !== null) victim = { ...victim, rssKiB: Number(rss[1]) * 1024 };
    const send = NOHANG_SEND.exec(text);
    if (send !== null && victim.pid !== undefined) {
      const kill = { ...NO_KILL, killer: 'nohang' as const, ...victim, signal: send[1] ?? null };
      victim = {};
      return { kind: 'kill', kill };
    }
    if (NOHANG_AFTER.test(text)) return { kind: 'after', text };
    return text.includes('requires corrective actions') ? { kind: 'before', text } : null;
  }

  return {
    read: (program, text) => {
      if (program === null || program === 'userspace')
        return readEarlyoom(text) ?? readSystemdOomd(text) ?? readOomd(text);
      if (program === 'earlyoom') return readEarlyoom(text);
      if (program === 'systemd-oomd') return readSystemdOomd(text);
      if (program === 'systemd') return readSystemd(text);
      if (program.startsWith('nohang')) return readNohang(text);
      return program === 'oomd' ? readOomd(text.startsWith('oomd kill: ') ? text : `oomd kill: ${text}`) : null;
    },
  };
}

const NO_KILL: UserspaceKill = {
  killer: 'earlyoom',
  pid: null,
  name: null,
  uid: null,
  score: null,
  oomScoreAdj: null,
  rssKiB: null,
  cgroup: null,
  signal: null,
  reason: null,
};

function readEarlyoom(text: string): UserspaceLine | null {
  const kill = EARLYOOM.exec(text);
  if (kill !== null) {
    return {
      kind: 'kill',
      kill: {
        ...NO_KILL,
        pid: Number(kill[2] ?? kill[5]),
        name: decodeText(kill[4] ?? kill[6] ?? ''),
        uid: toInteger(kill[3]),
        score: Number(kill[8]),
        oomScoreAdj: toInteger(kill[9]),
        rssKiB: kill[10] === undefined ? null : Number(kill[10]) * 1024,
        signal: kill[1] ?? (kill[7] === '9' ? 'SIGKILL' : 'SIGTERM'),
      },
    };
  }
  if (EARLYOOM_BEFORE.test(text)) return { kind: 'before', text };
  return EARLYOOM_AFTER.test(text) ? { kind: 'after', text } : null;
}

function readSystemdOomd(text: string): UserspaceLine | null {
  const kill = OOMD_SYSTEMD.exec(text);
  if (kill === null) return null;
  return {
    kind: 'kill',
    kill: {
      ...NO_KILL,
      killer: 'systemd-oomd',
      cgroup: decodeText(kill[1] ?? ''),
      signal: 'SIGKILL',
      reason: decodeText(kill[2] ?? ''),
    },
  };
}

function readOomd(text: string): UserspaceLine | null {
  const kill = OOMD.exec(text);
  if (kill === null || kill[4]?.includes('killer:(dry)') === true) return null;
  const path = decodeText(kill[2] ?? '');
  return {
    kind: 'kill',
    kill: {
      ...NO_KILL,
      killer: 'oomd',
      cgroup: path.startsWith('/') ? path : `/${path}`,
      rssKiB: Math.round(Number(kill[3]) / 1024),
      signal: 'SIGKILL',
      reason: `${decodeText(kill[4] ?? '')}, memory pressure ${kill[1]} % over 10 s`,
    },
  };
}

function readSystemd(text: string): UserspaceLine | null {
  const unit = SYSTEMD_UNIT.exec(text);
  return unit === null ? null : { kind: 'unit', unit: decodeText(unit[1] ?? ''), text: decodeText(text) };
}
