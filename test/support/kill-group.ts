import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface KillGroup {
  /** As the kernel's report names it. */
  memcg: string;
  /** The kernel's clock when it was made. */
  sinceSeconds: number;
  /** Lets the kernel kill one process in this group, of this name if given. Resolves to its pid when it is dead. */
  kill: (name?: string) => Promise<number>;
  /** Kills again and again, this far apart, until stopped; gives the pids. */
  keepKilling: (everyMs: number) => { stop: () => Promise<number[]> };
  /** Moves a process of another making into the group. */
  add: (pid: number) => void;
  /** The kernel's own count of its kills in this group: other tests kill on the same machine. */
  count: () => number;
  close: () => Promise<void>;
}

let groups = 0;

/** A memory cgroup (v1), of 8 MiB if nothing is said, that processes die in. */
export function openKillGroup(limit = '8M'): KillGroup {
  const memcg = `/oombot-e2e-${process.pid}-${(groups += 1)}`;
  const dir = `/sys/fs/cgroup/memory${memcg}`;
  const names = mkdtempSync(path.join(tmpdir(), 'oombot-names-'));
  const sinceSeconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  mkdirSync(dir);
  writeFileSync(path.join(dir, 'memory.limit_in_bytes'), limit);

  function kill(name = 'tail'): Promise<number> {
    const program = path.join(names, name);
    // The process's name is that of the file as it was called.
    symlinkSync('/usr/bin/tail', program);
    const script = 'echo $$ > "$0" && exec "$1" /dev/zero';
    const child = spawn('sh', ['-c', script, path.join(dir, 'cgroup.procs'), program], { stdio: 'ignore' });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (_, signal) => {
        rmSync(program, { force: true });
        if (signal === 'SIGKILL' && child.pid !== undefined) resolve(child.pid);
        else reject(new Error('the kernel did not kill it'));
      });
    });
  }

  return {
    memcg,
    sinceSeconds,
    kill,
    keepKilling: (everyMs) => {
      const pids: number[] = [];
      let isStopped = false;
      async function run(): Promise<void> {
        for (let at = 0; !isStopped; at += 1) {
          pids.push(await kill(`victim-${at}`));
          await sleep(everyMs);
        }
      }
      const running = run();
      return {
        stop: async () => {
          isStopped = true;
          await running;
          return pids;
        },
      };
    },
    add: (pid) => writeFileSync(path.join(dir, 'cgroup.procs'), String(pid)),
    count: () => Number(/^oom_kill (\d+)$/m.exec(readFileSync(path.join(dir, 'memory.oom_control'), 'utf8'))?.[1]),
    close: async () => {
      rmSync(names, { recursive: true, force: true });
      for (let tries = 0; tries < 50; tries += 1) {
        try {
          rmdirSync(dir);
          return;
        } catch {
          await sleep(20); // EBUSY: the last one is still leaving
        }
      }
    },
  };
}
