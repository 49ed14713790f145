import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalWorkspace } from '../../src/local/workspace.ts';
import type { Health } from '../../src/http/health.ts';
import { openStore } from '../../src/store/store.ts';
import { needs } from '../support/needs.ts';
import { startPostgres } from '../support/postgres.ts';
import { openFailingDisk, openSmallDisk } from '../support/small-disk.ts';
import { freePort, openSshd, type Sshd } from '../support/sshd.ts';
import { eventually, openWorkspaceOfManifest } from '../support/whole-bot.ts';

const node = path.join(import.meta.dirname, '../../node_modules/.bin/node');
const cli = path.join(import.meta.dirname, '../../src/cli.ts');
/** Two minutes until a channel hears of a failing record: with OOMBOT_LONG. */
const LASTS = process.env['OOMBOT_LONG'] !== undefined;
const LONG_MS = 150_000;

/** The whole bot as a process of its own, with a real host whose log file the test writes. */
describe('a record that fails while kills go on', { ...needs('sshd'), timeout: 300_000 }, () => {
  let sshd: Sshd;
  const toClose: (() => Promise<unknown> | void)[] = [];
  beforeAll(async () => {
    sshd = await openSshd();
  });
  afterAll(async () => {
    for (const close of toClose.toReversed()) await close();
    await sshd?.close();
  });

  interface Bot {
    workspace: LocalWorkspace;
    health: () => Promise<{ status: number; body: Health }>;
    metric: (name: string) => Promise<number>;
    /** One process more is killed on the host. */
    happen: () => string;
    /** Errors in the log, by sentence. */
    errors: () => string[];
    /** Messages in the channel, as JSON. */
    told: (words: string) => number;
    stop: () => Promise<void>;
    /** Where its configuration and the host's log are. */
    dir: string;
    port: number;
  }

  /** `before`: the one in whose place it starts. */
  async function aBot(database: string, through: readonly string[] = [], before: Bot | null = null): Promise<Bot> {
    const dir = before?.dir ?? mkdtempSync(path.join(tmpdir(), 'oombot-record-'));
    const log = path.join(dir, 'kern.log');
    const port = before?.port ?? (await freePort());
    const workspace = before?.workspace ?? (await openWorkspaceOfManifest({ channels: ['#oom'] }));
    let logged = '';
    let pids = before === null ? 1_000 : 2_000;
    if (before === null) writeFileSync(log, '');
    writeFileSync(
      path.join(dir, 'oombot.yaml'),
      `http: 127.0.0.1:${port}
digest: { at: off }
samples: { every: off }
ssh: { user: root, identityFile: ${sshd.identityFile}, knownHosts: ${sshd.knownHostsFile} }
hosts: [{ name: db01, address: 127.0.0.1, port: ${sshd.port}, logFiles: [${log}] }]
`,
    );
    const args = [...through, node, '--no-warnings', cli, 'run', '--config', `${dir}/oombot.yaml`];
    const child: ChildProcess = spawn('env', args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        ...process.env,
        DATABASE_URL: database,
        SLACK_BOT_TOKEN: workspace.botToken,
        SLACK_APP_TOKEN: workspace.appToken,
        SLACK_API_URL: workspace.apiUrl,
      },
    });
    child.stderr?.on('data', (chunk: Buffer) => (logged += chunk.toString()));

    async function stop(): Promise<void> {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    }
    toClose.push(async () => {
      await stop();
      await workspace.close();
      rmSync(dir, { recursive: true, force: true });
    });
    const bot: Bot = {
      workspace,
      health: async () => {
        // Asked as often as a machine would, so that the answers do not keep it busy.
        await sleep(500);
        const response = await fetch(`http://127.0.0.1:${port}/healthz`);
        return { status: response.status, body: (await response.json()) as Health };
      },
      metric: async (name) => {
        const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
        return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
      },
      happen: () => {
        pids += 1;
        const name = `job-${pids}`;
        const words = `Killed process ${pids} (${name}) total-vm:9000kB, anon-rss:900kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:40kB oom_score_adj:0`;
        appendFileSync(
          log,
          `${new Date().toISOString().replace('Z', '000+00:00')} db01 kernel: [ ${pids}.25] ${words}\n`,
        );
        return name;
      },
      errors: () =>
        logged
          .split('\n')
          .filter((line) => line.startsWith('{'))
          .map((line) => JSON.parse(line) as { level: number; msg: string })
          .filter(({ level }) => level >= 50)
          .map(({ msg }) => msg),
      told: (words) => workspace.messages('#oom').filter((one) => JSON.stringify(one).includes(words)).length,
      stop,
      dir,
      port,
    };
    let seen: unknown = null;
    await eventually(
      async () => {
        seen = await bot.health().catch((error: unknown) => error);
        return (seen as { body?: Health }).body?.hosts[0]?.state === 'watching';
      },
      'a watch',
      60_000,
    ).catch((error: unknown) => {
      throw new Error(`${JSON.stringify(seen)} ${logged}`, { cause: error });
    });
    return bot;
  }

  /** Kills while it fails and after, each told once; the fault said where it should be. */
  async function survives(bot: Bot, reason: RegExp, fail: () => unknown, mend: () => unknown): Promise<string[]> {
    const names = [bot.happen()];
    await eventually(() => bot.told(names[0]!) > 0, 'the first kill');
    expect((await bot.health()).body).toMatchObject({ ok: true, record: true, recordFault: null });
    const settled = await bot.metric('oombot_record_writable');
    expect(settled).toBe(1);

    await fail();
    names.push(bot.happen());
    await eventually(async () => (await bot.health()).status === 503, 'the fault in /healthz');
    expect((await bot.health()).body).toMatchObject({
      record: false,
      recordFault: { sentence: expect.stringMatching(reason) },
    });
    expect(await bot.metric('oombot_record_writable')).toBe(0);
    await eventually(() => bot.told('Not on record yet') > 0, 'the second kill, told from memory', 40_000);
    if (LASTS) await eventually(() => bot.told('database is failing') > 0, 'the fault in the channel', LONG_MS);
    names.push(bot.happen());
    await sleep(4_000);
    await mend();

    await eventually(async () => (await bot.health()).status === 200, 'a record that is well again', 60_000);
    names.push(bot.happen());
    await eventually(() => bot.told(names.at(-1)!) > 0, 'the last kill');
    await eventually(() => bot.told('Not on record yet') === 0, 'messages that are edited', 60_000);
    if (LASTS) await eventually(() => bot.told('can save again') === 1, 'the end of it in the channel', 60_000);
    expect(bot.told('database is failing')).toBe(0);
    for (const name of names) expect(bot.told(name), name).toBe(1);
    const errors = bot.errors();
    expect(errors).toEqual([...new Set(errors)]);
    expect(errors).toContain('The record cannot be written; kills are told from memory');
    return names;
  }

  async function expectOnRecord(database: string, names: readonly string[]): Promise<void> {
    const store = await openStore(database, { readOnly: true });
    const kills = await store.kills({ hosts: null, sinceMs: null, untilMs: null, service: null, limit: 100 });
    await store.close();
    expect(new Set(kills.map(({ record }) => record.name))).toEqual(new Set(names));
    expect(kills).toHaveLength(names.length);
  }

  it('because the disk is full', needs('namespaces'), async () => {
    const disk = await openSmallDisk(6_144);
    toClose.push(disk.close);
    const bot = await aBot(`sqlite:${disk.folder}/oombot.db`, disk.through);

    await survives(bot, /cannot grow: the disk is full/, disk.fill, disk.free);
  });

  it(
    'because its file system takes no writes any more, until it is mounted anew',
    needs('ext4', 'namespaces'),
    async () => {
      const disk = await openFailingDisk();
      toClose.push(disk.close);
      const database = `sqlite:${disk.folder}/oombot.db`;
      const bot = await aBot(database, disk.through());
      const names = [bot.happen()];
      await eventually(() => bot.told(names[0]!) > 0, 'the first kill');
      expect((await bot.health()).body).toMatchObject({ ok: true, record: true });

      disk.fail();
      names.push(bot.happen());
      await eventually(async () => (await bot.health()).status === 503, 'the fault in /healthz');
      expect((await bot.health()).body.recordFault?.sentence).toMatch(/the disk reports an error|cannot be written/);
      await eventually(() => bot.told('Not on record yet') > 0, 'the second kill, told from memory', 40_000);
      const errors = bot.errors();
      expect(errors).toEqual([...new Set(errors)]);
      await bot.stop();
      await disk.mend();
      const next = await aBot(database, disk.through(), bot);
      names.push(next.happen());

      await eventually(() => next.told(names.at(-1)!) > 0, 'the last kill');
      await eventually(() => next.told('Not on record yet') === 0, 'a message that is edited', 60_000);
      for (const name of names) expect(next.told(name), name).toBe(1);
    },
  );

  it('because another program locks it', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'oombot-locked-'));
    const file = path.join(dir, 'oombot.db');
    toClose.push(() => rmSync(dir, { recursive: true, force: true }));
    const bot = await aBot(`sqlite:${file}`);
    const other = new DatabaseSync(file);

    const names = await survives(
      bot,
      /is locked by another program/,
      () => other.exec('begin immediate'),
      () => other.exec('rollback'),
    );

    other.close();
    await bot.stop();
    await expectOnRecord(`sqlite:${file}`, names);
  });

  it('because the server takes no writes', needs('postgres'), async () => {
    const postgres = await startPostgres();
    if (postgres === null) throw new Error('there is no PostgreSQL');
    toClose.push(postgres.stop);
    const url = await postgres.createDatabase();
    const bot = await aBot(url);

    async function setReadOnly(how: string): Promise<void> {
      const client = new pg.Client(url);
      await client.connect();
      await client.query(`begin read write; alter database ${new URL(url).pathname.slice(1)} ${how}; commit`);
      await client.end();
      await postgres?.cutConnections(url);
    }
    const names = await survives(
      bot,
      /read-only transaction/,
      () => setReadOnly('set default_transaction_read_only = on'),
      () => setReadOnly('reset default_transaction_read_only'),
    );

    await bot.stop();
    await expectOnRecord(url, names);
  });
});
