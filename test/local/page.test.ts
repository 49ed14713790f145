import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import type { App } from '@slack/bolt';
import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LocalWorkspace } from '../../src/local/workspace.ts';
import { tabTo, unnamed } from '../support/accessibility.ts';
import { openBrowser, type TestBrowser } from '../support/browser.ts';
import { openTestWorkspace } from './a-bolt-app.ts';
import { asBlocks, startDemoApp } from './demo-app.ts';
import { CHART, KILL, TEXTS } from './gallery.ts';
import { needs } from '../support/needs.ts';

it('the page has no type errors', async () => {
  const root = path.join(import.meta.dirname, '../..');
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');

  const run = promisify(execFile)(process.execPath, [tsc, '-p', 'src/local/page/tsconfig.json'], { cwd: root });

  await expect(run).resolves.toMatchObject({ stdout: '' });
}, 60_000);

describe('the page', { ...needs('chromium'), timeout: 30_000 }, () => {
  let browser: TestBrowser;
  let workspace: LocalWorkspace;
  let app: App;
  const faults: string[][] = [];

  beforeAll(async () => {
    browser = await openBrowser();
  }, 30_000);
  afterAll(() => browser?.close());

  beforeEach(async () => {
    workspace = await openTestWorkspace({
      controls: [
        { id: 'kill', label: 'Replay a kill', description: 'on demo-db01', run: replay },
        { id: 'broken', label: 'Broken', description: '', run: () => Promise.reject(new Error('No host here.')) },
      ],
    });
    app = await startDemoApp(workspace);
  });
  afterEach(async () => {
    await browser.closePages();
    await app.stop();
    await workspace.close();
    expect(faults.splice(0).flat()).toEqual([]);
  });

  async function replay(): Promise<string> {
    await post('mysqld was killed', KILL);
    return 'Killed.';
  }

  /** Within the part of the list that is to be seen. */
  async function isInView(page: Page, what: Locator): Promise<boolean> {
    const [inside, outside] = [await what.boundingBox(), await page.getByRole('log').boundingBox()];
    if (inside === null || outside === null) return false;
    return inside.y >= outside.y && inside.y + inside.height <= outside.y + outside.height;
  }

  function post(text: string, blocks?: unknown[], threadTs?: string) {
    return app.client.chat.postMessage({
      channel: '#oom',
      text,
      ...(blocks === undefined ? {} : { blocks: asBlocks(blocks) }),
      ...(threadTs === undefined ? {} : { thread_ts: threadTs }),
    });
  }

  async function open(options?: BrowserContextOptions): Promise<Page> {
    const opened = await browser.open(workspace.pageUrl, options);
    faults.push(opened.faults);
    await opened.page.getByRole('heading', { level: 1, name: '# oom' }).waitFor();
    await opened.page.getByText('oombot is connected').waitFor({ state: 'attached' });
    return opened.page;
  }

  it('says plainly what it is', async () => {
    const page = await open();

    expect(await page.getByRole('note').innerText()).toContain('Local stand-in for Slack');
    expect(await page.getByRole('note').innerText()).toContain('nothing leaves this machine');
  });

  it('answers a typed command privately, with table and chart', async () => {
    const page = await open();
    await page.getByLabel('Message #oom').fill('/oom last demo-db01');
    await page.keyboard.press('Enter');

    const answer = page.locator('.only-you');
    await answer.getByRole('heading', { name: 'mysqld was killed on demo-db01' }).waitFor();

    expect(await answer.innerText()).toContain('Only visible to you');
    expect(await answer.getByRole('table', { name: 'Top memory holders' }).getByRole('row').count()).toBe(6);
    expect(await answer.locator('svg.pie path').count()).toBe(6);
    expect(await page.getByLabel('Message #oom').inputValue()).toBe('');
  });

  it('shows the answer to the next command below one that is longer than the window', async () => {
    const page = await open({ viewport: { width: 1200, height: 500 } });
    const box = page.getByLabel('Message #oom');
    await box.fill('/oom last demo-db01');
    await page.keyboard.press('Enter');
    const long = page.getByRole('heading', { name: 'mysqld was killed on demo-db01' });
    await long.waitFor();
    await expect.poll(() => isInView(page, long)).toBe(true);

    await box.fill('/oom lst');
    await page.keyboard.press('Enter');

    const short = page.getByText('Did you mean');
    await short.waitFor();
    await expect.poll(() => isInView(page, short)).toBe(true);
  });

  it('shows in the hints what the command understands, and completes it', async () => {
    const page = await open();
    const box = page.getByLabel('Message #oom');
    const hints = page.getByRole('listbox', { name: 'Commands' }).getByRole('option');

    await box.pressSequentially('/o');
    expect(await hints.allInnerTexts()).toEqual(['/oom']);
    await page.keyboard.press('Tab');
    expect(await hints.allInnerTexts()).toEqual(['/oom last <host>', '/oom history <host|tag> [7d]', '/oom help']);
    await box.pressSequentially('h');
    expect(await hints.allInnerTexts()).toEqual(['/oom history <host|tag> [7d]', '/oom help']);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await box.pressSequentially('db01');

    expect(await box.inputValue()).toBe('/oom history db01');
  });

  it('brings back with arrow up what was sent', async () => {
    const page = await open();
    const box = page.getByLabel('Message #oom');
    for (const text of ['first', 'second']) {
      await box.fill(text);
      await page.keyboard.press('Enter');
    }

    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    const oldest = await box.inputValue();
    await page.keyboard.press('ArrowDown');

    expect([oldest, await box.inputValue()]).toEqual(['first', 'second']);
  });

  it('shows a replayed kill without a reload, and its later edits', async () => {
    const page = await open();

    await page.getByRole('button', { name: /Replay a kill/ }).click();
    await page.getByRole('log').getByRole('heading', { name: 'mysqld was killed on demo-db01' }).waitFor();
    await page.getByText('Killed.', { exact: true }).waitFor();
    const [message] = workspace.messages('#oom');
    await app.client.chat.update({ channel: 'CLOCAL001', ts: message!.ts, text: 'Killed *twice*' });

    await page.getByText('Killed twice').waitFor();
    expect(await page.locator('.message').count()).toBe(1);
    expect(await page.getByText('(edited)').count()).toBe(1);
  });

  it('says what went wrong with a control', async () => {
    const page = await open();

    await page.getByRole('button', { name: 'Broken' }).click();

    await page.getByRole('status').getByText('No host here.').waitFor();
  });

  it('counts what is unread elsewhere, until it is read', async () => {
    const page = await open();
    await app.client.chat.postMessage({ channel: '#db-alerts', text: 'look' });

    const place = page.getByRole('link', { name: 'db-alerts' });
    await place.getByText('1 unread').waitFor();
    await place.click();
    await page.getByText('look').waitFor();

    await expect.poll(() => workspace.as('Ana').unread('#db-alerts')).toBe(0);
    expect(workspace.as('Ben').unread('#db-alerts')).toBe(1);
    await expect.poll(() => place.innerText()).not.toContain('unread');
  });

  it('asks before a button that wants it, and sends the click', async () => {
    const page = await open();
    await replay();

    await page.getByRole('button', { name: 'Mute' }).click();
    const dialog = page.getByRole('dialog', { name: 'Mute demo-db01?' });
    await dialog.getByRole('button', { name: 'Keep' }).click();
    await page.getByRole('button', { name: 'Mute' }).click();
    await dialog.getByRole('button', { name: 'Mute' }).click();

    await page.getByText('ULOCALANA pressed mute').waitFor();
    expect(workspace.as('Ana').privateAnswers('#oom')).toHaveLength(1);
  });

  it('shows a modal with its errors, and posts what it said', async () => {
    const page = await open();
    await replay();
    await page.getByRole('button', { name: 'Protect …' }).click();
    const modal = page.getByRole('dialog', { name: 'Protect mysqld' });
    await modal.getByLabel('oom_score_adj').fill('');
    await modal.getByLabel('Why').fill('it');
    await modal.getByRole('button', { name: 'Propose' }).click();

    await modal.getByText('Enter at least 5 characters.').waitFor();
    expect(await modal.getByText('Please complete this required field.').count()).toBe(1);
    expect(await modal.getByLabel('oom_score_adj').getAttribute('aria-invalid')).toBe('true');
    await modal.getByLabel('oom_score_adj').fill('-500');
    await modal.getByLabel('Why').fill('it matters');
    await modal.getByLabel('Until when').selectOption('4 h');
    await modal.getByRole('button', { name: 'Propose' }).click();
    await modal.getByText('Say "because".').waitFor();
    await modal.getByLabel('Why').fill('because it matters');
    await modal.getByRole('button', { name: 'Propose' }).click();

    await modal.waitFor({ state: 'detached' });
    await page.getByText('@Ana proposes: because it matters').waitFor();
  });

  it('keeps private answers from the other person, who can act too', async () => {
    const page = await open();
    await replay();
    await page.getByLabel('Message #oom').fill('/oom lst');
    await page.keyboard.press('Enter');
    await page.getByText('I do not know').waitFor();

    await page.getByRole('radio', { name: 'Ben' }).check({ force: true });
    await page.getByText('I do not know').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Scores now' }).click();

    await page.getByText('ULOCALBEN pressed scores').waitFor();
    await page.reload();
    await page.getByText('ULOCALBEN pressed scores').waitFor();
    expect(await page.getByRole('radio', { name: 'Ben' }).isChecked()).toBe(true);
  });

  it('opens threads, in which mentions are answered', async () => {
    const page = await open();
    const parent = await post('the message');
    await post('the first reply', undefined, parent.ts);

    await page.getByRole('button', { name: '1 reply' }).click();
    const thread = page.getByRole('complementary', { name: 'Thread' });
    await thread.getByText('the first reply').waitFor();
    await thread.getByLabel('Reply …').fill('@oombot last');
    await page.keyboard.press('Enter');
    await thread.getByText('Here I am.').waitFor();
    await page.keyboard.press('Escape');

    expect(await thread.isVisible()).toBe(false);
    expect(await page.getByRole('button', { name: '3 replies' }).isVisible()).toBe(true);
    expect(await page.getByRole('log').getByText('Here I am.').count()).toBe(0);
  });

  it('shows the App Home', async () => {
    const page = await open();

    await page.getByRole('link', { name: 'oombot', exact: true }).click();

    await page.getByRole('heading', { name: 'Your fleet' }).waitFor();
    const tabs = page.getByRole('navigation', { name: 'The app' });
    expect(await tabs.getByRole('link', { name: 'Home' }).getAttribute('aria-current')).toBe('page');
  });

  it('brings the shortcuts of a message', async () => {
    const page = await open();
    await post('Out of memory: Killed process 1');

    await page.getByRole('article').hover();
    await page.getByRole('button', { name: 'More actions' }).click();
    await page.getByRole('menuitem', { name: 'Explain' }).click();

    await page.getByText('Explained: Out of memory: Killed process 1').waitFor();
    expect(await page.getByRole('menu').isVisible()).toBe(false);
  });

  it('sorts a data table as numbers and turns its pages', async () => {
    const page = await open();
    await replay();
    const table = page.getByRole('table', { name: 'Top memory holders' });
    function names() {
      return table.getByRole('rowheader').allInnerTexts();
    }

    await table.getByRole('button', { name: 'Processes' }).click();
    const down = await names();
    await table.getByRole('button', { name: 'Processes' }).click();
    const up = await names();
    await page.getByRole('button', { name: 'Next page' }).click();

    expect(down.slice(0, 2)).toEqual(['apache2', 'php-fpm8.2']);
    expect(up.at(-1)).toBe('php-fpm8.2');
    expect(await names()).toEqual(['apache2']);
    expect(await table.getByRole('columnheader', { name: 'Processes' }).getAttribute('aria-sort')).toBe('ascending');
  });

  it('can be used with the keyboard alone', async () => {
    const page = await open();
    await replay();
    await page.getByRole('button', { name: 'Protect …' }).waitFor();

    await tabTo(page, 'Skip to messages', 60);
    await page.keyboard.press('Enter');
    await tabTo(page, 'Protect …');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Protect mysqld' }).waitFor();
    await tabTo(page, 'Propose');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await tabTo(page, 'Message #oom', 60);
    await page.keyboard.type('/oom last');
    await page.keyboard.press('Enter');

    await page.getByText('Only visible to you').waitFor();
  });

  it('has a name on every control', async () => {
    const page = await open();
    await replay();
    await post('texts', TEXTS);
    await post('chart', [CHART]);
    await page.getByRole('button', { name: 'Protect …' }).click();
    await page.getByRole('dialog').waitFor();
    const inModal = await unnamed(page);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });

    expect([...inModal, ...(await unnamed(page))]).toEqual([]);
  });

  it('writes below the bars of a chart so many times as fit, each whole', async () => {
    const page = await open();
    const categories = Array.from({ length: 12 }, (_, at) => `${16 + at} Nov 23:45`);
    const data = categories.map((label) => ({ label, value: 5_900 }));
    const chart = { type: 'bar', series: [{ name: 'mysqld', data }], axis_config: { categories, y_label: 'MiB' } };
    await post('chart', [{ type: 'data_visualization', title: 'Memory at each kill', chart }]);

    await page.locator('svg.plot').waitFor();
    const labels = await page.locator('svg.plot text').allTextContents();
    const boxes = await page.locator('svg.plot text', { hasText: 'Nov' }).all();
    const sides = await Promise.all(boxes.map((one) => one.boundingBox()));

    expect(labels.filter((text) => text.includes('Nov'))).toEqual(categories.filter((_, at) => at % 3 === 0));
    for (const [at, side] of sides.slice(1).entries())
      expect(side?.x).toBeGreaterThan((sides[at]?.x ?? 0) + (sides[at]?.width ?? 0));
  });

  it('shows hostile text as text', async () => {
    const page = await open();
    const hostile =
      '<img src=x onerror=alert(1)> <script>alert(2)</script> &lt;!channel&gt; &lt;b&gt; javascript:alert(3)';
    await post(hostile, [
      { type: 'section', text: { type: 'mrkdwn', text: hostile } },
      { type: 'section', text: { type: 'mrkdwn', text: '<javascript:alert(4)|click me>' } },
      {
        type: 'rich_text',
        elements: [{ type: 'rich_text_preformatted', elements: [{ type: 'text', text: hostile }] }],
      },
      {
        type: 'data_table',
        caption: hostile,
        rows: [[{ type: 'raw_text', text: hostile }], [{ type: 'raw_text', text: hostile }]],
      },
      { type: 'header', text: { type: 'plain_text', text: hostile.slice(0, 140) } },
    ]);
    workspace.as('Ben').say('#oom', '<script>alert(6)</script> <!channel>');

    await page.getByText('<script>alert(6)</script> <!channel>').waitFor();

    const log = page.locator('#messages');
    expect(await log.locator('img, script, iframe, b').count()).toBe(0);
    expect(await log.locator('a[href^="javascript"], .mention-all').count()).toBe(0);
  });

  it('shows what Slack would do with text that was not escaped', async () => {
    const page = await open();
    await post(
      '<!channel> <@ULOCALBEN> <#CLOCAL002> <https://example.net|label> <!date^0^{date_num}|then> *b* _i_ ~s~ `<!here>`',
    );

    const text = page.locator('.message .text');
    await text.waitFor();

    expect(await text.innerText()).toBe('@channel @Ben #db-alerts label 1970-01-01 b i s @here');
    expect(await text.locator('.mention-all').allInnerTexts()).toEqual(['@channel', '@here']);
    expect(await text.locator('strong, em, s, code').count()).toBe(4);
  });

  it('fits a phone', async () => {
    const page = await open({ viewport: { width: 360, height: 740 } });
    await replay();
    await post('texts', TEXTS);
    await page.getByRole('button', { name: 'Look' }).waitFor();

    const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
    await page.getByRole('button', { name: 'Open the sidebar' }).click();
    await page.getByRole('link', { name: 'db-alerts' }).click();

    expect(overflow).toBe(0);
    await page.getByRole('heading', { level: 1, name: '# db-alerts' }).waitFor();
    await expect.poll(() => page.getByRole('link', { name: 'general' }).isVisible()).toBe(false);
  });

  it('is light or dark as the system says, or as was chosen', async () => {
    const page = await open({ colorScheme: 'dark' });
    function background() {
      return page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    }

    const system = await background();
    await page.getByRole('button', { name: 'Colours: auto' }).click();
    const chosen = await background();
    await page.reload();

    expect([system, chosen, await background()]).toEqual([
      'rgb(23, 25, 28)',
      'rgb(255, 255, 255)',
      'rgb(255, 255, 255)',
    ]);
  });

  it('comes back by itself when the workspace was started anew', async () => {
    const page = await open();
    faults.length = 0; // a connection that is cut is told in the console
    const { port, searchParams } = new URL(workspace.pageUrl);
    await app.stop();
    await workspace.close();
    await page.getByText('Workspace stopped').waitFor();

    workspace = await openTestWorkspace({ port: Number(port), pageToken: searchParams.get('token') ?? '' });
    app = await startDemoApp(workspace);
    await post('after the restart');

    await page.getByText('after the restart').waitFor();
  }, 30_000);
});
