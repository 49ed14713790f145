import { execFile, execFileSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  globSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { judgeRecord } from '../../src/cause/cause.ts';
import { sizeOfRecord } from '../../src/size/size.ts';
import { askFastCgi } from '../support/fastcgi.ts';
import { needs, phpFpm } from '../support/needs.ts';
import { openScenario, type Scenario } from '../support/provoked.ts';
import { eventually } from '../support/whole-bot.ts';

// Real programs in memory cgroups of this machine: under a load that is too much for the settings of before they are killed; with the
// values that the report of that kill proposes they do the same work and live. All of them run as nobody.
const NOBODY = 65_534;
const AS_NOBODY = `exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups`;
const LIMIT_MIB = 200;
const NODE_LIMIT_MIB = 150;

const run = promisify(execFile);

/** A folder of the account nobody. */
function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'oombot-size-'));
  chownSync(made, NOBODY, NOBODY);
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/**
 * A program with some values, under its load. It gives an error where it does not get through. Those that have a client take the
 * proposed command in place of the values, as somebody would paste it.
 */
type Load = (scenario: Scenario, values: Values, command?: string) => Promise<void>;
type Values = Record<string, string>;

/** What a report proposes. */
interface Proposed {
  values: Values;
  command: string;
}

interface Given {
  limitMiB?: number;
  /** As a scan of before the kill has it. */
  commandLine?: string;
}

/** Lets it be killed with the values of before, and gives those that its report proposes. */
async function killedWith(load: Load, values: Values, given: Given = {}): Promise<Proposed> {
  const { limitMiB = LIMIT_MIB, commandLine = null } = given;
  const scenario = openScenario(limitMiB);
  // It ends in the middle of its work: how it says so is of interest only where nobody was killed.
  const over = load(scenario, values).catch((error: unknown) => error);
  const record = await scenario.killed().catch(async (error: unknown) => {
    await scenario.close();
    throw new Error(`${String(error)}; the load: ${String(await over)}`);
  });
  await scenario.close();
  await over;
  const sizing = sizeOfRecord(record, judgeRecord(record)?.code ?? null, commandLine);
  if (sizing?.verdict !== 'set') throw new Error(`it proposes nothing: ${JSON.stringify({ record, sizing })}`);
  const { program, split, now } = sizing;
  return {
    values: Object.fromEntries(split.values.map(({ name, text }) => [name, text])),
    command: program.apply(split.values, now?.text ?? null).command,
  };
}

async function livesWith(load: Load, { values, command }: Proposed, limitMiB = LIMIT_MIB): Promise<void> {
  const scenario = openScenario(limitMiB);
  onTestFinished(scenario.close);
  await load(scenario, values, command);
  expect(kills(scenario), `with ${JSON.stringify(values)}`).toBe(0);
}

function kills({ group }: Scenario): number {
  const said = readFileSync(`/sys/fs/cgroup/memory${group}/memory.oom_control`, 'utf8');
  return Number(/^oom_kill (\d+)$/m.exec(said)?.[1] ?? NaN);
}

async function ended(child: ChildProcess): Promise<void> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  if (code !== 0) throw new Error(`it ended with ${code ?? signal}`);
}

async function mariadb({ run: start }: Scenario, values: Values): Promise<void> {
  const data = folder();
  const sql = path.join(data, 'load.sql');
  writeFileSync(
    sql,
    `CREATE DATABASE d;
USE d;
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(1000)) ENGINE=InnoDB;
INSERT INTO t SELECT seq, REPEAT(MD5(seq), 30) FROM seq_1_to_180000;
SHUTDOWN;
`,
  );
  const pool = `--innodb-buffer-pool-size=${values['innodb_buffer_pool_size']}`;
  const quick = '--innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --innodb-log-file-size=32M';
  const own = `--no-defaults --datadir=${data} --socket=${data}/s --pid-file=${data}/pid --init-file=${sql}`;
  await ended(start(`${AS_NOBODY} mariadbd ${own} --skip-grant-tables --skip-networking ${quick} ${pool}`));
}

const POSTGRES = globSync('/usr/lib/postgresql/*/bin').toSorted().at(-1) ?? '';

function postgresOn(data: string): Load {
  const env = {
    ...process.env,
    PGHOST: data,
    PGUSER: 'u',
    PGDATABASE: 'postgres',
    PATH: `${POSTGRES}:${process.env['PATH']}`,
  };
  const sort = 'SELECT count(*) FROM (SELECT md5(g::text) FROM generate_series(1, 500000) g ORDER BY 1 OFFSET 0) t';

  return async ({ run: start }, values, command) => {
    async function startWith(given: string): Promise<ChildProcess> {
      const own = `-D ${data}/data -k ${data} -c listen_addresses= -c fsync=off`;
      const server = start(`cd ${data}; ${AS_NOBODY} ${POSTGRES}/postgres ${own} ${given}`);
      await eventually(
        () =>
          run('psql', ['-c', 'SELECT 1'], { env }).then(
            () => true,
            () => false,
          ),
        'the server',
      );
      return server;
    }
    if (command === undefined)
      await startWith(
        Object.entries(values)
          .map(([name, text]) => `-c ${name}=${text}`)
          .join(' '),
      );
    else {
      const server = await startWith('');
      await run('sh', ['-c', command], { env });
      server.kill('SIGINT');
      await once(server, 'exit');
      await startWith('');
      const { stdout } = await run('psql', ['-Atc', 'SHOW work_mem', '-c', 'SHOW shared_buffers'], { env });
      expect(stdout.trim().split('\n')).toEqual([values['work_mem'], values['shared_buffers']]);
    }
    await Promise.all([1, 2, 3].map(() => run('psql', ['-Atc', sort], { env })));
  };
}

async function redis({ run: start }: Scenario, values: Values, command?: string): Promise<void> {
  const data = folder();
  const server = path.join(data, 'redis-server');
  // Debian's redis-server is this very link; the package would start a service too.
  symlinkSync(execFileSync('sh', ['-c', 'command -v redis-check-rdb'], { encoding: 'utf8' }).trim(), server);
  const own = `--port 0 --unixsocket ${data}/s --dir ${data} --save "1 1" --maxmemory-policy allkeys-lru`;
  start(`${AS_NOBODY} ${server} ${own}`);
  await eventually(() => existsSync(`${data}/s`), 'its socket');
  const client = `redis-cli -s ${data}/s`;
  const set = command ?? `redis-cli CONFIG SET maxmemory ${values['maxmemory']}`;
  const lines = `${set.replace('redis-cli', client)}; ${client} CONFIG GET maxmemory`;
  const { stdout } = await run('sh', ['-c', lines]);
  expect(stdout.trim().split('\n')).toEqual(['OK', 'maxmemory', String(parseInt(values['maxmemory'] ?? '') << 20)]);
  const writes = ['-t', 'set', '-n', '50000', '-r', '1000000', '-d', '4096', '-P', '8', '-c', '10', '-q'];
  for (let round = 0; round < 2; round += 1)
    await run('redis-benchmark', ['-s', `${data}/s`, ...writes], { timeout: 10_000 });
}

async function phpFpmPool({ run: start }: Scenario, values: Values): Promise<void> {
  const data = folder();
  const script = path.join(data, 'page.php');
  const config = path.join(data, 'pool.conf');
  writeFileSync(script, '<?php $page = str_repeat("x", 8 << 20); usleep(600000); echo "\\r\\n", strlen($page);');
  writeFileSync(
    config,
    `[global]
error_log = ${data}/log
[www]
listen = ${data}/s
pm = static
pm.max_children = ${values['pm.max_children']}
`,
  );
  start(`${AS_NOBODY} ${phpFpm()} -n -F -y ${config}`);
  await eventually(() => existsSync(`${data}/s`), 'its socket');
  const pages = await Promise.all(Array.from({ length: 40 }, () => askFastCgi(`${data}/s`, script)));
  for (const page of pages) expect(page).toContain(String(8 << 20));
}

/** Answers are kept for a while, and always replaced: what is alive at a time is a third of what V8 would let grow. */
const NODE_LOAD = `const recent = new Map();
for (let n = 0; n < 600000; n += 1)
  recent.set(n % 60000, { n, parts: [n, n + 1, 'x' + n, { n, when: new Array(8).fill(n) }], more: new Array(24).fill(n) });`;

async function node({ run: start }: Scenario, values: Values): Promise<void> {
  const script = path.join(folder(), 'server.js');
  writeFileSync(script, NODE_LOAD);
  await ended(
    start(`${AS_NOBODY} ${process.execPath} --max-old-space-size=${values['--max-old-space-size']} ${script}`),
  );
}

describe('the size that a report proposes', needs('kills', 'setpriv'), () => {
  it('lets MariaDB do what killed it', needs('mariadbd'), async () => {
    const proposed = await killedWith(mariadb, { innodb_buffer_pool_size: '400M' });

    await livesWith(mariadb, proposed);
  });

  it('lets PostgreSQL do what killed it', needs('postgres'), async () => {
    const data = folder();
    const initdb = ['-D', `${data}/data`, '--no-sync', '-U', 'u', '-A', 'trust', '--locale=C'];
    const user = { uid: NOBODY, gid: NOBODY, cwd: data };
    execFileSync(`${POSTGRES}/initdb`, initdb, { ...user, stdio: 'ignore' });

    const proposed = await killedWith(postgresOn(data), { work_mem: '256MB', shared_buffers: '32MB' });

    await livesWith(postgresOn(data), proposed);
  });

  it('lets Redis do what killed it', needs('redis-benchmark'), async () => {
    const proposed = await killedWith(redis, { maxmemory: '0' });

    await livesWith(redis, proposed);
  });

  it('lets PHP-FPM do what killed it', needs('phpFpm'), async () => {
    const proposed = await killedWith(phpFpmPool, { 'pm.max_children': '40' });

    await livesWith(phpFpmPool, proposed);
  });

  it('lets Node.js do what killed it', async () => {
    const before = { '--max-old-space-size': '4096' };
    const commandLine = 'node --max-old-space-size=4096 server.js';
    const proposed = await killedWith(node, before, { limitMiB: NODE_LIMIT_MIB, commandLine });

    await livesWith(node, proposed, NODE_LIMIT_MIB);
  });
});
