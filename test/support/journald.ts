import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const journald = '/lib/systemd/systemd-journald';

export interface Journald {
  /** Ends it, as an update of systemd does, and starts it anew. */
  restart: () => Promise<void>;
  close: () => Promise<void>;
}

/** Starts one unless one runs, with an empty journal that takes up the kernel's ring; one that runs is used and left alone. */
export async function openJournald(): Promise<Journald> {
  let child: ChildProcess | null = null;

  async function start(): Promise<void> {
    child = spawn(journald, { stdio: 'ignore' });
    await sleep(100);
  }

  async function stop(): Promise<void> {
    const leaving = child;
    child = null;
    if (leaving === null || leaving.exitCode !== null) return;
    const gone = new Promise((resolve) => leaving.once('exit', resolve));
    leaving.kill('SIGTERM');
    await gone;
  }

  if (spawnSync('pgrep', ['-x', 'systemd-journal']).status !== 0) {
    // What earlier runs left: their journals, and how far they had read the ring.
    rmSync('/run/log/journal', { recursive: true, force: true });
    rmSync('/run/systemd/journal/kernel-seqnum', { force: true });
    mkdirSync('/run/systemd/journal', { recursive: true });
    mkdirSync('/run/log/journal', { recursive: true });
    await start();
  }
  for (let tries = 0; tries < 100; tries++) {
    const { stdout } = spawnSync('journalctl', ['-q', '-n', '1', '_TRANSPORT=kernel']);
    if (stdout.length > 0) {
      return {
        restart: async () => {
          if (child === null) return;
          await stop();
          await start();
        },
        close: stop,
      };
    }
    await sleep(50);
  }
  await stop();
  throw new Error('systemd-journald does not take up kernel lines');
}
