import { describe, expect, it, onTestFinished } from 'vitest';

import { keepDrills, lastSlot } from '../../src/app/drill/drill-schedule.ts';
import type { DrillWorld } from '../../src/app/drill/drill-world.ts';
import { openDrills } from '../../src/app/drill/drills.ts';
import type { RequestEnd } from '../../src/app/host-link.ts';
import { openDrillWatch } from '../../src/app/watch/drill-watch.ts';
import { watchHost } from '../../src/app/watch/watch-host.ts';
import type { Drill } from '../../src/incident/drill.ts';
import { BOOT_ID, scriptedHost } from '../support/scripted-host.ts';
import { tellingOnFakeClock } from '../support/telling-on-fake-clock.ts';
import { QUIET } from '../support/quiet-log.ts';

const NOW = Date.UTC(2026, 10, 22, 12);
const DAY_MS = 24 * 60 * 60_000;
const HELLO =
  'ok oom-adj=1 min=-900 max=1000 capability=yes writable=yes file=oom_score_adj units=no raise=no log=yes try=yes ref=yes';
const NOTHING = { id: '', host: 'db01', service: null, sinceMs: null, untilMs: null, limit: 50 };

function answered(text: string): RequestEnd {
  return { kind: 'answered', text: `${text}\n`, asUid: null };
}

/** A watched host whose helper does drills, with the channel of its kills, on a clock moved by hand. */
async function aScene(given: { schedule?: { everyMs: number | null; channel: string | null }; shared?: boolean } = {}) {
  const { store, clock, chat, telling } = await tellingOnFakeClock(NOW);
  const host = scriptedHost('db01', clock);
  const watch = openDrillWatch(store, clock);
  const ended: Drill[] = [];
  let count = 0;
  let kills = 0;
  let pid = 4_000;
  let helper: ((id: string) => string) | null = null;

  /** Lines of the kernel that tell of a kill at the limit of a group. */
  function killLines(id: string, name = 'oombot-drill', memcg = `/oombot-drill-${id}`): string[] {
    pid += 1;
    const usec = (3_600_000 + clock.nowMs() - NOW) * 1_000;
    return [
      `6,${pid},${usec},-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=${memcg},task_memcg=${memcg},task=${name},pid=${pid},uid=0`,
      `3,${pid},${usec},-;Memory cgroup out of memory: Killed process ${pid} (${name}) total-vm:16948kB, anon-rss:8188kB, file-rss:1644kB, shmem-rss:0kB, UID:0 pgtables:68kB oom_score_adj:1000`,
    ];
  }
  function kill(lines: string[]): void {
    kills += 1;
    host.countersSay({ bootId: BOOT_ID, oomKills: kills, readAtMs: clock.nowMs() });
    host.say(lines);
  }
  host.helperSays((line) => {
    if (line === 'v1 hello\n') return answered(`${HELLO} drill=yes`);
    if (line.startsWith('v1 try drill ')) return answered('ok try');
    const id = /^v1 drill ([0-9a-f]{32}) [0-9a-f]{64}\n$/.exec(line)?.[1] ?? '';
    if (helper !== null) return answered(helper(id));
    kill(killLines(id));
    return answered(`ok drill=${id}`);
  });
  const watched = watchHost(host, {
    store,
    clock,
    log: QUIET,
    channelOf: () => '#oom',
    onSaved: (saved) => telling.see(saved),
    onLines: () => {},
    onGap: () => {},
    drills: watch,
  });
  const world: DrillWorld = {
    store,
    clock,
    log: QUIET,
    fleet: {
      link: (name) => (name === 'db01' ? host : null),
      hosts: () => [{ name: 'db01', tags: [], channel: null }],
      watchState: (name) => (name === 'db01' && isHere ? watched.state() : null),
      killsWaiting: () => 0,
    },
    watch,
    newId: () => (count += 1).toString(16).padStart(32, 'a'),
    shared: given.shared ?? false,
    schedule: () => given.schedule ?? { everyMs: null, channel: null },
    isReadOnly: () => false,
    channelOf: () => '#oom',
    wake: telling.wake,
    onEnded: (drill) => void ended.push(drill),
  };
  let isHere = true;
  const drills = openDrills(world);
  onTestFinished(async () => {
    const closing = drills.close();
    await clock.advance(1_000);
    await closing;
    await watched.close();
  });
  await clock.advance(40_000);
  return {
    store,
    clock,
    chat,
    host,
    drills,
    world,
    ended,
    kill,
    killLines,
    helperSays: (says: (id: string) => string) => void (helper = says),
    leave: () => void (isHere = false),
    recorded: () => store.kills({ ...NOTHING, hosts: ['db01'] }),
  };
}

describe('a drill that somebody asks for', () => {
  it('is announced, killed, seen, recorded and told, and is neither an incident nor a kill on record', async () => {
    const { store, clock, chat, drills, ended, recorded } = await aScene();

    expect(await drills.begin('db01', 'U1')).toMatchObject({ kind: 'begun', isElsewhere: false });
    await clock.advance(5_000);

    expect(chat.messages.map(({ text }) => text.split('\n')[0])).toEqual([
      expect.stringMatching(/^Drill on db01: the way from db01 to #oom works: 0\.\d+ s$/),
    ]);
    expect(chat.messages[0]?.text).toContain('went up by one: this drill');
    expect(chat.messages[0]?.text).not.toContain('<!');
    expect(ended.map(({ state, counted }) => [state, counted])).toEqual([['worked', { before: 0, after: 1 }]]);
    expect(await recorded()).toEqual([]);
    expect(await store.incidents('db01', 10)).toEqual([]);
    expect((await store.audit('db01', 10)).map(({ action, actor }) => [action, actor])).toEqual([
      ['drill ended', 'U1'],
      ['drill', 'U1'],
    ]);
  });

  it('is announced before anything is killed', async () => {
    const { clock, chat, drills, host, helperSays } = await aScene();
    const shown: string[] = [];
    helperSays((id) => {
      shown.push(...chat.messages.map(({ text }) => text));
      return `refused ${id === '' ? '' : 'panic'}`;
    });

    await drills.begin('db01', 'U1');
    await clock.advance(5_000);

    expect(shown.join()).toContain('Drill on db01: under way');
    expect(host.requests().at(-1)).toMatch(/^v1 drill /);
    expect(chat.messages.map(({ text }) => text).join()).toContain('the host would panic');
  });

  it('explains what the kernel counted: no kill is missing afterwards, and one more is', async () => {
    const { clock, drills, host, recorded } = await aScene();
    await drills.begin('db01', 'U1');
    await clock.advance(10 * 60_000);

    expect(await recorded()).toEqual([]);

    host.countersSay({ bootId: BOOT_ID, oomKills: 2, readAtMs: clock.nowMs() });
    await clock.advance(10 * 60_000);

    expect((await recorded()).map(({ source }) => source)).toEqual(['counter']);
  });

  it('hides nothing that only looks like it: another id, another group, a second death, a later time', async () => {
    const { clock, drills, kill, killLines, recorded } = await aScene();
    await drills.begin('db01', 'U1');
    await clock.advance(5_000);
    const own = '1'.padStart(32, 'a');

    kill(killLines(own));
    kill(killLines('b'.repeat(32)));
    kill(killLines(own, 'mysqld', `/user.slice/oombot-drill-${own}`));
    kill(killLines('', 'oombot-drill', `/oombot-drill-${own}/x`));
    await clock.advance(5_000);

    expect(await recorded()).toHaveLength(4);
  });

  it('takes a death with the id of a drill for a real one where the drill’s own time is over', async () => {
    const { clock, drills, kill, killLines, recorded, helperSays } = await aScene();
    helperSays((id) => `ok drill=${id}`);
    await drills.begin('db01', 'U1');
    await clock.advance(10 * 60_000);

    kill(killLines('1'.padStart(32, 'a')));
    await clock.advance(5_000);

    expect(await recorded()).toHaveLength(1);
  });

  it('takes its own kill for its own when the log is read again, also by another process', async () => {
    const { clock, drills, host, killLines, recorded, helperSays, kill } = await aScene();
    let lines: string[] = [];
    helperSays((id) => {
      lines = killLines(id);
      kill(lines);
      return `ok drill=${id}`;
    });
    await drills.begin('db01', 'U1');
    await clock.advance(5_000);

    host.say(lines, { live: false });
    await clock.advance(5_000);

    expect(await recorded()).toEqual([]);
  });

  it.each([
    [
      'no line comes',
      (id: string) => `ok drill=${id}`,
      /no line of the kill was read[\s\S]*dmesg \| grep oombot-drill-a+1/,
    ],
    ['the kernel kills nothing', () => 'refused not-killed', /the kernel killed nothing[\s\S]*journalctl -t oom-adj/],
    ['the helper says nothing', () => 'hm', /the kernel killed nothing/],
  ])('fails by a message of its own that says where it ended and what to look at: %s', async (_, says, words) => {
    const { clock, chat, drills, ended, helperSays } = await aScene();
    helperSays(says);

    await drills.begin('db01', 'U1');
    await clock.advance(2 * 60_000);

    expect(chat.messages).toHaveLength(2);
    expect(chat.messages[0]?.text).toContain('Drill on db01 ended early');
    expect(chat.messages[1]?.text).toMatch(/^The drill on db01 failed/);
    expect(chat.messages[1]?.text).toMatch(words);
    expect(ended.map(({ state }) => state)).toEqual(['failed']);
  });

  it('kills nothing where it cannot be announced', async () => {
    const { clock, chat, drills, host, ended } = await aScene();
    chat.script.fate = () => ({ taken: false, told: { kind: 'refused', reason: 'not_in_channel' } });

    await drills.begin('db01', 'U1');
    await clock.advance(2 * 60_000);

    expect(host.requests().filter((line) => line.startsWith('v1 drill'))).toEqual([]);
    expect(ended.map(({ end }) => end?.step)).toEqual(['announce']);
  });

  it('fails at the last step where the channel takes nothing any more', async () => {
    const { clock, chat, drills, ended } = await aScene();
    let posts = 0;
    chat.script.fate = (method) =>
      method === 'update' || (posts += 1) > 1 ? { taken: false, told: { kind: 'unsent', reason: 'down' } } : undefined;

    await drills.begin('db01', 'U1');
    await clock.advance(5 * 60_000);

    expect(ended.map(({ end }) => end?.step)).toEqual(['tell']);
    chat.script.fate = () => undefined;
    await clock.advance(5 * 60_000);
    expect(chat.messages.some(({ text }) => text.startsWith('The drill on db01 failed'))).toBe(true);
  });

  it('is refused while another one is under way, without a helper, with an older one, and while much is killed', async () => {
    const { clock, drills, host, kill, killLines, helperSays } = await aScene();
    helperSays((id) => `ok drill=${id}`);
    await drills.begin('db01', 'U1');
    expect(await drills.begin('db01', 'U2')).toMatchObject({ kind: 'refused', why: { needsSetup: false } });
    await clock.advance(2 * 60_000);

    host.helperSays(() => answered(HELLO));
    expect(await drills.begin('db01', 'U1')).toMatchObject({ kind: 'refused', why: { needsSetup: true } });
    host.helperSays(() => ({ kind: 'no-helper', sentence: 'command not found' }));
    expect(await drills.begin('db01', 'U1')).toMatchObject({ kind: 'refused', why: { needsSetup: true } });
    for (let at = 0; at < 6; at++) kill(killLines('', 'mysqld', '/system.slice/mysql.service'));
    await clock.advance(2_000);
    expect(await drills.begin('db01', 'U1')).toMatchObject({
      kind: 'refused',
      why: { reason: expect.stringContaining('no time') },
    });
    host.become('unreachable');
    await clock.advance(1_000);
    expect(await drills.begin('db01', 'U1')).toMatchObject({
      kind: 'refused',
      why: { reason: expect.stringContaining('not watched right now') },
    });
  });

  it('asks the record ever less often whether a channel that takes nothing shows it', async () => {
    const { clock, chat, world, ended } = await aScene();
    let asked = 0;
    const { newsState } = world.store;
    const store = { ...world.store, newsState: (...of: [string, string]) => ((asked += 1), newsState(...of)) };
    const own = openDrills({ ...world, store });
    chat.script.fate = () => ({ taken: false, told: { kind: 'unsent', reason: 'down' } });

    await own.begin('db01', 'U1');
    await clock.advance(31_000);

    expect(ended.map(({ end }) => end?.step)).toEqual(['announce']);
    expect(asked).toBeLessThan(80);
    await own.close();
  });

  it('is refused where the host is taken off the list while its helper is asked', async () => {
    const { chat, drills, world, host, clock } = await aScene();
    let isListed = true;
    const { link } = world.fleet;
    world.fleet.link = (name) => (isListed ? link(name) : null);
    host.helperSays((line) => {
      if (line === 'v1 hello\n') return answered(`${HELLO} drill=yes`);
      isListed = false;
      return answered('ok try');
    });

    expect(await drills.begin('db01', 'U1')).toEqual({
      kind: 'refused',
      why: { reason: 'The host is no longer watched here, or oombot is being stopped.', needsSetup: false },
    });
    await clock.advance(5_000);
    expect(chat.messages).toEqual([]);
  });

  it('is left to the process that watches the host, and told as interrupted where that one stops', async () => {
    const { clock, chat, drills, world, leave, ended, helperSays } = await aScene({ shared: true });
    helperSays(() => 'hm');
    const other = openDrills({ ...world, fleet: { ...world.fleet, watchState: () => null } });

    expect(await other.begin('db01', 'U1')).toMatchObject({ kind: 'begun', isElsewhere: true });
    expect(chat.messages).toEqual([]);
    await drills.tidy();
    await clock.advance(1_000);
    expect(chat.messages.map(({ text }) => text).join()).toContain('under way');

    // The process that did it is gone; after a while another one says so.
    const stopped = drills.close();
    await clock.advance(1_000);
    await stopped;
    leave();
    await other.tidy();
    expect(ended).toEqual([]);
    await clock.advance(6 * 60_000);
    await other.tidy();
    await clock.advance(2_000);

    expect(ended.map(({ end }) => end?.step)).toEqual(['interrupted']);
    expect(chat.messages.at(-1)?.text).toMatch(/^The drill on db01 failed: oombot was stopped/);
  });
});

describe('drills by a schedule', () => {
  const schedule = { everyMs: 7 * DAY_MS, channel: '#drills' };

  async function keptScene() {
    const scene = await aScene({ schedule });
    const stop = new AbortController();
    const kept = keepDrills(scene.world, scene.drills, stop.signal);
    onTestFinished(async () => {
      stop.abort();
      await scene.clock.advance(10_000);
      await kept;
    });
    return scene;
  }
  /** To just before the next one is due. */
  function untilDueMs(nowMs: number): number {
    return lastSlot('db01', schedule.everyMs, nowMs) + schedule.everyMs - nowMs - 20_000;
  }

  it('come once in their time, and edit one standing message', async () => {
    const { clock, chat, ended } = await keptScene();
    await step(clock, untilDueMs(clock.nowMs()));
    expect(ended).toEqual([]);

    await clock.advance(60_000);
    expect(ended.map(({ state, by }) => [state, by])).toEqual([['worked', null]]);
    await step(clock, untilDueMs(clock.nowMs()));
    await clock.advance(60_000);

    expect(ended).toHaveLength(2);
    expect(chat.messages.map(({ channel }) => channel)).toEqual(['#drills']);
    expect(chat.messages[0]?.text).toMatch(/^Drills: the way to #drills works from 1 of 1 host\n/);
    expect(chat.messages[0]?.edits.length).toBeGreaterThan(3);
  });

  it('post anew only when one fails', async () => {
    const { clock, chat, helperSays } = await keptScene();
    await step(clock, untilDueMs(clock.nowMs()));
    await clock.advance(60_000);
    helperSays((id) => `ok drill=${id}`);
    await step(clock, untilDueMs(clock.nowMs()));
    await clock.advance(2 * 60_000);

    expect(chat.messages.map(({ text }) => text.split('\n')[0])).toEqual([
      'Drills: the way to #drills works from 0 of 1 host',
      'The drill on db01 failed: no line of the kill was read',
    ]);
  });

  it('post the standing message anew where somebody deleted it', async () => {
    const { clock, chat } = await keptScene();
    await step(clock, untilDueMs(clock.nowMs()));
    await clock.advance(60_000);
    chat.remove(chat.messages[0]?.ts ?? '');
    await step(clock, untilDueMs(clock.nowMs()));
    await clock.advance(60_000);

    expect(chat.messages).toHaveLength(1);
    expect(chat.messages[0]?.text).toContain('works from 1 of 1');
  });

  it('are not made up for when the bot was away at their time, nor held in a storm', async () => {
    const { clock, ended, host, kill, killLines } = await keptScene();
    host.become('unreachable');
    await step(clock, untilDueMs(clock.nowMs()) + 60 * 60_000);
    host.become('connected');
    await step(clock, DAY_MS);
    expect(ended).toEqual([]);

    await step(clock, untilDueMs(clock.nowMs()));
    for (let minute = 0; minute < 40; minute++) {
      for (let at = 0; at < 6; at++) kill(killLines('', 'mysqld', '/system.slice/mysql.service'));
      await clock.advance(60_000);
    }
    await step(clock, DAY_MS);
    expect(ended).toEqual([]);
  });

  it('say of a host without the helper that it has none, without a message that notifies', async () => {
    const { clock, chat, host } = await keptScene();
    host.helperSays(() => answered(HELLO));
    await step(clock, untilDueMs(clock.nowMs()));
    await clock.advance(60_000);

    expect(chat.messages).toHaveLength(1);
    expect(chat.messages[0]?.text).toContain('db01: not done: The helper that a drill needs is not there');
  });

  it('have times of their own, spread over the span, that a restart does not move', () => {
    const offsets = Array.from(
      { length: 200 },
      (_, at) => lastSlot(`db${at}`, schedule.everyMs, NOW) % schedule.everyMs,
    );

    expect(new Set(offsets).size).toBeGreaterThan(100);
    expect(lastSlot('db01', schedule.everyMs, NOW + 1)).toBe(lastSlot('db01', schedule.everyMs, NOW));
    for (const offset of [0.25, 0.5, 0.75])
      expect(offsets.filter((one) => one < offset * schedule.everyMs).length).toBeGreaterThan(200 * (offset - 0.15));
  });
});

/** Days at once: whoever sleeps for seconds is woken only now and then. */
async function step(clock: Awaited<ReturnType<typeof aScene>>['clock'], ms: number): Promise<void> {
  clock.step(ms);
  await clock.advance(10_000);
}
