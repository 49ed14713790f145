import { describe, expect, it } from 'vitest';
import { tellBefore, type BeforeWorld } from '../../src/app/watch/before-kill.ts';
import { readReply } from '../../src/app/reply-body.ts';
import { keepSampling } from '../../src/app/watch/sampling.ts';
import type { SavedBatch } from '../../src/app/store-port.ts';
import type { Notice } from '../../src/notice/notice.ts';
import { plainText } from '../../src/notice/render-text.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { aSampleText, type SampleGiven } from '../support/a-sample.ts';
import { anAnsweringBot, type AnsweringBot } from '../support/an-answering-bot.ts';
import { takeAsked } from '../support/taken.ts';
import { QUIET } from '../support/quiet-log.ts';

const MINUTE_MS = 60_000;

/** Lets a host be sampled once a minute, with these answers one after the other. */
async function sampled(bot: AnsweringBot, answers: readonly SampleGiven[]): Promise<void> {
  const stop = new AbortController();
  const host = bot.host('db01');
  void keepSampling({
    link: host,
    store: bot.store,
    clock: bot.clock,
    log: QUIET,
    everyMs: () => MINUTE_MS,
    isHurried: () => false,
    onSample: () => Promise.resolve(),
    signal: stop.signal,
  });
  for (const answer of answers) {
    host.sampleSays(aSampleText(answer));
    await bot.clock.advance(MINUTE_MS);
  }
  stop.abort();
}

/** A kill now, recorded and told; gives what waits for its thread beside the evidence. */
async function die(bot: AnsweringBot, sizeMiB: number): Promise<Notice[]> {
  const atMs = bot.clock.nowMs();
  const kill = aKill({ atMs, record: aRecord({ anonRssKiB: sizeMiB * 1_024 }) });
  await bot.happen([kill]);
  const [incident] = await bot.store.incidents('db01', 1);
  const saved: SavedBatch = { fresh: [kill], amended: [], incidents: incident ? [incident] : [] };
  const world: BeforeWorld = {
    store: bot.store,
    clock: bot.clock,
    log: { info: () => {}, warn: (_facts, message) => void bot.warnings.push(message), error: () => {} },
    channelOf: () => '#oom',
    wake: () => {},
  };
  await tellBefore(saved, world);
  // Another process that saw the same, or a restart.
  await tellBefore(saved, world);
  const rows = await takeAsked(bot.store, '#oom', { nowMs: bot.clock.nowMs() });
  const bodies = rows.filter(({ kind }) => kind === 'reply').map(({ body }) => body);
  return bodies.flatMap((body) => readReply(body)?.notice ?? []);
}

describe('the minutes before a kill', () => {
  it('are told in its thread, once: who grew, what was left, and a chart', async () => {
    const bot = await anAnsweringBot();
    const sizes = [1_000, 1_000, 1_500, 2_000, 2_500, 3_000];
    await sampled(
      bot,
      sizes.map((mib) => ({
        availableMiB: 3_200 - mib,
        pressure: mib > 2_900 ? 42 : 0,
        services: { mysql: mib, cron: 20 },
      })),
    );

    const notices = await die(bot, 3_100);

    expect(notices.map((notice) => plainText(notice.headline))).toEqual([
      'mysql.service grew 2.1 GiB in 4 min, from 1 GiB to 3 GiB',
    ]);
    const sentence = plainText(notices[0]?.sentence ?? []);
    expect(sentence).toContain(
      'Available memory of the host went from 2.1 GiB to 200 MiB in 5 min, and there is no swap',
    );
    expect(sentence).toContain('Everything there waited for memory 42 % of the last 10 s.');
    const chart = notices[0]?.parts.find((part) => part.kind === 'chart');
    expect(chart?.points.map((point) => point.value)).toEqual([...sizes, 3_100]);
    expect(chart?.points.at(-1)?.label).toBe('at the kill');
    expect(bot.warnings).toEqual([]);
  });

  it('say what was the largest when nobody grew', async () => {
    const bot = await anAnsweringBot();
    await sampled(
      bot,
      Array.from({ length: 4 }, () => ({ availableMiB: 300, services: { mysql: 6_000, cron: 20 } })),
    );

    const [notice] = await die(bot, 10);

    expect(plainText(notice?.headline ?? [])).toBe('Before the kill on db01, no service was seen to grow much');
    expect(plainText(notice?.sentence ?? [])).toContain(
      'The largest then: mysql.service 5.9 GiB, cron.service 20 MiB.',
    );
  });

  it('are not told where nothing was noted', async () => {
    const bot = await anAnsweringBot();

    expect(await die(bot, 3_000)).toEqual([]);
  });
});

describe('noting memory', () => {
  it('keeps pressure and the largest services, and marks one in ten minutes to stay', async () => {
    const bot = await anAnsweringBot();
    await sampled(
      bot,
      Array.from({ length: 15 }, () => ({ availableMiB: 300, pressure: null, services: { mysql: 60 } })),
    );

    const kept = await bot.store.samples('db01', 0, bot.clock.nowMs() + 1);

    expect(kept.length).toBeGreaterThanOrEqual(14);
    expect(kept[0]).toMatchObject({
      availableKiB: 300 * 1_024,
      pressureFullAvg10: null,
      services: [{ service: 'mysql.service', sizeKiB: 60 * 1_024 }],
    });
    expect(kept.filter((sample) => sample.isLasting)).toHaveLength(2);
  });
});
