import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, globSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import type { TaskMeta, TestOptions } from 'vitest';

/** What a test may need of the machine. */
interface Part {
  /** As the closing table calls it. */
  called: string;
  isHere: () => boolean;
  /** What to do to have it. */
  get: string;
  /** CI may be without it. */
  optional?: true;
}

const isRoot = process.getuid?.() === 0;

const PARTS = {
  root: { called: 'root', isHere: () => isRoot, get: 'run npm test as root' },
  sshd: {
    called: 'sshd, run as root',
    isHere: () => isRoot && existsSync('/usr/sbin/sshd'),
    get: 'apt-get install openssh-server, and run npm test as root',
  },
  journald: {
    called: 'systemd-journald, run as root',
    isHere: () => isRoot && existsSync('/lib/systemd/systemd-journald') && isProgram('journalctl'),
    get: 'apt-get install systemd, and run npm test as root',
  },
  systemd: {
    called: 'systemd’s folders',
    isHere: () => existsSync('/etc/systemd/system'),
    get: 'apt-get install systemd',
  },
  postgres: {
    called: 'PostgreSQL',
    isHere: () => globSync('/usr/lib/postgresql/*/bin/postgres').length > 0,
    get: 'apt-get install postgresql',
  },
  phpFpm: { called: 'PHP-FPM', isHere: () => phpFpm() !== null, get: 'apt-get install php-fpm' },
  chromium: { called: 'Chromium', isHere: () => existsSync('/usr/bin/chromium'), get: 'apt-get install chromium' },
  kmsg: {
    called: 'the kernel log',
    isHere: canReadKernelLog,
    get: 'run npm test as root, where /dev/kmsg can be read',
  },
  cgroup: {
    called: 'a memory cgroup (v1)',
    isHere: hasCgroup,
    get: 'run npm test as root, on a machine with cgroup v1 (systemd.unified_cgroup_hierarchy=0)',
  },
  kills: {
    called: 'real kills in a memory cgroup (v1)',
    isHere: () => hasCgroup() && canReadKernelLog(),
    get: 'run npm test as root, on a machine with cgroup v1 (systemd.unified_cgroup_hierarchy=0)',
  },
  namespaces: {
    called: 'a private copy of the machine',
    isHere: canUnshare,
    get: 'apt-get install busybox, and run npm test as root with CAP_SYS_ADMIN, on a kernel with overlayfs',
  },
  ext4: {
    called: 'a file system in a file',
    isHere: () => isRoot && existsSync('/dev/loop-control') && existsSync('/sys/fs/ext4') && isProgram('mkfs.ext4'),
    get: 'apt-get install e2fsprogs, and run npm test as root, on a kernel with loop devices and ext4',
    optional: true,
  },
  corpus: {
    called: 'the public corpus',
    isHere: () => existsSync(path.join(import.meta.dirname, '../../../shared/corpus/index.json')),
    get: 'put its logs into ../shared/corpus',
    optional: true,
  },
  podman: {
    called: 'Podman',
    isHere: () => ['podman', 'crun', 'newuidmap'].every((name) => isProgram(name)),
    get: 'apt-get install podman crun uidmap',
    optional: true,
  },
  network: {
    called: 'an address beside the loopback',
    isHere: () => Object.values(networkInterfaces()).some((all) => all?.some(({ internal }) => !internal)),
    get: 'connect the machine to a network',
    optional: true,
  },
  x64: {
    called: 'an x86-64 processor',
    isHere: () => process.arch === 'x64',
    get: 'run npm test on one',
    optional: true,
  },
  'kernel threads': {
    called: 'the kernel’s own threads in /proc',
    isHere: () => hasKernelThreads(),
    get: 'run npm test outside of a container',
  },
  'open clone': {
    called: 'a clone that other users may read',
    isHere: () => !isRoot || spawnSync('runuser', ['-u', 'nobody', '--', process.execPath, '-e', '0']).status === 0,
    get: 'clone it into a folder that is open to others, not into /root',
  },
  'C compiler': {
    called: 'a C compiler, with the headers of OpenSSL',
    isHere: () => isProgram('cc') && existsSync('/usr/include/openssl/evp.h'),
    get: 'apt-get install gcc libc6-dev libssl-dev',
  },
  ...programs({
    'ssh-keygen': 'openssh-client',
    'ssh-agent': 'openssh-client',
    ssh: 'openssh-client',
    krb5kdc: 'krb5-kdc',
    'kadmin.local': 'krb5-admin-server',
    kinit: 'krb5-user',
    sudo: 'sudo',
    doas: 'opendoas',
    ps: 'procps',
    perl: 'perl-base',
    choom: 'util-linux',
    setpriv: 'util-linux',
    mariadbd: 'mariadb-server-core',
    'redis-benchmark': 'redis-tools',
    bash: 'bash',
    dash: 'dash',
    busybox: 'busybox',
    mawk: 'mawk',
    gawk: 'gawk',
    'original-awk': 'original-awk',
    xz: 'xz-utils',
    zstd: 'zstd',
    shellcheck: 'shellcheck',
    git: 'git',
    zsh: 'zsh',
    promtool: 'prometheus',
    'systemd-analyze': 'systemd',
    buildah: 'buildah',
    debootstrap: 'debootstrap',
    'bsd-csh': 'csh',
    fish: 'fish',
    dropbear: 'dropbear-bin',
  }),
} satisfies Record<string, Part>;

export type PartName = keyof typeof PARTS;

declare module 'vitest' {
  interface TaskMeta {
    /** What this test or group needs and the machine lacks. */
    lacks?: PartName[];
  }
}

/** For `describe` and `it`, as their second argument: skips where one of these is not here, and has that told at the end of the run. */
export function needs(...names: PartName[]): TestOptions {
  const lacks = names.filter((name) => !has(name));
  return lacks.length === 0 ? {} : { skip: true, meta: { lacks } };
}

/** The same inside a test or `beforeEach`, for what only a row of a table needs. */
export function skipWithout(context: { task: { meta: TaskMeta }; skip: () => never }, ...names: PartName[]): void {
  const lacks = names.filter((name) => !has(name));
  if (lacks.length === 0) return;
  context.task.meta.lacks = lacks;
  context.skip();
}

/** Whether it is here; looked for once in each test file. */
export function has(name: PartName): boolean {
  const known = seen.get(name) ?? PARTS[name].isHere();
  seen.set(name, known);
  return known;
}

const seen = new Map<PartName, boolean>();

/** What it is called, how to get it, and whether CI may be without it. */
export function partOf(name: PartName): Part {
  return PARTS[name];
}

function programs<Name extends string>(packages: Record<Name, string>): Record<Name, Part> {
  const parts = Object.entries<string>(packages).map(([name, debianPackage]): [string, Part] => [
    name,
    { called: name, isHere: () => isProgram(name), get: `apt-get install ${debianPackage}` },
  ]);
  return Object.fromEntries(parts) as Record<Name, Part>;
}

/** PHP-FPM, whose name has its version; null: it is not here. */
export function phpFpm(): string | null {
  return folders().flatMap((folder) => globSync(path.join(folder, 'php-fpm*')))[0] ?? null;
}

function folders(): string[] {
  return `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`.split(':');
}

function isProgram(name: string): boolean {
  return folders().some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Process 2 is theirs, unless the processes here are a container's. */
function hasKernelThreads(): boolean {
  return existsSync('/proc/2/comm') && readFileSync('/proc/2/comm', 'utf8') === 'kthreadd\n';
}

function canReadKernelLog(): boolean {
  return spawnSync('dd', ['if=/dev/kmsg', 'of=/dev/null', 'bs=8192', 'count=1']).status === 0;
}

function hasCgroup(): boolean {
  return isRoot && existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes');
}

/** Namespaces and overlays, as test/setup/unshared-host.ts uses them. */
function canUnshare(): boolean {
  if (!isRoot || !isProgram('busybox') || !readFileSync('/proc/filesystems', 'utf8').includes('\toverlay\n'))
    return false;
  const script = 'mount -t tmpfs t /run && mount -t proc proc /proc';
  return spawnSync('unshare', ['-m', '-p', '-f', 'sh', '-c', script], { stdio: 'ignore' }).status === 0;
}
