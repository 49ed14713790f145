// What people paste is seldom a log: shortened, joined, broken by hand, told twice, with prompts and prose between.
import { describe, expect, it } from 'vitest';
import { HEAD_BYTES, openContainer } from '../../src/oom/framing/container.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { parseLines, toLines } from '../support/corpus.ts';

/** As files are read: containers first, then lines. */
function read(text: string): KillRecord[] {
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  const container = openContainer(bytes.slice(0, HEAD_BYTES));
  return parseLines(toLines(container === null ? bytes : container.push(bytes) + container.end()));
}

const FIGURES = 'total-vm:2000kB, anon-rss:1000kB, file-rss:20kB, shmem-rss:0kB';
const END = 'UID:1000 pgtables:40kB oom_score_adj:200';
const KILL = `Out of memory: Killed process 812 (mysqld) ${FIGURES}, ${END}`;
const SCORE = 'Memory cgroup out of memory: Kill process 812 (mysqld) score 900 or sacrifice child';
const OLD_KILL = `Killed process 812 (mysqld) ${FIGURES}`;
const WHOLE = { pid: 812, name: 'mysqld', outcome: 'killed', totalVmKiB: 2000, anonRssKiB: 1000 };

describe('one kill', () => {
  it.each<[string, string, Partial<KillRecord>]>([
    ['broken by hand behind the name', `[  100.000000] ${KILL.replace(' total', '\n   total')}`, { oomScoreAdj: 200 }],
    [
      'folded by YAML',
      `kind: Event\nmessage: '${KILL.replace(' anon', '\n  anon')}'\nmetadata:\n  name: db01\n`,
      { oomScoreAdj: 200 },
    ],
    [
      'broken behind the label of a figure',
      `> [  100.000000] ${KILL.replace('total-vm:', 'total-vm:\n> ')}\n`,
      { oomScoreAdj: 200 },
    ],
    ['whose score line has lost its end', `31m Warning OOMKilling node/a ${SCORE} ${OLD_KILL}`, { score: 900 }],
    ['in two lines of one, with a comma', `${SCORE}, ${OLD_KILL}`, { score: 900, domain: 'memcg' }],
    [
      'whose lines a blog has glued together',
      `$ dmesg | tail[  100.000000] ${SCORE}[  100.000009] ${OLD_KILL}`,
      { score: 900 },
    ],
    [
      'in a book',
      `Nov 22 19:51:13 db01 kernel: ${SCORE.replace(' Kill', '\n↪Kill')}\nNov 22 19:51:13 db01 kernel: ${OLD_KILL.replace(' total', '\n↪total')}`,
      { score: 900, domain: 'memcg' },
    ],
    [
      'between tags of a forum',
      `[B][COLOR="Red"]Nov 22 19:51:13 db01 kernel: ${KILL}[/COLOR][/B]`,
      { oomScoreAdj: 200 },
    ],
    [
      'on a host that was blotted out',
      `Nov 22 19:51:13 [HOST] kernel: ${SCORE}\nNov 22 19:51:13 [HOST] kernel: ${OLD_KILL}`,
      { score: 900 },
    ],
    ['by Chinese months', `9月 18 02:27:12 db01 kernel: ${KILL}`, { host: 'db01' }],
    [
      'of an event that was told often',
      `Warning  OOMKilling  2m (x16 over 3m)  kernel-monitor  (combined from similar events): ${KILL}`,
      { oomScoreAdj: 200 },
    ],
    [
      'in a list of strings, in a call each',
      `\tcont("2026-11-22T19:51:13+00:00 db01 kernel: ${SCORE}", 1),\n\tcont("2026-11-22T19:51:13+00:00 db01 kernel: ${OLD_KILL}", 2),`,
      { score: 900 },
    ],
    [
      'in JSON behind words about it',
      `The answer was:\n\n${JSON.stringify({ hits: [{ host: 'db01', message: KILL }] }, null, 1)}\n`,
      { host: 'db01' },
    ],
    [
      'behind an oom-kill line that a terminal has cut',
      `It fails:\n\nkernel: oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0-1,oom_memcg=/ltp/test-9552,task_memcg=/ltp/test-95520\nkernel: ${KILL.replace('Out', 'Memory cgroup out')}\n${'\nand so on\n'.repeat(9)}`,
      { domain: 'memcg', oomMemcg: '/ltp/test-9552' },
    ],
    ['in lines that Word breaks', `${SCORE}\v${OLD_KILL}\v`, { score: 900 }],
    [
      'behind a front of its own in a table of Windows',
      `"TimeCreated","Id","Message"\r\n"11/22/2026 7:51:13 PM","1","WSL (2) kernel: ${KILL}"\r\n`,
      { oomScoreAdj: 200 },
    ],
    [
      'in cells of a table',
      `<table><tr><td>19:51:13</td><td>db01</td><td>${KILL}</td></tr></table>`,
      { oomScoreAdj: 200 },
    ],
  ])('is read whole %s', (_, text, facts) => {
    const records = read(text);

    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ ...WHOLE, ...facts });
  });

  it.each<[string, string, Partial<KillRecord>]>([
    ['behind the name', 'Nov 22 19:51:13 db01 kernel: Out of memory: Kill process 812 (mysqld)', { score: null }],
    ['behind the name, for a score', '[12345.678000] Out of memory: Killed process 812 (mysqld) score 900', {}],
    [
      'within a figure',
      'OOMKilling node/a Memory cgroup out of memory: Killed process 812 (mysqld) total-vm:2000kB, anon-rss:10...',
      { totalVmKiB: 2000, anonRssKiB: null },
    ],
    ['before a tag', 'Killed process 812 (mysqld)[/QUOTE]\nme too', {}],
  ])('that is cut %s keeps its name', (_, text, facts) => {
    const records = read(text);

    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ pid: 812, name: 'mysqld', outcome: 'killed', ...facts });
  });

  it('is read where OpenVZ’s line about a container was broken at a blank', () => {
    function line(seconds: string, pid: number): string {
      return `Nov 24 12:17:04 n kernel: [${seconds}] Out of memory in UB 1234: OOM \nkilled process ${pid} (php-cgi) score 0 vm:281988kB, rss:17004kB, swap:0kB\n`;
    }

    expect(read(line('758955.653313', 21738) + line('758957.803617', 21747))).toMatchObject([
      { pid: 21738, totalVmKiB: 281988 },
      { pid: 21747, totalVmKiB: 281988 },
    ]);
  });

  it.each([
    [
      'by dmesg and by the journal',
      `dmesg says:\n\n[ 7742.123456] ${KILL}\n[ 7742.163456] oom_reaper: reaped process 812 (mysqld)\n\nthe journal:\n\nNov 22 19:51:13 db01 kernel: ${KILL}\n`,
    ],
    [
      'under the short and the full name of its host',
      `Nov 22 19:51:13 db01 kernel: [ 7742.123456] ${KILL}\nNov 22 19:51:13 db01.example.org kernel: [ 7742.123456] ${KILL}\nNov 22 19:51:13 db01 kernel: [ 7742.163456] oom_reaper: reaped process 812 (mysqld), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB\n`,
    ],
  ])('is one where it is told twice, %s', (_, text) => {
    const records = read(text);

    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ ...WHOLE, host: 'db01', reaped: true });
  });

  it.each([
    ['of another size', 'total-vm:2000kB', 'total-vm:2004kB'],
    ['which holds more than it did', 'anon-rss:1000kB', 'anon-rss:1200kB'],
    ['of another user', 'UID:1000', 'UID:1001'],
  ])('is two on machines without names, where the second is of a process %s', (_, from, to) => {
    const text = `[ 7742.123456] ${KILL}\n[ 7742.423456] ${KILL.replace(from, to)}\n`;

    expect(read(text)).toHaveLength(2);
  });

  it('is one that the kernel names again with less memory', () => {
    const text = `[ 7742.123456] ${KILL}\n[ 7742.123466] ${KILL.replace('anon-rss:1000kB', 'anon-rss:0kB')}\n`;

    expect(read(text)).toMatchObject([WHOLE]);
  });

  it('is two where only pid and name are the same', () => {
    const text = `[ 7742.123456] ${KILL}\nNov 22 19:51:13 db01 kernel: ${KILL.replace('anon-rss:1000kB', 'anon-rss:1004kB')}\n`;

    expect(read(text)).toHaveLength(2);
  });
});

describe('no kill', () => {
  it('has no name that is longer than the kernel prints', () => {
    expect(read(`${KILL} and then ${KILL.replace('812 (mysqld)', '900 (php)')}\n`)).toMatchObject([WHOLE]);
  });

  it.each([
    ['words that somebody searched for', `$ dmesg | grep -i "${KILL}"\n  502  egrep 'Killed process 812 (mysqld)'\n`],
    ['a secure attention key', 'SAK: killed process 812 (top): p->signal->session==tty->session'],
    ['what systemd kills', 'Oct 03 16:25:58 db01 systemd[1]: a.scope: Killing process 812 (zsh) with signal SIGKILL.'],
    ['a pattern', 'Memory cgroup out of memory: Killed process N (hog) total-vm:..., anon-rss:...'],
  ])('is in %s', (_, text) => {
    expect(read(text).filter(({ outcome }) => outcome === 'killed')).toEqual([]);
  });
});

describe('names of a task table', () => {
  it.each([
    ['who wrote a line in a chat', 'Ana'],
    ['an empty quotation', '>'],
  ])('do not take in %s', (_, between) => {
    const lines = [
      'a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0',
      '[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name',
      '[    812]  1000   812      500      255    40960        0           200 mysqld',
      '[    813]  1000   813      500      255    40960        0           200 sh',
      KILL,
    ];
    const quote = between === '>' ? '> ' : '';

    const [record] = read(lines.map((text, at) => `${quote}[  100.00000${at}] ${text}\n${between}\n`).join(''));

    expect(record).toMatchObject({ ...WHOLE, tasksInDump: 2 });
    expect(record?.topTasks?.map(({ name }) => name).sort()).toEqual(['mysqld', 'sh']);
  });
});

describe('a task table', () => {
  it('is read where a mail client has broken its heading and its rows, and nothing else', () => {
    const rows = ['26616        1   1       0\n>       0 bash', '326078   204267   0       0\n>       0 wish'];
    const text = `> it says:
>
> [ 6089.367400] [ pid ]   uid  tgid total_vm      rss cpu oom_adj
> oom_score_adj name
${rows.map((row, at) => `> [ 6089.36743${at}] [ 271${at}]  1000  271${at}    ${row}`).join('\n')}
> [ 6089.367444] Out of memory: Kill process 2711 (wish) score 802 or
> sacrifice child

Looks like a leak
`;

    expect(read(text)).toMatchObject([
      { pid: 2711, name: 'wish', tasksInDump: 2, topTasks: [{ name: 'wish', rssPages: 204267 }, { name: 'bash' }] },
    ]);
  });
});

describe('who saw a kill', () => {
  it('is also the tool oomkill of bcc', () => {
    const text = `Tracing oom_kill_process()... Ctrl-C to end.
21:03:39 Triggered by PID 3297 ("ntpd"), OOM kill of PID 812 ("mysqld"), 3850642 pages, loadavg: 0.99 0.39 0.30 3/282 22724
`;

    expect(read(text)).toMatchObject([{ killer: 'kernel', pid: 812, name: 'mysqld', outcome: 'killed' }]);
  });

  it('says no more than the kernel, where that stands beside it', () => {
    const text = `21:03:39 Triggered by PID 3297 ("ntpd"), OOM kill of PID 812 ("mysqld"), 3850642 pages, loadavg: 0.9\n[  100.000000] ${KILL}\n`;

    expect(read(text)).toMatchObject([WHOLE]);
  });
});

describe('a program that hands the kernel’s log on', () => {
  const report = [
    'a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0',
    'Mem-Info:',
    '5 total pagecache pages',
    `oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/a,task=mysqld,pid=812,uid=1000`,
    KILL,
  ];

  it.each(['oomlog', 'dmesg-dump[1234]', '5f3b2c1d0e9f[77]', 'root'])('is read: %s', (program) => {
    const text = report.map((line, at) => `Nov 22 19:51:13 db01 ${program}: [  100.00000${at}] ${line}\n`).join('');

    expect(read(text)).toMatchObject([{ ...WHOLE, kernelSeconds: 100.000004, taskMemcg: '/a' }]);
  });

  it('is none that only quotes a kill', () => {
    expect(read(`Nov 22 19:51:13 db01 watcher[9]: ${KILL}\nNov 22 19:51:13 db01 watcher[9]: ${SCORE}\n`)).toEqual([]);
  });
});

describe('userspace killers, handed on by hand', () => {
  it.each<[string, string, Partial<KillRecord>]>([
    [
      'systemd-oomd in three lines',
      'Killed /user.slice/app.slice/code-1.scope\n  due to memory pressure for /user.slice\n  being 72.98% > 50.00% for > 20s with reclaim activity\n',
      { killer: 'systemd-oomd', taskMemcg: '/user.slice/app.slice/code-1.scope' },
    ],
    [
      'systemd-oomd, cut by a pager',
      'Nov 22 19:51:13 db01 systemd-oomd[949]: Killed /user.slice/app.slice/code-1.scope due to memory p>\n',
      { killer: 'systemd-oomd', taskMemcg: '/user.slice/app.slice/code-1.scope', reason: null, host: 'db01' },
    ],
    [
      'the driver of Android on MediaTek, with empty lines',
      "<6>[302600.931727]  (4)[10628:Cam@Aux]lowmemorykiller: Killing 'a.b' (28649), adj 18, score_adj 1000,\n\n<6>[302600.931727]    to free 72464kB on behalf of 'Cam@Aux' (10628) because\n\n<6>[302600.931727]    cache 1000628kB is below limit 322560kB for oom_score_adj 0\n",
      {
        killer: 'lowmemorykiller',
        pid: 28649,
        host: null,
        kernelSeconds: 302600.931727,
        reason: 'cache 1000628kB is below limit 322560kB for oom_score_adj 0',
      },
    ],
    [
      'the driver of Android in one line of dmesg',
      "[  149.950550] lowmemorykiller: Killing 'a.b' (2846) (tgid 2846), adj 999,\\x0ato free 81288kB on behalf of 'kswapd0' (136) because\\x0acache 321644kB is below limit 322560kB for oom score 950\\x0aFree memory is 160548kB above reserved.\n",
      {
        killer: 'lowmemorykiller',
        pid: 2846,
        oomScoreAdj: 999,
        reason: 'cache 321644kB is below limit 322560kB for oom score 950',
      },
    ],
    [
      'earlyoom, cut behind the name',
      'Nov 22 19:51:13 db01 earlyoom[500]: sending SIGTERM to process 9999 uid 1000 "firefox"\n',
      { killer: 'earlyoom', pid: 9999, name: 'firefox', uid: 1000, score: null },
    ],
    [
      'lmkd in the long form of logcat',
      "[ 06-12 13:14:15.678   512:  512 I/lowmemorykiller ]\nKill 'com.foo' (1234), uid 10123, oom_score_adj 906 to free 45678kB rss, 0kB swap; reason: device is not responding\n\n",
      { killer: 'lmkd', pid: 1234, timeText: '06-12 13:14:15.678' },
    ],
    [
      'Talos, with the address of its machine before each line',
      '10.0.0.5: kern: warning: [2026-11-22T19:51:13.2Z]: [talos] Sending SIGKILL to cgroup {"component": "controller-runtime", "cgroup": "/sys/fs/cgroup/kubepods/burstable/podc1"}\n',
      { killer: 'talos', taskMemcg: '/kubepods/burstable/podc1' },
    ],
    [
      'lmkd, shortened',
      "18:02:17 lowmemorykiller: Kill 'com.foo' (1234) ... to free 4963256kB rss ...\n",
      { killer: 'lowmemorykiller', pid: 1234, name: 'com.foo' },
    ],
  ])('%s', (_, text, facts) => {
    expect(read(text)).toMatchObject([{ outcome: 'killed', ...facts }]);
  });
});
