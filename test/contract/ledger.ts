import { describe, expect, it } from 'vitest';
import { NOTHING_TOLD, type Attempt } from '../../src/app/ledger.ts';
import type { NewDelivery } from '../../src/app/ports.ts';
import type { Store } from '../../src/app/store-port.ts';
import { patchOf } from '../../src/app/tell/row-patch.ts';
import { aClaim, anEdit, saveMany } from '../support/store-steps.ts';

const ATTEMPT: Attempt = { owner: 'me', mark: 'i1', threadTs: null, sinceMs: 5, after: null };

function aReply(body: string): NewDelivery {
  return { incidentId: 'i1', channel: '#oom', kind: 'reply', body, notBeforeMs: 0 };
}

function news(body: string, notBeforeMs = 0): NewDelivery {
  return { incidentId: '', channel: '#oom', kind: 'news', body, notBeforeMs };
}

/** What any store does with what should stand where. */
export function describeLedger(openNew: () => Promise<Store>): void {
  async function aStore(...ids: string[]): Promise<Store> {
    const store = await openNew();
    await saveMany(store, ids);
    return store;
  }

  async function only(store: Store, key = 'i1') {
    const row = (await store.ledger('#oom', 1_000)).find((one) => one.key === key);
    if (row === undefined) throw new Error(`no row ${key}`);
    return row;
  }

  describe('ledger', () => {
    it('gives what is due in a destination, what has no message first, cards before words', async () => {
      const store = await aStore('i1', 'i2', 'i3');
      await store.enqueue([news('{}'), anEdit('i1'), anEdit('i2', { notBeforeMs: 2_000 }), anEdit('i3')]);
      await store.enqueue([anEdit('i3', { channel: '#b' })]);
      await store.saveLedger('me', 0, [patchOf(await only(store), { ts: '1.1' })]);

      const keys = (await store.ledger('#oom', 1_000)).map(({ kind, incidentId }) => incidentId ?? kind);

      expect(keys).toEqual(['i3', 'i1', 'news']);
      expect(await store.ledger('#b', 0)).toMatchObject([
        { destination: '#b', key: 'i3', kind: 'incident', wanted: 1, ts: null, shown: -1, told: NOTHING_TOLD },
      ]);
    });

    it('holds one row for an incident and place, which counts how often it was asked for', async () => {
      const store = await aStore('i1');
      for (let at = 0; at < 3; at += 1) await store.enqueue([anEdit('i1')]);
      await store.enqueue([anEdit('i1'), anEdit('i1')]);

      expect(await store.ledger('#oom', 0)).toMatchObject([{ key: 'i1', wanted: 4 }]);
    });

    it('says the same word once, however often a batch in doubt is saved', async () => {
      const store = await aStore('i1');
      for (let at = 0; at < 2; at += 1)
        await store.enqueue([anEdit('i1'), aReply('a'), aReply('b'), news('{}'), news('{}', 7)]);
      await store.saveLedger('me', 0, [patchOf(await only(store), { ts: '1.1' })]);

      const kinds = (await store.ledger('#oom', 10)).map(({ kind, body }) => `${kind} ${body}`);
      expect(kinds.toSorted()).toEqual(['incident null', 'news {}', 'news {}', 'reply a', 'reply b']);
    });

    it('holds a reply back until its incident has a message, and gives one that never gets any', async () => {
      const store = await aStore('i1');
      await store.enqueue([aReply('early')]);
      expect(await store.ledger('#oom', 0)).toMatchObject([{ kind: 'reply', parent: null }]);

      await store.enqueue([anEdit('i1')]);
      expect((await store.ledger('#oom', 0)).map(({ kind }) => kind)).toEqual(['incident']);

      const told = { ...NOTHING_TOLD, alone: false };
      await store.saveLedger('me', 0, [patchOf(await only(store), { ts: '1.1', told, doneUpTo: 1 })]);
      expect(await store.ledger('#oom', 0)).toMatchObject([{ kind: 'reply', parent: { ts: '1.1', alone: false } }]);
    });

    it('shows news under a key where they stand', async () => {
      const store = await aStore();
      await store.enqueue([news('{"key":"warning db01 1","n":1}')]);
      const [row] = await store.ledger('#oom', 0);
      await store.saveLedger('me', 0, [patchOf(row!, { ts: '1.1', doneUpTo: 1 })]);
      expect(await store.ledger('#oom', 0)).toEqual([]);

      await store.enqueue([news('{"key":"warning db01 1","n":2}', 9)]);

      expect(await store.ledger('#oom', 9)).toMatchObject([{ key: row!.key, ts: '1.1', wanted: 2 }]);
      expect((await store.ledger('#oom', 9))[0]?.body).toContain('"n":2');
    });

    it('is done with a row only as far as was asked when it was sent', async () => {
      const store = await aStore('i1');
      await store.enqueue([anEdit('i1')]);
      const row = await only(store);
      await store.enqueue([anEdit('i1')]);

      const done = patchOf(row, { ts: '1.1', shown: 4, doneUpTo: row.wanted, sentAtMs: 70 });
      expect(await store.saveLedger('me', 0, [done])).toEqual(['saved']);

      expect(await store.ledger('#oom', 0)).toMatchObject([{ ts: '1.1', shown: 4, wanted: 2 }]);
      await store.saveLedger('me', 0, [{ ...done, doneUpTo: 2 }]);
      expect(await store.ledger('#oom', 0)).toEqual([]);
      expect(await store.postedOf('i1')).toEqual([{ incidentId: 'i1', channel: '#oom', ts: '1.1', revision: 4 }]);
      expect(await store.sentSince('#oom', 60)).toEqual([70]);
      expect(await store.sentSince('#oom', 70)).toEqual([]);
    });

    it('counts as sent a message, what was said in its thread, and what may have been sent', async () => {
      const store = await aStore('i1', 'i2');
      await store.enqueue([anEdit('i1'), anEdit('i2')]);
      const [first, second] = await store.ledger('#oom', 0);
      const told = { ...NOTHING_TOLD, evidence: true };
      await store.saveLedger('me', 0, [
        patchOf(first!, { ts: '100.5', told, sentAtMs: 103_000 }),
        patchOf(second!, { attempt: { ...ATTEMPT, sinceMs: 104_000 } }),
      ]);

      expect(await store.sentSince('#oom', 100_000)).toEqual([100_500, 103_000, 104_000]);
      expect(await store.sentSince('#oom', 103_000)).toEqual([104_000]);
    });

    it('leaves alone what another owner tries, until that is cleared up', async () => {
      const store = await aStore('i1');
      await store.enqueue([anEdit('i1')]);
      const row = await only(store);
      await store.saveLedger('me', 0, [patchOf(row, { attempt: ATTEMPT })]);

      expect(await store.saveLedger('other', 0, [patchOf(row, { ts: 'x' })])).toEqual(['taken']);
      expect(await store.ledger('#oom', 0)).toMatchObject([{ attempt: ATTEMPT, ts: null }]);
      const seen = patchOf(await only(store), { attempt: null, ts: '1.1' });
      expect(seen.seenOwner).toBe('me');
      expect(await store.saveLedger('other', 0, [seen])).toEqual(['saved']);
      expect(await store.saveLedger('other', 0, [{ ...seen, key: 'nobody' }])).toEqual(['missing']);
    });

    it('lets only the one who holds the lease of a destination write there, while he lives', async () => {
      const store = await aStore('i1');
      await store.enqueue([anEdit('i1')]);
      const row = await only(store);
      await store.claimLeases(aClaim({ kind: 'channel', owner: 'holder', names: ['#oom'], nowMs: 0, ttlMs: 1_000 }));

      expect(await store.saveLedger('me', 999, [patchOf(row, { attempt: ATTEMPT })])).toEqual(['taken']);
      expect(await store.saveLedger('holder', 999, [patchOf(row, { ts: '1.1' })])).toEqual(['saved']);
      const now = await only(store);
      expect(await store.saveLedger('me', 999, [patchOf(now, { shown: 1 })])).toEqual(['taken']);
      expect(await store.saveLedger('me', 1_000, [patchOf(now, { shown: 1 })])).toEqual(['saved']);
    });

    it('takes from anyone where a message stands that nobody knows of', async () => {
      const store = await aStore('i1');
      await store.enqueue([anEdit('i1')]);
      const row = await only(store);
      await store.claimLeases(aClaim({ kind: 'channel', owner: 'holder', names: ['#oom'], nowMs: 0, ttlMs: 1_000 }));

      expect(await store.saveLedger('me', 999, [patchOf(row, { ts: '1.1' })])).toEqual(['saved']);
      const attempt = { ...ATTEMPT, owner: 'holder' };
      expect(await store.saveLedger('holder', 999, [patchOf(row, { attempt })])).toEqual(['taken']);
      expect(await only(store)).toMatchObject({ ts: '1.1', attempt: null });
    });

    it('keeps the message that stands there when somebody writes late who did not know of it', async () => {
      const store = await aStore('i1');
      await store.enqueue([anEdit('i1')]);
      const row = await only(store);
      const late = patchOf(row, { attempt: ATTEMPT });
      await store.saveLedger('successor', 0, [patchOf(row, { ts: '1.1' })]);

      expect(await store.saveLedger('me', 0, [late])).toEqual(['taken']);
      expect(await store.saveLedger('me', 0, [patchOf(row, { ts: '1.2' })])).toEqual(['taken']);
      expect(await only(store)).toMatchObject({ ts: '1.1', attempt: null });
      // It was deleted, and what is true is shown anew.
      expect(await store.saveLedger('successor', 0, [patchOf(await only(store), { ts: null })])).toEqual(['saved']);
      expect(await store.saveLedger('successor', 0, [patchOf(await only(store), { ts: '1.3' })])).toEqual(['saved']);
    });

    it('says how long the queues are, and since when people have not been told', async () => {
      const store = await aStore('i1', 'i2', 'i3');
      await store.enqueue([anEdit('i1'), anEdit('i2', { notBeforeMs: 70 }), anEdit('i3', { notBeforeMs: 60 })]);
      await store.enqueue([anEdit('i1', { channel: '#b' })]);
      await store.saveLedger('me', 0, [patchOf(await only(store), { attempt: ATTEMPT })]);
      const [there] = await store.ledger('#b', 0);
      await store.saveLedger('me', 0, [patchOf(there!, { ts: '1.1' })]);

      expect(await store.queueLengths()).toEqual([
        { channel: '#b', waiting: 1, inFlight: 0, failed: 0, nextAtMs: 0, untoldSinceMs: null },
        { channel: '#oom', waiting: 2, inFlight: 1, failed: 0, nextAtMs: 0, untoldSinceMs: 0 },
      ]);
    });

    it('keeps what was given up with its reason, out of the way, until it is asked for again', async () => {
      const store = await aStore('i1');
      await store.enqueue([anEdit('i1')]);
      const failed = { reason: 'channel_not_found', atMs: 9 };
      await store.saveLedger('me', 0, [patchOf(await only(store), { attempts: 8, failed })]);

      expect(await store.ledger('#oom', 1_000)).toEqual([]);
      expect(await store.failedDeliveries(10)).toEqual([
        { channel: '#oom', key: 'i1', incidentId: 'i1', attempts: 8, reason: 'channel_not_found', failedAtMs: 9 },
      ]);
      expect(await store.queueLengths()).toMatchObject([{ waiting: 0, failed: 1, nextAtMs: null }]);

      await store.enqueue([anEdit('i1')]);
      expect(await store.ledger('#oom', 0)).toMatchObject([{ key: 'i1', attempts: 0 }]);
    });

    it('asks a webhook for each change of an incident that it was told of, and gives what is in an alert', async () => {
      const store = await aStore('i1', 'i2', 'i3');
      const event = { channel: 'webhook:pager', kind: 'event' as const };
      await store.enqueue([anEdit('i1', { ...event, notBeforeMs: 5 }), anEdit('i2', { ...event, notBeforeMs: 9 })]);
      const rows = await store.ledger('webhook:pager', 100);
      expect(rows.map(({ key, kind, wanted }) => [key, kind, wanted])).toEqual([
        ['i1', 'event', 1],
        ['i2', 'event', 1],
      ]);
      const done = rows.map((row) => patchOf(row, { ts: 'storm-i1', shown: 1, doneUpTo: row.wanted }));
      await store.saveLedger('me', 0, done);
      expect(await store.ledger('webhook:pager', 100)).toEqual([]);

      const incident = await store.incident('i2');
      await store.updateIncident({ ...incident!, ack: { by: 'U1', atMs: 7 } }, []);

      expect(await store.ledger('webhook:pager', 100)).toMatchObject([{ key: 'i2', wanted: 2, ts: 'storm-i1' }]);
      const members = await store.alertMembers('webhook:pager', 'storm-i1', 10);
      expect(members.map(({ row, incident: { id, revision, ack } }) => [row.key, id, revision, ack])).toEqual([
        ['i1', 'i1', 1, undefined],
        ['i2', 'i2', 2, { by: 'U1', atMs: 7 }],
      ]);
      expect(await store.alertsSince('webhook:pager', 6, 10)).toEqual([
        { key: 'i2', alert: 'storm-i1', createdAtMs: 9 },
      ]);
      expect(await store.postedOf('i1')).toEqual([]);
    });

    it('notes for a row that it may have been told before, so that it is looked for', async () => {
      const store = await aStore('i1');
      await store.enqueue([anEdit('i1', { lookSinceMs: 3 })]);

      expect(await store.ledger('#oom', 0)).toMatchObject([
        { attempt: { owner: '', mark: 'i1', threadTs: null, sinceMs: 3, after: null } },
      ]);
    });

    it('writes all of one step or nothing, and refuses an incident that is not stored', async () => {
      const store = await aStore('i1');
      await store.enqueue([anEdit('i1')]);
      const patch = patchOf(await only(store), { ts: '1.1' });

      await expect(store.saveLedger('me', 0, [patch], [anEdit('nobody')])).rejects.toThrow(/foreign key/i);

      expect(await store.ledger('#oom', 0)).toMatchObject([{ key: 'i1', ts: null }]);
    });
  });
}
