import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openOomdCounter } from '../../src/app/watch/oomd-counter.ts';
import type { KillCounter } from '../../src/app/watch/kill-counter.ts';
import type { Store } from '../../src/app/store-port.ts';
import type { Kill } from '../../src/incident/incident.ts';
import { identifyCgroup } from '../../src/oom/proc/cgroup.ts';
import { openStore } from '../../src/store/store.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { fakeClock, type FakeClock } from '../support/fake-clock.ts';
import { BOOT_ID, scriptedHost } from '../support/scripted-host.ts';

describe('what systemd counts of systemd-oomd’s kills', () => {
  let dir: string;
  let store: Store;
  let clock: FakeClock;
  let host: ReturnType<typeof scriptedHost>;
  let counter: KillCounter;
  let backfilled: number;

  beforeEach(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'oombot-oomd-counter-'));
    store = await openStore(`sqlite:${path.join(dir, 'a.db')}`);
    clock = fakeClock(Date.UTC(2026, 7, 30, 1, 35, 0));
    host = scriptedHost('db01', clock);
    backfilled = 0;
    counter = await openCounter();
  });
  afterEach(async () => {
    await store.close();
    rmSync(dir, { recursive: true });
  });

  async function openCounter(): Promise<KillCounter> {
    const looked = await host.probe();
    if (looked.kind === 'failed') throw new Error(looked.sentence);
    return openOomdCounter(host, looked.facts, {
      store,
      clock,
      watchedSinceMs: clock.nowMs(),
      backfill: () => {
        backfilled += 1;
        return Promise.resolve();
      },
    });
  }

  /** What systemctl shows from now on. */
  function count(units: Record<string, number>): void {
    const rows = Object.entries(units).map(([unit, kills]) => ({ unit, kills }));
    host.oomdSays({ sum: rows.reduce((sum, { kills }) => sum + kills, 0), units: rows, readAtMs: clock.nowMs() });
  }

  async function find(): Promise<Kill[]> {
    const found = counter.compare(new AbortController().signal);
    for (let look = 0; look < 4; look += 1) await clock.advance(15_000);
    return found;
  }

  async function save(kills: Kill[]): Promise<void> {
    await store.saveBatch({ host: 'db01', kills, positions: [] }, () => ({
      incidents: [],
      placed: {},
      deliveries: [],
    }));
  }

  /** A kill of systemd-oomd that its log told just now. */
  function told(unit: string): Kill {
    const record = aRecord({ killer: 'systemd-oomd', pid: null, name: null, identity: identifyCgroup(`/${unit}`) });
    return aKill({ record, bootId: BOOT_ID, atMs: clock.nowMs(), seenAtMs: clock.nowMs(), key: unit });
  }

  it('tells a kill that no log tells, once, with its unit', async () => {
    count({ 'shop.service': 1 });
    expect(await find()).toEqual([]);

    count({ 'shop.service': 1, 'mail.service': 1 });
    const kills = await find();

    expect(kills).toMatchObject([
      {
        bootId: BOOT_ID,
        key: `${BOOT_ID}:oomd-counter:2`,
        source: 'counter',
        record: {
          killer: 'systemd-oomd',
          outcome: 'killed',
          identity: { unit: 'mail.service' },
          cause: { text: 'systemd counted a kill by systemd-oomd in mail.service that is in no log.' },
        },
      },
    ]);
    expect(backfilled).toBe(1);
    await save(kills);
    await counter.settle(kills);
    expect(await find()).toEqual([]);
  });

  it('reports nothing for a kill that the log has, also when systemd counts it late', async () => {
    count({});
    await find();
    await save([told('shop.service')]);
    await find();

    count({ 'shop.service': 1 });

    expect(await find()).toEqual([]);
  });

  it('names only the unit of which nothing was told', async () => {
    count({});
    await find();
    await save([told('shop.service')]);

    count({ 'shop.service': 1, 'mail.service': 1 });

    expect((await find()).map(({ record }) => record.identity?.unit)).toEqual(['mail.service']);
  });

  it('tells a kill that is lost soon after one that the log told and systemd had counted', async () => {
    count({});
    await find();
    await save([told('shop.service')]);
    count({ 'shop.service': 1 });
    await find();

    count({ 'shop.service': 1, 'web.service': 1 });

    expect((await find()).map(({ record }) => record.identity?.unit)).toEqual(['web.service']);
  });

  it('counts what the log told as told also after it has told one that the log lacks', async () => {
    count({});
    await find();
    await save([told('shop.service')]);
    await clock.advance(10 * 60_000);
    count({ 'shop.service': 1, 'web.service': 1 });
    const kills = await find();
    await save(kills);
    await counter.settle(kills);
    await clock.advance(10 * 60_000);

    expect(kills).toHaveLength(1);
    expect(await find()).toEqual([]);
  });

  it('begins anew when a unit goes and takes its count with it', async () => {
    count({ 'shop.service': 3, 'mail.service': 1 });
    await find();
    count({ 'mail.service': 1 });
    expect(await find()).toEqual([]);

    count({ 'mail.service': 1, 'web.service': 1 });

    expect((await find()).map(({ record }) => record.identity?.unit)).toEqual(['web.service']);
  });

  it('tells nothing of what was counted before the host was watched, nor where a host cannot say', async () => {
    count({ 'shop.service': 5 });
    expect(await find()).toEqual([]);
    host.oomdSays(null);
    expect(await find()).toEqual([]);
  });

  it('goes on from the record after a restart, without naming a unit that it cannot know', async () => {
    count({ 'shop.service': 1 });
    await find();
    counter = await openCounter();
    count({ 'shop.service': 1, 'mail.service': 1 });

    const kills = await find();

    expect(kills).toHaveLength(1);
    expect(kills[0]?.record.identity).toBeNull();
  });

  it('leaves the kernel’s own count alone', async () => {
    await store.saveCounter({ host: 'db01', bootId: BOOT_ID, killer: 'kernel', counter: 7, parsed: 3, atMs: 1 });
    count({ 'shop.service': 1 });
    await find();

    expect(await store.counter('db01', BOOT_ID, 'kernel')).toMatchObject({ counter: 7, parsed: 3, atMs: 1 });
  });
});
