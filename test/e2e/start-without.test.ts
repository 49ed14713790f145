import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import type { Health } from '../../src/http/health.ts';
import { run, type Running } from '../../src/main.ts';
import { openStore } from '../../src/store/store.ts';
import { openKillGroup, type KillGroup } from '../support/kill-group.ts';
import { needs } from '../support/needs.ts';
import { startPostgres, type Postgres } from '../support/postgres.ts';
import { hostYaml, openSshd, type Sshd } from '../support/sshd.ts';
import { expectToldOnce } from '../support/told-once.ts';
import { eventually, openWorkspaceOfManifest } from '../support/whole-bot.ts';

const WAIT_MS = 90_000;

describe('a start while something is down', { ...needs('sshd', 'kills', 'postgres'), timeout: 240_000 }, () => {
  let sshd: Sshd;
  let group: KillGroup;
  let postgres: Postgres | null;
  const toClose: (() => Promise<unknown> | void)[] = [];

  beforeAll(async () => {
    sshd = await openSshd();
    group = openKillGroup();
    postgres = await startPostgres();
  }, 120_000);
  afterEach(async () => {
    for (const close of toClose.splice(0).toReversed()) await close();
  });
  afterAll(async () => {
    await postgres?.stop();
    await group.close();
    await sshd.close();
  });

  /** Starts the bot as `oombot run` does; its start may take as long as something is down. */
  function start(workspace: Awaited<ReturnType<typeof openWorkspaceOfManifest>>, database: string): Promise<Running> {
    const dir = mkdtempSync(path.join(tmpdir(), 'oombot-start-'));
    const file = path.join(dir, 'oombot.yaml');
    writeFileSync(file, ['http: 127.0.0.1:0', 'workspace: { channel: "#oom" }', hostYaml(sshd)].join('\n'));
    const stop = new AbortController();
    const env = {
      SLACK_BOT_TOKEN: workspace.botToken,
      SLACK_APP_TOKEN: workspace.appToken,
      SLACK_API_URL: workspace.apiUrl,
      DATABASE_URL: database,
      LOG_LEVEL: 'silent',
    };
    const running = run({ load: () => loadConfig({ path: file, env }), print: () => {}, signal: stop.signal });
    toClose.push(async () => {
      stop.abort();
      await running.then(
        ({ close }) => close(),
        () => undefined,
      );
      rmSync(dir, { recursive: true, force: true });
    });
    // One that fails says so to whoever waits for it, or in the test's own waits.
    running.catch(() => undefined);
    return running;
  }

  async function aWorkspace() {
    const workspace = await openWorkspaceOfManifest({ channels: ['#oom'] });
    toClose.push(workspace.close);
    return workspace;
  }

  async function aDatabase(kind: 'sqlite' | 'postgres'): Promise<string> {
    if (kind === 'postgres') return (await postgres?.createDatabase()) ?? '';
    const dir = mkdtempSync(path.join(tmpdir(), 'oombot-start-db-'));
    toClose.push(() => rmSync(dir, { recursive: true, force: true }));
    return `sqlite:${path.join(dir, 'oombot.db')}`;
  }

  /** Reads beside the bot. */
  async function isOnRecord(database: string, what: 'watched' | number): Promise<boolean> {
    const store = await openStore(database, { readOnly: true }).catch(() => null);
    if (store === null) return false;
    try {
      if (what === 'watched') return (await store.positions('db01')).length > 0;
      const kills = await store.kills({ hosts: null, sinceMs: null, untilMs: null, service: null, limit: 1_000 });
      return kills.some(({ record }) => record.pid === what);
    } catch {
      return false;
    } finally {
      await store.close();
    }
  }

  it.each(['sqlite', 'postgres'] as const)(
    'with Slack away watches at once, on %s, and tells when Slack is back',
    async (kind) => {
      const workspace = await aWorkspace();
      const database = await aDatabase(kind);
      workspace.faults.refuseAll(true);
      void start(workspace, database);
      await eventually(() => isOnRecord(database, 'watched'), 'a watch on db01', WAIT_MS);

      const name = `early-${kind.slice(0, 6)}`;
      const pid = await group.kill(name);
      await eventually(() => isOnRecord(database, pid), 'the kill on record', WAIT_MS);
      expect(workspace.messages('#oom')).toEqual([]);
      workspace.faults.refuseAll(false);

      const told = await eventually(
        () => workspace.messages('#oom').find(({ text }) => text.includes(name)),
        'the message',
        WAIT_MS,
      );
      expect(told.text).toContain(`\`${name}\` was killed on \`db01\``);
    },
  );

  it('with PostgreSQL away watches at once, tells from memory, and completes the record when PostgreSQL is there', async () => {
    const database = await aDatabase('postgres');
    const workspace = await aWorkspace();
    void start(workspace, database);
    await eventually(() => isOnRecord(database, 'watched'), 'a watch on db01', WAIT_MS);
    await toClose.pop()?.();
    const pids = [await group.kill('bot-was-down')];

    const { url, comeUp } = await aDoorTo(database);
    const bot = await start(workspace, url);
    const health = await eventually(
      async () => {
        const response = await fetch(`${bot.url}/healthz`);
        const body = (await response.json()) as Health;
        return body.hosts[0]?.state === 'watching' && { status: response.status, body };
      },
      'a watch without a record',
      WAIT_MS,
    );
    expect(health).toMatchObject({ status: 503, body: { ok: false, record: false, recordFault: expect.anything() } });
    expect((await fetch(`${bot.url}/metrics`)).status).toBe(200);
    const killedAtMs = Date.now();
    pids.push(await group.kill('while-away'));
    await eventually(() => about('while-away').length > 0, 'the kill, told from memory', WAIT_MS);
    expect(Date.now() - killedAtMs).toBeLessThan(30_000);
    // With the kill before it, whose time is uncertain by more than the time between, it may be a summary.
    expect(about('while-away')[0]).toMatch(/Not on record yet|Told from memory/);
    await comeUp();

    await eventually(() => about('bot-was-down').length > 0, 'what happened before the start', WAIT_MS);
    await eventually(() => about('Not on record yet').length === 0, 'the message that is completed', WAIT_MS);
    pids.push(await group.kill('record-is-back'));
    await eventually(() => about('record-is-back').length > 0, 'the next kill', WAIT_MS);
    const store = await openStore(database, { readOnly: true });
    toClose.push(store.close);
    await expectToldOnce(store, workspace, 'db01', pids);

    function about(words: string): string[] {
      return workspace
        .messages('#oom')
        .map((message) => JSON.stringify(message))
        .filter((text) => text.includes(words));
    }
  });

  /** Another address of the same database, where nobody answers until it comes up. */
  async function aDoorTo(database: string): Promise<{ url: string; comeUp: () => Promise<void> }> {
    const url = new URL(database);
    const behind = { host: url.hostname, port: Number(url.port) };
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      const other = connect(behind);
      for (const one of [socket, other]) {
        sockets.add(one);
        one.on('error', () => undefined).on('close', () => (socket.destroy(), other.destroy()));
      }
      socket.pipe(other).pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    url.port = String(port);
    return {
      url: url.href,
      comeUp: async () => {
        await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
        toClose.push(() => {
          for (const socket of sockets) socket.destroy();
          server.close();
        });
      },
    };
  }
});
