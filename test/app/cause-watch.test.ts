import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openCauseWatch } from '../../src/app/watch/cause-watch.ts';
import { assignIncidents } from '../../src/app/watch/assign-incidents.ts';
import type { SavedBatch, Store } from '../../src/app/store-port.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import { renderText } from '../../src/notice/render-text.ts';
import { openStore } from '../../src/store/store.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { fakeClock, type FakeClock } from '../support/fake-clock.ts';
import { scriptedFleet, scriptedHost, type ScriptedHost } from '../support/scripted-host.ts';
import { takeAsked } from '../support/taken.ts';
import { QUIET } from '../support/quiet-log.ts';
import { PLACING } from '../support/placing.ts';

const DIED_AT_MS = Date.UTC(2026, 10, 22, 12);
const GROUP = '/system.slice/mysql.service';

interface Scene {
  store: Store;
  clock: FakeClock;
  host: ScriptedHost;
  /** Records a kill at the limit of mysql.service, tells it in the channel if so wanted, and lets the watch see it. */
  happen: (given?: { told?: boolean }) => Promise<void>;
  /** Deliveries that wait, and are taken now. */
  waiting: () => Promise<string[]>;
  message: () => Promise<string>;
}

async function aScene(): Promise<Scene> {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-cause-'));
  const store = await openStore(`sqlite:${path.join(folder, 'a.db')}`);
  const clock = fakeClock(DIED_AT_MS);
  const host = scriptedHost('db01', clock);
  const fleet = scriptedFleet(new Map([['db01', { link: host, tags: [] }]]));
  const log = QUIET;
  const watch = openCauseWatch({ store, fleet, clock, log, channelOf: () => '#oom', wake: () => {} });
  onTestFinished(async () => {
    await watch.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });

  async function waiting(): Promise<string[]> {
    return (await takeAsked(store, '#oom', { nowMs: clock.nowMs() })).map(({ kind }) => kind);
  }

  async function happen({ told = true }: { told?: boolean } = {}): Promise<void> {
    const record = aRecord({
      domain: 'memcg',
      memory: null,
      holders: [],
      oomMemcg: GROUP,
      memcgUsageKiB: 524_288,
      memcgLimitKiB: 524_288,
      memcg: {
        usageKiB: 524_288,
        limitKiB: 524_288,
        failcnt: 9,
        swapUsageKiB: 0,
        swapLimitKiB: 0,
        memswUsageKiB: null,
        memswLimitKiB: null,
        kmemUsageKiB: null,
        version: 2,
        statsKiB: { anon: 520_000 },
        events: {},
      },
    });
    const kills = [aKill({ host: 'db01', atMs: clock.nowMs(), record })];
    const saved: SavedBatch = await store.saveBatch({ host: 'db01', kills, positions: [] }, (view) =>
      assignIncidents(view, { ...PLACING, nowMs: clock.nowMs(), newId: () => 'i1' }),
    );
    if (told) for (let round = 0; round < 3; round += 1) await waiting();
    watch.see(saved);
  }

  async function message(): Promise<string> {
    const incident = await store.incident('i1');
    if (incident === null) throw new Error('no incident');
    return renderText(describeIncident(incident, { nowMs: clock.nowMs(), protect: false }));
  }
  return { store, clock, host, happen, waiting, message };
}

function answer(...lines: string[]): string {
  return ['#look 1', 'up 1000.00', ...lines, '#end', ''].join('\n');
}

const UNIT = ['unit ActiveState=active', 'unit MemoryMax=536870912', 'unit NRestarts=3'];
const AGAIN_FULL = [
  'group version 2',
  'group memory.max 536870912',
  'group memory.current 530000000',
  'stat anon 525000000',
];

describe('a look at the record after a kill', () => {
  it('tells a leak from the deaths before, whether the host answers or not', async () => {
    const { store, clock, happen, waiting } = await aScene();
    const kills = [78, 52, 26].map((hours, at) => {
      const record = aRecord({ anonRssKiB: 6_000_000 + at, pid: 900 + at });
      return aKill({ host: 'db01', atMs: DIED_AT_MS - hours * 3_600_000, record });
    });
    for (const [at, kill] of kills.entries()) {
      await store.saveBatch({ host: 'db01', kills: [kill], positions: [] }, (view) =>
        assignIncidents(view, { ...PLACING, nowMs: clock.nowMs(), newId: () => `before-${at}`, isHistory: () => true }),
      );
    }
    await happen();
    await clock.advance(1_000);

    const told = await store.incident('i1');
    expect(told?.history?.recurrenceAtMs).toHaveLength(3);
    expect([told?.cause?.code, ...(told?.cause?.also ?? []).map((one) => one.code)]).toContain('leak');
    expect(await waiting()).toEqual(['incident']);
  });
});

describe('a look at the host after a kill', () => {
  it('asks about the unit and the group, and makes the undo exact in the message', async () => {
    const { clock, host, happen, waiting, message } = await aScene();
    host.lookSays(answer(...UNIT));
    await happen();
    expect(await message()).toContain('MemoryMax=BEFORE');

    await clock.advance(1_000);

    expect(host.looks()).toEqual([{ unit: 'mysql.service', group: GROUP }]);
    expect(await waiting()).toEqual(['incident']);
    expect(await message()).toContain('Undo:\n  systemctl set-property mysql.service MemoryMax=524288K');
  });

  it('tells a limit that is too small from one report and the second look', async () => {
    const { store, clock, host, happen, waiting, message } = await aScene();
    host.lookSays(answer(...UNIT));
    await happen();
    await clock.advance(5_000);
    await waiting();
    host.lookSays(answer(...UNIT, ...AGAIN_FULL));
    await clock.advance(20_000);

    expect((await store.incident('i1'))?.cause).toMatchObject({ code: 'limit-too-small', sure: 'likely' });
    expect(await waiting()).toEqual(['incident']);
    expect(await message()).toMatch(
      /too small for what it steadily needs: 1\d s after the kill it holds 501 MiB, 98 % again/,
    );
  });

  it('edits a message that was on its way, without the facts, when they came', async () => {
    const { store, clock, host, happen, waiting } = await aScene();
    host.lookSays(answer(...UNIT));
    await happen({ told: false });
    await clock.advance(1_000);
    expect(await store.incident('i1')).toMatchObject({ revision: 2, hostFacts: { unit: { restarts: 3 } } });
    await takeAsked(store, '#oom', { nowMs: clock.nowMs(), revision: 1 });
    await clock.advance(5_000);

    expect([...(await waiting()), ...(await waiting())]).toContain('incident');
  });

  it.each([
    ['nothing', null],
    ['nonsense', 'sh: not found'],
    ['too late', new Promise<string>(() => {})],
  ])('changes nothing when the host answers %s', async (_, says) => {
    const { store, clock, host, happen, waiting } = await aScene();
    host.lookSays(says);
    await happen();
    await clock.advance(30_000);

    expect((await store.incident('i1'))?.hostFacts ?? null).toBeNull();
    expect(await waiting()).toEqual([]);
  });

  it('is left out while the host is away, and for kills of the past', async () => {
    const { clock, host, happen } = await aScene();
    host.lookSays(answer(...UNIT));
    host.become('unreachable');
    await happen();
    await clock.advance(30_000);

    expect(host.looks()).toEqual([]);
  });

  it('happens once for a storm, and keeps what it found', async () => {
    const { store, clock, host, happen } = await aScene();
    host.lookSays(answer(...UNIT));
    for (let death = 0; death < 10; death += 1) {
      await happen();
      await clock.advance(100);
    }
    await clock.advance(1_000);

    expect(host.looks()).toHaveLength(1);
    expect((await store.incident('i1'))?.hostFacts?.unit).toMatchObject({ restarts: 3 });
  });

  it('is not told while it is muted', async () => {
    const { store, clock, host, happen, waiting } = await aScene();
    host.lookSays(answer(...UNIT));
    await store.putMute({ target: 'mysql.service', untilMs: clock.nowMs() + 60_000, by: 'U1' });
    await happen();
    await clock.advance(5_000);

    expect((await store.incident('i1'))?.hostFacts).toMatchObject({ unit: { restarts: 3 } });
    expect(await waiting()).toEqual([]);
  });
});
