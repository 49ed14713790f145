import { spawn } from 'node:child_process';
import { appendFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/**
 * Writes the kernel's reports about processes with `mark` in their names into a file, as rsyslog would: the machine's log is one for
 * all tests, which let processes die at the same time, and a storm of strangers is another story than the one to be told.
 * `invoked oom-killer` begins a report and `Killed process` ends it; the kernel prints one after the other (oom_lock).
 */
export function openOwnKernelLog(file: string, mark: string): { close: () => void } {
  writeFileSync(file, '');
  const dmesg = spawn('dmesg', ['--follow-new'], { stdio: ['ignore', 'pipe', 'ignore'] });
  let isOurs = false;
  createInterface({ input: dmesg.stdout }).on('line', (line) => {
    if (line.includes(' invoked oom-killer')) isOurs = line.includes(mark);
    if (isOurs || line.includes(mark)) appendFileSync(file, `${new Date().toISOString()} db01 kernel: ${line}\n`);
    if (line.includes('Killed process ')) isOurs = false;
  });
  return { close: () => void dmesg.kill() };
}
