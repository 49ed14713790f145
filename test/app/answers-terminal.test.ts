import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openLiveScans } from '../../src/app/live-scan.ts';
import { openAnswers } from '../../src/app/answer/answers.ts';
import { openStore } from '../../src/store/store.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { aScan } from '../support/a-scan.ts';
import { anAnsweringBot, NOW_MS, refusalOf, textOf } from '../support/an-answering-bot.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';
import { scriptedFleet, scriptedHost } from '../support/scripted-host.ts';
import { QUIET } from '../support/quiet-log.ts';

const TERMINAL = { userId: 'terminal', channelId: null };

it('a terminal is answered from a record that it may only read, beside a running bot', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-terminal-'));
  const url = `sqlite:${path.join(folder, 'test.db')}`;
  const writer = await openStore(url);
  await writer.saveBatch({ host: 'db01', kills: [aKill()], positions: [] }, ({ fresh }) => ({
    incidents: [
      {
        id: 'inc-1',
        host: 'db01',
        problem: 'host',
        service: 'mysql.service',
        victims: [{ service: 'mysql.service', count: 1 }],
        killer: 'kernel',
        domain: 'host',
        cause: null,
        firstAtMs: fresh[0]!.atMs,
        lastAtMs: fresh[0]!.atMs,
        killCount: 1,
        kills: fresh,
        back: { kind: 'unknown' },
        next: null,
        mutedUntilMs: null,
        closedAtMs: null,
        revision: 0,
      },
    ],
    placed: { [fresh[0]!.key]: 'inc-1' },
    deliveries: [],
  }));
  const store = await openStore(url, { readOnly: true });
  onTestFinished(async () => {
    await store.close();
    await writer.close();
    rmSync(folder, { recursive: true });
  });
  const clock = fakeClock(NOW_MS);
  const link = scriptedHost('db01', clock);
  link.scanSays(aScan([{ pid: 200, name: 'mysqld', rssKiB: 2_000_000 }]));
  const fleet = scriptedFleet(new Map([['db01', { link, tags: [] }]]));
  const handlers = openAnswers({
    store,
    fleet,
    scans: openLiveScans(fleet, clock),
    clock,
    log: QUIET,
    settings: () => ({ admins: [], hosts: [] }),
    watchState: () => null,
    checkHost: () => Promise.resolve([]),
    groupMembers: () => Promise.reject(new Error('no chat')),
    editing: null,
    wake: () => {},
    keepKillsMs: Infinity,
  });

  const last = textOf(await handlers.answerLast({ host: 'db01' }, TERMINAL));
  const history = textOf(await handlers.answerHistory({ target: 'db01', forMs: null }, TERMINAL));
  const scores = textOf(await handlers.answerScores({ host: 'db01', limit: null }, TERMINAL));

  expect(last).toMatch(/^mysqld of mysql\.service was killed on db01: the host ran out of memory\n/);
  expect(history).toMatch(/^1 kill on db01 in the last 7 d\n/);
  expect(scores).toMatch(/^Next to die on db01: mysqld \(pid 200, 1\.9 GiB\)\n/);
  expect(refusalOf((await handlers.mayEditHosts(TERMINAL))!).kind).toBe('not-allowed');
});

it('no name on a host reaches a terminal’s control characters', async () => {
  const bot = await anAnsweringBot();
  for (const [at, name] of HOSTILE_NAMES.entries()) {
    const record = aRecord({ name, pid: 100 + at, identity: null, taskMemcg: name });
    await bot.happen([aKill({ record, atMs: NOW_MS - at * 60_000 })]);
  }

  const texts = [
    textOf(await bot.handlers.answerLast({ host: 'db01' }, TERMINAL)),
    textOf(await bot.handlers.answerHistory({ target: null, forMs: null }, TERMINAL)),
    textOf(await bot.handlers.answerHosts(TERMINAL)),
  ];

  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  for (const text of texts) expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2028]/);
});
