import { describe, expect, it, onTestFinished } from 'vitest';
import { openRuleReconciler } from '../../src/app/change/rule-reconciler.ts';
import type { RuleTerms } from '../../src/change/change.ts';
import { makeChangeable, type ChangeableHost } from '../support/a-changeable-host.ts';
import { aChangingBot, ANN, BEN, CAT, dbRows, type ChangingBot } from '../support/a-changing-bot.ts';
import { refusalOf, textOf } from '../support/an-answering-bot.ts';

/** mysqld on db01 kept at -500 by an approved change, and the watch that keeps it. */
async function aKeptProcess(
  terms: RuleTerms | null = null,
): Promise<ChangingBot & { changeId: string; drifted: () => number }> {
  const bot = await aChangingBot();
  const ask = { host: 'db01', what: 'mysqld', adj: -500, forMs: null, why: null, keep: true, terms, incidentId: null };
  await bot.handlers.protect(ask, ANN);
  const changeId = (await bot.newest()).id;
  await bot.handlers.approve({ changeId }, BEN);
  await bot.until('applied');
  await bot.clock.advance(1_000);
  const watch = openRuleReconciler(bot.world);
  onTestFinished(watch.close);
  return Object.assign(bot, { changeId, drifted: watch.drifted });
}

function restart(bot: ChangingBot, given: { pid: number; uid?: number; adj?: number }): void {
  const row = { name: 'mysqld', rssKiB: 500_000, cgroup: '/system.slice/mysql.service', uid: 111, adj: 0, ...given };
  bot.db.rows = [...bot.db.rows.filter((one) => one.name !== 'mysqld' || one.pid === given.pid), row];
}

/** What waits for the channel beside cards. */
async function newsIn(bot: Awaited<ReturnType<typeof aKeptProcess>>) {
  return (await bot.store.ledger('C0000001', bot.clock.nowMs())).filter(({ kind }) => kind === 'news');
}

describe('a rule', () => {
  it('is made by an approved change, and puts a restarted process right within half a minute', async () => {
    const bot = await aKeptProcess();
    expect(await bot.store.rules()).toMatchObject([{ name: 'mysqld', unit: 'mysql.service', uids: [111], adj: -500 }]);
    restart(bot, { pid: 2_000 });

    await bot.clock.advance(30_000);

    expect(bot.db.adj(2_000)).toBe(-500);
    expect((await bot.actions()).filter((one) => one === 'mend')).toHaveLength(1);
    const [told] = await newsIn(bot);
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

    const told = await newsIn(bot);
    expect(told).toHaveLength(1);
    expect(told[0]?.body).toContain('CAP_SYS_RESOURCE');
    expect(bot.drifted()).toBe(1);
  });
});

describe('a rule that cannot be kept', () => {
  it('is tried ever more rarely, with one entry in the audit log and one message, and kept again once that works', async () => {
    const bot = await aKeptProcess();
    const rows = Array.from({ length: 10 }, (_, at) => 2_000 + at);
    for (const pid of rows) bot.db.rows.push({ ...bot.db.rows.find(({ name }) => name === 'mysqld')!, pid, adj: 0 });
    let asked = 0;
    bot.db.before = () => {
      asked += 1;
      return { kind: 'answered', text: 'refused capability\n', asUid: null };
    };

    await bot.clock.advance(60 * 60_000);

    const mends = (await bot.store.audit(null, 1_000)).filter(({ action }) => action === 'mend');
    expect(asked).toBeLessThan(10);
    expect(mends).toHaveLength(1);
    expect(await newsIn(bot)).toHaveLength(1);

    bot.db.before = () => null;
    await bot.clock.advance(62 * 60_000);

    expect(bot.db.rows.filter(({ name, adj }) => name === 'mysqld' && adj !== -500)).toEqual([]);
    expect(bot.drifted()).toBe(0);
  });
});

describe('a rule on a tag', () => {
  const ON_DB: RuleTerms = { tag: 'db', commandLine: null, onDrift: 'mend' };

  async function withSecondHost(
    terms: RuleTerms = ON_DB,
  ): Promise<Awaited<ReturnType<typeof aKeptProcess>> & { second: ChangeableHost }> {
    const bot = await aKeptProcess(terms);
    const rows = dbRows().map((row) => (row.name === 'mysqld' ? { ...row, uid: 27 } : row));
    return Object.assign(bot, { second: makeChangeable(bot.host('db02'), rows) });
  }

  it('is proposed on another host of the tag, once, and not changed', async () => {
    const bot = await withSecondHost();

    await bot.clock.advance(120_000);

    expect(bot.second.adj(512)).toBe(0);
    const proposed = (await bot.store.changes('db02', 10)).map((one) => [one.state.kind, one.to, one.proposedBy]);
    expect(proposed).toEqual([['proposed', -500, 'UANN']]);
    expect((await bot.store.rules())[0]?.hosts).toEqual(['db01']);
    const cards = await bot.store.ledger('C0000001', bot.clock.nowMs());
    const { id } = (await bot.store.changes('db02', 1))[0]!;
    expect(cards.find((card) => card.changeId === id)).toMatchObject({ kind: 'card', ts: null });
    expect(await bot.store.changes('web1', 10)).toEqual([]);
  });

  it('holds there once somebody else approved, for the users of that host', async () => {
    const bot = await withSecondHost();
    await bot.clock.advance(30_000);
    const { id } = (await bot.store.changes('db02', 1))[0]!;

    expect(refusalOf(await bot.handlers.approve({ changeId: id }, ANN))).toMatchObject({
      why: { kind: 'self-approval' },
    });
    await bot.handlers.approve({ changeId: id }, BEN);
    await bot.until('applied', id);
    await bot.clock.advance(1_000);
    expect(await bot.store.rules()).toMatchObject([
      { hosts: ['db01', 'db02'], uids: [111], widened: [{ host: 'db02', uids: [27] }] },
    ]);

    bot.second.rows.find((row) => row.pid === 512)!.adj = 0;
    bot.db.rows.push({ pid: 900, name: 'mysqld', uid: 27, cgroup: '/system.slice/mysql.service' });
    await bot.clock.advance(30_000);

    expect([bot.second.adj(512), bot.db.adj(900)]).toEqual([-500, 0]);
  });

  it('is left alone there after a decline, also by a bot that was started anew', async () => {
    const bot = await withSecondHost();
    await bot.clock.advance(30_000);
    await bot.handlers.decline({ changeId: (await bot.store.changes('db02', 1))[0]!.id }, BEN);

    const again = openRuleReconciler(bot.world);
    onTestFinished(again.close);
    await bot.clock.advance(60_000);

    expect((await bot.store.changes('db02', 10)).map((one) => one.state.kind)).toEqual(['declined']);
    expect(bot.second.adj(512)).toBe(0);
  });

  it('is proposed on a host that gets the tag later', async () => {
    const bot = await withSecondHost({ ...ON_DB, tag: 'prod' });
    await bot.clock.advance(60_000);
    expect(await bot.store.changes('db02', 10)).toEqual([]);

    bot.hosts.get('db02')!.tags.push('prod');
    await bot.clock.advance(30_000);

    expect(await bot.store.changes('db02', 10)).toHaveLength(1);
  });

  it('lets go of a host whose change is undone, and of no other', async () => {
    const bot = await withSecondHost();
    await bot.clock.advance(30_000);
    const { id } = (await bot.store.changes('db02', 1))[0]!;
    await bot.handlers.approve({ changeId: id }, BEN);
    await bot.until('applied', id);
    await bot.clock.advance(1_000);

    await bot.handlers.undo({ changeId: id }, BEN);
    await bot.until('undone', id);
    await bot.clock.advance(60_000);

    expect(bot.second.adj(512)).toBe(0);
    expect(await bot.store.rules()).toMatchObject([{ state: 'active', hosts: ['db01'], widened: [] }]);
    expect(bot.db.adj(512)).toBe(-500);
  });

  it('is refused by name where the host lacks the tag, or nobody has it', async () => {
    const bot = await aChangingBot();
    const ask = { host: 'db01', what: 'mysqld', adj: -500, forMs: null, why: null, keep: true, incidentId: null };

    const web = await bot.handlers.protect({ ...ask, host: 'db02', terms: { ...ON_DB, tag: 'prod' } }, ANN);
    const none = await bot.handlers.protect({ ...ask, terms: { ...ON_DB, tag: 'prd' } }, ANN);

    expect(refusalOf(web)).toMatchObject({ why: { kind: 'host-without-tag', host: 'db02', tag: 'prod' } });
    expect(refusalOf(none)).toMatchObject({ kind: 'unknown-target', nearest: 'prod' });
  });

  it('that cannot be proposed on a host says so once, and tries again later', async () => {
    const bot = await withSecondHost();
    bot.second.before = () => ({ kind: 'answered', text: 'sudo: a password is required', asUid: 1000 });
    await bot.clock.advance(300_000);
    expect((await bot.actions()).filter((one) => one === 'propose: no')).toHaveLength(1);

    bot.second.before = () => null;
    await bot.clock.advance(600_000);

    expect((await bot.store.changes('db02', 1))[0]?.state.kind).toBe('proposed');
  });
});

describe('a rule for a part of the command lines', () => {
  it('is about those processes only, whatever the text would mean as a pattern', async () => {
    const bot = await aChangingBot();
    const java = { name: 'java', cgroup: '/system.slice/app.service', uid: 50 };
    bot.db.rows.push(
      { ...java, pid: 800, commandLine: 'java -jar shop.*.jar' },
      { ...java, pid: 801, commandLine: 'java -jar shop.one.jar' },
    );
    const terms: RuleTerms = { tag: null, commandLine: 'shop.*.jar', onDrift: 'mend' };
    const ask = { host: 'db01', what: 'java', adj: -300, forMs: null, why: null, keep: true, terms, incidentId: null };
    await bot.handlers.protect(ask, ANN);
    const { id } = await bot.newest();
    await bot.handlers.approve({ changeId: id }, BEN);
    await bot.until('applied');
    await bot.clock.advance(1_000);
    const watch = openRuleReconciler(bot.world);
    onTestFinished(watch.close);
    bot.db.rows.find((row) => row.pid === 800)!.adj = 0;

    await bot.clock.advance(30_000);

    expect([bot.db.adj(800), bot.db.adj(801)]).toEqual([-300, 0]);
  });
});

describe('a rule that shows', () => {
  it('tells once of each process that is not so, and writes nothing', async () => {
    const bot = await aKeptProcess({ tag: null, commandLine: null, onDrift: 'show' });
    restart(bot, { pid: 2_000 });

    await bot.clock.advance(60_000);
    const again = openRuleReconciler(bot.world);
    onTestFinished(again.close);
    await bot.clock.advance(60_000);

    expect(bot.db.adj(2_000)).toBe(0);
    const told = await newsIn(bot);
    expect(told).toHaveLength(1);
    expect(told[0]?.body).toContain('pid 2000 is at 0');
    expect(await bot.actions()).not.toContain('mend');
    expect((await bot.actions()).filter((one) => one === 'drift')).toHaveLength(1);
    expect([bot.drifted(), again.drifted()]).toEqual([1, 1]);

    const [rule] = await bot.store.rules();
    await bot.handlers.editRule({ rule: rule?.id ?? '', to: 'paused' }, BEN);
    await bot.clock.advance(60_000);
    expect([bot.drifted(), again.drifted()]).toEqual([0, 0]);
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
    const watch = openRuleReconciler(bot.world);
    onTestFinished(watch.close);
    restart(bot, { pid: 2_000 });

    await bot.clock.advance(30_000);

    expect((await bot.store.change(id))?.state.kind).toBe('undone');
    expect(bot.db.adj(2_000)).toBe(0);
  });
});
