import { execFileSync, spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';

/** A minimal Debian 12 with Node 20 and npm and nothing else, of which all that is written is thrown away. It shares the network. */
export interface FreshMachine {
  /** A folder out here that it finds under /mnt, read-only. */
  given: string;
  /** A shell script there, as `root` or `ann`, in the home of that account, with processes of its own that end with it. */
  start: (user: FreshUser, script: string) => FreshProcess;
  /** The same to its end. Throws where it fails. */
  run: (user: FreshUser, script: string) => Promise<string>;
  /** Ends one, whatever it does; back once it is gone. */
  end: (child: FreshProcess) => Promise<void>;
  /** Ends all of them, and leaves no file. */
  close: () => Promise<void>;
}

export type FreshUser = 'root' | 'ann';
export type FreshProcess = ChildProcessByStdio<null, Readable, Readable>;

// Devices and /sys of its own, as a container has them: what the machine around it has must not show through.
const ENTER = `set -e
root=$1 user=$2 home=$3 script=$4 lower=$5 upper=$6 work=$7 given=$8
mount -t overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work" overlay "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 dev "$root/dev"
for one in null zero full random urandom tty; do touch "$root/dev/$one"; mount --bind "/dev/$one" "$root/dev/$one"; done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount --bind "$given" "$root/mnt"
mount -o remount,bind,ro "$root/mnt"
for one in hosts resolv.conf; do touch "$root/etc/$one"; mount --bind "/etc/$one" "$root/etc/$one"; done
if [ -n "$CA" ]; then touch "$root/etc/registry.crt"; mount --bind "$CA" "$root/etc/registry.crt"; fi
exec chroot --userspec="$user:$user" "$root" env -i HOME="$home" USER="$user" TERM=dumb \\
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin npm_config_registry="$REGISTRY" \\
  \${CA:+npm_config_cafile=/etc/registry.crt NODE_EXTRA_CA_CERTS=/etc/registry.crt} sh -c "cd && $script"`;

/** Makes it if it is not cached (minutes, and the network). Its npm reaches the registry as npm does here. */
export function openFreshMachine(): FreshMachine {
  const built = execFileSync('sh', [path.join(import.meta.dirname, 'build.sh')], { encoding: 'utf8' }).trim();
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-fresh-'));
  const [root, upper, work, given] = ['root', 'upper', 'work', 'given'].map((name) => {
    mkdirSync(path.join(dir, name));
    return path.join(dir, name);
  }) as [string, string, string, string];
  const [registry, ca] = ['registry', 'cafile'].map((key) =>
    execFileSync('npm', ['config', 'get', key], { encoding: 'utf8' }).trim(),
  ) as [string, string];
  const env = { PATH: process.env['PATH'], REGISTRY: registry, CA: existsSync(ca) ? ca : '' };

  const running = new Map<FreshProcess, Promise<void>>();

  function start(user: FreshUser, script: string): FreshProcess {
    const home = user === 'root' ? '/root' : `/home/${user}`;
    const args = [root, user, home, script, path.join(built, 'root'), upper, work, given];
    const child = spawn(
      'unshare',
      ['-m', '-p', '-f', '--kill-child', '--propagation', 'private', 'sh', '-c', ENTER, 'sh', ...args],
      { env, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    running.set(child, closed);
    void closed.then(() => running.delete(child));
    return child;
  }

  /** Ends the first process in there, with which all others end: `--kill-child` loses its hold where that one becomes another user. */
  async function end(child: FreshProcess): Promise<void> {
    if (!running.has(child)) return;
    const inside = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
    if (inside !== '') process.kill(Number(inside), 'SIGKILL');
    await running.get(child);
  }

  async function run(user: FreshUser, script: string): Promise<string> {
    const child = start(user, script);
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const [status] = (await once(child, 'close')) as [number | null];
    if (status !== 0) throw new Error(`${script}: ${status}\n${out.slice(-4_000)}\n${err.slice(-4_000)}`);
    return out + err;
  }

  async function close(): Promise<void> {
    await Promise.all([...running.keys()].map(end));
    rmSync(dir, { recursive: true, force: true });
  }

  return { given, start, run, end, close };
}
