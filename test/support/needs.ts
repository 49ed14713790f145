import { accessSync, constants, existsSync, globSync } from 'node:fs';
import path from 'node:path';
import type { TestOptions } from 'vitest';

/** What a test may need of the machine: whether it is here, and how to get it. `optional`: CI need not have it. */
interface Part {
  isHere: () => boolean;
  get: string;
  optional?: true;
}

const isRoot = process.getuid?.() === 0;

const PARTS = {
  root: { isHere: () => isRoot, get: 'run npm test as root' },
  sshd: { isHere: () => existsSync('/usr/sbin/sshd'), get: 'apt-get install openssh-server' },
  'ssh-keygen': program('ssh-keygen', 'openssh-client'),
  'ssh-agent': program('ssh-agent', 'openssh-client'),
  sudo: program('sudo', 'sudo'),
  doas: program('doas', 'opendoas'),
  ps: program('ps', 'procps'),
  bash: program('bash', 'bash'),
  dash: program('dash', 'dash'),
  busybox: program('busybox', 'busybox'),
  mawk: program('mawk', 'mawk'),
  gawk: program('gawk', 'gawk'),
  xz: program('xz', 'xz-utils'),
  zstd: program('zstd', 'zstd'),
  shellcheck: program('shellcheck', 'shellcheck'),
  promtool: program('promtool', 'prometheus'),
  'systemd-analyze': program('systemd-analyze', 'systemd'),
  systemd: { isHere: () => existsSync('/lib/systemd/systemd-journald'), get: 'apt-get install systemd' },
  PostgreSQL: {
    isHere: () => globSync('/usr/lib/postgresql/*/bin/postgres').length > 0,
    get: 'apt-get install postgresql',
  },
  Chromium: { isHere: () => existsSync('/usr/bin/chromium'), get: 'apt-get install chromium' },
  'the kernel log': {
    isHere: () => can('/dev/kmsg', constants.R_OK),
    get: 'run npm test as root on a machine with /dev/kmsg',
  },
  'a memory cgroup (v1)': {
    isHere: () => existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes'),
    get: 'boot with systemd.unified_cgroup_hierarchy=0, or npm run test:guest',
  },
  namespaces: {
    isHere: () => isRoot && existsSync('/usr/bin/unshare'),
    get: 'run npm test as root, with CAP_SYS_ADMIN',
  },
  'the public corpus': {
    isHere: () => existsSync(path.join(import.meta.dirname, '../../../shared/corpus/index.json')),
    get: 'have its logs in ../shared/corpus',
    optional: true,
  },
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

/** Whether all of these are here. */
export function has(...names: PartName[]): boolean {
  return names.every((name) => PARTS[name].isHere());
}

/** How to get it, and whether CI may be without it. */
export function partCalled(name: PartName): Part {
  return PARTS[name];
}

function program(name: string, debianPackage: string): Part {
  return {
    isHere: () => (process.env['PATH'] ?? '').split(':').some((folder) => can(path.join(folder, name), constants.X_OK)),
    get: `apt-get install ${debianPackage}`,
  };
}

function can(file: string, mode: number): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}
