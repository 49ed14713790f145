import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Workspace } from '../../src/app/ports.ts';
import type { Store } from '../../src/app/store-port.ts';
import { openTelling, type Telling } from '../../src/app/tell/telling.ts';
import { webhookDestination } from '../../src/app/webhook.ts';
import { assignIncidents } from '../../src/app/watch/assign-incidents.ts';
import { incidentIdOf } from '../../src/app/watch/incident-id.ts';
import { openSaveQueue, type SaveQueue } from '../../src/app/watch/save-queue.ts';
import { openUnsavedKills } from '../../src/app/watch/unsaved-kills.ts';
import type { Kill } from '../../src/incident/incident.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import { openStore } from '../../src/store/store.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { fakeClock, type FakeClock } from '../support/fake-clock.ts';
import { needs } from '../support/needs.ts';
import { startPostgres, type Postgres } from '../support/postgres.ts';
import { scriptedChat, type Fate, type ScriptedChat } from '../support/scripted-chat.ts';
import { scriptedWebhook, type HookFate, type ScriptedWebhook } from '../support/scripted-webhook.ts';
import { QUIET } from '../support/quiet-log.ts';

// Each seed is one life story of a store and a chat that fail at any step; `npm run test:faults` runs 10,000.
const SEEDS = Number(process.env['OOMBOT_SEEDS'] ?? 15);
const PG_SEEDS = Number(process.env['OOMBOT_PG_SEEDS'] ?? 2);
/** Stories in which a message stayed "not on record yet", or an incident that took another's place in a storm's alert was not paged. */
const FAILED_ONCE = [3_768, 9_802, 20_013];
const FIRST_SEED = Number(process.env['OOMBOT_SEED'] ?? 1);
const T0 = Date.UTC(2026, 7, 30, 1, 35, 8);
const STEP_MS = 250;
const MEMORY_FOLDER = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

// How many transactions share a commit is a matter of real time; here a seed must always tell the same story.
beforeAll(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterAll(() => void vi.useRealTimers());

const emptyFolder = mkdtempSync(path.join(MEMORY_FOLDER, 'oombot-faults-empty-'));
const emptyFile = path.join(emptyFolder, 'empty.db');
beforeAll(async () => (await openStore(`sqlite:${emptyFile}`)).close());
afterAll(() => rmSync(emptyFolder, { recursive: true, force: true }));

type Chance = (below: number) => number;

function seeded(seed: number): Chance {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
}

/** What goes wrong now: of a hundred calls, so many. */
interface Weather {
  store: number;
  chat: number;
  /** Calls take up to so long before they do anything, and again before they answer. */
  storeTakesMs: number;
  chatTakesMs: number;
}

/** A process that may die: then its store and its chat do nothing any more, and answer nobody. */
interface Life {
  alive: boolean;
  /** Calls of the store that it has not answered yet. */
  asked: number;
}

const CALM: Weather = { store: 0, chat: 0, storeTakesMs: 0, chatTakesMs: 0 };

/** What a life meets. */
interface Around {
  life: Life;
  weather: Weather;
  chance: Chance;
  clock: FakeClock;
}

/** In most calls nothing; drawn only where it may last, so that the other stories stay as they are. */
async function lasting(clock: FakeClock, chance: Chance, mostMs: number): Promise<void> {
  if (mostMs > 0 && chance(3) === 0) await clock.sleep(chance(mostMs));
}

/** Fails before a call or, as an unclear commit does, after it. */
function failingStore(store: Store, { life, weather, chance, clock }: Around): Store {
  function lasts(): Promise<void> {
    return lasting(clock, chance, weather.storeTakesMs);
  }
  return new Proxy(store, {
    get: (target, name: keyof Store) => {
      const call = target[name] as (...given: unknown[]) => Promise<unknown>;
      return async (...given: unknown[]) => {
        if (!life.alive) return new Promise(() => {});
        const fails = chance(100) < weather.store;
        const late = chance(2) === 0;
        await lasts();
        if (!life.alive) return new Promise(() => {});
        if (fails && !late) throw new Error(`${name} failed`);
        life.asked += 1;
        const result = await call.apply(target, given).finally(() => (life.asked -= 1));
        await lasts();
        if (!life.alive) return new Promise(() => {});
        if (fails) throw new Error(`${name} may have failed`);
        return result;
      };
    },
  });
}

function fateOf(chance: Chance): Fate {
  const taken = chance(2) === 0;
  const reason = 'lost';
  const fates: Fate[] = [
    { taken, told: { kind: 'unknown', reason } },
    { taken: false, told: { kind: 'unsent', reason } },
    { taken: false, told: { kind: 'rate-limited', retryAfterMs: 1_000 + chance(4_000) } },
  ];
  return fates[chance(fates.length)] ?? fates[0]!;
}

function hookFateOf(chance: Chance): HookFate {
  const { taken, told } = fateOf(chance);
  return { taken, told: told === 'sent' ? { kind: 'sent', ts: '' } : told };
}

interface Hooks {
  events: ScriptedWebhook;
  pager: ScriptedWebhook;
}

const ROUTES = [
  { destination: webhookDestination('events'), hearsMuted: true },
  { destination: webhookDestination('pager'), hearsMuted: false },
];

function mortal(chat: ScriptedChat, { life, weather, chance, clock }: Around): Workspace {
  function lasts(): Promise<void> {
    return lasting(clock, chance, weather.chatTakesMs);
  }
  function wrap<A, R>(call: (given: A) => Promise<R>): (given: A) => Promise<R> {
    return async (given) => {
      await lasts();
      if (!life.alive) return new Promise(() => {});
      const result = await call(given);
      await lasts();
      return life.alive ? result : new Promise(() => {});
    };
  }
  return { post: wrap(chat.post), update: wrap(chat.update), reply: wrap(chat.reply), find: wrap(chat.find) };
}

interface Process {
  life: Life;
  telling: Telling;
  queues: Map<string, SaveQueue>;
}

function startProcess(world: {
  store: Store;
  chat: ScriptedChat;
  hooks: Hooks;
  clock: FakeClock;
  weather: Weather;
  chance: Chance;
  owner: string;
}): Process {
  const { clock, chat, owner } = world;
  const life = { alive: true, asked: 0 };
  const around = { ...world, life };
  const store = failingStore(world.store, around);
  const telling = openTelling({
    store,
    workspace: mortal(chat, around),
    clock,
    log: QUIET,
    owner,
    isMine: () => life.alive,
    describe: async (incident) => describeIncident(incident, { nowMs: clock.nowMs(), protect: false }),
    webhook: (destination) => {
      const hook = destination === ROUTES[0]?.destination ? world.hooks.events : world.hooks.pager;
      return {
        takes: hook.takes,
        send: async (...given) => {
          if (!life.alive) return new Promise(() => {});
          const outcome = await hook.send(...given);
          return life.alive ? outcome : new Promise(() => {});
        },
      };
    },
  });
  const placing = {
    newId: incidentIdOf,
    isHistory: () => false,
    channelOf: () => '#oom',
    webhooksOf: () => ROUTES,
    aliveSinceMs: clock.nowMs(),
  };
  const queues = new Map<string, SaveQueue>();
  function queueOf(host: string): SaveQueue {
    const known = queues.get(host);
    if (known) return known;
    const unsaved = openUnsavedKills(host, placing, {
      store,
      clock,
      onUnsaved: (incident, channel) => life.alive && telling.hand(incident, channel, false),
    });
    const queue = openSaveQueue(host, {
      store,
      clock,
      log: QUIET,
      decide: (view, mutes) => {
        unsaved.find(view.nowOpen);
        return assignIncidents(view, { ...placing, nowMs: clock.nowMs(), mutes, toldAs: unsaved.toldAs });
      },
      isHistory: () => false,
      onSaved: (saved) => {
        unsaved.see(saved);
        if (life.alive) telling.see(saved);
      },
      onUnsaved: (kills) => void unsaved.tell(kills),
    });
    queues.set(host, queue);
    return queue;
  }
  return {
    life,
    telling,
    queues: new Proxy(queues, { get: (target, name) => (name === 'get' ? queueOf : Reflect.get(target, name)) }),
  };
}

/** How often each incident was announced by a message of the channel. */
function announcements(chat: ScriptedChat): Map<string, number> {
  const ids = chat.messages.filter((one) => one.threadTs === null).flatMap(({ mark }) => [mark.id, ...mark.also]);
  return new Map([...Map.groupBy(ids, (id) => id)].map(([id, all]) => [id, all.length]));
}

/** The most messages in any 10 s that one life of the process sent. What a life before it could not note, it cannot know. */
function mostIn10s(chat: ScriptedChat, begunAtMs: readonly number[]): number {
  const times = chat.messages.map(({ postedAtMs }) => postedAtMs);
  const windows = times.map((at) => {
    const untilMs = Math.min(at + 10_000, ...begunAtMs.filter((begun) => begun > at));
    return times.filter((other) => other >= at && other < untilMs).length;
  });
  return Math.max(0, ...windows);
}

/** A new record for one story; `isFar`: it answers in its own time, not in the turns of the clock. */
interface Place {
  isFar: boolean;
  open: () => Promise<Store>;
}

const onSqlite: Place = {
  isFar: false,
  open: async () => {
    const folder = mkdtempSync(path.join(MEMORY_FOLDER, 'oombot-faults-'));
    copyFileSync(emptyFile, path.join(folder, 'test.db'));
    const store = await openStore(`sqlite:${path.join(folder, 'test.db')}`);
    onTestFinished(async () => {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    });
    return store;
  },
};

/** Time passes; a record that is far answers before it goes on. */
async function pass(ms: number, clock: FakeClock, place: Place, lives: readonly Process[]): Promise<void> {
  if (!place.isFar) return clock.advance(ms);
  for (let left = ms; left > 0; left -= STEP_MS) {
    await clock.advance(Math.min(STEP_MS, left));
    for (let turn = 0; turn < 1_000 && lives.some(({ life }) => life.alive && life.asked > 0); turn += 1)
      await sleep(1);
  }
}

/** One of a few services of a host, each of which is one incident however often it dies. */
function shortKill(host: string, pid: number, atMs: number, chance: Chance): Kill {
  const name = ['java', 'redis', 'nginx'][chance(3)] ?? '';
  return aKill({ host, atMs, record: aRecord({ name, pid, domain: null, identity: null, taskMemcg: null }) });
}

/** Kills on hosts over two minutes under changing weather, with deaths of the process between; then calm. */
async function story(
  seed: number,
  { canSearch = true, isSlow = false, place = onSqlite }: { canSearch?: boolean; isSlow?: boolean; place?: Place } = {},
): Promise<{ chat: ScriptedChat; hooks: Hooks; kills: Kill[]; store: Store; begunAtMs: number[] }> {
  const chance = seeded(seed);
  const store = await place.open();
  const clock = fakeClock(T0);
  const chat = scriptedChat(clock);
  const weather: Weather = { ...CALM };
  chat.script.fate = (method) => {
    if (method === 'find' && !canSearch) return { taken: false, told: { kind: 'refused', reason: 'missing_scope' } };
    return chance(100) < weather.chat ? fateOf(chance) : undefined;
  };
  const hooks: Hooks = {
    events: scriptedWebhook('events', clock.nowMs),
    pager: scriptedWebhook('alerts', clock.nowMs),
  };
  for (const hook of Object.values(hooks))
    hook.script.fate = () => (chance(100) < weather.chat ? hookFateOf(chance) : undefined);
  const begunAtMs: number[] = [];
  const lives: Process[] = [];
  function begin(): Process {
    begunAtMs.push(clock.nowMs());
    const process = startProcess({ store, chat, hooks, clock, weather, chance, owner: `life-${begunAtMs.length}` });
    lives.push(process);
    return process;
  }
  let process = begin();
  const kills: Kill[] = [];
  for (let round = 0; round < 8; round += 1) {
    weather.store = [0, 20, 60, 100][chance(4)] ?? 0;
    weather.chat = [0, 20, 60][chance(3)] ?? 0;
    if (isSlow) {
      weather.store = round === 0 ? 100 : ([0, 0, 50, 100][chance(4)] ?? 0);
      weather.storeTakesMs = [0, 2_000, 8_000][chance(3)] ?? 0;
      weather.chatTakesMs = [0, 5_000, 25_000][chance(3)] ?? 0;
    }
    for (let count = chance(4); count > 0; count -= 1) {
      const host = isSlow ? `h${seed}-${chance(2)}` : `h${seed}-${kills.length}`;
      const pid = 1 + kills.length;
      const atMs = clock.nowMs();
      const kill = isSlow ? shortKill(host, pid, atMs, chance) : aKill({ host, pid, atMs });
      kills.push(kill);
      process.queues.get(host)?.offer({ kills: [kill] });
    }
    await pass(1_000 + chance(20_000), clock, place, lives);
    if (isSlow || chance(4) > 0) continue;
    process.life.alive = false;
    process = begin();
    // The log is read again from the positions on record.
    const saved = await store.kills({ hosts: null, sinceMs: null, untilMs: null, service: null, limit: 1_000 });
    const known = new Set(saved.map(({ key }) => key));
    for (const kill of kills) if (!known.has(kill.key)) process.queues.get(kill.host)?.offer({ kills: [kill] });
  }
  Object.assign(weather, CALM);
  await pass(180_000, clock, place, lives);
  process.life.alive = false;
  return { chat, hooks, kills, store, begunAtMs };
}

function expectToldOnce({ chat, hooks, kills, begunAtMs }: Awaited<ReturnType<typeof story>>): void {
  const told = announcements(chat);
  expect(kills.map((kill) => [kill.host, told.get(incidentIdOf(kill)) ?? 0])).toEqual(
    kills.map((kill) => [kill.host, 1]),
  );
  expect(told.size).toBe(kills.length);
  expect(mostIn10s(chat, begunAtMs)).toBeLessThanOrEqual(3);
  const opened = hooks.events.events().filter(({ type }) => type === 'opened');
  expect(opened.map(({ incident }) => incident.id).toSorted()).toEqual(kills.map(incidentIdOf).toSorted());
  const paged = JSON.stringify(hooks.pager.taken.map(({ message }) => message));
  expect(kills.map(incidentIdOf).filter((id) => !paged.includes(id.slice(0, 8)))).toEqual([]);
}

describe('under faults of the store and the chat at any step, and deaths of the process', () => {
  it.each([...Array.from({ length: SEEDS }, (_, at) => FIRST_SEED + at), ...FAILED_ONCE])(
    'seed %i: every incident is announced exactly once, and nothing is stranded',
    async (seed) => {
      const told = await story(seed);

      expectToldOnce(told);
      expect(await told.store.queueLengths()).toEqual([]);
    },
    300_000,
  );

  it.each(Array.from({ length: Math.ceil(SEEDS / 3) }, (_, at) => FIRST_SEED + at))(
    'seed %i: at least once where the chat cannot be searched',
    async (seed) => {
      const { chat, kills, store } = await story(seed, { canSearch: false });

      const told = announcements(chat);
      for (const kill of kills) expect(told.get(incidentIdOf(kill)) ?? 0, kill.host).toBeGreaterThanOrEqual(1);
      expect(await store.queueLengths()).toEqual([]);
    },
    300_000,
  );
});

describe('while the store fails from the first kill on, and is well again with requests on their way', () => {
  it.each([...Array.from({ length: SEEDS }, (_, at) => FIRST_SEED + at), ...FAILED_ONCE])(
    'seed %i: every incident on record is announced exactly once, and nothing else is',
    async (seed) => {
      const { chat, store, kills } = await story(seed, { isSlow: true });

      const incidents = (await Promise.all([0, 1].map((at) => store.incidents(`h${seed}-${at}`, 100)))).flat();
      expect(incidents.reduce((sum, { killCount }) => sum + killCount, 0)).toBe(kills.length);
      expect(announcements(chat)).toEqual(new Map(incidents.map(({ id }) => [id, 1])));
      expect(chat.messages.filter(({ text }) => text.includes('Not on record yet'))).toEqual([]);
      expect(await store.queueLengths()).toEqual([]);
    },
    300_000,
  );
});

// PostgreSQL answers over a socket, so that a seed tells a story of its own each time.
describe('the same on PostgreSQL', needs('postgres'), () => {
  let postgres: Postgres | null = null;
  beforeAll(async () => void (postgres = await startPostgres()), 120_000);
  afterAll(() => postgres?.stop(), 60_000);

  const onPostgres: Place = {
    isFar: true,
    open: async () => {
      const store = await openStore((await postgres?.createDatabase()) ?? '');
      onTestFinished(() => store.close());
      return store;
    },
  };

  it.each(Array.from({ length: PG_SEEDS }, (_, at) => FIRST_SEED + at))(
    'seed %i: every incident is announced exactly once, and nothing is stranded',
    async (seed) => {
      const told = await story(seed, { place: onPostgres });

      expectToldOnce(told);
      expect(await told.store.queueLengths()).toEqual([]);
    },
    600_000,
  );
});
