// What noting memory costs: a host's CPU and bytes for each look, over a real sshd, beside the light scan; the bot's CPU; the record.
import { ownHelper } from '../../src/setup/setup-script.ts';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { largestServices } from '../../src/incident/growth.ts';
import { serviceOfProcess } from '../../src/incident/service.ts';
import { parseMemorySample } from '../../src/oom/proc/memory-sample.ts';
import { openHostLink } from '../../src/ssh/host-link.ts';
import { openSsh } from '../../src/ssh/open-ssh.ts';
import { openStore } from '../../src/store/store.ts';
import { realClock } from '../support/real-clock.ts';
import { openSshd } from '../support/sshd.ts';
import { has } from '../support/needs.ts';

export const name = 'samples';

const LOOKS = Number(process.env['OOMBOT_BENCH_LOOKS'] ?? 100);
const TICK_MS = 10;

export async function run(): Promise<void> {
  if (!has('sshd')) return console.log('  skipped: it needs root and sshd');
  const sshd = await openSshd();
  const wire = await countBytes(sshd.port);
  const ssh = openSsh({ clock: realClock, random: Math.random, passphrase: null, agentSocket: null });
  const target = sshd.target();
  const key = readFileSync(sshd.knownHostsFile, 'utf8').replaceAll(`:${sshd.port}`, `:${wire.port}`);
  writeFileSync(path.join(sshd.dir, 'known_by_proxy'), key);
  const connection = ssh.connect({
    ...target,
    port: wire.port,
    knownHosts: [path.join(sshd.dir, 'known_by_proxy')],
  });
  const link = openHostLink('bench', connection, { logFiles: null, clock: realClock, ownHelper });
  await link.whenConnected(AbortSignal.timeout(20_000));
  const listener = Number(readFileSync(path.join(sshd.dir, 'pid'), 'utf8'));
  console.log(`  ${readdirSync('/proc').filter((one) => /^\d+$/.test(one)).length} processes, ${LOOKS} looks each`);

  async function measure(look: () => Promise<unknown>): Promise<{ hostMs: number; bytes: number; botMs: number }> {
    for (let warm = 0; warm < 3; warm += 1) await look();
    const before = { hostMs: cpuOfSessions(listener), bytes: wire.bytes(), bot: process.cpuUsage() };
    for (let count = 0; count < LOOKS; count += 1) await look();
    const bot = process.cpuUsage(before.bot);
    return {
      hostMs: (cpuOfSessions(listener) - before.hostMs) / LOOKS,
      bytes: (wire.bytes() - before.bytes) / LOOKS,
      botMs: (bot.user + bot.system) / 1_000 / LOOKS,
    };
  }

  // What the account's own shell does before anything is run: on some machines its start files are the larger part.
  const shell = await measure(() => connection.exec('true', { stdin: '', timeoutMs: 20_000, maxBytes: 1_000 }));
  console.log(`  the login shell alone: ${shell.hostMs.toFixed(1)} ms of CPU, ${Math.round(shell.bytes)} bytes`);
  let text = '';
  for (const which of ['sample', 'light'] as const) {
    const { hostMs, bytes, botMs } = await measure(async () => (text = (await link.scan(which)) ?? text));
    const perHour = which === 'sample' ? 60 : 12;
    const ownMs = hostMs - shell.hostMs;
    console.log(
      `  ${which}: ${ownMs.toFixed(1)} ms of the host’s CPU beside that, ${Math.round(bytes)} bytes over the wire, ${botMs.toFixed(1)} ms of the bot’s;` +
        ` ${perHour} an hour: ${(ownMs * perHour).toFixed(0)} ms and ${Math.round((bytes * perHour) / 1_024)} KiB a host-hour`,
    );
    if (which === 'sample') await recordSize(text);
  }
  await connection.close();
  await ssh.close();
  await wire.close();
  await sshd.close();
}

/** How much a host's samples take in SQLite: three hours of every minute, then one in ten for a day. */
async function recordSize(text: string): Promise<void> {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-bench-'));
  const file = path.join(dir, 'samples.db');
  const seen = parseMemorySample(text);
  if (seen === null) throw new Error(`no sample: ${text.slice(0, 300)}`);
  const { rows, ...memory } = seen;
  const services = largestServices(rows.map((row) => ({ service: serviceOfProcess(row), sizeKiB: row.sizeKiB })));
  const count = 180 + 138;
  const store = await openStore(`sqlite:${file}`);
  const startMs = performance.now();
  for (let at = 0; at < count; at += 1)
    await store.saveSamples([{ ...memory, host: 'bench', atMs: at, services, isLasting: true }]);
  const tookMs = performance.now() - startMs;
  await store.close();
  const empty = await openStore(`sqlite:${path.join(dir, 'empty.db')}`);
  await empty.close();
  const size = statSync(file).size - statSync(path.join(dir, 'empty.db')).size;
  console.log(
    `  record: ${Math.round(size / 1_024)} KiB for the ${count} samples that a host has at most in quiet times, ${(tookMs / count).toFixed(1)} ms to save one`,
  );
  rmSync(dir, { recursive: true });
}

/** User and system time of an sshd's sessions and of all that ended in them. */
function cpuOfSessions(listener: number): number {
  const parents = new Map<number, number>();
  const ticks = new Map<number, number>();
  for (const entry of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      parents.set(Number(entry), Number(fields[1]));
      ticks.set(
        Number(entry),
        fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0),
      );
    } catch {
      // It ended.
    }
  }
  let sum = 0;
  for (const [pid, used] of ticks) {
    let at = pid;
    while (at > 1 && at !== listener) at = parents.get(at) ?? 0;
    if (at === listener && pid !== listener) sum += used;
  }
  return sum * TICK_MS;
}

async function countBytes(toPort: number): Promise<{ port: number; bytes: () => number; close: () => Promise<void> }> {
  let bytes = 0;
  const server = createServer((client) => {
    const upstream = connect(toPort, '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('data', (chunk: Buffer) => (bytes += chunk.length));
      from.on('error', () => to.destroy());
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    bytes: () => bytes,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
