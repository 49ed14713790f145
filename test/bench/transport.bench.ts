// What a host costs the bot by each transport: memory and CPU of the bot, and of the ssh programs that it started, with two streams a host.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSsh } from '../../src/ssh/open-ssh.ts';
import { has } from '../support/needs.ts';
import { byOpenssh, openSshd, processesWith, realClock, stateOf } from '../support/sshd.ts';

export const name = 'transport';

const HOSTS = Number(process.env['OOMBOT_BENCH_HOSTS'] ?? 20);
const IDLE_MS = 30_000;
const ASKS = 10;

export async function run(): Promise<void> {
  if (!has('sshd') || !has('ssh')) return console.log('  skipped: it needs root, sshd and ssh');
  const sshd = await openSshd();
  const ask = { timeoutMs: 30_000, maxBytes: 1_000 };
  for (const transport of ['ssh2', 'openssh'] as const) {
    const proxyEnvironment = { PATH: process.env['PATH'], OOMBOT_BENCH_SSH: transport };
    const ssh = openSsh({
      clock: realClock,
      random: Math.random,
      passphrase: null,
      agentSocket: null,
      proxyEnvironment,
    });
    const stopping = new AbortController();
    const before = rssMiB();
    const startedAtMs = performance.now();
    // As many connections as targets that differ.
    const connections = Array.from({ length: HOSTS }, (_, at) => {
      const target = { ...sshd.target(), knownHosts: [sshd.knownHostsFile, `/nonexistent/${at}`] };
      return ssh.connect(transport === 'ssh2' ? target : byOpenssh(target));
    });
    await Promise.all(connections.map((one) => stateOf(one, 'connected', 60_000)));
    const connectedMs = performance.now() - startedAtMs;
    for (const one of connections)
      for (const command of ['cat', 'cat -'])
        void one.stream(command, { stdin: '', signal: stopping.signal, onData: () => {} });
    await sleep(5_000);
    global.gc?.();
    const idle = await cpuOver(() => sleep(IDLE_MS), transport);
    const asked = await cpuOver(async () => {
      for (let count = 0; count < ASKS; count++) await Promise.all(connections.map((one) => one.exec('true', ask)));
    }, transport);
    const programs = [...processesWith(`OOMBOT_BENCH_SSH=${transport}`).keys()];
    const programsMiB = programs.reduce((sum, pid) => sum + pssMiB(pid), 0);
    const [own, theirs] = [Math.max(0, rssMiB() - before) / HOSTS, programsMiB / HOSTS];
    console.log(
      `  ${transport}, ${HOSTS} hosts: connected in ${(connectedMs / 1_000).toFixed(1)} s; a host ${own.toFixed(2)} MiB more in the bot and ` +
        `${theirs.toFixed(2)} MiB (PSS) in ${programs.length / HOSTS} programs; idle ${((idle / IDLE_MS / HOSTS) * 100).toFixed(4)} % of a core; ` +
        `a command ${(asked / ASKS / HOSTS).toFixed(1)} ms of CPU`,
    );
    stopping.abort();
    await ssh.close();
  }
  await sshd.close();
}

/** Milliseconds of CPU that the bot took meanwhile, and the programs that it started, those that have ended too. */
async function cpuOver(work: () => Promise<unknown>, transport: string): Promise<number> {
  function now(): number {
    const own = process.cpuUsage();
    const running = [...processesWith(`OOMBOT_BENCH_SSH=${transport}`).keys()].reduce(
      (sum, pid) => sum + ticks(pid, 11),
      0,
    );
    // Those of children that have ended and been waited for.
    return (own.user + own.system) / 1_000 + (running + ticks(process.pid, 13)) * 10;
  }
  const before = now();
  await work();
  return now() - before;
}

/** Two neighbouring fields of /proc/PID/stat: own time in user and kernel mode (11), or that of waited-for children (13). */
function ticks(pid: number, first: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
  return Number(fields[first]) + Number(fields[first + 1]);
}

function rssMiB(): number {
  return process.memoryUsage().rss / 1024 / 1024;
}

function pssMiB(pid: number): number {
  if (!readdirSync('/proc').includes(String(pid))) return 0;
  return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0) / 1024;
}
