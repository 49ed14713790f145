import { describe, expect, it } from 'vitest';
import type { ProtectAsk } from '../../src/app/answer/handlers.ts';
import { describeChange } from '../../src/notice/change/change-notice.ts';
import { renderText } from '../../src/notice/render-text.ts';
import { renderContent } from '../../src/slack/blocks.ts';
import { aChange, aProcess, PROPOSED_AT_MS } from '../support/a-change.ts';
import { aChangingBot, ANN, BEN, CAT } from '../support/a-changing-bot.ts';
import { aScan } from '../support/a-scan.ts';
import { anAnsweringBot, noticeOf, refusalOf, textOf } from '../support/an-answering-bot.ts';

const ROW = { pid: 512, name: 'mysqld', rssKiB: 3_000_000, swapKiB: 0, oomScoreAdj: 0, points: 9, isTarget: true };
const APPLIED = {
  kind: 'applied' as const,
  atMs: PROPOSED_AT_MS + 60_000,
  untilMs: null,
  undoFailed: null,
  tryAgainAtMs: 0,
};

function ask(given: Partial<ProtectAsk> = {}): ProtectAsk {
  return { host: 'db01', what: 'mysqld', adj: -500, forMs: null, why: null, keep: false, incidentId: null, ...given };
}

describe('a change’s card', () => {
  const proof = {
    scope: { kind: 'host' as const },
    atMs: PROPOSED_AT_MS,
    before: [ROW],
    after: [{ ...ROW, pid: 600 }],
    notes: [],
  };
  const approvals = [{ by: 'UBEN', atMs: PROPOSED_AT_MS + 1 }];
  const base = { proof, why: 'it pays', approvals };

  it('says for as long as it stands who wanted it and why, and does not call the past now', () => {
    const waiting = renderText(describeChange(aChange(base)));
    const done = renderText(describeChange(aChange({ ...base, state: APPLIED })));

    expect(waiting).toContain('Next to be killed');
    expect(waiting).toContain('because: it pays');
    expect(done).toMatch(/Proposed:? +UANN.*because: it pays/);
    expect(done).toContain('Next before the change');
    expect(done).not.toContain('Next to be killed');
  });

  it('tells how to take exactly this change back by hand: the drop-in and each process that has the value', () => {
    const processes = [
      aProcess({ pid: 700, from: 0, state: 'written' }),
      aProcess({ pid: 701, from: 100, state: 'written' }),
      aProcess({ pid: 702, state: 'gone' }),
    ];
    const dropIn = { unit: 'app.service', from: null, to: -300, state: 'written' as const };
    const text = renderText(describeChange(aChange({ ...base, processes, dropIn, state: APPLIED })));

    expect(text).toContain('rm /etc/systemd/system/app.service.d/50-oombot.conf && systemctl daemon-reload;');
    expect(text).toContain('echo 0 > /proc/700/oom_score_adj; echo 100 > /proc/701/oom_score_adj;');
    expect(text).not.toContain('/proc/702/');
  });

  it('puts an earlier drop-in back by hand, and offers no line for a unit that a shell would not take', () => {
    const dropIn = { unit: 'app.service', from: -100, to: -300, state: 'written' as const };
    const nasty = { ...dropIn, unit: 'a$(reboot).service' };

    expect(renderText(describeChange(aChange({ ...base, dropIn, state: APPLIED })))).toContain(
      "printf '[Service]\\nOOMScoreAdjust=-100\\n' > /etc/systemd/system/app.service.d/50-oombot.conf",
    );
    expect(renderText(describeChange(aChange({ ...base, dropIn: nasty, state: APPLIED })))).not.toContain(
      '&& systemctl',
    );
  });

  it('does not say that a drop-in is removed before anybody approved that', () => {
    const dropIn = { unit: 'app.service', from: -300, to: null, state: 'untouched' as const };

    expect(renderText(describeChange(aChange({ ...base, dropIn })))).toContain('To be removed');
    expect(renderText(describeChange(aChange({ ...base, dropIn, state: APPLIED })))).toContain('Removed');
  });
});

describe('a proposal', () => {
  it('that is open already is joined: there is one card, whoever asks again', async () => {
    const bot = await aChangingBot();
    await bot.handlers.protect(ask(), ANN);
    const again = textOf(await bot.handlers.protect(ask({ why: 'me too' }), CAT));
    await bot.handlers.protect(ask(), ANN);

    expect(await bot.store.openChanges()).toHaveLength(1);
    expect(again).toContain('Already proposed: mysqld on db01: adj 0 → -500');
    expect(again).toContain('Proposed by UANN');
    expect(await bot.actions()).toEqual(['propose']);
  });

  it.each<[string, Partial<ProtectAsk>]>([
    ['another value', { adj: -400 }],
    ['an end', { forMs: 7_200_000 }],
    ['a rule', { keep: true }],
    ['another process', { what: '600', adj: -500 }],
  ])('with %s is one of its own', async (_, given) => {
    const bot = await aChangingBot();
    await bot.handlers.protect(ask(), ANN);
    await bot.handlers.protect(ask(given), ANN);

    expect(await bot.store.openChanges()).toHaveLength(2);
  });

  it('can be made again once the open one was declined', async () => {
    const bot = await aChangingBot();
    await bot.handlers.protect(ask(), ANN);
    await bot.handlers.decline({ changeId: (await bot.newest()).id }, BEN);
    const again = textOf(await bot.handlers.protect(ask(), ANN));

    expect(again).not.toContain('Already proposed');
    expect(await bot.store.openChanges()).toHaveLength(1);
  });

  it('with a slip of the tongue is no refusal in the audit log; one that is refused is', async () => {
    const bot = await aChangingBot();
    refusalOf(await bot.handlers.protect(ask({ what: 'mysqlf' }), ANN));
    refusalOf(await bot.handlers.protect(ask({ adj: 5_000 }), ANN));
    expect(await bot.actions()).toEqual([]);
    refusalOf(await bot.handlers.protect(ask({ what: '1', adj: -10 }), ANN));

    expect(await bot.actions()).toEqual(['propose: no']);
  });

  it('that was undone reads the way back in the audit log', async () => {
    const bot = await aChangingBot();
    await bot.handlers.protect(ask(), ANN);
    const { id: changeId } = await bot.newest();
    await bot.handlers.approve({ changeId }, BEN);
    await bot.until('applied');
    await bot.handlers.undo({ changeId }, ANN);
    await bot.until('undone');
    const text = textOf(await bot.handlers.answerAudit({ host: 'db01' }, ANN));

    expect(text).toMatch(/undid the change of mysqld on db01: -500 → 0/);
    expect(text).toMatch(/changed and verified mysqld on db01: 0 → -500/);
  });
});

describe('an answer that is larger than a message', () => {
  it('shows fewer rows and says how many, instead of no table', async () => {
    const bot = await anAnsweringBot();
    const rows = Array.from({ length: 60 }, (_, at) => ({
      pid: 1_000 + at,
      name: `worker-${at}`,
      rssKiB: 90_000 - at,
      cgroup: `/system.slice/a-service-with-quite-a-long-name-of-its-own-${at}.service`,
    }));
    bot.host('db01').scanSays(aScan(rows));
    const notice = noticeOf(await bot.handlers.answerScores({ host: 'db01', limit: 50 }, ANN));
    const { blocks } = renderContent(notice, 'message');
    const table = blocks.find((block) => block.type === 'data_table');

    expect(table?.caption).toMatch(/^In kill order, 50 of 60 processes \((?:2|3|4)\d of 50 shown\)$/);
    expect(table?.rows.length).toBeGreaterThan(20);
    expect(JSON.stringify(blocks)).not.toContain('Shortened');
  });
});
