import { describe, expect, it } from 'vitest';

import type { ProtectAsk } from '../../src/app/answer/handlers.ts';
import { aChangingBot, ANN, BEN, type ChangingBot } from '../support/a-changing-bot.ts';
import { noticeOf, refusalOf } from '../support/an-answering-bot.ts';

const HELLO =
  'ok oom-adj=1 min=-900 max=1000 capability=yes writable=yes file=oom_score_adj units=no raise=no log=yes try=yes ref=yes\n';

function ask(given: Partial<ProtectAsk> = {}): ProtectAsk {
  return { host: 'db01', what: 'mysqld', adj: null, forMs: null, why: null, keep: false, incidentId: null, ...given };
}

/** A bot whose host has a helper that says `hello`, and `tried` to the question whether it would. */
async function botWith({ hello = HELLO, tried = 'ok try\n' }): Promise<{ bot: ChangingBot; asked: string[] }> {
  const bot = await aChangingBot();
  const asked: string[] = [];
  bot.db.takesRefs = hello.includes('ref=yes');
  bot.db.before = (line) => {
    if (line === 'v1 hello\n') return { kind: 'answered', text: hello, asUid: null };
    if (!line.startsWith('v1 try ')) return null;
    asked.push(line);
    return { kind: 'answered', text: tried, asUid: null };
  };
  return { bot, asked };
}

describe('what a host would refuse', () => {
  it.each([
    ['a value above where it is found', HELLO, 'refused no-raise\n', 'no-raise'],
    ['a process that is never raised', HELLO.replace('raise=no', 'raise=yes'), 'refused protected\n', 'kept-process'],
    ['a host without a log', HELLO.replace('log=yes', 'log=no'), 'ok try\n', 'no-host-log'],
    ['root without the capability', HELLO.replace('capability=yes', 'capability=no'), 'ok try\n', 'no-capability'],
    ['a /proc that is read-only', HELLO, 'refused read-only\n', 'read-only'],
  ])('is refused before anybody approves it: %s', async (_, hello, tried, kind) => {
    const { bot } = await botWith({ hello, tried });

    const refusal = refusalOf(await bot.handlers.protect(ask({ adj: -300 }), ANN));

    expect(refusal).toMatchObject({ kind: 'change', why: { kind } });
    expect(await bot.store.changes(null, 10)).toEqual([]);
  });

  it('is found by asking the helper about the very process and value', async () => {
    const { bot, asked } = await botWith({});

    noticeOf(await bot.handlers.protect(ask({ adj: -300 }), ANN));

    expect(asked).toEqual([expect.stringMatching(/^v1 try [0-9a-f-]{36} 512 \d+ 0 -300\n$/)]);
    expect(bot.db.writes).toEqual([]);
  });

  it('is not asked of an older helper, which would not understand', async () => {
    const { bot, asked } = await botWith({ hello: HELLO.replace(/ raise=.*/, '') });

    noticeOf(await bot.handlers.protect(ask({ adj: 300 }), ANN));

    expect(asked).toEqual([]);
  });

  it('tells the line for root where an older helper lowered what the present one would not raise again', async () => {
    const { bot } = await botWith({});
    noticeOf(await bot.handlers.protect(ask({ adj: -300 }), ANN));
    const { id } = await bot.newest();
    noticeOf(await bot.handlers.approve({ changeId: id }, BEN));
    await bot.until('applied', id);
    const hello = bot.db.before;
    bot.db.before = (line) =>
      / -300 0 [0-9a-f]{64}\n$/.test(line)
        ? { kind: 'answered', text: 'refused no-raise\n', asUid: null }
        : hello(line);

    await bot.handlers.undo({ changeId: id }, ANN);
    await bot.clock.advance(5_000);

    expect((await bot.store.change(id))?.state).toMatchObject({
      kind: 'applied',
      undoFailed: { kind: 'no-raise', line: 'echo 0 > /proc/512/oom_score_adj' },
    });
  });
});
