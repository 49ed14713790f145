import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
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
  const script = `mount -t tmpfs -o size=${sizeKiB}k small "$0" && exec sleep 100000`;
  const keeper = spawn('unshare', ['-m', 'sh', '-c', script, folder], { stdio: 'ignore' });
  // As it is seen from here. SQLite would resolve the link to the folder on this side: the bot goes through.
  const inside = `/proc/${keeper.pid}/root${folder}`;
  const filler = path.join(inside, 'filler');
  await eventually(() => existsSync(inside) && sizeOf(inside) === sizeKiB, 'the small file system', 10_000);

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
    through: ['nsenter', `--mount=/proc/${keeper.pid}/ns/mnt`, '--'],
    fill,
    free: () => rmSync(filler, { force: true }),
    close: async () => {
      const gone = once(keeper, 'exit');
      keeper.kill('SIGKILL');
      await gone;
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

  async function mount() {
    const child = spawn('unshare', ['-m', 'sh', '-c', `mount -o loop "$0" "$1" && exec sleep 100000`, image, folder], {
      stdio: 'ignore',
    });
    await eventually(() => existsSync(`/proc/${child.pid}/root${folder}/lost+found`), 'the file system', 10_000);
    return child;
  }
  async function unmount(): Promise<void> {
    const gone = once(keeper, 'exit');
    keeper.kill('SIGKILL');
    await gone;
  }

  return {
    folder,
    through: () => ['nsenter', `--mount=/proc/${keeper.pid}/ns/mnt`, '--'],
    fail: () => {
      const [device = ''] = execFileSync('losetup', ['--associated', image, '--output', 'NAME', '--noheadings'], {
        encoding: 'utf8',
      }).split('\n');
      writeFileSync(`/sys/fs/ext4/${path.basename(device.trim())}/trigger_fs_error`, 'tried');
    },
    mend: async () => {
      await unmount();
      keeper = await mount();
    },
    close: async () => {
      await unmount();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
