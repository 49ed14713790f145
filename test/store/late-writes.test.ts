import pg from 'pg';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Store } from '../../src/app/store-port.ts';
import { patchOf } from '../../src/app/tell/row-patch.ts';
import { openTested } from '../contract/store.ts';
import { needs } from '../support/needs.ts';
import { startPostgres } from '../support/postgres.ts';
import { aClaim, anEdit, saveMany } from '../support/store-steps.ts';
import { eventually } from '../support/whole-bot.ts';

const postgres = await startPostgres();
afterAll(() => postgres?.stop(), 60_000);

/** A record with one row to tell of, and a session beside it that can hold up what the store writes. */
async function open(): Promise<{ store: Store; beside: pg.Client }> {
  const url = await postgres!.createDatabase();
  const store = await openTested(url);
  await saveMany(store, ['i1']);
  await store.enqueue([anEdit('i1')]);
  const beside = new pg.Client(url);
  await beside.connect();
  onTestFinished(() => beside.end());
  return { store, beside };
}

async function isHeldUp(beside: pg.Client): Promise<void> {
  const held = "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
  await eventually(async () => (await beside.query(held)).rowCount === 1, 'a statement that waits');
}

describe('a write of the ledger that takes long on PostgreSQL', needs('postgres'), () => {
  it('is written where its row comes while it looks for it', async () => {
    const { store, beside } = await open();
    const [row] = await store.ledger('#oom', 0);
    await beside.query(`create table kept as select * from ledger;
      delete from ledger;
      create function hold() returns trigger language plpgsql
        as 'begin perform pg_advisory_xact_lock(1); return null; end';
      create trigger hold after update on ledger for each statement execute function hold();
      select pg_advisory_lock(1)`);

    const saved = store.saveLedger('me', 0, [patchOf(row!, { ts: '1.1' })]);
    await isHeldUp(beside);
    await beside.query('insert into ledger overriding system value select * from kept');
    await beside.query('select pg_advisory_unlock(1)');

    expect(await saved).toEqual(['saved']);
    expect(await store.ledger('#oom', 0)).toMatchObject([{ key: 'i1', ts: '1.1' }]);
  });

  it('undoes nothing where it waits for a successor who has told of the row', async () => {
    const { store, beside } = await open();
    const [row] = await store.ledger('#oom', 0);
    const attempt = { owner: 'late', mark: 'i1', threadTs: null, sinceMs: 0, after: null };
    await beside.query('begin');
    await beside.query("update ledger set ts = '1.1'");

    const saved = store.saveLedger('late', 0, [patchOf(row!, { attempt })]);
    await isHeldUp(beside);
    // It began before this lease was held.
    await store.claimLeases(aClaim({ kind: 'channel', owner: 'successor', names: ['#oom'] }));
    await beside.query('commit');

    expect(await saved).toEqual(['taken']);
    expect(await store.ledger('#oom', 0)).toMatchObject([{ key: 'i1', ts: '1.1', attempt: null }]);
  });
});
