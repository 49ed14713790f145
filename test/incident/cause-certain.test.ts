// Every sentence that is told as certain, and the input that would make it false: then it is not certain, or not told.
import { describe, expect, it } from 'vitest';
import { judgeRecord, RULES } from '../../src/cause/cause.ts';
import type { Cause, KillRecord } from '../../src/oom/report.ts';
import { parseLines } from '../support/corpus.ts';

const HEADER = 'a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0';
const KILLED = 'total-vm:9000kB, anon-rss:100kB, file-rss:0kB, shmem-rss:0kB';
const NEW = `${KILLED}, UID:0 pgtables:4kB oom_score_adj:0`;
const NONE =
  'oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=b,pid=12,uid=0';

function kill(...lines: string[]): KillRecord {
  const record = parseLines(lines.map((line, at) => `[  100.00000${at}] ${line}`)).at(-1);
  if (record === undefined) throw new Error('no kill');
  return record;
}

function said(record: KillRecord): Omit<Cause, 'also'>[] {
  const cause = judgeRecord(record);
  return cause === null ? [] : [cause, ...(cause.also ?? [])];
}

function sureOf(record: KillRecord, code: string): string | null {
  return said(record).find((one) => one.code === code)?.sure ?? null;
}

function textOf(record: KillRecord, code: string): string {
  return said(record).find((one) => one.code === code)?.text ?? '';
}

/** Codes of rules that may be certain; each has its counter-example below, or in the test that is named. */
const REVIEWED: Record<string, string> = {
  'systemd-oomd': 'here',
  earlyoom: 'here',
  nohang: 'here',
  oomd: 'here',
  lmkd: 'here',
  lowmemorykiller: 'here',
  talos: 'here',
  sysrq: 'here',
  panic: 'here',
  'no-killable': 'here',
  'allocating-task': 'here',
  'not-shown': 'here',
  'bpf-policy': 'here',
  cpuset: 'here',
  mempolicy: 'here',
  'oom-group': 'here',
  'memcg-limit': 'here',
  host: 'here',
  'kill-loop': 'cause-rules.test.ts',
  'kernel-slab': 'here',
  'huge-pages': 'here',
  'adj-victim': 'here',
  shielded: 'here',
  'child-sacrificed': 'here',
  'no-swap': 'here',
  swapoff: 'here',
  'swap-full': 'here',
  'group-no-swap': 'here',
  'overcommit-always': 'cause-rules.test.ts',
  'parent-limit': 'here',
  'not-its-own-limit': 'here',
  'child-died': 'cause-rules.test.ts',
  'adj-drift': 'cause-rules.test.ts',
};

it('every rule that may be certain was reviewed', () => {
  const certain = new Set(RULES.filter((rule) => rule.sure === 'certain').map((rule) => rule.code));

  expect([...certain].toSorted()).toEqual(Object.keys(REVIEWED).toSorted());
});

describe('a killer of userspace is said to have killed only where the log states it', () => {
  const marked = 'Marked /a.slice/b.service for killing due to memory pressure for /a.slice being 70% > 60% for > 30s';
  const rule = "Rule 'busy' conditions met for cgroup /a.slice for 10s, taking action kill-by-pgscan";
  const considered = ['Considered 2 cgroups for killing, top candidates were:', '        Path: /a.slice/b.service'];

  function bySystemd(...lines: string[]): string {
    const log = lines.map((text) => `Nov 22 19:51:13 db01 systemd-oomd[7]: ${text}`);
    const seen = 'Nov 22 19:51:13 db01 systemd[1]: b.service: systemd-oomd killed 3 process(es) in this unit.';
    const alone = parseLines(log).at(-1);
    const whole = parseLines([...log, seen]).at(-1);
    if (alone === undefined || whole === undefined) throw new Error('no kill');
    return [alone, whole].map((record) => textOf(record, 'systemd-oomd')).join('\n');
  }

  it.each([
    ['marked, by systemd-oomd 258 on', [marked]],
    ['the last candidate of a rule', [rule, ...considered]],
  ])('%s', (_, lines) => {
    const [alone, whole] = bySystemd(...lines).split('\n');

    expect(alone).toMatch(/^systemd-oomd chose everything in this group to be killed: .*does not say that it was\.$/);
    expect(whole).toMatch(/^systemd-oomd killed everything in this group: /);
  });
});

describe('what ran out is certain only where the log states it', () => {
  it('the host: the same words stand for a cpuset and a policy', () => {
    expect(sureOf(kill(`Out of memory: Killed process 12 (b) ${NEW}`), 'host')).toBe('likely');
    expect(sureOf(kill(NONE, `Out of memory: Killed process 12 (b) ${NEW}`), 'host')).toBe('certain');
  });

  it('the host: memory was free when the report was written', () => {
    const record = kill(
      HEADER,
      'Mem-Info:',
      'active_anon:1 inactive_anon:1 isolated_anon:0',
      ' free:250000 free_pcp:0 free_cma:0',
      'Node 0 Normal free:1000000kB min:20000kB low:30000kB high:40000kB present:2000000kB managed:2000000kB',
      'lowmem_reserve[]: 0 0 0',
      '500000 pages RAM',
      NONE,
      `Out of memory: Killed process 12 (b) ${NEW}`,
    );

    expect(textOf(record, 'host')).toContain('though 977 MiB was free');
    expect(textOf(record, 'host')).not.toContain('ran out of memory');
  });

  it('the host: little was free in the only zone of which the report is left', () => {
    const record = kill(
      HEADER,
      'Mem-Info:',
      'active_anon:1 inactive_anon:1 isolated_anon:0',
      'Node 0 DMA free:4600kB min:700kB low:872kB high:1048kB present:15360kB managed:15360kB',
      'lowmem_reserve[]: 0 994 994 994',
      '262126 pages RAM',
      NONE,
      `Out of memory: Killed process 12 (b) ${NEW}`,
    );

    expect(textOf(record, 'host')).toContain('The whole host ran out of memory');
  });

  it('a group: nothing is said of what filled it where the report does not list that', () => {
    const counters = 'memory: usage 327680kB, limit 327680kB, failcnt 277';
    const end = 'Memory cgroup out of memory: Killed process 12 (b)';

    expect(textOf(kill(counters, end), 'memcg-limit')).toMatch(/The report does not show what filled it\.$/);
    expect(textOf(kill(counters, `${end} total-vm:2838732kB, anon-rss:322964kB`), 'hog')).toContain('99 %');
  });

  it('a policy: 4.9 prints the nodes of the cpuset where there is no policy', () => {
    const header =
      'a invoked oom-killer: gfp_mask=0x24201ca(GFP_HIGHUSER_MOVABLE), nodemask=0, order=0, oom_score_adj=0';
    const end = ['Out of memory: Kill process 12 (b) score 763 or sacrifice child', `Killed process 12 (b) ${KILLED}`];
    const cpu = 'CPU: 0 PID: 9 Comm: a Not tainted 4.9.0-4-amd64 #1';

    expect(kill(header, cpu, ...end).domain).toBe('host');
    expect(kill(header, 'a cpuset=/ mems_allowed=0', ...end).domain).toBe('host');
    expect(kill(header, 'a cpuset=/ mems_allowed=0-1', cpu, ...end).domain).toBe('mempolicy');
    expect(sureOf(kill(header, 'a cpuset=/ mems_allowed=0-1', cpu, ...end), 'mempolicy')).toBe('likely');
    expect(kill(header, cpu.replace('4.9.0', '4.19.0'), ...end).domain).toBe('mempolicy');
  });

  it('a group: not its memory limit was full but that on memory and swap, or that on kernel memory', () => {
    const end = [
      'Memory cgroup out of memory: Kill process 12 (b) score 9 or sacrifice child',
      'Killed process 12 (b)',
    ];

    expect(
      textOf(
        kill(
          'memory: usage 100000kB, limit 400000kB, failcnt 0',
          'memory+swap: usage 500000kB, limit 500000kB, failcnt 9',
          ...end,
        ),
        'memcg-limit',
      ),
    ).toContain('limit on memory and swap together (488 MiB of 488 MiB)');
    expect(
      textOf(
        kill(
          'memory: usage 100000kB, limit 400000kB, failcnt 0',
          'kmem: usage 20000kB, limit 20000kB, failcnt 9',
          ...end,
        ),
        'memcg-limit',
      ),
    ).toContain('limit on kernel memory (20 MiB of 20 MiB)');
    expect(textOf(kill('memory: usage 100000kB, limit 400000kB, failcnt 9', ...end), 'memcg-limit')).toContain(
      'when the report was written it used 98 MiB of 391 MiB',
    );
  });

  it('a cpuset: only its own constraint or words, not those of a line that mentions one', () => {
    expect(kill('a cpuset=/ mems_allowed=0', `Out of memory: Killed process 12 (b) ${NEW}`).domain).toBe('host');
    expect(
      kill('No available memory in cpuset: kill process 12 (b) score 1 or a child', 'Killed process 12 (b)').domain,
    ).toBe('cpuset');
  });

  it('a container’s limit is not spoken of where none is known', () => {
    const path = '/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef';
    const record = kill(
      NONE.replace('task_memcg=/', `task_memcg=${path}`),
      `Out of memory: Killed process 12 (b) ${NEW}`,
    );

    expect(textOf(record, 'not-its-own-limit')).toContain('not a limit of the container');
    expect(
      said(record)
        .map((one) => one.text)
        .join(),
    ).not.toContain('did nothing wrong');
  });
});

describe('who was chosen, and why', () => {
  const TABLE = '[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name';
  function table(...rows: [number, number, number, string][]): string[] {
    return [
      TABLE,
      ...rows.map(
        ([pid, rss, adj, name]) =>
          `[ ${pid}]     0 ${pid}     9999     ${rss}    65536        0          ${adj} ${name}`,
      ),
    ];
  }

  it('is the larger one that was chosen itself: its child died in its place', () => {
    const record = kill(
      'CPU: 0 PID: 9 Comm: a Not tainted 4.19.0 #1',
      ...table([11, 679, -998, 'bash'], [12, 411, -998, 'cp']),
      'Memory cgroup out of memory: Kill process 11 (bash) score 0 or sacrifice child',
      `Killed process 12 (cp) ${KILLED}`,
    );

    expect(sureOf(record, 'shielded')).toBeNull();
    expect(textOf(record, 'child-sacrificed')).toContain('cp, a child of it, died in its place');
  });

  it('is no child where the chosen is a thread of the victim', () => {
    const record = kill(
      ...table([12, 411, 0, 'java']),
      'Memory cgroup out of memory: Kill process 99 (C2 CompilerThre) score 9 or sacrifice child',
      `Killed process 12 (java) ${KILLED}`,
    );

    expect(sureOf(record, 'child-sacrificed')).toBeNull();
  });

  it('is by an adj for certain only where the arithmetic of a known kernel leads there', () => {
    const rows = table([11, 9000, 0, 'big'], [12, 2000, 900, 'b']);
    const end = [
      'oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=b,pid=12,uid=0',
      `Out of memory: Killed process 12 (b) ${KILLED}, UID:0 pgtables:64kB oom_score_adj:900`,
    ];
    const cpu = 'CPU: 0 PID: 9 Comm: a Tainted: P           OE     6.1.0-50-amd64 #1';
    const memory = ['active_anon:1 inactive_anon:1 isolated_anon:0', '20000 pages RAM'];

    expect(sureOf(kill(HEADER, cpu, ...memory, ...rows, ...end), 'adj-victim')).toBe('certain');
    expect(sureOf(kill(HEADER, ...memory, ...rows, ...end), 'adj-victim')).toBe('likely');
  });
});

describe('swap', () => {
  function memory(free: string, total: string): string[] {
    return [
      HEADER,
      'active_anon:1 inactive_anon:1 isolated_anon:0',
      `Free swap  = ${free}kB`,
      `Total swap = ${total}kB`,
      '500000 pages RAM',
      NONE,
      `Out of memory: Killed process 12 (b) ${NEW}`,
    ];
  }

  it('is not missing while it is being turned off', () => {
    const record = kill(...memory('-245804', '0'));

    expect(record.freeSwapKiB).toBe(-245804);
    expect(sureOf(record, 'no-swap')).toBeNull();
    expect(textOf(record, 'swapoff')).toContain('240 MiB still had to come back');
    expect(sureOf(kill(...memory('0', '0')), 'no-swap')).toBe('certain');
  });

  it('is full only by its own count', () => {
    expect(sureOf(kill(...memory('9000', '100000')), 'swap-full')).toBeNull();
    expect(sureOf(kill(...memory('0', '100000')), 'swap-full')).toBe('certain');
  });

  it('is forbidden to a group only where its limit says 0', () => {
    function group(limit: string): KillRecord {
      return kill(
        'memory: usage 400000kB, limit 400000kB, failcnt 9',
        `swap: usage 0kB, limit ${limit}kB, failcnt 0`,
        `Memory cgroup out of memory: Killed process 12 (b) ${NEW}`,
      );
    }

    expect(sureOf(group('0'), 'group-no-swap')).toBe('certain');
    expect(sureOf(group('9007199254740988'), 'group-no-swap')).toBeNull();
  });
});

describe('whose doing and whose limit it was', () => {
  it('is nobody’s hand where a BPF program asked with the order of one', () => {
    const header = HEADER.replace('order=0', 'order=-1');
    const bpf = NONE.replace('CONSTRAINT_NONE', 'CONSTRAINT_BPF_PSI_MEM');

    expect(sureOf(kill(header, NONE, `Out of memory: Killed process 12 (b) ${NEW}`), 'sysrq')).toBe('certain');
    expect(sureOf(kill(header, bpf, `Out of memory: Killed process 12 (b) ${NEW}`), 'sysrq')).toBeNull();
  });

  it('is not that nodes ran out, where they had room', () => {
    function node(freeKiB: number): KillRecord {
      return kill(
        HEADER.replace('order=0', 'order=3'),
        'active_anon:1000 inactive_anon:1000 isolated_anon:0',
        `Node 0 Normal free:${freeKiB}kB min:1000kB low:2000kB high:3000kB present:1000000kB managed:1000000kB`,
        '500000 pages RAM',
        NONE.replace('CONSTRAINT_NONE', 'CONSTRAINT_CPUSET'),
        `Out of memory: Killed process 12 (b) ${NEW}`,
      );
    }

    expect(textOf(node(900), 'cpuset')).toMatch(/^Only the memory nodes that its cpuset allows ran out: node 0 /);
    expect(textOf(node(700_000), 'cpuset')).toMatch(/^The memory had to come from the nodes that its cpuset allows/);
  });

  it('is not that the host was short, where it had room', () => {
    const home = NONE.replace('task_memcg=/', `task_memcg=/docker/${'a1'.repeat(32)}`);
    function host(freeKiB: number): KillRecord {
      return kill(
        HEADER,
        'active_anon:1000 inactive_anon:1000 isolated_anon:0',
        `Node 0 Normal free:${freeKiB}kB min:1000kB low:2000kB high:3000kB present:2000000kB managed:2000000kB`,
        '500000 pages RAM',
        home,
        `Out of memory: Killed process 12 (b) ${NEW}`,
      );
    }

    expect(textOf(host(900), 'not-its-own-limit')).toContain('short of memory on the host');
    expect(textOf(host(700_000), 'not-its-own-limit')).toBe('It was not a limit of the container that was reached.');
  });

  it('is no ban on swap where version 1 limits memory and swap together', () => {
    const record = kill(
      'memory: usage 300000kB, limit 400000kB, failcnt 9',
      'memory+swap: usage 400000kB, limit 400000kB, failcnt 9',
      `Memory cgroup out of memory: Killed process 12 (b) ${NEW}`,
    );

    expect(textOf(record, 'group-no-swap')).toMatch(/^Its limit on memory and swap together/);
  });

  it('is no death where lmkd could not send its signal', () => {
    const log = [
      "11-22 19:51:13.123   670   670 I lowmemorykiller: Kill 'com.app' (44), uid 10100, oom_score_adj 935 to free 4kB rss, 3kB swap; reason: low watermark is breached",
      '11-22 19:51:13.124   670   670 E lowmemorykiller: kill(44): errno=1',
    ];
    const [record] = parseLines(log);

    expect(record?.outcome).toBe('attempted');
    expect(textOf(record as KillRecord, 'lmkd')).toContain('tried to kill it');
  });
});

describe('the kernel’s own memory', () => {
  function slab(slabPages: number, ...names: string[]): KillRecord {
    return kill(
      HEADER,
      'active_anon:1000 inactive_anon:1000 isolated_anon:0',
      ' active_file:1000 inactive_file:1000 isolated_file:0',
      ' unevictable:0 dirty:0 writeback:0',
      ` slab_reclaimable:1 slab_unreclaimable:${slabPages}`,
      '500000 pages RAM',
      'Unreclaimable slab info:',
      'Name                      Used          Total',
      ...names.map((name) => `${name}        900000KB     900000KB`),
      NONE,
      `Out of memory: Killed process 12 (b) ${NEW}`,
    );
  }

  it('exceeds all else only where the report’s own figures allow it', () => {
    expect(sureOf(slab(300000), 'kernel-slab')).toBe('certain');
    expect(sureOf(slab(30), 'kernel-slab')).toBe('likely');
  });

  it('names the caches of debugging features', () => {
    expect(textOf(slab(300000, 'kmemleak_object'), 'kernel-slab')).toContain('kmemleak');
    expect(textOf(slab(300000, 'page_owner_stack'), 'kernel-slab')).toContain('page_owner');
    expect(textOf(slab(300000, 'kmalloc-1k'), 'kernel-slab')).not.toContain('debugging');
  });

  it('in a pool of huge pages is idle only as far as it is free', () => {
    function pool(free: number): KillRecord {
      return kill(
        HEADER,
        'active_anon:1000 inactive_anon:1000 isolated_anon:0',
        `Node 0 hugepages_total=400 hugepages_free=${free} hugepages_surp=0 hugepages_size=2048kB`,
        '500000 pages RAM',
        NONE,
        `Out of memory: Killed process 12 (b) ${NEW}`,
      );
    }

    expect(sureOf(pool(390), 'huge-pages')).toBe('certain');
    expect(sureOf(pool(10), 'huge-pages')).toBeNull();
  });
});

describe('who did it', () => {
  const SENT = 'Nov 22 19:53:13 doom earlyoom[7]: sending SIGTERM to process 57 uid 7 "code": badness 866, VmRSS 5 MiB';
  function text(...lines: string[]): string {
    return judgeRecord(parseLines(lines)[0] as KillRecord)?.text ?? '';
  }

  it('a signal is no death: whether it exited is said only where the log says it', () => {
    expect(text(SENT)).toContain('does not say whether it has exited');
    expect(text(SENT, 'Nov 22 19:53:13 doom earlyoom[7]: process exited after 0.1 seconds')).toContain(
      'earlyoom killed it',
    );
    expect(text(SENT, 'Nov 22 19:53:13 doom earlyoom[7]: kill failed: Timer expired')).toContain('tried to kill it');
    expect(text(SENT, 'Nov 22 19:53:13 doom earlyoom[7]: dryrun, not actually sending any signal')).toContain(
      'would have killed',
    );
  });

  it('a process may call itself like the sysctl that kills who asks', () => {
    const record = kill(
      'Out of memory: Killed process 12 ((oom_kill_alloc) total-vm:9kB, anon-rss:9kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:0',
    );

    expect(sureOf(record, 'allocating-task')).toBeNull();
  });

  it('a group with memory.oom.group keeps its members with -1000', () => {
    const record = parseLines([
      `[  1.000000] Memory cgroup out of memory: Killed process 12 (b) ${NEW}`,
      '[  1.000001] Tasks in /a are going to be killed due to memory.oom.group set',
    ])[0] as KillRecord;

    expect(textOf(record, 'oom-group')).toContain('everything in it that may be killed');
  });

  it('nobody left to kill may be dying already', () => {
    expect(textOf(kill(HEADER, 'Out of memory and no killable processes...'), 'no-killable')).toContain(
      'already dying',
    );
  });

  it('a second kill was not needed where the memory of the first had just come free', () => {
    function zone(free: number): string[] {
      return [
        HEADER,
        'active_anon:1 inactive_anon:1 isolated_anon:0',
        `Node 0 Normal free:${free}kB min:20000kB low:30000kB high:40000kB present:3000000kB managed:3000000kB`,
        '750000 pages RAM',
      ];
    }
    const first = `Out of memory: Killed process 11 (big) total-vm:2200000kB, anon-rss:2100000kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:0`;
    const second = `Out of memory: Killed process 12 (b) ${NEW}`;

    const record = kill(first, ...zone(2_100_000), NONE, second);
    expect(judgeRecord(record)).toMatchObject({ code: 'no-longer-needed', sure: 'likely' });
    expect(record.killedBefore).toMatchObject({ pid: 11, name: 'big', kiB: 2_100_000 });
    expect(judgeRecord(kill(first, ...zone(25_000), NONE, second))?.code).not.toBe('no-longer-needed');
    expect(judgeRecord(kill(...zone(2_100_000), NONE, second))?.code).not.toBe('no-longer-needed');
  });
});

describe('a report that is cut', () => {
  it('does not add up the zones that are left: its RAM is unknown', () => {
    const record = kill(
      HEADER,
      'active_anon:7000000 inactive_anon:1 isolated_anon:0',
      'Node 0 DMA free:14000kB min:20kB low:30kB high:40kB present:15992kB managed:15360kB',
      'Node 0 DMA32 free:140000kB min:200kB low:300kB high:400kB present:2900000kB managed:2800000kB',
    );

    expect(record).toMatchObject({ outcome: 'truncated', ramPages: null, missing: ['memory', 'end'] });
    expect(record.memory?.managedKiB).toBeNull();
    expect(
      said(record)
        .map((one) => one.text)
        .join(),
    ).not.toMatch(/RAM/);
  });

  it('does not sum the processes of half a table', () => {
    const record = kill(
      HEADER,
      'active_anon:1 inactive_anon:1 isolated_anon:0',
      '500000 pages RAM',
      '[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name',
      '[    12]     0    12     9999     400000    65536        0             0 java',
    );

    expect(record.missing).toEqual(['tasks', 'end']);
    expect(judgeRecord(record)?.code).toBe('not-shown');
  });

  it('still tells RAM and swap where only its beginning is lost', () => {
    const record = kill(
      'Free swap  = 0kB',
      'Total swap = 0kB',
      '500000 pages RAM',
      '9000 pages reserved',
      NONE,
      `Out of memory: Killed process 12 (b) ${NEW}`,
    );

    expect(record).toMatchObject({ ramPages: 500_000, totalSwapKiB: 0, missing: ['beginning', 'memory'] });

    const zones = kill(
      'Node 0 Normal free:10000kB min:20000kB low:30000kB high:40000kB present:2000000kB managed:1900000kB',
      '500000 pages RAM',
      NONE,
      `Out of memory: Killed process 12 (b) ${NEW}`,
    );
    expect(zones.memory).toMatchObject({ managedKiB: 1_900_000, zonesWhole: true });
  });
});

describe('a block that was asked for', () => {
  function zone(mask: string, order: number, buddy: string, more = ''): KillRecord {
    return kill(
      `a invoked oom-killer: gfp_mask=${mask}, order=${order}, oom_score_adj=0`,
      'active_anon:1 inactive_anon:1 isolated_anon:0',
      `Node 0 Normal free:200000kB min:20000kB low:30000kB high:40000kB reserved_highatomic:2048KB present:2000000kB managed:2000000kB free_cma:90000kB${more}`,
      'lowmem_reserve[]: 0 0 0',
      `Node 0 Normal: 9000*4kB (UME) 400*8kB (UME) ${buddy} = 200000kB`,
      '500000 pages RAM',
      NONE,
      `Out of memory: Killed process 12 (b) ${NEW}`,
    );
  }

  it.each<[string, string, number, string, boolean]>([
    ['unmovable, and only CMA has such blocks', '0x400dc0(GFP_KERNEL)', 2, '385*16kB (C) 175*32kB (C)', true],
    ['movable, which CMA serves', '0x1400ca(GFP_HIGHUSER_MOVABLE)', 2, '385*16kB (C) 175*32kB (C)', false],
    ['unmovable, and only atomic requests may', '0x400dc0(GFP_KERNEL)', 2, '5*16kB (H) 5*32kB (H)', true],
    ['movable, and only atomic requests may', '0x1400ca(GFP_HIGHUSER_MOVABLE)', 2, '5*16kB (H) 5*32kB (H)', true],
    ['unmovable, and isolated blocks are nobody’s', '0x400dc0(GFP_KERNEL)', 3, '5*16kB (U) 5*32kB (I)', true],
    ['unmovable, and a movable block can be taken', '0x400dc0(GFP_KERNEL)', 2, '5*16kB (M) 0*32kB', false],
    ['a single page', '0x400dc0(GFP_KERNEL)', 0, '5*16kB (C) 0*32kB', false],
  ])('is missing or not: %s', (_, mask, order, buddy, isMissing) => {
    expect(judgeRecord(zone(mask, order, buddy))?.code === 'fragmentation').toBe(isMissing);
  });
});
