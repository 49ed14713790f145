import { describe, expect, it, onTestFinished } from 'vitest';
import { readReply } from '../../src/app/reply-body.ts';
import { tellWeeks } from '../../src/app/answer/weekly-digest.ts';
import type { WeekTime } from '../../src/app/answer/week-time.ts';
import { plainText } from '../../src/notice/render-text.ts';
import { aKill } from '../support/a-kill.ts';
import { anAnsweringBot, NOW_MS, type AnsweringBot } from '../support/an-answering-bot.ts';
import { scriptedFleet } from '../support/scripted-host.ts';

const HOUR_MS = 3_600_000;
const MONDAY: WeekTime = { weekday: 1, minute: 9 * 60, zone: 'UTC' };
// NOW_MS is a Sunday at 01:50:08.
const UNTIL_MONDAY_MS = Date.UTC(2026, 7, 31, 9) - NOW_MS;

/** A bot that tells weeks: db01 and db02 in #db, web1 in #oom. */
function start(bot: AnsweringBot, schedule: WeekTime | null = MONDAY): () => void {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  void tellWeeks({
    store: bot.store,
    fleet: scriptedFleet(bot.hosts),
    clock: bot.clock,
    log: { info: () => {}, warn: () => {}, error: (facts) => bot.warnings.push(String(facts['err'])) },
    schedule: () => schedule,
    channelOf: ({ host }) => (host.startsWith('db') ? '#db' : '#oom'),
    wake: () => {},
    keepKillsMs: 400 * 24 * HOUR_MS,
    signal: stop.signal,
  });
  return () => stop.abort();
}

/** Headlines of what waits for a channel beside kills. */
async function digestsFor(bot: AnsweringBot, channel: string): Promise<string[]> {
  const rows = await bot.store.ledger(channel, bot.clock.nowMs());
  return rows
    .filter(({ kind }) => kind === 'news')
    .map(({ body }) => plainText(readReply(body)?.notice.headline ?? []));
}

describe('the weekly digest', () => {
  it('comes once a week to each channel that had kills, whoever and however many bots are there', async () => {
    const bot = await anAnsweringBot();
    const stop = start(bot);
    start(bot);
    await bot.clock.advance(60_000);
    await bot.happen([aKill({ atMs: NOW_MS - HOUR_MS }), aKill({ atMs: NOW_MS - 3 * HOUR_MS, pid: 7 })]);

    await bot.clock.advance(UNTIL_MONDAY_MS - 120_000);
    expect(await digestsFor(bot, '#db')).toEqual([]);
    await bot.clock.advance(240_000);
    stop();
    start(bot);
    await bot.clock.advance(2 * HOUR_MS);

    expect(await digestsFor(bot, '#db')).toEqual(['2 kills on the hosts of #db in the last 7 d, 0 in the 7 d before']);
    expect(await digestsFor(bot, '#oom')).toEqual([]);
    expect(bot.warnings).toEqual([]);
  });

  it('is caught up with when the bot was down at the time, but not half a day later', async () => {
    for (const [downHours, expected] of [
      [3, 1],
      [13, 0],
    ] as const) {
      const bot = await anAnsweringBot();
      const stop = start(bot);
      await bot.clock.advance(60_000);
      stop();
      await bot.happen([aKill({ atMs: NOW_MS - HOUR_MS })]);
      await bot.clock.advance(UNTIL_MONDAY_MS + downHours * HOUR_MS);

      start(bot);
      await bot.clock.advance(120_000);

      expect(await digestsFor(bot, '#db')).toHaveLength(expected);
    }
  });

  it('does not come for a week that ended before the first bot did, nor when it is off', async () => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill({ atMs: NOW_MS - HOUR_MS })]);
    await bot.clock.advance(UNTIL_MONDAY_MS + HOUR_MS);

    start(bot);
    start(bot, null);
    await bot.clock.advance(2 * HOUR_MS);

    expect(await digestsFor(bot, '#db')).toEqual([]);
  });
});
