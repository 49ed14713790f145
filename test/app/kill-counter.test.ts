import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKillCounter, type KillCounter } from '../../src/app/watch/kill-counter.ts';
import type { Store } from '../../src/app/store-port.ts';
import type { Kill } from '../../src/incident/incident.ts';
import { openLogParser } from '../../src/oom/report/log-parser.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { openStore } from '../../src/store/store.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { fakeClock, type FakeClock } from '../support/fake-clock.ts';
import { BOOT_ID, scriptedHost } from '../support/scripted-host.ts';

// memory.oom.group on a real kernel 6.1: four processes died, the chosen one stands in the log twice.
const GROUP_LOG = path.join(import.meta.dirname, '../corpus/own/d12-oomgroup.dmesg.log');

function recordsOf(file: string): KillRecord[] {
  const parser = openLogParser({ lastWordOnly: true });
  const lines = readFileSync(file, 'latin1').split('\n');
  return [...lines.flatMap((line, at) => parser.line(line, at + 1)), ...parser.end()].map((event) => event.record);
}

describe('the kernel’s own counter', () => {
  let dir: string;
  let store: Store;
  let clock: FakeClock;
  let host: ReturnType<typeof scriptedHost>;

  beforeEach(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'oombot-counter-'));
    store = await openStore(`sqlite:${path.join(dir, 'a.db')}`);
    clock = fakeClock(Date.UTC(2026, 7, 30, 1, 35, 0));
    host = scriptedHost('db01', clock);
  });
  afterEach(async () => {
    await store.close();
    rmSync(dir, { recursive: true });
  });

  async function openCounter() {
    const looked = await host.probe();
    if (looked.kind === 'failed') throw new Error(looked.sentence);
    const world = { store, clock, watchedSinceMs: clock.nowMs(), backfill: () => Promise.resolve() };
    return openKillCounter(host, looked.facts, world);
  }

  async function save(records: KillRecord[], given: Partial<Kill> = {}): Promise<void> {
    const atMs = clock.nowMs();
    const kills = records.map((record) =>
      aKill({ record, bootId: BOOT_ID, atMs, seenAtMs: atMs + 40, key: `${record.pid}`, ...given }),
    );
    await store.saveBatch({ host: 'db01', kills, positions: [] }, () => ({
      incidents: [],
      placed: {},
      deliveries: [],
    }));
  }

  async function find(counter?: KillCounter): Promise<Kill[]> {
    const found = (counter ?? (await openCounter())).compare(new AbortController().signal);
    for (let look = 0; look < 4; look += 1) await clock.advance(15_000);
    return found;
  }

  async function compare(): Promise<number> {
    return (await find()).length;
  }

  function count(oomKills: number): void {
    host.countersSay({ bootId: BOOT_ID, oomKills, readAtMs: clock.nowMs() });
  }

  it('agrees with a group that died whole, whose chosen process it counts twice', async () => {
    host.countersSay({ bootId: BOOT_ID, oomKills: 10, readAtMs: clock.nowMs() });
    expect(await compare()).toBe(0);
    const records = recordsOf(GROUP_LOG);
    expect(records).toHaveLength(4);

    await save(records);
    host.countersSay({ bootId: BOOT_ID, oomKills: 15, readAtMs: clock.nowMs() });

    expect(await compare()).toBe(0);
  });

  it('still finds the one that is missing beside such a group', async () => {
    host.countersSay({ bootId: BOOT_ID, oomKills: 10, readAtMs: clock.nowMs() });
    expect(await compare()).toBe(0);

    await save(recordsOf(GROUP_LOG));
    host.countersSay({ bootId: BOOT_ID, oomKills: 16, readAtMs: clock.nowMs() });

    expect(await compare()).toBe(1);
  });

  it('does not miss kills that were too many to keep', async () => {
    host.countersSay({ bootId: BOOT_ID, oomKills: 10, readAtMs: clock.nowMs() });
    expect(await compare()).toBe(0);
    const [record] = recordsOf(GROUP_LOG);
    await save(Array.from({ length: 30 }, (_, pid) => ({ ...record!, pid, oomGroup: null })));
    host.countersSay({ bootId: BOOT_ID, oomKills: 40, readAtMs: clock.nowMs() });
    expect(await compare()).toBe(0);

    const nowMs = clock.nowMs();
    await store.prune({ nowMs, keepKillsMs: nowMs, keepSamplesMs: nowMs, maxKillsPerHost: 20 });
    host.countersSay({ bootId: BOOT_ID, oomKills: 41, readAtMs: clock.nowMs() });

    expect(await compare()).toBe(1);
  });

  describe('on first contact', () => {
    const MINUTE_MS = 60_000;

    /** A kill is told in the log, at that time; and the kernel has counted one more than when the host was looked at. */
    async function missingAfter(record: KillRecord, given: Partial<Kill>): Promise<number> {
      count(10);
      const counter = await openCounter();
      await save([record], given);
      count(11);
      return (await find(counter)).length;
    }

    it('counts from the look that came before following', async () => {
      const atMs = clock.nowMs() - 10 * MINUTE_MS;

      expect(await missingAfter(aRecord(), { atMs, atErrorMs: 500 })).toBe(1);
    });

    it.each([
      ['just before that look', { agoMs: 5_000, errorMs: 15 }],
      ['after it', { agoMs: -5_000, errorMs: 15 }],
      ['at a time that is not certain', { agoMs: 10 * MINUTE_MS, errorMs: 15 * MINUTE_MS }],
    ])('takes one that died %s for the one that was counted since', async (_when, { agoMs, errorMs }) => {
      expect(await missingAfter(aRecord(), { atMs: clock.nowMs() - agoMs, atErrorMs: errorMs })).toBe(0);
    });

    it('never takes more for counted by then than the kernel had counted', async () => {
      count(0);
      const counter = await openCounter();
      // It says that it died long ago, as the clock of a machine that was suspended does.
      await save([aRecord()], { atMs: clock.nowMs() - 60 * MINUTE_MS, atErrorMs: 15 });
      count(1);

      expect(await find(counter)).toEqual([]);
    });

    it('is content with a kernel that did not count yet when it was looked at', async () => {
      host.factsSay({ oomKills: null });
      count(7);

      expect(await compare()).toBe(0);
    });
  });

  describe('where a kill is missing', () => {
    const SHOP = '/system.slice/shop.service';
    const MYSQL = '/system.slice/mysql.service';

    beforeEach(async () => {
      count(0);
      await compare();
    });

    it('is told by the group’s own counter', async () => {
      await save([aRecord({ pid: 1 })]);
      count(3);
      host.groupsSay([
        { path: MYSQL, kills: 1 },
        { path: SHOP, kills: 1 },
      ]);

      const kills = await find();

      expect(kills.map(({ record }) => [record.taskMemcg, record.identity?.unit, record.cause?.text])).toEqual([
        [null, undefined, 'The kernel counted a kill that its log does not explain.'],
        [SHOP, 'shop.service', 'The kernel counted a kill in system.slice/shop.service that its log does not explain.'],
      ]);
    });

    it('is not asked while nothing is missing, nor when what was missing comes', async () => {
      await save([aRecord({ pid: 1 })]);
      count(1);
      await compare();
      count(2);
      const counter = await openCounter();
      const found = counter.compare(new AbortController().signal);
      await clock.advance(15_000);
      await save([aRecord({ pid: 2 })]);
      await clock.advance(60_000);

      expect(await found).toEqual([]);
      expect(host.groupReads()).toBe(0);
    });

    it('is told again for a later one only', async () => {
      host.groupsSay([{ path: SHOP, kills: 1 }]);
      count(1);
      const counter = await openCounter();
      const first = await find(counter);
      await store.saveBatch({ host: 'db01', kills: first, positions: [] }, () => ({
        incidents: [],
        placed: {},
        deliveries: [],
      }));
      await counter.settle(first);
      count(2);

      expect((await find(counter)).map(({ record }) => record.taskMemcg)).toEqual([null]);
    });

    it.each<[string, () => Promise<void> | void]>([
      ['the host does not say', () => host.groupsSay(null)],
      [
        'groups lack more than is missing: they did before',
        () =>
          host.groupsSay([
            { path: SHOP, kills: 1 },
            { path: MYSQL, kills: 1 },
          ]),
      ],
      [
        'a kill on record may have been there',
        async () => {
          await save([aRecord({ pid: 1, taskMemcg: null })]);
          count(2);
          host.groupsSay([{ path: SHOP, kills: 1 }]);
        },
      ],
      [
        'it lies below a group that died whole',
        async () => {
          await save([aRecord({ pid: 1, taskMemcg: '/system.slice', oomGroup: '/system.slice' })]);
          count(2);
          host.groupsSay([{ path: SHOP, kills: 1 }]);
        },
      ],
      [
        'the record lost some of what it had',
        async () => {
          await save(Array.from({ length: 30 }, (_, pid) => aRecord({ pid, taskMemcg: SHOP })));
          count(30);
          await compare();
          const nowMs = clock.nowMs();
          await store.prune({ nowMs, keepKillsMs: nowMs, keepSamplesMs: nowMs, maxKillsPerHost: 20 });
          count(31);
          host.groupsSay([{ path: SHOP, kills: 21 }]);
        },
      ],
    ])('stays unsaid where %s', async (_why, prepare) => {
      count(1);
      await prepare();

      expect((await find()).map(({ record }) => record.taskMemcg)).toEqual([null]);
    });
  });
});
