import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { LogBatch } from '../../src/app/host-link.ts';
import { openLineQueue } from '../../src/app/watch/line-queue.ts';
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

it('lines wait in bounded memory while the record has no room, and are handled in order when it has', async () => {
  let room: PromiseWithResolvers<void> | null = Promise.withResolvers<void>();
  const handled: string[] = [];
  const lines = openLineQueue({
    turns: openTurns(),
    room: () => room?.promise ?? null,
    onLines: (batch) => handled.push(...batch.lines),
    onPosition: ({ value }) => handled.push(value),
    onGap: () => undefined,
  });
  const said: string[] = [];

  for (let at = 0; lines.hold() === null; at += 1) {
    said.push(`${at} ${'x'.repeat(1_000)}`);
    lines.add(aBatch([said.at(-1)!]));
  }
  lines.addPosition({ source: 'file:/a', value: 'behind' });
  expect(said.length).toBeLessThan(6_000);
  expect(handled).toEqual([]);
  const go = room;
  room = null;
  go.resolve();
  await lines.drained();

  expect(handled).toEqual([...said, 'behind']);
  expect(lines.hold()).toBeNull();
});

it('a line at which the reader throws is passed over, and those around it are handled', async () => {
  const handled: string[] = [];
  const faults: unknown[] = [];
  const lines = openLineQueue({
    turns: openTurns(),
    room: () => null,
    onLines: (batch) => {
      if (batch.lines.includes('poison')) throw new Error('what is this');
      handled.push(...batch.lines.map((line, at) => `${line} ${batch.positionAfter(at)?.value}`));
    },
    onPosition: () => undefined,
    onGap: (gap) => faults.push(gap),
  });

  lines.add(aBatch(['a', 'poison', 'b']));
  await lines.drained();

  expect(handled).toEqual(['a 0', 'b 2']);
  expect(faults).toMatchObject([{ source: 'file:/a', lost: 1, sentence: expect.stringContaining('what is this') }]);
});

function aBatch(lines: string[]): LogBatch {
  return {
    source: 'file:/a',
    lines,
    arrivedAtMs: 0,
    bootId: null,
    live: true,
    lookup: null,
    positionAfter: (index) => ({ source: 'file:/a', value: String(index) }),
  };
}

function middle(sorted: number[]): number {
  return at(sorted, 0.5);
}

function at(sorted: number[], share: number): number {
  return sorted[Math.floor(sorted.length * share)] ?? Infinity;
}
