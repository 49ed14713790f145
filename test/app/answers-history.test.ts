import { describe, expect, it } from 'vitest';
import { plainText, renderText } from '../../src/notice/render-text.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { anAnsweringBot, noticeOf, NOW_MS, refusalOf, textOf } from '../support/an-answering-bot.ts';

const ASKER = { userId: 'terminal', channelId: null };
const DAY_MS = 24 * 3_600_000;

/** mysqld three times on db01 and once on db02, java once on web1, and one kill of last month. */
async function aBotWithHistory() {
  const bot = await anAnsweringBot();
  const atMs = NOW_MS - 60_000;
  for (const days of [30, 4, 2, 0]) await bot.happen([aKill({ atMs: atMs - days * DAY_MS })]);
  await bot.happen([aKill({ host: 'db02', atMs: atMs - DAY_MS })]);
  await bot.happen([aKill({ host: 'web1', name: 'java', pid: 44, atMs: atMs - 3 * DAY_MS })]);
  return bot;
}

describe('history', () => {
  it('of a host counts kills, services and repeats of seven days, with a bar for each day', async () => {
    const bot = await aBotWithHistory();

    const notice = noticeOf(await bot.handlers.answerHistory({ target: 'db01', forMs: null }, ASKER));

    expect(plainText(notice.headline)).toBe('3 kills on db01 in the last 7 d');
    expect(renderText(notice)).toMatch(/mysql\.service +3 +3 +every 2 d +2026-08-30 01:49:08 UTC/);
    const chart = notice.parts.findLast((part) => part.kind === 'chart');
    expect(chart?.points.map((point) => point.value)).toEqual([0, 0, 0, 1, 0, 1, 0, 1]);
    expect(chart?.points.at(-1)?.label).toBe('30 Aug');
    expect(notice.small).toEqual([]);
  });

  it('goes as far back as asked', async () => {
    const bot = await aBotWithHistory();

    const notice = noticeOf(await bot.handlers.answerHistory({ target: 'db01', forMs: 40 * DAY_MS }, ASKER));

    expect(plainText(notice.headline)).toBe('4 kills on db01 in the last 40 d');
  });

  it('says when kills that old are pruned', async () => {
    const bot = await aBotWithHistory();
    const short = await anAnsweringBot({ keepKillsMs: 14 * DAY_MS });

    const [complete, incomplete] = await Promise.all([
      bot.handlers.answerHistory({ target: null, forMs: 20 * DAY_MS }, ASKER),
      short.handlers.answerHistory({ target: null, forMs: 20 * DAY_MS }, ASKER),
    ]);

    expect(textOf(complete)).not.toContain('does not reach back');
    expect(textOf(incomplete)).toContain('The record does not go back that far.');
  });

  it.each([
    ['DB', '4 kills on db in the last 7 d'],
    ['prod', '3 kills on prod in the last 7 d'],
    [null, '5 kills on all hosts in the last 7 d'],
    ['mysql.service', '4 kills on mysql.service in the last 7 d'],
    ['mysql', '4 kills on mysql.service in the last 7 d'],
    ['java', '1 kill on java in the last 7 d'],
  ])('of %s counts what belongs to it', async (target, headline) => {
    const bot = await aBotWithHistory();

    const notice = noticeOf(await bot.handlers.answerHistory({ target, forMs: null }, ASKER));

    expect(plainText(notice.headline)).toBe(headline);
  });

  it('sorts by kills and names the hosts where they are several', async () => {
    const bot = await aBotWithHistory();

    const notice = noticeOf(await bot.handlers.answerHistory({ target: null, forMs: null }, ASKER));

    const table = notice.parts.find((part) => part.kind === 'table');
    expect(table?.rows.map((row) => `${plainText(row[0]!.text)} ${plainText(row[1]!.text)}`)).toEqual([
      'db01 mysql.service',
      'db02 mysql.service',
      'web1 java',
    ]);
  });

  it('of a quiet host says that there was none', async () => {
    const bot = await anAnsweringBot();

    expect(textOf(await bot.handlers.answerHistory({ target: 'db02', forMs: null }, ASKER))).toBe(
      'No kills on db02 in the last 7 d',
    );
  });

  it('of a host that cannot be reached says that newer kills may be missing', async () => {
    const bot = await aBotWithHistory();
    bot.host('db01').become('unreachable', 'db01 does not answer.');

    expect(textOf(await bot.handlers.answerHistory({ target: 'db01', forMs: null }, ASKER))).toContain(
      'The host is unreachable, so newer kills may be missing: db01 does not answer.',
    );
  });

  it('shows the size at each death, and what leaks with its next kill', async () => {
    const bot = await anAnsweringBot();
    const lastMs = NOW_MS - 6 * 3_600_000;
    for (const [at, mib] of [5_900, 6_050, 6_000, 6_100].entries()) {
      const atMs = lastMs - (3 - at) * 26 * 3_600_000;
      await bot.happen([aKill({ atMs, record: aRecord({ anonRssKiB: mib * 1_024, pid: 400 + at }) })]);
    }

    const notice = noticeOf(await bot.handlers.answerHistory({ target: 'db01', forMs: null }, ASKER));

    const text = renderText(notice);
    expect(text).toMatch(/mysql\.service +4 +4 +every 1 d 2 h +2026-08-29 19:50:08 UTC +5\.9 GiB +leak/);
    expect(text).toContain('grows about 233 MiB an hour from each start until it is killed at about 5.9 GiB');
    expect(text).toContain('The next kill is expected about 2026-08-30 21:50:08 UTC.');
    const chart = notice.parts.find((part) => part.kind === 'chart');
    expect(chart?.title).toBe('Memory at each kill (UTC), first row of the table');
    expect(chart?.points.map((point) => point.label)).toEqual([
      '26 Aug 13:50',
      '27 Aug 15:50',
      '28 Aug 17:50',
      '29 Aug 19:50',
    ]);
    expect(chart?.points.map((point) => point.value)).toEqual([5_900, 6_050, 6_000, 6_100]);
  });

  it('names the clock time that a service keeps, and calls that no leak', async () => {
    const bot = await anAnsweringBot();
    for (const days of [3, 2, 1]) await bot.happen([aKill({ atMs: NOW_MS - days * DAY_MS, pid: 500 + days })]);

    const text = textOf(await bot.handlers.answerHistory({ target: 'db01', forMs: null }, ASKER));

    expect(text).toMatch(/every day at about 01:50 UTC/);
    expect(text).not.toContain('leak');
  });

  it('of something unknown asks whether a host, tag or service was meant', async () => {
    const bot = await aBotWithHistory();

    expect(refusalOf(await bot.handlers.answerHistory({ target: 'pord', forMs: null }, ASKER))).toEqual({
      kind: 'unknown-target',
      target: 'pord',
      nearest: 'prod',
      known: ['db01', 'db02', 'web1', 'db', 'prod'],
    });
    expect(refusalOf(await bot.handlers.answerHistory({ target: 'mysql.servic', forMs: null }, ASKER))).toMatchObject({
      nearest: 'mysql.service',
    });
  });
});
