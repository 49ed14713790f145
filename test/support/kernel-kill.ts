import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const v1 = '/sys/fs/cgroup/memory';

/** True where a real memory-cgroup kill can be made: root and a memory controller of cgroup v1. */
export const canKill = process.getuid?.() === 0 && existsSync(path.join(v1, 'memory.limit_in_bytes'));

/** Lets the kernel kill one `tail` (or a copy of it with another name) in a memory cgroup of 8 MiB. Returns its pid when it is dead. */
export function causeKill(group = `oombot-test-${process.pid}`, program = 'tail'): number {
  const dir = path.join(v1, group);
  mkdirSync(dir, { recursive: true });
  writeFileSync(path.join(dir, 'memory.limit_in_bytes'), '8M');
  const { pid } = spawnSync('sh', ['-c', `echo $$ > ${dir}/cgroup.procs; exec ${program} /dev/zero`], {
    stdio: 'ignore',
  });
  rmdirSync(dir);
  return pid;
}

/** The kernel's own count. */
export function oomKills(): number {
  return Number(/^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8'))?.[1] ?? 0);
}

/** Makes the kernel write a harmless line: facility 0 cannot be written from user space. */
export function kernelLine(): void {
  execFileSync('sh', ['-c', 'echo 3 > /proc/sys/vm/drop_caches']);
}
