import { spawn } from 'node:child_process';
import { appendFileSync, copyFileSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface LogWriter {
  /** As logrotate does by default: the file gets another name, a new one is begun. */
  rotateByRename: () => void;
  /** As logrotate does with `copytruncate`. What is written in between is lost by its nature, so nothing is. */
  rotateByCopy: () => Promise<void>;
  close: () => void;
}

/** Writes the kernel's real lines into a file, as rsyslog does on Debian 12. */
export async function openLogWriter(file: string): Promise<LogWriter> {
  const reader = spawn('cat', ['/dev/kmsg'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const bootAtMs = Date.now() - Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
  let rest = '';
  let rotations = 0;
  writeFileSync(file, '');
  reader.stdout.setEncoding('latin1').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    appendFileSync(file, lines.map(lineOf).join(''), 'latin1');
  });

  function lineOf(record: string): string {
    const found = /^(\d+),\d+,(\d+),[^;]*;(.*)$/.exec(record);
    if (found === null || Number(found[1]) >> 3 !== 0) return '';
    const usec = Number(found[2]);
    const stamp = new Date(bootAtMs + usec / 1000).toISOString().replace('Z', '000+00:00');
    const seconds = `${Math.floor(usec / 1e6)}.${String(usec % 1e6).padStart(6, '0')}`;
    return `${stamp} here kernel: [${seconds.padStart(12)}] ${found[3]}\n`;
  }

  function nextName(): string {
    rotations += 1;
    return `${file}.${rotations}`;
  }

  await sleep(200);
  return {
    rotateByRename: () => {
      renameSync(file, nextName());
      writeFileSync(file, '');
    },
    rotateByCopy: async () => {
      reader.stdout.pause();
      await sleep(50);
      copyFileSync(file, nextName());
      truncateSync(file);
      reader.stdout.resume();
    },
    close: () => reader.kill('SIGTERM'),
  };
}
