// A kill's way to Slack beside the raw line's way over SSH, in one run: real sshd, hosts enough that no channel has a storm, the bot as a
// process of its own. The stand-in of Slack notes when a request arrives, a bare ssh when the line does. One kernel cannot be 24 hosts:
// each sshd's `cat /dev/kmsg` follows a file of its own, into which real reports are written.
import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { keepBotUp } from '../support/bot-process.ts';
import { has } from '../support/needs.ts';
import { freePort, openSshd, type Sshd } from '../support/sshd.ts';
import { eventually, openWorkspaceOfManifest } from '../support/whole-bot.ts';
import { openFloor, spread } from './figures.ts';

export const name = 'told';

const KILLS = Number(process.env['OOMBOT_BENCH_TOLD_KILLS'] ?? 200);
/** Each with a channel of its own, in which a kill is announced every 24 s. */
const HOSTS = 24;
const BETWEEN_KILLS_MS = 1_000;
const FIRST_PID = 5_000_000;
const REPORT = readFileSync(path.join(import.meta.dirname, '../corpus/own/d12-unit-java.kernlog-iso.log'), 'utf8');
const [, REPORT_PID = '', REPORT_NAME = ''] = /Killed process (\d+) \((\S+)\)/.exec(REPORT) ?? [];

export async function run(): Promise<void> {
  if (!has('sshd')) return say('skipped: it needs root and sshd');
  for (const place of [tmpdir(), '/dev/shm']) await benchTold(place);
}

/** `place`: where the record is. */
async function benchTold(place: string): Promise<void> {
  const dir = mkdtempSync(path.join(place, 'oombot-bench-'));
  const hosts: Host[] = [];
  for (let at = 0; at < HOSTS; at += 1) hosts.push(await openHost(dir, `host-${at}`));
  const workspace = await openWorkspaceOfManifest({ channels: ['#oom', ...hosts.map(({ host }) => `#${host}`)] });
  const port = await freePort();
  const configFile = path.join(dir, 'oombot.yaml');
  const yaml = [
    `http: 127.0.0.1:${port}`,
    'digest: { at: off }',
    'hosts:',
    ...hosts.flatMap(({ host, sshd }) => [
      `  - { name: ${host}, address: 127.0.0.1, port: ${sshd.port}, user: root, channel: "#${host}",`,
      `      identityFile: ${sshd.identityFile}, knownHosts: ${sshd.knownHostsFile} }`,
    ]),
  ];
  writeFileSync(configFile, `${yaml.join('\n')}\n`);
  const bot = keepBotUp({ configFile, port, database: `sqlite:${dir}/oombot.db`, workspace });
  const bare = followBare(hosts);
  const arrivedAtMs = new Map<number, number>();
  bare.stdout?.on('data', (chunk: Buffer) => {
    for (const [, pid] of chunk.toString('latin1').matchAll(/Killed process (\d+)/g))
      arrivedAtMs.set(Number(pid), Date.now());
  });
  try {
    await eventually(
      async () => (await bot.health())?.hosts.filter(({ state }) => state === 'watching').length === HOSTS,
      'a watch on every host',
      120_000,
    );
    await sleep(10_000);
    const floor = openFloor(dir);
    const commits: number[] = [];
    const pids: number[] = [];
    for (let at = 0; at < KILLS; at += 1) {
      const nextMs = Date.now() + BETWEEN_KILLS_MS;
      const pid = FIRST_PID + at;
      pids.push(pid);
      hosts[at % HOSTS]?.write(reportOf(pid, `app-${at}`));
      await sleep(BETWEEN_KILLS_MS / 2);
      commits.push(floor.commitMs());
      await sleep(Math.max(0, nextMs - Date.now()));
    }
    await sleep(5_000);
    const posts = workspace.calls().filter(({ method }) => method === 'chat.postMessage');
    const over = pids.map((pid, at) => {
      const name = new RegExp(`app-${at}\\b`);
      const asked = posts.find(({ args }) => name.test(JSON.stringify(args)))?.atMs;
      return (asked ?? Number.NaN) - (arrivedAtMs.get(pid) ?? Number.NaN);
    });
    const told = over.filter((one) => !Number.isNaN(one));
    if (told.length < KILLS) process.exitCode = 1;
    say(`record in ${place}; one commit of as much by bare SQLite, between the kills: ${spread(commits)}`);
    say(
      `raw line over SSH to HTTP request at Slack, real sshd, ${told.length} of ${KILLS} kills, one a second on ${HOSTS} hosts: ${spread(told)} (goal p50 2 ms, p99 two such commits)`,
    );
  } finally {
    bare.kill();
    await bot.close();
    await workspace.close();
    for (const { sshd } of hosts) await sshd.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Host {
  host: string;
  sshd: Sshd;
  file: string;
  /** Lines of the kernel, all at once. */
  write: (texts: readonly string[]) => void;
}

async function openHost(dir: string, host: string): Promise<Host> {
  const file = path.join(dir, `${host}.kmsg`);
  const bin = path.join(dir, `${host}-bin`);
  mkdirSync(bin);
  const shim = `#!/bin/sh\n[ "$1" = /dev/kmsg ] && exec tail -n +1 -f ${file}\nexec /bin/cat "$@"\n`;
  writeFileSync(path.join(bin, 'cat'), shim, { mode: 0o755 });
  let seq = 0;
  function write(texts: readonly string[]): void {
    const usec = Math.round(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1e6);
    appendFileSync(file, texts.map((text, at) => `4,${(seq += 1)},${usec + at},-;${text}\n`).join(''));
  }
  write(['Linux version']);
  return { host, sshd: await openSshd({ env: { PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin` } }), file, write };
}

/** The same lines by the program ssh, from all hosts through the sshd of one. */
function followBare(hosts: readonly Host[]): ChildProcess {
  const [{ sshd }] = hosts as [Host];
  const { port, identityFile, knownHostsFile } = sshd;
  const options = [
    '-F',
    '/dev/null',
    '-p',
    String(port),
    '-i',
    identityFile,
    '-o',
    `UserKnownHostsFile=${knownHostsFile}`,
  ];
  const follow = `exec tail -q -n 0 -f ${hosts.map(({ file }) => file).join(' ')}`;
  return spawn('ssh', [...options, '-o', 'BatchMode=yes', 'root@127.0.0.1', follow], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

/** The texts of a report, of another process of another unit. */
function reportOf(pid: number, victim: string): string[] {
  return REPORT.replaceAll(new RegExp(`\\b${REPORT_PID}\\b`, 'g'), String(pid))
    .replaceAll('app-web.service', `${victim}.service`)
    .replaceAll(REPORT_NAME, victim)
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^.*? kernel: \[ *[\d.]+\] /, ''));
}

function say(text: string): void {
  console.log(`  ${text}`);
}
