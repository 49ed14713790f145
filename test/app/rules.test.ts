import { describe, expect, it, onTestFinished } from 'vitest';
import { openStandingWatch } from '../../src/app/standing-watch.ts';
import { aChangingBot, ANN, BEN, CAT, type ChangingBot } from '../support/a-changing-bot.ts';
import { refusalOf, textOf } from '../support/an-answering-bot.ts';

/** mysqld on db01 kept at -500 by an approved change, and the watch that keeps it. */
async function aKeptProcess(): Promise<ChangingBot & { changeId: string }> {
  const bot = await aChangingBot();
  const ask = { host: 'db01', what: 'mysqld', adj: -500, forMs: null, why: null, keep: true, incidentId: null };
  await bot.handlers.protect(ask, ANN);
  const changeId = (await bot.newest()).id;
  await bot.handlers.approve({ changeId }, BEN);
  await bot.until('applied');
  await bot.clock.advance(1_000);
  const watch = openStandingWatch(bot.world);
  onTestFinished(watch.close);
  return Object.assign(bot, { changeId });
}

function restart(bot: ChangingBot, given: { pid: number; uid?: number; adj?: number }): void {
  const row = { name: 'mysqld', rssKiB: 500_000, cgroup: '/system.slice/mysql.service', uid: 111, adj: 0, ...given };
  bot.db.rows = [...bot.db.rows.filter((one) => one.name !== 'mysqld' || one.pid === given.pid), row];
}

describe('a rule', () => {
  it('is made by an approved change, and puts a restarted process right within half a minute', async () => {
    const bot = await aKeptProcess();
    expect(await bot.store.rules()).toMatchObject([{ name: 'mysqld', unit: 'mysql.service', uids: [111], adj: -500 }]);
    restart(bot, { pid: 2_000 });

    await bot.clock.advance(30_000);

    expect(bot.db.adj(2_000)).toBe(-500);
    expect((await bot.actions()).filter((one) => one === 'mend')).toHaveLength(1);
    const [told] = await bot.store.claimDeliveries('C0000001', 'me', bot.clock.nowMs(), 10, 'news');
    expect(told?.body).toContain('is at -500 again');
  });

  it('mends what somebody changed by hand', async () => {
    const bot = await aKeptProcess();
    bot.db.rows.find((row) => row.pid === 512)!.adj = 0;

    await bot.clock.advance(30_000);

    expect(bot.db.adj(512)).toBe(-500);
  });

  it('is not for others that give themselves the name', async () => {
    const bot = await aKeptProcess();
    bot.db.rows.push(
      { pid: 3_000, name: 'mysqld', uid: 1000, cgroup: '/system.slice/mysql.service' },
      { pid: 3_001, name: 'mysqld', uid: 111, cgroup: '/user.slice/session-1.scope' },
    );

    await bot.clock.advance(60_000);

    expect([bot.db.adj(3_000), bot.db.adj(3_001)]).toEqual([0, 0]);
  });

  it('rests while it is paused, holds when resumed, and is over when ended', async () => {
    const bot = await aKeptProcess();
    const rule = (await bot.store.rules())[0]!.id;
    bot.policy = { ...bot.policy, approvers: ['UBEN'] };

    expect(refusalOf(await bot.handlers.editRule({ rule, to: 'paused' }, CAT)).kind).toBe('change');
    expect(textOf(await bot.handlers.editRule({ rule, to: 'paused' }, ANN))).toContain('is paused');
    restart(bot, { pid: 2_000 });
    await bot.clock.advance(60_000);
    expect(bot.db.adj(2_000)).toBe(0);

    await bot.handlers.editRule({ rule, to: 'active' }, BEN);
    await bot.clock.advance(30_000);
    expect(bot.db.adj(2_000)).toBe(-500);

    await bot.handlers.editRule({ rule: 'mysqld', to: 'ended' }, BEN);
    restart(bot, { pid: 4_000 });
    await bot.clock.advance(60_000);
    expect(bot.db.adj(4_000)).toBe(0);
  });

  it('is over with the undo of its change, which reaches what was started since', async () => {
    const bot = await aKeptProcess();
    restart(bot, { pid: 2_000 });
    await bot.clock.advance(30_000);

    await bot.handlers.undo({ changeId: bot.changeId }, ANN);
    await bot.until('undone', bot.changeId);
    await bot.clock.advance(60_000);

    expect(bot.db.adj(2_000)).toBe(0);
    expect(await bot.store.rules()).toEqual([]);
  });

  it('that cannot be kept says so once', async () => {
    const bot = await aKeptProcess();
    restart(bot, { pid: 2_000 });
    bot.db.before = () => ({ kind: 'answered', text: 'refused capability\n', asUid: null });

    await bot.clock.advance(120_000);

    const told = await bot.store.claimDeliveries('C0000001', 'me', bot.clock.nowMs(), 10, 'news');
    expect(told).toHaveLength(1);
    expect(told[0]?.body).toContain('CAP_SYS_RESOURCE');
  });
});

describe('a change that does not last', () => {
  it('is over when its process has ended', async () => {
    const bot = await aChangingBot();
    const ask = { host: 'db01', what: 'mysqld', adj: -500, forMs: null, why: null, keep: false, incidentId: null };
    await bot.handlers.protect(ask, ANN);
    const { id } = await bot.newest();
    await bot.handlers.approve({ changeId: id }, BEN);
    await bot.until('applied');
    const watch = openStandingWatch(bot.world);
    onTestFinished(watch.close);
    restart(bot, { pid: 2_000 });

    await bot.clock.advance(30_000);

    expect((await bot.store.change(id))?.state.kind).toBe('undone');
    expect(bot.db.adj(2_000)).toBe(0);
  });
});
