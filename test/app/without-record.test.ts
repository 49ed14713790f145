import { describe, expect, it, onTestFinished } from 'vitest';
import type { Store } from '../../src/app/store-port.ts';
import { openLooks } from '../../src/app/watch/looks.ts';
import { openDrillWatch } from '../../src/app/watch/drill-watch.ts';
import { watchHost } from '../../src/app/watch/watch-host.ts';
import { readPositions } from '../../src/app/watch/without-record.ts';
import { aDrill } from '../contract/drills.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { scriptedHost } from '../support/scripted-host.ts';
import { tellingOnFakeClock } from '../support/telling-on-fake-clock.ts';
import { QUIET } from '../support/quiet-log.ts';

const NOW = Date.UTC(2026, 10, 22, 12);
const ID = 'a'.repeat(32);

describe('a host whose record does not answer', () => {
  it('has a drill’s kill told as one, not as a real kill', async () => {
    const { store, clock } = await tellingOnFakeClock(NOW);
    const away: Store = { ...store, positions: () => Promise.reject(new Error('the database is away')) };
    const host = scriptedHost('db01', clock);
    const drills = openDrillWatch(store, clock);
    const watched = watchHost(host, {
      store: away,
      clock,
      log: QUIET,
      channelOf: () => '#oom',
      onSaved: () => {},
      onLines: () => {},
      onGap: () => {},
      drills,
    });
    onTestFinished(watched.close);
    await clock.advance(1_000);
    const drill = aDrill({ id: ID, askedAtMs: clock.nowMs() });
    await store.putDrill(drill);
    drills.expect(drill, () => {});

    host.say([...killLines(1, 'oombot-drill', `/oombot-drill-${ID}`), ...killLines(2, 'mysqld', '/mysql')]);
    await clock.advance(2_000);

    const kills = await store.kills({ hosts: null, sinceMs: null, untilMs: null, service: null, limit: 9 });
    expect(kills.map(({ record }) => record.name)).toEqual(['mysqld']);
    expect(await store.openDrills()).toMatchObject([{ id: ID, killKey: expect.stringContaining(':') }]);
  });

  it('is not asked about once more for each time that nobody waited for the answer', async () => {
    const clock = fakeClock(NOW);
    const saved = Promise.withResolvers<void>();
    let asked = 0;
    const world = {
      clock,
      looks: openLooks(clock),
      saves: { drained: () => saved.promise } as Parameters<typeof readPositions>[1]['saves'],
      store: { positions: () => Promise.resolve((asked += 1) > 0 ? [] : []) },
    };
    for (let time = 0; time < 5; time++) {
      const read = readPositions('db01', world);
      await clock.advance(3_000);
      expect(await read).toBeNull();
    }

    saved.resolve();
    expect(await readPositions('db01', world)).toEqual([]);

    expect(asked).toBe(1);
  });

  it('is asked for one host alone until it answers, and the others begin without it at once', async () => {
    const clock = fakeClock(NOW);
    let isAway = true;
    let asked = 0;
    const world = {
      clock,
      looks: openLooks(clock),
      saves: { drained: () => Promise.resolve() } as Parameters<typeof readPositions>[1]['saves'],
      store: {
        positions: () => {
          asked += 1;
          return isAway ? new Promise<never>(() => {}) : Promise.resolve([]);
        },
      },
    };
    const first = readPositions('db01', world);
    await clock.advance(3_000);
    expect(await first).toBeNull();
    for (let host = 0; host < 100; host += 1) expect(await readPositions(`web${host}`, world)).toBeNull();
    expect(asked).toBe(1);

    isAway = false;
    await clock.advance(5_000);

    expect(await readPositions('db01', world)).toEqual([]);
    expect(await readPositions('web1', world)).toEqual([]);
  });
});

function killLines(pid: number, name: string, memcg: string): string[] {
  return [
    `6,${pid},3601000000,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=${memcg},task_memcg=${memcg},task=${name},pid=${pid},uid=0`,
    `3,${pid},3601000000,-;Memory cgroup out of memory: Killed process ${pid} (${name}) total-vm:16948kB, anon-rss:8188kB, file-rss:1644kB, shmem-rss:0kB, UID:0 pgtables:68kB oom_score_adj:1000`,
  ];
}
