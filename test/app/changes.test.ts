import { describe, expect, it } from 'vitest';
import { NotPermitted } from '../../src/app/not-permitted.ts';
import { openChangeExecutor } from '../../src/app/change/change-executor.ts';
import type { RequestEnd } from '../../src/app/host-link.ts';
import type { ProtectAsk } from '../../src/app/answer/handlers.ts';
import { aChangingBot, ANN, BEN, CAT, type ChangingBot } from '../support/a-changing-bot.ts';
import { noticeOf, refusalOf, textOf } from '../support/an-answering-bot.ts';

function ask(given: Partial<ProtectAsk> = {}): ProtectAsk {
  return { host: 'db01', what: 'mysqld', adj: null, forMs: null, why: null, keep: false, incidentId: null, ...given };
}

async function proposed(bot: ChangingBot, given: Partial<ProtectAsk> = {}): Promise<string> {
  noticeOf(await bot.handlers.protect(ask(given), ANN));
  return (await bot.newest()).id;
}

async function applied(bot: ChangingBot, given: Partial<ProtectAsk> = {}): Promise<string> {
  const changeId = await proposed(bot, given);
  noticeOf(await bot.handlers.approve({ changeId }, BEN));
  await bot.until('applied', changeId);
  return changeId;
}

/** Why the answer was no, among the reasons of changes. */
function why(answer: Parameters<typeof refusalOf>[0]): string {
  const refusal = refusalOf(answer);
  return refusal.kind === 'change' ? refusal.why.kind : refusal.kind;
}

describe('a protection', () => {
  it('is proposed with proof, approved, applied, read back, undone, all on record', async () => {
    const bot = await aChangingBot();

    const changeId = await proposed(bot, { why: 'it pays' });
    const waiting = await bot.newest();
    expect(waiting.proof.before[0]).toMatchObject({ pid: 512 });
    expect(waiting.proof.after[0]).toMatchObject({ pid: 600 });
    expect(bot.db.writes).toEqual([]);
    await bot.handlers.approve({ changeId }, BEN);
    const done = await bot.until('applied');
    expect(bot.db.adj(512)).toBe(done.to);
    await bot.handlers.undo({ changeId }, ANN);
    await bot.until('undone');

    expect(bot.db.adj(512)).toBe(0);
    expect(await bot.actions()).toEqual(['propose', 'approve', 'begin', 'apply: applied', 'undo', 'undo: undone']);
    expect(await bot.store.verifyAudit()).toMatchObject({ kind: 'intact', entries: 6 });
  });

  it('leaves the hash of its entry in the host’s own log, when it is applied and when it is undone', async () => {
    const bot = await aChangingBot();
    bot.db.takesRefs = true;

    const changeId = await applied(bot, { what: 'app.service', adj: -300 });
    await bot.handlers.undo({ changeId }, ANN);
    await bot.until('undone');

    const rows = await bot.store.audit(null, 10);
    const [begin, undo] = ['begin', 'undo'].map((action) => rows.find((row) => row.action === action)?.hash);
    // Two processes and their unit's drop-in, each time.
    expect(bot.db.refs).toEqual([begin, begin, begin, undo, undo, undo]);
  });

  it('of a whole unit takes all its processes and lasts in a drop-in; undo reaches those that were started since', async () => {
    const bot = await aChangingBot();

    const changeId = await applied(bot, { what: 'app.service', adj: -300 });
    expect([bot.db.adj(700), bot.db.adj(701), bot.db.dropIns.get('app.service')]).toEqual([-300, -300, -300]);
    bot.db.rows.push({ pid: 702, name: 'worker', adj: -300, cgroup: '/system.slice/app.service' });
    bot.db.rows = bot.db.rows.filter((row) => row.pid !== 701);
    await bot.handlers.undo({ changeId }, ANN);
    const undone = await bot.until('undone');

    expect([bot.db.adj(700), bot.db.adj(702), bot.db.dropIns.size]).toEqual([0, 0, 0]);
    expect(undone.processes.map((one) => one.state)).toEqual(['restored', 'gone', 'restored']);
  });

  it('is not guessed when several match: buttons say which', async () => {
    const bot = await aChangingBot();

    const notice = noticeOf(await bot.handlers.protect(ask({ what: 'worker', adj: -200, forMs: 7_200_000 }), ANN));

    const rows = notice.parts[0]?.kind === 'rows' ? notice.parts[0].rows : [];
    expect(rows.map((row) => row.button?.value)).toEqual([
      'protect db01 app.service -200 for 7200s',
      'protect db01 700 -200 for 7200s',
      'protect db01 701 -200 for 7200s',
    ]);
    expect(await bot.store.changes(null, 10)).toEqual([]);
  });

  it('ends by itself when its time is over', async () => {
    const bot = await aChangingBot();
    const changeId = await applied(bot, { forMs: 60_000 });
    expect(bot.db.adj(512)).toBeLessThan(0);

    await bot.clock.advance(60_000);
    const undone = await bot.until('undone', changeId);

    expect(bot.db.adj(512)).toBe(0);
    expect(undone.state).toMatchObject({ askedBy: 'oombot' });
  });

  it('that ends while the host is away is ended when it is back', async () => {
    const bot = await aChangingBot();
    const changeId = await applied(bot, { forMs: 60_000 });
    bot.db.before = () => ({ kind: 'unsent', sentence: 'connection refused' });
    bot.host('db01').become('unreachable');
    await bot.clock.advance(300_000);
    expect((await bot.store.change(changeId))?.state).toMatchObject({
      kind: 'applied',
      undoFailed: { kind: 'host-away' },
    });
    const entries = (await bot.actions()).length;
    await bot.clock.advance(3_600_000);
    expect((await bot.actions()).length).toBe(entries);

    bot.db.before = () => null;
    bot.host('db01').become('connected');
    await bot.until('undone', changeId);

    expect(bot.db.adj(512)).toBe(0);
  });

  it('expires when nobody decides', async () => {
    const bot = await aChangingBot();
    const changeId = await proposed(bot);

    await bot.clock.advance(30 * 60_000 + 3_000);
    await bot.until('expired', changeId);

    expect(why(await bot.handlers.approve({ changeId }, BEN))).toBe('too-late');
    expect(bot.db.writes).toEqual([]);
  });

  it('is taken back by the same road', async () => {
    const bot = await aChangingBot();
    const first = await applied(bot, { adj: -500 });

    noticeOf(await bot.handlers.unprotect({ host: 'db01', what: 'mysqld', why: 'calm again' }, ANN));
    const back = await bot.newest();
    expect(back).toMatchObject({ undoes: first, state: { kind: 'proposed' }, processes: [{ from: -500, to: 0 }] });
    await bot.handlers.approve({ changeId: back.id }, BEN);
    await bot.until('applied', back.id);

    await bot.until('undone', first);
    expect(bot.db.adj(512)).toBe(0);
  });

  it('is listed while it is open, and when it is in force', async () => {
    const bot = await aChangingBot();
    await applied(bot, { adj: -500 });
    await proposed(bot, { what: '700', adj: -100 });

    expect(textOf(await bot.handlers.answerPending(ANN))).toContain('1 change waits for approval');
    expect(textOf(await bot.handlers.answerRules({ host: 'db01' }, ANN))).toContain('adj 0 → -500');
  });
});

describe('what must not get through', () => {
  it('self-approval: refused, recorded, nothing changed', async () => {
    const bot = await aChangingBot();
    const changeId = await proposed(bot);

    expect(why(await bot.handlers.approve({ changeId }, ANN))).toBe('self-approval');

    expect(await bot.actions()).toEqual(['propose', 'approve: no']);
    expect(bot.db.writes).toEqual([]);
  });

  it('a click again after the end, and on what is not there', async () => {
    const bot = await aChangingBot();
    const changeId = await applied(bot);
    await bot.handlers.undo({ changeId }, BEN);
    await bot.until('undone');
    const writes = bot.db.writes.length;

    expect(why(await bot.handlers.approve({ changeId }, BEN))).toBe('decided-already');
    expect(why(await bot.handlers.undo({ changeId }, BEN))).toBe('nothing-to-undo');
    expect(why(await bot.handlers.approve({ changeId: 'forged' }, BEN))).toBe('no-such-change');
    await bot.clock.advance(10_000);
    expect(bot.db.writes.length).toBe(writes);
  });

  it('two clicks at the same moment: one counts, the other is told', async () => {
    const bot = await aChangingBot();
    const changeId = await proposed(bot, { adj: -400 });

    const answers = await Promise.all([
      bot.handlers.approve({ changeId }, BEN),
      bot.handlers.approve({ changeId }, BEN),
      bot.handlers.approve({ changeId }, CAT),
      bot.handlers.decline({ changeId }, CAT),
    ]);
    await bot.clock.advance(5_000);

    expect(answers.filter((one) => one.kind === 'notice')).toHaveLength(1);
    expect(bot.db.writes.length).toBeLessThanOrEqual(1);
    expect((await bot.actions()).filter((one) => one === 'approve' || one === 'decline')).toHaveLength(1);
  });

  it('an approver who was removed meanwhile, also one of two who approved before', async () => {
    const bot = await aChangingBot();
    bot.policy = { ...bot.policy, approvers: ['SDBA'], quorum: 2 };
    bot.groups.members = () => Promise.resolve(['UBEN', 'UCAT', 'UDAN']);
    const changeId = await proposed(bot);
    noticeOf(await bot.handlers.approve({ changeId }, BEN));

    bot.groups.members = () => Promise.resolve(['UCAT']);
    expect(why(await bot.handlers.approve({ changeId }, { ...CAT, userId: 'UDAN' }))).toBe('not-an-approver');
    noticeOf(await bot.handlers.approve({ changeId }, CAT));

    expect(await bot.newest()).toMatchObject({ state: { kind: 'proposed' }, approvals: [{ by: 'UCAT' }] });
    expect(bot.db.writes).toEqual([]);
  });

  it('a user group that cannot be looked up: closed, not open', async () => {
    const bot = await aChangingBot();
    bot.policy = { ...bot.policy, approvers: ['SDBA'] };
    bot.groups.members = () => Promise.reject(new Error('ratelimited'));
    const changeId = await proposed(bot);

    expect(why(await bot.handlers.approve({ changeId }, BEN))).toBe('approvers-unknown');
    expect((await bot.newest()).state.kind).toBe('proposed');
  });

  it('a user group that the chat app may not read: closed, and it says what is missing', async () => {
    const bot = await aChangingBot();
    bot.policy = { ...bot.policy, approvers: ['SDBA', CAT.userId] };
    bot.groups.members = () => Promise.reject(new NotPermitted('usergroups:read'));
    const changeId = await proposed(bot);

    expect(why(await bot.handlers.approve({ changeId }, BEN))).toBe('groups-not-permitted');
    expect((await bot.newest()).state.kind).toBe('proposed');
    noticeOf(await bot.handlers.approve({ changeId }, CAT));
    expect((await bot.newest()).approvals).toMatchObject([{ by: 'UCAT' }]);
  });

  it.each(['db01; reboot', '$(id)', '`id`', 'a\nb', '../../etc/passwd', '-rf', '<!channel>', 'x'.repeat(500), '1; 2'])(
    'a target like %j: refused, recorded, never sent',
    async (what) => {
      const bot = await aChangingBot();

      expect(refusalOf(await bot.handlers.protect(ask({ what, adj: -100 }), ANN)).kind).toBe('change');

      expect(await bot.actions()).toEqual(['propose: no']);
      expect(bot.host('db01').requests().join('')).not.toContain(what);
      expect((await bot.handlers.protect(ask({ host: what }), ANN)).kind).toBe('refused');
    },
  );

  it.each<[string, (bot: ChangingBot) => void, string]>([
    [
      'a process that was replaced since',
      ({ db }) => (db.rows = db.rows.map((row) => (row.pid === 512 ? { ...row, startTicks: 99_999 } : row))),
      'process-replaced',
    ],
    ['a process that has ended', ({ db }) => (db.rows = db.rows.filter((row) => row.pid !== 512)), 'process-gone'],
    [
      'a value that somebody changed',
      ({ db }) => (db.rows = db.rows.map((row) => (row.pid === 512 ? { ...row, adj: -17 } : row))),
      'value-changed',
    ],
    ['a reboot', ({ db }) => (db.bootId = '11111111-2174-421e-a173-1ada06c5396d'), 'rebooted'],
    [
      'a host key that changed',
      ({ db, host }) => {
        host('db01').become('refused', 'The host key has changed.');
        db.before = () => ({ kind: 'unsent', sentence: 'The host key has changed.' });
      },
      'host-away',
    ],
  ])('%s between proposal and approval', async (_, happen, kind) => {
    const bot = await aChangingBot();
    const changeId = await proposed(bot, { adj: -500 });
    happen(bot);

    await bot.handlers.approve({ changeId }, BEN);
    const end = await bot.until(kind === 'host-away' ? 'failed' : 'refused', changeId);

    expect(end.state).toMatchObject({ why: { kind } });
    expect(bot.db.writes).toEqual([]);
  });

  it('a pid that was given to another, a thousand times: none is written to', async () => {
    const bot = await aChangingBot();
    const changeId = await proposed(bot, { adj: -500 });
    const change = (await bot.store.change(changeId))!;
    const { applyOn } = await import('../../src/app/change/host-requests.ts');
    for (let reuse = 1; reuse <= 1_000; reuse += 1) {
      bot.db.rows = bot.db.rows.map((row) => (row.pid === 512 ? { ...row, startTicks: 512 + reuse } : row));
      const told = await applyOn(bot.host('db01'), change, null);
      expect(told.why?.kind).toBe('process-replaced');
    }
    expect(bot.db.writes).toEqual([]);
  });

  it('the deepest value without a second approver and an end', async () => {
    const bot = await aChangingBot();

    expect(why(await bot.handlers.protect(ask({ adj: -1000 }), ANN))).toBe('needs-end-date');
    const changeId = await proposed(bot, { adj: -1000, forMs: 3_600_000 });
    noticeOf(await bot.handlers.approve({ changeId }, BEN));
    expect((await bot.newest()).state.kind).toBe('proposed');
    noticeOf(await bot.handlers.approve({ changeId }, CAT));
    await bot.until('applied');

    expect(bot.db.adj(512)).toBe(-1000);
  });

  it('what somebody else changed later: undo leaves it', async () => {
    const bot = await aChangingBot();
    const changeId = await applied(bot, { adj: -500 });
    bot.db.rows = bot.db.rows.map((row) => (row.pid === 512 ? { ...row, adj: -42 } : row));

    await bot.handlers.undo({ changeId }, ANN);
    const undone = await bot.until('undone', changeId);

    expect(bot.db.adj(512)).toBe(-42);
    expect(undone.processes[0]?.state).toBe('left');
  });
});

describe('what cannot be read back', () => {
  it.each([true, false])('is unknown, and settles at the next look (it was written: %s)', async (written) => {
    const bot = await aChangingBot();
    const changeId = await proposed(bot, { adj: -500 });
    bot.db.before = (line): RequestEnd | null => {
      if (!line.endsWith(' 0 -500\n')) return null;
      if (written) bot.db.rows.find((row) => row.pid === 512)!.adj = -500;
      return { kind: 'unknown', sentence: 'the connection was lost' };
    };

    await bot.handlers.approve({ changeId }, BEN);
    await bot.until('unknown', changeId);
    const settled = await bot.until(written ? 'applied' : 'failed', changeId);

    expect(settled.processes[0]?.state).toBe(written ? 'written' : 'refused');
  });

  it('of a unit goes back as a whole when one part is refused', async () => {
    const bot = await aChangingBot();
    const changeId = await proposed(bot, { what: 'app.service', adj: -300 });
    bot.db.before = (line) =>
      line.includes(' 701 ') ? { kind: 'answered', text: 'refused capability\n', asUid: null } : null;

    await bot.handlers.approve({ changeId }, BEN);
    const end = await bot.until('failed', changeId);

    expect(end.state).toMatchObject({ why: { kind: 'no-capability' } });
    expect([bot.db.adj(700), bot.db.adj(701), bot.db.dropIns.size]).toEqual([0, 0, 0]);
  });

  // Every effect on the store and on the host is a moment at which the bot can end; the numbers cover all of them and more.
  it.each(Array.from({ length: 16 }, (_, at) => at))(
    'is settled from the host’s own values when the bot ends after effect %i',
    async (effects) => {
      const bot = await aChangingBot();
      const changeId = await proposed(bot, { what: 'app.service', adj: -300 });
      await bot.work.close();
      await bot.handlers.approve({ changeId }, BEN);
      let left = effects;
      function die(): Promise<never> {
        return new Promise(() => {});
      }
      const dying = openChangeExecutor({
        ...bot.world,
        owner: 'dying',
        store: {
          ...bot.store,
          updateChange: (...given) => ((left -= 1) < 0 ? die() : bot.store.updateChange(...given)),
        },
      });
      // The end comes before a request is sent, or after it was carried out and before its answer is seen.
      bot.db.before = () => ((left -= 1) < 0 ? die() : null);
      for (let tries = 0; tries < 12; tries += 1) await bot.clock.advance(500);
      void dying;
      bot.db.before = () => null;

      const next = openChangeExecutor({ ...bot.world, owner: 'next' });
      for (let tries = 0; tries < 30; tries += 1) await bot.clock.advance(1_000);
      await next.close();

      const change = (await bot.store.change(changeId))!;
      const values = [bot.db.adj(700), bot.db.adj(701), bot.db.dropIns.get('app.service')];
      if (change.state.kind === 'applied') expect(values).toEqual([-300, -300, -300]);
      else {
        expect(change.state.kind).toBe('failed');
        expect(change.processes.map((one) => one.state === 'written')).toEqual(
          values.slice(0, 2).map((adj) => adj === -300),
        );
      }
      expect(await bot.store.verifyAudit()).toMatchObject({ kind: 'intact' });
    },
  );
});
