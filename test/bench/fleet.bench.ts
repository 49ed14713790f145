// Many hosts over several processes on one PostgreSQL: what each process costs, how long it takes until all are watched, what the
// database is asked, and what becomes of the hosts of a process that is killed, with deaths before, meanwhile and after.
// OOMBOT_FLEET_SIZES=200,1000 and OOMBOT_FLEET_PROCESSES=2 make it smaller; OOMBOT_FLEET_CHART=FILE draws what was seen as SVG.
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { LocalWorkspace } from '../../src/local/workspace.ts';
import { openStore } from '../../src/store/store.ts';
import { has } from '../support/needs.ts';
import { startPostgres } from '../support/postgres.ts';
import { makeKey } from '../support/sshd.ts';
import { timesTold } from '../support/times-told.ts';
import { openWorkspaceOfManifest } from '../support/whole-bot.ts';
import { drawFleet } from './fleet-chart.ts';
import type { Death, Followed } from './mortal-hosts.ts';
import { cpuSeconds, NODE_OPTIONS, rssMiB, START_ENV } from './process-cost.ts';

export const name = 'fleet';

const SIZES = numbers(process.env['OOMBOT_FLEET_SIZES'] ?? '200,1000,2500,5000');
const PROCESSES = Number(process.env['OOMBOT_FLEET_PROCESSES'] ?? 5);
const CHART = process.env['OOMBOT_FLEET_CHART'];
/** Servers that stand in for the hosts: one for each core. */
const SERVERS = 2;
const CONNECT_MAX_MS = 600_000;
/** The first looks at each host's counter and processes are past. */
const SETTLE_MS = Number(process.env['OOMBOT_FLEET_SETTLE_S'] ?? 30) * 1_000;
const IDLE_MS = 30_000;
/** Of src/run/chores.ts. */
const LEASE_MS = 15_000;
/** Deaths before, meanwhile and after. */
const DEATHS = 20;
const TOLD_MAX_MS = 120_000;

export interface FleetRow {
  hosts: number;
  rssMeanMiB: number;
  rssMaxMiB: number;
  /** Of one core, of one process, idle. */
  cpuMean: number;
  cpuMax: number;
  /** Since the processes were started. */
  connectedMs: number;
  /** From the kill to the last of its hosts being followed by others. */
  failOverMs: number;
  /** As many hosts as the killed one had, at the start: from the first connection to the last of them being followed. */
  asManyMs: number;
  taken: number;
  statementsPerS: number;
  commitsPerS: number;
}

export async function run(): Promise<void> {
  if (!has('postgres')) return say('skipped: it needs PostgreSQL');
  say(`${PROCESSES} processes on one PostgreSQL; ${SERVERS} servers stand in for the hosts, on the same machine`);
  const rows: FleetRow[] = [];
  for (const size of SIZES) {
    try {
      rows.push(await benchFleet(size));
    } catch (error) {
      // What was seen up to here is told all the same.
      say(`${size} hosts: not done: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
      break;
    }
  }
  rows.sort((a, b) => a.hosts - b.hosts);
  say(
    '| hosts | memory of a process, mean (most) | CPU of a process, mean (most) | all connected | fail-over (bound) | statements/s | commits/s |',
  );
  say('| --- | --- | --- | --- | --- | --- | --- |');
  for (const row of rows) say(describe(row));
  if (CHART !== undefined && rows.length > 0) writeFileSync(CHART, drawFleet(rows, PROCESSES));
}

function describe(row: FleetRow): string {
  const cells = [
    row.hosts.toLocaleString('en'),
    `${row.rssMeanMiB.toFixed(0)} (${row.rssMaxMiB.toFixed(0)}) MiB`,
    `${(row.cpuMean * 100).toFixed(1)} (${(row.cpuMax * 100).toFixed(1)}) %`,
    seconds(row.connectedMs),
    `${seconds(row.failOverMs)} (${seconds(boundMs(row))})`,
    row.statementsPerS.toFixed(0),
    row.commitsPerS.toFixed(0),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** What fail-over may take: the lease, and half as much again as the start took for as many hosts. */
function boundMs({ asManyMs }: FleetRow): number {
  return LEASE_MS + 1.5 * asManyMs;
}

async function benchFleet(size: number): Promise<FleetRow> {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-fleet-'));
  const closing: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true })];
  try {
    const server = await startPostgres(['shared_preload_libraries=pg_stat_statements', 'max_connections=80']);
    if (server === null) throw new Error('there is no PostgreSQL');
    closing.push(server.stop);
    const url = await server.createDatabase();
    const database = new pg.Client(url);
    database.on('error', () => {});
    await database.connect();
    closing.push(() => database.end());
    await database.query('create extension pg_stat_statements');
    const workspace = await openWorkspaceOfManifest({ channels: ['#oom'] });
    closing.push(workspace.close);
    const hosts = await openHosts(size, dir);
    closing.push(hosts.close);
    const bots = Array.from({ length: PROCESSES }, (_, at) => startBot(at, { dir, url, workspace, yaml: hosts.yaml }));
    closing.push(() => Promise.all(bots.map((bot) => bot.end('SIGKILL'))));
    return await measure({ size, database, url, workspace, hosts, bots });
  } finally {
    for (const close of closing.toReversed()) await close();
  }
}

interface World {
  size: number;
  database: pg.Client;
  url: string;
  workspace: LocalWorkspace;
  hosts: Awaited<ReturnType<typeof openHosts>>;
  bots: Bot[];
}

async function measure({ size, database, url, workspace, hosts, bots }: World): Promise<FleetRow> {
  const startedAtMs = Date.now();
  const machineBefore = machineSeconds();
  await eventually(
    async () => hosts.followed() === size && (await isShared(database, size)),
    'all hosts',
    CONNECT_MAX_MS,
  );
  await sleep(1_000);
  const fullAtMs = await eventually(() => hosts.followed() === size && hosts.fullAtMs(), 'all hosts', CONNECT_MAX_MS);
  const machine = machineSeconds();
  const busy = (machine.busy - machineBefore.busy) / (machine.all - machineBefore.all);
  const connecting = bots.map((bot) => cpuSeconds(bot.pid));
  say(
    `${size} hosts: all connected ${seconds(fullAtMs - startedAtMs)} after the start, the machine ${(busy * 100).toFixed(0)} % busy; ${((sum(connecting) / size) * 1_000).toFixed(1)} ms of CPU of the bots and ${((sum(hosts.pids.map(cpuSeconds)) / size) * 1_000).toFixed(1)} ms of the stand-ins for each host`,
  );

  await sleep(SETTLE_MS);
  const before = { cpu: bots.map((bot) => cpuSeconds(bot.pid)), asked: await askedOf(database), atMs: Date.now() };
  await sleep(IDLE_MS);
  const passedS = (Date.now() - before.atMs) / 1_000;
  const cpu = bots.map((bot, at) => (cpuSeconds(bot.pid) - (before.cpu[at] ?? 0)) / passedS);
  const rss = bots.map((bot) => rssMiB(bot.pid));
  const asked = await askedOf(database);

  const deaths: Death[] = [];
  function die(host: string): void {
    const death = { host, pid: 5_000_000 + deaths.length, name: `job-${deaths.length}` };
    deaths.push(death);
    hosts.kill(death);
  }
  async function dieOn(names: readonly string[], everyMs: number): Promise<void> {
    for (let at = 0; at < DEATHS; at += 1) {
      die(names[Math.floor(Math.random() * names.length)] ?? '');
      await sleep(everyMs);
    }
  }

  await dieOn(hosts.names, 100);
  const victim = bots[Math.floor(Math.random() * bots.length)];
  if (victim === undefined) throw new Error('there is no process to kill');
  const its = await victim.watched();
  // Those of the last moment are on record, told, or neither.
  const lastMoment = dieOn(its, 20);
  await sleep(DEATHS * 10);
  const killedAtMs = Date.now();
  await victim.end('SIGKILL');
  await lastMoment;
  await dieOn(its, 250);
  const asManyMs = hosts.asManyMs(its.length, startedAtMs);
  await eventually(() => hosts.followed() === size, 'the hosts of the killed one', LEASE_MS + CONNECT_MAX_MS);
  const failOverMs = hosts.fullAtMs() - killedAtMs;
  await dieOn(its, 100);
  const left = bots.filter((bot) => bot !== victim);
  await expectAllToldOnce(url, workspace, deaths);
  for (const bot of left) await bot.end('SIGTERM');
  for (const said of troublesOf(bots)) say(`  logged ${said}`);
  const row: FleetRow = {
    hosts: size,
    rssMeanMiB: sum(rss) / rss.length,
    rssMaxMiB: Math.max(...rss),
    cpuMean: sum(cpu) / cpu.length,
    cpuMax: Math.max(...cpu),
    connectedMs: fullAtMs - startedAtMs,
    failOverMs,
    asManyMs,
    taken: its.length,
    statementsPerS: (asked.statements - before.asked.statements) / passedS,
    commitsPerS: (asked.commits - before.asked.commits) / passedS,
  };
  say(
    `  ${its.length} hosts of a killed process followed by others after ${seconds(failOverMs)} (bound ${seconds(boundMs(row))}: lease ${seconds(LEASE_MS)}, as many were connected in ${seconds(asManyMs)} at the start); ${deaths.length} deaths, each on record once and announced once`,
  );
  if (failOverMs > boundMs(row)) {
    say('  THE BOUND IS NOT KEPT');
    process.exitCode = 1;
  }
  return row;
}

interface Bot {
  pid: number;
  /** The hosts that it watches. */
  watched: () => Promise<string[]>;
  end: (signal: 'SIGKILL' | 'SIGTERM') => Promise<void>;
  logged: () => string[];
}

function startBot(
  at: number,
  { dir, url, workspace, yaml }: { dir: string; url: string; workspace: LocalWorkspace; yaml: string },
): Bot {
  const configFile = path.join(dir, `oombot-${at}.yaml`);
  writeFileSync(configFile, `http: 127.0.0.1:0\nsocket: off\ndigest: { at: off }\n${yaml}`);
  const cli = path.join(import.meta.dirname, '../../src/cli.ts');
  const child = spawn(process.execPath, ['--no-warnings', ...NODE_OPTIONS, cli, 'run', '--config', configFile], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      ...START_ENV,
      DATABASE_URL: url,
      SLACK_BOT_TOKEN: workspace.botToken,
      SLACK_APP_TOKEN: workspace.appToken,
      SLACK_API_URL: workspace.apiUrl,
      LOG_LEVEL: 'warn',
    },
  });
  const logged: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => logged.push(line));
  const port = new Promise<number>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (found !== undefined) resolve(Number(found));
    });
  });
  return {
    pid: child.pid ?? 0,
    watched: async () => {
      const answer = await fetch(`http://127.0.0.1:${await port}/healthz`);
      const { hosts } = (await answer.json()) as { hosts: { host: string; state: string }[] };
      return hosts.filter(({ state }) => state === 'watching').map(({ host }) => host);
    },
    end: async (signal) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill(signal);
      await gone;
    },
    logged: () => logged,
  };
}

async function openHosts(size: number, dir: string) {
  const identityFile = path.join(dir, 'id');
  const knownHosts = path.join(dir, 'known_hosts');
  makeKey(identityFile, 'ed25519');
  const children: ChildProcess[] = [];
  const ports: number[] = [];
  const lines: string[] = [];
  const now = Array.from({ length: SERVERS }, () => 0);
  /** How many were followed, as it changed. */
  const course: Followed[] = [];
  let fullAtMs = 0;
  for (let at = 0; at < SERVERS; at += 1) {
    const child = fork(path.join(import.meta.dirname, 'mortal-hosts.ts'), {
      execArgv: ['--no-warnings'],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    children.push(child);
    child.on('message', ({ hosts, atMs }: Followed) => {
      now[at] = hosts;
      course.push({ hosts: sum(now), atMs });
      if (sum(now) === size) fullAtMs = atMs;
    });
    if (child.stdout === null) throw new Error('the output of the process is not a pipe');
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const { port, publicKey } = JSON.parse(line) as { port: number; publicKey: string };
    ports.push(port);
    lines.push(`[127.0.0.1]:${port} ${publicKey}\n`);
  }
  writeFileSync(knownHosts, lines.join(''));
  const names = Array.from({ length: size }, (_, at) => `host-${at}`);
  const yaml = [
    `ssh: { identityFile: ${identityFile}, knownHosts: ${knownHosts} }`,
    'hosts:',
    ...names.map(
      (host, at) => `  - { name: ${host}, address: 127.0.0.1, port: ${ports[at % SERVERS]}, user: ${host} }`,
    ),
    '',
  ].join('\n');
  return {
    names,
    yaml,
    pids: children.map((child) => child.pid ?? 0),
    kill: (death: Death) => children[names.indexOf(death.host) % SERVERS]?.send(death),
    followed: () => sum(now),
    /** When the last that was missing came. */
    fullAtMs: () => fullAtMs,
    /** From the first connection after `sinceMs` to the first moment at which `count` were followed. */
    asManyMs: (count: number, sinceMs: number) => {
      const since = course.filter(({ atMs }) => atMs >= sinceMs);
      return (since.find(({ hosts }) => hosts >= count)?.atMs ?? NaN) - (since[0]?.atMs ?? NaN);
    },
    close: () => {
      for (const child of children) child.kill('SIGKILL');
    },
  };
}

/** Every process holds its share, and nobody holds what is another's. */
async function isShared(database: pg.Client, size: number): Promise<boolean> {
  const { rows } = await database.query<{ held: string }>(
    "select count(*) as held from leases where kind = 'host' group by owner",
  );
  const share = Math.ceil(size / PROCESSES);
  return rows.length === PROCESSES && rows.every(({ held }) => Number(held) <= share);
}

/** What the database was asked so far by anybody, BEGIN and COMMIT among it, and what it committed. */
async function askedOf(database: pg.Client): Promise<{ statements: number; commits: number }> {
  const { rows } = await database.query<{ statements: string; commits: string }>(
    `select (select sum(calls) from pg_stat_statements where dbid = d.datid) as statements, xact_commit as commits
     from pg_stat_database d where datname = current_database()`,
  );
  return { statements: Number(rows[0]?.statements), commits: Number(rows[0]?.commits) };
}

/** Throws unless each death is on record once and no other kill is, and the incident of each was announced once. */
async function expectAllToldOnce(url: string, workspace: LocalWorkspace, deaths: readonly Death[]): Promise<void> {
  const store = await openStore(url, { readOnly: true });
  try {
    const pids = new Set(deaths.map(({ pid }) => pid));
    const untilMs = Date.now() + TOLD_MAX_MS;
    for (;;) {
      const kills = await store.kills({ hosts: null, sinceMs: null, untilMs: null, service: null, limit: 100_000 });
      const faults: string[] = [];
      const told = timesTold(workspace, '#oom');
      for (const { pid, host } of deaths) {
        const its = kills.filter(({ record }) => record.pid === pid);
        if (its.length !== 1 || its[0]?.host !== host)
          faults.push(`${pid} on ${host} is on record ${its.length} times`);
      }
      const more = kills.filter(({ record }) => !pids.has(record.pid ?? -1));
      if (more.length > 0) faults.push(`${more.length} kills on record that were none`);
      const incidents = new Map<string, number>();
      for (const host of new Set(deaths.map((death) => death.host)))
        for (const incident of await store.incidents(host, 1_000)) incidents.set(incident.id, incident.killCount);
      if (sum([...incidents.values()]) !== deaths.length)
        faults.push(`incidents count ${sum([...incidents.values()])} of ${deaths.length} kills`);
      for (const id of incidents.keys())
        if (told.get(id) !== 1) faults.push(`incident ${id} was announced ${told.get(id) ?? 0} times`);
      if (faults.length === 0) return;
      if (Date.now() > untilMs) throw new Error(faults.join('; '));
      await sleep(2_000);
    }
  } finally {
    await store.close();
  }
}

/** Warnings and errors of the log by their sentence, the most frequent first. */
function troublesOf(bots: readonly Bot[]): string[] {
  const counts = new Map<string, number>();
  for (const line of bots.flatMap((bot) => bot.logged())) {
    let said = line;
    try {
      said = (JSON.parse(line) as { msg: string }).msg;
    } catch {
      // Not of its log: it is said as it is.
    }
    counts.set(said, (counts.get(said) ?? 0) + 1);
  }
  return [...counts].toSorted(([, a], [, b]) => b - a).map(([said, count]) => `${count} × ${said.slice(0, 200)}`);
}

/** Of all processors together. */
function machineSeconds(): { busy: number; all: number } {
  const ticks = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').split(/\s+/).slice(1, 9).map(Number);
  return { busy: sum(ticks) - (ticks[3] ?? 0) - (ticks[4] ?? 0), all: sum(ticks) };
}

async function eventually<T>(look: () => T | false | Promise<T | false>, what: string, maxMs: number): Promise<T> {
  for (const untilMs = Date.now() + maxMs; Date.now() < untilMs; await sleep(200)) {
    const seen = await look();
    if (seen !== false) return seen;
  }
  throw new Error(`${what} did not come within ${maxMs / 1_000} s`);
}

function numbers(text: string): number[] {
  return text.split(',').map(Number);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, one) => total + one, 0);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function say(text: string): void {
  console.log(text);
}
