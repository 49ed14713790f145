import { describe, expect, it } from 'vitest';
import { readReply } from '../../src/app/reply-body.ts';
import { mutedUntil } from '../../src/app/mute-target.ts';
import { parseCommand } from '../../src/slack/typed-text.ts';
import { plainText, renderText } from '../../src/notice/render-text.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { anAnsweringBot, noticeOf, NOW_MS, refusalOf, type AnsweringBot } from '../support/an-answering-bot.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';
import { takeAsked } from '../support/taken.ts';

const ASKER = { userId: 'U1', channelId: 'C1' };
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What waits to be said in #oom; taken off the queue. */
async function saidBy(bot: AnsweringBot): Promise<string[]> {
  return (await takeAsked(bot.store, '#oom', { nowMs: bot.clock.nowMs() })).map(({ kind }) => kind);
}

describe('muting', () => {
  it.each([
    ['db01', null, 'db01', 1],
    ['DB01', 2 * HOUR_MS, 'db01', 2],
    ['mysql.service', 30 * DAY_MS, 'mysql.service', 720],
    ['mysql', HOUR_MS, 'mysql.service', 1],
  ])('%s keeps its kills out of the channel and in the record', async (target, forMs, muted, hours) => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill({ atMs: NOW_MS - DAY_MS })]);
    await saidBy(bot);

    const notice = noticeOf(await bot.handlers.mute({ target, forMs }, ASKER));
    await saidBy(bot);
    await bot.happen([aKill({ atMs: NOW_MS })]);

    expect(plainText(notice.headline)).toMatch(new RegExp(`^${muted} is muted for `));
    expect(await bot.store.mutes(NOW_MS)).toEqual([{ target: muted, untilMs: NOW_MS + hours * HOUR_MS, by: 'U1' }]);
    expect(await saidBy(bot)).toEqual([]);
    expect(await bot.store.incidents('db01', 10)).toHaveLength(2);
  });

  it('is announced in the channel, with who asked for it and until when', async () => {
    const bot = await anAnsweringBot({ channelOf: () => '#db' });

    await bot.handlers.mute({ target: 'db01', forMs: HOUR_MS }, ASKER);

    const [said, ...others] = await bot.store.ledger('#db', NOW_MS);
    const notice = readReply(said?.body ?? null)?.notice;
    expect(notice?.headline).toContainEqual({ userId: 'U1' });
    expect(notice?.headline).toContainEqual({ atMs: NOW_MS + HOUR_MS });
    expect([said?.kind, others]).toEqual(['news', []]);
  });

  it('ends by itself', async () => {
    const bot = await anAnsweringBot();
    await bot.handlers.mute({ target: 'db01', forMs: HOUR_MS }, ASKER);
    await bot.clock.advance(HOUR_MS);

    await bot.happen([aKill({ atMs: NOW_MS + HOUR_MS })]);

    expect(await saidBy(bot)).toContain('incident');
  });

  it('shows on the message that stands in the channel', async () => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill()]);
    await saidBy(bot);

    await bot.handlers.mute({ target: 'db01', forMs: null }, ASKER);

    const [incident] = await bot.store.incidents('db01', 1);
    expect(incident?.mutedUntilMs).toBe(NOW_MS + HOUR_MS);
    expect(await saidBy(bot)).toEqual(['incident']);
    expect(bot.wakes()).toBe(1);
  });

  it.each([
    ['0', 0],
    ['31 d', 31 * DAY_MS],
    ['NaN', Number.NaN],
  ])('refuses a time of %s', async (_what, forMs) => {
    const bot = await anAnsweringBot();

    expect(refusalOf(await bot.handlers.mute({ target: 'db01', forMs }, ASKER))).toMatchObject({
      kind: 'bad-value',
      name: 'time',
      expected: 'at most 30 d',
    });
    expect(await bot.store.mutes(NOW_MS)).toEqual([]);
  });

  it('refuses what it does not know, and a tag', async () => {
    const bot = await anAnsweringBot();

    expect(refusalOf(await bot.handlers.mute({ target: 'db1', forMs: null }, ASKER))).toMatchObject({
      kind: 'unknown-target',
      nearest: 'db01',
    });
  });

  it('is in the audit log', async () => {
    const bot = await anAnsweringBot();
    await bot.handlers.mute({ target: 'db01', forMs: null }, ASKER);
    await bot.handlers.unmute({ target: 'db01' }, { userId: 'U2', channelId: null });

    const rows = await bot.store.audit('db01', 10);

    expect(rows.map((row) => [row.actor, row.action])).toEqual([
      ['U2', 'unmute'],
      ['U1', 'mute'],
    ]);
  });
});

describe('a tag', () => {
  it('is muted on each of its hosts, with the reason shown where mutes are listed, and unmuted at once', async () => {
    const bot = await anAnsweringBot();
    await bot.handlers.mute({ target: 'db01', forMs: 2 * HOUR_MS }, ASKER);

    const notice = noticeOf(
      await bot.handlers.mute({ target: 'db', forMs: HOUR_MS, why: 'restore <!channel>' }, ASKER),
    );

    expect(renderText(notice)).toContain('Because: restore <!channel>');
    const about = { service: 'mysql.service', victims: [] };
    const mutes = await bot.store.mutes(NOW_MS);
    const hosts = ['db01', 'db02', 'web01'];
    expect(hosts.map((host) => mutedUntil(mutes, { ...about, host }, NOW_MS))).toEqual([
      NOW_MS + 2 * HOUR_MS,
      NOW_MS + HOUR_MS,
      null,
    ]);
    const listed = renderText(await bot.handlers.answerHome(ASKER));
    expect(listed.match(/db \(tag\) is muted until .*because: restore <!channel>/g)).toHaveLength(1);

    await bot.handlers.unmute({ target: 'db' }, ASKER);

    expect((await bot.store.mutes(NOW_MS)).map(({ target }) => target)).toEqual(['db01']);
  });
});

describe('an incident of several services', () => {
  const about = { host: 'db01', service: 'a', victims: ['a', 'b'].map((service) => ({ service, count: 1 })) };

  it('is silent only when all of them are, or the host is', () => {
    function mute(target: string, hours: number) {
      return { target, untilMs: NOW_MS + hours * HOUR_MS, by: 'U1' };
    }

    expect(mutedUntil([mute('a', 1)], about, NOW_MS)).toBeNull();
    expect(mutedUntil([mute('a', 3), mute('b on db01', 2)], about, NOW_MS)).toBe(NOW_MS + 2 * HOUR_MS);
    expect(mutedUntil([mute('a', 3), mute('db01', 1)], about, NOW_MS)).toBe(NOW_MS + HOUR_MS);
  });
});

describe('the mute button of an incident', () => {
  it('silences its service on its host for an hour, and no other', async () => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill()]);
    await saidBy(bot);
    const [incident] = await bot.store.incidents('db01', 1);

    const notice = noticeOf(await bot.handlers.muteIncident({ incidentId: incident!.id }, ASKER));

    expect(plainText(notice.headline)).toBe('mysql.service on db01 is muted for 1 h, until 2026-08-30 02:50:08 UTC');
    expect(await saidBy(bot)).toEqual(['incident']);
    const mutes = await bot.store.mutes(NOW_MS);
    const about = { service: 'mysql.service', victims: [] };
    expect(mutedUntil(mutes, { ...about, host: 'db01' }, NOW_MS)).toBe(NOW_MS + HOUR_MS);
    expect(mutedUntil(mutes, { ...about, host: 'db02' }, NOW_MS)).toBeNull();
    expect(mutedUntil(mutes, { ...about, host: 'db01', service: 'java' }, NOW_MS)).toBeNull();
  });

  it('gives one hour more each time, up to thirty days', async () => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill()]);
    const [incident] = await bot.store.incidents('db01', 1);

    for (let time = 0; time < 3; time += 1) await bot.handlers.muteIncident({ incidentId: incident!.id }, ASKER);

    expect((await bot.store.incident(incident!.id))?.mutedUntilMs).toBe(NOW_MS + 3 * HOUR_MS);
  });
});

describe('unmuting', () => {
  it('tells kills again and clears the message', async () => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill()]);
    await bot.handlers.mute({ target: 'mysql', forMs: null }, ASKER);

    const notice = noticeOf(await bot.handlers.unmute({ target: 'Mysql' }, ASKER));

    expect(plainText(notice.headline)).toBe('mysql.service is unmuted: posting to the channel again');
    expect((await bot.store.incidents('db01', 1))[0]?.mutedUntilMs).toBeNull();
    expect(await bot.store.mutes(NOW_MS)).toEqual([]);
  });

  it('leaves another mute of the same incident in force', async () => {
    const bot = await anAnsweringBot();
    await bot.happen([aKill()]);
    await bot.handlers.mute({ target: 'db01', forMs: 5 * HOUR_MS }, ASKER);
    await bot.handlers.mute({ target: 'mysql', forMs: 9 * HOUR_MS }, ASKER);

    await bot.handlers.unmute({ target: 'mysql' }, ASKER);

    expect((await bot.store.incidents('db01', 1))[0]?.mutedUntilMs).toBe(NOW_MS + 5 * HOUR_MS);
  });

  it('of what is not muted says so', async () => {
    const bot = await anAnsweringBot();

    expect(refusalOf(await bot.handlers.unmute({ target: 'db01' }, ASKER))).toEqual({
      kind: 'not-muted',
      target: 'db01',
    });
  });

  it('works from the button, whatever the service is called', async () => {
    const bot = await anAnsweringBot();
    const lost: string[] = [];
    for (const [at, name] of HOSTILE_NAMES.entries()) {
      const record = aRecord({ name, pid: 100 + at, identity: null, taskMemcg: null });
      await bot.happen([aKill({ record, atMs: NOW_MS + at * DAY_MS })]);
      const [incident] = await bot.store.incidents('db01', 1);
      const muted = noticeOf(await bot.handlers.muteIncident({ incidentId: incident!.id }, ASKER));

      const parsed = parseCommand(muted.buttons[0]!.value);
      if (parsed.kind !== 'command' || parsed.name !== 'unmute') lost.push(name);
      else if ((await parsed.answer(bot.handlers, ASKER)).kind === 'refused') lost.push(name);
    }

    expect(lost).toEqual([]);
  });
});
