import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { PROC_SCAN } from '../../src/oom/proc/proc-scan-script.ts';
import { plainText, renderText } from '../../src/notice/render-text.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { aScan, type ScanRow } from '../support/a-scan.ts';
import { anAnsweringBot, noticeOf, NOW_MS, refusalOf, textOf } from '../support/an-answering-bot.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';

const ASKER = { userId: 'U1', channelId: 'C1' };
const THREE: ScanRow[] = [
  { pid: 1, name: 'systemd', cgroup: '/init.scope' },
  { pid: 200, name: 'mysqld', rssKiB: 2_000_000, adj: -1000, score: 0 },
  { pid: 300, name: 'java', rssKiB: 900_000 },
  { pid: 301, name: 'small', rssKiB: 2_000, adj: 1000 },
];

async function aBotWith(rows: ScanRow[], header: Record<string, string | number> = {}) {
  const bot = await anAnsweringBot();
  bot.host('db01').scanSays(aScan(rows, header));
  return bot;
}

describe('live scores', () => {
  it('rank by what the kernel would do, not by size', async () => {
    const bot = await aBotWith(THREE);

    const notice = noticeOf(await bot.handlers.answerScores({ host: 'db01', limit: null }, ASKER));

    expect(plainText(notice.headline)).toBe('Next to die on db01: small (pid 301, 2 MiB, adj 1000)');
    const table = notice.parts.find((part) => part.kind === 'table');
    expect(table?.rows.map((row) => plainText(row[0]!.text))).toEqual(['small', 'java', 'mysqld', 'systemd']);
    expect(table?.rows.map((row) => plainText(row.at(-1)!.text))).toEqual(['700', '700', 'safe', 'safe']);
  });

  it('rank the processes of this very machine', async () => {
    const scanned = spawnSync('sh', ['-s'], { input: PROC_SCAN, maxBuffer: 1e8 }).stdout.toString('latin1');
    const bot = await anAnsweringBot();
    bot.host('db01').scanSays(scanned);

    const notice = noticeOf(await bot.handlers.answerScores({ host: 'db01', limit: 5 }, ASKER));

    const table = notice.parts.find((part) => part.kind === 'table');
    expect(plainText(notice.headline)).toMatch(/^Next to die on db01: .+ \(pid \d+, /);
    expect(table?.rows.length).toBeGreaterThan(0);
    expect(table?.rows.length).toBeLessThanOrEqual(5);
  });

  it.each([
    [null, 10],
    [3, 3],
    [1, 1],
    [0, 10],
    [-4, 1],
    [9_999, 50],
  ])('asked for %s show %s', async (limit, shown) => {
    const rows = Array.from({ length: 80 }, (_, at) => ({ pid: 100 + at, name: `p${at}`, rssKiB: 4_000 + at }));
    const bot = await aBotWith(rows);

    const notice = noticeOf(await bot.handlers.answerScores({ host: 'db01', limit }, ASKER));

    expect(notice.parts.find((part) => part.kind === 'table')?.rows).toHaveLength(shown);
  });

  it.each<[string, ScanRow[], Record<string, string | number>, string]>([
    ['hidden processes', THREE, { hidepid: 'invisible', seesall: 0 }, 'mounted with hidepid=2'],
    ['the wrong victim by setting', THREE, { allocating: 1 }, 'whoever asks for memory dies'],
    ['a panic by setting', THREE, { panic: 1 }, 'the host panics instead of killing'],
    ['pressure', THREE, { fullavg10: '23.40' }, 'waited for memory 23 % of the time'],
    [
      'a tie',
      [
        { pid: 7, name: 'a' },
        { pid: 8, name: 'b' },
      ],
      {},
      'The first two have the same points',
    ],
  ])('say what makes them doubtful: %s', async (_what, rows, header, sentence) => {
    const bot = await aBotWith(rows, header);

    expect(textOf(await bot.handlers.answerScores({ host: 'db01', limit: null }, ASKER))).toContain(sentence);
  });

  it('are without doubt on an ordinary host', async () => {
    const bot = await aBotWith(THREE);

    const notice = noticeOf(await bot.handlers.answerScores({ host: 'db01', limit: null }, ASKER));

    expect(notice.parts.map((part) => part.kind)).toEqual(['table']);
  });

  it('say when the answer was cut off', async () => {
    const bot = await anAnsweringBot();
    bot.host('db01').scanSays(aScan(THREE).replace('#end\t4\n', ''));

    expect(textOf(await bot.handlers.answerScores({ host: 'db01', limit: null }, ASKER))).toContain('was cut off');
  });

  it('sort by the scores of a kernel that is too old to recompute', async () => {
    const bot = await anAnsweringBot();
    const text = aScan(
      [
        { pid: 20, name: 'big', rssKiB: 900_000, score: 30 },
        { pid: 21, name: 'old', rssKiB: 4_000, score: 900 },
      ],
      { kernel: '2.6.24-virtual' },
    ).replaceAll(/^(\d+\t1\t0\t\d+\t)0\t/gm, '$1old0\t');
    bot.host('db01').scanSays(text);

    const notice = noticeOf(await bot.handlers.answerScores({ host: 'db01', limit: null }, ASKER));

    expect(plainText(notice.headline)).toContain('old (pid 21');
    expect(renderText(notice)).toContain('too old to recompute');
  });

  it('mark processes of a memory group whose limit was hit before', async () => {
    const bot = await aBotWith([
      { pid: 300, name: 'java', cgroup: '/system.slice/tomcat.service/worker' },
      { pid: 301, name: 'other', cgroup: '/system.slice/tomcat.service2' },
    ]);
    const record = aRecord({ domain: 'memcg', oomMemcg: '/system.slice/tomcat.service', memcgLimitKiB: 524_288 });
    await bot.happen([aKill({ record })]);

    const text = textOf(await bot.handlers.answerScores({ host: 'db01', limit: null }, ASKER));

    expect(text).toContain('java (pid 300): memory group /system.slice/tomcat.service hit a limit of 512 MiB before');
    expect(text).not.toContain('other (pid 301):');
  });

  it('show hostile names as text', async () => {
    const names = HOSTILE_NAMES.filter((name) => !/[\t\n\r]/.test(name));
    const bot = await aBotWith(names.map((name, at) => ({ pid: 100 + at, name, rssKiB: 9_000 - at * 4 })));

    const notice = noticeOf(await bot.handlers.answerScores({ host: 'db01', limit: 50 }, ASKER));

    const table = notice.parts.find((part) => part.kind === 'table');
    expect(table?.rows.map((row) => row[0]!.text)).toEqual(names.slice(0, 50).map((name) => [{ hostText: name }]));
  });

  it('are refused with the sentence of a host that cannot be reached', async () => {
    const bot = await anAnsweringBot();
    bot.host('db01').become('unreachable', 'db01 does not answer on port 22.');

    expect(refusalOf(await bot.handlers.answerScores({ host: 'db01', limit: null }, ASKER))).toEqual({
      kind: 'host-unreachable',
      host: 'db01',
      sinceMs: NOW_MS,
      reason: 'db01 does not answer on port 22.',
    });
  });

  it('are given up after ten seconds', async () => {
    const bot = await anAnsweringBot();
    bot.host('db01').scanSays(new Promise(() => {}));

    const asking = bot.handlers.answerScores({ host: 'db01', limit: null }, ASKER);
    await bot.clock.advance(10_000);

    expect(refusalOf(await asking)).toEqual({ kind: 'too-slow', host: 'db01', waitedMs: 10_000 });
  });

  it('are given up as soon as a connection that was awaited fails', async () => {
    const bot = await anAnsweringBot();
    bot.host('db01').become('connecting');

    const asking = bot.handlers.answerScores({ host: 'db01', limit: null }, ASKER);
    await bot.clock.advance(10);
    bot.host('db01').become('refused', 'db01 refused the key.');

    expect(refusalOf(await asking)).toMatchObject({ kind: 'host-unreachable', reason: 'db01 refused the key.' });
  });

  it.each([
    [null, 'the scan of its processes gave no answer.'],
    ['', 'its shell said nothing.'],
    ['This account is not available.\n', 'its shell said something else: This account is not available.'],
  ])('are refused when the host answers %j', async (said, reason) => {
    const bot = await anAnsweringBot();
    bot.host('db01').scanSays(said);

    expect(refusalOf(await bot.handlers.answerScores({ host: 'db01', limit: null }, ASKER))).toEqual({
      kind: 'scores-unread',
      host: 'db01',
      reason,
    });
  });

  it('cost the host one scan however many ask at once', async () => {
    const bot = await anAnsweringBot();
    const scan = Promise.withResolvers<string>();
    bot.host('db01').scanSays(scan.promise);

    const asking = Array.from({ length: 20 }, () => bot.handlers.answerScores({ host: 'db01', limit: null }, ASKER));
    await bot.clock.advance(100);
    scan.resolve(aScan(THREE));
    const answers = await Promise.all(asking);

    expect(answers.every((answer) => answer.kind === 'notice')).toBe(true);
    expect(bot.host('db01').scans()).toBe(1);
  });

  it('are read again for the next who asks', async () => {
    const bot = await aBotWith(THREE);
    await bot.handlers.answerScores({ host: 'db01', limit: null }, ASKER);

    bot.host('db01').scanSays(aScan([{ pid: 900, name: 'fresh' }]));
    const text = textOf(await bot.handlers.answerScores({ host: 'db01', limit: null }, ASKER));

    expect(text).toContain('fresh (pid 900');
  });

  it('of an unknown host name the near ones', async () => {
    const bot = await anAnsweringBot();

    expect(refusalOf(await bot.handlers.answerScores({ host: 'web', limit: null }, ASKER))).toMatchObject({
      kind: 'unknown-host',
      nearest: 'web1',
    });
  });
});
