import { execFile, execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A Debian in qemu, emulated so that it runs the same everywhere: systemd, cgroup v2, and a root that lacks nothing. */
export interface Guest {
  port: number;
  /** known_hosts with its key, for 127.0.0.1 and its port. */
  knownHostsFile: string;
  /** A key pair of the test's own, which `setup` is given. */
  identityFile: string;
  /** A shell script there, as root or, over a login of its own, as `oombot`. Bounded by two minutes. */
  run: (script: string, options?: RunOptions) => GuestAnswer;
  /** The same without standing still: a bot in this process goes on meanwhile. */
  ask: (script: string, options?: RunOptions) => Promise<GuestAnswer>;
  /** Starts it anew, with its disk as it is. */
  reboot: () => Promise<void>;
  close: () => Promise<void>;
}

export interface RunOptions {
  /** `root` if nothing is said, `oombot`, or another over a login of its own. */
  user?: string;
  /** Another key than the user's own, over a login of its own. */
  identityFile?: string;
  input?: string | Buffer;
  /** Over a login of its own. */
  alone?: boolean;
}

export interface GuestAnswer {
  status: number | null;
  stdout: string;
  stderr: string;
}

const BOOT_SECONDS_MAX = 300;
const SHARING_USERS = ['root', 'oombot'];
const BOUNDS = { timeout: 120_000, maxBuffer: 64 * 1024 * 1024 };

/** Builds the guest if it is not cached, boots it from a throw-away copy of its disk and waits until systemd is done. */
export async function openGuest(): Promise<Guest> {
  const missing = ['qemu-system-x86_64', 'debootstrap', 'mke2fs'].filter(
    (name) => spawnSync('which', [name]).status !== 0,
  );
  if (missing.length > 0 || process.getuid?.() !== 0)
    throw new Error(
      `The guest needs root and ${missing.join(', ') || 'nothing else'}: apt-get install --no-install-recommends qemu-system-x86 debootstrap e2fsprogs`,
    );
  const image = execFileSync('sh', [path.join(import.meta.dirname, 'build.sh')], { encoding: 'utf8' }).trim();
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-guest-'));
  const port = await freePort();
  const knownHostsFile = path.join(dir, 'known_hosts');
  const identityFile = path.join(dir, 'id');
  writeFileSync(knownHostsFile, `[127.0.0.1]:${port} ${readFileSync(path.join(image, 'host_key.pub'), 'utf8')}`);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'bot', '-f', identityFile]);
  const qemu = boot(image, dir, port);
  const gone = new Promise((resolve) => qemu.once('exit', resolve));

  function commandLine(script: string, options: RunOptions): string[] {
    const { user = 'root' } = options;
    const key = options.identityFile ?? (user === 'root' ? path.join(image, 'id') : identityFile);
    const alone = options.alone ?? (options.identityFile !== undefined || !SHARING_USERS.includes(user));
    // One connection for each user: a login takes a second where the processor is emulated.
    const settings = {
      IdentitiesOnly: 'yes',
      BatchMode: 'yes',
      LogLevel: 'ERROR',
      ConnectTimeout: '20',
      UserKnownHostsFile: knownHostsFile,
      ControlMaster: alone ? 'no' : 'auto',
      ControlPersist: '600',
      ControlPath: alone ? 'none' : path.join(dir, user),
    };
    return [
      '-F',
      'none',
      '-i',
      key,
      '-p',
      String(port),
      ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
      `${user}@127.0.0.1`,
      script,
    ];
  }

  function run(script: string, options: RunOptions = {}): GuestAnswer {
    const { status, stdout, stderr } = spawnSync('ssh', commandLine(script, options), {
      ...BOUNDS,
      encoding: 'utf8',
      input: options.input ?? '',
    });
    return { status, stdout, stderr };
  }

  function ask(script: string, options: RunOptions = {}): Promise<GuestAnswer> {
    return new Promise((resolve) => {
      const child = execFile('ssh', commandLine(script, options), BOUNDS, (_, stdout, stderr) => {
        resolve({ status: child.exitCode, stdout, stderr });
      });
      // One that ended already takes no more.
      child.stdin?.once('error', () => undefined).end(options.input ?? '');
    });
  }

  async function untilUp(unlike = ''): Promise<void> {
    const until = Date.now() + BOOT_SECONDS_MAX * 1000;
    let last = '';
    while (Date.now() < until && qemu.exitCode === null) {
      // A shared connection to the system that is going down would never hear that it has gone.
      const { stdout, stderr } = await ask('cat /proc/sys/kernel/random/boot_id; systemctl is-system-running --wait', {
        alone: true,
      });
      if (stdout.trim().endsWith('\nrunning') && (unlike === '' || !stdout.startsWith(unlike))) return;
      last = stdout + stderr;
      await sleep(1_000);
    }
    const consoleText = readFileSync(path.join(dir, 'console'), 'latin1').slice(-3_000);
    throw new Error(`the guest did not come up: ${last}\n${consoleText}`);
  }

  function leave(): void {
    for (const user of SHARING_USERS)
      spawnSync('ssh', ['-F', 'none', '-o', `ControlPath=${path.join(dir, user)}`, '-O', 'exit', 'guest']);
  }

  async function close(): Promise<void> {
    leave();
    qemu.kill('SIGKILL');
    await gone;
    rmSync(dir, { recursive: true, force: true });
  }

  try {
    await untilUp();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    port,
    knownHostsFile,
    identityFile,
    run,
    ask,
    reboot: async () => {
      const before = await ask('cat /proc/sys/kernel/random/boot_id; systemd-run -q --on-active=1 systemctl reboot');
      leave();
      await untilUp(before.stdout.trim());
    },
    close,
  };
}

/** No way out for it (`restrict`), one way in; ended with this process, even by kill -9. */
function boot(image: string, dir: string, port: number): ChildProcess {
  return spawn(
    'setpriv',
    // prettier-ignore
    [
      '--pdeathsig', 'SIGKILL', 'qemu-system-x86_64', '-nodefaults', '-no-user-config', '-display', 'none',
      '-machine', 'pc', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', '1024',
      '-kernel', path.join(image, 'kernel'), '-initrd', path.join(image, 'initrd'),
      '-append', 'root=/dev/vda rw console=ttyS0 quiet net.ifnames=0 panic=5',
      '-serial', `file:${path.join(dir, 'console')}`,
      '-drive', `file=${path.join(image, 'disk.img')},format=raw,if=virtio,snapshot=on`,
      '-netdev', `user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:${port}-:22`,
      '-device', 'virtio-net-pci,netdev=n,romfile=', '-device', 'virtio-rng-pci',
    ],
    { stdio: 'ignore' },
  );
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
