import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { scanOfGroup } from '../../src/app/ranking.ts';
import { proveChange } from '../../src/change/proof.ts';
import { PROC_SCAN } from '../../src/oom/proc/proc-scan-script.ts';
import { parseProcScan } from '../../src/oom/proc/proc-scan.ts';
import { needs } from '../support/needs.ts';

const MIB = 1024 * 1024;
const LIMIT_MIB = 64;
const NAME = `oombot-predicted-${process.pid}`;
const GROUP = `/sys/fs/cgroup/memory/${NAME}`;
const ROUNDS = 20;
const APART_PAGES = 320;

// The one that asks for memory has adj 0: what it holds of the group weighs less than the adj of the others.
describe('the proof of a change', needs('kills'), () => {
  it(`names the process that a provoked kill takes, in ${ROUNDS} of ${ROUNDS}`, async () => {
    mkdirSync(GROUP, { recursive: true });
    writeFileSync(path.join(GROUP, 'memory.limit_in_bytes'), String(LIMIT_MIB * MIB));
    const outcomes: { round: number; changed: boolean; predicted: number; died: number }[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const holders = [0, 1, 2].map((at) =>
        aHolder(8 + ((round * 7 + at * 5) % 12), 680 + ((round * 53 + at * 97) % 280)),
      );
      await Promise.all(holders.map((one) => one.filled()));
      const scan = scanHere();
      const before = proveChange(scan, new Map()).before[0]!;
      // Every other kill comes after a change: who would have died is protected, as the card would say.
      const changed = round % 2 === 1;
      const values = new Map<number, number>(changed ? [[before.pid, 100 + (round % 5) * 40]] : []);
      // The kernel keeps counts per processor: what lies closer together than those may be off is set apart.
      const [first, second] = proveChange(scan, values).after!;
      if (first!.points! - second!.points! < APART_PAGES) values.set(first!.pid, first!.oomScoreAdj + 40);
      const predicted = proveChange(scan, values).after![0]!;
      for (const [pid, adj] of values) writeFileSync(`/proc/${pid}/oom_score_adj`, String(adj));

      const dead = Promise.race(holders.map((one) => one.dead));
      const hog = aHolder(roomMiB() + 4, 0);
      const ended = await Promise.race([dead, hog.dead, sleep(20_000).then(() => -1)]);
      const died = ended === -1 ? -1 : await firstKilled([...holders, hog].map((one) => one.pid));

      outcomes.push({ round, changed, predicted: predicted.pid, died });
      if (changed) expect(predicted.pid).not.toBe(before.pid);
      for (const one of [...holders, hog]) one.child.kill('SIGKILL');
      await Promise.all([...holders, hog].map((one) => one.dead));
      // At most ten reports in five seconds are printed; others count on theirs.
      await sleep(550);
    }
    rmdirSync(GROUP);

    expect(outcomes.filter((one) => one.predicted !== one.died)).toEqual([]);
    expect(outcomes).toHaveLength(ROUNDS);
  });
});

interface Holder {
  child: ChildProcess;
  pid: number;
  filled: () => Promise<void>;
  dead: Promise<number>;
}

/** Whom of these the kernel took first, by its log: rarely it takes two at once, and Node tells of their ends in any order. */
async function firstKilled(pids: readonly number[]): Promise<number> {
  for (let tries = 0; tries < 40; tries += 1) {
    const log = spawnSync('dmesg', [], { encoding: 'latin1', maxBuffer: 64 * MIB }).stdout;
    const killed = [...log.matchAll(/Killed process (\d+) \(/g)].map(([, pid]) => Number(pid));
    const first = killed.slice(-20).find((pid) => pids.includes(pid));
    if (first !== undefined) return first;
    await sleep(50);
  }
  return -1;
}

/** A process in the group that holds so much memory and waits. */
function aHolder(sizeMiB: number, adj: number): Holder {
  const script = `echo $$ > ${GROUP}/cgroup.procs; echo ${adj} > /proc/self/oom_score_adj; exec tail`;
  const child = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'] });
  const pid = child.pid ?? 0;
  child.stdin.on('error', () => {});
  child.stdin.write(Buffer.alloc(sizeMiB * MIB));
  return {
    child,
    pid,
    filled: () => untilHolds(pid, sizeMiB * 1024),
    dead: new Promise((resolve) => child.once('exit', () => resolve(pid))),
  };
}

/** Until it has all that was written to it, and its size rests. */
async function untilHolds(pid: number, kiB: number): Promise<void> {
  let before = 0;
  for (let tries = 0; tries < 200; tries += 1) {
    const rss = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    if (rss >= kiB && rss === before) return;
    before = rss;
    await sleep(60);
  }
  throw new Error(`pid ${pid} does not hold ${kiB} KiB`);
}

function roomMiB(): number {
  const used = Number(readFileSync(path.join(GROUP, 'memory.usage_in_bytes'), 'utf8'));
  return Math.ceil((LIMIT_MIB * MIB - used) / MIB);
}

function scanHere() {
  const { stdout } = spawnSync('sh', ['-s'], { input: PROC_SCAN, encoding: 'latin1', maxBuffer: 32 * MIB });
  const scan = parseProcScan(stdout);
  if (scan.kind !== 'scan') throw new Error(scan.fault);
  return scanOfGroup(scan, `/${NAME}`, LIMIT_MIB * 1024);
}
