import { describe, expect, it } from 'vitest';
import { judgeRecord } from '../../src/cause/cause.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { parseLines } from '../support/corpus.ts';

const FRONT = 'Nov 22 19:53:13 doom ';

function by(program: string, ...texts: string[]): string[] {
  return texts.map((text) => `${FRONT}${program}: ${text}`);
}

function facts(record: KillRecord | undefined): Partial<KillRecord> {
  return Object.fromEntries(Object.entries(record ?? {}).filter(([, value]) => value !== null)) as Partial<KillRecord>;
}

describe('earlyoom', () => {
  it.each<[string, string, Partial<KillRecord>]>([
    ['0.1 to 1.0', 'Killing process 24833 tail', { pid: 24833, name: 'tail' }],
    [
      '1.1',
      'Killing process: tail, pid: 24833, badness: 972, VmRSS: 3963 MiB',
      { pid: 24833, name: 'tail', score: 972 },
    ],
    [
      '1.2',
      "Killing process 'a, pid: 7' with signal 9, pid: 24833, badness: 972, VmRSS: 3963 MiB",
      { pid: 24833, name: 'a, pid: 7' },
    ],
    ['1.3 rc', 'killing process 24833 "tail" with signal 15: badness 972, VmRSS 3963 MiB', { pid: 24833, score: 972 }],
    ['1.3', 'sending SIGTERM to process 24833 "tail": badness 972, VmRSS 3963 MiB', { pid: 24833, score: 972 }],
    ['1.6', 'sending SIGKILL to process 24833 uid 7 "tail": badness 972, VmRSS 3963 MiB', { pid: 24833, uid: 7 }],
    [
      '1.9, and a command line that looks like the end of the name',
      'sending SIGTERM to process 24833 uid 7 "tail": oom_score 156, oom_score_adj 300, VmRSS 4962 MiB, cmdline "x": oom_score 1, VmRSS 1 MiB"',
      { pid: 24833, name: 'tail', uid: 7, score: 156, oomScoreAdj: 300 },
    ],
  ])('of %s is read', (_, text, wanted) => {
    const [record, ...others] = parseLines(by('earlyoom[7]', text));

    expect(others).toEqual([]);
    expect(record).toMatchObject({ killer: 'earlyoom', outcome: 'killed', ...wanted });
  });

  const SENT = 'sending SIGTERM to process 24833 uid 7 "tail": badness 972, VmRSS 3963 MiB';
  it.each<[string, string[], KillRecord['outcome']]>([
    ['nothing more is said', [], 'killed'],
    ['it exits', ['process exited after 0.1 seconds'], 'killed'],
    [
      'it exits, as 1.9 says it',
      ['escalating to SIGKILL after 6.883 seconds', 'process 24833 exited after 7.1 seconds'],
      'killed',
    ],
    ['no time is left', ['kill failed: Timer expired'], 'attempted'],
    ['it may not', ['kill failed: Operation not permitted'], 'attempted'],
    ['it does not exit', ['process 24833 did not exit'], 'attempted'],
    ['it had gone already', ['kill failed: No such process'], 'killed'],
    ['it only says so', ['dryrun, not actually sending any signal'], 'dry-run'],
  ])('tells what came of it when %s', (_, then, outcome) => {
    expect(parseLines(by('earlyoom[7]', SENT, ...then)).map((record) => record.outcome)).toEqual([outcome]);
  });

  it.each([
    ['kill failed: Timer expired', 'attempted', 'killed'],
    ['process 24833 exited after 10.1 seconds', 'killed', 'killed'],
    ['kill failed: Operation not permitted', 'attempted', 'attempted'],
  ])('belongs to whom it is said of, where two logs are mixed: %s', (then, first, second) => {
    const other = 'sending SIGTERM to process 999 uid 7 "head": badness 972, VmRSS 3963 MiB';
    const lines = by('earlyoom[7]', SENT, 'process 24833 did not exit', other, then);

    expect(parseLines(lines).map(({ pid, outcome }) => [pid, outcome])).toEqual([
      [24833, first],
      [999, second],
    ]);
  });

  it('is not what another program says of a process', () => {
    expect(parseLines(by('supervisord[7]', 'Killing process 24833 tail', 'kill failed: Timer expired'))).toEqual([]);
    expect(parseLines(['Killing process 24833 tail'])).toEqual([]);
  });
});

describe('nohang', () => {
  it('is read from its own log file, which names no program', () => {
    const block = [
      'Memory status that requires corrective actions:',
      '  MemAvailable [1234 MiB, 5.0 %] <= warning_threshold_max [1500 MiB, 6.0 %]',
      'Found a process with highest badness (found in 12ms):',
      '  PID: 5677, Name: tail, badness: 972',
      'Victim status (found in 1ms):',
      '  PID:       5677, name: tail, state: R, EUID: 1000, SID: 1234 (bash), lifetime: 12 s',
      '  badness:   572, oom_score:  572, oom_score_adj:  0',
      '  Vm, MiB: Size: 4000, RSS: 3963 (Anon: 3960, File: 3, Shmem: 0), Swap: 0',
      'Sending SIGTERM to the victim',
      'The victim died in 0.123s',
    ];
    const log = block.map((text) => `2026-11-22 19:51:13,364: ${text}`);

    const [record, ...others] = parseLines(log);

    expect(others).toEqual([]);
    expect(record).toMatchObject({ killer: 'nohang', outcome: 'killed', pid: 5677, name: 'tail', uid: 1000 });
    expect(record?.aftermath).toEqual(['The victim died in 0.123s']);
    expect(parseLines(['2026-11-22 19:51:13,364: Sending SIGTERM to the victim'])).toEqual([]);
  });

  it.each<[string, string[], Partial<KillRecord>]>([
    [
      'the very first',
      ['  Try to send the SIGTERM signal to tail,', '  Pid 5677, Badness 572, VmRSS 3963 MiB, VmSwap 0 MiB'],
      { pid: 5677, name: 'tail', score: 572 },
    ],
    [
      '0.1, all in one line',
      [
        '  Finding the process with the highest badness',
        '  Victim is tail, pid: 5677, badness: 572, VmRSS: 3963 MiB, VmSwap: 0 MiB',
        '  Sending SIGTERM to the victim; signal received; response time: 13 ms',
      ],
      { pid: 5677, name: 'tail', score: 572 },
    ],
    [
      'a field a line, underlined for a terminal',
      [
        '\x1b[4mFound a process with highest badness:\x1b[0m',
        '  Name:     \x1b[33mtail\x1b[0m',
        '  PID:      \x1b[33m5677\x1b[0m',
        '  EUID:     \x1b[33m1000\x1b[0m',
        '  badness:  \x1b[33m572\x1b[0m, oom_score:  572, oom_score_adj:  300',
        '  Sending \x1b[4mSIGKILL\x1b[0m to the victim; OK',
      ],
      { pid: 5677, name: 'tail', uid: 1000, oomScoreAdj: 300 },
    ],
    [
      '0.2, and a name that looks like what follows it',
      [
        'Victim status (found in 1ms):',
        '  PID:       5677, name: a, state: R, state: S, EUID: 1000, SID: 7 (bash), lifetime: 1 s',
        '  badness:   572, oom_score:  572, oom_score_adj:  0',
        'Sending SIGTERM to the victim',
      ],
      { pid: 5677, uid: 1000, oomScoreAdj: 0 },
    ],
  ])('of %s is read', (_, texts, wanted) => {
    const [record, ...others] = parseLines(by('nohang[7]', ...texts));

    expect(others).toEqual([]);
    expect(record).toMatchObject({ killer: 'nohang', outcome: 'killed', ...wanted });
  });

  it('tells a victim that had gone before from one that died', () => {
    const found = ['  Victim is tail, pid: 5677, badness: 572, VmRSS: 3963 MiB, VmSwap: 0 MiB'];

    expect(
      parseLines(by('nohang[7]', ...found, '  Sending SIGTERM to the victim; no such process; response time: 1 ms')),
    ).toEqual([]);
    expect(
      parseLines(
        by('nohang[7]', ...found, 'Sending SIGTERM to the victim', 'Selected process died before corrective action'),
      ).map((record) => record.outcome),
    ).toEqual(['attempted']);
  });
});

describe('systemd-oomd', () => {
  const KILLED =
    'Killed /user.slice/a.scope due to memory pressure for /user.slice being 51.07% > 50.00% for > 20s with reclaim activity';

  it.each<[string, string[], Partial<KillRecord>[]]>([
    ['248 to 257', [KILLED], [{ taskMemcg: '/user.slice/a.scope', outcome: 'killed', domain: 'memcg' }]],
    [
      '258: marked',
      [
        'Marked /a.slice/b.service for killing due to memory used (9) / total (9) and swap used (9) / total (9) being more than 90.00%',
      ],
      [{ taskMemcg: '/a.slice/b.service', domain: 'host' }],
    ],
    [
      'marked without a reason',
      ['Marked /a.slice/b.service for killing'],
      [{ taskMemcg: '/a.slice/b.service', outcome: 'killed' }],
    ],
    [
      'a rule that kills all of its group',
      ["Rule 'busy' conditions met for cgroup /a.slice (lasting 10s), taking action kill-all"],
      [{ taskMemcg: '/a.slice', reason: 'rule busy of /a.slice held for 10s, action kill-all' }],
    ],
    [
      'a rule that chooses: the last of the candidates',
      [
        "Rule 'it's' conditions met for cgroup /a.slice for 10s, taking action kill-by-pgscan",
        'Considered 3 cgroups for killing, top candidates were:',
        '\tPath: /a.slice/avoided.service',
        '\t\tPressure: Avg10: 1.00',
        '\tPath: /a.slice/b.service',
        '\t\tCurrent Memory Usage: 1.0G',
      ],
      [{ taskMemcg: '/a.slice/b.service', outcome: 'killed' }],
    ],
    [
      'a rule in a dry run',
      [
        "Rule 'busy' conditions met for cgroup /a.slice for 10s, taking action kill-by-swap",
        'Considered 1 cgroups for killing, top candidates were:',
        '\tPath: /a.slice/b.service',
        'oomd dry-run: Would have tried to kill /sys/fs/cgroup/a.slice/b.service and all its descendants',
      ],
      [{ taskMemcg: '/a.slice/b.service', outcome: 'dry-run' }],
    ],
    [
      'a dry run of 258, which marks all the same',
      [
        'oomd dry-run: Would have tried to kill /sys/fs/cgroup/a.slice/b.service and all its descendants',
        'Marked /a.slice/b.service for killing due to memory used (9) / total (9) and swap used (9) / total (9) being more than 90.00%',
      ],
      [{ taskMemcg: '/a.slice/b.service', outcome: 'dry-run' }],
    ],
  ])('is read: %s', (_, texts, wanted) => {
    const records = parseLines(by('systemd-oomd[7]', ...texts));

    expect(records).toHaveLength(wanted.length);
    for (const [at, one] of wanted.entries())
      expect(records[at]).toMatchObject({ killer: 'systemd-oomd', pid: null, ...one });
  });

  it('is known by what systemd says of the unit alone, with the condition of 244 to 247', () => {
    const records = parseLines([
      ...by(
        'systemd-oomd[7]',
        'Memory pressure for /user.slice is greater than 60 for more than 10 seconds and there was reclaim activity',
      ),
      ...by(
        'systemd[1]',
        'a.scope: systemd-oomd killed 12 process(es) in this unit.',
        "a.scope: Failed with result 'oom-kill'.",
      ),
    ]);

    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ killer: 'systemd-oomd', identity: { unit: 'a.scope' }, outcome: 'killed' });
    expect(records[0]?.reason).toContain('Memory pressure for /user.slice');
    expect(records[0]?.aftermath).toHaveLength(1);
  });

  it.each([
    ['before', 1],
    ['after', 0],
  ])('and systemd tell of one kill, systemd %s it', (_, at) => {
    const unit = by('systemd[1]', 'a.scope: systemd-oomd killed some process(es) in this unit.');
    const own = by('systemd-oomd[7]', KILLED);
    const records = parseLines(at === 1 ? [...unit, ...own] : [...own, ...unit]);

    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ taskMemcg: '/user.slice/a.scope', warnings: [] });
    expect(records[0]?.reason).toContain('51.07%');
  });
});

describe('other killers', () => {
  it.each<[string, string[], Partial<KillRecord>]>([
    [
      'the driver of Android',
      [
        "[  10.000000] lowmemorykiller: Killing 'om.htc.launcher' (4486), adj 294,",
        "[  10.000000]    to free 47856kB on behalf of 'kworker/u8:14' (20594) because",
        '[  10.000000]    cache 72460kB is below limit 73728kB for oom_score_adj 235',
      ],
      { killer: 'lowmemorykiller', pid: 4486, name: 'om.htc.launcher', oomScoreAdj: 294 },
    ],
    [
      'the driver of 2.6',
      ['<4>[  10.000000] send sigkill to 4486 (a b), adj 9, size 11964'],
      { killer: 'lowmemorykiller', pid: 4486, name: 'a b', oomScoreAdj: 9 },
    ],
    [
      'lmkd',
      [
        "lowmemorykiller: Kill 'com.a' (4486), uid 10100, oom_score_adj 935 to free 46732kB rss, 34564kB swap; reason: low watermark is breached",
      ],
      { killer: 'lmkd', pid: 4486, name: 'com.a', uid: 10100, oomScoreAdj: 935, reason: 'low watermark is breached' },
    ],
    [
      'Talos',
      [
        '[talos] OOM controller triggered {"component": "controller-runtime"}',
        '[talos] Sending SIGKILL to cgroup {"component": "controller-runtime", "cgroup": "/sys/fs/cgroup/kubepods/burstable/podc11937f9-989d-48ba-8453-06d2baa9392b"}',
        '[talos] victim processes: {"component": "controller-runtime", "processes": ["/app"]}',
      ],
      {
        killer: 'talos',
        pid: null,
        taskMemcg: '/kubepods/burstable/podc11937f9-989d-48ba-8453-06d2baa9392b',
        outcome: 'killed',
      },
    ],
    [
      'lmkd in logcat',
      [
        "09-12 10:11:12.345   670   670 I lowmemorykiller: Kill 'com.a' (4486), uid 10100, oom_score_adj 935 to free 46732kB rss",
      ],
      { killer: 'lmkd', pid: 4486, timeText: '09-12 10:11:12.345' },
    ],
    [
      'lmkd in a short logcat, over two lines',
      [
        "I/lowmemorykiller(  670): Killing 'com.a' (4486), uid 10100, adj 15",
        'I/lowmemorykiller(  670):    to free 47856kB because cache 72460kB is below limit 73728kB for oom_adj 15',
      ],
      { killer: 'lmkd', pid: 4486, oomScoreAdj: 15 },
    ],
    [
      'Talos in the log of its machine',
      [
        'user: warning: [2026-08-11T17:20:38.123456789Z]: [talos] Sending SIGKILL to cgroup {"cgroup": "/sys/fs/cgroup/kubepods/besteffort/pod1"}',
      ],
      { killer: 'talos', taskMemcg: '/kubepods/besteffort/pod1', timeText: '2026-08-11T17:20:38.123456789Z' },
    ],
    [
      'systemd-oomd, by a bare line of systemd',
      ['app-x.scope: systemd-oomd killed 12 process(es) in this unit.'],
      { killer: 'systemd-oomd', identity: { unit: 'app-x.scope' } as never },
    ],
    [
      'the kubelet in a list of events',
      ['5m          Warning   SystemOOM   node/worker1  System OOM encountered, victim process: mysqld, pid: 4711'],
      { killer: 'kernel', pid: 4711, name: 'mysqld', domain: 'host' },
    ],
    [
      'Talos, in a group with nobody in it',
      [
        '[talos] Sending SIGKILL to cgroup {"cgroup": "/sys/fs/cgroup/kubepods/besteffort/pod1"}',
        '[talos] victim processes: {"processes": []}',
      ],
      { killer: 'talos', outcome: 'attempted' },
    ],
    [
      'oomd in a dry run',
      ['oomd kill: 1.00 1.00 1.00 a.service 1 ruleset:[r] detectorgroup:[d] killer:(dry)kill_by_size v2'],
      { killer: 'oomd', outcome: 'dry-run', taskMemcg: '/a.service' },
    ],
    [
      'the kubelet as a witness',
      ['System OOM encountered, victim process: mysqld, pid: 4711'],
      { killer: 'kernel', pid: 4711, name: 'mysqld', outcome: 'killed' },
    ],
  ])('are read: %s', (_, lines, wanted) => {
    const [record, ...others] = parseLines(lines);

    expect(others).toEqual([]);
    expect(record).toMatchObject(wanted);
    expect(facts(record)).not.toHaveProperty('trigger');
  });

  it('decide by BPF, and the cause says so', () => {
    const [record] = parseLines([
      '[ 1.000000] a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0',
      '[ 1.000001] oom_policy=psi',
      '[ 1.000002] oom-kill:constraint=CONSTRAINT_BPF_PSI_MEM,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=c,pid=7,uid=0',
      '[ 1.000003] Memory cgroup out of memory: Killed process 7 (c) total-vm:9kB, anon-rss:9kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:0',
    ]);

    expect(record).toMatchObject({
      constraint: 'CONSTRAINT_BPF_PSI_MEM',
      oomPolicy: 'psi',
      domain: 'memcg',
      oomMemcg: '/a',
    });
    expect(record && judgeRecord(record)?.code).toBe('bpf-policy');
  });
});

describe('one death told by two', () => {
  const SENT = `${FRONT}earlyoom[7]: sending SIGTERM to process 57 uid 7 "code": badness 866, VmRSS 5 MiB`;
  const KERNEL = `${FRONT}kernel: Out of memory: Killed process 57 (code) total-vm:900kB, anon-rss:800kB, file-rss:0kB, shmem-rss:0kB, UID:7 pgtables:4kB oom_score_adj:300`;

  it('is one kill, by whom the signal came from first, with the facts of both', () => {
    const records = parseLines([
      SENT,
      `${FRONT}kernel: a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0`,
      KERNEL,
    ]);

    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({
      killer: 'earlyoom',
      alsoBy: 'kernel',
      pid: 57,
      anonRssKiB: 800,
      oomScoreAdj: 300,
      trigger: { name: 'a' },
    });
    const cause = records[0] === undefined ? null : judgeRecord(records[0]);
    expect(cause?.text).toContain('earlyoom acted first');
    expect(cause?.text).not.toContain('before the kernel had to');
  });

  it('is the kernel’s where that was first', () => {
    expect(parseLines([KERNEL, SENT])).toMatchObject([{ killer: 'kernel', alsoBy: 'earlyoom', pid: 57 }]);
  });

  it('is two where the name, or the time, is another', () => {
    expect(parseLines([SENT.replace('"code"', '"tail"'), KERNEL])).toHaveLength(2);
    const late = KERNEL.replace('Nov 22 19:53:13', '2026-11-22T19:53:13.000000+00:00');
    const early = SENT.replace('Nov 22 19:53:13', '2026-11-22T18:53:13.000000+00:00');
    expect(parseLines([early, late])).toHaveLength(2);
  });

  it('is not a death that was only talked of', () => {
    const dry = `${FRONT}earlyoom[7]: dryrun, not actually sending any signal`;

    expect(parseLines([SENT, dry, KERNEL]).map(({ killer, outcome }) => `${killer} ${outcome}`)).toEqual([
      'earlyoom dry-run',
      'kernel killed',
    ]);
  });

  it.each([
    ['before', 0],
    ['after', 1],
  ])('by the kernel and seen by systemd %s it', (_, at) => {
    const seen = `${FRONT}systemd[1]: code.service: A process of this unit has been killed by the OOM killer.`;

    expect(parseLines(at === 0 ? [seen, KERNEL] : [KERNEL, seen])).toMatchObject([
      { killer: 'kernel', pid: 57, name: 'code', warnings: expect.any(Array) },
    ]);
  });

  it('is told where only systemd saw it', () => {
    const seen = `${FRONT}systemd[1]: code.service: The kernel OOM killer killed some processes in this unit.`;

    expect(parseLines([seen])).toMatchObject([
      { killer: 'kernel', pid: null, outcome: 'killed', identity: { unit: 'code.service' } },
    ]);
  });
});
