import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { WebClient } from '@slack/web-api';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openLocalWorkspace, type LocalWorkspace } from '../../src/local/workspace.ts';
import { exampleNotices } from '../../src/run/example-notices.ts';
import { renderContent } from '../../src/slack/blocks.ts';
import { openBrowser, type TestBrowser } from '../support/browser.ts';
import { needs } from '../support/needs.ts';

// Set it to get one picture of all messages for each width.
const PICTURES = process.env['OOMBOT_PICTURES'] ?? null;
const EXAMPLES = exampleNotices(Date.now());

describe('one of every message, on one page', needs('chromium'), () => {
  let workspace: LocalWorkspace;
  let browser: TestBrowser;

  beforeAll(async () => {
    if (PICTURES !== null) mkdirSync(PICTURES, { recursive: true });
    workspace = await openLocalWorkspace({ channels: ['#oom'], commands: [] });
    const slack = new WebClient(workspace.botToken, { slackApiUrl: workspace.apiUrl });
    for (const { notice } of EXAMPLES) {
      await slack.chat.postMessage({ channel: '#oom', ...renderContent(notice, 'message') });
    }
    browser = await openBrowser();
  });
  afterEach(() => browser.closePages());
  afterAll(async () => {
    await browser?.close();
    await workspace?.close();
  });

  it.each([1_120, 390])('shows each whole in a window that is %i px wide', async (width) => {
    const { page, faults } = await browser.open(workspace.pageUrl, {
      viewport: { width, height: 900 },
      colorScheme: 'light',
    });
    const messages = page.getByRole('log').getByRole('article');
    await messages.nth(EXAMPLES.length - 1).waitFor();
    await heighten(page, width);

    expect(await messages.count()).toBe(EXAMPLES.length);
    expect(await widerThan(page, width)).toEqual([]);
    if (PICTURES !== null) await page.screenshot({ path: path.join(PICTURES, `every-message-${width}.png`) });
    expect(faults).toEqual([]);
  });
});

/** A window as high as all messages together, so that one picture has them all. */
async function heighten(page: Page, width: number): Promise<void> {
  const height = await page.getByRole('log').evaluate((log) => {
    let all = log.scrollHeight;
    for (let box = log.parentElement; box !== null; box = box.parentElement) all = Math.max(all, box.scrollHeight);
    return all;
  });
  await page.setViewportSize({ width, height: height + 400 });
}

/** As much of an element of the page as is asked for there: the tests are compiled without the types of a page. */
interface Box {
  tagName: string;
  textContent: string | null;
  parentElement: Box | null;
  ownerDocument: { defaultView: { getComputedStyle: (box: Box) => { overflowX: string } } | null };
  getBoundingClientRect: () => { right: number };
}

/** What stands out of the window and cannot be scrolled to within its own box. */
function widerThan(page: Page, width: number): Promise<string[]> {
  return page.locator('[role=log] article *').evaluateAll((elements: Box[], limit) => {
    function scrolls(element: Box | null): boolean {
      if (element === null) return false;
      const overflowX = element.ownerDocument.defaultView?.getComputedStyle(element).overflowX ?? '';
      return ['auto', 'scroll', 'hidden'].includes(overflowX) || scrolls(element.parentElement);
    }
    return elements
      .filter((element) => element.getBoundingClientRect().right > limit + 1 && !scrolls(element.parentElement))
      .map((element) => `${element.tagName} ${element.textContent?.slice(0, 60) ?? ''}`);
  }, width);
}
