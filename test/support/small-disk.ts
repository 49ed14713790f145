import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
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
