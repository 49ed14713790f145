import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, type TestBrowser } from '../support/browser.ts';
import { openLocalBot, type LocalBot } from '../support/local-bot.ts';
import { eventually } from '../support/whole-bot.ts';
import { needs } from '../support/needs.ts';

// Set it to keep pictures of what the tests saw.
const PICTURES = process.env['OOMBOT_PICTURES'] ?? null;
const OWN = path.join(import.meta.dirname, '../corpus/own');
const SLOW = { timeout: 45_000 };
/** What a person sees of a message at once. */
const SCREEN_PX = 1_080;

describe('messages with different causes in the local workspace', { ...needs('chromium'), timeout: 120_000 }, () => {
  let browser: TestBrowser;
  let running: LocalBot;
  let page: Page;

  beforeAll(async () => {
    if (PICTURES !== null) mkdirSync(PICTURES, { recursive: true });
    running = await openLocalBot();
    browser = await openBrowser();
  }, 90_000);

  afterEach(() => browser.closePages());

  afterAll(async () => {
    await browser?.close();
    await running?.close();
  });

  async function open(): Promise<void> {
    const opened = await browser.open(running.pageUrl, {
      viewport: { width: 1120, height: 1900 },
      colorScheme: 'light',
      deviceScaleFactor: 1,
    });
    ({ page } = opened);
    await page.getByText('oombot is connected').waitFor({ state: 'attached' });
  }

  /** From the top of the message to the end of this, in pixels. */
  async function depthOf(message: Locator, inner: Locator): Promise<number> {
    const [outer, box] = [await message.boundingBox(), await inner.boundingBox()];
    if (outer === null || box === null) throw new Error('it is not to be seen');
    return box.y + box.height - outer.y;
  }

  async function keep(message: Locator, name: string): Promise<void> {
    if (PICTURES !== null) await message.screenshot({ path: path.join(PICTURES, `cause-${name}.png`) });
  }

  it.each<[string, string, RegExp, RegExp]>([
    ['hog', 'Host out of memory', /mysql.* was killed/, /mysqld alone held/],
    ['limit', 'Container at its limit', /redis-server.* was killed|container .* was killed/, /the group’s 128 MiB/],
    ['group', 'A whole service', /web\.service/, /memory\.oom\.group is set/],
    ['oomd', 'systemd-oomd', /nightly-import\.service/, /systemd-oomd killed everything in this group/],
  ])('shows %s with its cause and what to do on one screen', async (name, button, headline, cause) => {
    await open();

    await page.getByRole('button', { name: new RegExp(`^${button}`) }).click();

    const message = page.getByRole('log').getByRole('article').filter({ hasText: headline }).last();
    await message.getByText(cause).first().waitFor(SLOW);
    const advice = message.getByText(/^(?:Do|Look):/).last();
    await advice.waitFor(SLOW);
    // Facts of the host come with an edit.
    await message.getByText('Who is next').first().waitFor(SLOW);
    await keep(message, name);
    expect(await message.innerText()).not.toContain('in a loop');
    expect(await depthOf(message, advice)).toBeLessThan(SCREEN_PX);
  });

  it('shows a loop once mysqld has died three times', async () => {
    await open();
    const messages = page.getByRole('log').getByRole('article');
    for (let death = 0; death < 3; death += 1) {
      const before = (await running.store.kills(KILLS)).length;
      await page.getByRole('button', { name: /^Host out of memory/ }).click();
      await eventually(async () => (await running.store.kills(KILLS)).length > before, 'a kill');
      // Until it is started again there is nobody to kill.
      await new Promise((resolve) => setTimeout(resolve, 6_000));
    }

    const message = messages.filter({ hasText: /in a loop: killed/ }).last();
    await message.waitFor(SLOW);
    await keep(message, 'loop');
    expect(await message.innerText()).toMatch(/in a loop: killed \d times within/);
  });

  it.each<[string, string, RegExp]>([['sysrq', 'd12-sysrq.kmsg.log', /by hand/]])(
    'explains %s in the window',
    async (name, file, cause) => {
      await open();
      const lines = readFileSync(path.join(OWN, file), 'utf8').split('\n');
      const from = lines.findIndex((line) => line.includes('invoked oom-killer'));
      const to = lines.findIndex((line, at) => at > from && line.includes('Killed process'));

      await page.getByLabel('Message #oom').fill('/oom explain');
      await page.keyboard.press('Enter');
      const modal = page.getByRole('dialog', { name: 'Explain a report' });
      const text = [...lines.slice(from, from + 2), ...lines.slice(Math.max(from + 2, to - 6), to + 1)].join('\n');
      await modal.getByLabel('Kernel log lines').fill(text);
      await modal.getByRole('button', { name: 'Explain' }).click();

      const answer = page.getByRole('dialog', { name: 'Explanation' });
      await answer.getByText(cause).first().waitFor(SLOW);
      await keep(answer, name);
    },
  );
});

const KILLS = { hosts: ['demo-db01'], sinceMs: null, untilMs: null, service: null, limit: 200 };
