// Any local user may write lines to a log (`logger -t kernel`): none may cost more than its length.
import { describe, expect, it } from 'vitest';
import { openLogParser } from '../../src/oom/report/log-parser.ts';
import { ownCorpus, readLogFile, toLines } from '../support/corpus.ts';

const LINE_BYTES = 8_192;
const LINES = 12;
/** How much dearer a byte may be than one of an ordinary report; and what a slow or busy machine adds to so short a time. */
const DEARER_MAX = 5;
const SLACK_MS = 40;

/** The constant words of every line that somebody reads, each as far as a free part begins. */
const FRONTS = [
  'Kill process 1 (',
  'Out of memory: Kill process 1 (a) score ',
  'out of memory ',
  'Out of memory: Killed process 1 (a',
  'Killed process 1 (a) total-vm:1kB, ',
  'Memory cgroup out of memory',
  'Memory cgroup out of memory: OOM victim 1 (',
  'Memory cgroup stats for /a: b:',
  'Memory cgroup stats for a:1KB b:1KB ',
  'Task in /a killed as a result of limit of ',
  'Tasks in /a are going to be killed due to ',
  'OOM victim 1 (a) is already ',
  'Out of memory in UB 1: OOM killed process 1 (a) score ',
  'oom-kill:constraint=CONSTRAINT_NONE,task=',
  'oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/a,task_memcg=/a,task=a,pid=1',
  ',pid=1,uid=',
  'oom_reaper: reaped process 1 (',
  'oom_reaper: unable to reap pid:1 (',
  'a invoked oom-killer: gfp_mask=0x1(',
  'a invoked oom-killer: gfp_mask=0x1, order=',
  'oom-killer ',
  '[ 1.000000] ',
  '[ ',
  'CPU: 0 PID: 1 Comm: a Tainted: G ',
  'CPU: 0 PID: 1 Comm: a Not tainted ',
  ' cpuset=/ mems_allowed=',
  'Mem-Info: active_anon:1 ',
  'active_anon:1 inactive_anon:',
  'Node 0 DMA: 1*4kB (UME) ',
  'Node 0 DMA free:1kB min:1kB ',
  'Node 0 hugepages_total=1 hugepages_free=1 hugepages_size=',
  'lowmem_reserve[]: 1 ',
  'Unreclaimable slab info: a 1KB 1KB ',
  '[ pid ] uid tgid total_vm rss name ',
  '[    1]     0     1     1     1 ',
  'no killable process ',
  'panic_on_oom is ',
  'Kernel panic - not syncing: Out of ',
  'sending SIGTERM to process 1 uid 1 "',
  'sending SIGTERM to process 1 "a": badness ',
  "Killing process 'a' with signal 15, pid: ",
  'killing process 1 "a" with signal 15: badness ',
  'Killed /a due to memory used ',
  'Marked /a for killing due to memory pressure ',
  "Rule 'a' conditions met for cgroup /a for 1s, taking action ",
  'oomd dry-run: Would have tried to kill /a ',
  'oomd kill: 1.0 1.0 1.0 a 1 ruleset:[',
  'Path: /a ',
  'a.service: A process of this unit has been ',
  'System OOM encountered, victim process: a, pid: ',
  '[talos] Sending SIGKILL to cgroup {"cgroup": "/',
  '[talos] victim processes: {"processes": [',
  "lowmemorykiller: Killing 'a' (1), adj ",
  "lowmemorykiller: Kill 'a' (1), uid 1, oom_score_adj ",
  'send sigkill to 1 (a), adj 1, size ',
  'oom_policy=',
  '  PID: 1, name: a, state: ',
  'Victim is a, pid: ',
];
const FILLERS = ['', ' ', '(', ')', '"', '1', ',', ':', '=', '[', "'", '\\'];
const PREFIXES = [
  '',
  'May  7 21:43:54 doom kernel: ',
  'May  7 21:43:54 doom systemd-oomd[7]: ',
  'May  7 21:43:54 doom nohang[7]: ',
];

function hostileLine(prefix: string, front: string, filler: string): string {
  // Both the words again and again, and once with a long run behind them.
  const unit = filler === '' ? front : front + filler.repeat(3);
  return (prefix + unit.repeat(LINE_BYTES / unit.length + 1)).slice(0, LINE_BYTES);
}

function runLine(prefix: string, front: string, filler: string): string {
  return (prefix + front + (filler === '' ? 'a' : filler).repeat(LINE_BYTES)).slice(0, LINE_BYTES);
}

/** The least of several runs, in milliseconds. */
function costOf(lines: readonly string[], runs = 3): number {
  let least = Infinity;
  for (let run = 0; run < runs; run += 1) {
    const parser = openLogParser({ lastWordOnly: true });
    const start = performance.now();
    lines.forEach((line, at) => parser.line(line, at + 1));
    parser.end();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

const ordinary = toLines(readLogFile(ownCorpus(), 'd12-global-mysqld.kernlog-rfc3164.log'));
const ordinaryBytes = ordinary.reduce((sum, line) => sum + line.length + 1, 0);

describe('the cost of a line', { timeout: 120_000 }, () => {
  costOf(ordinary, 20);
  const perByteMs = costOf(ordinary, 10) / ordinaryBytes;
  const allowedMs = LINE_BYTES * LINES * perByteMs * DEARER_MAX + SLACK_MS;

  it.each(FRONTS)('is that of an ordinary one for each byte, whatever follows %s', (front) => {
    for (const prefix of PREFIXES)
      for (const filler of FILLERS) {
        const lines = Array.from({ length: LINES }, (_, at) =>
          at % 2 === 0 ? hostileLine(prefix, front, filler) : runLine(prefix, front, filler),
        );

        // An open report reads more of what follows.
        const header = `${prefix}a invoked oom-killer: gfp_mask=0x1, order=0, oom_score_adj=0`;
        if (costOf([header, ...lines], 1) <= allowedMs) continue;
        const costMs = costOf([header, ...lines], 5);
        expect(costMs, JSON.stringify(prefix + front + filler)).toBeLessThan(allowedMs);
      }
  });
});
