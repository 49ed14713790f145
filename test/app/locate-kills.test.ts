import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/app/store-port.ts';
import { watchHost } from '../../src/app/watch/watch-host.ts';
import type { Incident } from '../../src/incident/incident.ts';
import { headlineOf } from '../../src/notice/incident/headline.ts';
import { plainText } from '../../src/notice/render-text.ts';
import { openStore } from '../../src/store/store.ts';
import { fakeClock, type FakeClock } from '../support/fake-clock.ts';
import { scriptedHost, type ScriptedHost } from '../support/scripted-host.ts';
import { QUIET } from '../support/quiet-log.ts';

const SHOP = '/system.slice/shop.service';
const MAIL = '/system.slice/mail.service';

const toClose: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).toReversed()) await close();
});

/** A watched host, an hour after its boot. */
async function aScene() {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-locate-'));
  const store: Store = await openStore(`sqlite:${path.join(dir, 'a.db')}`);
  const clock: FakeClock = fakeClock(Date.UTC(2026, 10, 22, 12));
  const host: ScriptedHost = scriptedHost('db01', clock);
  const watch = watchHost(host, {
    store,
    clock,
    log: QUIET,
    channelOf: () => '#oom',
    onSaved: () => {},
    onLines: () => {},
    onGap: () => {},
  });
  toClose.push(async () => {
    await watch.close();
    await store.close();
    rmSync(dir, { recursive: true });
  });
  await clock.advance(100);
  return {
    clock,
    host,
    /** The kernel leaves a report out: only this line says that a limit was reached. */
    killShort: async (pid: number, name = 'java') => {
      host.say([
        `3,${pid},${3_600_000_000 + pid},-;Memory cgroup out of memory: Killed process ${pid} (${name}) total-vm:9000kB, anon-rss:5000kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:50kB oom_score_adj:0`,
      ]);
      await clock.advance(100);
    },
    incidents: async (): Promise<Incident[]> =>
      (await store.incidents('db01', 9)).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    incident: async (): Promise<Incident> => (await store.incidents('db01', 1))[0]!,
  };
}

function says(incident: Incident): string {
  return plainText(headlineOf(incident));
}

describe('a kill of which the log has only a short line', () => {
  it('is completed by the counter of its group, and by the one limit around it', async () => {
    const { clock, host, killShort, incident } = await aScene();
    host.groupsSay([{ path: SHOP, kills: 1 }]);
    host.limitSays(SHOP, { path: SHOP, limitKiB: 131_072 });
    await killShort(7);
    expect(says(await incident())).toContain('a memory limit was reached; the log does not say whose');

    await clock.advance(16_000);

    const now = await incident();
    expect(says(now)).toBe('java of shop.service was killed on db01: its memory limit of 128 MiB was reached');
    expect(now.kills[0]?.record).toMatchObject({ oomMemcg: SHOP, taskMemcg: SHOP, memcgLimitKiB: 131_072 });
    expect(now.kills[0]?.record.warnings.join()).toContain('from the host’s counters and limits');
  });

  it('stays one incident with the short lines that follow', async () => {
    const { clock, host, killShort, incidents } = await aScene();
    host.groupsSay([{ path: SHOP, kills: 1 }]);
    host.limitSays(SHOP, { path: SHOP, limitKiB: 131_072 });
    await killShort(7);
    await clock.advance(16_000);
    host.groupsSay([{ path: SHOP, kills: 2 }]);
    await killShort(8);
    const between = await incidents();
    await clock.advance(16_000);

    const all = await incidents();
    expect(between.map(says)).toEqual([expect.stringContaining('(not known of 1 of them)')]);
    expect(all.map(({ killCount }) => killCount)).toEqual([2]);
    expect(says(all[0]!)).toMatch(/killed 2 times on db01.*: its memory limit of 128 MiB was reached$/);
  });

  it('names no limit where groups above have one too, but the service', async () => {
    const { clock, host, killShort, incident } = await aScene();
    host.groupsSay([{ path: SHOP, kills: 1 }]);
    host.limitSays(SHOP, { path: SHOP, limitKiB: 131_072 });
    host.limitSays('/system.slice', { path: '/system.slice', limitKiB: 262_144 });
    await killShort(7);
    await clock.advance(16_000);

    expect(says(await incident())).toBe(
      'java of shop.service was killed on db01: a memory limit was reached; the log does not say whose',
    );
  });

  it.each([
    [
      'two groups lack a kill',
      [
        { path: SHOP, kills: 1 },
        { path: MAIL, kills: 1 },
      ],
    ],
    ['a group counted more than is on record: it did before', [{ path: SHOP, kills: 2 }]],
    ['the host does not say', null],
  ])('stays as it is where %s', async (_why, groups) => {
    const { clock, host, killShort, incident } = await aScene();
    host.groupsSay(groups);
    host.limitSays(SHOP, { path: SHOP, limitKiB: 131_072 });
    await killShort(7);
    await clock.advance(16_000);

    expect(says(await incident())).toBe(
      'java was killed on db01: a memory limit was reached; the log does not say whose',
    );
  });

  it('says of how many limits it was where one name died in several groups', async () => {
    const { clock, host, killShort, incidents } = await aScene();
    for (const path of [SHOP, MAIL]) host.limitSays(path, { path, limitKiB: 131_072 });
    host.groupsSay([{ path: SHOP, kills: 1 }]);
    await killShort(7);
    await clock.advance(16_000);
    host.groupsSay([
      { path: SHOP, kills: 1 },
      { path: MAIL, kills: 1 },
    ]);
    await killShort(8);
    await clock.advance(16_000);

    expect((await incidents()).map(says)).toEqual([
      expect.stringMatching(
        /^2 processes of 2 services were killed on db01.*: the memory limits of 2 groups were reached$/,
      ),
    ]);
  });

  it('keeps what was completed when the reaper’s line comes late', async () => {
    const { clock, host, killShort, incident } = await aScene();
    host.groupsSay([{ path: SHOP, kills: 1 }]);
    host.limitSays(SHOP, { path: SHOP, limitKiB: 131_072 });
    await killShort(7);
    await clock.advance(16_000);
    host.say([
      `6,99,${3_600_000_000 + 50},-;oom_reaper: reaped process 7 (java), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB`,
    ]);
    await clock.advance(1_000);

    const now = await incident();
    expect(now.kills[0]?.record).toMatchObject({ reaped: true, oomMemcg: SHOP });
  });

  it('is not asked about while all kills have their reports', async () => {
    const { clock, host } = await aScene();
    host.say([
      '3,5,3600000005,-;Out of memory: Killed process 5 (mysqld) total-vm:9000kB, anon-rss:5000kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:50kB oom_score_adj:0',
    ]);
    await clock.advance(16_000);

    expect(host.groupReads()).toBe(0);
  });
});
