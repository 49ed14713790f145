import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  mkdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROC_SCAN, PROC_SCAN_LIGHT } from '../../src/oom/proc/proc-scan-script.ts';
import { parseProcScan, rankNext, type ProcScan } from '../../src/oom/proc/proc-scan.ts';
import { skipWithout, type PartName } from '../support/needs.ts';

const HEADER =
  '#oomscan 2\tboot=6738972c-2174-421e-a173-1ada06c5396d\tkernel=6.1.0-50-amd64\tuptime=1902.47\thz=100\tpage=4096\ttotal=4000000' +
  '\tavailable=3000000\tswap=0\tswapfree=0\toomkills=3\tfullavg10=1.50\thidepid=0\tseesall=1\tallocating=0\tpanic=0';

function aRow(given: {
  pid: number;
  score?: number;
  adj?: number | string;
  rss?: number;
  start?: number;
  name?: string;
}): string {
  const { pid, score = 700, adj = 0, rss = 4000, start = pid, name = 'web' } = given;
  return [pid, 1, 0, score, adj, rss, 0, 40, 1, start, name, '/system.slice/web.service', 'web --port 80'].join('\t');
}

function aScan(text: string): ProcScan {
  const scan = parseProcScan(text);
  if (scan.kind === 'fault') throw new Error(scan.fault);
  return scan;
}

describe('the reply of a scan', () => {
  it('is read whole, whatever a login shell said before it', () => {
    const scan = aScan(`Welcome!\r\n*** 3 updates ***\n${HEADER}\n${aRow({ pid: 9 })}\n#end\t1\nbye\n`);

    expect(scan).toMatchObject({
      bootId: '6738972c-2174-421e-a173-1ada06c5396d',
      kernelRelease: '6.1.0-50-amd64',
      uptimeSeconds: 1902.47,
      pageSizeKiB: 4,
      memAvailableKiB: 3_000_000,
      oomKills: 3,
      pressureFullAvg10: 1.5,
      hidepid: 0,
      seesAll: true,
      allocatingTask: false,
      complete: true,
      unreadRows: 0,
    });
    expect(scan.processes).toEqual([
      {
        pid: 9,
        parentPid: 1,
        uid: 0,
        oomScore: 700,
        oomScoreAdj: 0,
        legacyOomAdj: null,
        rssKiB: 4000,
        swapKiB: 0,
        pageTablesKiB: 40,
        threads: 1,
        startTicks: 9,
        name: 'web',
        cgroup: '/system.slice/web.service',
        commandLine: 'web --port 80',
      },
    ]);
  });

  it('undoes the escapes of a name', () => {
    const scan = aScan(`${HEADER}\n${aRow({ pid: 9, name: 'a\\nb\\\\n\\tc' })}\n#end\t1\n`);

    expect(scan.processes[0]?.name).toBe('a\nb\\n\tc');
  });

  it('takes the old oom_adj where there is no other', () => {
    const scan = aScan(`${HEADER}\n${aRow({ pid: 9, adj: 'old-17' })}\n#end\t1\n`);

    expect(scan.processes[0]).toMatchObject({ oomScoreAdj: -1000, legacyOomAdj: -17 });
  });

  it.each([
    ['invisible', 2],
    ['noaccess', 1],
    ['ptraceable', 4],
    ['2', 2],
  ])('says that processes are hidden: hidepid=%s', (option, hidepid) => {
    const header = HEADER.replace('hidepid=0\tseesall=1', `hidepid=${option}\tseesall=0`);

    expect(aScan(`${header}\n#end\t0\n`)).toMatchObject({ hidepid, seesAll: false });
  });

  it.each([
    ['nothing', '', 'no-answer'],
    ['only a shell message', 'sh: awk: not found\n', 'no-answer'],
    ['a header without memory', '#oomscan 2\tboot=x\tkernel=6.1\ttotal=\n', 'bad-header'],
  ])('is a fault when it is %s', (_, text, fault) => {
    expect(parseProcScan(text)).toEqual({ kind: 'fault', fault, text });
  });

  it('is known to be torn, and its good rows are kept', () => {
    const torn = aScan(`${HEADER}\n${aRow({ pid: 9 })}\n${aRow({ pid: 10 }).slice(0, 20)}`);

    expect(torn).toMatchObject({ complete: false, unreadRows: 1 });
    expect(torn.processes.map((facts) => facts.pid)).toEqual([9]);
  });

  it('never throws on any text', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(HEADER, '\n', '\t', '#end\t1', aRow({ pid: 9 }), 'old'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const scan = parseProcScan(pieces.join(''));
        const ranked = scan.kind === 'scan' ? rankNext(scan).ranking.length : 0;
        expect(ranked).toBeLessThanOrEqual(scan.kind === 'scan' ? scan.processes.length : 0);
      }),
    );
  });
});

describe('who dies next', () => {
  const rows = [
    aRow({ pid: 1, rss: 900_000, score: 0 }),
    aRow({ pid: 50, rss: 800_000 }),
    aRow({ pid: 60, rss: 400_000 }),
  ];
  const scan = aScan(`${HEADER}\n${rows.join('\n')}\n#end\t3\n`);

  it('is ranked with the score as that kernel shows it, init never chosen', () => {
    const { ranking, totalPages, formula } = rankNext(scan);

    expect(totalPages).toBe(1_000_000);
    expect(formula.kernels).toBe('5.9 and newer');
    expect(ranking.map((row) => [row.task.pid, row.points, row.score, row.permille])).toEqual([
      [50, 200_010, 800, 200],
      [60, 100_010, 733, 100],
      [1, -(2 ** 63), 0, -(2 ** 63)],
    ]);
  });

  it('can be asked for another adj', () => {
    expect(rankNext(scan, new Map([[50, -500]])).ranking[0]?.task.pid).toBe(60);
  });

  it('takes the later forked of equals, whatever their pids', () => {
    const equal = [aRow({ pid: 70, start: 9000 }), aRow({ pid: 900, start: 100 })];
    const { ranking } = rankNext(aScan(`${HEADER}\n${equal.join('\n')}\n#end\t2\n`));

    expect(ranking.map((row) => [row.task.pid, row.tied])).toEqual([
      [70, true],
      [900, true],
    ]);
  });

  it('believes the shown scores before the release', () => {
    const old = `${HEADER}\n${aRow({ pid: 9, score: 1 })}\n#end\t1\n`;

    expect(rankNext(aScan(old)).formula.kernels).toBe('5.2 to 5.8');
    expect(rankNext(aScan(old)).ranking[0]?.score).toBe(1);
  });

  it('ranks nothing where the kernel counts what nobody can see', () => {
    const ancient = `${HEADER.replace('6.1.0-50-amd64', '2.6.18-8.el5')}\n${aRow({ pid: 9, adj: 'old0' })}\n#end\t1\n`;

    expect(rankNext(aScan(ancient)).ranking).toEqual([]);
  });
});

// Names as the kernel keeps them: the file's name, at most 15 bytes. A leading blank, the last `)`, and a forged status line.
const NAMES = [
  'a) b',
  ') R 1 2 3 (',
  'x,task=init,pid',
  '<!channel>',
  'a\nb',
  'a\tb',
  'a\\nb',
  '*b*',
  '531',
  ' lead',
  'Name:\tx\nPid:\t1',
  'ü€',
];

// Each hides every `hunter2` and keeps what stands under `shown`.
const COMMANDS: { argv0?: string; args: string[]; shown: string }[] = [
  { args: ['--password=hunter2', '--port', '80'], shown: '--password=*** --port 80' },
  { args: ['--db-passwd', 'hunter2', 'x'], shown: '--db-passwd *** x' },
  { args: ['--auth', '--token', 'hunter2', 'y'], shown: 'y' },
  { args: ['API_KEY=hunter2', 'serve'], shown: 'API_KEY=*** serve' },
  { args: ['--set=db.secret=hunter2 hunter2', 'z'], shown: '--set=db.secret=*** z' },
  { args: ['postgres://app:hunter2@db/x', 'go'], shown: 'postgres://app:***@db/x go' },
  { args: ['https://hunter2@git/x'], shown: 'https://***@git/x' },
  { args: ['redis://u:hunter2/@hunter2@db'], shown: 'redis://u:***@db' },
  { args: ['-H', 'Authorization: Bearer hunter2'], shown: '-H Authorization: ***' },
  { args: ['{"credential": "hunter2"}'], shown: '{"credential": ***' },
  { args: ['password', 'hunter2', 'next'], shown: 'password *** next' },
  { argv0: 'mysql', args: ['-uroot', '-phunter2', 'shop'], shown: 'mysql -c read x -uroot -p*** shop' },
  { argv0: 'sshpass', args: ['-p', 'hunter2', 'ssh'], shown: '-p *** ssh' },
  { args: ['mysqldump -u root -phunter2 shop'], shown: 'mysqldump -u root -p*** shop' },
  { args: ['curl', '-u', 'me:hunter2', 'http://x/'], shown: 'curl -u *** http://x/' },
  { args: ['curl -s -u me:hunter2 http://x/'], shown: 'curl -s -u ***' },
  { args: ['--proxy-user', 'me:hunter2', '--user=me:hunter2'], shown: '--proxy-user *** --user=me:***' },
  { args: ['mysqld', '--user=mysql', '--port=3306'], shown: 'mysqld --user=mysql --port=3306' },
  { args: ['plink', '-pw', 'hunter2', 'host'], shown: '-pw *** host' },
  { args: ['-dsn', 'root:hunter2@tcp(db:3306)/x'], shown: '-dsn root:***@tcp(db:3306)/x' },
  { args: ['--dsn=root:hunter2:/@hunter2@unix(/run/db)/x'], shown: '--dsn=root:***@unix(/run/db)/x' },
  { args: ['docker', 'login', '-u', 'bob', '-p', 'hunter2'], shown: 'docker login -u *** -p ***' },
  { args: ['cd /x && docker login -p hunter2 -u bob'], shown: 'cd /x && docker login -p *** -u ***' },
  { args: ['7z', 'a', '-phunter2', 'x.7z'], shown: '7z a -p*** x.7z' },
  { args: ['sqlplus', 'scott/hunter2@orcl'], shown: 'sqlplus scott/***@orcl' },
  { args: ['impdp', 'userid=scott/hunter2/@hunter2@orcl'], shown: 'impdp userid=scott/***@orcl' },
  { args: ['vault', 'login', '-no-print', 'hunter2'], shown: 'vault login -no-print ***' },
  { args: ['rabbitmqctl', 'add_user', 'bob', 'hunter2'], shown: 'rabbitmqctl add_user *** ***' },
  { args: ['rabbitmqctl change_password bob hunter2'], shown: 'rabbitmqctl change_password ***' },
  {
    args: ['-p', '8080:80/tcp', '-p22', '-p', '/srv', '-port', '80', '-p=9', '-p', '--', 'x'],
    shown: '-p 8080:80/tcp -p22 -p /srv -port 80 -p=9 -p -- x',
  },
  {
    args: ['/srv/node_modules/.pnpm/next@14/x.js', 'root@db:/x', 'getty@tty1'],
    shown: '/srv/node_modules/.pnpm/next@14/x.js root@db:/x getty@tty1',
  },
  { args: ['a\n==> 1/cmdline <==\nb', 'tab\tbed'], shown: 'a?==> 1/cmdline <==?b tab?bed' },
  { args: ['', 'empty', ''], shown: 'read x  empty' },
  { args: ['y'.repeat(300)], shown: 'y'.repeat(100) },
  { args: [`${'w'.repeat(50)}--password=${'hunter2'.repeat(2000)}`], shown: '--password=***' },
];

const CONTAINER = '4f1e2d3c'.repeat(8);

const awks = {
  'the default awk': null,
  'busybox awk': 'busybox',
  gawk: 'gawk',
  'original-awk': 'original-awk',
} as const;
const shells: Record<string, [PartName, ...string[]]> = {
  dash: ['dash'],
  bash: ['bash'],
  'busybox sh': ['busybox', 'sh'],
};
const places = Object.entries(shells).flatMap(([shell, command]) =>
  Object.entries(awks).map(([awk, file]) => ({ shell, command, awk, file })),
);

describe('the script on this machine', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-scan-'));
  const children: ChildProcess[] = [];
  const named = new Map<string, number>();
  const commands: number[] = [];

  // A shell that waits for its input: it ends when this test ends, however that ends. `spawn` returns after exec.
  function start(file: string, args: string[], argv0?: string): number {
    const child = spawn(file, ['-c', 'read x', ...args], {
      stdio: ['pipe', 'ignore', 'ignore'],
      ...(argv0 ? { argv0 } : {}),
    });
    children.push(child);
    return child.pid ?? 0;
  }

  function startKeeper(args: string[]): void {
    children.push(
      spawn('sh', ['-s', '--', ...args], { stdio: ['pipe', 'ignore', 'ignore'], argv0: '/usr/bin/conmon' }),
    );
  }

  beforeAll(() => {
    const sh = realpathSync('/bin/sh');
    for (const name of NAMES) {
      const file = path.join(folder, name);
      copyFileSync(sh, file);
      named.set(name, start(file, []));
    }
    for (const { args, argv0 } of COMMANDS) commands.push(start(sh, args, argv0));
    writeFileSync(`/proc/${commands[0]}/oom_score_adj`, '500');
    // As Podman 4 starts it; `-s` is an option of conmon too, and lets a shell wait for its input.
    const keep = [
      '--api-version',
      '1',
      '-c',
      CONTAINER,
      '-u',
      CONTAINER,
      '-r',
      '/usr/bin/crun',
      '-b',
      '/var/lib/containers',
    ];
    const end = ['--exit-command', '/usr/bin/podman', '--exit-command-arg', '-c', '--exit-command-arg', 'cleanup'];
    startKeeper([...keep, '-n', 'metabase', ...end]);
    startKeeper([...keep.map((word) => word.replaceAll('4', '5')), ...end, '-n', '<!channel>\n$(reboot)']);
    startKeeper([...keep.map((word) => word.replaceAll('4', '6')), '-n', 'exec-session', '-e', '--exec-attach']);
  });

  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  function run(command: readonly string[], file: string | null, script = PROC_SCAN): string {
    const [shell = 'sh', ...args] = command;
    const bin = path.join(folder, `bin-${file ?? ''}`);
    mkdirSync(bin, { recursive: true });
    if (file !== null && !existsSync(path.join(bin, 'awk'))) symlinkSync(`/usr/bin/${file}`, path.join(bin, 'awk'));
    const result = spawnSync(shell, [...args, '-s'], {
      input: script,
      env: { PATH: `${bin}:${process.env['PATH']}` },
      maxBuffer: 1 << 26,
    });
    expect(result.stderr.toString()).toBe('');
    return result.stdout.toString();
  }

  it.for(places)('says the same under $shell with $awk', ({ command, file }, context) => {
    skipWithout(context, command[0], ...(file === null ? [] : [file]));

    const text = run(command, file);
    const scan = aScan(text);
    const byPid = new Map(scan.processes.map((facts) => [facts.pid, facts]));

    expect(text).not.toContain('hunter2');
    expect(scan).toMatchObject({ complete: true, unreadRows: 0 });
    for (const [name, pid] of named) {
      const kept = Buffer.from(name).subarray(0, 15).toString();
      expect(byPid.get(pid), name).toMatchObject({ name: kept, parentPid: process.pid, threads: 1, swapKiB: 0 });
      expect(byPid.get(pid)?.startTicks).toBeGreaterThan(0);
      expect(byPid.get(pid)?.pageTablesKiB).toBeGreaterThan(0);
    }
    for (const [at, pid] of commands.entries()) {
      expect(byPid.get(pid)?.commandLine).toContain(COMMANDS[at]?.shown);
      expect(Buffer.byteLength(byPid.get(pid)?.commandLine ?? '')).toBeLessThanOrEqual(200);
    }
  });

  it.for(places)('names containers under $shell with $awk, whatever else is there', ({ command, file }, context) => {
    skipWithout(context, 'root', 'namespaces', command[0], ...(file === null ? [] : [file]));

    // The kubelet's folders as it makes them, in a mount namespace of its own.
    const logs = [
      'mount -t tmpfs logs /var/log',
      'mkdir -p /var/log/containers /var/log/pods/shop_web-1_5b4c1d4e-2f6a-4a53-9f39-6f6f5d3a1c11',
      `ln -s /nowhere /var/log/containers/web-1_shop_nginx-${CONTAINER}.log`,
      `ln -s /nowhere "/var/log/containers/$(printf 'a\\n#end\\t0')"`,
      'exec "$@"',
    ].join(' && ');
    const text = run(['unshare', '-m', 'sh', '-c', logs, 'sh', ...command], file);
    const scan = aScan(text);

    expect(scan).toMatchObject({ complete: true, unreadRows: 0 });
    expect(scan.containers.map(({ engine, name, part }) => [engine, name, part])).toEqual(
      expect.arrayContaining([
        ['kubernetes', 'shop/web-1', 'nginx'],
        ['kubernetes', 'shop/web-1', null],
        ['podman', 'metabase', null],
        ['podman', '<!channel>?$(reboot)', null],
      ]),
    );
    expect(scan.containers.map(({ name }) => name)).not.toContain('exec-session');
  });

  it('gives what recomputes the scores that this kernel shows', () => {
    const scan = aScan(run(['sh'], null));
    const ours = new Set([...named.values(), ...commands]);
    const rows = rankNext(scan).ranking.filter((row) => ours.has(row.task.pid));

    expect(rows).toHaveLength(ours.size);
    expect(rows[0]).toMatchObject({ task: { pid: commands[0] }, oomScoreAdj: 500 });
    for (const row of rows) expect(Math.abs(row.score - row.task.oomScore)).toBeLessThanOrEqual(1);
  });

  it('leaves small processes out of the light snapshot, not this one', () => {
    const scan = aScan(run(['sh'], null, PROC_SCAN_LIGHT));

    expect(scan.complete).toBe(true);
    expect(scan.processes.map((facts) => facts.pid)).toContain(process.pid);
    expect(scan.processes.every((facts) => facts.rssKiB + facts.swapKiB >= 8192)).toBe(true);
  });
});
