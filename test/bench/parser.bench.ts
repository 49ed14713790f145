// How fast logs are read: reports densely packed, and a gigabyte of syslog in which they are few, beside grep in the same run.
// Other work on the machine disturbs: times are CPU times where they can be had, the best of several runs, and ratios.
import { spawnSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openLogParser } from '../../src/oom/report/log-parser.ts';
import { openLogScanner, SCAN_BUFFER } from '../../src/oom/report/scan-log.ts';

export const name = 'parser: reading logs';

const CORPUS = path.join(import.meta.dirname, '../corpus/own');
const CLI = path.join(import.meta.dirname, '../../src/cli.ts');
const DENSE_BYTES = 24_000_000;
const SYSLOG_BYTES = 2 ** 30;
const SYSLOG_REPORTS = 100;
const ROUNDS = 5;
const PATTERN = 'oom|Out of memory|Killed process';

export async function run(): Promise<void> {
  readDense();
  const directory = mkdtempSync(path.join(tmpdir(), 'oombot-bench-'));
  try {
    await readSyslog(path.join(directory, 'syslog'));
  } finally {
    rmSync(directory, { recursive: true });
  }
  startUp();
}

function readDense(): void {
  console.log('  reports and nothing else, read in full (one core, best of 5, CPU time)');
  for (const form of ['dmesg', 'kernlog-rfc3164', 'kernlog-iso', 'kmsg', 'journal-k-json', 'journal-k-short']) {
    const log = denseLog(form);
    let best = Infinity;
    let kills = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = process.cpuUsage();
      kills = countKills(log);
      const { user, system } = process.cpuUsage(before);
      best = Math.min(best, (user + system) / 1e6);
    }
    const megabytes = (log.length / 1e6 / best).toFixed(0).padStart(5);
    const perSecond = (kills / best).toFixed(0).padStart(6);
    const kiB = (log.length / kills / 1024).toFixed(1).padStart(5);
    console.log(`  ${form.padEnd(18)}${megabytes} MB/s ${perSecond} kills/s  (${kiB} KiB of log a kill)`);
  }
}

function countKills(log: Buffer): number {
  let kills = 0;
  const parser = openLogParser({ lastWordOnly: true });
  const scanner = openLogScanner({
    parser,
    buffer: Buffer.allocUnsafe(SCAN_BUFFER),
    found: (events) => (kills += events.filter(({ record }) => record.outcome === 'killed').length),
    readWholeBytes: Infinity,
  });
  for (let at = 0; at < log.length; at += 2 ** 18) scanner.push(log.subarray(at, at + 2 ** 18));
  scanner.end();
  return kills;
}

/** The corpus' scenarios in one form, again and again, each time with later stamps and other pids. */
function denseLog(form: string): Buffer {
  const scenarios = ['d12-global-mysqld', 'd12-unit-java', 'd12v1-memcg', 'd13-unit', 'k72-names']
    .map((scenario) => path.join(CORPUS, `${scenario}.${form}.log`))
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'latin1'));
  const parts: string[] = [];
  for (let length = 0, round = 0; length < DENSE_BYTES; round += 1) {
    for (const scenario of scenarios) {
      const part = shift(scenario, round);
      parts.push(part);
      length += part.length;
    }
  }
  return Buffer.from(parts.join(''), 'latin1');
}

function shift(log: string, round: number): string {
  return log
    .replace(
      /\[ *(\d+)\.(\d{6})\]/g,
      (_, seconds: string, us: string) => `[${String(Number(seconds) + round * 1000).padStart(5)}.${us}]`,
    )
    .replace(
      /^(\d+),(\d+),(\d+),/gm,
      (_, prio: string, sequence: string, us: string) => `${prio},${sequence},${Number(us) + round * 1e9},`,
    )
    .replace(
      /(_SOURCE_MONOTONIC_TIMESTAMP":")(\d+)/g,
      (_, key: string, us: string) => `${key}${Number(us) + round * 1e9}`,
    )
    .replace(/(?<=(?:Killed process |reaped process |,pid=|\[ *))(\d+)(?= \(|,uid|\])/g, (pid) =>
      String(Number(pid) + round * 10),
    );
}

async function readSyslog(file: string): Promise<void> {
  console.log(
    `  ${SYSLOG_BYTES / 2 ** 20} MiB of syslog with ${SYSLOG_REPORTS} reports (whole process, wall time, best of 3, in turns)`,
  );
  writeSyslog(file);
  let grep = Infinity;
  let oombot = Infinity;
  let peakMiB = 0;
  let kills = 0;
  for (let round = 0; round < 3; round += 1) {
    grep = Math.min(
      grep,
      timed(() => spawnSync('grep', ['-c', '-E', PATTERN, file], { env: { LC_ALL: 'C' } })),
    );
    const start = process.hrtime.bigint();
    const result = await runCli(['parse', '--json', file]);
    oombot = Math.min(oombot, Number(process.hrtime.bigint() - start) / 1e6);
    kills = result.lines;
    peakMiB = Math.max(peakMiB, result.peakMiB);
  }
  console.log(`  grep -c -E '${PATTERN}'   ${grep.toFixed(0)} ms`);
  console.log(
    `  oombot parse --json   ${oombot.toFixed(0)} ms, ${(oombot / grep).toFixed(2)} × grep; ${kills} kills; peak ${peakMiB.toFixed(0)} MiB`,
  );
}

function timed(act: () => unknown): number {
  const start = process.hrtime.bigint();
  act();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

/** Runs the command line; its peak is what the kernel counted (VmHWM), read while it runs. */
async function runCli(args: string[]): Promise<{ lines: number; peakMiB: number }> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let lines = 0;
  let peakMiB = 0;
  const watch = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'latin1');
      peakMiB = Math.max(peakMiB, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
    } catch {
      // it has ended
    }
  }, 20);
  child.stdout.on('data', (chunk: Buffer) => (lines += chunk.toString('latin1').split('\n').length - 1));
  await new Promise((resolve) => child.on('close', resolve));
  clearInterval(watch);
  return { lines, peakMiB };
}

const PROGRAMS: [string, string][] = [
  ['sshd[4711]', 'Accepted publickey for deploy from 10.2.3.4 port 51234 ssh2: ED25519 SHA256:abcdefghijk'],
  ['CRON[815]', '(root) CMD (   cd / && run-parts --report /etc/cron.hourly)'],
  ['systemd[1]', 'Started session-1234.scope - Session 1234 of User root.'],
  ['systemd[1]', 'Starting apt-daily.service - Daily apt download activities...'],
  ['sudo', 'pam_unix(sudo:session): session opened for user root(uid=0) by deploy(uid=1000)'],
  [
    'kernel',
    '[UFW BLOCK] IN=eth0 OUT= MAC=00:11:22:33:44:55:66:77:88:99:aa:bb:08:00 SRC=192.0.2.7 DST=198.51.100.9 LEN=40 TTL=246 PROTO=TCP SPT=44351 DPT=23 SYN',
  ],
  [
    'dockerd[900]',
    'time="2026-11-22T10:00:00.000000000Z" level=info msg="ignoring event" container=4f2c namespace=moby topic=/tasks/delete',
  ],
  ['postfix/smtpd[77]', 'connect from unknown[203.0.113.5]'],
  ['dhclient[60]', 'DHCPACK of 10.0.2.15 from 10.0.2.2'],
  ['NetworkManager[50]', '<info>  [1700000000.1234] dhcp4 (eth0): state changed new lease, address=10.0.2.15'],
];

function writeSyslog(file: string): void {
  const report = readFileSync(path.join(CORPUS, 'd12-global-mysqld.kernlog-rfc3164.log'), 'latin1');
  const blocks = Array.from({ length: 16 }, (_, block) => {
    let text = '';
    for (let line = block; text.length < 2 ** 20; line = (line * 7 + 3) % 99_991) {
      const [program, message] = PROGRAMS[line % PROGRAMS.length] ?? ['', ''];
      text += `Nov 22 ${String(line % 24).padStart(2, '0')}:${String(line % 60).padStart(2, '0')}:13 db01 ${program}: ${message}\n`;
    }
    return Buffer.from(text, 'latin1');
  });
  const handle = openSync(file, 'w');
  for (let written = 0, reports = 0, at = 0; written < SYSLOG_BYTES; at += 1) {
    written += writeSync(handle, blocks[at % blocks.length] ?? Buffer.alloc(0));
    for (; reports < (written / SYSLOG_BYTES) * SYSLOG_REPORTS && reports < SYSLOG_REPORTS; reports += 1)
      written += writeSync(handle, Buffer.from(shift(report, reports), 'latin1'));
  }
  closeSync(handle);
}

function startUp(): void {
  const small = path.join(CORPUS, 'd12-unit-java.dmesg.log');
  const times = Array.from({ length: 10 }, () => timed(() => spawnSync(process.execPath, [CLI, 'parse', small])));
  const bare = Array.from({ length: 10 }, () => timed(() => spawnSync(process.execPath, ['-e', '0'])));
  console.log(
    `  oombot parse of one small file: ${Math.min(...times).toFixed(0)} ms, best of 10 (node alone: ${Math.min(...bare).toFixed(0)} ms)`,
  );
}
