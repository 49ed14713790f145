import { expect, it } from 'vitest';
import { assignIncidents } from '../../src/app/watch/assign-incidents.ts';
import type { Kill } from '../../src/incident/incident.ts';
import type { Notice } from '../../src/notice/notice.ts';
import { renderContent } from '../../src/slack/blocks.ts';
import { aKill } from '../support/a-kill.ts';
import { tellingOnFakeClock } from '../support/telling-on-fake-clock.ts';
import { PLACING } from '../support/placing.ts';

const T0 = Date.UTC(2026, 7, 30, 1, 35, 8);
const MENTIONS: Record<string, string> = { db: 'S0614TZR7', web: 'U024BE7LH' };

async function aBench() {
  const { store, clock, chat, telling } = await tellingOnFakeClock(T0, {
    mentionOf: (host) => MENTIONS[host.replace(/\d+$/, '')] ?? null,
  });

  async function happen(...kills: Kill[]): Promise<void> {
    for (const [host, ofHost] of Map.groupBy(kills, (kill) => kill.host))
      await store.saveBatch({ host, kills: ofHost, positions: [] }, (view) =>
        assignIncidents(view, { ...PLACING, nowMs: clock.nowMs() }),
      );
    telling.wake();
  }

  function on(host: string, pid = 1): Kill {
    return aKill({ host, pid, atMs: clock.nowMs() });
  }

  return { clock, chat, happen, on };
}

/** Whom a message notifies, as Slack reads it. */
function notifiedBy(notice: Notice): string[] {
  const { blocks } = renderContent(notice, 'message');
  return [...JSON.stringify(blocks).matchAll(/<!subteam\^(\w+)>|<@(\w+)>/g)].map((one) => one[1] ?? one[2] ?? '');
}

it('names whom a route wants notified in the message that announces, and in no edit and no reply', async () => {
  const { clock, chat, happen, on } = await aBench();
  await happen(on('db01'));
  await clock.advance(10);
  expect(chat.messages.map(({ notice }) => notifiedBy(notice))).toEqual([['S0614TZR7'], []]);

  await clock.advance(60_000);
  await happen(on('db01', 2));
  await clock.advance(20_000);

  expect(chat.messages[0]?.edits).not.toEqual([]);
  expect(chat.messages.map(({ notice }) => notifiedBy(notice))).toEqual([[], [], []]);
});

it('names nobody where no route says so', async () => {
  const { clock, chat, happen, on } = await aBench();
  await happen(on('edge7'));
  await clock.advance(10);

  expect(chat.messages.flatMap(({ notice }) => notifiedBy(notice))).toEqual([]);
});

it('names each once in a storm, and again after it', async () => {
  const { clock, chat, happen, on } = await aBench();
  const posted: string[][] = [];
  const { post } = chat;
  chat.post = (to) => {
    posted.push(notifiedBy(to.notice));
    return post(to);
  };
  await happen(...Array.from({ length: 6 }, (_, at) => on(`db0${at}`)));
  await clock.advance(1_000);
  for (let second = 0; second < 40; second += 2) {
    await happen(on(`db${10 + second}`), on(`web${10 + second}`));
    await clock.advance(2_000);
  }
  expect(posted.length).toBeGreaterThan(3);
  expect(posted.flat().toSorted()).toEqual(['S0614TZR7', 'U024BE7LH']);

  await clock.advance(60_000);
  await happen(on('db99'));
  await clock.advance(1_000);

  expect(posted.at(-1)).toEqual(['S0614TZR7']);
});

it('names whom an incident that goes on is announced to anew', async () => {
  const { clock, chat, happen, on } = await aBench();
  await happen(on('db01'));
  for (let minute = 0; minute < 70; minute += 10) {
    await clock.advance(600_000);
    await happen(on('db01', 2 + minute));
  }
  await clock.advance(20_000);

  const anew = chat.messages.filter(({ text }) => text.includes('still going on') || text.includes('1 h'));
  expect(anew.flatMap(({ notice }) => notifiedBy(notice))).toEqual(['S0614TZR7']);
});

it('lets nothing but a user or a group be named', () => {
  const notice: Notice = {
    tone: 'bad',
    headline: [{ words: 'x' }],
    sentence: [{ notify: '!channel' }, { words: ' ' }, { notify: 'S1> <!here' }, { notify: 'C024BE7LR' }],
    parts: [],
    small: [],
    buttons: [],
  };

  expect(JSON.stringify(renderContent(notice, 'message'))).not.toMatch(/<[!@#]/);
});
