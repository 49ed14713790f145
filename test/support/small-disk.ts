import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from './whole-bot.ts';

export interface SmallDisk {
  /** Its folder, for programs that are started `through`. */
  folder: string;
  /** The same folder as it is seen from here, to look into. */
  inside: string;
  /** In front of a command that is to see it. */
  through: readonly string[];
  /** Leaves not a byte. */
  fill: () => void;
  /** Gives back what was filled. */
  free: () => void;
  close: () => Promise<void>;
}

/** A file system of its own of so many KiB, in a mount namespace where nobody else sees it. Needs root. */
export async function openSmallDisk(sizeKiB: number): Promise<SmallDisk> {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-small-'));
  const keeper = await openKeeper('mount -t tmpfs -o size="$1"k small "$0"', [folder, String(sizeKiB)], (root) => {
    const there = root + folder;
    return existsSync(there) && sizeOf(there) === sizeKiB;
  });
  // As it is seen from here. SQLite would resolve the link to the folder on this side: the bot goes through.
  const inside = keeper.root + folder;
  const filler = path.join(inside, 'filler');

  function fill(): void {
    const { bavail, bsize } = statfsSync(inside);
    try {
      writeFileSync(filler, Buffer.alloc(bavail * bsize));
    } catch (error) {
      // Whoever writes there meanwhile took the rest: it is as full.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  return {
    folder,
    inside,
    through: keeper.through,
    fill,
    free: () => rmSync(filler, { force: true }),
    close: async () => {
      await keeper.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function sizeOf(folder: string): number {
  const { blocks, bsize } = statfsSync(folder);
  return (blocks * bsize) / 1024;
}

export interface FailingDisk {
  /** Its folder, for programs that are started `through`. */
  folder: string;
  /** In front of a command that is to see it. */
  through: () => readonly string[];
  /** From now on it takes no writes, as a file system that met an error; what was open stays open. */
  fail: () => void;
  /** Mounts it anew, once nobody uses it any more. */
  mend: () => Promise<void>;
  close: () => Promise<void>;
}

/** An ext4 of its own in a file, in a mount namespace where nobody else sees it. Needs root and a loop device. */
export async function openFailingDisk(): Promise<FailingDisk> {
  const home = mkdtempSync(path.join(tmpdir(), 'oombot-failing-'));
  const [image, folder] = [path.join(home, 'image'), mkdtempSync(path.join(home, 'mount-'))];
  writeFileSync(image, '');
  truncateSync(image, 64 * 2 ** 20);
  execFileSync('mkfs.ext4', ['-q', '-F', '-O', '^has_journal', '-E', 'nodiscard', image]);
  // The only way of ext4 that leaves a system running: by itself it goes on.
  execFileSync('tune2fs', ['-e', 'remount-ro', image], { stdio: 'ignore' });
  let keeper = await mount();

  function mount(): Promise<Keeper> {
    return openKeeper('mount -o loop "$0" "$1"', [image, folder], (root) => existsSync(`${root}${folder}/lost+found`));
  }

  return {
    folder,
    through: () => keeper.through,
    fail: () => {
      const [device = ''] = execFileSync('losetup', ['--associated', image, '--output', 'NAME', '--noheadings'], {
        encoding: 'utf8',
      }).split('\n');
      writeFileSync(`/sys/fs/ext4/${path.basename(device.trim())}/trigger_fs_error`, 'tried');
    },
    mend: async () => {
      await keeper.close();
      keeper = await mount();
    },
    close: async () => {
      await keeper.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

interface Keeper {
  /** Its root folder as it is seen from here. */
  root: string;
  /** In front of a command that is to see what it mounted. */
  through: readonly string[];
  close: () => Promise<void>;
}

/** Mounts in a namespace of its own, and keeps that until it is closed or this process has ended, however that came. */
async function openKeeper(
  script: string,
  args: readonly string[],
  isThere: (root: string) => boolean,
): Promise<Keeper> {
  const child = spawn('unshare', ['-m', 'sh', '-c', `${script} && exec cat >/dev/null`, ...args], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const root = `/proc/${child.pid}/root`;
  async function close(): Promise<void> {
    child.kill('SIGKILL');
    await gone;
  }
  await eventually(() => isThere(root), 'the file system', 10_000).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return { root, through: ['nsenter', `--mount=/proc/${child.pid}/ns/mnt`, '--'], close };
}
