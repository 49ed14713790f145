import { appendFileSync, chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { hostConfig, watchHosts } from '../support/watched-fleet.ts';
import { openSshd } from '../support/sshd.ts';
import { needs } from '../support/needs.ts';

/** 100,000 takes a minute; the whole number is tried with FLOOD_LINES=100000. */
const FLOOD = Number(process.env['FLOOD_LINES'] ?? 20_000);
const MIB = 1024 * 1024;
const BOOT_ID = 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6';

it.each(['a log file', 'the ring'])(
  'very many kill lines at once in %s are recorded once, in bounded memory, and the next one within a second',
  { ...needs('sshd'), timeout: 400_000 },
  async (where) => {
    const dir = mkdtempSync(path.join(tmpdir(), 'oombot-flooding-'));
    const file = path.join(dir, 'kern.log');
    const ring = path.join(dir, 'ring');
    writeFileSync(file, '');
    // Stands in for a host whose ring holds as much: what is asked goes to a shell, and /dev/kmsg is the file.
    writeFileSync(
      ring,
      `#!/bin/sh\nset -- -n +1 -f --pid=$$\ncase $SSH_ORIGINAL_COMMAND in *"cat /dev/kmsg"*)
echo "#kmsg 1 ${BOOT_ID} $(date +%s) 90000.00"; exec tail -s 0.1 -n +1 -f ${file};; esac\nexec sh -c "$SSH_ORIGINAL_COMMAND"\n`,
    );
    chmodSync(ring, 0o755);
    const isRing = where === 'the ring';
    const sshd = await openSshd(isRing ? { lines: [`ForceCommand ${ring}`] } : {});
    const times = new Map<number, number>();
    const atMs = new Map<number, number>();
    const watched = await watchHosts({
      hosts: [hostConfig('loud', sshd.target(), isRing ? null : [file])],
      onSaved: ({ fresh }) => {
        // Beside the machine's own kills, which its journal or its counter tells.
        for (const { pid } of fresh.map((kill) => kill.record).filter((one) => one.totalVmKiB === one.pid)) {
          times.set(pid ?? 0, (times.get(pid ?? 0) ?? 0) + 1);
          atMs.set(pid ?? 0, performance.now());
        }
      },
    });

    function killLine(pid: number): string {
      const words = `Killed process ${pid} (java) total-vm:${pid}kB, anon-rss:900kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:40kB oom_score_adj:0`;
      const usec = 90_001_000_000 + pid;
      if (isRing) return `3,${pid},${usec},-;${words}\n`;
      return `${new Date().toISOString().replace('Z', '000+00:00')} h kernel: [ ${usec / 1e6}] ${words}\n`;
    }
    async function untilSaved(pid: number, forMs: number): Promise<number> {
      for (const untilMs = performance.now() + forMs; ;) {
        const at = atMs.get(pid);
        if (at !== undefined) return at;
        if (performance.now() > untilMs) throw new Error(`the kill of ${pid} is not on record: ${atMs.size} are`);
        await sleep(20);
      }
    }

    try {
      watched.fleet.watchOnly(null);
      await watched.untilWatching('loud');
      const before = process.memoryUsage().rss;
      let most = 0;
      const measuring = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 50);

      const beganMs = performance.now();
      appendFileSync(file, Array.from({ length: FLOOD }, (_, at) => killLine(at + 1)).join(''));
      const floodMs = (await untilSaved(FLOOD, 300_000)) - beganMs;
      const nextBeganMs = performance.now();
      appendFileSync(file, killLine(FLOOD + 1));
      // A log file is looked at once a second where the host has no inotify.
      const nextMs = (await untilSaved(FLOOD + 1, 10_000)) - nextBeganMs;
      clearInterval(measuring);

      expect([...times].filter(([, count]) => count !== 1)).toEqual([]);
      expect(times.size).toBe(FLOOD + 1);
      expect(nextMs).toBeLessThan(isRing ? 1_000 : 2_000);
      expect(most - before, `after ${Math.round(floodMs)} ms`).toBeLessThan(350 * MIB);
      if (!isRing) expect(watched.warnings).toEqual([]);
      expect(watched.gaps).toEqual([]);
      process.stderr.write(
        `\n${where}: ${FLOOD} kills in ${Math.round(floodMs)} ms, the next in ${Math.round(nextMs)} ms, ${Math.round((most - before) / MIB)} MiB more\n`,
      );
    } finally {
      await watched.close();
      await sshd.close();
      rmSync(dir, { recursive: true, force: true });
    }
  },
);
