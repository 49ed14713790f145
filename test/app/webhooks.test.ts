import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Mute } from '../../src/app/ports.ts';
import type { Store } from '../../src/app/store-port.ts';
import { openTelling, type Telling } from '../../src/app/tell/telling.ts';
import { webhookDestination } from '../../src/app/webhook.ts';
import { assignIncidents, closeQuietIncidents, tellClosed } from '../../src/app/watch/assign-incidents.ts';
import { incidentIdOf } from '../../src/app/watch/incident-id.ts';
import type { BackState, Incident, Kill } from '../../src/incident/incident.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import { openStore } from '../../src/store/store.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { fakeClock, type FakeClock } from '../support/fake-clock.ts';
import { scriptedChat, type ScriptedChat } from '../support/scripted-chat.ts';
import { scriptedWebhook, type ScriptedWebhook } from '../support/scripted-webhook.ts';
import { QUIET } from '../support/quiet-log.ts';
import { PLACING } from '../support/placing.ts';

const T0 = Date.UTC(2026, 7, 30, 1, 35, 8);
const MEMORY_FOLDER = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const MOMENTS = Number(process.env['OOMBOT_MOMENTS'] ?? 25);
const EVENTS = webhookDestination('events');
const PAGER = webhookDestination('pager');
const LOST = { kind: 'unknown' as const, reason: 'lost' };

interface Bench {
  store: Store;
  clock: FakeClock;
  chat: ScriptedChat;
  events: ScriptedWebhook;
  pager: ScriptedWebhook;
  /** Fails each call of the store while it is true. */
  weather: { storeFails: boolean };
  /** Webhooks that are configured. */
  configured: Set<string>;
  start: (owner?: string, life?: { alive: boolean }) => Telling;
  happen: (kills: readonly Kill[], mutes?: Mute[]) => Promise<void>;
  find: (kill: Kill) => Promise<Incident>;
  change: (kill: Kill, change: Partial<Incident>) => Promise<void>;
  closeQuiet: () => Promise<void>;
}

async function aBench(): Promise<Bench> {
  const folder = mkdtempSync(path.join(MEMORY_FOLDER, 'oombot-webhooks-'));
  const store = await openStore(`sqlite:${path.join(folder, 'test.db')}`);
  const clock = fakeClock(T0);
  const chat = scriptedChat(clock);
  const events = scriptedWebhook('events', clock.nowMs);
  const pager = scriptedWebhook('alerts', clock.nowMs);
  const weather = { storeFails: false };
  const configured = new Set([EVENTS, PAGER]);
  const running: Telling[] = [];
  onTestFinished(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function start(owner = 'one', life = { alive: true }): Telling {
    function live<A extends unknown[], R>(call: (...given: A) => Promise<R>): (...given: A) => Promise<R> {
      return async (...given) => {
        if (!life.alive) return new Promise(() => {});
        const result = await call(...given);
        return life.alive ? result : new Promise(() => {});
      };
    }
    const failing = new Proxy(store, {
      get: (target, name: keyof Store) => {
        const call = target[name] as (...given: unknown[]) => Promise<unknown>;
        return live(async (...given: unknown[]) => {
          if (weather.storeFails) throw new Error(`${name} failed`);
          return call.apply(target, given);
        });
      },
    });
    const telling = openTelling({
      store: failing,
      workspace: { post: live(chat.post), update: live(chat.update), reply: live(chat.reply), find: live(chat.find) },
      clock,
      log: QUIET,
      owner,
      isMine: () => life.alive,
      describe: async (incident) => describeIncident(incident, { nowMs: clock.nowMs(), protect: false }),
      webhook: (destination) => {
        if (!configured.has(destination)) return null;
        const hook = destination === EVENTS ? events : pager;
        return { takes: hook.takes, send: live(hook.send) };
      },
    });
    running.push(telling);
    return telling;
  }

  async function happen(kills: readonly Kill[], mutes: Mute[] = []): Promise<void> {
    for (const [host, ofHost] of Map.groupBy(kills, (kill) => kill.host))
      await store.saveBatch({ host, kills: ofHost, positions: [] }, (view) =>
        assignIncidents(view, {
          ...PLACING,
          nowMs: clock.nowMs(),
          mutes,
          webhooksOf: () => [
            { destination: EVENTS, hearsMuted: true },
            { destination: PAGER, hearsMuted: false },
          ],
        }),
      );
    for (const telling of running) telling.wake();
  }

  async function find(kill: Kill): Promise<Incident> {
    const incident = await store.incident(incidentIdOf(kill));
    if (incident === null) throw new Error(`no incident of ${kill.host}`);
    return incident;
  }

  return {
    store,
    clock,
    chat,
    events,
    pager,
    weather,
    configured,
    start,
    happen,
    find,
    change: async (kill, change) => {
      const saved = await store.updateIncident({ ...(await find(kill)), ...change }, []);
      expect(saved.kind).toBe('saved');
      for (const telling of running) telling.wake();
    },
    closeQuiet: async () => {
      for (const host of await store.hostsWithOpenIncidents())
        for (const closed of closeQuietIncidents(await store.openIncidents(host), clock.nowMs()))
          await store.updateIncident(closed, tellClosed(closed, await store.postedOf(closed.id), clock.nowMs()));
      for (const telling of running) telling.wake();
    },
  };
}

function on(host: string, clock: FakeClock, pid = 1): Kill {
  return aKill({ host, pid, atMs: clock.nowMs() });
}

const BACK: BackState = { kind: 'restarted', afterMs: 4_000, pid: 77 };

function typesOf(events: ScriptedWebhook, kill: Kill): string[] {
  return events.events().flatMap(({ incident, type }) => (incident.id === incidentIdOf(kill) ? [type] : []));
}

async function isBusy(store: Store): Promise<boolean> {
  return (await store.queueLengths()).some(({ waiting, inFlight }) => waiting + inFlight > 0);
}

describe('a webhook of events', () => {
  it('gets an incident when it opens, when more is known, and when it closes, each event once', async () => {
    const { clock, events, happen, start, change, closeQuiet, store } = await aBench();
    start();
    const kill = on('db01', clock);
    await happen([kill]);
    await clock.advance(10);
    expect(typesOf(events, kill)).toEqual(['opened']);

    await change(kill, { back: BACK });
    await happen([on('db01', clock, 2)]);
    await clock.advance(10_000);
    expect(typesOf(events, kill)).toEqual(['opened', 'updated']);
    expect(events.events().at(-1)?.incident).toMatchObject({ killCount: 2, revision: 3 });

    await clock.advance(31 * 60_000);
    await closeQuiet();
    await clock.advance(10_000);

    expect(typesOf(events, kill)).toEqual(['opened', 'updated', 'closed']);
    expect(events.calls).toHaveLength(3);
    expect(await isBusy(store)).toBe(false);
  });

  it('gets what people silenced, of which a pager hears nothing', async () => {
    const { clock, events, pager, chat, happen, start } = await aBench();
    start();
    const kill = on('db01', clock);
    await happen([kill], [{ target: 'db01', untilMs: T0 + 3_600_000, by: 'U1' }]);
    await clock.advance(10_000);

    expect(typesOf(events, kill)).toEqual(['opened']);
    expect([pager.calls.length, chat.messages.length]).toEqual([0, 0]);
  });

  it('knows by its id what is sent again after an answer was lost, and misses nothing that came between', async () => {
    const { clock, events, happen, start, change } = await aBench();
    start();
    const kill = on('db01', clock);
    let first = true;
    events.script.fate = () => {
      if (!first) return undefined;
      first = false;
      return { taken: true, told: LOST };
    };
    await happen([kill]);
    await clock.advance(10);
    await change(kill, { back: BACK });
    await clock.advance(20_000);

    const id = incidentIdOf(kill);
    expect(events.taken.map(({ message }) => 'id' in message && message.id)).toEqual([
      `${id}-opened`,
      `${id}-opened`,
      `${id}-2`,
    ]);
    // The first of the two is what a receiver keeps.
    expect(events.events().map(({ incident }) => incident.back.kind)).toEqual(['unknown', 'restarted']);
  });

  it('is not held up by a message that it never takes, which is set aside', async () => {
    const { clock, events, happen, start, store } = await aBench();
    start();
    const poison = on('poison', clock);
    events.script.fate = (message) =>
      message.kind === 'event' && message.incident.host === 'poison'
        ? { taken: false, told: { kind: 'unsent', reason: 'HTTP 500' } }
        : undefined;
    await happen([poison]);
    await clock.advance(1_000);
    for (let minute = 0; minute < 10; minute += 1) {
      await happen([on(`db${minute}`, clock)]);
      await clock.advance(60_000);
    }

    for (let minute = 0; minute < 10; minute += 1)
      expect(events.events().some(({ incident }) => incident.host === `db${minute}`)).toBe(true);
    // A receiver that fails for some minutes loses nothing.
    expect(await store.failedDeliveries(10)).toEqual([]);
    await clock.advance(60 * 60_000);
    expect(await store.failedDeliveries(10)).toMatchObject([{ channel: EVENTS, reason: 'HTTP 500' }]);
    expect(events.calls.filter((one) => one.kind === 'event' && one.incident.host === 'poison').length).toBeLessThan(
      200,
    );
  });

  it('that refuses one message gets the others, and that one ever more rarely until it is set aside', async () => {
    const { clock, events, happen, start, store } = await aBench();
    start();
    events.script.fate = (message) =>
      message.kind === 'event' && message.incident.host === 'odd'
        ? { taken: false, told: { kind: 'refused', reason: 'HTTP 422' } }
        : undefined;
    await happen([on('odd', clock), on('db01', clock)]);
    await clock.advance(2 * 3_600_000);

    expect(events.events().map(({ incident }) => incident.host)).toEqual(['db01']);
    expect(events.calls.filter((one) => one.kind === 'event' && one.incident.host === 'odd')).toHaveLength(8);
    expect(await store.failedDeliveries(10)).toMatchObject([{ channel: EVENTS, reason: 'HTTP 422' }]);
  });

  it('that is down is asked every half minute at most, holds up nobody else, and gets all when it is back', async () => {
    const { clock, events, pager, chat, happen, start, store } = await aBench();
    start();
    events.script.fate = () => ({ taken: false, told: LOST });
    const kills: Kill[] = [];
    for (let minute = 0; minute < 60; minute += 1) {
      const kill = on(`h${minute}`, clock);
      kills.push(kill);
      await happen([kill]);
      await clock.advance(60_000);
      expect(chat.messages.some(({ mark }) => mark.id === incidentIdOf(kill))).toBe(true);
      expect(pager.alerts().has(incidentIdOf(kill))).toBe(true);
    }
    expect(events.calls.length).toBeLessThan(140);

    events.script.fate = () => undefined;
    await clock.advance(120_000);

    for (const kill of kills) expect(typesOf(events, kill)).toContain('opened');
    expect(await isBusy(store)).toBe(false);
  }, 60_000);

  it('waits as long as a receiver says', async () => {
    const { clock, events, happen, start } = await aBench();
    start();
    let first = true;
    events.script.fate = () => {
      if (!first) return undefined;
      first = false;
      return { taken: false, told: { kind: 'rate-limited', retryAfterMs: 40_000 } };
    };
    await happen([on('db01', clock)]);
    await clock.advance(39_000);
    expect(events.calls).toHaveLength(1);

    await clock.advance(2_000);

    expect(events.taken).toHaveLength(1);
  });

  it('that is no longer configured leaves nothing waiting', async () => {
    const { clock, configured, events, happen, start, store } = await aBench();
    start();
    configured.delete(EVENTS);
    await happen([on('db01', clock)]);
    await clock.advance(10_000);

    expect(events.calls).toEqual([]);
    expect(await isBusy(store)).toBe(false);
  });
});

describe('a webhook of alerts', () => {
  it('opens an alert for an incident, takes it, says that it is back, and resolves it when it closes', async () => {
    const { clock, pager, happen, start, change, closeQuiet } = await aBench();
    start();
    const kill = on('db01', clock);
    const id = incidentIdOf(kill);
    await happen([kill]);
    await clock.advance(3_000);
    expect(pager.alerts().get(id)).toMatchObject({ state: 'open', severity: 'error' });
    expect(pager.alerts().get(id)?.summary).toContain('mysqld of mysql.service was killed on db01');

    await change(kill, { ack: { by: 'U1', atMs: clock.nowMs() } });
    await clock.advance(6_000);
    expect(pager.alerts().get(id)).toMatchObject({ state: 'taken' });

    await change(kill, { back: { kind: 'down', sinceMs: clock.nowMs() } });
    await clock.advance(6_000);
    expect(pager.alerts().get(id)).toMatchObject({ severity: 'critical' });
    await change(kill, { back: BACK });
    await clock.advance(6_000);
    expect(pager.alerts().get(id)).toMatchObject({ state: 'taken', severity: 'warning' });
    expect(pager.alerts().get(id)?.summary).toContain('Back after 4 s');

    await clock.advance(31 * 60_000);
    await closeQuiet();
    await clock.advance(6_000);

    expect(pager.alerts().get(id)).toMatchObject({ state: 'resolved', opened: 1 });
    expect(pager.calls.map(({ kind }) => kind)).toEqual(['trigger', 'acknowledge', 'trigger', 'trigger', 'resolve']);
  });

  it('keeps the alert of what is still down when its incident closes by time, and says so', async () => {
    const { clock, pager, happen, start, change, closeQuiet } = await aBench();
    start();
    const kill = on('db01', clock);
    await happen([kill]);
    await change(kill, { back: { kind: 'down', sinceMs: clock.nowMs() } });
    clock.step(25 * 3_600_000);
    await closeQuiet();
    await clock.advance(10_000);

    const alert = pager.alerts().get(incidentIdOf(kill));
    expect(alert).toMatchObject({ state: 'open', severity: 'critical' });
    expect(alert?.summary).toMatch(/still down.*resolve this alert by hand/i);
  });

  it('is milder where it is not certain that something died', async () => {
    const { clock, pager, happen, start } = await aBench();
    start();
    const forged = aKill({ host: 'a', atMs: clock.nowMs(), verified: false });
    const tried = aKill({ host: 'b', atMs: clock.nowMs(), record: aRecord({ outcome: 'attempted' }) });
    await happen([forged, tried]);
    await clock.advance(3_000);

    expect([...pager.alerts().values()].map(({ severity }) => severity)).toEqual(['warning', 'warning']);
  });

  it('is not told of each further kill, only of twice as many', async () => {
    const { clock, pager, happen, start } = await aBench();
    start();
    for (let pid = 1; pid <= 30; pid += 1) {
      await happen([on('db01', clock, pid)]);
      await clock.advance(4_000);
    }

    expect(pager.calls).toHaveLength(5);
    expect(pager.alerts().get([...pager.alerts().keys()][0] ?? '')?.summary).toContain('16 times');
  });

  it('opens one alert for a storm with the list in it, and others before and after it', async () => {
    const { clock, pager, happen, start, change, closeQuiet, store } = await aBench();
    start();
    const before = on('before', clock);
    await happen([before]);
    await clock.advance(60_000);
    const storm: Kill[] = [];
    for (let tick = 0; tick < 50; tick += 1) {
      const kills = Array.from({ length: 20 }, (_, at) => on(`web${(tick * 20 + at) % 100}`, clock, tick * 20 + at));
      storm.push(...kills);
      await happen(kills);
      await clock.advance(200);
    }
    await clock.advance(31_000);
    const after = on('after', clock);
    await happen([after]);
    await clock.advance(15_000);

    const keys = [...pager.alerts().keys()];
    expect(keys).toHaveLength(3);
    expect([keys[0], keys[2]]).toEqual([incidentIdOf(before), incidentIdOf(after)]);
    const alert = pager.alerts().get(keys[1] ?? '');
    expect(alert?.summary).toMatch(/^Out of memory: 100 incidents, (?:[5-9]\d\d|1,000) kills on 100 hosts/);
    expect(alert?.details['list']).toHaveLength(100);
    expect(JSON.stringify(alert?.details['list'])).toContain('web99');

    const firsts = [...new Map([before, ...storm.toReversed(), after].map((kill) => [kill.host, kill])).values()];
    for (const kill of firsts.slice(0, -1)) await change(kill, { back: BACK });
    await clock.advance(31 * 60_000);
    await closeQuiet();
    await clock.advance(30_000);

    expect([...pager.alerts().values()].map(({ state, opened }) => [state, opened])).toEqual([
      ['resolved', 1],
      ['resolved', 1],
      ['resolved', 1],
    ]);
    expect(await isBusy(store)).toBe(false);
    expect(pager.calls.length).toBeLessThan(40);
  }, 60_000);

  it('takes the alert of a storm once all of its incidents are taken, and resolves it once all are over', async () => {
    const { clock, pager, happen, start, change, closeQuiet } = await aBench();
    start();
    const kills = ['a', 'b', 'c', 'd'].map((host) => on(host, clock));
    await happen(kills);
    await clock.advance(5_000);
    const [key = ''] = pager.alerts().keys();
    expect(key).toMatch(/^storm-/);
    for (const kill of kills.slice(1)) await change(kill, { ack: { by: 'U1', atMs: 1 } });
    await clock.advance(10_000);
    expect(pager.alerts().get(key)?.state).toBe('open');
    await change(kills[0]!, { ack: { by: 'U1', atMs: 1 }, back: { kind: 'down', sinceMs: 1 } });
    await clock.advance(20_000);
    expect(pager.alerts().get(key)?.state).toBe('taken');

    await clock.advance(31 * 60_000);
    await closeQuiet();
    await clock.advance(20_000);
    expect(pager.alerts().get(key)).toMatchObject({ state: 'taken', severity: 'critical' });
    await change(kills[0]!, { back: BACK });
    await clock.advance(31 * 60_000);
    await closeQuiet();
    await clock.advance(20_000);

    expect(pager.alerts().get(key)).toMatchObject({ state: 'resolved', opened: 1 });
  });

  it('pages while the store cannot be read or written, once it may be that nothing is noted for long', async () => {
    const { clock, pager, happen, start, store, weather, find } = await aBench();
    const telling = start();
    await clock.advance(100);
    const kill = on('db01', clock);
    await happen([kill]);
    const incident = { ...(await find(kill)), revision: 0 };
    weather.storeFails = true;
    telling.hand(incident, PAGER, false);
    telling.hand(incident, EVENTS, false);
    await clock.advance(20_000);
    expect([...pager.alerts().keys()]).toEqual([incident.id]);

    weather.storeFails = false;
    await clock.advance(20_000);

    expect([...pager.alerts().values()].map(({ opened }) => opened)).toEqual([1]);
    expect(await isBusy(store)).toBe(false);
  });
});

describe('webhooks of a bot that dies', () => {
  it(`at ${MOMENTS} random moments: each event once by its id, one alert each, nothing stranded`, async () => {
    const { clock, events, pager, happen, start, change, closeQuiet, store } = await aBench();
    const random = seeded(11);
    const kills: Kill[] = [];
    let life = { alive: true };
    for (let number = 0; number < MOMENTS; number += 1) {
      life.alive = false;
      life = { alive: true };
      start(`owner-${number}`, life);
      // After so many requests nobody hears what became of the last.
      let left = 1 + random(4);
      for (const hook of [events, pager])
        hook.script.fate = () => {
          left -= 1;
          return left > 0 ? undefined : { taken: random(2) === 0, told: 'hang' };
        };
      const storm = random(3) === 0 ? 8 : 1;
      const now = Array.from({ length: storm }, (_, at) => on(`h${number}-${at}`, clock));
      kills.push(...now);
      await happen(now);
      await clock.advance(1_000 + random(60_000));
    }
    life.alive = false;
    for (const hook of [events, pager]) hook.script.fate = () => undefined;
    start('last');
    await clock.advance(120_000);
    for (const kill of kills) await change(kill, { back: BACK });
    await clock.advance(31 * 60_000);
    await closeQuiet();
    await clock.advance(300_000);

    for (const kill of kills) {
      const types = typesOf(events, kill);
      expect([types[0], types.at(-1)]).toEqual(['opened', 'closed']);
      expect(types.filter((type) => type !== 'updated')).toHaveLength(2);
    }
    const alerts = pager.alerts();
    expect([...alerts.values()].filter(({ state, opened }) => state !== 'resolved' || opened !== 1)).toEqual([]);
    const members = [...alerts].map(([key, { details }]) =>
      key.startsWith('storm-') ? Number(details['incidents']) : 1,
    );
    expect(members.reduce((sum, count) => sum + count, 0)).toBe(kills.length);
    expect(await isBusy(store)).toBe(false);
  }, 120_000);
});

function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}
