import { describe, expect, it } from 'vitest';
import { keepSampling } from '../../src/app/watch/sampling.ts';
import { aSampleText } from '../support/a-sample.ts';
import { anAnsweringBot } from '../support/an-answering-bot.ts';
import { QUIET } from '../support/quiet-log.ts';

const MINUTE_MS = 60_000;

/** Seconds between the looks at a host that loses a tenth of its memory a minute for five minutes, then none. */
async function pauses(isHurried: boolean): Promise<number[]> {
  const bot = await anAnsweringBot();
  const stop = new AbortController();
  const times: number[] = [];
  const host = bot.host('db01');
  host.sampleSays(aSampleText({ availableMiB: 2_400 }));
  void keepSampling({
    link: host,
    store: bot.store,
    clock: bot.clock,
    log: QUIET,
    everyMs: () => MINUTE_MS,
    isHurried: () => isHurried,
    onSample: ({ atMs }) => Promise.resolve(void times.push(atMs)),
    signal: stop.signal,
  });
  for (let quarter = 0; quarter < 40; quarter += 1) {
    host.sampleSays(aSampleText({ availableMiB: 2_400 - Math.min(quarter, 20) * 100 }));
    await bot.clock.advance(MINUTE_MS / 4);
  }
  stop.abort();
  return times.slice(1).map((atMs, at) => (atMs - (times[at] ?? atMs)) / 1_000);
}

describe('a host’s memory', () => {
  it('is looked at every 15 s while it falls steeply, where a warning is wanted, and once a minute else', async () => {
    const hurried = await pauses(true);

    expect(hurried.filter((seconds) => seconds === 15).length).toBeGreaterThanOrEqual(12);
    expect(hurried[0]).toBe(60);
    expect(hurried.at(-1)).toBe(60);
    expect(new Set(await pauses(false))).toEqual(new Set([60]));
  });
});
