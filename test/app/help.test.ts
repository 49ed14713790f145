import { describe, expect, it } from 'vitest';
import { openAnswers } from '../../src/app/answer/answers.ts';
import type { Handlers } from '../../src/app/answer/handlers.ts';
import { describeHistory } from '../../src/notice/answer/history-notice.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import { renderText } from '../../src/notice/render-text.ts';
import { aKill } from '../support/a-kill.ts';
import { aChangingBot, ANN, type ChangingBot } from '../support/a-changing-bot.ts';
import { anAnsweringBot, NOW_MS, refusalOf, textOf } from '../support/an-answering-bot.ts';
import { anIncident } from '../support/an-incident.ts';
import { describeRefusal } from '../../src/notice/answer/refusal-text.ts';

function helpOf({ handlers }: { handlers: Handlers }): Promise<string> {
  return handlers.answerHelp(ANN).then(textOf);
}

function answersOf(bot: ChangingBot): Handlers {
  const { world } = bot;
  return openAnswers({
    ...world,
    settings: () => ({ admins: [], hosts: [] }),
    watchState: () => null,
    checkHost: () => Promise.resolve([]),
    groupMembers: () => Promise.resolve([]),
    editing: null,
    keepKillsMs: 1e12,
    changes: world,
  });
}

describe('the help', () => {
  it('shows only what this person may do: no changes where none can be proposed, no hosts to add for who is no admin', async () => {
    const text = await helpOf(await anAnsweringBot());

    expect(text).toContain('/oom history');
    expect(text).toContain('🔴 something was killed');
    expect(text).toContain('/oom unmute db01');
    expect(text).not.toContain('/oom protect');
    expect(text).not.toContain('/oom unprotect');
    expect(text).not.toContain('/oom rules pause');
    expect(text).not.toContain('/oom hosts add');
  });

  it('shows protections and the way back to who may propose them, and not to a guest', async () => {
    const bot = await aChangingBot();
    const text = await helpOf({ handlers: answersOf(bot) });
    bot.accounts.set(ANN.userId, { kind: 'guest' });
    const asGuest = await helpOf({ handlers: answersOf(bot) });

    for (const words of ['/oom protect db01', '/oom unprotect db01', '/oom rules pause']) {
      expect(text).toContain(words);
      expect(asGuest).not.toContain(words);
    }
  });

  it('shows drills to approvers and to admins who are none', async () => {
    const byAdmins = {
      settings: () => ({ admins: [ANN.userId], hosts: [] }),
      editing: { readHostKey: () => Promise.reject(new Error('no host')), hostsChanged: () => Promise.resolve() },
    };

    expect(await helpOf({ handlers: answersOf(await aChangingBot()) })).toContain('/oom drill db01');
    const asAdmin = await helpOf(await anAnsweringBot(byAdmins));
    expect(asAdmin).toContain('/oom drill db01');
    expect(asAdmin).not.toContain('/oom protect');
    expect(await helpOf(await anAnsweringBot())).not.toContain('/oom drill');
  });

  it('takes its examples from a host that can be changed, where there is one', async () => {
    const bot = await aChangingBot();
    bot.readOnly.add('db01');

    const text = await helpOf({ handlers: answersOf(bot) });

    expect(text).toContain('/oom protect ');
    expect(text).not.toContain('/oom protect db01');
  });

  it('names a process that died or was seen there', async () => {
    const bot = await anAnsweringBot();
    const process = {
      pid: 7,
      ppid: 1,
      startTicks: 1,
      uid: 0,
      commandLine: null,
      cgroup: null,
      parentName: null,
      ageMs: 1,
    };
    const names = [
      { ...process, pid: 1, name: 'systemd' },
      { ...process, name: 'a$(reboot)' },
      { ...process, name: 'postgres' },
    ];
    await bot.store.saveSnapshot({ host: 'db01', bootId: 'b', atMs: NOW_MS, processes: names });

    expect(await helpOf(bot)).toContain('/oom why db01 postgres 2h');
    await bot.happen([aKill({ name: 'mariadbd' })]);
    expect(await helpOf(bot)).toContain('/oom why db01 mariadbd 2h');
  });
});

describe('what is said in few words', () => {
  it('is that a tag is one, where a host was asked for', async () => {
    const bot = await anAnsweringBot();
    const refusal = refusalOf(await bot.handlers.answerLast({ host: 'db' }, ANN));

    expect(renderText(describeRefusal(refusal))).toBe(
      'db is a tag, and this is about one host. Hosts with it: db01, db02. For all of them: /oom history db',
    );
  });

  it('is one moment where an incident’s kills are within one second', () => {
    const kills = [1, 2].map((pid) => aKill({ pid, atMs: Date.UTC(2026, 7, 30, 1, 35, 8, pid * 100) }));
    const text = renderText(describeIncident(anIncident({ kills }), { nowMs: NOW_MS, protect: false }));

    expect(text).toMatch(/When:? +2026-08-30 01:35:08 UTC/);
    expect(text).not.toMatch(/01:35:08 UTC to 2026/);
  });

  it('is a day of a chart, so that each bar has its own', () => {
    const recurrence = {
      kills: 3,
      times: 3,
      firstAtMs: NOW_MS,
      lastAtMs: NOW_MS,
      typicalGapMs: null,
      clockMinutes: [],
      isDaily: false,
    };
    const days = [22, 23].map((day) => ({ dayMs: Date.UTC(2026, 10, day), kills: 2 }));
    const rows = [{ host: 'db01', service: 'mysql.service', label: null, kills: 3, recurrence, past: null }];
    const notice = describeHistory({
      target: 'db01',
      sinceMs: 0,
      untilMs: NOW_MS,
      rows,
      days,
      complete: true,
      killsBefore: null,
    });
    const chart = notice.parts.find((part) => part.kind === 'chart');

    expect(chart?.points.map(({ label }) => label)).toEqual(['22 Nov', '23 Nov']);
  });
});
