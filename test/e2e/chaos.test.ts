import { appendFileSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import type { LocalWorkspace } from '../../src/local/workspace.ts';
import { openStore } from '../../src/store/store.ts';
import { keepBotUp, type BotProcess } from '../support/bot-process.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';
import { openKillGroup } from '../support/kill-group.ts';
import { needs } from '../support/needs.ts';
import { startPostgres, type Postgres } from '../support/postgres.ts';
import { openSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { freePort, openSshd } from '../support/sshd.ts';
import { openTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { expectToldOnce } from '../support/told-once.ts';
import { eventually, openWorkspaceOfManifest } from '../support/whole-bot.ts';
import { openWrittenLog, type WrittenLog } from '../support/written-log.ts';

/** Shared by both databases; with starting and settling a slice of three minutes. An hour with `npm run test:chaos`. */
const CHAOS_MS = Number(process.env['OOMBOT_CHAOS_MS'] ?? 40_000);
const SEED = Number(process.env['OOMBOT_SEED'] ?? Math.floor(Math.random() * 1e9));
const HOSTS = 3;
/** So long may as much wait as before: a file is read again, a lease ends, a database comes back. */
const SETTLE_MS = 240_000;
/** Room for what is killed meanwhile, so that the disk is full only when it is filled. */
const DISK_KIB = 32 * 1024 + 4 * Math.ceil(CHAOS_MS / 80);
/** More than this on top of what it took at the beginning would grow for ever. */
const GROWTH_MIB_MAX = 120;
/** Few: what they all have to be told must fit three messages in ten seconds. */
const NAMES = [...HOSTILE_NAMES.filter((name) => /^[\x21-\x7e]{1,15}$/.test(name)).slice(0, 4), 'mysqld', 'java'];

interface World {
  workspace: LocalWorkspace;
  proxies: TcpProxy[];
  logs: WrittenLog[];
  bots: BotProcess[];
  disk: SmallDisk | null;
  /** PostgreSQL, and the bots' database in it. */
  postgres: { server: Postgres; url: string } | null;
}

interface Deed {
  weight: number;
  name: string;
  run: (world: World) => unknown;
}

/** The same numbers for the same seed (mulberry32). */
function openRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) % 1_000_000) * (below / 1_000_000);
  };
}

/** `mayKillBots`: later in the run they live on, so that what they keep in memory shows. */
function deedsOf(random: (below: number) => number, mayKillBots: () => boolean): Deed[] {
  function one<T>(of: readonly T[]): T {
    return of[Math.floor(random(of.length))]!;
  }
  return [
    { weight: 4, name: 'a link is cut', run: ({ proxies }) => one(proxies).cut() },
    {
      weight: 2,
      name: 'a link goes silent',
      run: async ({ proxies }) => {
        const proxy = one(proxies);
        proxy.setMode('hang');
        await sleep(500 + random(4_000));
        proxy.setMode('pass');
        proxy.cut();
      },
    },
    {
      weight: 2,
      name: 'kill -9 of a bot',
      run: ({ bots }) => (mayKillBots() ? one(bots).end('SIGKILL') : undefined),
    },
    {
      weight: 1,
      name: 'a bot is stopped',
      run: ({ bots }) => (mayKillBots() ? one(bots).end('SIGTERM') : undefined),
    },
    {
      weight: 3,
      name: 'connections to PostgreSQL end',
      // It may be restarting just then.
      run: ({ postgres }) => postgres?.server.cutConnections(postgres.url).catch(() => 0),
    },
    {
      weight: 1,
      name: 'PostgreSQL is restarted',
      run: ({ postgres }) => postgres?.server.restart(random(1) < 0.5 ? 'fast' : 'immediate'),
    },
    {
      weight: 2,
      name: 'the disk is full',
      run: async ({ disk }) => {
        disk?.fill();
        await sleep(1_000 + random(13_000));
        disk?.free();
      },
    },
    {
      weight: 3,
      name: 'a hostile line',
      run: ({ logs }) => one(logs).write(hostileText(random)),
    },
    {
      weight: 3,
      name: 'Slack answers badly',
      run: ({ workspace }) =>
        workspace.faults.add(
          one([
            { method: 'chat.postMessage', status: 503, when: 'before' as const },
            { method: 'chat.postMessage', status: 502, when: 'after' as const },
            { method: 'chat.postMessage', cut: true, when: 'after' as const },
            { method: 'chat.update', cut: true, when: 'before' as const },
            { method: 'chat.postMessage', status: 429, retryAfterSeconds: 2 },
            { method: '*', delayMs: 2_000 },
          ]),
        ),
    },
    { weight: 1, name: 'Slack drops the sockets', run: ({ workspace }) => workspace.dropSockets() },
    {
      weight: 1,
      name: 'Slack is down',
      run: async ({ workspace }) => {
        workspace.faults.refuseAll(true);
        await sleep(1_000 + random(5_000));
        workspace.faults.refuseAll(false);
      },
    },
    {
      weight: 1,
      name: 'a burst of kills',
      run: ({ logs }) => one(logs).kill(...Array.from({ length: 40 }, () => one(NAMES))),
    },
  ];
}

/** What any local user can bring into a log: nothing of it is a kill. */
function hostileText(random: (below: number) => number): string {
  const kinds = [
    `${new Date().toISOString()} h kernel: ${'Kill process 1 ('.repeat(1 + random(500))}\n`,
    `${new Date().toISOString()} h kernel: ${'out of memory '.repeat(1 + random(500))}\n`,
    `${new Date().toISOString()} h sshd[1]: Killed process 99 (${'x'.repeat(1 + random(60_000))}\n`,
    `<!channel> \u001b[2J \u202e {"MESSAGE":"Killed process 1 (init)"}\n`,
    `${Array.from({ length: 1 + random(4_000) }, () => String.fromCharCode(32 + random(220))).join('')}\n`,
  ];
  return kinds[Math.floor(random(kinds.length))] ?? '';
}

it.each(['SQLite', 'PostgreSQL'])(
  'what dies while everything fails is on record and announced once: %s',
  { ...needs('sshd', 'kills', 'namespaces', 'postgres'), timeout: CHAOS_MS + 4 * SETTLE_MS + 120_000 },
  async (kind) => {
    const random = openRandom(SEED);
    const forMs = CHAOS_MS / 2;
    process.stderr.write(`\nchaos on ${kind} for ${forMs / 1_000} s, OOMBOT_SEED=${SEED}\n`);
    const dir = mkdtempSync(path.join(tmpdir(), 'oombot-chaos-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const world = await openWorld(kind === 'SQLite', dir);
    const { logs, bots, workspace } = world;
    const group = openKillGroup();
    onTestFinished(group.close);
    await quiet(bots);
    logs[0]?.kill('first');
    await eventually(
      () => workspace.messages('#oom').some((one) => JSON.stringify(one).includes('first')),
      'the first',
    );
    await quiet(bots);
    const atFirstMiB = Math.max(...bots.map((bot) => bot.residentMiB()));

    const beganMs = Date.now();
    const deeds = deedsOf(random, () => Date.now() - beganMs < forMs * 0.6);
    const done = new Map<string, number>();
    const underWay = new Map<string, Promise<unknown>>();
    const realPids: number[] = [];
    while (Date.now() - beganMs < forMs) {
      const log = logs[Math.floor(random(logs.length))];
      log?.kill(...Array.from({ length: 1 + random(2) }, () => NAMES[Math.floor(random(NAMES.length))] ?? 'java'));
      // The kernel prints ten reports in five seconds, for the whole machine. Few names: each is an incident with messages of its own.
      if (realPids.length === 0 || random(20) < 1) realPids.push(await group.kill(`victim-${realPids.length % 4}`));
      const deed = pick(deeds, random);
      if (!underWay.has(deed.name)) {
        done.set(deed.name, (done.get(deed.name) ?? 0) + 1);
        underWay.set(
          deed.name,
          Promise.resolve(deed.run(world)).finally(() => underWay.delete(deed.name)),
        );
      }
      await sleep(100 + random(900));
    }
    await Promise.all(underWay.values());
    workspace.faults.clear();
    await quiet(bots);
    const atLastMiB = Math.max(...bots.map((bot) => bot.residentMiB()));
    for (const bot of bots) await bot.close();

    const written = logs.reduce((sum, { pids }) => sum + pids.length, 0);
    process.stderr.write(
      `${kind}: ${written} kills written, ${realPids.length} by the kernel; ${[...done].map(([name, times]) => `${name} ${times}`).join(', ')}; ` +
        `${bots.reduce((sum, bot) => sum + bot.starts(), 0)} starts; ${Math.round(atFirstMiB)} MiB at first, ${Math.round(atLastMiB)} at last\n`,
    );
    const store = await openStore(recordOf(world, dir), { readOnly: true });
    onTestFinished(store.close);
    for (const [at, log] of logs.entries()) await expectToldOnce(store, workspace, `h${at}`, log.pids);
    await expectToldOnce(store, workspace, 'real', realPids);
    expect(await store.verifyAudit()).toMatchObject({ kind: 'intact' });
    expect(atLastMiB - atFirstMiB).toBeLessThan(GROWTH_MIB_MAX);
  },
);

function pick(deeds: readonly Deed[], random: (below: number) => number): Deed {
  let at = random(deeds.reduce((sum, { weight }) => sum + weight, 0));
  return deeds.find(({ weight }) => (at -= weight) < 0) ?? deeds[0]!;
}

/** Several hosts behind links that can be cut, their logs, and one or two bots on one record. */
async function openWorld(isSqlite: boolean, dir: string): Promise<World> {
  const sshd = await openSshd();
  onTestFinished(sshd.close);
  const workspace = await openWorkspaceOfManifest({ channels: ['#oom'] });
  onTestFinished(workspace.close);
  const proxies: TcpProxy[] = [];
  const logs: WrittenLog[] = [];
  const hosts: string[] = [`  - { name: real, address: 127.0.0.1, port: ${sshd.port} }`];
  for (let at = 0; at < HOSTS; at += 1) {
    const proxy = await openTcpProxy(sshd.port);
    onTestFinished(proxy.close);
    proxies.push(proxy);
    appendFileSync(sshd.knownHostsFile, `[127.0.0.1]:${proxy.port} ${sshd.publicKey('ed25519')}\n`);
    const file = path.join(dir, `h${at}.log`);
    // Above the kernel's own pids: the host "real" has those.
    logs.push(openWrittenLog(file, `h${at}`, 5_000_000 + at * 1_000_000));
    hosts.push(`  - { name: h${at}, address: 127.0.0.1, port: ${proxy.port}, logFiles: [${file}] }`);
  }
  const server = isSqlite ? null : await startPostgres();
  if (server !== null) onTestFinished(server.stop);
  const postgres = server === null ? null : { server, url: await server.createDatabase() };
  const disk = isSqlite ? await openSmallDisk(DISK_KIB) : null;
  if (disk !== null) onTestFinished(disk.close);

  const bots: BotProcess[] = [];
  for (let at = 0; at < (isSqlite ? 1 : 2); at += 1) {
    const port = await freePort();
    const configFile = path.join(dir, `bot-${at}.yaml`);
    writeFileSync(
      configFile,
      [
        `http: 127.0.0.1:${port}`,
        'digest: { at: off }',
        `ssh: { user: root, identityFile: ${sshd.identityFile}, knownHosts: ${sshd.knownHostsFile} }`,
        'hosts:',
        ...hosts,
        '',
      ].join('\n'),
    );
    const database = postgres?.url ?? `sqlite:${disk?.folder}/oombot.db`;
    const bot = keepBotUp({ configFile, port, database, workspace, through: disk?.through ?? [] });
    onTestFinished(async (test) => {
      await bot.close();
      if (test.task.result?.state === 'fail') process.stderr.write(`bot ${at}: ${bot.logged().slice(-6_000)}\n`);
    });
    bots.push(bot);
  }
  return { workspace, proxies, logs, bots, disk, postgres };
}

/** All hosts are watched, and nothing waits for the record or for Slack, three times in a row. As long as less and less waits, it goes on. */
async function quiet(bots: readonly BotProcess[]): Promise<void> {
  let calm = 0;
  let fewest = Infinity;
  for (let untilMs = Date.now() + SETTLE_MS; calm < 3; await sleep(1_500)) {
    const health = await Promise.all(bots.map((bot) => bot.health()));
    const waiting = await Promise.all(
      bots.flatMap((bot) => [bot.metric('oombot_kills_waiting'), bot.metric('oombot_deliveries_waiting')]),
    );
    const states = health.flatMap((one) => one?.hosts ?? []);
    const watched = new Set(states.filter(({ state }) => state === 'watching').map(({ host }) => host));
    const isWatching = health.every((one) => one?.ok === true) && watched.size === HOSTS + 1;
    const sum = waiting.reduce<number>((total, one) => total + (one ?? Infinity), 0);
    calm = isWatching && sum === 0 ? calm + 1 : 0;
    if (isWatching && sum < fewest) {
      fewest = sum;
      untilMs = Date.now() + SETTLE_MS;
    }
    if (Date.now() > untilMs)
      throw new Error(`not quiet: ${JSON.stringify({ waiting, health: health.map((one) => one?.ok), states })}`);
  }
}

/** Where the record can be read from here, once the bots have ended. */
function recordOf({ disk, postgres }: World, dir: string): string {
  if (postgres !== null) return postgres.url;
  const copy = path.join(dir, 'copy');
  mkdirSync(copy);
  for (const name of ['oombot.db', 'oombot.db-wal']) {
    const from = path.join(disk?.inside ?? '', name);
    if (existsSync(from)) copyFileSync(from, path.join(copy, name));
  }
  return `sqlite:${copy}/oombot.db`;
}
