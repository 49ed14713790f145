import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KillRecord } from '../../src/oom/report.ts';
import { parseLines } from './corpus.ts';
import { oomKills } from './kernel-kill.ts';

/** A memory cgroup in which a shortage with a known cause is made. */
export interface Scenario {
  group: string;
  /** Runs a shell script in the group; `$PROGRAMS` holds programs under other names. Its standard input stays open. */
  run: (script: string) => ChildProcess;
  /** A shell under another name. */
  shellNamed: (name: string) => string;
  /** Sets a file of the group. */
  set: (file: string, value: string) => void;
  /** Waits for the next kill in this group and gives its report, as the kernel wrote it. */
  killed: () => Promise<KillRecord>;
  close: () => Promise<void>;
}

let scenarios = 0;
const WAIT_MS = 20_000;

export function openScenario(limitMiB: number): Scenario {
  const group = `/oombot-cause-${process.pid}-${(scenarios += 1)}`;
  const dir = `/sys/fs/cgroup/memory${group}`;
  const programs = mkdtempSync(path.join(tmpdir(), 'oombot-programs-'));
  const children: ChildProcess[] = [];
  const seen = new Set<number>();
  mkdirSync(dir);
  writeFileSync(path.join(dir, 'memory.limit_in_bytes'), String(limitMiB * 1024 * 1024));

  function shellNamed(name: string): string {
    const program = path.join(programs, name);
    symlinkSync('/bin/dash', program);
    return program;
  }

  function run(script: string): ChildProcess {
    const child = spawn('sh', ['-c', `echo $$ > ${dir}/cgroup.procs; ${script}`], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    children.push(child);
    return child;
  }

  async function killed(): Promise<KillRecord> {
    const before = oomKills();
    for (const startedAtMs = Date.now(); Date.now() - startedAtMs < WAIT_MS;) {
      const { stdout } = spawnSync('dmesg', ['-r'], { encoding: 'latin1', maxBuffer: 1 << 28 });
      const ours = parseLines(stdout.split('\n')).filter((record) => record.oomMemcg === group && record.pid !== null);
      const next = ours.find((record) => !seen.has(record.pid ?? 0));
      if (next !== undefined) {
        seen.add(next.pid ?? 0);
        return next;
      }
      await sleep(100);
    }
    throw new Error(`no kill in ${group}; the kernel counted ${oomKills() - before}`);
  }

  return {
    group,
    run,
    shellNamed,
    set: (file, value) => writeFileSync(path.join(dir, file), value),
    killed,
    close: async () => {
      for (const { pid } of children) {
        try {
          if (pid !== undefined) process.kill(-pid, 'SIGKILL');
        } catch {
          // It is dead already.
        }
      }
      rmSync(programs, { recursive: true, force: true });
      for (let tries = 0; tries < 100; tries += 1) {
        try {
          rmdirSync(dir);
          return;
        } catch {
          await sleep(50); // EBUSY: the last one is still leaving
        }
      }
    },
  };
}
