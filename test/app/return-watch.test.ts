import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openLiveScans } from '../../src/app/live-scan.ts';
import { assignIncidents } from '../../src/app/watch/assign-incidents.ts';
import { openReturnWatch, type ReturnWatch } from '../../src/app/watch/return-watch.ts';
import type { SavedBatch, Store } from '../../src/app/store-port.ts';
import type { BackState } from '../../src/incident/incident.ts';
import { openStore } from '../../src/store/store.ts';
import { aKill } from '../support/a-kill.ts';
import { aScan } from '../support/a-scan.ts';
import { fakeClock, type FakeClock } from '../support/fake-clock.ts';
import { scriptedFleet, scriptedHost, type ScriptedHost } from '../support/scripted-host.ts';
import { takeAsked } from '../support/taken.ts';
import { QUIET } from '../support/quiet-log.ts';
import { PLACING } from '../support/placing.ts';

const BOOT_AT_MS = Date.UTC(2026, 10, 22, 12);
const DIED_AT_MS = BOOT_AT_MS + 600_000;
/** `aScan` gives a process as many clock ticks after boot as its pid says, 100 to a second: born 5 s after the kill. */
const NEXT_PID = 60_500;

interface Scene {
  store: Store;
  clock: FakeClock;
  host: ScriptedHost;
  start: () => ReturnWatch;
  /** Records a kill of mysqld of mysql.service, and tells it in the channel. */
  happen: () => Promise<SavedBatch>;
  back: () => Promise<BackState | undefined>;
}

async function aScene(learnedAfterMs = 0): Promise<Scene> {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-return-'));
  const store = await openStore(`sqlite:${path.join(folder, 'a.db')}`);
  const clock = fakeClock(DIED_AT_MS + learnedAfterMs);
  const host = scriptedHost('db01', clock);
  const watches: ReturnWatch[] = [];
  onTestFinished(async () => {
    for (const watch of watches) await watch.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });

  function start(): ReturnWatch {
    const fleet = scriptedFleet(new Map([['db01', { link: host, tags: [] }]]));
    const watch = openReturnWatch({
      store,
      fleet,
      scans: openLiveScans(fleet, clock),
      clock,
      log: QUIET,
      channelOf: () => '#oom',
      bootAtMs: () => BOOT_AT_MS,
      wake: () => {},
    });
    watches.push(watch);
    return watch;
  }

  async function happen(): Promise<SavedBatch> {
    const kill = aKill({ host: 'db01', pid: 7, atMs: DIED_AT_MS });
    const kills = [{ ...kill, record: { ...kill.record, uid: 0 } }];
    const saved = await store.saveBatch({ host: 'db01', kills, positions: [] }, (view) =>
      assignIncidents(view, { ...PLACING, nowMs: clock.nowMs(), newId: () => 'i1' }),
    );
    await takeAsked(store, '#oom', { nowMs: clock.nowMs() });
    return saved;
  }

  return { store, clock, host, start, happen, back: async () => (await store.incident('i1'))?.back };
}

const NEXT = { pid: NEXT_PID, name: 'mysqld', cgroup: '/system.slice/mysql.service' };

describe('is it back?', () => {
  it('is, with a process of the same name, user and unit that was born after the death', async () => {
    const { clock, host, start, happen, back } = await aScene();
    host.scanSays(aScan([NEXT]));
    start().see(await happen());
    await clock.advance(5_000);

    expect(await back()).toEqual({ kind: 'restarted', afterMs: 5_000, pid: NEXT_PID });
  });

  it.each(['/user.slice/user-1000.slice/session-3.scope', '/'])(
    'is not known from a namesake in %s',
    async (cgroup) => {
      const { clock, host, start, happen, back } = await aScene();
      host.scanSays(aScan([{ ...NEXT, cgroup }]));
      start().see(await happen());
      await clock.advance(20 * 60_000);

      expect(await back()).toEqual({ kind: 'unknown' });
    },
  );

  it('is looked at when the kill was learned of late', async () => {
    const { clock, host, start, happen, back } = await aScene(5 * 60_000);
    host.scanSays(aScan([NEXT]));
    start().see(await happen());
    await clock.advance(5_000);

    expect(await back()).toMatchObject({ kind: 'restarted' });
  });

  it('is looked at after a restart of the bot, and again when the host was away', async () => {
    const { clock, host, start, happen, back } = await aScene();
    await happen();
    host.become('unreachable');
    start();
    await clock.advance(5 * 60_000);
    host.scanSays(aScan([NEXT]));
    host.become('connected');
    await clock.advance(60_000);

    expect(await back()).toMatchObject({ kind: 'restarted' });
  });

  it('comes with who is next, in one change of the message', async () => {
    const { store, clock, host, start, happen } = await aScene();
    host.scanSays(aScan([NEXT, { pid: 300, name: 'icinga2', rssKiB: 5_000_000 }]));
    start().see(await happen());
    await clock.advance(5_000);

    const told = await store.incident('i1');
    expect(told).toMatchObject({ back: { kind: 'restarted' }, next: { atMs: DIED_AT_MS + 3_000 }, revision: 2 });
    expect(told?.next?.candidates.map((one) => one.name)).toEqual(['icinga2', 'mysqld']);
    expect(await store.ledger('#oom', clock.nowMs())).toMatchObject([
      { key: 'i1', kind: 'incident', ts: '1.1', shown: 1 },
      { incidentId: 'i1', kind: 'reply' },
    ]);
  });

  it('is not told while it is muted', async () => {
    const { store, clock, host, start, happen, back } = await aScene();
    host.scanSays(aScan([NEXT]));
    const saved = await happen();
    await store.putMute({ target: 'mysql.service', untilMs: clock.nowMs() + 60_000, by: 'U1' });
    start().see(saved);
    await clock.advance(5_000);

    expect(await back()).toMatchObject({ kind: 'restarted' });
    expect(await store.queueLengths()).toEqual([]);
  });
});
