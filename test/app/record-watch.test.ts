import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Store } from '../../src/app/store-port.ts';
import { openRecordWatch, type RecordWatch } from '../../src/app/tell/record-watch.ts';
import { openTelling } from '../../src/app/tell/telling.ts';
import { openStore } from '../../src/store/store.ts';
import { fakeClock, type FakeClock } from '../support/fake-clock.ts';
import { scriptedChat, type ScriptedChat } from '../support/scripted-chat.ts';

const NOW_MS = Date.UTC(2026, 10, 30, 12);
const MINUTE_MS = 60_000;

interface Bench {
  clock: FakeClock;
  chat: ScriptedChat;
  watch: RecordWatch;
  errors: string[];
  infos: string[];
  /** Lets time pass in steps, so that what is tried in between can end. */
  pass: (ms: number) => Promise<void>;
  top: () => string[];
}

function aWatch(store: Store, chat?: ScriptedChat, clock = fakeClock(NOW_MS)): Bench {
  const errors: string[] = [];
  const infos: string[] = [];
  const workspace = chat ?? scriptedChat(clock);
  const log = {
    info: (_: unknown, words: string) => void infos.push(words),
    warn: () => {},
    error: (facts: Record<string, unknown>, words: string) => void errors.push(`${words}: ${String(facts['reason'])}`),
  };
  const world = { store, workspace, clock, log };
  const watch = openRecordWatch({ ...world, channel: () => '#oom', killsWaiting: () => 3, onBack: () => {} });
  const telling = openTelling({
    ...world,
    log: { ...log, error: () => {} },
    owner: 'me',
    describe: () => Promise.reject(new Error('there is no incident')),
  });
  onTestFinished(async () => {
    const closed = Promise.all([watch.close(), telling.close()]);
    await clock.advance(MINUTE_MS);
    await closed;
  });
  return {
    clock,
    chat: workspace,
    watch,
    errors,
    infos,
    pass: async (ms) => {
      for (let passed = 0; passed < ms; passed += 5_000) await clock.advance(5_000);
    },
    top: () => workspace.messages.filter(({ threadTs }) => threadTs === null).map(({ text }) => text),
  };
}

async function aFile(): Promise<{ store: Store; file: string }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-record-'));
  const file = path.join(folder, 'oombot.db');
  const store = await openStore(`sqlite:${file}`);
  onTestFinished(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  return { store, file };
}

/** A store that takes writes or does not, as the test says. */
async function aFaultyStore(): Promise<{ store: Store; sentence: { now: string | null; refused: string | null } }> {
  const { store } = await aFile();
  const sentence: { now: string | null; refused: string | null } = { now: null, refused: null };
  return {
    sentence,
    store: {
      ...store,
      beat: (atMs) => (sentence.now === null ? store.beat(atMs) : Promise.reject(new Error(sentence.now))),
      enqueue: (all) => (sentence.now === null ? store.enqueue(all) : Promise.reject(new Error(sentence.now))),
      takeRefusal: () => sentence.refused,
    },
  };
}

describe('a record that cannot be written', () => {
  it('is said in the log once, and in the channel once when it lasts two minutes; that message says when it is over', async () => {
    const { store, sentence } = await aFaultyStore();
    const { watch, pass, errors, infos, top, chat } = aWatch(store);
    await pass(MINUTE_MS);
    expect(await watch.fault()).toBeNull();

    sentence.now = 'The disk is full.';
    await pass(MINUTE_MS);
    expect(await watch.fault()).toMatchObject({ sentence: 'The disk is full.' });
    expect(top()).toEqual([]);
    await pass(5 * MINUTE_MS);
    expect(top()).toEqual([
      expect.stringMatching(/database is failing since[^]*The disk is full\.[^]*3 kills waiting/),
    ]);
    sentence.now = null;
    await pass(MINUTE_MS);

    expect(await watch.fault()).toBeNull();
    expect(top()).toEqual([expect.stringContaining('oombot can save again')]);
    expect(chat.calls.filter(({ method }) => method === 'post')).toHaveLength(1);
    expect(errors).toEqual(['The record cannot be written; kills are told from memory: The disk is full.']);
    expect(infos).toContain('The record can be written again');
  });

  it('for less than two minutes is nobody’s business', async () => {
    const { store, sentence } = await aFaultyStore();
    const { pass, top } = aWatch(store);

    sentence.now = 'The disk is full.';
    await pass(MINUTE_MS);
    sentence.now = null;
    await pass(10 * MINUTE_MS);

    expect(top()).toEqual([]);
  });

  it('is also one that takes a few bytes and refuses a kill', async () => {
    const { store, sentence } = await aFaultyStore();
    const { watch, pass } = aWatch(store);

    sentence.refused = 'The disk is full.';
    await pass(MINUTE_MS);
    expect(await watch.fault()).toMatchObject({ sentence: 'The disk is full.' });
    sentence.refused = null;
    await pass(MINUTE_MS);

    expect(await watch.fault()).toBeNull();
  });

  it.each([
    ['arrived', true],
    ['did not arrive', false],
  ])('is not told twice after a request without an answer that %s', async (_, taken) => {
    const { store, sentence } = await aFaultyStore();
    const { pass, top, chat } = aWatch(store);
    let first = true;
    chat.script.fate = (method) => {
      if (method !== 'post' || !first) return undefined;
      first = false;
      return { taken, told: { kind: 'unknown', reason: 'no answer' } };
    };

    sentence.now = 'The disk is full.';
    await pass(5 * MINUTE_MS);
    sentence.now = null;
    await pass(MINUTE_MS);

    expect(top()).toEqual([expect.stringContaining('oombot can save again')]);
  });

  it('is told by one of the processes that share it', async () => {
    const { store, sentence } = await aFaultyStore();
    const first = aWatch(store);
    sentence.now = 'The server is gone.';
    await first.pass(3 * MINUTE_MS);
    const second = aWatch(store, first.chat, fakeClock(NOW_MS + 30_000));
    await second.pass(5 * MINUTE_MS);

    expect(first.top()).toHaveLength(1);
    sentence.now = null;
    await Promise.all([first.pass(MINUTE_MS), second.pass(MINUTE_MS)]);
    expect(first.top()).toEqual([expect.stringContaining('can save again')]);
  });
});

describe('what the database refuses', () => {
  it('a conflict of ours is none', async () => {
    const { store } = await aFile();

    await expect(
      store.enqueue([{ incidentId: 'none', channel: '#oom', kind: 'reply', body: null, notBeforeMs: 0 }]),
    ).rejects.toThrow();
    expect(store.takeRefusal()).toBeNull();
  });
});
