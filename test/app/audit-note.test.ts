import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { noteAuditHeads } from '../../src/app/change/audit-note.ts';
import { readReply } from '../../src/app/reply-body.ts';
import type { Store } from '../../src/app/store-port.ts';
import { renderText } from '../../src/notice/render-text.ts';
import { openStore } from '../../src/store/store.ts';
import { fakeClock } from '../support/fake-clock.ts';

const DAY_MS = 24 * 60 * 60_000;
const KEY = 'not in the database';

async function aStore(auditKey: string | null = null): Promise<Store> {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-note-'));
  const store = await openStore(`sqlite:${folder}/oombot.db`, { auditKey });
  onTestFinished(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  return store;
}

function happen(store: Store, atMs: number): Promise<unknown> {
  return store.appendAudit({ atMs, actor: 'UANN', action: 'mute', host: 'db01', details: {} });
}

/** Notes heads until the test ends; gives what the program's log got. */
function noting(store: Store, clock: ReturnType<typeof fakeClock>, channel: string | null): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  const stop = new AbortController();
  const log = { info: (facts: Record<string, unknown>) => void lines.push(facts), warn: () => {}, error: () => {} };
  const done = noteAuditHeads({ store, clock, log, channel: () => channel, wake: () => {}, signal: stop.signal });
  onTestFinished(async () => {
    stop.abort();
    await done;
  });
  return lines;
}

async function toldIn(store: Store, channel: string, nowMs: number): Promise<string[]> {
  const rows = await store.ledger(channel, nowMs);
  return rows.map(({ body }) => renderText(readReply(body)!.notice));
}

it('notes the head once a day, signed, in the log and in the channel, in the form that --head takes', async () => {
  const store = await aStore(KEY);
  const clock = fakeClock(Date.UTC(2026, 10, 30, 12));
  await happen(store, clock.nowMs());
  const first = (await store.auditHead())!;
  const lines = noting(store, clock, '#approvals');

  await clock.advance(60_000);
  await happen(store, clock.nowMs());
  for (let hour = 0; hour < 24; hour += 1) await clock.advance(DAY_MS / 24);

  const second = (await store.auditHead())!;
  const [one, two] = [first, second].map(({ seq, hash }) => ({
    head: `${seq}:${hash}`,
    signature: createHmac('sha256', KEY).update(`${seq}\n${hash}`).digest('hex'),
  }));
  expect(lines).toEqual([one, two]);
  const told = await toldIn(store, '#approvals', clock.nowMs());
  expect(told).toHaveLength(2);
  expect(told[0]).toContain(`oombot audit verify --head ${one?.head}`);
  expect(told[0]).toContain(`Signed ${one?.signature}`);
  expect(await store.verifyAudit(first)).toMatchObject({ kind: 'intact' });
});

it('notes it once, however often the bot is started that day, and in the log alone where there is no channel', async () => {
  const store = await aStore();
  const clock = fakeClock(Date.UTC(2026, 10, 30, 12));
  await happen(store, clock.nowMs());

  const before = noting(store, clock, null);
  await clock.advance(1_000);
  const after = noting(store, clock, null);
  await clock.advance(60_000);

  expect(before).toEqual([{ head: expect.stringMatching(/^1:[0-9a-f]{64}$/), signature: null }]);
  expect(after).toEqual([]);
  expect(await store.queueLengths()).toEqual([]);
});

it('says nothing while there is no entry', async () => {
  const store = await aStore(KEY);
  const clock = fakeClock(Date.UTC(2026, 10, 30, 12));
  const lines = noting(store, clock, '#approvals');

  await clock.advance(DAY_MS);

  expect(lines).toEqual([]);
});
