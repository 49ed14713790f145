import { describe, expect, it } from 'vitest';
import { anAnsweringBot, NOW_MS, refusalOf, textOf } from '../support/an-answering-bot.ts';

const ASKER = { userId: 'U1', channelId: 'C1' };

describe('who did what', () => {
  it('is answered newest first, of all hosts or of one', async () => {
    const bot = await anAnsweringBot();
    await bot.handlers.mute({ target: 'db01', forMs: 3_600_000 }, ASKER);
    await bot.clock.advance(60_000);
    await bot.handlers.mute({ target: 'web1', forMs: null }, { userId: 'U2', channelId: null });
    await bot.handlers.unmute({ target: 'db01' }, ASKER);

    const all = textOf(await bot.handlers.answerAudit({ host: null }, ASKER));
    expect(all.indexOf('unmuted db01')).toBeGreaterThan(-1);
    expect(all.indexOf('unmuted db01')).toBeLessThan(all.indexOf('muted web1 until'));
    expect(all).toContain('muted db01 until 2026-08-30 02:50:08 UTC');
    expect(textOf(await bot.handlers.answerAudit({ host: 'DB01' }, ASKER))).not.toContain('web1');
  });

  it('is still on record for a host that is gone', async () => {
    const bot = await anAnsweringBot();
    await bot.store.appendAudit({ atMs: NOW_MS, actor: 'U1', action: 'remove-host', host: 'old1', details: {} });

    expect(textOf(await bot.handlers.answerAudit({ host: 'old1' }, ASKER))).toContain('removed host old1');
  });

  it('is bounded, and says that there is more', async () => {
    const bot = await anAnsweringBot();
    for (let at = 0; at < 25; at += 1)
      await bot.store.appendAudit({
        atMs: NOW_MS + at,
        actor: 'U1',
        action: 'unmute',
        host: null,
        details: { target: `s${at}` },
      });

    const text = textOf(await bot.handlers.answerAudit({ host: null }, ASKER));
    expect(text).toContain('unmuted s24');
    expect(text).not.toContain('unmuted s4\n');
    expect(text).toContain('The newest 20 entries');
  });

  it('of nothing says so, and of an unknown host asks', async () => {
    const bot = await anAnsweringBot();

    expect(textOf(await bot.handlers.answerAudit({ host: 'db01' }, ASKER))).toBe('No changes on db01 yet');
    expect(refusalOf(await bot.handlers.answerAudit({ host: 'nope' }, ASKER)).kind).toBe('unknown-host');
  });
});
