import { mkdtempSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Store } from '../../src/app/store-port.ts';
import { openStore } from '../../src/store/store.ts';
import { aChange } from '../support/a-change.ts';

const KEY = 'a key that is not in the database';

describe('the audit log shows', () => {
  it.each<[string, string, number, RegExp]>([
    ['that its last entry was taken', 'delete from audit where seq = 3', 3, /missing at the end: there were 3/],
    ['that its last two were taken', 'delete from audit where seq >= 2', 2, /missing at the end: there were 3/],
    ['that all were taken', 'delete from audit', 1, /missing at the end: there were 3/],
    ['that all and the head were taken', 'delete from audit; delete from audit_head', 1, /noted/],
    ['that the head alone was taken', 'delete from audit_head', 3, /head that is noted beside the log is gone/],
    [
      'an entry that is no JSON, by its number',
      "update audit set body = 'not {json' where seq = 2",
      2,
      /cannot be read/,
    ],
    ['an entry that was changed', "update audit set body = replace(body, 'U2', 'U9') where seq = 2", 2, /was changed/],
  ])('%s', async (_what, tampering, seq, reason) => {
    const { file, head } = await threeEntries();
    tamper(file, tampering);
    const store = await opened(file);

    expect(await store.verifyAudit(head)).toMatchObject({ kind: 'broken', seq });
    expect(await store.verifyAudit(tampering.includes('audit_head') ? head : undefined)).toMatchObject({
      kind: 'broken',
      reason: expect.stringMatching(reason),
    });
  });

  it('that it was rewritten with new hashes, head and all, to whoever noted a head elsewhere', async () => {
    const { file, head } = await threeEntries();
    rewriteAll(file);
    const store = await opened(file);

    expect(await store.verifyAudit()).toMatchObject({ kind: 'intact', entries: 3 });
    expect(await store.verifyAudit(head)).toMatchObject({
      kind: 'broken',
      seq: 3,
      reason: expect.stringMatching(/not the one whose head you noted/),
    });
  });

  it('that it was rewritten, to whoever has the key', async () => {
    const { file } = await threeEntries(KEY);
    expect(await (await opened(file, KEY)).verifyAudit()).toMatchObject({ kind: 'intact' });
    rewriteAll(file);

    expect(await (await opened(file, KEY)).verifyAudit()).toMatchObject({
      kind: 'broken',
      reason: expect.stringMatching(/signature/),
    });
  });

  it('what was appended after its end was taken', async () => {
    const { file } = await threeEntries();
    tamper(file, 'delete from audit where seq = 3');
    const store = await opened(file);
    await store.appendAudit(anEntry('U4'));

    expect(await store.verifyAudit()).toMatchObject({ kind: 'broken', seq: 3, reason: 'an entry is missing' });
  });

  it('that a change on record has no entry, and that an approval has none', async () => {
    const { file, store } = await threeEntries();
    await store.addChange(aChange({ id: 'c1' }), { ...anEntry('UANN', 'propose'), details: { change: 'c1' } });
    expect(await store.verifyAudit()).toMatchObject({ kind: 'intact' });
    tamper(file, `update changes set body = json_set(body, '$.approvals', json('[{"by":"UEVE","atMs":1}]'))`);
    expect(await store.verifyAudit()).toMatchObject({ reason: expect.stringMatching(/c1 is approved by UEVE/) });
    tamper(file, `pragma foreign_keys = off; update changes set id = 'c2'`);
    expect(await store.verifyAudit()).toMatchObject({ reason: expect.stringMatching(/c2 is on record/) });
  });
});

async function threeEntries(auditKey: string | null = null) {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-audit-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'test.db');
  const store = await openStore(`sqlite:${file}`, { auditKey });
  for (const actor of ['U1', 'U2', 'U3']) await store.appendAudit(anEntry(actor));
  const head = await store.auditHead();
  await store.close();
  return { file, head: head!, store: await opened(file, auditKey) };
}

async function opened(file: string, auditKey: string | null = null): Promise<Store> {
  await closing.at(-1)?.();
  const store = await openStore(`sqlite:${file}`, { auditKey });
  closing.push(() => store.close().catch(() => undefined));
  onTestFinished(() => store.close().catch(() => undefined));
  return store;
}

/** One process writes a file at a time: the store before is closed first. */
const closing: (() => Promise<void>)[] = [];

function anEntry(actor: string, action = 'approve') {
  return { atMs: 1, actor, action, host: 'db01', details: {} };
}

function tamper(file: string, sql: string): void {
  const raw = new DatabaseSync(file);
  raw.exec(sql);
  raw.close();
}

function hashOf(seq: number, previous: string, body: string): string {
  return createHash('sha256').update(`${seq}\n${previous}\n${body}`).digest('hex');
}

/** Everything another way, each hash right: what somebody can do who may write the database and knows the program. */
function rewriteAll(file: string): void {
  const raw = new DatabaseSync(file);
  let previous = '';
  for (const { seq, body } of raw.prepare('select seq, body from audit order by seq').all() as never[] as {
    seq: number;
    body: string;
  }[]) {
    const next = body.replace(/U\d/, 'UEVE');
    const hash = hashOf(seq, previous, next);
    raw.prepare('update audit set body = ?, previous_hash = ?, hash = ? where seq = ?').run(next, previous, hash, seq);
    raw.prepare('update audit_head set seq = ?, hash = ?').run(seq, hash);
    previous = hash;
  }
  raw.close();
}
