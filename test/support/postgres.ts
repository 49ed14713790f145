import { execFile, execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, chownSync, existsSync, globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';

export interface Postgres {
  /** A new, empty database; its address. */
  createDatabase: () => Promise<string>;
  /** Cuts every connection of that database but its own; gives how many. */
  cutConnections: (url: string) => Promise<number>;
  /** `immediate` is as if the machine had lost power. */
  restart: (how: 'fast' | 'immediate') => Promise<void>;
  stop: () => Promise<void>;
}

/** Starts Debian's PostgreSQL in a folder of its own on a free loopback port, with `settings` (`name=value`); null where it is not installed. */
export async function startPostgres(settings: readonly string[] = []): Promise<Postgres | null> {
  const bin = globSync('/usr/lib/postgresql/*/bin/postgres')
    .map((file) => path.dirname(file))
    .sort()
    .at(-1);
  if (bin === undefined) return null;
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-postgres-'));
  try {
    return await start(bin, folder, settings);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function start(bin: string, folder: string, more: readonly string[]): Promise<Postgres> {
  const data = path.join(folder, 'data');
  const passwordFile = path.join(folder, 'password');
  const password = randomBytes(12).toString('hex');
  const port = await freePort();
  // PostgreSQL refuses to run as root.
  const asUser = process.getuid?.() === 0 ? ['runuser', '-u', 'postgres', '--'] : [];

  function commandOf(program: string, ...args: string[]): [string, string[]] {
    const [command = program, ...rest] = [...asUser, path.join(bin, program), ...args];
    return [command, rest];
  }

  function run(program: string, ...args: string[]): void {
    const [command, rest] = commandOf(program, ...args);
    execFileSync(command, rest, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000 });
  }

  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (asUser.length > 0) {
    const [uid = 0, gid = 0] = ['-u', '-g'].map((what) => Number(execFileSync('id', [what, 'postgres'])));
    for (const file of [folder, passwordFile]) chownSync(file, uid, gid);
  }
  chmodSync(folder, 0o700);
  run('initdb', '-D', data, '-U', 'oombot', '-A', 'scram-sha-256', '--pwfile', passwordFile, '--no-sync', '-E', 'UTF8');
  const own = ['unix_socket_directories=', 'fsync=off', 'max_connections=50', ...more];
  const settings = `-h 127.0.0.1 -p ${port} ${own.map((one) => `-c ${one}`).join(' ')}`;
  const begin: [string, ...string[]] = ['pg_ctl', '-D', data, '-w', '-l', path.join(folder, 'log'), '-o', settings];
  run(...begin, 'start');

  const server = `postgres://oombot:${password}@127.0.0.1:${port}`;
  return {
    createDatabase: async () => {
      const name = `test_${randomUUID().replaceAll('-', '')}`;
      const client = new pg.Client(`${server}/postgres`);
      await client.connect();
      await client.query(`create database ${name}`);
      await client.end();
      return `${server}/${name}`;
    },
    cutConnections: async (url) => {
      const client = new pg.Client(url);
      await client.connect();
      const { rowCount } = await client.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      );
      await client.end();
      return rowCount ?? 0;
    },
    restart: async (how) => {
      // Without blocking: what is tested runs in this process.
      await promisify(execFile)(...commandOf(...begin, '-m', how, 'restart'), { cwd: folder, timeout: 60_000 });
    },
    stop: () => {
      if (existsSync(path.join(data, 'postmaster.pid'))) run('pg_ctl', '-D', data, '-m', 'immediate', '-w', 'stop');
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
