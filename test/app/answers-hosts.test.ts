import type { Watched } from '../../src/app/host-link.ts';
import { describe, expect, it } from 'vitest';
import type { CounterReading } from '../../src/app/store-port.ts';
import type { AnswersWorld } from '../../src/app/answer/answers-world.ts';
import { plainText, renderText } from '../../src/notice/render-text.ts';
import { aDrill } from '../contract/drills.ts';
import { aKill } from '../support/a-kill.ts';
import { anAnsweringBot, noticeOf, NOW_MS, refusalOf, textOf } from '../support/an-answering-bot.ts';
import { BOOT_ID } from '../support/scripted-host.ts';

const ASKER = { userId: 'U1', channelId: 'C1' };
const DAY_MS = 24 * 3_600_000;
const FIVE_COUNTED: CounterReading = {
  host: 'db01',
  bootId: BOOT_ID,
  killer: 'kernel',
  counter: 5,
  parsed: 0,
  atMs: NOW_MS,
};
const WATCHING: Watched = { kind: 'watching', sinceMs: NOW_MS, sentence: '', gaps: 0, sources: [] };

describe('the fleet', () => {
  it('is listed with states, tags, last kills and sources, what is off first', async () => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill({ atMs: NOW_MS - 20 * DAY_MS })]);
    await bot.happen([aKill(), aKill({ pid: 7, atMs: NOW_MS - 1_000 })]);
    bot.host('web1').become('unreachable', 'web1 does not answer on port 22.');
    bot.host('db02').become('connecting');

    const text = textOf(await bot.handlers.answerHosts(ASKER));

    expect(text.split('\n')).toEqual([
      '3 hosts, 2 not watched right now',
      '',
      'web1 unreachable since 2026-08-30 01:50:08 UTC: web1 does not answer on port 22. No kills on record.',
      'db02 connecting. Tags db; no kills on record.',
      'db01 watched since 2026-08-30 01:50:08 UTC through kmsg. Tags db, prod; 2 kills in 7 d, last 2026-08-30 01:50:07 UTC.',
    ]);
  });

  it.each<[Watched | null, string, string]>([
    [{ ...WATCHING, gaps: 2 }, '3 hosts, all watched, problems on 3', 'lines of its log may have been lost 2 times'],
    [{ ...WATCHING, kind: 'failed', sentence: 'no log may be read' }, '3 not watched right now', 'not watched since'],
    [{ ...WATCHING, kind: 'starting' }, '3 not watched right now', 'connecting'],
    [null, '3 hosts, all watched', 'watched by another oombot process'],
  ])('says how logs are followed: %o', async (watched, headline, words) => {
    const bot = await anAnsweringBot({ watchState: () => watched });

    const text = textOf(await bot.handlers.answerHosts(ASKER));

    expect(text).toContain(headline);
    expect(text).toContain(words);
  });

  it('lists what is muted with a way to end it', async () => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill()]);
    await bot.handlers.mute({ target: 'db01', forMs: null }, ASKER);
    await bot.handlers.mute({ target: 'mysql', forMs: 2 * 3_600_000 }, ASKER);

    const notice = noticeOf(await bot.handlers.answerHosts(ASKER));

    expect(renderText(notice)).toContain('muted until 2026-08-30 02:50:08 UTC');
    expect(renderText(notice)).toContain('mysql.service is muted until 2026-08-30 03:50:08 UTC by U1');
    const buttons = notice.parts.flatMap((part) => (part.kind === 'rows' ? part.rows : [])).map((row) => row.button);
    expect(buttons.map((button) => button?.value)).toContain('unmute mysql.service');
  });

  it('is the home page with the last kills', async () => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill()]);
    await bot.happen([aKill({ host: 'web1', name: 'java', pid: 44, atMs: NOW_MS - 1_000 })]);

    const notice = await bot.handlers.answerHome(ASKER);

    const rows = notice.parts.flatMap((part) => (part.kind === 'rows' ? part.rows : []));
    expect(rows.slice(3).map((row) => [plainText(row.text), row.button?.value])).toEqual([
      ['java on web1, 2026-08-30 01:50:07 UTC: the host ran out of memory', 'last web1'],
      ['mysqld of mysql.service on db01, 2026-08-30 01:35:08 UTC: the host ran out of memory', 'last db01'],
    ]);
  });

  it('names the logs that a host is watched through, and nothing else that is kept with them', async () => {
    const bot = await anAnsweringBot();
    const sources = ['file:/var/log/kern.log', 'kmsg', 'lookup', 'past', 'watched-since'];
    await bot.store.saveBatch(
      { host: 'db01', kills: [], positions: sources.map((source) => ({ source, value: '1' })) },
      () => ({ placed: {}, incidents: [], deliveries: [] }),
    );

    expect(textOf(await bot.handlers.answerHosts(ASKER))).toContain('through file:/var/log/kern.log, kmsg.');
  });

  it('gives examples of help that work: the host with the newest kill first', async () => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill({ host: 'web1' })]);

    const text = textOf(await bot.handlers.answerHelp(ASKER));

    expect(text).toContain('/oom last web1');
    expect(text).toContain('/oom history db 7d');
  });

  it('without hosts still answers', async () => {
    const bot = await anAnsweringBot();
    bot.hosts.clear();

    expect(textOf(await bot.handlers.answerHosts(ASKER))).toBe('No hosts yet');
    expect(textOf(await bot.handlers.answerHelp(ASKER))).toContain('No hosts yet.');
    expect(plainText((await bot.handlers.answerHome(ASKER)).headline)).toBe('No hosts yet');
  });
});

describe('a check', () => {
  it('is known wherever hosts are listed, until the host is removed', async () => {
    const found = new Map<string, readonly string[]>();
    const problem = 'adm group is missing: usermod -aG adm oombot';
    const asked = await anAnsweringBot({ found, checkHost: () => Promise.resolve([problem]) });
    const other = await anAnsweringBot({ found });

    await asked.handlers.checkHosts({ host: 'db01' }, ASKER);
    expect(textOf(await other.handlers.answerHosts(ASKER))).toContain(problem);

    other.hosts.delete('db01');
    await other.handlers.answerHosts(ASKER);
    expect([...found.keys()]).toEqual([]);
  });

  const BROKEN: Partial<AnswersWorld> = {
    checkHost: (host) => Promise.resolve(host === 'db01' ? ['adm group is missing: usermod -aG adm oombot'] : []),
  };

  it('says that nothing is off', async () => {
    const bot = await anAnsweringBot();

    expect(textOf(await bot.handlers.checkHosts({ host: null }, ASKER))).toBe('3 hosts checked, no problems');
  });

  it('names what is off on each host, reached or not', async () => {
    const bot = await anAnsweringBot(BROKEN);
    bot.host('web1').become('refused', 'web1 refused the key.');

    const text = textOf(await bot.handlers.checkHosts({ host: null }, ASKER));

    expect(text).toContain('Problems on 2 of 3 hosts');
    expect(text).toContain('db01\n  adm group is missing: usermod -aG adm oombot');
    expect(text).toContain('web1\n  unreachable: web1 refused the key.');
  });

  it('is remembered by the list of hosts, until the next one finds it mended', async () => {
    let problems = ['adm group is missing: usermod -aG adm oombot'];
    const bot = await anAnsweringBot({
      watchState: () => WATCHING,
      checkHost: (host) => Promise.resolve(host === 'db01' ? problems : []),
    });
    expect(textOf(await bot.handlers.answerHosts(ASKER))).toMatch(/^3 hosts, all watched\n/);

    await bot.handlers.checkHosts({ host: null }, ASKER);
    const troubled = textOf(await bot.handlers.answerHosts(ASKER));
    problems = [];
    const again = textOf(await bot.handlers.checkHosts({ host: 'db01' }, ASKER));

    expect(troubled).toMatch(/^3 hosts, all watched, problems on 1\n/);
    expect(troubled).toMatch(/^db01 .*adm group is missing/m);
    expect(again).toBe('1 host checked, no problems');
    expect(textOf(await bot.handlers.answerHosts(ASKER))).toMatch(/^3 hosts, all watched\n/);
  });

  it('of one host looks at that one only', async () => {
    const bot = await anAnsweringBot(BROKEN);

    expect(textOf(await bot.handlers.checkHosts({ host: 'db02' }, ASKER))).toBe('1 host checked, no problems');
    expect(refusalOf(await bot.handlers.checkHosts({ host: 'db03' }, ASKER))).toMatchObject({
      kind: 'unknown-host',
      nearest: 'db01',
    });
  });

  it('compares the kernel’s counter with the record, from the first look on', async () => {
    const bot = await anAnsweringBot();
    await bot.store.saveCounter(FIVE_COUNTED);
    bot.host('db01').countersSay({ bootId: BOOT_ID, oomKills: 8, readAtMs: NOW_MS });
    await bot.happen([aKill({ bootId: BOOT_ID })]);

    const text = textOf(await bot.handlers.checkHosts({ host: 'db01' }, ASKER));

    expect(text).toContain('the kernel counted 2 kills that its log has not shown yet');
  });

  it('knows the kills of drills in that counter, which are not on record as kills', async () => {
    const bot = await anAnsweringBot();
    await bot.store.saveCounter(FIVE_COUNTED);
    bot.host('db01').countersSay({ bootId: BOOT_ID, oomKills: 6, readAtMs: NOW_MS });
    await bot.store.putDrill(aDrill({ id: 'a' }));
    const drilled = [{ id: 'a', host: 'db01', bootId: BOOT_ID, key: `${BOOT_ID}:5:7` }];
    await bot.store.saveBatch({ host: 'db01', kills: [], positions: [], drilled }, () => {
      throw new Error('there is no kill to decide on');
    });

    expect(textOf(await bot.handlers.checkHosts({ host: 'db01' }, ASKER))).toBe('1 host checked, no problems');
  });

  it('does not wait for ever for a host that says nothing', async () => {
    const bot = await anAnsweringBot({
      checkHost: (host) => (host === 'db01' ? new Promise(() => {}) : Promise.resolve([])),
    });

    const asking = bot.handlers.checkHosts({ host: null }, ASKER);
    await bot.clock.advance(20_000);

    expect(textOf(await asking)).toContain('db01\n  the check got no answer in time');
  });

  it('of many silent hosts ends within a minute and says which it left out', async () => {
    const bot = await anAnsweringBot({ checkHost: () => new Promise(() => {}) });
    const { link } = bot.hosts.get('web1')!;
    for (let at = 0; at < 57; at += 1) bot.hosts.set(`h${at}`, { link, tags: [] });

    const asking = bot.handlers.checkHosts({ host: null }, ASKER);
    await bot.clock.advance(60_000);
    const text = textOf(await asking);

    expect(text).toContain('Problems on 60 of 60 hosts');
  });
});
