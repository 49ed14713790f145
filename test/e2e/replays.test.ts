import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Incident } from '../../src/incident/incident.ts';
import { headlineOf } from '../../src/notice/incident/headline.ts';
import { plainText } from '../../src/notice/render-text.ts';
import { openBrowser } from '../support/browser.ts';
import { openLocalBot } from '../support/local-bot.ts';
import { needs } from '../support/needs.ts';
import { eventually } from '../support/whole-bot.ts';

// Set it to keep pictures of what the test saw.
const PICTURES = process.env['OOMBOT_PICTURES'] ?? null;
const STORM_KILLS = 25;
const WAIT_MS = 60_000;
/** In a storm the kernel leaves reports out: then a victim is known by what a snapshot saw, or by its name. */
const OTHERS = /^nightly-import\.service$|^web\.service$|^mysql(?:d|\.service)$|^container |^redis-server$/;

const toClose: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).toReversed()) await close();
});

describe('the five replay buttons, one after the other', { ...needs('chromium'), timeout: 180_000 }, () => {
  it.each([
    [
      'with the storm last',
      ['Host out of memory', 'Container at its limit', 'A whole service', 'systemd-oomd', 'Storm'],
    ],
    [
      'with the storm first',
      ['Storm', 'systemd-oomd', 'A whole service', 'Host out of memory', 'Container at its limit'],
    ],
  ])('tell every incident by its own name and cause, %s', async (_, labels) => {
    const { url, incidents } = await aLocalBot();
    const browser = await openBrowser();
    toClose.push(browser.close);
    const { page, faults } = await browser.open(url, {
      viewport: { width: 1280, height: PICTURES === null ? 2400 : 7_000 },
    });
    await page.getByText('oombot is connected').waitFor({ state: 'attached' });

    for (const label of labels) await page.getByRole('button', { name: new RegExp(`^${label}`) }).click();
    await eventually(
      async () => killsOf(of(await incidents(), /batch/)) >= STORM_KILLS,
      'the storm on record',
      WAIT_MS,
    );
    await eventually(async () => of(await incidents(), OTHERS).length >= 4, 'the others', WAIT_MS);
    const all = await incidents();
    if (PICTURES !== null) {
      // What waits for its turn: three messages in ten seconds.
      await sleep(45_000);
      mkdirSync(PICTURES, { recursive: true });
      await page.screenshot({ path: path.join(PICTURES, `replays ${labels[0]} first.png`), fullPage: true });
    }

    function named(wanted: RegExp): Incident[] {
      return of(all, wanted);
    }
    const storm = named(/batch/);
    expect(named(/^mysql/).map(sayWithoutTimes)).toEqual([
      expect.stringMatching(/^mysqld.* was killed on demo-db01: the host ran out of memory/),
    ]);
    expect(named(/^container |^redis/).map(sayWithoutTimes)).toEqual([
      expect.stringMatching(/^redis-server.* was killed on demo-db01: (?:its|a) memory limit/),
    ]);
    expect(named(/^web/).map(sayWithoutTimes)).toEqual([
      expect.stringMatching(/^4 processes of web\.service were killed together on demo-db01: (?:its|a) memory limit/),
    ]);
    expect(named(/^nightly-import\.service$/).map(({ killer, killCount }) => [killer, killCount])).toEqual([
      ['systemd-oomd', 1],
    ]);
    expect(killsOf(storm)).toBe(STORM_KILLS);
    // One limit each, where the log says whose it was; where it does not, nothing is said of a limit of theirs.
    for (const incident of storm)
      expect(sayWithoutTimes(incident)).toMatch(
        incident.problem.startsWith('?') ? /the log does not say whose|is not known/ : /memory limit of .* was reached/,
      );
    expect(all.map(({ cause }) => cause?.text ?? '').filter((cause) => cause === '')).toEqual([]);
    expect(faults).toEqual([]);
  });
});

async function aLocalBot() {
  const running = await openLocalBot();
  toClose.push(running.close);
  const sinceMs = Date.now();
  return {
    url: running.pageUrl,
    incidents: async () =>
      (await running.store.incidents('demo-db01', 100)).filter(({ lastAtMs }) => lastAtMs >= sinceMs - 1_000),
  };
}

function of(incidents: readonly Incident[], wanted: RegExp): Incident[] {
  return incidents.filter((incident) => wanted.test(incident.service));
}

function killsOf(incidents: readonly Incident[]): number {
  return incidents.reduce((sum, { killCount }) => sum + killCount, 0);
}

function sayWithoutTimes(incident: Incident): string {
  return plainText(headlineOf({ ...incident, back: { kind: 'unknown' } }));
}
