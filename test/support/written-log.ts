import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';

export interface WrittenLog {
  /** Kill lines as the kernel writes them, one for each name, all at once. */
  kill: (...names: string[]) => void;
  /** Anything else. */
  write: (text: string) => void;
  /** The pids of all that were killed so far: each is another one. */
  pids: readonly number[];
}

/** A host's kernel log as syslog writes it, with kills that nobody has to die for. `firstPid`: pids count up from there. */
export function openWrittenLog(file: string, host: string, firstPid: number): WrittenLog {
  const pids: number[] = [];
  const bootAtMs = Date.now() - Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1_000;
  writeFileSync(file, '');

  function lineOf(name: string): string {
    const pid = firstPid + pids.length;
    pids.push(pid);
    const nowMs = Date.now();
    // Each at a microsecond of its own.
    const seconds = ((nowMs - bootAtMs) / 1_000 + (pid % 1_000) / 1e6).toFixed(6);
    const stamp = new Date(nowMs).toISOString().replace('Z', '000+00:00');
    return `${stamp} ${host} kernel: [${seconds.padStart(12)}] Killed process ${pid} (${name}) total-vm:9000kB, anon-rss:900kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:40kB oom_score_adj:0\n`;
  }

  return {
    kill: (...names) => appendFileSync(file, names.map(lineOf).join('')),
    write: (text) => appendFileSync(file, text, 'latin1'),
    pids,
  };
}
