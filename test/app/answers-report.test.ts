import { describe, expect, it } from 'vitest';
import { plainText, renderText } from '../../src/notice/render-text.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { anAnsweringBot, noticeOf, NOW_MS, refusalOf, textOf } from '../support/an-answering-bot.ts';

const ASKER = { userId: 'terminal', channelId: null };
const HOUR_MS = 3_600_000;

/** A leak on db01, a service that keeps a clock time on db02, two odd processes, hosts with and without swap. */
async function aBusyWeek() {
  const bot = await anAnsweringBot();
  for (const [at, mib] of [5_900, 6_050, 6_000, 6_100].entries()) {
    const atMs = NOW_MS - 6 * HOUR_MS - (3 - at) * 26 * HOUR_MS;
    await bot.happen([aKill({ atMs, record: aRecord({ anonRssKiB: mib * 1_024, pid: 400 + at }) })]);
  }
  for (const days of [3, 2, 1])
    await bot.happen([aKill({ host: 'db02', atMs: NOW_MS - days * 24 * HOUR_MS, name: 'backup', pid: 600 + days })]);
  await bot.happen([aKill({ host: 'db02', atMs: NOW_MS - 9 * 24 * HOUR_MS, name: 'backup', pid: 500 })]);
  const hostProfile = { atMs: NOW_MS, totalKiB: 4_000_000, totalSwapKiB: 0, oddAdj: [] };
  const odd = { service: 'bash', name: 'bash', pid: 4_211, oomScoreAdj: -1_000, sizeKiB: 9_000, count: 2 };
  await bot.store.saveHostProfile({ ...hostProfile, host: 'db01', oddAdj: [{ ...odd, kind: 'immortal' }] });
  await bot.store.saveHostProfile({ ...hostProfile, host: 'db02', totalSwapKiB: 1_000 });
  await bot.store.saveHostProfile({ ...hostProfile, host: 'gone' });
  return bot;
}

describe('the report', () => {
  it('shows the worst services, repeat causes, hosts without swap, and one action a line', async () => {
    const bot = await aBusyWeek();

    const notice = noticeOf(await bot.handlers.answerReport({ target: null, forMs: null }, ASKER));

    expect(plainText(notice.headline)).toBe('7 kills on all hosts in the last 7 d, 1 in the 7 d before');
    const text = renderText(notice);
    expect(text).toMatch(/db01 +mysql\.service +4 +new +every 1 d 2 h +one large process/);
    expect(text).toMatch(/Repeat causes: +one large process \(7 times\)/);
    expect(text).toMatch(/Without swap: +db01, 1 of 3 hosts/);
    const rows = notice.parts.flatMap((part) => (part.kind === 'rows' ? part.rows : []));
    expect(rows.map((row) => plainText(row.text))).toEqual([
      'mysql.service on db01 leaks about 233 MiB an hour (likely), next kill about 2026-08-30 21:50:08 UTC: profile it, and restart it before then.',
      'backup on db02 dies every day at about 01:50 UTC: see what starts then with systemctl list-timers --all.',
      'bash (2 processes) on db01 runs at oom_score_adj -1000, perhaps inherited: it can never be killed, also when it leaks. Reset it with choom -p 4211 -n 0.',
      'Kills on db01 came without swap, where there is often no slowdown to warn you. Consider a small swap file (not on Kubernetes nodes).',
    ]);
    expect(rows.map((row) => row.button?.value)).toEqual(['last db01', 'last db02', 'scores db01', undefined]);
  });

  it('of a tag or a host counts what belongs to it', async () => {
    const bot = await aBusyWeek();

    expect(textOf(await bot.handlers.answerReport({ target: 'prod', forMs: null }, ASKER))).toMatch(/^4 kills on prod/);
    expect(textOf(await bot.handlers.answerReport({ target: 'web1', forMs: null }, ASKER))).toMatch(
      /^No kills on web1 in the last 7 d, 0 in the 7 d before/,
    );
  });

  it('of something unknown asks what was meant', async () => {
    const bot = await aBusyWeek();

    expect(refusalOf(await bot.handlers.answerReport({ target: 'pord', forMs: null }, ASKER))).toMatchObject({
      kind: 'unknown-target',
      nearest: 'prod',
    });
  });
});
