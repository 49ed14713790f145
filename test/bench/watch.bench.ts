// Watching beside its floor, in one run: how much later than the raw line a kill is on record, and what many quiet hosts cost
// beside a bare ssh2 client and beside one OpenSSH client process for each.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openKillGroup } from '../support/kill-group.ts';
import { makeKey, openSshd } from '../support/sshd.ts';
import { has } from '../support/needs.ts';
import { openFloor, spread } from './figures.ts';
import { cpuSeconds, NODE_OPTIONS, rssMiB, START_ENV } from './process-cost.ts';

export const name = 'watch';

const HERE = import.meta.dirname;
const KILLS = Number(process.env['OOMBOT_BENCH_KILLS'] ?? 200);
/** Whole rounds of the keep-alives, which go out together every 15 s: less would count one round or two by chance. */
const IDLE_S = Number(process.env['OOMBOT_BENCH_IDLE_S'] ?? 30);
const SETTLE_S = Number(process.env['OOMBOT_BENCH_SETTLE_S'] ?? 45); // the first look at each host's counter is past
const SIZES = (process.env['OOMBOT_BENCH_SIZES'] ?? '200,500,1000')
  .split(',')
  .map(Number)
  .filter((size) => size > 0);
const OPENSSH_CLIENTS = 20;
const KMSG = `sh -c 'echo "#kmsg 1 - 0 0"; exec cat /dev/kmsg'`;

export async function run(): Promise<void> {
  if (!has('sshd')) return say('skipped: it needs root and sshd');
  if (KILLS === 0) say('latency: skipped, no kills are wanted');
  else if (has('kills')) for (const place of [tmpdir(), '/dev/shm']) await benchLatency(place);
  else say('latency: skipped, it needs a memory cgroup of v1');
  for (const size of SIZES) await benchStreams(size);
}

interface Child {
  process: ChildProcess;
  lines: string[];
  until: (start: string, timeoutMs?: number) => Promise<string>;
  end: () => Promise<void>;
}

/** `compiled`: a folder of compiled modules, as `oombot run` keeps one from its first start on. */
function child(file: string, args: string[], compiled: string | null = null): Child {
  const isBot = file === 'fleet-client.ts';
  const options = isBot ? NODE_OPTIONS : [];
  const started = spawn(process.execPath, ['--no-warnings', ...options, path.join(HERE, file), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      ...(isBot ? START_ENV : {}),
      ...(compiled === null ? {} : { NODE_COMPILE_CACHE: compiled }),
    },
  });
  const lines: string[] = [];
  let rest = '';
  started.stdout.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  return {
    process: started,
    lines,
    until: async (start, timeoutMs = 120_000) => {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        const found = lines.find((line) => line.startsWith(start));
        if (found !== undefined) return found;
        if (started.exitCode !== null || Date.now() > deadline) throw new Error(`${file} did not say "${start}"`);
        await sleep(10);
      }
    },
    end: () => endOf(started),
  };
}

async function endOf(started: ChildProcess): Promise<void> {
  if (started.exitCode !== null || started.signalCode !== null) return;
  started.kill('SIGKILL');
  await once(started, 'exit');
}

/** `place`: where the record is. */
async function benchLatency(place: string): Promise<void> {
  const dir = mkdtempSync(path.join(place, 'oombot-bench-'));
  const sshd = await openSshd();
  const group = openKillGroup();
  const bare = child('bare-client.ts', [String(sshd.port), sshd.identityFile, '1', KMSG]);
  const fleet = child('fleet-client.ts', ['1', JSON.stringify(sshd.target()), path.join(dir, 'a.db')]);
  try {
    await bare.until('connected');
    await fleet.until('connected');
    await sleep(2_000);
    const pids: number[] = [];
    const floor = openFloor(dir);
    const commits: number[] = [];
    for (let at = 0; at < KILLS; at += 1) {
      pids.push(await group.kill());
      await sleep(50);
      commits.push(floor.commitMs());
      // Beyond ten in five seconds the kernel leaves its reports out.
      await sleep(at % 2 === 0 ? 150 : 600);
    }
    await sleep(1_000);
    const over = pids.map((pid) => momentOf(fleet.lines, pid) - momentOf(bare.lines, pid));
    say(`record in ${place}; one commit of as much by bare SQLite, between the kills: ${spread(commits)}`);
    say(`kill to record over the raw line, real sshd, ${over.length} kills: ${spread(over)} (goal 3 ms, 20 ms)`);
  } finally {
    await Promise.all([bare.end(), fleet.end()]);
    await group.close();
    await sshd.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

function momentOf(lines: string[], pid: number): number {
  const line = lines.findLast((one) => one.startsWith(`kill ${pid} `));
  if (line === undefined) throw new Error(`the death of ${pid} was not seen`);
  return Number(line.split(' ')[2]);
}

async function benchStreams(size: number): Promise<void> {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-bench-'));
  const hosts = child('fake-hosts.ts', []);
  try {
    const { port, publicKey } = JSON.parse(await hosts.until('{')) as { port: number; publicKey: string };
    const identityFile = path.join(dir, 'id');
    const knownHosts = path.join(dir, 'known_hosts');
    makeKey(identityFile, 'ed25519');
    writeFileSync(knownHosts, `[127.0.0.1]:${port} ${publicKey}\n`);
    const base = { address: '127.0.0.1', port, user: 'root', identityFile, knownHosts: [knownHosts] };
    const target = JSON.stringify({ name: 'host', ...base, fingerprints: [], jump: null });

    const compiled = path.join(dir, 'compiled');
    const first = child('fleet-client.ts', ['0', target, path.join(dir, 'first.db')], compiled);
    await first.until('connected');
    await once(first.process, 'exit');
    const [bare, fleet] = await costsOf([
      () => child('bare-client.ts', [String(port), identityFile, String(size), KMSG], compiled),
      () => child('fleet-client.ts', [String(size), target, path.join(dir, 'a.db')], compiled),
    ]);
    if (bare === undefined || fleet === undefined) throw new Error('two clients give two costs');
    const ssh = await costOfOpenSsh(base);
    say(`${size} streams          RSS        idle CPU    connected in   per second`);
    say(`  bare ssh2 client   ${row(bare, size)}`);
    say(`  oombot             ${row(fleet, size)}`);
    say(
      `  ratio              ${ratio(fleet.rssMiB, bare.rssMiB)}      ${ratio(fleet.cpu, bare.cpu)}       (goal 1.6, and 60 s)`,
    );
    say(`  OpenSSH, ${OPENSSH_CLIENTS} scaled  ${((ssh.rssMiB / OPENSSH_CLIENTS) * size).toFixed(0)} MiB`);
  } finally {
    await hosts.end();
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Cost {
  rssMiB: number;
  /** Of one core. */
  cpu: number;
  connectMs: number;
}

/** One connects after the other; then all are measured over the same time, so that a noisy moment of the machine is everybody's. */
async function costsOf(starts: readonly (() => Child)[]): Promise<Cost[]> {
  const clients: Child[] = [];
  try {
    const connectedMs: number[] = [];
    for (const start of starts) {
      const client = start();
      clients.push(client);
      connectedMs.push(Number((await client.until('connected')).split(' ')[1]));
    }
    await sleep(SETTLE_S * 1_000);
    const pids = clients.map((client) => client.process.pid ?? 0);
    const before = pids.map(cpuSeconds);
    await sleep(IDLE_S * 1_000);
    return pids.map((pid, at) => ({
      cpu: (cpuSeconds(pid) - (before[at] ?? 0)) / IDLE_S,
      rssMiB: rssMiB(pid),
      connectMs: connectedMs[at] ?? NaN,
    }));
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

/** Sums of private memory would be fairer to it, but RSS is what is compared above. */
async function costOfOpenSsh(base: {
  port: number;
  identityFile: string;
  knownHosts: string[];
}): Promise<{ rssMiB: number }> {
  const options = ['-F', '/dev/null', '-i', base.identityFile, '-p', String(base.port)];
  const known = ['-o', `UserKnownHostsFile=${base.knownHosts[0] ?? ''}`, '-o', 'BatchMode=yes'];
  const clients = Array.from({ length: OPENSSH_CLIENTS }, () =>
    spawn('ssh', [...options, ...known, 'root@127.0.0.1', KMSG], { stdio: ['pipe', 'ignore', 'ignore'] }),
  );
  await sleep(5_000);
  const sum = clients.reduce((total, one) => total + (one.exitCode === null ? rssMiB(one.pid ?? 0) : NaN), 0);
  await Promise.all(clients.map(endOf));
  return { rssMiB: sum };
}

function row({ rssMiB: mib, cpu, connectMs }: Cost, size: number): string {
  return `${mib.toFixed(0)} MiB    ${(cpu * 100).toFixed(2)} %      ${(connectMs / 1_000).toFixed(1)} s         ${(size / (connectMs / 1_000)).toFixed(0)}`;
}

function ratio(a: number, b: number): string {
  return `${(a / b).toFixed(2)} ×`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
