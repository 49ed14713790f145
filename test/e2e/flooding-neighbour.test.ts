import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openTurns } from '../../src/app/watch/turns.ts';
import { watchHost } from '../../src/app/watch/watch-host.ts';
import { openStore } from '../../src/store/store.ts';
import { realClock } from '../support/real-clock.ts';
import { BOOT_ID, scriptedHost } from '../support/scripted-host.ts';

const CHUNK_LINES = 200;
const FLOOD_MS = 6_000;

it('a host that floods its log with kills delays those of another by 50 ms at most', { timeout: 60_000 }, async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-flooding-'));
  const store = await openStore(`sqlite:${dir}/oombot.db`);
  const turns = openTurns();
  const saved = new Set<number>();
  const [loud, quiet] = ['loud', 'quiet'].map((host) => scriptedHost(host, realClock));
  const watches = [loud!, quiet!].map((link) =>
    watchHost(link, {
      store,
      turns,
      clock: realClock,
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      channelOf: () => '#oom',
      onLines: () => undefined,
      onGap: () => undefined,
      onSaved: ({ fresh }) => fresh.forEach(({ record }) => saved.add(record.pid ?? 0)),
    }),
  );
  let pid = 0;
  function nextLine(): string {
    pid += 1;
    return `3,${pid},${3_600_000_000 + pid},-;Out of memory: Killed process ${pid} (java) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0`;
  }
  /** Milliseconds of this process's work from the line to the record, sorted: what else the machine does is not counted. */
  async function delays(forMs: number): Promise<number[]> {
    const found: number[] = [];
    for (const endMs = performance.now() + forMs; performance.now() < endMs;) {
      await sleep(20);
      const before = process.cpuUsage();
      quiet!.say([nextLine()], { bootId: BOOT_ID });
      const mine = pid;
      while (!saved.has(mine)) await immediate();
      const { user, system } = process.cpuUsage(before);
      found.push((user + system) / 1_000);
    }
    return found.sort((a, b) => a - b);
  }

  while (!loud!.isFollowed() || !quiet!.isFollowed()) await sleep(10);
  const calm = await delays(1_500);
  let isOver = false;
  async function flood(): Promise<void> {
    while (!isOver) {
      loud!.say(Array.from({ length: CHUNK_LINES }, nextLine), { bootId: BOOT_ID });
      await (loud!.hold() ?? immediate());
    }
  }
  const flooding = flood();
  const during = await delays(FLOOD_MS);
  isOver = true;
  await flooding;
  const recorded = saved.size;
  await Promise.all(watches.map((watch) => watch.close()));
  await store.close();
  rmSync(dir, { recursive: true, force: true });

  process.stderr.write(
    `\nA kill beside a flood: ${middle(during).toFixed(1)} ms of work in the middle, ${at(during, 0.95).toFixed(1)} ms at 95 %; without one ${middle(calm).toFixed(1)} ms\n`,
  );
  expect(recorded).toBeGreaterThan(1_000);
  expect(at(during, 0.95) - middle(calm)).toBeLessThan(50);
  expect(at(during, 0.5) - middle(calm)).toBeLessThan(25);
});

function middle(sorted: number[]): number {
  return at(sorted, 0.5);
}

function at(sorted: number[], share: number): number {
  return sorted[Math.floor(sorted.length * share)] ?? Infinity;
}
