import { describe, expect, it } from 'vitest';
import { openEarlyWarning, type EarlyWarning } from '../../src/app/watch/early-warning.ts';
import type { MemorySample, Store } from '../../src/app/store-port.ts';
import type { Position } from '../../src/app/ports.ts';
import { readReply } from '../../src/app/reply-body.ts';
import { mustLast } from '../../src/app/watch/sampling.ts';
import { restOf } from '../../src/incident/early-warning.ts';
import { PACE, waitAfter, type RestAt } from '../../src/incident/sampling-pace.ts';
import type { Moment } from '../../src/incident/growth.ts';
import { plainText } from '../../src/notice/render-text.ts';

const MINUTE_MS = 60_000;
const HOUR_MIN = 60;
const DAY_MIN = 1_440;
const START = Date.UTC(2026, 7, 1);
const TOTAL_KIB = 16 * 1_024 * 1_024;

interface Told {
  atMs: number;
  key: string;
  text: string;
}

interface Replay {
  /** Messages and edits, in order. */
  told: Told[];
  /** When episodes began. */
  begun: () => number[];
  /** Looks at it as often as a host is looked at, and gives when. */
  play: (series: Series) => Promise<number[]>;
  killAt: (atMs: number) => void;
  mute: (isMuted: boolean) => void;
  restart: () => void;
}

/** Early warning over samples that are kept and thinned as the store does. */
function aReplay(withinMinutes: number | null = 30): Replay {
  const told: Told[] = [];
  const kept: MemorySample[] = [];
  const kills: number[] = [];
  let positions: Position[] = [];
  let lasting: Moment | null = null;
  let nowMs = START;
  let muted = false;
  let looks: RestAt[] = [];

  function open(): EarlyWarning {
    return openEarlyWarning('db01', {
      store: {
        samples: (_host, sinceMs, untilMs) =>
          Promise.resolve(
            kept.filter(
              ({ atMs, isLasting }) =>
                atMs >= sinceMs && atMs < untilMs && (isLasting || nowMs - atMs < 180 * MINUTE_MS),
            ),
          ),
        killTimes: ({ sinceMs }) =>
          Promise.resolve(
            kills
              .filter((atMs) => atMs >= (sinceMs ?? 0) && atMs <= nowMs)
              .map((atMs) => ({ host: 'db01', service: 'a', atMs })),
          ),
        mutes: () => Promise.resolve(muted ? [{ target: 'db01', untilMs: Infinity, by: 'U1' }] : []),
        positions: () => Promise.resolve(positions),
      } as Partial<Store> as Store,
      clock: { nowMs: () => nowMs, sleep: () => Promise.resolve() },
      withinMs: () => (withinMinutes === null ? null : withinMinutes * MINUTE_MS),
      channel: () => '#oom',
      save: (what) => {
        positions = [...(('positions' in what ? what.positions : undefined) ?? [])];
        for (const { body } of 'deliveries' in what ? (what.deliveries ?? []) : []) {
          const reply = readReply(body);
          const { headline = [], sentence = [] } = reply?.notice ?? {};
          told.push({
            atMs: nowMs,
            key: reply?.key ?? '',
            text: `${plainText(headline)} ${plainText(sentence ?? [])}`,
          });
        }
        return true;
      },
    });
  }

  let warning = open();
  return {
    told,
    begun: () => told.filter(({ key }, at) => told.findIndex((one) => one.key === key) === at).map(({ atMs }) => atMs),
    play: async ({ fromMs, untilMs, at }) => {
      const times: number[] = [];
      for (let atMs = fromMs; atMs < untilMs; atMs += waitAfter(looks, MINUTE_MS)) {
        nowMs = atMs;
        times.push(atMs);
        const moment = at(atMs);
        looks = [
          ...looks.filter((look) => atMs - look.atMs <= PACE.budgetMs),
          { atMs, restKiB: restOf(moment), totalKiB: moment.totalKiB },
        ];
        const isLasting = mustLast(moment, lasting);
        if (isLasting) lasting = moment;
        kept.push({ ...moment, host: 'db01', isLasting });
        await warning.see(moment);
      }
      return times;
    },
    killAt: (atMs) => kills.push(atMs),
    mute: (isMuted) => (muted = isMuted),
    restart: () => (warning = open()),
  };
}

/** A repeatable noise from -1 to 1. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 1_073_741_824 - 1;
  };
}

/** Memory of a host over some time. */
interface Series {
  fromMs: number;
  untilMs: number;
  at: (atMs: number) => Moment;
}

/** `rest` gives what is left in per cent, for the minute since `from`. */
function series(
  fromMinute: number,
  minutes: number,
  rest: (minute: number) => number,
  given: { seed?: number; noisePercent?: number; pressure?: number } = {},
): Series {
  const next = noise(given.seed ?? 1);
  const fromMs = START + fromMinute * MINUTE_MS;
  function at(atMs: number): Moment {
    const percent = Math.max(0, rest((atMs - fromMs) / MINUTE_MS) + next() * (given.noisePercent ?? 0.5));
    const availableKiB = Math.round((percent / 100) * TOTAL_KIB);
    return {
      atMs,
      totalKiB: TOTAL_KIB,
      availableKiB,
      totalSwapKiB: 0,
      freeSwapKiB: 0,
      pressureFullAvg10: given.pressure ?? 0,
      services: [{ service: 'gunicorn.service', sizeKiB: Math.round(0.9 * (TOTAL_KIB - availableKiB)) }],
    };
  }
  return { fromMs, untilMs: fromMs + minutes * MINUTE_MS, at };
}

function sawTooth(periodMinutes: number, high: number, low: number): (minute: number) => number {
  return (minute) => high - ((high - low) * (minute % periodMinutes)) / periodMinutes;
}

function ramp(fromPercent: number, minutes: number): (minute: number) => number {
  return (minute) => fromPercent * (1 - minute / minutes);
}

describe('early warning does not cry wolf', () => {
  it.each<[string, (minute: number) => number, number]>([
    ['flat with much left', () => 60, 0.5],
    ['flat with little left', () => 8, 0.5],
    ['flat and restless', () => 30, 5],
    ...[10, 20, 45, 90].flatMap((period) =>
      [12, 25, 40].map((low): [string, (minute: number) => number, number] => [
        `a saw-tooth of ${period} min down to ${low} %`,
        sawTooth(period, 80, low),
        0.5,
      ]),
    ),
    ['a day’s load', (minute) => 40 + 28 * Math.cos((minute / DAY_MIN) * 2 * Math.PI), 1],
    ['a deep day’s load', (minute) => 36 + 30 * Math.cos((minute / DAY_MIN) * 2 * Math.PI), 1],
    ['office hours', (minute) => (minute % DAY_MIN > 480 && minute % DAY_MIN < 1_080 ? 22 : 65), 1],
  ])('over three days of %s', async (_, rest, noisePercent) => {
    const replay = aReplay();

    await replay.play(series(0, 3 * DAY_MIN, rest, { noisePercent }));

    expect(replay.told).toEqual([]);
  });

  it('over a nightly job, once it has been seen', async () => {
    const replay = aReplay();
    // From 60 % to 15 % in 25 minutes, at two o'clock.
    function nightly(minute: number): number {
      const since = (minute % DAY_MIN) - 120;
      return since >= 0 && since < 30 ? 60 - Math.min(since, 25) * 1.8 : 60;
    }

    await replay.play(series(0, 5 * DAY_MIN, nightly));

    expect(replay.begun().filter((atMs) => atMs > START + DAY_MIN * MINUTE_MS)).toEqual([]);
  });
});

describe('early warning comes in time', () => {
  it.each([
    [10, 5],
    [15, 7],
    [30, 15],
    [60, 25],
    [180, 25],
  ])('over ramps that take %i min: at least %i min before', async (minutes, leastMinutes) => {
    const leads: number[] = [];
    for (const seed of [1, 2, 3, 4, 5, 6, 7]) {
      const replay = aReplay();
      // It begins somewhere between two looks.
      const flat = 6 * HOUR_MIN + seed / 7;
      const falling = ramp(60, minutes);
      function rest(minute: number): number {
        return minute < flat ? 60 : falling(minute - flat);
      }
      await replay.play(series(0, Math.floor(flat + minutes), rest, { seed }));
      const endMs = START + (flat + minutes) * MINUTE_MS;

      expect(replay.begun()).toHaveLength(1);
      leads.push((endMs - (replay.begun()[0] ?? endMs)) / MINUTE_MS);
      expect(replay.told[0]?.text).toMatch(/^db01 runs out of memory in about \d+ min if this goes on/);
      expect(replay.told[0]?.text).toMatch(/gunicorn\.service grew/);
    }

    const median = leads.toSorted((a, b) => a - b)[3] ?? 0;
    expect(median).toBeGreaterThanOrEqual(leastMinutes);
  });

  it('also where every fall before ended in a kill', async () => {
    const replay = aReplay();
    const life = 3 * HOUR_MIN;
    for (let at = 0; at < 5; at += 1) {
      await replay.play(series(at * life, life, ramp(60, life), { seed: at + 1 }));
      replay.killAt(START + (at + 1) * life * MINUTE_MS);
    }

    // The first two hours are too little to know a host by; then each life.
    expect(replay.begun().length).toBeGreaterThanOrEqual(4);
  });

  it('of a host that stalls, whatever the slope', async () => {
    const replay = aReplay();
    await replay.play(series(0, 300, () => 20));

    await replay.play(series(300, 5, () => 12, { pressure: 35 }));

    expect(replay.begun()).toHaveLength(1);
    expect(replay.told[0]?.text).toContain('db01 is stalling');
    expect(replay.told[0]?.text).toContain('waited for memory 35 %');
  });
});

describe('a host is looked at more often', () => {
  it('not while nothing happens, nor over a day’s load', async () => {
    const quiet = aReplay();
    function day(minute: number): number {
      return 40 + 28 * Math.cos((minute / DAY_MIN) * 2 * Math.PI);
    }

    expect(await quiet.play(series(0, DAY_MIN, () => 8))).toHaveLength(DAY_MIN);
    expect(await aReplay().play(series(0, DAY_MIN, day))).toHaveLength(DAY_MIN);
  });

  it('at most 40 times an hour, though it falls again and again', async () => {
    const times = await aReplay().play(series(0, DAY_MIN, sawTooth(10, 80, 12)));

    const inHour = times.map(
      (from) => times.filter((atMs) => atMs >= from && atMs < from + HOUR_MIN * MINUTE_MS).length,
    );
    expect(Math.max(...inHour)).toBeGreaterThan(60);
    expect(Math.max(...inHour)).toBeLessThanOrEqual(60 + PACE.fastMax);
  });

  it('while it falls steeply towards nothing, and not before or after', async () => {
    const replay = aReplay();
    const falling = ramp(60, 12);
    function rest(minute: number): number {
      if (minute < 120) return 60;
      return minute < 130 ? falling(minute - 120) : 50;
    }

    const times = await replay.play(series(0, 240, rest));

    const pauses = times.map((atMs, at) => ({
      minute: (atMs - START) / MINUTE_MS,
      ms: atMs - (times[at - 1] ?? atMs),
    }));
    const fast = pauses.filter(({ ms }) => ms === PACE.fastMs).map(({ minute }) => minute);
    expect(fast.length).toBeGreaterThan(20);
    expect(Math.min(...fast)).toBeLessThan(122);
    expect(Math.max(...fast)).toBeLessThanOrEqual(131);
  });

  it('never less often than asked for', () => {
    const falls = [60, 50, 40].map((restKiB, at) => ({ atMs: at * MINUTE_MS, restKiB, totalKiB: 100 }));

    expect(waitAfter(falls, MINUTE_MS)).toBe(PACE.fastMs);
    expect(waitAfter(falls, 10_000)).toBe(10_000);
    expect(waitAfter([], MINUTE_MS)).toBe(MINUTE_MS);
    // A look after a long silence.
    expect(
      waitAfter(
        falls.filter((_, at) => at !== 1).map((look, at) => ({ ...look, atMs: at * 600_000 })),
        MINUTE_MS,
      ),
    ).toBe(MINUTE_MS);
  });
});

describe('an episode', () => {
  /** Up to a warning, at a rest of about 15 %. */
  async function warned(replay: Replay): Promise<number> {
    await replay.play(series(0, 360, () => 60));
    await replay.play(series(360, 45, ramp(60, 60)));
    expect(replay.begun()).toHaveLength(1);
    return 405;
  }

  it('is one message, edited now and then, and once more when it has passed', async () => {
    const replay = aReplay();
    const at = await warned(replay);

    await replay.play(series(at, 120, () => 55));

    expect(new Set(replay.told.map(({ key }) => key)).size).toBe(1);
    expect(replay.told.length).toBeLessThanOrEqual(6);
    expect(replay.told.at(-1)?.text).toMatch(/^It passed: db01 has memory again .*55 % of all\. It lasted/);
  });

  it('ends with the kill that it warned of', async () => {
    const replay = aReplay();
    const at = await warned(replay);
    replay.killAt(START + (at + 3) * MINUTE_MS);

    await replay.play(series(at, 30, () => 50));

    expect(replay.told.at(-1)?.text).toMatch(/^It came to a kill on db01, \d+ min after this warning/);
    expect(replay.begun()).toHaveLength(1);
  });

  it('goes on over a restart of the bot, without a second message', async () => {
    const replay = aReplay();
    const at = await warned(replay);
    replay.restart();

    await replay.play(series(at, 10, (minute) => 15 - minute));
    await replay.play(series(at + 10, 60, () => 50));

    expect(replay.begun()).toHaveLength(1);
    expect(replay.told.at(-1)?.text).toMatch(/^It passed/);
  });

  it('does not begin on a muted host, and may once it is heard again', async () => {
    const replay = aReplay();
    replay.mute(true);
    await replay.play(series(0, 360, () => 60));
    await replay.play(series(360, 45, ramp(60, 60)));
    expect(replay.told).toEqual([]);

    replay.mute(false);
    await replay.play(series(405, 5, (minute) => 15 - minute));

    expect(replay.begun()).toHaveLength(1);
  });

  it('is off without a word in the configuration', async () => {
    const replay = aReplay(null);

    await replay.play(series(0, 360, () => 60));
    await replay.play(series(360, 60, ramp(60, 60)));

    expect(replay.told).toEqual([]);
  });
});
