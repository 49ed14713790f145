import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const journald = '/lib/systemd/systemd-journald';

/** True where a systemd-journald can be started by hand, without systemd as pid 1. */
export const canRunJournald = existsSync(journald) && existsSync('/dev/kmsg') && process.getuid?.() === 0;

/** Starts one unless one runs. Its journal is volatile; another process's journald is used and left alone. */
export async function openJournald(): Promise<{ close: () => void }> {
  let child: ChildProcess | null = null;
  if (spawnSync('pgrep', ['-x', 'systemd-journal']).status !== 0) {
    mkdirSync('/run/systemd/journal', { recursive: true });
    mkdirSync('/run/log/journal', { recursive: true });
    child = spawn(journald, { stdio: 'ignore' });
  }
  for (let tries = 0; tries < 100; tries++) {
    const { stdout } = spawnSync('journalctl', ['-q', '-n', '1', '_TRANSPORT=kernel']);
    if (stdout.length > 0) return { close: () => child?.kill('SIGTERM') };
    await sleep(50);
  }
  child?.kill();
  throw new Error('systemd-journald does not take up kernel lines');
}
