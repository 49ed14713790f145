import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { renderSetup, type SetupOptions } from '../../src/setup/setup-script.ts';
import { openSshd, type Sshd } from '../support/sshd.ts';
import { setupOptions } from './options.ts';

/** A copy of this machine in namespaces of its own: what is done to it is gone when it closes. */
export interface UnsharedHost {
  /** A shell script as root on it; standard input as given. Bounded by two minutes. */
  run: (script: string, options?: { input?: string | Buffer; timeoutMs?: number }) => Answer;
  /** What a command must be started through to run there. */
  through: string[];
  close: () => Promise<void>;
}

export interface Answer {
  status: number | null;
  stdout: string;
  stderr: string;
}

// Overlays catch what is written. /run, /dev and /proc are new; the processes are its own, so that numbers can be reused
// without a stranger in between.
const WORLD = `
set -e
D=$1
exec 3<&0
mount -t tmpfs upper "$D"
for d in etc usr var root; do
  mkdir -p "$D/$d.upper" "$D/$d.work"
  mount -t overlay overlay -o "lowerdir=/$d,upperdir=$D/$d.upper,workdir=$D/$d.work" "/$d"
done
mkdir -p "$D/dev"
mount -t tmpfs -o mode=755 dev "$D/dev"
for n in null zero full random urandom tty ptmx; do touch "$D/dev/$n" && mount --bind "/dev/$n" "$D/dev/$n"; done
# Of the kernel log only root may read, as with dmesg_restrict=1, whatever it is on this machine.
mknod -m 600 "$D/dev/kmsg" c 1 11
echo 1 > "$D/restrict"
mkdir -p "$D/dev/pts" "$D/dev/shm"
[ ! -d /dev/pts ] || mount --bind /dev/pts "$D/dev/pts"
mount -t tmpfs -o mode=1777 shm "$D/dev/shm"
ln -s /proc/self/fd "$D/dev/fd"
mount --move "$D/dev" /dev
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/sshd /run/lock
mount -t proc proc /proc
mount --bind "$D/restrict" /proc/sys/kernel/dmesg_restrict
chmod 700 "$(command -v dmesg)"
mount -t tmpfs -o mode=755 home /home
# A machine that may be watched itself, and has rules of its own, is the same to the tests as one that is not.
for f in passwd shadow group gshadow subuid subgid; do
  [ ! -e /etc/$f ] || sed -i -E '/^oombot(-w)?:/d; s/([:,])oombot(-w)?,/\\1/g; s/,oombot(-w)?$//; s/:oombot(-w)?$/:/' /etc/$f
done
find /etc/sudoers.d -type f ! -name README -delete 2>/dev/null || true
rm -rf /etc/doas.conf /usr/local/sbin/oom-* /etc/systemd/system/*.service.d/50-oombot.conf /var/lib/oombot /var/log/journal
[ ! -e /etc/sudoers ] || cat > /etc/sudoers <<'END'
Defaults env_reset
Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
root ALL=(ALL:ALL) ALL
@includedir /etc/sudoers.d
END
# The helper does nothing that it cannot log.
busybox syslogd -O /var/log/seen -S 3<&-
until [ -S /dev/log ]; do sleep 0.01; done
echo ready
# The first process takes up what others leave behind, and all ends with it: when the test is gone, even by kill -9.
cat <&3 >/dev/null &
wait $!
`;

/** Bit 24 of the bounding set: without CAP_SYS_RESOURCE root can raise a value and bring it back, but not lower it. */
export const LACKS_CAPABILITY =
  (Number.parseInt(/CapBnd:\s+(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]?.at(-7) ?? '0', 16) & 1) ===
  0;
if (LACKS_CAPABILITY) console.warn('NOTE: root lacks CAP_SYS_RESOURCE here: values are only raised and brought back');

export async function openUnsharedHost(): Promise<UnsharedHost> {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-host-'));
  const outer = spawn(
    'unshare',
    ['-m', '--propagation', 'private', '-p', '-f', '--kill-child', 'sh', '-c', WORLD, 'world', dir],
    { stdio: 'pipe' },
  );
  const gone = new Promise((resolve) => outer.once('exit', resolve));
  let said = '';
  outer.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  outer.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)));
  for (let tries = 0; !said.includes('ready'); tries++) {
    if (outer.exitCode !== null || tries > 400) throw new Error(`no copy of this machine: ${said}`);
    await sleep(10);
  }
  const first = readFileSync(`/proc/${outer.pid}/task/${outer.pid}/children`, 'utf8').trim();
  const through = ['nsenter', '-t', first, '-m', '-p', '--'];

  return {
    through,
    run: (script, options = {}) => {
      const [command, ...args] = [...through, 'sh', '-c', script];
      const { status, stdout, stderr } = spawnSync(command, args, {
        input: options.input ?? '',
        encoding: 'utf8',
        timeout: options.timeoutMs ?? 120_000,
        maxBuffer: 64 * 1024 * 1024,
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
      });
      return { status, stdout, stderr };
    },
    close: async () => {
      execFileSync('kill', ['-KILL', first]);
      await gone;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A real sshd on it, which takes the accounts' own authorized_keys for all but root. */
export function openSshdOn(host: UnsharedHost): Promise<Sshd> {
  return openSshd({
    through: host.through,
    lines: ['Match User *,!root', '  AuthorizedKeysFile .ssh/authorized_keys'],
  });
}

/** One that the setup script has set up, with its sshd: the account takes the key of the sshd. `before` is run on it first. */
export async function openSetUpHost({
  way = 'sudo',
  before = ':',
  ...change
}: Partial<SetupOptions> & { way?: 'sudo' | 'doas'; before?: string } = {}): Promise<{
  host: UnsharedHost;
  sshd: Sshd;
}> {
  const host = await openUnsharedHost();
  let sshd: Sshd | null = null;
  try {
    if (way === 'doas') host.run('rm /usr/bin/sudo');
    sshd = await openSshdOn(host);
    host.run(before);
    const publicKeys = [readFileSync(`${sshd.identityFile}.pub`, 'utf8')];
    const made = host.run(renderSetup(setupOptions({ publicKeys, ...change })));
    if (made.status !== 0) throw new Error(made.stderr);
    return { host, sshd };
  } catch (error) {
    await sshd?.close();
    await host.close();
    throw error;
  }
}
