import pg from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/store.ts';
import { describeStore, openTested } from '../contract/store.ts';
import { held as heldBy, anEdit, batchOf, openOneAs, saveMany } from '../support/store-steps.ts';
import { aKill } from '../support/a-stored-kill.ts';
import { startPostgres } from '../support/postgres.ts';
import { needs } from '../support/needs.ts';
import { patchOf } from '../../src/app/tell/row-patch.ts';

const postgres = await startPostgres();
afterAll(() => postgres?.stop(), 60_000);

function createDatabase(): Promise<string> {
  if (postgres === null) throw new Error('PostgreSQL does not run');
  return postgres.createDatabase();
}

describe('on PostgreSQL', needs('postgres'), () => {
  describeStore(createDatabase);

  describe('several processes', () => {
    it('open a new database at the same time', async () => {
      const url = await createDatabase();

      const stores = await Promise.all(Array.from({ length: 4 }, () => openTested(url)));

      expect(await Promise.all(stores.map((store) => store.addedHosts()))).toEqual([[], [], [], []]);
    });

    it('never hold a host twice, while they claim at once and come and go', async () => {
      const url = await createDatabase();
      const stores = await Promise.all([1, 2, 3].map(() => openTested(url)));
      const names = Array.from({ length: 60 }, (_, at) => `host${at}`);
      let held: string[][] = [];

      for (let round = 0; round < 15; round += 1) {
        // From round 8 on the third process is silent, as if it had died; its leases last 3 rounds.
        const alive = round < 8 ? stores : stores.slice(0, 2);
        held = await Promise.all(
          alive.map((store, at) => heldBy(store, { owner: `p${at}`, names, nowMs: round * 1000, ttlMs: 3000 })),
        );
        const client = new pg.Client(url);
        await client.connect();
        const { rows } = await client.query<{ owner: string; name: string }>('select owner, name from leases');
        await client.end();
        for (const [at, mine] of held.entries()) {
          // What a process was told may have been given back by nobody but itself.
          expect(mine).toEqual(
            rows
              .filter((row) => row.owner === `p${at}`)
              .map((row) => row.name)
              .toSorted(),
          );
        }
        if (round === 7) expect(held.map((mine) => mine.length)).toEqual([20, 20, 20]);
      }

      expect(held.map((mine) => mine.length)).toEqual([30, 30]);
    });

    it('keep their leases, and save and tell kills, while all else waits for the server', async () => {
      const url = await createDatabase();
      const store = await openTested(url);
      const client = new pg.Client(url);
      await client.connect();
      await client.query('begin; lock table snapshots');
      const waiting = Array.from({ length: 40 }, (_, at) =>
        store.saveSnapshot({ host: `host${at}`, bootId: 'b', atMs: 0, processes: [], containers: [] }),
      );
      let isOver = false;
      void Promise.all(waiting).then(() => (isOver = true));

      const names = ['host1', 'host2'];
      expect(await heldBy(store, { owner: 'p', names, nowMs: 0, ttlMs: 3_000 })).toEqual(names);
      const batch = batchOf([aKill({ key: 'k1' })]);
      await store.saveBatch(batch, ({ fresh }) => openOneAs('i1', fresh, [anEdit('i1')]));
      expect(await store.queueLengths()).toMatchObject([{ channel: '#oom', waiting: 1 }]);
      expect(isOver).toBe(false);

      await client.query('commit');
      await client.end();
      await Promise.all(waiting);
    });

    it('keep what they hold while one of them counts the shares, and stands still', async () => {
      const url = await createDatabase();
      const store = await openTested(url);
      const names = Array.from({ length: 6 }, (_, at) => `host${at}`);
      expect(await heldBy(store, { owner: 'p', names, nowMs: 0, ttlMs: 3_000, takeMax: 4 })).toEqual(names.slice(0, 4));
      const client = new pg.Client(url);
      await client.connect();
      await client.query("begin; select pg_advisory_xact_lock(hashtextextended('oombot leases', 0))");

      expect(await heldBy(store, { owner: 'p', names, nowMs: 2_000, ttlMs: 3_000 })).toEqual(names.slice(0, 4));
      const { rows } = await client.query<{ ends: number }>('select min(expires_ms)::int as ends from leases');
      expect(rows).toEqual([{ ends: 5_000 }]);

      await client.query('commit');
      await client.end();
      expect(await heldBy(store, { owner: 'p', names, nowMs: 2_500, ttlMs: 3_000 })).toEqual(names);
    });

    it('never try one row at once: who notes it first sends it', async () => {
      const url = await createDatabase();
      const stores = await Promise.all([1, 2, 3].map(() => openTested(url)));
      const ids = Array.from({ length: 30 }, (_, at) => `i${at}`);
      await saveMany(stores[0]!, ids);
      await stores[0]!.enqueue(ids.map((id) => anEdit(id)));
      const rows = await stores[0]!.ledger('#oom', 0);

      const results = await Promise.all(
        rows.flatMap((row) =>
          stores.map(async (store, at) => {
            const owner = `p${at}`;
            const attempt = { owner, mark: row.key, threadTs: null, sinceMs: 0, after: null };
            const [result] = await store.saveLedger(owner, 0, [patchOf(row, { attempt })]);
            return `${row.key} ${result}`;
          }),
        ),
      );

      expect(results.filter((one) => one.endsWith('saved')).toSorted()).toEqual(
        ids.map((id) => `${id} saved`).toSorted(),
      );
      expect(results.filter((one) => one.endsWith('taken'))).toHaveLength(60);
    });

    it('count a kill once that two of them saw, and grow one incident', async () => {
      const url = await createDatabase();
      const stores = await Promise.all([1, 2, 3].map(() => openTested(url)));
      const kills = Array.from({ length: 20 }, (_, at) => aKill({ key: `k${at}`, atMs: at }));

      const saved = await Promise.all(
        stores.flatMap((store) =>
          kills.map((kill) =>
            store.saveBatch(batchOf([kill]), ({ nowOpen, fresh }) => {
              const [open] = nowOpen;
              if (open === undefined) return openOneAs('i', fresh);
              const placed = { [kill.key]: 'i' };
              return { incidents: [{ ...open, killCount: open.killCount + 1 }], placed, deliveries: [anEdit('i')] };
            }),
          ),
        ),
      );

      expect(saved.flatMap((batch) => batch.fresh)).toHaveLength(20);
      expect(await stores[0]!.incident('i')).toMatchObject({ killCount: 20, revision: 20 });
      expect(await stores[0]!.queueLengths()).toMatchObject([{ waiting: 1 }]);
    });

    it('write one audit chain', async () => {
      const url = await createDatabase();
      const stores = await Promise.all([1, 2, 3].map(() => openTested(url)));

      await Promise.all(
        Array.from({ length: 60 }, (_, at) =>
          stores[at % 3]!.appendAudit({ atMs: at, actor: 'U1', action: 'approve', host: null, details: {} }),
        ),
      );

      expect(await stores[0]!.verifyAudit()).toMatchObject({ kind: 'intact', entries: 60 });
    });
  });

  describe('a database that cannot be used gives one sentence without the password', () => {
    it.each<[string, (url: URL) => void]>([
      ['nobody listens', (url) => (url.port = '1')],
      ['wrong password', (url) => (url.password = 'wrong-secret')],
      ['no such database', (url) => (url.pathname = '/nowhere')],
    ])('%s', async (_what, change) => {
      const url = new URL(await createDatabase());
      change(url);

      const error: unknown = await openStore(url.href).catch((reason: unknown) => reason);

      expect(error).toBeInstanceOf(Error);
      const { message } = error as Error;
      expect(message).toMatch(/^The PostgreSQL database \w+ at 127\.0\.0\.1:\d+ cannot be used: .+\.$/);
      expect(message).not.toContain(url.password);
    });

    it('is not made by a reader', async () => {
      await expect(openStore(await createDatabase(), { readOnly: true })).rejects.toThrow(
        /is not up to date; start `oombot run` once\.$/,
      );
    });

    it('works on after the server has cut its connections', async () => {
      const url = await createDatabase();
      const store = await openTested(url);
      await store.putMute({ target: 'a', untilMs: 10, by: 'U1' });
      await postgres?.cutConnections(url);

      const tries = await Promise.allSettled([store.mutes(0), store.mutes(0)]);

      expect(tries.length).toBe(2);
      expect(await store.mutes(0)).toHaveLength(1);
    });
  });
});
