import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Store } from '../../src/app/store-port.ts';
import { copyRecords } from '../../src/store/copy-records.ts';
import { backUpSqlite } from '../../src/store/sqlite-backup.ts';
import { openStore } from '../../src/store/store.ts';
import { batchOf, openOneAs } from '../support/store-steps.ts';
import { aChange } from '../support/a-change.ts';
import { aKill } from '../support/a-stored-kill.ts';
import { startPostgres } from '../support/postgres.ts';
import { needs } from '../support/needs.ts';

const NOW_MS = Date.UTC(2026, 10, 30);
const folder = mkdtempSync(path.join(tmpdir(), 'oombot-copy-'));
const postgres = await startPostgres();
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await postgres?.stop();
}, 60_000);
let count = 0;

function newSqlite(): string {
  return `sqlite:${path.join(folder, `${(count += 1)}`, 'oombot.db')}`;
}

function saveKill(store: Store, at: number): Promise<unknown> {
  const kill = aKill({ host: `db${at % 3}`, key: `boot-1:${at}:1`, atMs: NOW_MS + at });
  return store.saveBatch(batchOf([kill], String(at)), ({ fresh }) => openOneAs(`incident ${at}`, fresh));
}

/** Some of everything that must not be lost. */
async function fill(url: string, kills: number): Promise<void> {
  const store = await openStore(url);
  for (let at = 0; at < kills; at += 1) await saveKill(store, at);
  await store.addChange(aChange(), { atMs: NOW_MS, actor: 'U1', action: 'propose', host: 'db01', details: { a: 'ü' } });
  await store.putMute({ target: 'db01', untilMs: NOW_MS + 1, by: 'U1' });
  await store.close();
}

async function contentOf(url: string): Promise<unknown> {
  const store = await openStore(url, { readOnly: true });
  const all = { hosts: null, sinceMs: null, untilMs: null, service: null, limit: 10_000 };
  const content = {
    kills: await store.kills(all),
    open: await Promise.all(['db0', 'db1', 'db2'].map((host) => store.openIncidents(host))),
    positions: await Promise.all(['db0', 'db1', 'db2'].map((host) => store.positions(host))),
    changes: await store.changes('db01', 10),
    mutes: await store.mutes(0),
    audit: await store.audit(null, 100),
    verdict: await store.verifyAudit(),
  };
  await store.close();
  return content;
}

describe('moving to another kind of database', needs('postgres'), () => {
  it('takes everything along, there and back, and goes on counting where it stood', async () => {
    const [first, second, third] = [newSqlite(), (await postgres?.createDatabase()) ?? '', newSqlite()];
    await fill(first, 450);

    const copied = await copyRecords(first, second, NOW_MS);
    await copyRecords(second, third, NOW_MS);

    expect(copied).toContainEqual({ table: 'kills', rows: 450 });
    expect(await contentOf(second)).toEqual(await contentOf(first));
    expect(await contentOf(third)).toEqual(await contentOf(first));
    const store = await openStore(second);
    await expect(saveKill(store, 451)).resolves.toBeDefined();
    await store.close();
  });
});

describe('moving to another database', () => {
  it('is refused where records are', async () => {
    const [from, to] = [newSqlite(), newSqlite()];
    await fill(from, 1);
    await fill(to, 1);

    await expect(copyRecords(from, to, NOW_MS)).rejects.toThrow(/already has records/);
  });

  it('is refused while somebody works on the old one', async () => {
    const from = newSqlite();
    await fill(from, 1);
    const store = await openStore(from);
    await store.claimLeases({ kind: 'host', owner: 'p1', names: ['a'], nowMs: NOW_MS, ttlMs: 60_000 });

    await expect(copyRecords(from, newSqlite(), NOW_MS)).rejects.toThrow(/in use: stop every oombot/);
    await store.close();
  });
});

describe('a backup', () => {
  it('is one moment of the record, taken while kills are saved', async () => {
    const url = newSqlite();
    const store = await openStore(url);
    for (let at = 0; at < 50; at += 1) await saveKill(store, at);
    let isDone = false;
    const saving = (async () => {
      let at = 50;
      for (; !isDone; at += 1) await saveKill(store, at);
      return at;
    })();

    const copy = path.join(folder, 'copy.db');
    const counted = await backUpSqlite(url.slice('sqlite:'.length), copy);
    isDone = true;
    const saved = await saving;
    await store.close();

    expect(counted.kills).toBeGreaterThanOrEqual(50);
    expect(counted.kills).toBeLessThanOrEqual(saved);
    expect(counted.incidents).toBe(counted.kills);
    expect(statSync(copy).mode & 0o777).toBe(0o600);
    const restored = await openStore(`sqlite:${copy}`);
    const all = { hosts: null, sinceMs: null, untilMs: null, service: null, limit: 10_000 };
    expect(await restored.kills(all)).toHaveLength(counted.kills);
    await restored.close();
  });

  it('leaves a file alone that is there', async () => {
    const url = newSqlite();
    await fill(url, 1);
    const there = path.join(folder, 'there.db');
    writeFileSync(there, 'of somebody');

    expect(() => backUpSqlite(url.slice('sqlite:'.length), there)).toThrow(/there\.db was not written: .*exist/);
    expect(readFileSync(there, 'utf8')).toBe('of somebody');
  });

  it('leaves nothing behind where it cannot be written', () => {
    expect(() => backUpSqlite(path.join(folder, 'none.db'), path.join(folder, 'x.db'))).toThrow(/does not exist yet/);
  });
});
