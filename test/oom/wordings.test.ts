// One row for each way in which kernels and killers have put it; facts from mm/oom_kill.c of the versions named, and from the killers' own sources.
import { judgeRecord } from '../../src/cause/cause.ts';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { KillRecord } from '../../src/oom/report.ts';
import { openLogParser } from '../../src/oom/report/log-parser.ts';
import { parseLines } from '../support/corpus.ts';

type Facts = Partial<Record<keyof KillRecord, unknown>>;

describe('what the kernel says of a death', () => {
  it.each<[string, string[], Facts]>([
    ['2.6.9', ['Out of Memory: Killed process 11 (pig).'], { pid: 11, name: 'pig', domain: 'host', totalVmKiB: null }],
    [
      '2.6.16',
      [
        'oom-killer: gfp_mask=0x280d2, order=0',
        'Out of Memory: Kill process 10 (sh) score 345 and children.',
        'Out of memory: Killed process 11 (pig).',
      ],
      {
        pid: 11,
        name: 'pig',
        selected: { pid: 10, name: 'sh' },
        score: 345,
        trigger: { name: null, pid: null, gfpMask: '0x280d2', gfpFlags: null, order: 0, oomScoreAdj: null },
      },
    ],
    [
      '2.6.24',
      [
        'python invoked oom-killer: gfp_mask=0x1201d2, order=0, oomkilladj=0',
        'Out of memory: kill process 5516 (python) score 216154 or a child',
        'Killed process 5517 (python)',
      ],
      { pid: 5517, name: 'python', score: 216154, selected: { pid: 5516, name: 'python' }, domain: 'host' },
    ],
    [
      '2.6.33',
      [
        'Out of memory: kill process 7 (a) score 3 or a child',
        'Killed process 7 (a) vsz:2000kB, anon-rss:1000kB, file-rss:20kB',
      ],
      { pid: 7, totalVmKiB: 2000, anonRssKiB: 1000, fileRssKiB: 20, shmemRssKiB: null },
    ],
    [
      '2.6.32 of RHEL 6',
      [
        'Out of memory: Kill process 7 (a) score 3 or sacrifice child',
        'Killed process 7, UID 48, (a) total-vm:2000kB, anon-rss:1000kB, file-rss:20kB',
      ],
      { pid: 7, name: 'a', uid: 48, totalVmKiB: 2000, fileRssKiB: 20 },
    ],
    [
      '3.10 of late RHEL 7',
      [
        'Memory cgroup out of memory: Kill process 7 (a) score 1000 or sacrifice child',
        'Killed process 7 (a), UID 0, total-vm:2000kB, anon-rss:1000kB, file-rss:20kB, shmem-rss:4kB',
      ],
      { pid: 7, name: 'a', uid: 0, domain: 'memcg', shmemRssKiB: 4, score: 1000 },
    ],
    [
      '4.5',
      [
        'Out of memory: Kill process 7 (a) score 3 or sacrifice child',
        'Killed process 7 (a) total-vm:2000kB, anon-rss:1000kB, file-rss:20kB, shmem-rss:0kB',
      ],
      { pid: 7, shmemRssKiB: 0, pageTablesKiB: null, domain: 'host' },
    ],
    [
      '4.6, a child sacrificed',
      [
        'Out of memory: Kill process 7 (apache2) score 3 or sacrifice child',
        'Killed process 8 (php) total-vm:2000kB, anon-rss:1000kB, file-rss:20kB, shmem-rss:0kB',
        'oom_reaper: reaped process 8 (php), now anon-rss:0kB, file-rss:0kB, shmem-rss:0lB',
      ],
      { pid: 8, name: 'php', selected: { pid: 7, name: 'apache2' }, reaped: true },
    ],
    [
      '5.1',
      [
        'Memory cgroup out of memory: Killed process 7 (a) total-vm:2000kB, anon-rss:1000kB, file-rss:20kB, shmem-rss:0kB',
      ],
      { pid: 7, domain: 'memcg', uid: null },
    ],
    [
      '5.4',
      [
        'Out of memory: Killed process 7 ((sd-pam)) total-vm:2000kB, anon-rss:1000kB, file-rss:20kB, shmem-rss:0kB, UID:1000 pgtables:64kB oom_score_adj:-250',
      ],
      { pid: 7, name: '(sd-pam)', uid: 1000, pageTablesKiB: 64, oomScoreAdj: -250 },
    ],
    [
      'whoever asks dies',
      [
        'Out of memory (oom_kill_allocating_task): Killed process 7 (a) total-vm:2000kB, anon-rss:1000kB, file-rss:20kB, shmem-rss:0kB, UID:0 pgtables:64kB oom_score_adj:0',
      ],
      { pid: 7, domain: 'host' },
    ],
    [
      'a memory policy',
      ['No available memory (MPOL_BIND): kill process 7 (a) score 1 or a child', 'Killed process 7 (a)'],
      { pid: 7, domain: 'mempolicy' },
    ],
    [
      'a cpuset',
      ['No available memory in cpuset: kill process 7 (a) score 1 or a child', 'Killed process 7 (a)'],
      { pid: 7, domain: 'cpuset' },
    ],
    [
      'a policy of 5.x',
      [
        'oom-kill:constraint=CONSTRAINT_MEMORY_POLICY,nodemask=1,cpuset=/,mems_allowed=0-1,global_oom,task_memcg=/,task=a,pid=7,uid=0',
        'Out of memory: Killed process 7 (a) total-vm:2000kB, anon-rss:1000kB, file-rss:20kB, shmem-rss:0kB, UID:0 pgtables:64kB oom_score_adj:0',
      ],
      { pid: 7, domain: 'mempolicy', constraint: 'CONSTRAINT_MEMORY_POLICY', taskMemcg: '/' },
    ],
    [
      'kernels without groups and cpusets',
      [
        'oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task=sh,pid=7991,uid=0',
        'Out of memory: Killed process 7991 (sh) total-vm:2000kB, anon-rss:1000kB, file-rss:20kB, shmem-rss:0kB, UID:0 pgtables:64kB oom_score_adj:0',
      ],
      { pid: 7991, domain: 'host', oomMemcg: null, taskMemcg: null },
    ],
    [
      'commas and equal signs in names and paths',
      [
        'oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task=1,task_memcg=/a,task=1/b,pid=3,task=x,pid=1,uid=0,pid=7,uid=5',
        'Memory cgroup out of memory: Killed process 7 (x,pid=1,uid=0) total-vm:2000kB, anon-rss:1000kB, file-rss:20kB, shmem-rss:0kB, UID:5 pgtables:64kB oom_score_adj:0',
      ],
      { pid: 7, name: 'x,pid=1,uid=0', uid: 5 },
    ],
    [
      'a line that a pager cut',
      ['Memory cgroup out of memory: Killed process 7 (a) total-vm:2000kB, anon-rss:1000kB, file-rss:20'],
      { pid: 7, name: 'a', totalVmKiB: 2000, anonRssKiB: 1000, fileRssKiB: null },
    ],
    [
      'a container of OpenVZ',
      ['Out of memory in UB 1234: OOM killed process 7 (php-cgi) score 0 vm:281988kB, rss:17004kB, swap:0kB'],
      { pid: 7, name: 'php-cgi', domain: 'memcg', totalVmKiB: 281988, anonRssKiB: null },
    ],
    ['a line that was cut in the name', ['Out of memory: Killed process 7 (mys'], { pid: 7, name: 'mys' }],
  ])('%s', (_, lines, facts) => {
    for (const stamped of [
      lines,
      lines.map((line, at) => `[  10.00000${at}] ${line}`),
      lines.map((line) => `May  7 21:43:54 doom kernel: ${line}`),
    ]) {
      const records = parseLines(stamped);

      expect(records).toHaveLength(1);
      expect(records[0]).toMatchObject({ killer: 'kernel', outcome: 'killed', ...facts });
    }
  });

  it.each([
    ['cut behind a digit of the pid', 'Out of memory: Killed process 1234'],
    [
      'another program that quotes it',
      'May  7 21:43:54 doom kubelet[77]: Out of memory: Killed process 7 (a) total-vm:2000kB',
    ],
    ['a message in front of it', 'saw: Out of memory: Killed process 7 (a) total-vm:2000kB, anon-rss:1000kB'],
    [
      'userspace that writes to /dev/kmsg',
      '12,539,107504808,-;Out of memory: Killed process 7 (a) total-vm:2000kB, anon-rss:1kB',
    ],
    ['the victim is already exiting', 'Out of memory: OOM victim 7 (a) is already exiting. Skip killing the task'],
    ['hardware', '[ 10.000000] MCE: Killing a:7 due to hardware memory corruption fault at 7f'],
    [
      'a failed allocation',
      '[ 10.000000] a: page allocation failure: order:4, mode:0xcc0(GFP_KERNEL), nodemask=(null)',
    ],
    ['the killer being switched off', '[ 10.000000] OOM killer disabled.'],
    ['a leaked fault', '[ 10.000000] Huh VM_FAULT_OOM leaked out to the #PF handler. Retrying PF'],
    ['systemd on memory', 'May  7 21:43:54 doom systemd-journald[77]: Under memory pressure, flushing caches.'],
    ['Java', 'May  7 21:43:54 doom java[77]: java.lang.OutOfMemoryError: Java heap space'],
  ])('is no kill: %s', (_, line) => {
    expect(parseLines([line])).toEqual([]);
  });
});

describe('pasted text', () => {
  const facts = { pid: 486, name: 'tomcat', totalVmKiB: 17464, anonRssKiB: 16244, fileRssKiB: 4, shmemRssKiB: 0 };
  const text =
    'Memory cgroup out of memory: Killed process 486 (tomcat) total-vm:17464kB, anon-rss:16244kB, file-rss:4kB, shmem-rss:0kB, UID:1000 pgtables:64kB oom_score_adj:7';
  it.each<[string, string[]]>([
    ['a kill line that a mail client wrapped', text.replace(/, (anon|shmem)/g, ',\n$1').split('\n')],
    ['the same with a stamp', `[   10.000000] ${text.replace(', shmem', ',\nshmem')}`.split('\n')],
    ['kubectl describe', [`  Warning  OOMKilling  28s (x3 over 2m)  kernel-monitor  ${text}`]],
    ['kubectl get events', [`23m   Warning   OOMKilling   node/ip-10-0-0-7   ${text}`]],
    ['an event as YAML', [`  message: '${text}'`]],
    ['an event as JSON', [`    "message": "${text}",`]],
    ['an indented block', [`    ${text}`]],
    ['a byte order mark', [`\xef\xbb\xbf[   10.000000] ${text}`]],
  ])('%s', (_, lines) => {
    const records = parseLines(lines);

    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ ...facts, uid: 1000, pageTablesKiB: 64, oomScoreAdj: 7 });
  });

  it('a header that a mail client wrapped', () => {
    const [record] = parseLines([
      'tomcat invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL),',
      'order=0, oom_score_adj=5',
      text,
    ]);

    expect(record?.trigger).toMatchObject({ name: 'tomcat', gfpMask: '0xcc0', order: 0, oomScoreAdj: 5 });
  });
});

describe('a report without a victim', () => {
  const header = 'a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0';
  it.each<[string, string[], string]>([
    [
      'nobody left, up to 4.17',
      [header, 'Kernel panic - not syncing: Out of memory and no killable processes...'],
      'panic',
    ],
    ['nobody left, 4.18 and newer', [header, 'Out of memory and no killable processes...'], 'no-killable'],
    [
      'nobody left, then the panic',
      [
        header,
        'Out of memory and no killable processes...',
        'Kernel panic - not syncing: System is deadlocked on memory',
      ],
      'panic',
    ],
    [
      'panic_on_oom',
      [header, 'Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled'],
      'panic',
    ],
    ['compulsory', [header, 'Kernel panic - not syncing: Out of memory: compulsory panic_on_oom is enabled'], 'panic'],
    ['up to 2.6.35', ['out of memory. Compulsory panic_on_oom is selected.'], 'panic'],
    ['2.6.32, by page fault', ['out of memory from page fault. panic_on_oom is selected.'], 'panic'],
    ['a group of protected tasks', [header, 'Memory cgroup out of memory: no killable processes'], 'no-killable'],
    ['torn off', [header, 'Mem-Info:'], 'truncated'],
    ['the rate limit', ['oom_kill_process: 70 callbacks suppressed'], 'suppressed'],
  ])('%s', (_, lines, outcome) => {
    const records = parseLines(lines.map((line, at) => `[  10.00000${at}] ${line}`));

    expect(records.map((record) => [record.outcome, record.pid, record.name])).toEqual([[outcome, null, null]]);
  });

  it('says that a chosen process was exiting already', () => {
    const records = parseLines([
      header,
      'oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task=b,pid=7,uid=0',
      'Out of memory: OOM victim 7 (b) is already exiting. Skip killing the task',
    ]);

    expect(records.map((record) => [record.outcome, record.pid])).toEqual([['truncated', null]]);
    expect(records[0]?.warnings.join()).toContain('Process 7 (b) was chosen but already exiting');
  });

  it.each([
    'Out of memory (oom_kill_allocating_task): Kill process 7 (a) score 0 or sacrifice child',
    'oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task=a,pid=7,uid=0',
  ])('is not the report before it, which has named somebody: %s', (chosen) => {
    const records = parseLines([chosen, 'Out of memory and no killable processes...']);

    expect(records.map((record) => [record.outcome, record.pid])).toEqual([
      ['killed', 7],
      ['no-killable', null],
    ]);
  });

  it('kills nobody where an old kernel chose somebody, could not kill it, and found nobody else', () => {
    const records = parseLines([
      header,
      'Out of memory: kill process 7 (a) score 3 or a child',
      'Kernel panic - not syncing: Out of memory and no killable processes...',
    ]);

    expect(records.map((record) => [record.outcome, record.pid, record.trigger?.name])).toEqual([['panic', null, 'a']]);
  });

  it('carries over what the rate limit dropped before a kill', () => {
    const [record] = parseLines([
      'oom_kill_process: 70 callbacks suppressed',
      header,
      'Out of memory: Killed process 7 (a) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB',
    ]);

    expect(record?.warnings.join()).toContain('70 callbacks suppressed');
  });
});

function stamped(lines: string[]): string[] {
  return lines.map((line) => `2026-11-22T20:15:47.947831+0000 h kernel: ${line}`);
}

describe('around a kill', () => {
  const kill =
    'Memory cgroup out of memory: Killed process 7 (a) total-vm:2000kB, anon-rss:1000kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:64kB oom_score_adj:0';

  it('counts the first of a group once, and says which group died', () => {
    const second = kill.replace('7 (a)', '8 (b)');
    const records = parseLines([
      kill,
      'Tasks in /g are going to be killed due to memory.oom.group set',
      second,
      kill.replace('1000kB', '900kB'),
    ]);

    expect(records.map((record) => [record.pid, record.oomGroup, record.anonRssKiB])).toEqual([
      [7, '/g', 1000],
      [8, '/g', 1000],
    ]);
    expect(new Set(records.map((record) => record.report)).size).toBe(1);
  });

  it('takes no later kill, and none of another shortage, for one of a group', () => {
    const group = 'Tasks in /g are going to be killed due to memory.oom.group set';
    const bare = kill.slice(kill.indexOf('Killed process'));
    const limit = `Memory cgroup out of memory: ${bare}`;
    const records = parseLines([
      `[  100.000000] ${limit}`,
      `[  100.000100] ${group}`,
      `[  100.010000] ${limit.replace('7 (a)', '8 (b)')}`,
      `[  100.020000] Out of memory: ${bare.replace('7 (a)', '9 (c)')}`,
      `[  100.700000] ${limit.replace('7 (a)', '10 (d)')}`,
    ]);

    expect(records.map((record) => [record.pid, record.oomGroup, record.domain])).toEqual([
      [7, '/g', 'memcg'],
      [8, '/g', 'memcg'],
      [9, null, 'host'],
      [10, null, 'memcg'],
    ]);
  });

  it('counts the first of a group once also where much stands between, in a log without the clock of the kernel', () => {
    const verdict =
      'oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/g,task_memcg=/g,task=a,pid=7,uid=0';
    const other = verdict.replace('task=a,pid=7', 'task=b,pid=8');
    const between = Array.from({ length: 60 }, () => 'audit: something else');
    const group = 'Tasks in /g are going to be killed due to memory.oom.group set';
    const again = kill.replace('1000kB', '900kB');
    const records = parseLines(
      stamped([verdict, ...between, kill, group, ...between, other, again, kill.replace('7 (a)', '8 (b)')]),
    );
    // Chosen seven seconds before, and told of by that line alone until the next one was chosen.
    const crossed = parseLines([
      `2026-11-22T20:15:40.947831+0000 h kernel: ${verdict}`,
      ...stamped([...between, other, kill, again]),
    ]);
    const later = parseLines([...stamped([kill, ...between]), `2026-11-22T20:16:47.947831+0000 h kernel: ${again}`]);

    expect(records.map((record) => record.pid)).toEqual([7, 8]);
    expect(crossed.map((record) => record.pid)).toEqual([7, 8]);
    expect(later.map((record) => record.pid)).toEqual([7, 7]);
  });

  it('tells of those that shared its memory and of a stuck victim', () => {
    const [record] = parseLines([
      kill,
      'Kill process 9 (c) sharing same memory',
      'oom_reaper: unable to reap pid:7 (a)',
    ]);

    expect(record?.reaped).toBe(false);
    expect(record?.aftermath).toEqual([
      'Process 9 (c) shared its memory and was killed with it',
      'The reaper could not free its memory: the process is stuck',
    ]);
  });

  it('takes the victim from the oom-kill line when journalctl hides the kill line', () => {
    const lines = [
      'a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0',
      'oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a,task=a,pid=7,uid=5',
      '[88B blob data]',
    ];
    const [record, ...others] = parseLines(lines.map((line) => `May 07 21:43:54 doom kernel: ${line}`));

    expect(others).toEqual([]);
    expect(record).toMatchObject({ pid: 7, name: 'a', uid: 5, oomMemcg: '/a', totalVmKiB: null });
    expect(record?.warnings.join()).toContain('blob data');
  });

  it('counts one death where a thread was chosen, and lines of another host stand between', () => {
    const others = Array.from(
      { length: 60 },
      () => '[  213.715554] [UFW BLOCK] IN=eth0 OUT= SRC=203.0.113.14 DST=10.0.2.15 LEN=60 PROTO=TCP SPT=414 DPT=22',
    );
    const kills = parseLines([
      '[  771.427685] a invoked oom-killer: gfp_mask=0x140dc2(GFP_HIGHUSER|__GFP_COMP|__GFP_ZERO), order=0, oom_score_adj=0',
      ...others,
      '[  775.894215] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=a,pid=32,uid=0',
      ...others,
      '[  775.898474] Out of memory (oom_kill_allocating_task): Killed process 17 (a) total-vm:2000kB, anon-rss:1000kB, file-rss:20kB, shmem-rss:0kB, UID:0 pgtables:64kB oom_score_adj:0',
    ]);

    expect(kills).toMatchObject([{ pid: 17, selected: { pid: 32 }, outcome: 'killed', warnings: [] }]);
  });

  it('counts two deaths of one pid that only oom-kill lines tell, before and after a restart', () => {
    const verdict =
      'oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=a,pid=7,uid=0';
    const lines = [
      `[  771.427685] ${verdict}`,
      '[    0.100000] pci 0000:00:00.0: a device',
      `[   50.427685] ${verdict}`,
    ];

    expect(parseLines(lines).map((record) => record.pid)).toEqual([7, 7]);
  });

  it('gives what the log says after a restart to nobody who was chosen before it', () => {
    const verdict =
      'oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=a,pid=7,uid=0';
    const [before, after] = parseLines([
      `[  771.427685] ${verdict}`,
      '[   50.100000] [ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name',
      '[   50.100001] [    8]     0     8     6414     6234       9        0             0 b',
      `[   50.100002] ${verdict.replace('a,pid=7', 'b,pid=8')}`,
      `[   50.100003] ${kill.replace('7 (a)', '8 (b)')}`,
    ]);

    expect([before?.pid, before?.tasksInDump]).toEqual([7, null]);
    expect(after).toMatchObject({ pid: 8, selected: { pid: 8 } });
  });

  it('is done with a report once somebody was chosen and the host has restarted', () => {
    const verdict =
      'oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=a,pid=7,uid=0';
    const boot = Array.from({ length: 101 }, (_, at) => `[    0.${100_000 + at}] pci 0000:00:0${at % 10}.0: a device`);
    const [, after] = parseLines([
      `[  771.427685] ${verdict}`,
      ...boot,
      '[   50.100000] [ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name',
      '[   50.100001] [    8]     0     8     6414     6234       9        0             0 b',
      `[   50.100003] ${kill.replace('7 (a)', '8 (b)')}`,
    ]);

    expect(after).toMatchObject({ pid: 8, tasksInDump: 1 });
  });

  it('keeps the header over the lines of all processors of a large host', () => {
    const processors = Array.from(
      { length: 8_000 },
      (_, at) => `CPU ${String(at % 448).padStart(4)}: hi:  186, btch:  31 usd:   0`,
    );
    const lines = ['a invoked oom-killer: gfp_mask=0xcc0, order=0, oom_score_adj=0', 'Mem-Info:', ...processors, kill];
    const records = parseLines(lines.map((line) => `[  771.427685] ${line}`));

    expect(records).toMatchObject([{ pid: 7, trigger: { name: 'a' }, warnings: [] }]);
  });

  it.each([
    ['the host has restarted', 101, '    0'],
    ['the kernel speaks of other things', 20_001, '  772'],
  ])('does not wait for ever for the rest of a report: %s', (_, count, second) => {
    const parser = openLogParser();
    const header = '[  771.427685] a invoked oom-killer: gfp_mask=0x140dc2(GFP_HIGHUSER), order=0, oom_score_adj=0';
    const others = Array.from(
      { length: count },
      (__, at) => `[${second}.${100_000 + at}] pci 0000:00:0${at % 10}.0: a device`,
    );
    const [last, ...before] = [header, ...others].toReversed();

    for (const [at, line] of before.toReversed().entries()) expect(parser.line(line, at + 1)).toEqual([]);
    expect(parser.maySkip()).toBe(false);

    const events = parser.line(last ?? '', count + 1);

    expect(events.map(({ record }) => record.outcome)).toEqual(['truncated']);
    expect(parser.maySkip()).toBe(true);
  });

  it("joins systemd's word on the unit instead of counting it", () => {
    const verdict =
      'oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/system.slice/w.service,task_memcg=/system.slice/w.service,task=a,pid=7,uid=0';
    const records = parseLines([
      `May  7 21:43:54 doom kernel: ${verdict}`,
      `May  7 21:43:54 doom kernel: ${kill}`,
      'May  7 21:43:55 doom systemd[1]: w.service: A process of this unit has been killed by the OOM killer.',
      "May  7 21:43:55 doom systemd[1]: w.service: Failed with result 'oom-kill'.",
    ]);

    expect(records).toHaveLength(1);
    expect(records[0]?.aftermath).toHaveLength(2);
    expect(records[0]?.identity?.unit).toBe('w.service');
  });

  it('reads what a serial console shows behind text that was not ended', () => {
    const [record] = parseLines([`db01 login: [  112.397795] ${kill}`]);

    expect(record).toMatchObject({ pid: 7, kernelSeconds: 112.397795 });
  });
});

describe('killers in userspace', () => {
  it.each<[string, string[], Facts]>([
    [
      'earlyoom',
      [
        'May  7 21:43:54 doom earlyoom[77]: low memory! at or below SIGTERM limits: mem 10.00%, swap 10.00%',
        'May  7 21:43:54 doom earlyoom[77]: sending SIGTERM to process 7378 uid 1000 "tail": oom_score 156, oom_score_adj 20, VmRSS 4962 MiB, cmdline "tail /dev/zero"',
      ],
      {
        killer: 'earlyoom',
        pid: 7378,
        uid: 1000,
        name: 'tail',
        score: 156,
        oomScoreAdj: 20,
        reason: 'low memory! at or below SIGTERM limits: mem 10.00%, swap 10.00%',
      },
    ],
    [
      'earlyoom 1.6',
      ['sending SIGTERM to process 29410 uid 1000 "cluster": badness 1264, VmRSS 23964 MiB'],
      { killer: 'earlyoom', pid: 29410, score: 1264 },
    ],
    [
      'earlyoom 1.3',
      ['sending SIGKILL to process 29410 "a "b"": badness 1264, VmRSS 2 MiB'],
      { killer: 'earlyoom', pid: 29410, uid: null, name: 'a "b"' },
    ],
    [
      'earlyoom 1.0',
      ['killing process 4711 "name" with signal 15: badness 12, VmRSS 2 MiB'],
      { killer: 'earlyoom', pid: 4711, name: 'name', score: 12 },
    ],
    [
      'systemd-oomd by pressure',
      [
        'May  7 21:43:54 doom systemd-oomd[77]: Killed /system.slice/leaky.service due to memory pressure for /system.slice being 85.03% > 80.00% for > 20s with reclaim activity',
      ],
      { killer: 'systemd-oomd', pid: null, name: null, taskMemcg: '/system.slice/leaky.service', domain: 'memcg' },
    ],
    [
      'systemd-oomd by swap',
      [
        'May  7 21:43:54 doom systemd-oomd[77]: Killed /user.slice/a.scope due to memory used (9) / total (10) and swap used (9) / total (10) being more than 90.00%',
      ],
      { killer: 'systemd-oomd', domain: 'host' },
    ],
    [
      'systemd-oomd, newer',
      [
        'May  7 21:43:54 doom systemd-oomd[77]: Marked /a.slice for killing due to memory pressure for / being 85.03% > 80.00% for > 20s with reclaim activity',
      ],
      { killer: 'systemd-oomd', taskMemcg: '/a.slice' },
    ],
    [
      'oomd',
      [
        '[   10.000000] oomd kill: 62.08 40.05 10.05 system.slice/foo.service 5371920384 ruleset:[memory] detectorgroup:[x] killer:kill_by_size v2',
      ],
      { killer: 'oomd', taskMemcg: '/system.slice/foo.service', domain: 'memcg' },
    ],
    [
      'nohang',
      [
        'May  7 21:43:54 doom nohang[77]: Victim status (found in 1ms):',
        'May  7 21:43:54 doom nohang[77]:   PID:       5677, name: tail, state: R, EUID: 1000, SID: 1',
        'May  7 21:43:54 doom nohang[77]:   badness: 700, oom_score: 700, oom_score_adj: 0',
        'May  7 21:43:54 doom nohang[77]:   Vm, MiB: Size: 9, RSS: 8 (anon: 8)',
        'May  7 21:43:54 doom nohang[77]: Sending SIGTERM to the victim',
      ],
      { killer: 'nohang', pid: 5677, name: 'tail', uid: 1000, score: 700 },
    ],
  ])('%s', (_, lines, facts) => {
    const records = parseLines(lines);

    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ outcome: 'killed', ...facts });
    expect(records[0] && judgeRecord(records[0])).toMatchObject({ code: facts.killer, sure: 'certain' });
  });

  it('keeps what earlyoom says afterwards', () => {
    const [record, ...others] = parseLines([
      'sending SIGTERM to process 7 uid 0 "a": badness 1, VmRSS 2 MiB',
      'escalating to SIGKILL after 2.4 seconds',
      'process exited after 0.1 seconds',
    ]);

    expect(others).toEqual([]);
    expect(record?.aftermath).toEqual(['escalating to SIGKILL after 2.4 seconds', 'process exited after 0.1 seconds']);
  });

  it('takes for one kill what systemd-oomd says again at once, having looked before all was dead', () => {
    function said(atUsec: number, swapBytes: number): string {
      return JSON.stringify({
        __REALTIME_TIMESTAMP: String(1_795_891_710_304_781 + atUsec),
        _TRANSPORT: 'journal',
        SYSLOG_IDENTIFIER: 'systemd-oomd',
        MESSAGE: `Killed /system.slice/swapper.service due to memory used (293797888) / total (1019248640) and swap used (${swapBytes}) / total (134213632) being more than 10.00%`,
      });
    }

    const records = parseLines([said(0, 36921344), said(253_701, 81219584), said(1_100_000, 2), said(9_000_000, 3)]);

    expect(records.map(({ evidence }) => evidence.length)).toEqual([3, 1]);
  });
});

describe('the founding story', () => {
  const whole = [
    'Aug 30 01:35:08 xxxxx kernel: [7189052.423131] [18540]   111 18540  1930392  1535479 12935168        0             0 mysqld',
    'Aug 30 01:35:08 xxxxx kernel: [7189052.423132] Out of memory: Kill process 18540 (mysqld) score 512 or sacrifice child',
    'Aug 30 01:35:08 xxxxx kernel: [7189052.424065] Killed process 18540 (mysqld) total-vm:7721568kB, anon-rss:6141916kB, file-rss:0kB, shmem-rss:0kB',
    'Aug 30 01:35:08 xxxxx kernel: [7189052.749286] oom_reaper: reaped process 18540 (mysqld), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB',
  ];
  const torn = [
    'Aug 29 23:45:33 xxxxx kernel: [7182478.018455]  oom_kill_process+0x21f/0x420',
    'Aug 29 23:45:33 xxxxx kernel: [7182478.018529] [ pid ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name',
    'Aug 29 23:45:34 xxxxx kernel: [7182478.495925] oom_reaper: reaped process 22648 (mysqld), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB',
    'Aug 30 01:35:08 xxxxx kernel: [7189052.422998] icinga2 invoked oom-killer: gfp_mask=0x14200ca(GFP_HIGHUSER_MOVABLE), nodemask=(null), order=0, oom_score_adj=0',
    'Aug 30 01:35:08 xxxxx kernel: [7189052.423021]  oom_kill_process+0x21f/0x420',
    'Aug 30 01:35:08 xxxxx kernel: [7189052.423096] [ pid ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name',
  ];

  it('names who died, with its score', () => {
    const [record, ...others] = parseLines(whole);

    expect(others).toEqual([]);
    expect(record).toMatchObject({
      pid: 18540,
      name: 'mysqld',
      score: 512,
      domain: 'host',
      totalVmKiB: 7721568,
      anonRssKiB: 6141916,
      reaped: true,
      timeText: 'Aug 30 01:35:08',
      kernelSeconds: 7189052.424065,
      trigger: null,
    });
    expect(record?.missing).toContain('beginning');
  });

  it('tells trigger and victim apart where header and kill are both there', () => {
    const [record] = parseLines([...torn.slice(3), ...whole]);

    expect(record).toMatchObject({ name: 'mysqld', trigger: { name: 'icinga2', order: 0 }, tasksInDump: 1 });
  });

  it('invents nobody from the view that grep left, but says what it shows', () => {
    const records = parseLines(torn);

    expect(records.map((record) => [record.outcome, record.pid, record.trigger?.name ?? null])).toEqual([
      ['truncated', null, null],
      ['truncated', null, null],
      ['truncated', null, 'icinga2'],
    ]);
    expect(records.flatMap((record) => record.warnings).join()).toContain('The reaper took process 22648 (mysqld)');
  });
});

/** Bytes that are still reachable. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

describe('bounds', { timeout: 60_000 }, () => {
  const header = 'a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0';
  const heading = '[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name';
  it.each<[string, (at: number) => string]>([
    ['headers', () => header],
    ['rows', (at) => (at === 0 ? heading : `[${at}] 0 ${at} 1 1 1 0 0 a name of a row`)],
    ['statistics', (at) => (at === 0 ? 'Memory cgroup stats for /a:' : `key${at} 1`)],
    ['pieces of a name', (at) => (at === 0 ? 'Out of memory: Killed process 7 (a' : 'b')],
    ['kills', (at) => `Out of memory: Killed process ${at} (a) total-vm:1kB, anon-rss:1kB, file-rss:0kB`],
    ['group lines', (at) => `Tasks in /${at} are going to be killed due to memory.oom.group set`],
    ['reapers', (at) => `oom_reaper: reaped process ${at} (a), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB`],
    ['hosts', (at) => `May  7 21:43:54 host${at} kernel: ${header}`],
    ['slab lines', (at) => (at === 0 ? 'Unreclaimable slab info:' : `slab${at} 1KB 1KB`)],
    ['zones', (at) => `Node ${at} DMA free:1kB min:1kB low:1kB high:1kB present:1kB managed:1kB`],
    ['journal fields', (at) => (at === 0 ? '__CURSOR=s=1' : `FIELD_${at}=${'x'.repeat(100)}`)],
    ['bytes of a journal field', (at) => (at === 0 ? '__CURSOR=s=1' : at === 1 ? 'MESSAGE' : '\xff'.repeat(100))],
  ])('holds for endless %s', (_, lineAt) => {
    const parser = openLogParser({ lastWordOnly: true });
    const count = 60_000;
    let before = 0;
    for (let at = 0; at < count; at += 1) {
      parser.line(at === 0 && !lineAt(0).startsWith('__') ? header : lineAt(at - 1), at + 1);
      if (at === count / 3) before = heapInUse();
    }
    const grownMiB = (heapInUse() - before) / 2 ** 20;

    expect(grownMiB).toBeLessThan(16);
    parser.end();
  });

  it.each([
    'Killed process 1 (',
    'Kill process 1 (',
    'a invoked oom-killer: gfp_mask=,',
    'oom-kill:constraint=A,task=,pid=1',
    'Tasks in a are going to be killed due to ',
    'oom_reaper: reaped process 1 (a), now anon-rss',
    'CPU: 1 PID: 1 Comm: Tainted: ',
    'Memory cgroup stats for a: b:1KB ',
    ' OOMKilling out of memory: ',
    'sending SIGTERM to process 1 "": ',
    '** 1 printk messages dropped ** ',
    '[    1.000000] ',
    'message: "',
  ])('reads 64 KiB of %j in no time', (words) => {
    const line = words.repeat(65_536 / words.length);
    const start = process.cpuUsage();

    for (const prefix of ['', '[    1.000000] ', 'Nov 22 19:51:00 h kernel: ', '4,1,1,-;'])
      parseLines([prefix + line, prefix + line]);

    // A pattern that goes back and forth would need minutes.
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(2);
  });

  it('takes lines of any length', () => {
    const giant = 'x'.repeat(5_000_000);

    expect(parseLines([giant, `[    1.000000] ${giant}`, `{"MESSAGE":"${giant}"}`, `MESSAGE=${giant}`])).toEqual([]);
  });
});
