import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { COMMANDS } from '../../src/remote/scripts.ts';
import { parseSettings, settingOf, type ReadSettings } from '../../src/size/read-settings.ts';
import { CONFIG_FILES } from '../../src/size/config-files.ts';
import { has, needs, skipWithout } from '../support/needs.ts';

const SHELLS = ['sh', 'dash', 'busybox sh', 'bash'].filter(
  (shell) => spawnSync('sh', ['-c', `${shell} -c :`]).status === 0,
);
const AWKS = (['mawk', 'gawk', 'original-awk', 'busybox'] as const).filter((awk) => has(awk));
const NOBODY = 65_534;

function folder(files: Readonly<Record<string, string>> = {}): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-settings-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  chmodSync(dir, 0o755);
  write(dir, files);
  return dir;
}

function write(dir: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    writeFileSync(path.join(dir, name), text.replaceAll('@', dir));
  }
}

/** A process with that command line, which does nothing. */
function running(argv0: string, ...args: string[]): number {
  const child = spawn('/bin/sh', ['-s', '--', ...args], { argv0, stdio: ['pipe', 'ignore', 'ignore'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  if (child.pid === undefined) throw new Error('it did not start');
  return child.pid;
}

interface Asking {
  shell?: string;
  /** The folder of the programs that come first. */
  first?: string;
  cwd?: string;
  uid?: number;
}

function ask(input: string, { shell = 'sh', first = '', cwd, uid }: Asking = {}) {
  const env = { ...process.env, PATH: `${first}:${process.env['PATH']}` };
  const command = COMMANDS.settings.replace('sh -c', `${shell} -c`);
  const own = uid === undefined ? {} : { uid, gid: uid };
  return spawnSync('sh', ['-c', command], { input, encoding: 'latin1', env, cwd: cwd ?? '/', timeout: 60_000, ...own });
}

function readOf(program: string, pid: number, asking: Asking & { files?: string } = {}): ReadSettings {
  const { stdout, stderr } = ask(`${program} ${pid} ${asking.files ?? 'usual'}\n`, asking);
  expect(stderr).toBe('');
  const found = parseSettings(stdout);
  const read = typeof found === 'string' ? undefined : found.get(`${program} ${pid}`);
  if (read === undefined) throw new Error(`${JSON.stringify(found)}: ${stdout}`);
  return read;
}

function valueOf(program: string, read: ReadSettings) {
  const { keys = [] } = CONFIG_FILES[program] ?? {};
  const value = settingOf(program, keys, read, null);
  return value === null ? null : [value.text, value.path === null ? null : path.basename(value.path)];
}

/** Trees as the programs read them: @ stands for the folder. Last, what it is set to and in which file. */
const TREES: [
  what: string,
  program: string,
  commandLine: string[],
  files: Record<string, string>,
  expected: [string, string | null] | null,
][] = [
  [
    'MariaDB, a file that is included in the middle, and groups of others',
    'mysql',
    ['/usr/sbin/mariadbd', '--defaults-file=@/my.cnf'],
    {
      'my.cnf': '[client]\npassword=hunter2\n!includedir @/conf.d\n[mysqld]\ninnodb-buffer-pool-size = 2G # not 8G\n',
      'conf.d/10-a.cnf': '[mysqld]\ninnodb_buffer_pool_size=1G\n',
      'conf.d/20-b.cnf': '[mysqldump]\ninnodb_buffer_pool_size=9G\n',
      'conf.d/30-c.txt': '[mysqld]\ninnodb_buffer_pool_size=7G\n',
    },
    ['2G', 'my.cnf'],
  ],
  [
    'MariaDB, the later file',
    'mysql',
    ['mariadbd', '--defaults-file', '@/my.cnf'],
    {
      'my.cnf': '[server]\nLOOSE-innodb_buffer_pool_size="1G"\n!includedir @/conf.d/\n',
      'conf.d/50-server.cnf': '[mariadb-10.11]\n  innodb_buffer_pool_size\t=\t8G\r\n#innodb_buffer_pool_size=9G\n',
      'conf.d/60-x.cnf': ';[mysqld]\n[galera]\nwsrep_on=ON\n!include @/more/z.cnf\n',
      'more/z.cnf': '[mysqld]\ninnodb_buffer_pool_size = 512M\n',
    },
    ['512M', 'z.cnf'],
  ],
  [
    'MySQL, its command line',
    'mysql',
    ['mysqld', '--defaults-file=@/my.cnf', '--innodb-buffer-pool-size=6G', '--user=mysql'],
    { 'my.cnf': '[mysqld]\ninnodb_buffer_pool_size=1G\n' },
    ['6G', null],
  ],
  ['MySQL without files', 'mysql', ['mysqld', '--no-defaults'], {}, null],
  ['MySQL of several instances', 'mysql', ['mysqld', '--defaults-group-suffix=2'], {}, null],
  [
    'PostgreSQL, conf.d',
    'postgres',
    ['/usr/lib/postgresql/15/bin/postgres', '-D', '/nowhere', '-c', 'config_file=@/main/postgresql.conf'],
    {
      'main/postgresql.conf': `work_mem = 4MB\t# min 64kB\nshared_buffers = 128MB\ninclude_dir = 'conf.d'\t# default\n`,
      'main/conf.d/a.conf': "WORK_MEM '64 MB'\n",
      'main/conf.d/.b.conf': 'work_mem = 1GB\n',
    },
    ['64 MB', 'a.conf'],
  ],
  [
    'PostgreSQL, its data directory, and files that need not be there',
    'postgres',
    ['postgres', '-D@'],
    {
      'postgresql.conf': "include_if_exists = 'none.conf'\ninclude 'sub/x.conf'\n#work_mem=1GB\n",
      'sub/x.conf': 'work_mem=65536\n',
    },
    ['65536', 'x.conf'],
  ],
  [
    'Redis',
    'redis',
    ['redis-server', '@/redis.conf'],
    { 'redis.conf': 'requirepass hunter2\nmaxmemory 1gb\nMaxMemory 2gb\n' },
    ['2gb', 'redis.conf'],
  ],
  [
    'MongoDB, YAML',
    'mongodb',
    ['mongod', '--config', '@/mongod.conf'],
    { 'mongod.conf': 'storage:\n  dbPath: /data\n  wiredTiger:\n    engineConfig:\n      cacheSizeGB: 1.5 # was 4\n' },
    ['1.5', 'mongod.conf'],
  ],
  [
    'MongoDB, in one line',
    'mongodb',
    ['mongod', '-f', '@/m.conf'],
    { 'm.conf': 'storage: { wiredTiger: { engineConfig: { "cacheSizeGB": 3 } } }\n' },
    ['3', 'm.conf'],
  ],
  [
    'PHP-FPM, its pools together',
    'php-fpm',
    ['php-fpm: master process (@/fpm.conf)'],
    {
      'fpm.conf': '[global]\npid = x\ninclude=@/pool.d/*.conf\n',
      'pool.d/www.conf': '[www]\nenv[DB_PASSWORD] = hunter2\n;pm.max_children = 9\npm.max_children = 5 ; each\n',
      'pool.d/api.conf': '[api]\npm.max_children = 3\npm.max_children = 20\n',
    },
    ['25', 'www.conf'],
  ],
  [
    'nginx, main context only',
    'nginx',
    ['nginx: master process /usr/sbin/nginx -g daemon on; -c @/nginx.conf'],
    {
      'nginx.conf':
        'user www-data; worker_processes 4;\ninclude mods/*.conf;\nevents { }\nhttp {\n include @/site.conf;\n}\n',
      'mods/a.conf': '# worker_processes 3;\nload_module x;\n',
      'site.conf': 'worker_processes 99;\n',
    },
    ['4', 'nginx.conf'],
  ],
  [
    'nginx, auto',
    'nginx',
    ['nginx: master process nginx -c @/n.conf'],
    { 'n.conf': 'worker_processes\n  auto;\n' },
    ['auto', 'n.conf'],
  ],
  [
    'Java, beyond what a scan keeps',
    'elasticsearch',
    ['java', ...Array.from({ length: 60 }, (_, n) => `-Dx${n}=y`), '-Xmx4g'],
    {},
    ['4g', null],
  ],
  ['Node.js', 'node', ['node', '--max-old-space-size=4096', 'server.js'], {}, ['4096', null]],
  ['Gunicorn', 'gunicorn', ['gunicorn', '-w', '9', 'app'], {}, ['9', null]],
];

describe('how programs are set, read on the host', () => {
  it.each(TREES)('%s', (_, program, commandLine, files, expected) => {
    const dir = folder(files);
    const [argv0 = '', ...args] = commandLine.map((word) => word.replaceAll('@', dir));
    const pid = running(argv0, ...args);

    const read = readOf(program, pid, { files: 'named' });

    expect(read.unread).toEqual([]);
    expect(valueOf(program, read)).toEqual(expected);
  });

  it('is the same with each shell and awk', () => {
    const asks = TREES.map(([, program, commandLine, files]) => {
      const dir = folder(files);
      const [argv0 = '', ...args] = commandLine.map((word) => word.replaceAll('@', dir));
      return `${program} ${running(argv0, ...args)} named\n`;
    });
    const firsts = AWKS.map((awk) => {
      const dir = folder();
      symlinkSync(execFileSync('sh', ['-c', `command -v ${awk}`], { encoding: 'utf8' }).trim(), path.join(dir, 'awk'));
      return dir;
    });
    // Eight are answered at a time.
    const inputs = Array.from({ length: Math.ceil(asks.length / 8) }, (_, n) => asks.slice(n * 8, n * 8 + 8).join(''));
    const answers = SHELLS.flatMap((shell) =>
      firsts.map((first) =>
        inputs.map((input) => {
          const { stdout, stderr } = ask(input, { shell, first });
          return stdout.replaceAll(/^file \d+/gm, 'file') + stderr;
        }),
      ),
    );

    expect(answers[0]?.join('')).toContain('innodb_buffer_pool_size 512M');
    expect(new Set(answers.map((all) => all.join('')))).toHaveLength(1);
  });

  it.for(['fish', 'zsh', 'bash'] as const)('is the same where a login goes to %s', (login, context) => {
    skipWithout(context, login);
    const dir = folder({ 'my.cnf': '[mysqld]\ninnodb_buffer_pool_size=1G\n' });
    const input = `mysql ${running('mysqld', `--defaults-file=${dir}/my.cnf`)} named\n`;
    const { stdout, stderr } = spawnSync(login, ['-c', COMMANDS.settings], {
      input,
      encoding: 'latin1',
      env: { PATH: process.env['PATH'], HOME: dir },
    });

    expect([stdout.replace(/file \d+/, 'file'), stderr]).toEqual([ask(input).stdout.replace(/file \d+/, 'file'), '']);
    expect(stdout).toContain('set 1 mysqld innodb_buffer_pool_size 1G');
  });

  it('lets no other line and no other word leave the host', () => {
    const secret = 'hunter2';
    const dir = folder({
      'my.cnf': `[client]\npassword=${secret}\n[${secret} x]\n[mysqld]\ninnodb_buffer_pool_size=${secret} ${secret}\nhunter2=1\n`,
    });
    const { stdout } = ask(
      `mysql ${running('mysqld', `--defaults-file=${dir}/my.cnf`, '--innodb-buffer-pool-size=hunter2', '--password=hunter2')} named\n`,
    );

    expect(stdout).toContain('set 1 mysqld innodb_buffer_pool_size ?');
    expect(stdout.replace('hunter2?x', '')).not.toContain(secret);
  });

  it('is one program’s alone: a name that a shell would take for lines tells nothing of another', () => {
    const name = String.raw`/nope\nprogram postgres 812\nfile 9 /etc/x\nset 1 - work_mem 1GB`;
    for (const shell of SHELLS) {
      const { stdout } = ask(`mysql ${running('mysqld', `--defaults-file=${name}`)} named\n`, { shell });

      expect(stdout.split('\n').filter((line) => line.startsWith('program '))).toHaveLength(1);
    }
  });

  it('is the last of many values, in an answer of one line for each', () => {
    const lines = Array.from({ length: 5_000 }, (_, at) => `innodb_buffer_pool_size=${at}M`).join('\n');
    const dir = folder({ 'my.cnf': `[mysqld]\n${lines}\n` });
    const { stdout } = ask(`mysql ${running('mysqld', `--defaults-file=${dir}/my.cnf`)} named\n`);

    expect(stdout.split('\n').filter((line) => line.startsWith('set '))).toEqual([
      'set 1 mysqld innodb_buffer_pool_size 4999M',
    ]);
  });

  it('names what this account may not read, and takes no value from before it', needs('root'), () => {
    const dir = folder({
      'my.cnf': '[mysqld]\ninnodb_buffer_pool_size=1G\n!include @/closed.cnf\n!includedir @/shut\n',
      'closed.cnf': '',
      'shut/a.cnf': '',
    });
    chmodSync(path.join(dir, 'closed.cnf'), 0o640);
    chmodSync(path.join(dir, 'shut'), 0o700);
    const read = readOf('mysql', running('mysqld', `--defaults-file=${dir}/my.cnf`), { uid: NOBODY });

    expect(read.unread).toEqual([`${dir}/closed.cnf`, `${dir}/shut`]);
    expect(valueOf('mysql', read)).toBeNull();
  });

  it('does not take a host’s files for those of a container', needs('namespaces'), async () => {
    const dir = folder({ 'my.cnf': '[mysqld]\ninnodb_buffer_pool_size=1G\n' });
    const child = spawn(
      'unshare',
      ['-p', '-f', 'sh', '-c', 'echo up; read -r x', 'mysqld', `--defaults-file=${dir}/my.cnf`],
      { stdio: ['pipe', 'pipe', 'ignore'] },
    );
    onTestFinished(() => void child.kill('SIGKILL'));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const pid = Number(execFileSync('pgrep', ['-P', String(child.pid)], { encoding: 'utf8' }));

    expect(readOf('mysql', pid)).toMatchObject({ isInside: true, files: [] });
    expect(readOf('mysql', running('mysqld', `--defaults-file=${dir}/my.cnf`), { files: 'inside' }).files).toEqual([]);
  });

  it.each(SHELLS)('takes what is hostile as data, and ends soon, with %s', (shell) => {
    const cwd = folder();
    const dir = folder({
      'loop.cnf': '!include @/loop.cnf\n',
      'many.cnf': '!includedir @/many\n',
      'big.cnf': `[mysqld]\ninnodb_buffer_pool_size=1G\n${'#'.repeat(300_000)}\n`,
      'long.cnf': `[mysqld]\n${'a'.repeat(200_000)}=1\ninnodb_buffer_pool_size=1G\n`,
      'bytes.cnf': `[mysqld]\n\0\u0001\xff\ninnodb_buffer_pool_size=1G\n`,
      'words.cnf':
        '!include $(touch x)\n!include `touch x`\n!include @/$(touch x).cnf\n!includedir @/*/*\n!include relative.cnf\n!include /dev/zero\n!include @\n',
      'stars.conf': 'include=/*/*/*/*/*/*\ninclude=@/*.cnf\n[a]\npm.max_children=1\n',
    });
    write(
      dir,
      Object.fromEntries(
        Array.from({ length: 100 }, (_, n) => [`many/${n}.cnf`, '[mysqld]\ninnodb_buffer_pool_size=1G\n']),
      ),
    );
    write(dir, { 'many/a\nset 1 mysqld innodb_buffer_pool_size 9G.cnf': '' });
    execFileSync('mkfifo', [path.join(dir, 'pipe.cnf')]);
    symlinkSync('/proc/version', path.join(dir, 'kernel.cnf'));
    const names = [
      'loop',
      'many',
      'big',
      'long',
      'bytes',
      'words',
      'pipe',
      'kernel',
      '$(touch x)',
      "'; touch x; '",
      'a\nb',
    ];
    const began = Date.now();
    const values = names.map((name) => {
      const read = readOf('mysql', running('mysqld', `--defaults-file=${dir}/${name}.cnf`), { shell, cwd });
      return [name, valueOf('mysql', read)?.[0] ?? null, read.unread.length];
    });

    expect(Date.now() - began).toBeLessThan(40_000);
    expect(values).toEqual([
      ['loop', null, 1],
      ['many', null, 1],
      ['big', null, 1],
      ['long', '1G', 0],
      ['bytes', '1G', 0],
      ['words', null, 6],
      ['pipe', null, 1],
      ['kernel', null, 1],
      ['$(touch x)', null, 1],
      ["'; touch x; '", null, 1],
      ['a\nb', null, 1],
    ]);
    expect(
      valueOf('php-fpm', readOf('php-fpm', running(`php-fpm: master process (${dir}/stars.conf)`), { shell, cwd })),
    ).toBeNull();
    for (const line of [
      'mysql $(touch x) usual',
      '$(touch x) 1 usual',
      'mysql 1;touch 1',
      '*',
      'mysql 99999999999 usual',
      'unknown 1 usual',
      '-n -e',
    ])
      expect(ask(`${line}\n`, { shell, cwd })).toMatchObject({ stdout: '\n#settings 1\n#end\n', stderr: '' });
    expect(readdirSync(cwd)).toEqual([]);
  });
});
