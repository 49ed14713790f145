import path from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseProcScan, type ProcessFacts } from '../../src/oom/proc/proc-scan.ts';
import { openBrowser, type TestBrowser } from '../support/browser.ts';
import { openLocalBot, type LocalBot } from '../support/local-bot.ts';
import { eventually } from '../support/whole-bot.ts';
import { needs } from '../support/needs.ts';

const PICTURES = process.env['OOMBOT_PICTURES'] ?? null;
const SLOW = { timeout: 45_000 };

describe('protecting a process in the local workspace', { ...needs('chromium'), timeout: 120_000 }, () => {
  let browser: TestBrowser;
  let running: LocalBot;
  const faults: string[][] = [];

  beforeAll(async () => {
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

  async function open(): Promise<Page> {
    const opened = await browser.open(running.pageUrl, { viewport: { width: 1280, height: 1600 } });
    faults.push(opened.faults);
    await opened.page.getByText('oombot is connected').waitFor({ state: 'attached' });
    return opened.page;
  }

  async function type(page: Page, text: string): Promise<void> {
    await page.getByLabel('Message #oom').fill(text);
    await page.keyboard.press('Enter');
  }

  async function become(page: Page, name: string): Promise<void> {
    await page.getByRole('radio', { name }).check({ force: true });
  }

  async function picture(page: Page, name: string): Promise<void> {
    if (PICTURES !== null) await page.screenshot({ path: path.join(PICTURES, `${name}.png`) });
  }

  function card(page: Page, words: RegExp): Locator {
    return page
      .getByRole('log')
      .getByRole('article')
      .filter({ hasText: words, hasNotText: 'Only visible to you' })
      .last();
  }

  /** The process as the host's own /proc has it. */
  async function onHost(name: string): Promise<ProcessFacts> {
    const scan = parseProcScan((await running.fleet.link('demo-db01')?.scan('all')) ?? '');
    if (scan.kind !== 'scan') throw new Error(scan.fault);
    return scan.processes.find((one) => one.name === name)!;
  }

  async function actions(): Promise<string[]> {
    return (await running.store.audit('demo-db01', 100)).map((row) => row.action).toReversed();
  }

  it('is proposed with proof, approved by the second person, read back, undone, and on record', async () => {
    const page = await open();
    expect((await onHost('mysqld')).oomScoreAdj).toBe(0);

    await type(page, '/oom protect demo-db01 mysqld because it pays the bills');
    const proposed = card(page, /Protect.*mysqld.*on.*demo-db01/);
    await proposed.waitFor(SLOW);
    const text = await proposed.innerText();
    expect(text).toContain('it pays the bills');
    expect(text).toMatch(/Next to be killed\s+mysqld/);
    expect(text).toMatch(/Next after the change\s+java/);
    expect(text).toContain('systemd-oomd');
    expect(text).toContain('innodb_buffer_pool_size');
    await picture(page, 'protect-proposed');

    // The proposer may not approve, and the card stays as it is.
    await proposed.getByRole('button', { name: 'Approve' }).click();
    await page.locator('.only-you').filter({ hasText: 'somebody else must approve' }).waitFor(SLOW);
    expect((await onHost('mysqld')).oomScoreAdj).toBe(0);

    await become(page, 'Ben');
    await proposed.getByRole('button', { name: 'Approve' }).click();
    await card(page, /Applied and verified/).waitFor(SLOW);
    const adj = (await onHost('mysqld')).oomScoreAdj;
    expect(adj).toBeLessThan(-100);
    const applied = card(page, /Protect.*mysqld/);
    expect(await applied.getByRole('button', { name: 'Approve' }).count()).toBe(0);
    await picture(page, 'protect-applied');

    await type(page, '/oom scores demo-db01 1');
    await page
      .locator('.only-you')
      .filter({ hasText: /Next to die on demo-db01: java/ })
      .last()
      .waitFor(SLOW);

    await applied.getByRole('button', { name: 'Undo' }).click();
    await card(page, /Undone/).waitFor(SLOW);
    await eventually(async () => (await onHost('mysqld')).oomScoreAdj === 0, 'the old value');
    await picture(page, 'protect-undone');

    expect(await actions()).toEqual([
      'propose',
      'approve: no',
      'approve',
      'begin',
      'apply: applied',
      'undo',
      'undo: undone',
    ]);
    expect(await running.store.verifyAudit()).toMatchObject({ kind: 'intact' });
  });

  it('is proposed from a kill’s card in a form that is filled in, and lasts in the unit', async () => {
    const page = await open();
    await page.getByRole('button', { name: /^Host out of memory/ }).click();
    const killed = page
      .getByRole('log')
      .getByRole('article')
      .filter({ hasText: /mysql.* was killed/, hasNotText: 'Only visible to you' })
      .last();
    await killed.getByRole('heading', { name: /Back after/ }).waitFor(SLOW);

    await killed.getByRole('button', { name: 'Protect…' }).click();
    const form = page.getByRole('dialog', { name: 'Propose a protection' });
    await form.waitFor(SLOW);
    expect(await form.getByLabel('Host', { exact: true }).inputValue()).toBe('demo-db01');
    expect(await form.getByLabel('Process, PID or unit').inputValue()).toBe('mysql.service');
    await form.getByLabel('Value').fill('-9999'.slice(0, 5));
    await form.getByRole('button', { name: 'Propose' }).click();
    await form.getByText('A whole number from -1000 to 1000.').waitFor(SLOW);
    await form.getByLabel('Value').fill('-400');
    await form.getByLabel('For how long').fill('2h');
    await picture(page, 'protect-form');
    await form.getByRole('button', { name: 'Propose' }).click();
    await page
      .getByRole('dialog')
      .getByText(/The card with the proof is in/)
      .waitFor(SLOW);
    await page.keyboard.press('Escape');

    const proposed = card(page, /Protect.*mysql\.service/);
    await proposed.waitFor(SLOW);
    expect(await proposed.innerText()).toContain('OOMScoreAdjust=-400');
    await become(page, 'Ben');
    await proposed.getByRole('button', { name: 'Approve' }).click();
    await card(page, /Protect.*mysql\.service.*Applied and verified/s).waitFor(SLOW);
    expect((await onHost('mysqld')).oomScoreAdj).toBe(-400);
    await picture(page, 'protect-unit');

    await type(page, '/oom rules demo-db01');
    await page
      .locator('.only-you')
      .filter({ hasText: /mysql\.service.*-400/ })
      .last()
      .waitFor(SLOW);
    await type(page, '/oom unprotect demo-db01 mysqld');
    const back = card(page, /Undo.*mysql\.service/);
    await back.waitFor(SLOW);
    await become(page, 'Ana');
    await back.getByRole('button', { name: 'Approve' }).click();
    await eventually(async () => (await onHost('mysqld')).oomScoreAdj === 0, 'the old value');
    await type(page, '/oom audit demo-db01');
    await page
      .locator('.only-you')
      .filter({ hasText: /proposed.*mysql\.service/ })
      .last()
      .waitFor(SLOW);
    await picture(page, 'protect-audit');
  });

  it('has no answer but a question for what matches several', async () => {
    const page = await open();

    await type(page, '/oom protect demo-db01 apache2 -100');
    await page.locator('.only-you').filter({ hasText: 'can mean several' }).last().waitFor(SLOW);
    await page.locator('.only-you').last().getByRole('button', { name: 'The whole unit' }).click();

    await card(page, /Protect.*apache2\.service/).waitFor(SLOW);
    await picture(page, 'protect-several');
  });
});
