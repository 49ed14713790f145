import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { LedgerRow } from '../../src/app/ledger.ts';
import { watchHost, type HostWatch, type WatchWorld } from '../../src/app/watch/watch-host.ts';
import type { Saved } from '../../src/app/watch/save-queue.ts';
import type { Store } from '../../src/app/store-port.ts';
import type { Kill } from '../../src/incident/incident.ts';
import { openStore } from '../../src/store/store.ts';
import { readReply } from '../../src/app/reply-body.ts';
import { plainText } from '../../src/notice/render-text.ts';
import { sayUtc } from '../../src/notice/units.ts';
import { isPast } from '../../src/app/watch/past.ts';
import { aKill } from '../support/a-kill.ts';
import { aSampleText } from '../support/a-sample.ts';
import { fakeClock, type FakeClock } from '../support/fake-clock.ts';
import { BOOT_ID, scriptedHost, type ScriptedHost } from '../support/scripted-host.ts';
import { takeAsked } from '../support/taken.ts';
import { QUIET } from '../support/quiet-log.ts';

const NOW = Date.UTC(2026, 10, 22, 12);
const MINUTE_MS = 60_000;

const toClose: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).toReversed()) await close();
});

interface Scene {
  clock: FakeClock;
  store: Store;
  host: ScriptedHost;
  watch: HostWatch;
  /** Ends the watch and starts another one on the same record, as a restart of the bot does. */
  restart: () => Promise<void>;
  kills: () => Promise<Kill[]>;
  /** What waits for the channel. */
  told: () => Promise<LedgerRow[]>;
}

async function aScene(
  store?: Store,
  given: Partial<WatchWorld> = {},
  prepare: (host: ScriptedHost) => void = () => {},
): Promise<Scene> {
  const clock = fakeClock(NOW);
  const record = store ?? (await aStore());
  const host = scriptedHost('db01', clock);
  prepare(host);
  function begin(): HostWatch {
    return watchHost(host, {
      store: record,
      clock,
      log: QUIET,
      channelOf: () => '#oom',
      onSaved: () => {},
      onLines: () => {},
      onGap: () => {},
      ...given,
    });
  }
  const scene: Scene = {
    clock,
    store: record,
    host,
    watch: begin(),
    restart: async () => {
      await scene.watch.close();
      scene.watch = begin();
      await clock.advance(100);
    },
    kills: () => record.kills({ hosts: null, sinceMs: null, untilMs: null, service: null, limit: 1_000 }),
    told: () => takeAsked(record, '#oom', { nowMs: clock.nowMs() }),
  };
  toClose.push(() => scene.watch.close());
  await clock.advance(100);
  return scene;
}

async function aStore(): Promise<Store> {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-watch-host-'));
  const store = await openStore(`sqlite:${path.join(dir, 'a.db')}`);
  toClose.push(async () => {
    await store.close();
    rmSync(dir, { recursive: true });
  });
  return store;
}

/** The kernel's clock when it was `agoMs` ago; the scripted host was booted an hour before the scene. */
function usecAgo(agoMs: number): number {
  return (3_600_000 - agoMs) * 1_000;
}

function killLine(pid: number, usec: number, name = 'mysqld'): string {
  return `3,${pid},${usec},-;Out of memory: Killed process ${pid} (${name}) total-vm:9000kB, anon-rss:5000kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:50kB oom_score_adj:0`;
}

function reaperLine(pid: number, usec: number): string {
  return `6,${pid},${usec},-;oom_reaper: reaped process ${pid} (mysqld), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB`;
}

function journalLine(pid: number, usec: number): string {
  const text = killLine(pid, usec).replace(/^[^;]*;/, '');
  return JSON.stringify({
    __CURSOR: `s=aa;i=${pid}`,
    __REALTIME_TIMESTAMP: String((NOW - 3_600_000) * 1_000 + usec),
    _TRANSPORT: 'kernel',
    _BOOT_ID: BOOT_ID.replaceAll('-', ''),
    _SOURCE_MONOTONIC_TIMESTAMP: String(usec),
    MESSAGE: text,
  });
}

function fileLine(pid: number, usec: number): string {
  const text = killLine(pid, usec).replace(/^[^;]*;/, '');
  const stamp = new Date(NOW - 3_600_000 + usec / 1_000).toISOString().replace('Z', '000+00:00');
  return `${stamp} db01 kernel: [${(usec / 1e6).toFixed(6).padStart(12)}] ${text}`;
}

describe('news and history', () => {
  function headlines(deliveries: LedgerRow[]): string[] {
    return deliveries.map(({ kind, body }) =>
      kind === 'news' ? plainText(readReply(body)?.notice.headline ?? []) : kind,
    );
  }

  it('tells a kill that happens as an incident', async () => {
    const { host, clock, told } = await aScene();
    await clock.advance(MINUTE_MS);

    host.say([killLine(1, usecAgo(-MINUTE_MS))]);
    await clock.advance(1_000);

    expect((await told()).map(({ kind }) => kind)).toEqual(['incident']);
  });

  it('tells what happened before first contact once, as the past, whatever its age and however it comes in', async () => {
    const { host, clock, told, kills, restart } = await aScene();

    host.say(
      [30 * MINUTE_MS, MINUTE_MS, 3_000].map((ageMs, pid) => killLine(pid, usecAgo(ageMs))),
      { live: false },
    );
    await clock.advance(1_000);
    // Later facts, and more of the past in the next batch, make no news of it; nor does a restart.
    host.say([reaperLine(0, usecAgo(30 * MINUTE_MS) + 5)], { live: false });
    await clock.advance(1_000);
    await restart();
    host.say([killLine(9, usecAgo(29 * MINUTE_MS))], { live: false });
    await clock.advance(20 * MINUTE_MS);
    await restart();
    await clock.advance(20 * MINUTE_MS);

    expect((await kills()).map((kill) => kill.record.pid)).toEqual([2, 1, 9, 0]);
    expect(headlines(await told())).toEqual([`Before I was watching db01: 4 kills, the last ${sayUtc(NOW - 3_000)}`]);
  });

  it('takes a stamp without a zone for the past when it is read first, and for news afterwards', () => {
    const hours = 14 * 60 * MINUTE_MS;
    const unsure = { atMs: NOW + 60 * MINUTE_MS, atErrorMs: hours, seenAtMs: NOW + 5_000 };

    expect(isPast(aKill(unsure), NOW)).toBe(true);
    expect(isPast(aKill({ ...unsure, seenAtMs: NOW + 11 * MINUTE_MS }), NOW)).toBe(false);
  });

  it('takes what was seen as it happened for news on a machine whose clock was set back since', () => {
    expect(isPast(aKill({ atMs: NOW - 60_000, seenAtMs: NOW - 59_000 }), NOW)).toBe(false);
  });

  it('says nothing of the past where there was nothing, nor of a muted host', async () => {
    const quiet = await aScene();
    await quiet.clock.advance(20 * MINUTE_MS);
    const muted = await aScene();
    await muted.store.putMute({ target: 'db01', untilMs: NOW + 60 * MINUTE_MS, by: 'U1' });
    muted.host.say([killLine(1, usecAgo(MINUTE_MS))], { live: false });
    await muted.clock.advance(20 * MINUTE_MS);

    expect([await quiet.told(), await muted.told()]).toEqual([[], []]);
  });

  it('tells what was missed during an outage of hours', async () => {
    const { host, clock, told, kills } = await aScene();
    host.become('unreachable');
    await clock.advance(300 * MINUTE_MS);
    host.become('connected');
    await clock.advance(100);
    await told();

    host.say([killLine(1, usecAgo(-10 * MINUTE_MS))], { live: false });
    await clock.advance(1_000);

    expect(await kills()).toHaveLength(1);
    expect((await told()).map(({ kind }) => kind)).toContain('incident');
  });
});

describe('one death', () => {
  it('has one key in the ring, the journal and a log file, and is told once', async () => {
    const { host, clock, told, kills } = await aScene();
    const usec = usecAgo(5_000) + 123;

    host.say([killLine(7, usec)]);
    await clock.advance(1_000);
    host.say([journalLine(7, usec)], { source: 'journal', bootId: null });
    host.say([fileLine(7, usec)], { source: 'file:/var/log/kern.log', bootId: null, live: false });
    await clock.advance(1_000);

    const [kill, ...others] = await kills();
    expect(others).toEqual([]);
    expect(kill?.key).toBe(`${BOOT_ID}:${usec}:7`);
    expect((await told()).map(({ kind }) => kind)).toEqual(['incident']);
  });

  it('is one in a log file that is read again, on a host whose clock is off', async () => {
    const { host, clock, kills, restart } = await aScene();
    const aheadMs = 5 * MINUTE_MS;
    host.factsSay({ clockOffsetMs: -aheadMs });
    await restart();
    const source = { source: 'file:/var/log/kern.log', bootId: null };
    const line = fileLine(7, usecAgo(100)).replace(
      /^\S+/,
      `Nov 22 ${new Date(NOW - 100 + aheadMs).toISOString().slice(11, 19)}`,
    );

    host.say([line], { ...source, live: true });
    await clock.advance(1_000);
    await restart();
    host.say([line], { ...source, live: false });
    await clock.advance(1_000);

    expect((await kills()).map((kill) => kill.bootId)).toEqual([BOOT_ID]);
  });

  it('that is seen as it happens is told, whatever is done to the clocks', async () => {
    const { host, clock, kills, told } = await aScene();
    await clock.advance(MINUTE_MS);

    // The host's own clock goes back by an hour, later ours by three.
    const entry = JSON.parse(journalLine(8, usecAgo(-MINUTE_MS))) as Record<string, string>;
    entry['__REALTIME_TIMESTAMP'] = String(Number(entry['__REALTIME_TIMESTAMP']) - 3_600_000_000);
    host.say([JSON.stringify(entry)], { source: 'journal', bootId: null });
    await clock.advance(1_000);
    expect((await told()).map(({ kind }) => kind)).toEqual(['incident']);
    clock.step(-3 * 3_600_000);
    host.say([killLine(9, usecAgo(-MINUTE_MS - 1_000), 'java')]);
    await clock.advance(1_000);
    expect((await told()).map(({ kind }) => kind)).toEqual(['incident']);

    for (const kill of await kills()) expect(Math.abs(kill.atMs - kill.seenAtMs)).toBeLessThan(6_000);
  });

  it('has a sharp time when it was seen as it happened, and after months the error of a clock that nobody sets', async () => {
    const { host, clock, kills, restart } = await aScene();
    const upMs = 60 * 86_400_000;
    host.factsSay({ bootAtMs: NOW - upMs });
    await restart();

    host.say([killLine(7, (clock.nowMs() - NOW + upMs - 20) * 1_000)]);
    host.say([killLine(8, (clock.nowMs() - NOW + upMs - 60_000) * 1_000)], { live: false });
    await clock.advance(1_000);

    const errors = new Map((await kills()).map((kill) => [kill.record.pid, kill.atErrorMs]));
    expect(errors.get(7)).toBeLessThanOrEqual(20);
    expect(errors.get(8)).toBeGreaterThan(500_000);
  });

  it('takes what later lines say of it', async () => {
    const { host, clock, kills } = await aScene();

    host.say([killLine(7, usecAgo(5))]);
    await clock.advance(1_000);
    host.say([reaperLine(7, usecAgo(2))]);
    await clock.advance(1_000);

    expect((await kills()).map((kill) => kill.record.reaped)).toEqual([true]);
  });

  it('is read whole again when the bot dies between its kill line and what follows', async () => {
    const { host, clock, kills, store, restart } = await aScene();
    host.say(['6,1,1,-;something else']);
    await clock.advance(60_000);
    const before = await store.positions('db01');

    host.say([killLine(7, usecAgo(5))]);
    await clock.advance(1_000);
    expect(await kills()).toHaveLength(1);
    expect(await store.positions('db01')).toEqual(before);
    await restart();
    host.say([killLine(7, usecAgo(5)), reaperLine(7, usecAgo(2))], { live: false });
    await clock.advance(60_000);

    expect((await kills()).map((kill) => kill.record.reaped)).toEqual([true]);
    expect(await store.positions('db01')).not.toEqual(before);
  });

  it('of systemd-oomd is read from the journal', async () => {
    const { host, clock, kills } = await aScene();
    const line = JSON.stringify({
      __CURSOR: 's=aa;i=1',
      __REALTIME_TIMESTAMP: String(NOW * 1_000),
      _SYSTEMD_UNIT: 'systemd-oomd.service',
      SYSLOG_IDENTIFIER: 'systemd-oomd',
      _BOOT_ID: BOOT_ID.replaceAll('-', ''),
      MESSAGE:
        'Killed /system.slice/hog.service due to memory used (996843520) / total (1023905792) and swap used (974528512) / total (1023406080) being more than 90.00%',
    });

    host.say([line], { source: 'journal', bootId: null });
    await clock.advance(1_000);

    expect((await kills()).map((kill) => kill.record.killer)).toEqual(['systemd-oomd']);
  });
});

describe('the kernel’s counter', () => {
  function count(scene: Scene, oomKills: number): void {
    scene.host.countersSay({ bootId: BOOT_ID, oomKills, readAtMs: scene.clock.nowMs() });
  }

  it('is silent about what died before first contact', async () => {
    const scene = await aScene(undefined, {}, (host) =>
      host.countersSay({ bootId: BOOT_ID, oomKills: 41, readAtMs: NOW }),
    );

    await scene.clock.advance(20 * MINUTE_MS);

    expect(await scene.kills()).toEqual([]);
  });

  it('notices one that is missed between first contact and the first count', async () => {
    const scene = await aScene(undefined, {}, (host) =>
      host.countersSay({ bootId: BOOT_ID, oomKills: 41, readAtMs: NOW }),
    );
    // One of the 41 is in the log, and one that died since; a third is in no log.
    scene.host.say([killLine(6, usecAgo(30 * MINUTE_MS))], { live: false });
    await scene.clock.advance(5_000);
    scene.host.say([killLine(7, usecAgo(-5_000))]);
    count(scene, 43);

    await scene.clock.advance(20 * MINUTE_MS);

    expect((await scene.kills()).map((kill) => kill.source)).toEqual(['kmsg', 'counter', 'kmsg']);
  });

  it('waits for a kill whose line is late', async () => {
    const scene = await aScene();
    await scene.clock.advance(MINUTE_MS);
    count(scene, 2);
    scene.host.say([killLine(6, usecAgo(0))]);
    // The counter is looked at after a kill, and finds one that nobody has told.
    await scene.clock.advance(25_000);

    scene.host.say([killLine(7, usecAgo(0))]);
    await scene.clock.advance(10 * MINUTE_MS);

    expect((await scene.kills()).map((kill) => kill.source)).toEqual(['kmsg', 'kmsg']);
  });

  it('has a difference looked up in the lasting log first', async () => {
    const scene = await aScene();
    await scene.clock.advance(MINUTE_MS);
    count(scene, 1);
    scene.host.lastingLogSays([journalLine(7, usecAgo(-MINUTE_MS))]);

    await scene.clock.advance(20 * MINUTE_MS);

    expect((await scene.kills()).map((kill) => [kill.source, kill.record.pid])).toEqual([['journal', 7]]);
  });

  it('makes one incident of a difference that stays, and counts on from there, also over a restart', async () => {
    const scene = await aScene();
    await scene.clock.advance(MINUTE_MS);
    count(scene, 2);
    scene.host.groupsSay([{ path: '/system.slice/shop.service', kills: 1 }]);
    await scene.clock.advance(10 * MINUTE_MS);
    await scene.restart();
    await scene.clock.advance(20 * MINUTE_MS);

    expect((await scene.kills()).map((kill) => kill.source)).toEqual(['counter', 'counter']);
    const incidents = await scene.store.incidents('db01', 10);
    expect(incidents.map(({ killCount, cause }) => [killCount, cause?.text])).toEqual([
      [2, 'The kernel counted a kill in system.slice/shop.service that its log does not explain.'],
    ]);
    expect((await scene.told()).filter(({ kind }) => kind === 'incident')).toHaveLength(1);

    count(scene, 3);
    await scene.clock.advance(10 * MINUTE_MS);
    expect(await scene.kills()).toHaveLength(3);
  });

  it('is compared from the first kill on in a boot that began while the host was watched', async () => {
    const scene = await aScene();
    const bootId = '11111111-2222-3333-4444-555555555555';
    scene.host.become('unreachable');
    scene.host.factsSay({ bootId, bootAtMs: scene.clock.nowMs() + MINUTE_MS });
    await scene.clock.advance(2 * MINUTE_MS);
    scene.host.countersSay({ bootId, oomKills: 1, readAtMs: scene.clock.nowMs() });
    scene.host.become('connected');

    await scene.clock.advance(10 * MINUTE_MS);

    expect((await scene.kills()).map((kill) => [kill.source, kill.bootId])).toEqual([['counter', bootId]]);
  });
});

describe('silence means health', () => {
  function headlines(deliveries: LedgerRow[]): string[] {
    return deliveries.filter(({ kind }) => kind === 'news').map(({ body }) => body ?? '');
  }

  it('says nothing of a host that is away for a minute', async () => {
    const { host, clock, told } = await aScene();
    await clock.advance(MINUTE_MS);

    host.become('unreachable');
    await clock.advance(MINUTE_MS);
    host.become('connected');
    await clock.advance(10 * MINUTE_MS);

    expect(await told()).toEqual([]);
  });

  it('tells once that a host stays away, with the reason, and once that it is back, with what was missed', async () => {
    const { host, clock, told } = await aScene();
    await clock.advance(MINUTE_MS);

    host.become('unreachable', 'db01 does not answer.');
    await clock.advance(60 * MINUTE_MS);
    const away = headlines(await told());
    host.become('connected');
    await clock.advance(100);
    host.say([killLine(7, usecAgo(-30 * MINUTE_MS))], { live: false });
    await clock.advance(60 * MINUTE_MS);
    const back = headlines(await told());

    expect(away).toHaveLength(1);
    expect(away[0]).toContain('db01 does not answer.');
    expect(back).toHaveLength(1);
    expect(back[0]).toContain('is back after');
    expect(back[0]).toContain('1 kill found in its log so far from that time');
  });

  it('says nothing of a muted host that is away, until the mute ends', async () => {
    const { host, clock, store, told } = await aScene();
    await clock.advance(MINUTE_MS);
    await store.putMute({ target: 'db01', untilMs: clock.nowMs() + 30 * MINUTE_MS, by: 'U1' });

    host.become('unreachable');
    await clock.advance(29 * MINUTE_MS);
    const muted = headlines(await told());
    await clock.advance(2 * MINUTE_MS);

    expect(muted).toEqual([]);
    expect(headlines(await told())).toHaveLength(1);
  });

  it('does not claim to know what happened before a reboot that no log outlasts', async () => {
    const { host, clock, told } = await aScene();
    await clock.advance(MINUTE_MS);
    host.become('unreachable');
    await clock.advance(5 * MINUTE_MS);
    await told();

    host.factsSay({ bootId: 'another-boot' });
    host.become('connected');
    await clock.advance(2 * MINUTE_MS);
    const [back] = headlines(await told());

    expect(back).toContain('No kills found in its log so far');
    expect(back).toContain('is lost');
  });

  it('neither repeats nor forgets over a restart of the bot', async () => {
    const { host, clock, told, restart } = await aScene();
    await clock.advance(MINUTE_MS);
    host.become('unreachable');
    await clock.advance(5 * MINUTE_MS);
    await told();

    await restart();
    await clock.advance(10 * MINUTE_MS);
    const again = headlines(await told());
    host.become('connected');
    await clock.advance(MINUTE_MS);

    expect(again).toEqual([]);
    expect(headlines(await told())).toHaveLength(1);
  });

  it('tells of a host that is there but whose log cannot be read', async () => {
    const { host, clock, told } = await aScene();
    await clock.advance(MINUTE_MS);

    host.factsSay({ sentence: 'no usable shell' });
    host.become('unreachable');
    host.become('connected');
    await clock.advance(10 * MINUTE_MS);

    const [only, ...more] = headlines(await told());
    expect(only).toContain('no usable shell');
    expect(more).toEqual([]);
  });
});

describe('a record that takes nothing', () => {
  it('rests the reading before the memory is full, and takes up what waits once it can', async () => {
    const real = await aStore();
    let isDown = false;
    const store: Store = {
      ...real,
      saveBatch: (batch, decide) => (isDown ? Promise.reject(new Error('disk full')) : real.saveBatch(batch, decide)),
    };
    const { host, clock, watch } = await aScene(store);
    isDown = true;
    let said = 0;

    // Most of the lines are no kills.
    const chatter = `6,1,1,-;${'x'.repeat(2_000)}`;
    while (host.hold() === null) {
      for (let at = 0; at < 100; at += 1)
        host.say([killLine(10_000 + said + at, usecAgo(60_000) + said + at), chatter]);
      said += 100;
      if (said % 2_000 === 0) await clock.advance(10);
    }
    await clock.advance(1_000);
    expect(said * (chatter.length + killLine(10_000, usecAgo(60_000)).length)).toBeLessThan(8 * 1024 * 1024);
    expect(watch.waiting()).toBeLessThan(1_000);
    expect(host.isFollowed()).toBe(true);
    expect(watch.state()).toMatchObject({ kind: 'waiting', sentence: expect.stringContaining('takes no more kills') });
    expect(await store.countKernelKills('db01', BOOT_ID)).toBe(0);
    isDown = false;
    // The machine's own clock: the lines that wait are handled in turns of the event loop.
    for (let tries = 0; tries < 2_000 && (await store.countKernelKills('db01', BOOT_ID)) < said; tries += 1)
      await clock.advance(100);

    expect(await store.countKernelKills('db01', BOOT_ID)).toBe(said);
    expect(watch.state()).toMatchObject({ kind: 'watching' });
  }, 120_000);
});

describe('what went on record', () => {
  it('is told apart: kills that are news, also late ones, kills that are history, and news that are no kills', async () => {
    const all: Saved[] = [];
    const { host, clock } = await aScene(undefined, { onSaved: (saved) => all.push(saved) });
    host.say([killLine(1, usecAgo(30 * MINUTE_MS))], { live: false });
    await clock.advance(MINUTE_MS);
    host.become('unreachable', 'db01 does not answer.');
    await clock.advance(60 * MINUTE_MS);
    host.become('connected');
    await clock.advance(100);
    host.say([killLine(2, usecAgo(-30 * MINUTE_MS))], { live: false });
    await clock.advance(2 * MINUTE_MS);

    expect(all.flatMap(({ fresh }) => fresh.map((kill) => kill.record.pid))).toEqual([1, 2]);
    expect(all.flatMap(({ news }) => news.map((kill) => kill.record.pid))).toEqual([2]);
    const headlines = all.flatMap(({ told }) => told.map(({ body }) => readReply(body)?.notice.headline ?? []));
    expect(headlines.map((text) => plainText(text))).toEqual([
      `Before I was watching db01: 1 kill, ${sayUtc(NOW - 30 * MINUTE_MS)}`,
      'db01 is unreachable: I can’t see kills there right now',
      'db01 is back after 1 h',
    ]);
  });

  it('is what does not wait any more, for a record that fails as for one that does not answer', async () => {
    const real = await aStore();
    let answer: 'at once' | 'no' | 'never' = 'at once';
    const hanging = Promise.withResolvers<never>();
    const store: Store = {
      ...real,
      saveBatch: (batch, decide) => {
        if (answer === 'never') return hanging.promise;
        return answer === 'no' ? Promise.reject(new Error('disk full')) : real.saveBatch(batch, decide);
      },
    };
    const { host, clock, watch } = await aScene(store);
    await clock.advance(MINUTE_MS);

    answer = 'no';
    host.say([killLine(1, usecAgo(0)), killLine(2, usecAgo(0) + 1)]);
    await clock.advance(5_000);
    expect(watch.waiting()).toBe(2);
    answer = 'at once';
    await clock.advance(5_000);
    expect(watch.waiting()).toBe(0);

    answer = 'never';
    host.say([killLine(3, usecAgo(0) + 2)]);
    await clock.advance(5_000);
    expect(watch.waiting()).toBe(1);
    answer = 'at once';
    hanging.reject(new Error('the connection was lost'));
    await clock.advance(5_000);
    expect(watch.waiting()).toBe(0);
  });
});

describe('between kills', () => {
  it('notes memory as often as asked, and warns before it is used up', async () => {
    const scene = await aScene(undefined, { sampleEveryMs: () => MINUTE_MS, warnWithinMs: () => 30 * MINUTE_MS });
    for (let minute = 0; minute < 60; minute += 1) {
      const availableMiB = 2_400 - 40 * minute;
      const services = { gunicorn: 1_000 + 40 * minute };
      scene.host.sampleSays(aSampleText({ availableMiB, services }));
      await scene.clock.advance(MINUTE_MS);
    }

    const samples = await scene.store.samples('db01', NOW, NOW + 60 * MINUTE_MS);
    const told = (await scene.told()).map(({ body }) => readReply(body));

    expect(samples.length).toBeGreaterThanOrEqual(58);
    expect(samples[0]?.services[0]?.service).toBe('gunicorn.service');
    expect(plainText(told[0]?.notice.headline ?? [])).toMatch(
      /^db01 runs out of memory in about \d+ min if this goes on/,
    );
    expect(plainText(told[0]?.notice.sentence ?? [])).toMatch(/gunicorn\.service grew .* in .* min/);
    expect(new Set(told.map((one) => one?.key)).size).toBe(1);
  });

  it('asks nothing of a host when that is off', async () => {
    const scene = await aScene(undefined, { sampleEveryMs: () => null, warnWithinMs: () => 30 * MINUTE_MS });
    scene.host.sampleSays(aSampleText({ availableMiB: 10 }));

    await scene.clock.advance(30 * MINUTE_MS);

    expect(await scene.store.samples('db01', 0, NOW + 60 * MINUTE_MS)).toEqual([]);
  });
});
