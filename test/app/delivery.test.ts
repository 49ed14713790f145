import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openTelling, type Telling } from '../../src/app/tell/telling.ts';
import { writeReply } from '../../src/app/reply-body.ts';
import type { NewDelivery } from '../../src/app/ports.ts';
import type { Store } from '../../src/app/store-port.ts';
import { groupKills } from '../../src/incident/grouping.ts';
import type { Kill } from '../../src/incident/incident.ts';
import { describeUnreachable } from '../../src/notice/answer/fleet-notice.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import { describeLaterKill } from '../../src/notice/incident/thread-notice.ts';
import { openStore } from '../../src/store/store.ts';
import { aKill } from '../support/a-kill.ts';
import { fakeClock, type FakeClock } from '../support/fake-clock.ts';
import { scriptedChat, type Fate, type ScriptedChat } from '../support/scripted-chat.ts';
import { QUIET } from '../support/quiet-log.ts';

const MOMENTS = Number(process.env['OOMBOT_MOMENTS'] ?? 25);
const T0 = Date.UTC(2026, 7, 30, 1, 35, 8);
const cleanUps: (() => Promise<void> | void)[] = [];

interface Bench {
  store: Store;
  clock: FakeClock;
  chat: ScriptedChat;
  /** Records kills as watching a host does, with their deliveries. */
  happen: (kills: Kill[]) => Promise<void>;
  start: (owner: string, isMine?: () => boolean, itsStore?: Partial<Store>) => Telling;
}

async function aBench(): Promise<Bench> {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-delivery-'));
  const store = await openStore(`sqlite:${path.join(folder, 'test.db')}`);
  const clock = fakeClock(T0);
  const chat = scriptedChat(clock);
  const running: Telling[] = [];
  cleanUps.push(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  function start(owner: string, isMine: () => boolean = () => true, itsStore: Partial<Store> = {}): Telling {
    const delivery = openTelling({
      store: { ...store, ...itsStore },
      workspace: chat,
      clock,
      log: QUIET,
      owner,
      isMine,
      describe: async (incident) => describeIncident(incident, { nowMs: clock.nowMs(), protect: false }),
    });
    running.push(delivery);
    return delivery;
  }

  async function happen(kills: Kill[]): Promise<void> {
    for (const [host, ofHost] of Map.groupBy(kills, (kill) => kill.host)) {
      await store.saveBatch({ host, kills: ofHost, positions: [] }, (view) => {
        const { incidents, changes } = groupKills(view.nowOpen, view.fresh, clock.nowMs(), (kill) => `i-${kill.key}`);
        const deliveries = changes.map((change): NewDelivery => ({
          incidentId: change.incidentId,
          channel: '#oom',
          kind: 'incident',
          body: null,
          notBeforeMs: clock.nowMs(),
        }));
        const placed = changes.flatMap((change) =>
          change.newKills.map((kill) => [kill.key, change.incidentId] as const),
        );
        const touched = new Set(changes.map((change) => change.incidentId));
        return {
          incidents: incidents.filter((one) => touched.has(one.id)),
          placed: Object.fromEntries(placed),
          deliveries,
        };
      });
    }
    for (const delivery of running) delivery.wake();
  }

  return { store, clock, chat, happen, start };
}

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function on(host: string, seconds: number, pid = 1): Kill {
  return aKill({ host, pid, atMs: T0 + seconds * 1_000 });
}

/** As the watch does with a kill that cannot be saved. */
function handFromMemory(telling: Telling, kill: Kill, clock: FakeClock): void {
  const { incidents } = groupKills([], [kill], clock.nowMs(), ({ key }) => `i-${key}`);
  for (const incident of incidents) telling.hand({ ...incident, firstAtMs: clock.nowMs() }, '#oom', false);
}

function topLevel(chat: ScriptedChat) {
  return chat.messages.filter((message) => message.threadTs === null);
}

async function isBusy(store: Store): Promise<boolean> {
  return (await store.queueLengths()).some((queue) => queue.waiting + queue.inFlight > 0);
}

function seededRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

/** The most messages in any ten seconds. */
function most(chat: ScriptedChat): number {
  const times = chat.messages.map((message) => message.postedAtMs);
  return Math.max(...times.map((at) => times.filter((other) => other >= at && other <= at + 10_000).length));
}

/** How often each incident is told of by a top-level message. */
function tellings(chat: ScriptedChat): Record<string, number> {
  const ids = topLevel(chat).flatMap((message) => [message.mark.id, ...message.mark.also]);
  return Object.fromEntries([...Map.groupBy(ids, (id) => id)].map(([id, all]) => [id, all.length]));
}

describe('one incident, one message', () => {
  it('posts at once, and edits in place when it grows', async () => {
    const { chat, clock, happen, start } = await aBench();
    const delivery = start('one');
    await happen([on('db01', 0)]);
    await clock.advance(10);
    expect(chat.messages.map((message) => message.text.split('\n')[0])).toEqual([
      'mysqld of mysql.service was killed on db01: the host ran out of memory',
      'What the log of db01 says',
    ]);

    await happen([on('db01', 60, 2)]);
    await clock.advance(15_000);

    expect(topLevel(chat)).toHaveLength(1);
    expect(topLevel(chat)[0]?.text).toContain('was killed 2 times on db01 within 1 min');
    expect(chat.messages[2]).toMatchObject({ threadTs: topLevel(chat)[0]?.ts });
    expect(chat.messages[2]?.text).toContain('was killed again');
    await delivery.close();
  });

  it('edits no more than once in three seconds, whatever happens', async () => {
    const { chat, clock, happen, start } = await aBench();
    const delivery = start('one');
    for (let pid = 1; pid <= 40; pid += 1) {
      await happen([on('db01', pid / 4, pid)]);
      await clock.advance(250);
    }
    await clock.advance(30_000);

    const [message, ...others] = topLevel(chat);
    const gaps = (message?.edits ?? []).slice(1).map((at, before) => at - (message?.edits[before] ?? 0));
    expect(others).toEqual([]);
    expect(message?.text).toContain('was killed 40 times');
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(3_000);
    await delivery.close();
  });

  it('tells later kills together when they come fast', async () => {
    const { chat, clock, happen, start } = await aBench();
    const delivery = start('one');
    for (let pid = 1; pid <= 60; pid += 1) {
      await happen([on('db01', pid, pid)]);
      await clock.advance(1_000);
    }
    await clock.advance(120_000);

    const replies = chat.messages.filter((message) => message.threadTs !== null);
    expect(replies.length).toBeLessThan(10);
    expect(replies.at(-1)?.text).toMatch(/more kills? in .*, 60 kills in all/);
    await delivery.close();
  });

  it('posts anew when somebody deleted the message', async () => {
    const { chat, clock, happen, start } = await aBench();
    const delivery = start('one');
    await happen([on('db01', 0)]);
    await clock.advance(100);
    chat.remove(chat.messages[0]?.ts ?? '');

    await happen([on('db01', 30, 2)]);
    await clock.advance(15_000);

    expect(topLevel(chat)[0]?.text).toContain('was killed 2 times');
    await delivery.close();
  });
});

describe('a storm', () => {
  it('of 1,000 kills on 100 hosts within 10 s gives at most 3 messages, and all are on record', async () => {
    const { chat, clock, happen, start, store } = await aBench();
    const delivery = start('one');
    for (let tick = 0; tick < 50; tick += 1) {
      const kills = Array.from({ length: 20 }, (_, at) =>
        on(`web${(tick * 20 + at) % 100}`, tick / 5, 1_000 + tick * 20 + at),
      );
      await happen(kills);
      await clock.advance(200);
    }

    expect(chat.messages.filter((message) => message.postedAtMs <= T0 + 10_000).length).toBeLessThanOrEqual(3);
    for (let second = 0; second < 600 && (await isBusy(store)); second += 1) await clock.advance(1_000);
    expect(chat.messages.filter((message) => message.postedAtMs <= T0 + 20_000).length).toBeLessThanOrEqual(6);
    const told = tellings(chat);
    expect(Object.keys(told)).toHaveLength(100);
    expect(new Set(Object.values(told))).toEqual(new Set([1]));
    expect(Math.max(...topLevel(chat).map((message) => message.postedAtMs))).toBeLessThanOrEqual(T0 + 30_000);
    expect(most(chat)).toBeLessThanOrEqual(3);
    const everything = chat.messages.map(({ text }) => text).join('\n');
    for (let host = 0; host < 100; host += 1) expect(everything).toMatch(new RegExp(`\\bweb${host}\\b`));
    for (const message of topLevel(chat).filter(({ mark }) => mark.also.length > 0)) expect(message.edits).toEqual([]);
    const rows = await store.countKills({ hosts: null, sinceMs: null, untilMs: null, service: null, limit: 10_000 });
    expect(rows.reduce((sum, row) => sum + row.count, 0)).toBe(1_000);
    expect(await isBusy(store)).toBe(false);
    await delivery.close();
  }, 60_000);

  it('never passes three messages in any ten seconds', async () => {
    const { chat, clock, happen, start } = await aBench();
    const delivery = start('one');
    for (let host = 0; host < 30; host += 1) {
      await happen([on(`h${host}`, host * 1.5, host)]);
      await clock.advance(1_500);
    }
    await clock.advance(60_000);

    expect(most(chat)).toBeLessThanOrEqual(3);
    expect(new Set(Object.values(tellings(chat)))).toEqual(new Set([1]));
    expect(Object.keys(tellings(chat))).toHaveLength(30);
    await delivery.close();
  }, 30_000);
});

describe('a backlog of words', () => {
  it('does not hold up a new kill', async () => {
    const { chat, clock, happen, start, store } = await aBench();
    const delivery = start('one');
    await happen([on('db01', 0)]);
    await clock.advance(1_000);
    const incidentId = topLevel(chat)[0]?.mark.id ?? '';
    const notice = describeLaterKill(on('db01', 1));
    const word = { channel: '#oom', body: writeReply({ notice }), notBeforeMs: 0 };
    await store.enqueue(Array.from({ length: 250 }, () => ({ ...word, incidentId: '', kind: 'news' as const })));
    await store.enqueue(Array.from({ length: 450 }, () => ({ ...word, incidentId, kind: 'reply' as const })));
    await clock.advance(20_000);

    await happen([on('web01', 21)]);
    await clock.advance(10_000);

    expect(tellings(chat)[`i-${on('web01', 21).key}`]).toBe(1);
    await delivery.close();
  }, 30_000);

  it('is one message for all news under a key: posted once, then edited, and found again when in doubt', async () => {
    const { store, clock, chat, start } = await aBench();
    async function tell(key: string, host: string): Promise<void> {
      const body = writeReply({ notice: describeUnreachable(host, T0, 'gone'), key });
      await store.enqueue([{ incidentId: '', channel: '#oom', kind: 'news', body, notBeforeMs: 0 }]);
    }
    // The first request arrives, and its answer is lost.
    let requests = 0;
    chat.script.fate = (method) =>
      method === 'post' && (requests += 1) === 1
        ? { taken: true, told: { kind: 'unknown', reason: 'cut' } }
        : undefined;
    const delivery = start('a');
    await tell('warning db01 1', 'first');
    await tell('warning db01 1', 'second');
    await tell('warning db02 1', 'other');
    delivery.wake();
    await clock.advance(60_000);
    await tell('warning db01 1', 'third');
    delivery.wake();
    await clock.advance(60_000);

    expect(chat.messages.map((one) => one.text.split(' ')[0])).toEqual(['third', 'other']);
    expect(chat.messages[0]?.edits).toHaveLength(1);

    chat.remove(chat.messages[0]?.ts ?? '');
    await tell('warning db01 1', 'fourth');
    delivery.wake();
    await clock.advance(60_000);

    expect(chat.messages.map((one) => one.text.split(' ')[0])).toEqual(['other']);
    expect((await store.queueLengths()).length).toBe(0);
  });

  it('sends what fills a message by itself alone', async () => {
    const { store, clock, chat, start } = await aBench();
    const plain = describeUnreachable('db01', T0, 'gone');
    const table = { ...plain, parts: [{ kind: 'rows' as const, rows: [{ text: [{ words: 'one action' }] }] }] };
    const other = describeUnreachable('db02', T0, 'gone');
    for (const notice of [plain, other, table, { ...plain, tone: 'plain' as const }]) {
      const body = writeReply({ notice });
      await store.enqueue([{ incidentId: '', channel: '#oom', kind: 'news', body, notBeforeMs: 0 }]);
    }

    start('a').wake();
    await clock.advance(60_000);

    expect(chat.messages.map((one) => one.text.split('\n')[0])).toEqual([
      '2 notes',
      expect.stringContaining('db01'),
      expect.stringContaining('db01'),
    ]);
    expect(chat.messages[1]?.text).toContain('one action');
  });

  it('is told as one message when it is news of many hosts', async () => {
    const { chat, clock, start, store } = await aBench();
    const news = Array.from({ length: 150 }, (_, at): NewDelivery => ({
      incidentId: '',
      channel: '#oom',
      kind: 'news',
      body: writeReply({ notice: describeUnreachable(`web${at}`, T0, 'no answer') }),
      notBeforeMs: 0,
    }));
    await store.enqueue(news);
    let first = true;
    chat.script.fate = () => {
      if (!first) return undefined;
      first = false;
      return { taken: true, told: { kind: 'unknown', reason: 'HTTP 502' } };
    };
    const delivery = start('one');
    await clock.advance(60_000);

    expect(chat.messages).toHaveLength(1);
    expect(chat.messages[0]?.text).toContain('150 notes');
    expect(chat.messages[0]?.text).toContain('web0 is unreachable');
    expect(chat.messages[0]?.text).toContain('and 120 more notes');
    expect(await isBusy(store)).toBe(false);
    await delivery.close();
  });

  describe('that a process cannot save, whose channel another one may serve by now', () => {
    async function fails(): Promise<never> {
      throw new Error('no database');
    }
    const CUT_OFF = { ledger: fails, saveLedger: fails, incident: fails };

    it('is told where the channel does not show that the other one told it', async () => {
      const { chat, clock, happen, start, store } = await aBench();
      const able = start('able');
      await happen([on('web1', 1)]);
      await clock.advance(10_000);
      const cut = start('cut', () => false, CUT_OFF);

      for (const kill of [on('web1', 1), on('web2', 2)]) handFromMemory(cut, kill, clock);
      await clock.advance(30_000);

      expect(topLevel(chat).map(({ mark }) => mark.id)).toEqual([`i-${on('web1', 1).key}`, `i-${on('web2', 2).key}`]);
      expect(await isBusy(store)).toBe(false);
      await able.close();
      await cut.close();
    });

    it.each<Exclude<Fate['told'], 'sent' | 'hang'>>([
      { kind: 'refused', reason: 'missing_scope' },
      { kind: 'rate-limited', retryAfterMs: 5_000 },
      { kind: 'unknown', reason: 'timeout' },
    ])('is told within 20 s though the search is $kind', async (told) => {
      const { chat, clock, start } = await aBench();
      let searches = 0;
      chat.script.fate = (method) => {
        if (method !== 'find') return undefined;
        searches += 1;
        return told.kind === 'rate-limited' && searches > 1 ? undefined : { taken: false, told };
      };
      const cut = start('cut', () => false, CUT_OFF);

      handFromMemory(cut, on('web1', 1), clock);
      await clock.advance(20_000);

      expect(topLevel(chat).map(({ mark }) => mark.id)).toEqual([`i-${on('web1', 1).key}`]);
      await cut.close();
    });

    it('is looked for again when it had to wait, and not told when the other one told it meanwhile', async () => {
      const { chat, clock, happen, start } = await aBench();
      let isMine = true;
      const cut = start('cut', () => isMine, CUT_OFF);
      // Three fill the allowance, so that the next one waits.
      for (const host of ['web1', 'web2', 'web3']) {
        handFromMemory(cut, on(host, 1), clock);
        await clock.advance(100);
      }
      handFromMemory(cut, on('web4', 1), clock);
      await clock.advance(100);
      isMine = false;
      const able = start('able');
      await happen([on('web4', 1)]);
      await clock.advance(30_000);

      expect(topLevel(chat).filter(({ text }) => text.includes('web4'))).toHaveLength(1);
      await able.close();
      await cut.close();
    });
  });

  it('is not what a new kill waits for while the database cannot be read', async () => {
    const { chat, clock, happen, start, store } = await aBench();
    const failing = new Set<string>();
    function unless<Given extends unknown[], T>(name: string, ask: (...given: Given) => Promise<T>) {
      return (...given: Given) => (failing.has(name) ? Promise.reject(new Error('no database')) : ask(...given));
    }
    const delivery = start('one', () => true, {
      ledger: unless('ledger', store.ledger),
      saveLedger: unless('saveLedger', store.saveLedger),
      incident: unless('incident', store.incident),
    });
    await happen([on('web1', 0)]);
    await clock.advance(500);
    // The database goes away between reading what is to be edited and what it should say.
    failing.add('incident');
    await happen([on('web1', 0, 2)]);
    await clock.advance(500);
    for (const name of ['ledger', 'saveLedger']) failing.add(name);

    handFromMemory(delivery, on('web2', 1), clock);
    await clock.advance(10_000);

    expect(topLevel(chat).map(({ mark }) => mark.id)).toEqual([`i-${on('web1', 0).key}`, `i-${on('web2', 1).key}`]);
    await delivery.close();
  });

  it('of an incident that cannot be read while the ledger can does not hold up one that only this process knows', async () => {
    const { chat, clock, happen, start, store } = await aBench();
    const delivery = start('one', () => true, { incident: () => Promise.reject(new Error('the table is locked')) });
    await happen([on('web1', 0)]);
    await clock.advance(500);

    handFromMemory(delivery, on('web2', 1), clock);
    await clock.advance(10_000);

    expect(topLevel(chat).map(({ mark }) => mark.id)).toEqual([`i-${on('web2', 1).key}`]);
    expect(await isBusy(store)).toBe(true);
    await delivery.close();
  });

  it('of an incident that only the database knows does not hold up one that only this process knows', async () => {
    const { chat, clock, happen, start, store } = await aBench();
    let isAway = false;
    function unlessAway<Given extends unknown[], T>(ask: (...given: Given) => Promise<T>) {
      return (...given: Given) => (isAway ? Promise.reject(new Error('no database')) : ask(...given));
    }
    async function rowsAndGone(...given: Parameters<Store['ledger']>) {
      const rows = await store.ledger(...given);
      // The last that it says.
      if (rows.length > 0) isAway = true;
      return rows;
    }
    const delivery = start('one', () => true, {
      ledger: unlessAway(rowsAndGone),
      saveLedger: unlessAway(store.saveLedger),
      incident: unlessAway(store.incident),
    });
    await happen([on('web1', 0)]);
    await clock.advance(500);

    handFromMemory(delivery, on('web2', 1), clock);
    await clock.advance(10_000);

    expect(topLevel(chat).map(({ mark }) => mark.id)).toEqual([`i-${on('web2', 1).key}`]);
    isAway = false;
    await delivery.close();
  });

  it('of a storm is one message in its thread for all that happens to its incidents', async () => {
    const { chat, clock, happen, start, store } = await aBench();
    const delivery = start('one');
    const kills = Array.from({ length: 20 }, (_, at) => on(`web${at}`, 0, at));
    await happen(kills);
    await store.enqueue(
      kills.map((kill): NewDelivery => ({
        incidentId: `i-${kill.key}`,
        channel: '#oom',
        kind: 'reply',
        body: writeReply({ notice: describeLaterKill(on(kill.host, 1)) }),
        notBeforeMs: clock.nowMs(),
      })),
    );
    await clock.advance(60_000);

    const storm = topLevel(chat).find((message) => message.mark.also.length > 0);
    const thread = chat.messages.filter((message) => message.threadTs === storm?.ts).map(({ text }) => text);
    expect(thread.map((text) => text.split('\n')[0])).toEqual([
      expect.stringMatching(/^\d+ incidents of this summary$/),
      expect.stringMatching(/^\d+ notes$/),
    ]);
    for (const message of topLevel(chat)) expect(message.edits).toEqual([]);
    expect(await isBusy(store)).toBe(false);
    await delivery.close();
  });
});

describe('when the chat fails', () => {
  it('waits as long as it is told to', async () => {
    const { chat, clock, happen, start } = await aBench();
    const delivery = start('one');
    let first = true;
    chat.script.fate = () => {
      if (!first) return undefined;
      first = false;
      return { taken: false, told: { kind: 'rate-limited', retryAfterMs: 30_000 } };
    };
    await happen([on('db01', 0)]);
    await clock.advance(29_000);
    expect(chat.messages).toEqual([]);

    await clock.advance(2_000);

    expect(chat.calls.map((call) => call.method)).toEqual(['post', 'post', 'reply']);
    expect(topLevel(chat)).toHaveLength(1);
    await delivery.close();
  });

  it.each([true, false])('tells once when the answer is lost (taken by the chat: %s)', async (taken) => {
    const { chat, clock, happen, start } = await aBench();
    const delivery = start('one');
    let first = true;
    chat.script.fate = (method) => {
      if (method !== 'post' || !first) return undefined;
      first = false;
      return { taken, told: { kind: 'unknown', reason: 'HTTP 502' } };
    };
    await happen([on('db01', 0)]);
    await clock.advance(30_000);

    expect(chat.calls.slice(0, 2).map((call) => call.method)).toEqual(['post', 'find']);
    expect(topLevel(chat)).toHaveLength(1);
    await happen([on('db01', 40, 2)]);
    await clock.advance(10_000);
    expect(topLevel(chat)[0]?.text).toContain('was killed 2 times');
    await delivery.close();
  });

  it('does not wait for ever where the chat cannot be searched', async () => {
    const { chat, clock, happen, start } = await aBench();
    const delivery = start('one');
    let first = true;
    chat.script.fate = (method) => {
      if (method === 'find') return { taken: false, told: { kind: 'refused', reason: 'missing_scope' } };
      if (!first) return undefined;
      first = false;
      return { taken: false, told: { kind: 'unknown', reason: 'HTTP 502' } };
    };
    await happen([on('db01', 0)]);
    await clock.advance(90_000);

    expect(chat.calls.filter((call) => call.method === 'find')).toHaveLength(2);
    expect(topLevel(chat)).toHaveLength(1);
    expect(topLevel(chat)[0]?.postedAtMs).toBeLessThanOrEqual(T0 + 30_000);
    await delivery.close();
  });

  it('says in the message that it may be there twice, also once it was edited, and in no other', async () => {
    const { chat, clock, happen, start } = await aBench();
    const delivery = start('one');
    let first = true;
    chat.script.fate = (method) => {
      if (method === 'find') return { taken: false, told: { kind: 'refused', reason: 'missing_scope' } };
      if (method !== 'post' || !first) return undefined;
      first = false;
      return { taken: true, told: { kind: 'unknown', reason: 'HTTP 502' } };
    };
    await happen([on('db01', 0)]);
    await clock.advance(60_000);
    await happen([on('db02', 60)]);
    await clock.advance(10_000);
    await happen([on('db01', 70, 2)]);
    await clock.advance(30_000);

    const [lost, again, other] = topLevel(chat).map((message) => message.text);
    expect(lost).not.toContain('May be posted twice');
    expect(again).toMatch(/was killed 2 times[^]*May be posted twice: Slack’s answer to the first try was lost/);
    expect(other).not.toContain('May be posted twice');
    expect(chat.messages.filter((message) => message.threadTs !== null).map((message) => message.text)).not.toContain(
      'May be posted twice',
    );
    await delivery.close();
  });

  it('hands a doubtful message over when the channel is another process’s', async () => {
    const { chat, clock, happen, start, store } = await aBench();
    let mine = true;
    const delivery = start('one', () => mine);
    let first = true;
    chat.script.fate = () => {
      if (!first) return undefined;
      first = false;
      mine = false;
      return { taken: true, told: { kind: 'unknown', reason: 'HTTP 502' } };
    };
    await happen([on('db01', 0)]);
    await clock.advance(30_000);
    expect(await store.queueLengths()).toMatchObject([{ inFlight: 1 }]);

    const other = start('two');
    await happen([on('db01', 40, 2)]);
    await clock.advance(10_000);

    expect(topLevel(chat)).toHaveLength(1);
    expect(topLevel(chat)[0]?.text).toContain('was killed 2 times');
    await delivery.close();
    await other.close();
  });

  it('loses nothing and repeats nothing over ten minutes of silence', async () => {
    const { chat, clock, happen, start } = await aBench();
    const delivery = start('one');
    chat.script.fate = (): Fate => ({ taken: false, told: { kind: 'unsent', reason: 'ECONNREFUSED' } });
    for (let minute = 0; minute < 10; minute += 1) {
      await happen(Array.from({ length: 5 }, (_, at) => on(`h${minute}-${at}`, minute * 60, at)));
      await clock.advance(60_000);
    }
    expect(chat.calls.length).toBeLessThan(60);

    chat.script.fate = () => undefined;
    await clock.advance(120_000);

    expect(Object.keys(tellings(chat))).toHaveLength(50);
    expect(new Set(Object.values(tellings(chat)))).toEqual(new Set([1]));
    await delivery.close();
  }, 30_000);

  it('tries a refused message again, ever more rarely, and then puts it aside', async () => {
    const { chat, clock, happen, start, store } = await aBench();
    const delivery = start('one');
    chat.script.fate = (): Fate => ({ taken: false, told: { kind: 'refused', reason: 'channel_not_found' } });
    await happen([on('db01', 0)]);
    await clock.advance(2 * 3_600_000);

    expect(chat.calls.length).toBe(8);
    expect(await store.failedDeliveries(10)).toMatchObject([{ reason: 'channel_not_found' }]);
    await delivery.close();
  });

  it('serves other channels while one hangs', async () => {
    const { chat, clock, happen, start, store } = await aBench();
    start('one');
    let first = true;
    chat.script.fate = () => {
      if (!first) return undefined;
      first = false;
      return { taken: false, told: 'hang' };
    };
    await happen([on('db01', 0)]);
    await clock.advance(100);
    await store.enqueue([
      { incidentId: `i-${on('db01', 0).key}`, channel: '#db', kind: 'incident', body: null, notBeforeMs: 0 },
    ]);
    await clock.advance(6_000);

    expect(topLevel(chat).map((message) => message.channel)).toEqual(['#db']);
  });
});

describe('when the bot dies', () => {
  it(`between the chat and its own note, at ${MOMENTS} random moments, it still tells once`, async () => {
    const { chat, clock, happen, start, store } = await aBench();
    const random = seededRandom(7);
    let living = 0;

    for (let life = 0; life < MOMENTS; life += 1) {
      const now = life;
      living = now;
      start(`owner-${life}`, () => living === now);
      // After so many requests the process is gone: the last one may have arrived, and nobody hears of it.
      let left = 1 + random(5);
      const arrives = random(2) === 0;
      chat.script.fate = () => {
        left -= 1;
        return left > 0 ? undefined : { taken: left === 0 && arrives, told: 'hang' };
      };
      await happen(Array.from({ length: 1 + random(4) }, (_, at) => on(`h${life}-${at}`, life * 70, at)));
      await clock.advance(70_000);
    }
    living = MOMENTS;
    chat.script.fate = () => undefined;
    const last = start('last');
    await clock.advance(300_000);

    const known = await store.countKills({ hosts: null, sinceMs: null, untilMs: null, service: null, limit: 10_000 });
    expect(Object.keys(tellings(chat))).toHaveLength(known.length);
    expect(new Set(Object.values(tellings(chat)))).toEqual(new Set([1]));
    await last.close();
  }, 120_000);

  it('or only hangs while another process takes over, it does not tell once more when it goes on', async () => {
    const { chat, clock, happen, start, store } = await aBench();
    const { promise: held, resolve: goOn } = Promise.withResolvers<void>();
    async function saveLedger(...given: Parameters<Store['saveLedger']>) {
      if (given[2].some(({ attempt }) => attempt !== null)) await held;
      return store.saveLedger(...given);
    }
    await happen([on('db01', 0)]);
    await clock.advance(20_000);
    const hung = start('hung', () => true, { saveLedger });
    await clock.advance(1_000);
    const other = start('other');
    await clock.advance(1_000);
    expect(topLevel(chat)).toHaveLength(1);

    await clock.advance(3_000);
    goOn();
    await clock.advance(30_000);

    expect(topLevel(chat)).toHaveLength(1);
    await hung.close();
    await other.close();
  });

  it('gives back what it has not sent, when it stops in peace', async () => {
    const { chat, clock, happen, start, store } = await aBench();
    const first = start('one');
    chat.script.fate = (): Fate => ({ taken: false, told: { kind: 'unsent', reason: 'ECONNREFUSED' } });
    await happen([on('db01', 0)]);
    await clock.advance(3_000);

    await first.close();

    expect(await store.queueLengths()).toMatchObject([{ waiting: 1, inFlight: 0 }]);
  });
});
