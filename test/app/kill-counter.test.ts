import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKillCounter } from '../../src/app/kill-counter.ts';
import type { Store } from '../../src/app/store-port.ts';
import { openLogParser } from '../../src/oom/log-parser.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { openStore } from '../../src/store/store.ts';
import { aKill } from '../support/a-kill.ts';
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
    const looked = await host.look();
    if (looked.kind === 'failed') throw new Error(looked.sentence);
    const world = { store, clock, watchedSinceMs: clock.nowMs(), lookUp: () => Promise.resolve() };
    return openKillCounter(host, looked.facts, world);
  }

  async function save(records: KillRecord[]): Promise<void> {
    const atMs = clock.nowMs();
    const kills = records.map((record) =>
      aKill({ record, bootId: BOOT_ID, atMs, seenAtMs: atMs + 40, key: `${record.pid}` }),
    );
    await store.saveBatch({ host: 'db01', kills, positions: [] }, () => ({
      incidents: [],
      placed: {},
      deliveries: [],
    }));
  }

  async function compare(): Promise<number> {
    const counter = await openCounter();
    const found = counter.compare(new AbortController().signal);
    for (let look = 0; look < 4; look += 1) await clock.advance(15_000);
    return (await found).length;
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
});
