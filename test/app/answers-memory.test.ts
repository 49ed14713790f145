import { describe, expect, it } from 'vitest';
import { describeMemory } from '../../src/notice/answer/memory-notice.ts';
import { plainText, renderText } from '../../src/notice/render-text.ts';
import { aKill } from '../support/a-kill.ts';
import { anAnsweringBot, noticeOf, NOW_MS, refusalOf } from '../support/an-answering-bot.ts';

const ASKER = { userId: 'terminal', channelId: null };
const MINUTE_MS = 60_000;
const MIB = 1_024;

/** db01 with 8 GiB, of which less is left each minute of the last hour; two kills 10 and 11 minutes ago. */
async function aBotWithSamples() {
  const bot = await anAnsweringBot();
  const samples = Array.from({ length: 61 }, (_, at) => ({
    host: 'db01',
    atMs: NOW_MS - (60 - at) * MINUTE_MS,
    totalKiB: 8_192 * MIB,
    availableKiB: (at === 30 ? 100 : 4_096 - 50 * at) * MIB,
    totalSwapKiB: 2_048 * MIB,
    freeSwapKiB: 1_024 * MIB,
    pressureFullAvg10: 3.4,
    services: [{ service: 'mysql.service', sizeKiB: 3_072 * MIB }],
    isLasting: true,
  }));
  await bot.store.saveSamples(samples);
  await bot.happen([
    aKill({ atMs: NOW_MS - 11 * MINUTE_MS, pid: 7 }),
    aKill({ atMs: NOW_MS - 10 * MINUTE_MS, pid: 8 }),
  ]);
  return bot;
}

describe('memory of a host', () => {
  it('says what is available now, the lowest of the time, and what was killed', async () => {
    const bot = await aBotWithSamples();

    const notice = noticeOf(await bot.handlers.answerMemory({ host: 'DB01', forMs: 60 * MINUTE_MS }, ASKER));

    expect(plainText(notice.headline)).toBe('db01: 1.1 GiB of 8 GiB available, 2 kills in the last 1 h');
    expect(renderText(notice)).toMatch(/Lowest: +100 MiB, 1\.2 %, 2026-08-30 01:20:08 UTC/);
    expect(renderText(notice)).toMatch(/Largest: +mysql\.service 3 GiB/);
    expect(renderText(notice)).toMatch(/✖ 2026-08-30 01:39:08 UTC mysql\.service/);
  });

  it('draws the lowest of each stretch, and marks those with kills', async () => {
    const bot = await aBotWithSamples();

    const notice = noticeOf(await bot.handlers.answerMemory({ host: 'db01', forMs: 60 * MINUTE_MS }, ASKER));

    const chart = notice.parts.find((part) => part.kind === 'chart');
    expect(chart?.points).toHaveLength(20);
    expect(chart?.points.at(-1)).toEqual({ label: '01:50', value: 1_096 });
    expect(chart?.points.filter(({ value }) => value === 100)).toEqual([{ label: '01:20', value: 100 }]);
    expect(chart?.points.filter(({ label }) => label.includes('✖')).map(({ label }) => label)).toEqual([
      '01:41 ✖ 2 kills',
    ]);
  });

  it('speaks of no bars while there is nothing to draw', () => {
    const services = [{ service: 'mysql.service', sizeKiB: 3_072 * MIB }];
    const moment = { atMs: NOW_MS, totalKiB: 8_192 * MIB, availableKiB: MIB, totalSwapKiB: 0, freeSwapKiB: 0 };
    const moments = [{ ...moment, pressureFullAvg10: null, services }];

    const notice = describeMemory({
      host: 'db01',
      sinceMs: NOW_MS - 60 * MINUTE_MS,
      untilMs: NOW_MS,
      moments,
      kills: [],
    });

    expect(renderText(notice)).toContain('The chart begins with the second bar.');
    expect(renderText(notice)).not.toContain('Each bar');
  });

  it('has no bar for a time of which nothing is known', async () => {
    const bot = await aBotWithSamples();

    const notice = noticeOf(await bot.handlers.answerMemory({ host: 'db01', forMs: 3 * 60 * MINUTE_MS }, ASKER));

    const chart = notice.parts.find((part) => part.kind === 'chart');
    expect(chart?.points.map(({ label }) => label)).toEqual([
      '00:56',
      '01:05',
      '01:14',
      '01:23',
      '01:32',
      '01:41 ✖ 2 kills',
      '01:50',
    ]);
  });

  it('says so where nothing was noted, with the kills all the same', async () => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill({ atMs: NOW_MS - MINUTE_MS })]);

    const notice = noticeOf(await bot.handlers.answerMemory({ host: 'db01', forMs: null }, ASKER));

    expect(plainText(notice.headline)).toBe('No memory noted on db01 in the last 6 h, 1 kill');
    expect(renderText(notice)).toContain('samples.every');
    expect(renderText(notice)).toContain('✖ 2026-08-30 01:49:08 UTC mysql.service');
  });

  it('is of at most a day, as long as it is noted', async () => {
    const bot = await aBotWithSamples();

    const notice = noticeOf(await bot.handlers.answerMemory({ host: 'db01', forMs: 90 * 24 * 60 * MINUTE_MS }, ASKER));

    expect(plainText(notice.headline)).toContain('in the last 1 d');
  });

  it('refuses a host that nobody knows', async () => {
    const bot = await anAnsweringBot();

    expect(refusalOf(await bot.handlers.answerMemory({ host: 'db0l', forMs: null }, ASKER))).toMatchObject({
      kind: 'unknown-host',
      nearest: 'db01',
    });
  });
});
