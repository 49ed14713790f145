import { describe, expect, it } from 'vitest';
import { historyOf } from '../../src/app/watch/history-facts.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { anAnsweringBot, NOW_MS, type AnsweringBot } from '../support/an-answering-bot.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

async function newest(bot: AnsweringBot) {
  const [incident] = await bot.store.incidents('db01', 1);
  if (!incident) throw new Error('no incident');
  return incident;
}

describe('the past of an incident', () => {
  it('is empty at its first kill', async () => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill({ atMs: NOW_MS })]);

    expect(await historyOf(bot.store, await newest(bot), { nowMs: NOW_MS, changes: [] })).toEqual({
      recurrenceAtMs: [],
      clockMinute: null,
      clockMinutes: [],
      isDaily: false,
      leak: null,
      loopCount: 0,
      changedAtMs: null,
      changedWhat: null,
      otherHosts: [],
    });
  });

  it('holds the leak, and earlier kills without its own', async () => {
    const bot = await anAnsweringBot();
    const times = [78, 52, 26, 0].map((hours) => NOW_MS - hours * HOUR_MS);
    for (const [at, atMs] of times.entries())
      await bot.happen([aKill({ atMs, record: aRecord({ anonRssKiB: 6_000_000 + at, pid: 900 + at }) })]);

    const history = await historyOf(bot.store, await newest(bot), { nowMs: NOW_MS + MINUTE_MS, changes: [] });

    expect(history.recurrenceAtMs).toEqual(times.slice(0, 3));
    expect(history.leak).toMatchObject({ lives: 3, nextAtMs: NOW_MS + 26 * HOUR_MS });
    expect(history.leak?.slopeKiBPerHour).toBeCloseTo(6_000_000 / 26, -2);
  });

  it('holds a loop, the change before it and the other hosts', async () => {
    const bot = await anAnsweringBot();
    for (const minutes of [0, 3, 6])
      await bot.happen([aKill({ atMs: NOW_MS + minutes * MINUTE_MS, pid: 70 + minutes })]);
    await bot.happen([aKill({ host: 'db02', bootId: 'boot2', atMs: NOW_MS - 40 * MINUTE_MS })]);
    // The same machine under another name.
    await bot.happen([aKill({ host: 'db01.example.net', atMs: NOW_MS })]);
    await bot.happen([aKill({ host: 'web1', atMs: NOW_MS - 3 * HOUR_MS })]);
    const incident = await newest(bot);
    const changes = [{ atMs: NOW_MS - 5 * MINUTE_MS, what: 'upgrade mysql-server' }];

    const history = await historyOf(bot.store, incident, { nowMs: NOW_MS + HOUR_MS, changes });

    expect(history).toMatchObject({
      loopCount: 3,
      changedAtMs: NOW_MS - 5 * MINUTE_MS,
      changedWhat: 'upgrade mysql-server',
    });
    expect(history.otherHosts).toEqual(['db02']);
  });
});
