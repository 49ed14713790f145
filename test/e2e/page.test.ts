import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { tabTo, unnamed } from '../support/accessibility.ts';
import { openBrowser, type TestBrowser } from '../support/browser.ts';
import { openLocalBot, type LocalBot } from '../support/local-bot.ts';
import { eventually } from '../support/whole-bot.ts';
import { needs } from '../support/needs.ts';

// Set it to keep pictures of what the tests saw.
const PICTURES = process.env['OOMBOT_PICTURES'] ?? null;
const REPORT = path.join(import.meta.dirname, '../corpus/own/host-memcg-a.dmesg.log');
const SLOW = { timeout: 45_000 };

describe('the bot in its local workspace, as npm start opens it', { ...needs('chromium'), timeout: 120_000 }, () => {
  let browser: TestBrowser;
  let running: LocalBot;
  const faults: string[][] = [];

  beforeAll(async () => {
    if (PICTURES !== null) mkdirSync(PICTURES, { recursive: true });
    running = await openLocalBot();
    browser = await openBrowser();
  }, 90_000);

  afterEach(async () => {
    await browser.closePages();
    expect(faults.splice(0).flat()).toEqual([]);
  });

  afterAll(async () => {
    await browser?.close();
    await running?.close();
  });

  async function open(options?: BrowserContextOptions): Promise<Page> {
    const opened = await browser.open(running.pageUrl, options);
    faults.push(opened.faults);
    await opened.page.getByRole('heading', { level: 1, name: '# oom' }).waitFor();
    await opened.page.getByText('oombot is connected').waitFor({ state: 'attached' });
    return opened.page;
  }

  async function type(page: Page, text: string): Promise<void> {
    await page.getByLabel('Message #oom').fill(text);
    await page.keyboard.press('Enter');
  }

  async function picture(page: Page, name: string): Promise<void> {
    if (PICTURES !== null) await page.screenshot({ path: path.join(PICTURES, `${name}.png`) });
  }

  /** Messages that only the person before the page sees, the newest last. */
  function privately(page: Page): Locator {
    return page.locator('.only-you');
  }

  it('opens by the address that is printed alone, which then leaves the token out', async () => {
    const bare = await browser.open(running.url);
    await bare.page.getByRole('heading', { name: 'This address needs a token' }).waitFor();
    await picture(bare.page, 'no-token');

    const page = await open();

    expect(page.url()).not.toContain('token');
    await page.reload();
    await page.getByText('oombot is connected').waitFor({ state: 'attached' });
  });

  it('changes nothing on this machine, which is a real host', async () => {
    const page = await open();

    await type(page, '/oom protect localhost 1');

    await privately(page).getByText('is a real host: read-only in the local workspace').waitFor(SLOW);
    await picture(page, 'read-only');
  });

  it('answers /oom last demo-db01 with a card of the founding story', async () => {
    const page = await open();

    await type(page, '/oom last demo-db01');

    const card = privately(page).last();
    await card.getByRole('heading', { name: /mysql.* was killed on .*demo-db01/ }).waitFor(SLOW);
    const text = await card.innerText();
    expect(text).toContain('icinga2');
    expect(text).toContain('Only visible to you');
    expect(text).toMatch(/Seen before/);
    expect(await card.getByRole('table').count()).toBeGreaterThan(0);
    await picture(page, 'last-light-wide');
  });

  it('says in the message that mysqld is back, who is next, and what to do', async () => {
    const page = await open({ viewport: { width: 1120, height: 1900 }, colorScheme: 'light', deviceScaleFactor: 1 });

    await page.getByRole('button', { name: /^Host out of memory/ }).click();

    const message = page
      .getByRole('log')
      .getByRole('article')
      .filter({ hasText: /mysql.* was killed/, hasNotText: 'Only visible to you' })
      .last();
    await message.getByRole('heading', { name: /Back after/ }).waitFor(SLOW);
    // It is asked after the message is posted, and comes with an edit of its own.
    await message.getByText('Who is next').first().waitFor(SLOW);
    const text = await message.innerText();
    expect(text).toMatch(/\d+ kills since/);
    expect(text).toContain('Who is next');
    expect(text).toContain('systemctl set-property mysql.service');
    if (PICTURES !== null) await message.screenshot({ path: path.join(PICTURES, 'message.png') });
  });

  it.each([
    ['Host out of memory', /mysql.* was killed/],
    ['Container at its limit', /redis-server.* was killed|container .* was killed/],
    ['A whole service', /web\.service/],
    ['systemd-oomd', /nightly-import\.service/],
  ])('shows live what "%s" does, without a reload', async (label, headline) => {
    const page = await open();
    const messages = page.getByRole('log');

    await page.getByRole('button', { name: new RegExp(`^${label}`) }).click();

    const message = messages.getByRole('article').filter({ hasText: headline }).last();
    await message.waitFor(SLOW);
    await picture(page, `replayed ${label}`);
  });

  it('tells a storm in few messages, and has all of it on record', async () => {
    const page = await open();
    const messages = page.getByRole('log').getByRole('article');
    const before = await messages.count();

    await page.getByRole('button', { name: /^Storm/ }).click();

    const query = { hosts: ['demo-db01'], sinceMs: null, untilMs: null, service: null, limit: 200 };
    await eventually(async () => {
      const kills = await running.store.kills(query);
      return kills.filter((kill) => kill.record.name?.startsWith('batch-')).length >= 25;
    }, 'the record of 25 kills');
    await page.getByText(/batch/).first().waitFor(SLOW);
    expect((await messages.count()) - before).toBeLessThanOrEqual(3);
    await picture(page, 'storm');
  });

  it('answers the buttons of a message: Scores now, Full report, Mute', async () => {
    const page = await open();
    const message = page
      .getByRole('log')
      .getByRole('article')
      .filter({ hasText: 'mysql', hasNotText: 'Only visible to you' })
      // What was before the watch is told as well, without buttons.
      .filter({ has: page.getByRole('button', { name: 'Scores now' }) })
      .first();
    await message.waitFor(SLOW);

    await message.getByRole('button', { name: 'Scores now' }).click();
    await privately(page).filter({ hasText: 'demo-db01' }).filter({ hasText: /score/i }).last().waitFor(SLOW);
    await message.getByRole('button', { name: 'Full report' }).click();
    const report = privately(page).filter({ hasText: 'Full report' });
    await report
      .filter({ hasText: /Tasks 1 to \d+ of/ })
      .last()
      .waitFor(SLOW);
    await picture(page, 'full-report');
    await report.last().getByRole('button', { name: 'Lines of the log' }).click();
    await privately(page).filter({ hasText: 'In the thread of the incident.' }).last().waitFor(SLOW);
    await message.getByRole('button', { name: /repl(?:y|ies)$/ }).click();
    const file = page.getByRole('link', { name: /^demo-db01-.*\.log$/ }).last();
    await file.waitFor(SLOW);
    const lines = await page.request.get((await file.getAttribute('href')) ?? '');
    expect(await lines.text()).toContain('invoked oom-killer');
    await message.getByRole('button', { name: /^Mute 1 h/ }).click();
    const confirm = page.getByRole('dialog').getByRole('button', { name: /^Mute/ });
    await Promise.race([confirm.waitFor(SLOW), privately(page).filter({ hasText: 'is muted for' }).waitFor(SLOW)]);
    if (await confirm.isVisible()) await confirm.click();
    await privately(page).filter({ hasText: 'is muted for 1 h' }).last().waitFor(SLOW);
    await message.getByText('Muted until').waitFor(SLOW);
    await privately(page)
      .filter({ hasText: 'is muted for 1 h' })
      .last()
      .getByRole('button', { name: 'Unmute' })
      .click();
    await privately(page).filter({ hasText: 'is unmuted: posting to the channel again' }).last().waitFor(SLOW);
  });

  it('explains a pasted report in a window', async () => {
    const page = await open();
    const log = readFileSync(REPORT, 'utf8').split('\n');
    const from = log.findIndex((line) => line.includes('invoked oom-killer'));
    const to = log.findIndex((line) => line.includes('Killed process'));
    const text = [...log.slice(from, from + 2), ...log.slice(Math.max(from + 2, to - 6), to + 1)].join('\n');

    await type(page, '/oom explain');
    const modal = page.getByRole('dialog', { name: 'Explain a report' });
    await modal.getByLabel('Kernel log lines').fill(text);
    await modal.getByRole('button', { name: 'Explain' }).click();

    const answer = page.getByRole('dialog', { name: 'Explanation' });
    await answer.getByText(/was killed by the kernel/).waitFor(SLOW);
    expect(await answer.getByRole('button', { name: 'Explain' }).count()).toBe(0);
    await picture(page, 'explained');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  it('lets a second person see the channel, and no private answers of the first', async () => {
    const page = await open();
    await type(page, '/oom hosts');
    await privately(page).filter({ hasText: '2 hosts' }).last().waitFor(SLOW);

    await page.getByRole('radio', { name: 'Ben' }).check({ force: true });

    await page.getByRole('log').getByRole('article').filter({ hasText: 'mysql' }).first().waitFor(SLOW);
    await expect.poll(() => privately(page).count()).toBe(0);
    await type(page, '/oom help');
    await privately(page).getByText('/oom last').first().waitFor(SLOW);
    await picture(page, 'help');
  });

  it('shows the App Home', async () => {
    const page = await open();

    await page.getByRole('link', { name: 'oombot', exact: true }).click();

    await page
      .getByText(/demo-db01/)
      .first()
      .waitFor(SLOW);
    await page.getByText('Last kills').waitFor(SLOW);
    await picture(page, 'home');
  });

  it('can be used with the keyboard alone', async () => {
    const page = await open();

    await tabTo(page, 'Message #oom');
    await page.keyboard.type('/oom scores demo-db01 5');
    await page.keyboard.press('Enter');
    const answer = privately(page).filter({ hasText: 'demo-db01' }).last();
    await answer.waitFor(SLOW);
    await tabTo(page, 'Full report');
    await page.keyboard.press('Enter');

    await privately(page).filter({ hasText: 'Full report' }).last().waitFor(SLOW);
  });

  it('has a name on every control', async () => {
    const page = await open();
    await type(page, '/oom last demo-db01');
    await privately(page).last().waitFor(SLOW);

    expect(await unnamed(page)).toEqual([]);
  });

  it.each(['light', 'dark'] as const)('fits a phone of 380 pixels, %s', async (colorScheme) => {
    const page = await open({ viewport: { width: 380, height: 780 }, colorScheme });
    await type(page, '/oom last demo-db01');
    await privately(page).last().getByRole('heading').first().waitFor(SLOW);

    const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');

    await picture(page, `narrow-${colorScheme}`);
    expect(overflow).toBe(0);
  });

  it('reads well in the dark', async () => {
    const page = await open({ colorScheme: 'dark' });
    await type(page, '/oom last demo-db01');
    await privately(page).last().getByRole('heading').first().waitFor(SLOW);

    await picture(page, 'last-dark-wide');
    const colours = await page.evaluate<string[]>(
      '[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]',
    );
    const [ground = 0, words = 0] = colours.map((colour) => Number(/\d+/.exec(colour)?.[0]));
    expect(words - ground).toBeGreaterThan(150);
  });
});
