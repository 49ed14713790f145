// What people wait for: a kill's way to Slack beside the raw line's way over SSH in the same run, acknowledgements while 200 hosts
// talk, and answers. Slack is the local workspace in this process, reached over HTTP and Socket Mode.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { canKill } from '../support/kernel-kill.ts';
import { openKillGroup } from '../support/kill-group.ts';
import { canRunSshd, openSshd, type Sshd } from '../support/sshd.ts';
import { eventually, openWholeBot, type WholeBot } from '../support/whole-bot.ts';

export const name = 'slack';

const KILLS = Number(process.env['OOMBOT_BENCH_SLACK_KILLS'] ?? 30);
const ASKS = Number(process.env['OOMBOT_BENCH_ASKS'] ?? 200);
const BUSY_HOSTS = Number(process.env['OOMBOT_BENCH_BUSY_HOSTS'] ?? 200);
const LINES_PER_S = 10;
const KILL_EVERY_S = 20;
const PROCESSES = 1_000;
// Three messages in ten seconds are the most of a channel: a kill that had to wait for its turn would measure that.
const BETWEEN_KILLS_MS = 3_500;

export async function run(): Promise<void> {
  if (!canRunSshd || !canKill) return say('skipped: it needs root, sshd and a memory cgroup of v1');
  const sshd = await openSshd();
  const bot = await openWholeBot({
    channels: ['#oom', '#asks'],
    yaml: yamlOf(sshd, ['here']),
    prepare: async (store) => {
      // What died on this machine before is no news: it would make a storm of the first kills.
      const since = [{ source: 'watched-since', value: String(Date.now() + 10 * 60_000) }];
      await store.saveBatch({ host: 'here', kills: [], positions: since }, () => ({
        incidents: [],
        placed: {},
        deliveries: [],
      }));
    },
  });
  try {
    await watched(bot, ['here']);
    await benchKills(bot, sshd);
    await benchAnswers(bot);
  } finally {
    await bot.close();
    await sshd.close();
  }
  await benchBusy();
}

function yamlOf({ port, identityFile, knownHostsFile }: Sshd, names: readonly string[]): string {
  const hosts = names.map((host) => `  - { name: ${host}, address: 127.0.0.1, port: ${port}, user: root }`);
  return ['ssh:', `  identityFile: ${identityFile}`, `  knownHosts: ${knownHostsFile}`, 'hosts:', ...hosts, ''].join(
    '\n',
  );
}

async function watched({ running }: WholeBot, names: readonly string[]): Promise<void> {
  await eventually(
    () => names.every((host) => running.fleet.watchState(host)?.kind === 'watching'),
    'a watch on every host',
    180_000,
  );
}

/** Each kill is made an incident of its own: what is open is closed before. */
async function benchKills({ running, workspace }: WholeBot, sshd: Sshd): Promise<void> {
  const raw = new Map<number, number>();
  const bare = spawn(
    'ssh',
    ['-p', String(sshd.port), '-i', sshd.identityFile, '-o', `UserKnownHostsFile=${sshd.knownHostsFile}`].concat([
      '-o',
      'BatchMode=yes',
      'root@127.0.0.1',
      'exec dmesg --follow-new',
    ]),
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  bare.stdout.on('data', (chunk: Buffer) => {
    for (const [, pid] of chunk.toString('latin1').matchAll(/Killed process (\d+)/g)) raw.set(Number(pid), Date.now());
  });
  const group = openKillGroup();
  await sleep(3_000);
  const over: number[] = [];
  // A kill that joined a storm of others on this machine has no message of its own: it is left out.
  for (let tries = 0; over.length < KILLS && tries < 2 * KILLS; tries += 1) {
    for (const incident of await running.store.openIncidents('here'))
      await running.store.updateIncident({ ...incident, closedAtMs: Date.now() }, []);
    const before = workspace.calls().length;
    const pid = await group.kill();
    await sleep(BETWEEN_KILLS_MS);
    const asked = workspace
      .calls()
      .slice(before)
      .find(({ args }) => JSON.stringify(args)?.includes(`pid ${pid}`));
    const arrivedAtMs = raw.get(pid);
    if (asked?.method === 'chat.postMessage' && arrivedAtMs !== undefined) over.push(asked.atMs - arrivedAtMs);
  }
  bare.kill();
  await group.close();
  say(
    `raw line over SSH to HTTP request at Slack, ${over.length} real kills: p50 ${ms(quantile(over, 0.5))}, p99 ${ms(quantile(over, 0.99))}`,
  );
}

async function benchAnswers({ workspace }: WholeBot): Promise<void> {
  const last = await timesOf(workspace, '/oom last here', ASKS);
  say(`/oom last, answer, ${last.length} times: ${spread(last)} (goal p99 300 ms)`);
  const crowd = spawn('sh', ['-c', `for i in $(seq ${PROCESSES}); do sleep 600 & done; echo there; wait`], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(crowd.stdout, 'data');
  try {
    const scores = await timesOf(workspace, '/oom scores here', 20);
    say(`/oom scores beside ${PROCESSES} more processes, 20 times: ${spread(scores)} (goal 1 s)`);
  } finally {
    endGroup(crowd);
  }
}

/** How long one question after the other takes from the command to the private answer. */
async function timesOf(workspace: WholeBot['workspace'], command: string, count: number): Promise<number[]> {
  const person = workspace.as('Ana');
  const times: number[] = [];
  for (let at = 0; at < count; at += 1) {
    const before = person.privateAnswers('#asks').length;
    const startMs = performance.now();
    await person.command('#asks', command);
    await workspace.until(() => person.privateAnswers('#asks').length > before, 30_000);
    times.push(performance.now() - startMs);
    // As people do; a scan that is younger would be shared.
    await sleep(20);
  }
  return times;
}

async function benchBusy(): Promise<void> {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-bench-'));
  const file = path.join(import.meta.dirname, 'busy-hosts.ts');
  const hosts = spawn(process.execPath, ['--no-warnings', file, String(LINES_PER_S), String(KILL_EVERY_S)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: hosts.stdout }), 'line')) as [string];
  const { port, publicKey } = JSON.parse(line) as { port: number; publicKey: string };
  const knownHosts = path.join(dir, 'known_hosts');
  writeFileSync(knownHosts, `[127.0.0.1]:${port} ${publicKey}\n`);
  const sshd = await openSshd(); // for its key
  const names = Array.from({ length: BUSY_HOSTS }, (_, at) => `host-${at}`);
  const yaml = [
    'ssh:',
    `  identityFile: ${sshd.identityFile}`,
    `  knownHosts: ${knownHosts}`,
    'hosts:',
    ...names.map((host, at) => `  - { name: ${host}, address: 127.0.0.1, port: ${port}, user: user-${at} }`),
    '',
  ].join('\n');
  const bot = await openWholeBot({ channels: ['#oom', '#asks'], yaml });
  try {
    await watched(bot, names);
    await sleep(5_000);
    const person = bot.workspace.as('Ana');
    const acks: number[] = [];
    for (let at = 0; at < ASKS; at += 1) {
      const startMs = performance.now();
      const outcome = await person.command('#asks', '/oom last host-1');
      if (outcome.ok) acks.push(performance.now() - startMs);
      await sleep(50);
    }
    const load = `${BUSY_HOSTS} hosts with ${LINES_PER_S} lines a second and a kill every ${KILL_EVERY_S} s each`;
    say(`acknowledged ${acks.length} of ${ASKS} beside ${load}: ${spread(acks)} (goal p99 300 ms)`);
  } finally {
    hosts.kill('SIGKILL');
    await bot.close();
    await sshd.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

function endGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, 'SIGKILL');
}

function spread(times: readonly number[]): string {
  return `p50 ${ms(quantile(times, 0.5))}, p99 ${ms(quantile(times, 0.99))}`;
}

function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

function say(text: string): void {
  console.log(`  ${text}`);
}
