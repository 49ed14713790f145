import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

const JOURNALD = '/lib/systemd/systemd-journald';

// Its sockets and journals are where only what is started `through` it sees them.
const WORLD = `
mount -t tmpfs -o mode=755 run /run && mkdir -p /run/systemd/journal /run/log/journal /run/sshd
[ ! -d /var/log/journal ] || mount -t tmpfs -o mode=755 log /var/log/journal
rm -rf /var/log/journal/* && echo ready && exec cat
`;

export interface Journald {
  /** What a command must be started through to see this journal. */
  through: string[];
  /** Ends it, as an update of systemd does, and starts it anew. */
  restart: () => Promise<void>;
  close: () => Promise<void>;
}

/** A systemd-journald by hand, without systemd as pid 1, in a mount namespace of its own, with a journal that takes up the kernel's ring. */
export async function openJournald(): Promise<Journald> {
  const world = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', WORLD], { stdio: 'pipe' });
  await new Promise((resolve, reject) => {
    world.stdout.once('data', resolve);
    world.once('exit', () => reject(new Error('no namespace for systemd-journald'))); // Later that is of no effect.
  });
  const through = ['nsenter', '-t', String(world.pid), '-m', '--'];
  let child: ChildProcess | null = null;

  function start(): void {
    const [command, ...args] = [...through, JOURNALD];
    child = spawn(command, args, { stdio: 'ignore' });
  }

  async function stop(): Promise<void> {
    const leaving = child;
    child = null;
    if (leaving === null || leaving.exitCode !== null) return;
    const gone = new Promise((resolve) => leaving.once('exit', resolve));
    leaving.kill('SIGTERM');
    await gone;
  }

  async function close(): Promise<void> {
    await stop();
    const gone = new Promise((resolve) => world.once('exit', resolve));
    world.stdin.end();
    await gone;
  }

  start();
  for (let tries = 0; tries < 200; tries++) {
    const [command, ...args] = [...through, 'journalctl', '-q', '-n', '1', '_TRANSPORT=kernel'];
    if (spawnSync(command, args).stdout.length > 0) {
      return {
        through,
        restart: async () => {
          await stop();
          start();
        },
        close,
      };
    }
    await sleep(50);
  }
  await close();
  throw new Error('systemd-journald does not take up kernel lines');
}
