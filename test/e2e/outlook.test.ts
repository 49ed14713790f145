import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { causeKill } from '../support/kernel-kill.ts';
import { openOwnKernelLog } from '../support/own-kernel-log.ts';
import { faultsOfSent } from '../support/sent-payloads.ts';
import { hostYaml, openSshd, type Sshd } from '../support/sshd.ts';
import { eventually, openWholeBot, type WholeBot } from '../support/whole-bot.ts';
import { needs } from '../support/needs.ts';

const WAIT_MS = 60_000;
const MARK = `-o${process.pid}`;
const VICTIM = `mysqld${MARK}`;
const PERSON = { id: 'UADA00001', name: 'Ada' };

describe('between kills, the whole bot with a real host', needs('sshd', 'kills'), () => {
  let sshd: Sshd;
  let bot: WholeBot;
  let log: { close: () => void };

  beforeAll(async () => {
    sshd = await openSshd();
    const logFile = path.join(sshd.dir, 'kern.log');
    log = openOwnKernelLog(logFile, MARK);
    bot = await openWholeBot({
      channels: ['#oom'],
      people: [PERSON],
      yaml: ['samples: { every: 10s }', hostYaml(sshd, { more: `, tags: [db], logFiles: [${logFile}]` })].join('\n'),
    });
    await eventually(() => bot.running.fleet.watchState('db01')?.kind === 'watching', 'a watch on db01', WAIT_MS);
  }, 90_000);

  afterAll(async () => {
    await bot.close();
    log.close();
    await sshd.close();
  });

  function samples() {
    return bot.running.store.samples('db01', 0, Date.now());
  }

  async function ask(text: string): Promise<string> {
    const person = bot.workspace.as(PERSON.id);
    const before = person.privateAnswers('#oom').length;
    expect(await person.command('#oom', `/oom ${text}`)).toEqual({ ok: true });
    return JSON.stringify(await bot.workspace.until(() => person.privateAnswers('#oom')[before], WAIT_MS));
  }

  it('notes memory and the largest services of the host', async () => {
    const noted = await eventually(
      async () => ((await samples()).length >= 2 ? samples() : null),
      'two samples',
      WAIT_MS,
    );

    expect(noted[0]?.availableKiB).toBeGreaterThan(0);
    expect(noted[0]?.availableKiB).toBeLessThanOrEqual(noted[0]?.totalKiB ?? 0);
    expect(noted[0]?.services.length).toBeGreaterThan(0);
    expect(noted[0]?.services.length).toBeLessThanOrEqual(8);
  });

  it('says in the thread of a kill what the minutes before were like', async () => {
    copyFileSync('/usr/bin/tail', path.join(sshd.dir, VICTIM));
    causeKill(`oombot-outlook${MARK}`, path.join(sshd.dir, VICTIM));

    const card = await bot.workspace.until(
      () => bot.workspace.messages('#oom').find((message) => message.text.includes(VICTIM)),
      WAIT_MS,
    );
    const before = await bot.workspace.until(
      () =>
        bot.workspace
          .messages('#oom', card.ts)
          .find((message) => JSON.stringify(message).includes('Available memory of the host went from')),
      WAIT_MS,
    );

    expect(JSON.stringify(before)).toContain('data_visualization');
  });

  it('answers with the week on demand, and knows what a slip meant', async () => {
    const report = await ask('report db');

    expect(report).toContain('1 kill on');
    expect(report).toContain(VICTIM);
    expect(await ask('repotr db')).toContain('report db');
    expect(faultsOfSent(bot.workspace.calls())).toEqual([]);
  });
});
