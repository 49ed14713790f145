import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const v1 = '/sys/fs/cgroup/memory';

/** Lets the kernel kill one `tail` (or a copy of it with another name) in a memory cgroup of 8 MiB. Returns its pid when it is dead. */
export function causeKill(group = `oombot-test-${process.pid}`, program = 'tail'): number {
  const dir = path.join(v1, group);
  mkdirSync(dir, { recursive: true });
  writeFileSync(path.join(dir, 'memory.limit_in_bytes'), '8M');
  const { pid, error } = spawnSync('sh', ['-c', `echo $$ > ${dir}/cgroup.procs; exec ${program} /dev/zero`], {
    stdio: 'ignore',
    timeout: 30_000,
    killSignal: 'SIGKILL',
  });
  rmdirSync(dir);
  if (error !== undefined) throw error;
  return pid;
}

/** Runs a program in a memory cgroup of that name, as a restarted service would; end it before `rmdirSync` of the returned directory. */
export function startInGroup(
  group: string,
  program: string,
  args: readonly string[],
): { child: ChildProcess; dir: string } {
  const dir = path.join(v1, group);
  mkdirSync(dir, { recursive: true });
  const child = spawn('sh', ['-c', `echo $$ > ${dir}/cgroup.procs; exec "$@"`, 'sh', program, ...args], {
    stdio: 'ignore',
  });
  return { child, dir };
}

/** The kernel's own count. */
export function oomKills(): number {
  return Number(/^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8'))?.[1] ?? 0);
}

/** Makes the kernel write a harmless line: facility 0 cannot be written from user space. */
export function kernelLine(): void {
  execFileSync('sh', ['-c', 'echo 3 > /proc/sys/vm/drop_caches']);
}
