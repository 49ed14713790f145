// What the page keeps: messages over a restart, what is typed, and its own windows.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { App } from '@slack/bolt';
import type { BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { LocalWorkspace } from '../../src/local/workspace.ts';
import { openBrowser, type TestBrowser } from '../support/browser.ts';
import { needs } from '../support/needs.ts';
import { openTestWorkspace } from './a-bolt-app.ts';
import { startDemoApp } from './demo-app.ts';

// Set it to keep pictures of what the tests saw.
const PICTURES = process.env['OOMBOT_PICTURES'] ?? null;

function aFile(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-kept-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return path.join(folder, 'page-messages.json');
}

describe('the messages of the local workspace', () => {
  it('are there after a restart, with threads, edits and what was read, and Slack’s time stamps go on', async () => {
    const keepIn = aFile();
    const first = await openTestWorkspace({ keepIn });
    const ana = first.as('Ana');
    ana.say('#oom', 'hello');
    const [head] = first.messages('#oom');
    ana.say('#oom', 'and a reply', head?.ts);
    await first.close();

    const second = await openTestWorkspace({ keepIn });
    onTestFinished(second.close);
    second.as('Ben').say('#oom', 'back again');

    expect(second.messages('#oom').map(({ text }) => text)).toEqual(['hello', 'back again']);
    expect(second.messages('#oom', head?.ts ?? '').map(({ text }) => text)).toEqual(['hello', 'and a reply']);
    expect(second.messages('#oom')[0]).toMatchObject({ ts: head?.ts, replies: { count: 1 } });
    expect(Number(second.messages('#oom')[1]?.ts)).toBeGreaterThan(Number(head?.ts));
    expect((statSync(keepIn).mode & 0o777).toString(8)).toBe('600');
  });

  it.each([['{'], ['[]'], ['{"channels":{"oom":[{"ts":"x"}]},"lastRead":{}}'], ['']])(
    'begin anew where the file is damaged: %s',
    async (text) => {
      const keepIn = aFile();
      writeFileSync(keepIn, text);

      const workspace = await openTestWorkspace({ keepIn });
      workspace.as('Ana').say('#oom', 'hello');
      await workspace.close();

      expect(readFileSync(keepIn, 'utf8')).toContain('"text":"hello"');
    },
  );
});

describe('the page', { ...needs('chromium'), timeout: 30_000 }, () => {
  let browser: TestBrowser;
  beforeAll(async () => {
    browser = await openBrowser();
  }, 30_000);
  afterAll(() => browser?.close());

  async function aWorkspace(): Promise<{ workspace: LocalWorkspace; app: App; stop: () => Promise<void> }> {
    const workspace = await openTestWorkspace();
    const app = await startDemoApp(workspace);
    let isOpen = true;
    async function stop(): Promise<void> {
      if (!isOpen) return;
      isOpen = false;
      await app.stop();
      await workspace.close();
    }
    onTestFinished(async () => {
      await browser.closePages();
      await stop();
    });
    return { workspace, app, stop };
  }

  async function open(workspace: LocalWorkspace, options?: BrowserContextOptions): Promise<Page> {
    const { page } = await browser.open(workspace.pageUrl, options);
    await page.getByText('oombot is connected').waitFor({ state: 'attached' });
    return page;
  }

  async function picture(page: Page, name: string): Promise<void> {
    if (PICTURES !== null) await page.screenshot({ path: path.join(PICTURES, `${name}.png`) });
  }

  it.each([['light'], ['dark']] as const)('leads to messages that came below the window, %s', async (colorScheme) => {
    const { workspace, app } = await aWorkspace();
    const page = await open(workspace, {
      viewport: { width: colorScheme === 'dark' ? 390 : 1_000, height: 600 },
      colorScheme,
    });
    for (let at = 0; at < 30; at += 1) await app.client.chat.postMessage({ channel: '#oom', text: `message ${at}` });
    await page.getByText('message 29').waitFor();
    const log = page.getByRole('log');
    await log.evaluate((one) => one.scrollTo(0, 0));
    expect(await page.getByRole('button', { name: /new messages?/i }).count()).toBe(0);

    await app.client.chat.postMessage({ channel: '#oom', text: 'message 30' });
    await page.getByRole('button', { name: 'New message ↓' }).waitFor();
    await app.client.chat.postMessage({ channel: '#oom', text: 'message 31' });
    const button = page.getByRole('button', { name: '2 new messages ↓' });
    await button.waitFor();
    await picture(page, `new-below-${colorScheme}`);

    expect(await log.evaluate((one) => one.scrollTop)).toBe(0);
    await button.click();
    await button.waitFor({ state: 'hidden' });
    expect(await log.evaluate((one) => one.scrollHeight - one.scrollTop - one.clientHeight)).toBeLessThan(2);
  });

  it('goes to the end when somebody asks, so that the answer is seen', async () => {
    const { workspace, app } = await aWorkspace();
    const page = await open(workspace, { viewport: { width: 1_000, height: 600 } });
    for (let at = 0; at < 30; at += 1) await app.client.chat.postMessage({ channel: '#oom', text: `message ${at}` });
    await page.getByText('message 29').waitFor();
    await page.getByRole('log').evaluate((one) => one.scrollTo(0, 0));

    await page.getByLabel('Message #oom').fill('/oom lst');
    await page.keyboard.press('Enter');

    await expect.poll(() => page.locator('.only-you').last().isVisible()).toBe(true);
    await expect
      .poll(() => page.getByRole('log').evaluate((one) => one.scrollHeight - one.scrollTop - one.clientHeight < 130))
      .toBe(true);
  });

  it('keeps what is typed over a reload and a look elsewhere, and lets it go once it is sent', async () => {
    const { workspace } = await aWorkspace();
    const page = await open(workspace);
    const box = page.getByLabel('Message #oom');
    await box.fill('half a thou');

    await page.reload();
    await page.getByText('oombot is connected').waitFor({ state: 'attached' });
    expect(await box.inputValue()).toBe('half a thou');
    await box.fill('half a thought');
    await page.keyboard.press('Enter');
    await page.getByRole('log').getByText('half a thought').waitFor();
    await page.reload();
    await page.getByText('oombot is connected').waitFor({ state: 'attached' });

    expect(await box.inputValue()).toBe('');
  });

  it('says while nobody answers that nothing can be sent, and keeps what is typed', async () => {
    const { workspace, stop } = await aWorkspace();
    const page = await open(workspace, { viewport: { width: 390, height: 700 } });
    const note = page.getByText('so nothing can be sent now');
    expect(await note.isVisible()).toBe(false);

    await stop();
    await note.waitFor();
    await page.getByLabel('Message #oom').fill('/oom last db01');
    await page.keyboard.press('Enter');
    await picture(page, 'nothing-can-be-sent');

    expect(await page.getByLabel('Message #oom').inputValue()).toBe('/oom last db01');
  });

  it('opens a window in the tab that asked for it alone, and again with what was typed after a reload', async () => {
    const { workspace } = await aWorkspace();
    const one = await open(workspace);
    const other = await (one.context() as BrowserContext).newPage();
    await other.goto(workspace.url);
    await other.getByText('oombot is connected').waitFor({ state: 'attached' });

    await other.getByLabel('Message #oom').fill('/oom last demo-db01');
    await other.keyboard.press('Enter');
    await other
      .getByRole('button', { name: /^Protect/ })
      .first()
      .click();
    const dialog = other.getByRole('dialog');
    await dialog.waitFor();
    await dialog.getByRole('textbox').first().fill('-600');

    expect(await one.getByRole('dialog').count()).toBe(0);
    await other.reload();
    await dialog.waitFor();
    expect(await dialog.getByRole('textbox').first().inputValue()).toBe('-600');
  });
});
