import { describe, expect, it } from 'vitest';
import type { Answer } from '../../src/app/answer/handlers.ts';
import type { Account } from '../../src/change/account.ts';
import { aKill } from '../support/a-kill.ts';
import { aChangingBot, ANN, BEN, CAT, type ChangingBot } from '../support/a-changing-bot.ts';

const MINUTE_MS = 60_000;
const STRANGERS: [string, Partial<Account> | Error, string][] = [
  ['a bot or a workflow', { kind: 'bot' }, 'bot'],
  ['a guest', { kind: 'guest' }, 'guest'],
  ['a person of another organisation', { kind: 'external' }, 'external'],
  ['a deactivated account', { kind: 'deactivated' }, 'deactivated'],
  ['somebody of whom Slack says nothing', new Error('ratelimited'), 'unreadable'],
  ['anybody, where the app may not look people up', { kind: 'not-permitted' }, 'not-permitted'],
];

describe('who is no person of this workspace', () => {
  it.each(STRANGERS)('proposes nothing: %s', async (_who, account, why) => {
    const bot = await aChangingBot();
    bot.accounts.set(ANN.userId, account);

    expect(whyNot(await propose(bot))).toBe(why);
    expect(whyNot(await bot.handlers.unprotect({ host: 'db01', what: 'mysqld', why: null }, ANN))).toBe(why);
    expect(await bot.store.openChanges()).toEqual([]);
    expect(await bot.actions()).toEqual(['propose: no']);
  });

  it.each(STRANGERS)('approves nothing: %s', async (_who, account, why) => {
    const bot = await aChangingBot();
    await propose(bot);
    const { id } = await bot.newest();
    bot.accounts.set(BEN.userId, account);

    expect(whyNot(await bot.handlers.approve({ changeId: id }, BEN))).toBe(why);
    expect((await bot.newest()).state.kind).toBe('proposed');
  });

  it.each(STRANGERS)('mutes nothing: %s', async (_who, account, why) => {
    const bot = await aChangingBot();
    bot.accounts.set(BEN.userId, account);

    const answer = await bot.handlers.mute({ target: 'db01', forMs: MINUTE_MS }, BEN);

    expect(answer).toMatchObject({ kind: 'refused', refusal: { kind: 'stranger', why } });
    expect(await bot.store.mutes(bot.clock.nowMs())).toEqual([]);
  });

  it.each(STRANGERS)('takes no incident, and ends no mute: %s', async (_who, account, why) => {
    const bot = await aChangingBot();
    await bot.happen([aKill({ host: 'db01' })]);
    const [incident] = await bot.store.incidents('db01', 1);
    await bot.handlers.mute({ target: 'db01', forMs: MINUTE_MS }, ANN);
    bot.accounts.set(BEN.userId, account);

    for (const answer of [
      await bot.handlers.ackIncident({ incident: incident!.id }, BEN),
      await bot.handlers.muteIncident({ incidentId: incident!.id }, BEN),
      await bot.handlers.unmute({ target: 'db01' }, BEN),
    ])
      expect(answer).toMatchObject({ kind: 'refused', refusal: { kind: 'stranger', why } });
    expect((await bot.store.incident(incident!.id))?.ack ?? null).toBeNull();
    expect((await bot.store.mutes(bot.clock.nowMs())).map(({ by }) => by)).toEqual([ANN.userId]);
    expect(await bot.actions()).toEqual(['mute']);
  });

  it('may, where the configuration says so of guests and of others', async () => {
    const bot = await aChangingBot();
    bot.policy = { ...bot.policy, guests: true, external: true };
    bot.accounts.set(ANN.userId, { kind: 'guest' }).set(BEN.userId, { kind: 'external', teamId: 'T2' });

    await propose(bot);
    const { id } = await bot.newest();
    await bot.handlers.approve({ changeId: id }, BEN);

    expect((await bot.newest()).approvals).toMatchObject([{ by: BEN.userId }]);
    const rows = await bot.store.audit(null, 10);
    expect(rows.find((row) => row.action === 'approve')?.details).toMatchObject({ team: 'T2' });
    expect(rows.find((row) => row.action === 'propose')?.details).toMatchObject({ team: 'T1' });
  });
});

describe('one person', () => {
  it('with two ids of an organisation (Enterprise Grid) is not two', async () => {
    const bot = await aChangingBot();
    const same = { personId: 'W0001' };
    bot.accounts.set(ANN.userId, same).set('W0001', same);
    await propose(bot);
    const { id } = await bot.newest();

    expect(whyNot(await bot.handlers.approve({ changeId: id }, { ...ANN, userId: 'W0001' }))).toBe('self-approval');
  });

  it('does not count twice among the approvals', async () => {
    const bot = await aChangingBot();
    bot.policy = { ...bot.policy, quorum: 2 };
    bot.accounts.set(BEN.userId, { personId: 'W0002' }).set('W0002', { personId: 'W0002' });
    await propose(bot);
    const { id } = await bot.newest();
    await bot.handlers.approve({ changeId: id }, BEN);

    expect(whyNot(await bot.handlers.approve({ changeId: id }, { ...BEN, userId: 'W0002' }))).toBe('approved-already');
  });

  it('is an approver under either id', async () => {
    const bot = await aChangingBot();
    bot.policy = { ...bot.policy, approvers: ['W0002'] };
    bot.accounts.set(BEN.userId, { personId: 'W0002' });
    await propose(bot);
    const { id } = await bot.newest();

    expect((await bot.handlers.approve({ changeId: id }, BEN)).kind).toBe('notice');
  });
});

describe('between two clicks', () => {
  it.each<[string, (bot: ChangingBot) => void]>([
    ['was deactivated', (bot) => bot.accounts.set(BEN.userId, { kind: 'deactivated' })],
    ['was taken off the list', (bot) => (bot.policy = { ...bot.policy, approvers: [CAT.userId] })],
    ['cannot be asked about', (bot) => bot.accounts.set(BEN.userId, new Error('ratelimited'))],
  ])('the approval of somebody who %s does not count', async (_what, happen) => {
    const bot = await aChangingBot();
    bot.policy = { ...bot.policy, approvers: [BEN.userId, CAT.userId], quorum: 2 };
    await propose(bot);
    const { id } = await bot.newest();
    await bot.handlers.approve({ changeId: id }, BEN);
    happen(bot);

    await bot.handlers.approve({ changeId: id }, CAT);

    const change = await bot.newest();
    expect(change.state.kind).toBe('proposed');
    expect(change.approvals.map((one) => one.by)).toEqual([CAT.userId]);
  });
});

describe('without approvers in the configuration', () => {
  it('command, form and button answer with the key to set', async () => {
    const bot = await aChangingBot();
    await propose(bot);
    const { id } = await bot.newest();
    bot.policy = { ...bot.policy, approvers: null };

    for (const answer of [
      await propose(bot),
      await bot.handlers.protectForm({ incidentId: 'i' }, ANN),
      await bot.handlers.approve({ changeId: id }, BEN),
    ])
      expect(answer).toMatchObject({ kind: 'refused', refusal: { kind: 'change', why: { kind: 'no-approvers' } } });
    expect(JSON.stringify(await bot.handlers.answerHome(ANN))).toContain('approvals.approvers');
  });

  it('what is applied can be undone, and what is proposed declined', async () => {
    const bot = await aChangingBot();
    await propose(bot);
    const applied = await bot.newest();
    await bot.handlers.approve({ changeId: applied.id }, BEN);
    await bot.until('applied');
    await propose(bot, -200);
    const open = await bot.newest();
    bot.policy = { ...bot.policy, approvers: null };

    expect((await bot.handlers.decline({ changeId: open.id }, CAT)).kind).toBe('notice');
    expect((await bot.handlers.undo({ changeId: applied.id }, CAT)).kind).toBe('notice');
    await bot.until('undone', applied.id);
  });

  it('nobody who is no person undoes', async () => {
    const bot = await aChangingBot();
    await propose(bot);
    const { id } = await bot.newest();
    await bot.handlers.approve({ changeId: id }, BEN);
    await bot.until('applied');
    bot.accounts.set(CAT.userId, { kind: 'bot' });

    expect(whyNot(await bot.handlers.undo({ changeId: id }, CAT))).toBe('bot');
  });
});

describe('on a host where nobody can ask for two people', () => {
  it('nothing is proposed, by command or form', async () => {
    const bot = await aChangingBot();
    bot.readOnly.add('db01');

    expect(whyNot(await propose(bot))).toBe('local-workspace');
    expect(whyNot(await bot.handlers.unprotect({ host: 'db01', what: 'mysqld', why: null }, ANN))).toBe(
      'local-workspace',
    );
    expect(await bot.store.openChanges()).toEqual([]);
  });

  it('nothing that was proposed elsewhere is approved or undone, and declining works', async () => {
    const bot = await aChangingBot();
    await propose(bot);
    const { id } = await bot.newest();
    bot.readOnly.add('db01');

    expect(whyNot(await bot.handlers.approve({ changeId: id }, BEN))).toBe('local-workspace');
    expect((await bot.newest()).state.kind).toBe('proposed');
    expect((await bot.handlers.decline({ changeId: id }, BEN)).kind).toBe('notice');
  });

  it('what is in force stays, and ends by itself', async () => {
    const bot = await aChangingBot();
    await bot.handlers.protect(
      { host: 'db01', what: 'mysqld', adj: -300, forMs: MINUTE_MS, why: null, keep: false, incidentId: null },
      ANN,
    );
    const { id } = await bot.newest();
    await bot.handlers.approve({ changeId: id }, BEN);
    await bot.until('applied');
    bot.readOnly.add('db01');

    expect(whyNot(await bot.handlers.undo({ changeId: id }, ANN))).toBe('local-workspace');
    expect((await bot.until('undone')).id).toBe(id);
  });
});

function propose(bot: ChangingBot, adj = -100): Promise<Answer> {
  return bot.handlers.protect(
    { host: 'db01', what: 'mysqld', adj, forMs: null, why: null, keep: false, incidentId: null },
    ANN,
  );
}

function whyNot(answer: Answer): string {
  if (answer.kind !== 'refused' || answer.refusal.kind !== 'change') return answer.kind;
  const { why } = answer.refusal;
  return why.kind === 'stranger' ? why.why : why.kind;
}

describe('approvers who are named as persons', () => {
  it('get the card in a direct message, and decide there as in its channel', async () => {
    const bot = await aChangingBot();
    bot.policy.approvers = ['UANN', 'UBEN', 'UCID', 'SDBA'];
    const ask = { host: 'db01', what: 'mysqld', adj: -500, forMs: null, why: null, keep: false, incidentId: null };
    await bot.handlers.protect(ask, { userId: 'UANN', channelId: 'C1' });
    const { id } = await bot.newest();

    const rows = await Promise.all(['C1', 'UANN', 'UBEN', 'UCID'].map((place) => bot.store.ledger(place, Infinity)));
    expect(rows.map((of) => of.map(({ key }) => key))).toEqual([
      [`change-${id}`],
      [],
      [`change-${id}`],
      [`change-${id}`],
    ]);

    await bot.handlers.approve({ changeId: id }, { userId: 'UBEN', channelId: 'D1' });

    expect((await bot.until('applied', id)).approvals.map(({ by }) => by)).toEqual(['UBEN']);
  });

  it('get none where the configuration turns that off', async () => {
    const bot = await aChangingBot();
    Object.assign(bot.policy, { approvers: ['UBEN'], directMessages: false });
    const ask = { host: 'db01', what: 'mysqld', adj: -500, forMs: null, why: null, keep: false, incidentId: null };
    await bot.handlers.protect(ask, { userId: 'UANN', channelId: 'C1' });

    expect(await bot.store.ledger('UBEN', Infinity)).toEqual([]);
    expect(await bot.store.ledger('C1', Infinity)).toHaveLength(1);
  });
});
