import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openTelling } from '../../src/app/tell/telling.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import type { Change } from '../../src/change/change.ts';
import { openStore } from '../../src/store/store.ts';
import { aChange, PROPOSED_AT_MS } from '../support/a-change.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { scriptedChat, type Fate } from '../support/scripted-chat.ts';
import { QUIET } from '../support/quiet-log.ts';

const ENTRY = { atMs: PROPOSED_AT_MS, actor: 'UANN', action: 'propose', host: 'db01', details: {} };
const UNKNOWN = { kind: 'unknown', reason: 'timeout' } as const;

async function aBench(owner = 'me') {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-cards-'));
  const store = await openStore(`sqlite:${path.join(folder, 'test.db')}`);
  const clock = fakeClock(PROPOSED_AT_MS);
  const chat = scriptedChat(clock);
  const log = QUIET;
  function start(as: string, isMine = () => true) {
    return openTelling({
      store,
      workspace: chat,
      clock,
      log,
      owner: as,
      isMine,
      describe: async (incident) => describeIncident(incident, { nowMs: clock.nowMs(), protect: false }),
    });
  }
  let alive = true;
  const cards = start(owner, () => alive);
  onTestFinished(async () => {
    chat.script.fate = () => undefined;
    // One that hangs in a request cannot be closed: its process is dead.
    if (owner !== 'dead') await cards.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });

  /** The change moves on, and the cards get time to follow. */
  async function move(given: Partial<Change>): Promise<void> {
    const change = (await store.change('c1'))!;
    await store.updateChange({ ...change, ...given }, []);
    cards.wake();
    await clock.advance(5_000);
  }

  async function propose(): Promise<void> {
    await store.addChange(aChange(), ENTRY);
    cards.wake();
    await clock.advance(5_000);
  }

  return { store, clock, chat, cards, move, propose, start, die: () => (alive = false) };
}

const APPLIED = {
  approvals: [{ by: 'UBEN', atMs: PROPOSED_AT_MS }],
  state: { kind: 'applied', atMs: PROPOSED_AT_MS, untilMs: null, undoFailed: null, tryAgainAtMs: 0 },
} as const;

function applied(): Partial<Change> {
  return { ...APPLIED, approvals: [...APPLIED.approvals] };
}

describe('the card of a change', () => {
  it('stands in each place that it was posted to, and all of them are brought up to date and repaired together', async () => {
    const { chat, store, cards, clock, move } = await aBench();
    await store.addChange(aChange(), ENTRY, ['UBEN', 'UCID']);
    cards.wake();
    await clock.advance(5_000);
    const places = ['C1', 'UBEN', 'UCID'];
    function topLevel() {
      return chat.messages.filter((one) => one.threadTs === null);
    }
    expect(
      topLevel()
        .map(({ channel }) => channel)
        .toSorted(),
    ).toEqual(places.toSorted());

    await move(applied());
    await clock.advance(20_000);
    expect(topLevel().map(({ text }) => text.includes('Applied and verified'))).toEqual([true, true, true]);

    const edits = topLevel().map((one) => one.edits.length);
    await store.repairCard('c1');
    cards.wake();
    await clock.advance(20_000);

    expect(topLevel().map((one) => one.edits.length)).toEqual(edits.map((count) => count + 1));
    expect(topLevel()).toHaveLength(3);
  });

  it('is posted once, edited in place, and its outcome told once in the thread', async () => {
    const { chat, move, propose, clock } = await aBench();

    await propose();
    await move(applied());
    await clock.advance(60_000);

    const [card, word, more] = chat.messages;
    expect(card?.text).toContain('Applied and verified');
    expect(word).toMatchObject({ threadTs: card?.ts });
    expect(word?.text).toContain('UANN');
    expect(more).toBeUndefined();
    expect(chat.calls.map((call) => call.method)).toEqual(['post', 'update', 'reply']);
  });

  it.each<[string, Fate]>([
    ['arrived', { taken: true, told: UNKNOWN }],
    ['did not arrive', { taken: false, told: UNKNOWN }],
  ])('is there once when a post without an answer %s', async (_, fate) => {
    const { chat, clock, propose } = await aBench();
    let first = true;
    chat.script.fate = (method) => (method === 'post' && first ? ((first = false), fate) : undefined);

    await propose();
    await clock.advance(60_000);

    expect(chat.messages).toHaveLength(1);
    expect(chat.calls.some((call) => call.method === 'find')).toBe(true);
  });

  it.each([true, false])('has its word once when a reply without an answer was taken: %s', async (taken) => {
    const { chat, clock, propose, move } = await aBench();
    await propose();
    let first = true;
    chat.script.fate = (method) =>
      method === 'reply' && first ? ((first = false), { taken, told: UNKNOWN }) : undefined;

    await move(applied());
    await clock.advance(120_000);

    expect(chat.messages.filter((message) => message.threadTs !== null)).toHaveLength(1);
  });

  it('is looked for, not repeated, when the bot ended between the request and its answer', async () => {
    const { chat, clock, propose, start, die } = await aBench('dead');
    chat.script.fate = (method) => (method === 'post' ? { taken: true, told: 'hang' } : undefined);
    await propose();
    chat.script.fate = () => undefined;

    die();
    const next = start('next');
    await clock.advance(120_000);
    await next.close();

    expect(chat.messages).toHaveLength(1);
    expect(chat.calls.filter((call) => call.method === 'post')).toHaveLength(1);
  });

  it('waits when Slack says so, and is posted anew when somebody deleted it', async () => {
    const { chat, clock, propose, move } = await aBench();
    let limited = 2;
    chat.script.fate = (method) =>
      method === 'post' && (limited -= 1) >= 0
        ? { taken: false, told: { kind: 'rate-limited', retryAfterMs: 5_000 } }
        : undefined;
    await propose();
    await clock.advance(30_000);
    expect(chat.messages).toHaveLength(1);

    chat.remove(chat.messages[0]!.ts);
    await move(applied());
    await clock.advance(10_000);

    expect(chat.messages.filter((message) => message.threadTs === null)).toHaveLength(1);
    expect(chat.messages[0]?.text).toContain('Applied and verified');
  });
});
