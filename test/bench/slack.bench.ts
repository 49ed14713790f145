// What people wait for: a kill's way to Slack beside the raw line's way over SSH in the same run, acknowledgements while 200 hosts
// talk, and answers. Slack is the local workspace in this process, reached over HTTP and Socket Mode.
// Each part says how long it may take at most, and ends with what it has by then.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { openKillGroup } from '../support/kill-group.ts';
import { openSshd, type Sshd } from '../support/sshd.ts';
import { eventually, openWholeBot, type WholeBot } from '../support/whole-bot.ts';
import { has } from '../support/needs.ts';
import { spread } from './figures.ts';

export const name = 'slack';

const KILLS = Number(process.env['OOMBOT_BENCH_SLACK_KILLS'] ?? 20);
const ASKS = Number(process.env['OOMBOT_BENCH_ASKS'] ?? 200);
const BUSY_HOSTS = Number(process.env['OOMBOT_BENCH_BUSY_HOSTS'] ?? 200);
const LINES_PER_S = 10;
const KILL_EVERY_S = 20;
const PROCESSES = 1_000;
// Three messages in ten seconds are the most of a channel, and a kill has two, its own and its evidence: one that came too early
// would join the message before.
const BETWEEN_KILLS_MS = 7_000;
/** A kill whose message was not asked for by then has none of its own. */
const ASKED_WITHIN_MS = 5_000;
const KILLS_MAX_S = Math.ceil(KILLS * 9);
const ASKS_MAX_S = 60;
const SCORES_MAX_S = 60;
const CONNECT_MAX_S = 120;

export async function run(): Promise<void> {
  if (!has('kills') || !has('sshd')) return say('skipped: it needs root, sshd and a memory cgroup of v1');
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
    if (KILLS > 0) await benchKills(bot, sshd);
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
    CONNECT_MAX_S * 1_000,
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
  const endMs = begin(`${KILLS} kills, one every ${BETWEEN_KILLS_MS / 1_000} s`, KILLS_MAX_S);
  // A kill that joined a storm of others on this machine has no message of its own: it is left out.
  while (over.length < KILLS && Date.now() < endMs) {
    const nextMs = Date.now() + BETWEEN_KILLS_MS;
    for (const incident of await running.store.openIncidents('here'))
      await running.store.updateIncident({ ...incident, closedAtMs: Date.now() }, []);
    const before = workspace.calls().length;
    const pid = await group.kill();
    const asked = await askedFor(workspace, before, pid);
    const arrivedAtMs = raw.get(pid);
    if (asked?.method === 'chat.postMessage' && arrivedAtMs !== undefined) over.push(asked.atMs - arrivedAtMs);
    await sleep(Math.max(0, nextMs - Date.now()));
  }
  bare.kill();
  await group.close();
  say(`raw line over SSH to HTTP request at Slack, ${over.length} real kills: ${spread(over)}`);
}

/** The first request of the bot that tells of this process. */
async function askedFor(workspace: WholeBot['workspace'], before: number, pid: number) {
  for (const endMs = Date.now() + ASKED_WITHIN_MS; Date.now() < endMs; await sleep(20)) {
    const calls = workspace.calls().slice(before);
    const asked = calls.find(({ args }) => JSON.stringify(args)?.includes(`pid ${pid}`));
    if (asked !== undefined) return asked;
  }
  return undefined;
}

async function benchAnswers({ workspace }: WholeBot): Promise<void> {
  const last = await timesOf(workspace, () => '/oom last here', ASKS, begin(`${ASKS} × /oom last`, ASKS_MAX_S));
  say(`/oom last, answer, ${last.answers.length} times: ${spread(last.answers)} (goal p99 300 ms)`);
  const crowd = spawn('sh', ['-c', `for i in $(seq ${PROCESSES}); do sleep 600 & done; echo there; wait`], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(crowd.stdout, 'data');
  try {
    const scores = await timesOf(workspace, () => '/oom scores here', 20, begin('20 × /oom scores', SCORES_MAX_S));
    say(
      `/oom scores beside ${PROCESSES} more processes, ${scores.answers.length} times: ${spread(scores.answers)} (goal 1 s)`,
    );
  } finally {
    endGroup(crowd);
  }
}

/** How long one question after the other takes from the command to its acknowledgement, and to the private answer. */
async function timesOf(
  workspace: WholeBot['workspace'],
  command: (at: number) => string,
  count: number,
  endMs: number,
): Promise<{ acks: number[]; answers: number[] }> {
  const person = workspace.as('Ana');
  const times = { acks: [] as number[], answers: [] as number[] };
  for (let at = 0; at < count && Date.now() < endMs; at += 1) {
    const before = person.privateAnswers('#asks').length;
    const startMs = performance.now();
    const outcome = await person.command('#asks', command(at));
    if (outcome.ok) times.acks.push(performance.now() - startMs);
    await workspace.until(() => person.privateAnswers('#asks').length > before, 30_000);
    times.answers.push(performance.now() - startMs);
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
    begin(`${BUSY_HOSTS} hosts are connected`, CONNECT_MAX_S);
    await watched(bot, names);
    await sleep(5_000);
    const load = `${BUSY_HOSTS} hosts with ${LINES_PER_S} lines a second and a kill every ${KILL_EVERY_S} s each`;
    const endMs = begin(`${ASKS} × /oom last beside ${load}`, ASKS_MAX_S);
    const { acks, answers } = await timesOf(bot.workspace, (at) => `/oom last host-${at % BUSY_HOSTS}`, ASKS, endMs);
    say(`acknowledged ${acks.length} times beside them: ${spread(acks)} (goal p99 300 ms)`);
    say(`/oom last of one after the other beside them, ${answers.length} times: ${spread(answers)} (goal p99 300 ms)`);
  } finally {
    hosts.kill('SIGKILL');
    await bot.close();
    await sshd.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Says what comes now; gives when it must be over. */
function begin(what: string, maxS: number): number {
  say(`… ${what}; at most ${maxS} s`);
  return Date.now() + maxS * 1_000;
}

function endGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, 'SIGKILL');
}

function say(text: string): void {
  console.log(`  ${text}`);
}
