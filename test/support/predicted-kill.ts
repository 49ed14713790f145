import { scanOfGroup } from '../../src/app/ranking.ts';
import { PROC_SCAN } from '../../src/oom/proc/proc-scan-script.ts';
import { parseProcScan, rankNext, type ProcessFacts, type ProcScan } from '../../src/oom/proc/proc-scan.ts';

/** Where processes are let die: runs a shell script as root there and gives what it printed. Throws when it failed. */
export type RunAsRoot = (script: string, input?: string) => string;

export interface PredictedKill {
  /** By oombot's own arithmetic, before. */
  predicted: ProcessFacts;
  /** How far the second was behind. */
  marginKiB: number;
  /** By the kernel's own log, in its order. Rarely there are two: it looks again before what the first held is back. */
  victims: number[];
}

export interface FullGroup {
  /** A process in it that holds so much, with that value; gives its pid once it has it all. */
  start: (holdsMiB: number, oomScoreAdj: number) => number;
  /** The group's processes as oombot sees them, weighed by the group's limit. */
  scan: () => ProcScan;
  /** From now on scans weigh by the limit that a kill would find. It is not set yet: that alone could make the kernel kill. */
  weigh: () => void;
  /** Predicts, then lets one process more, of that value, ask for what is not there. */
  kill: (triggerAdj?: number) => PredictedKill;
  close: () => void;
}

/** Left free by the limit. Whoever is first must be so by more than what changes between the look and the kill. */
export const SLACK_KIB = 1024;
const ASKS_MIB = 3;

let groups = 0;

/** A memory group of cgroup v1 or v2, as is there. It ends processes only of its own making. */
export function openFullGroup(run: RunAsRoot): FullGroup {
  const name = `oombot-predict-${process.pid}-${(groups += 1)}`;
  const isV2 = run('[ -e /sys/fs/cgroup/cgroup.controllers ] && echo yes || :').trim() === 'yes';
  const dir = isV2 ? `/sys/fs/cgroup/${name}` : `/sys/fs/cgroup/memory/${name}`;
  const [limitFile, usageFile] = isV2
    ? ['memory.max', 'memory.current']
    : ['memory.limit_in_bytes', 'memory.usage_in_bytes'];
  const pipes = `/tmp/${name}`;
  // dd fills its buffer, then waits for ever to write it into a pipe that nobody reads.
  run(`mkdir '${dir}' && mkdir -m 700 '${pipes}' && mkfifo '${pipes}/full' '${pipes}/go'
sleep 3600 <>'${pipes}/full' >/dev/null 2>&1 & echo $! >'${pipes}/reader'`);
  let limitKiB: number | null = null;

  function startOne(body: string, oomScoreAdj: number): number {
    return Number(
      run(
        `sh -c 'echo $$ >${dir}/cgroup.procs; echo ${oomScoreAdj} >/proc/self/oom_score_adj; ${body}' >${pipes}/full 2>/dev/null </dev/null & echo $!`,
      ),
    );
  }

  function scan(): ProcScan {
    const whole = parseProcScan(run('exec sh -s', PROC_SCAN));
    if (whole.kind === 'fault') throw new Error(whole.text);
    return scanOfGroup(whole, `/${name}`, limitKiB);
  }

  function until(what: string, holds: () => boolean): void {
    for (let tries = 0; !holds(); tries += 1) {
      if (tries > 100) throw new Error(`${what} did not come`);
      run('sleep 0.1');
    }
  }

  function has(pid: number, leastKiB: number): boolean {
    return scan().processes.some((facts) => facts.pid === pid && facts.rssKiB >= leastKiB);
  }

  function victims(): number[] {
    const lines = run(`dmesg | grep -F 'oom_memcg=/${name},' || :`);
    return [...lines.matchAll(/,task=(?:dd|sh),pid=(\d+),uid=\d+$/gm)].map(([, pid]) => Number(pid));
  }

  function weigh(): void {
    limitKiB = Math.ceil(Number(run(`cat ${dir}/${usageFile}`)) / 1024) + SLACK_KIB;
  }

  /** Sets the limit just above what is used, so that the next who asks for memory brings it down. */
  function tighten(): void {
    weigh();
    run(`echo ${limitKiB}K >${dir}/${limitFile}`);
  }

  return {
    start: (holdsMiB, oomScoreAdj) => {
      limitKiB = null;
      run(`echo ${isV2 ? 'max' : -1} >${dir}/${limitFile}`);
      const pid = startOne(`exec dd if=/dev/zero bs=${holdsMiB}M count=1`, oomScoreAdj);
      until(`process ${pid} of ${holdsMiB} MiB`, () => has(pid, holdsMiB * 1024));
      return pid;
    },
    scan,
    weigh,
    kill: (triggerAdj = 0) => {
      const trigger = startOne(`read go <${pipes}/go; exec dd if=/dev/zero bs=${ASKS_MIB}M count=1`, triggerAdj);
      until('the trigger', () => has(trigger, 1));
      tighten();
      const before = scan();
      const earlier = victims().length;
      const [first, second] = rankNext(before).ranking;
      if (first === undefined) throw new Error('nobody is there to die');
      run(`echo go >${pipes}/go`);
      until('the kill', () => victims().length > earlier);
      const dead = victims()[earlier];
      until('the end of the victim', () => !scan().processes.some(({ pid }) => pid === dead));
      // Ten reports in 5 s are the most that the kernel prints.
      run('sleep 0.6');
      return {
        predicted: first.task,
        marginKiB: (first.points - (second?.points ?? -Infinity)) * before.pageSizeKiB,
        victims: victims().slice(earlier),
      };
    },
    close: () => {
      run(`for p in $(cat ${dir}/cgroup.procs ${pipes}/reader); do kill -9 "$p"; done 2>/dev/null
for n in 1 2 3 4 5 6 7 8 9; do rmdir ${dir} 2>/dev/null && break; sleep 0.2; done; rm -rf ${pipes}; [ ! -d ${dir} ]`);
    },
  };
}

/** The smallest value, in steps of 50, by which this process comes first or ceases to be, clearly. null: none does. */
export function valueThatTurns(scan: ProcScan, pid: number, toFirst: boolean, leastMarginKiB: number): number | null {
  const values = Array.from({ length: 21 }, (_, at) => at * 50);
  const now = scan.processes.find((facts) => facts.pid === pid)?.oomScoreAdj ?? 0;
  const tried = toFirst ? values.filter((value) => value > now) : values.filter((value) => value < now).toReversed();
  return (
    tried.find((value) => {
      const [first, second] = rankNext(scan, new Map([[pid, value]])).ranking;
      if (first === undefined || second === undefined) return false;
      return (first.task.pid === pid) === toFirst && (first.points - second.points) * scan.pageSizeKiB > leastMarginKiB;
    }) ?? null
  );
}
