import { describe, expect, it } from 'vitest';
import type { Change } from '../../src/change/change.ts';
import { decideApproval, decideDecline } from '../../src/change/decisions.ts';
import type { Rule } from '../../src/change/rule.ts';
import type { Store } from '../../src/app/store-port.ts';
import { aChange, PROPOSED_AT_MS } from '../support/a-change.ts';
import { aKill } from '../support/a-stored-kill.ts';
import { batchOf, openOneAs } from '../support/store-steps.ts';
import { patchOf } from '../../src/app/tell/row-patch.ts';

const NOW = PROPOSED_AT_MS + 1_000;
const APPLIED: Change['state'] = { kind: 'applied', atMs: 1, untilMs: null, undoFailed: null, tryAgainAtMs: 0 };

/** What any store does with changes. `openTwo` gives two stores over one database, or one twice. */
export function describeChanges(openTwo: () => Promise<[Store, Store]>): void {
  describe('changes', () => {
    it('are kept with every part, and their first entry in the audit log', async () => {
      const [store] = await openTwo();

      const saved = await store.addChange(aChange({ revision: 0, why: 'it is <!channel> "x"\n' }), anEntry('propose'));

      expect(saved.revision).toBe(1);
      expect(await store.change('c1')).toEqual(saved);
      expect(await store.change('c2')).toBeNull();
      expect((await store.audit('db01', 10)).map((row) => row.action)).toEqual(['propose']);
      expect(await store.verifyAudit()).toMatchObject({ kind: 'intact', entries: 1 });
    });

    it.each<[Change['state'], boolean]>([
      [{ kind: 'proposed' }, true],
      [{ kind: 'approved', atMs: 1 }, true],
      [{ kind: 'applying', owner: 'me', atMs: 1 }, true],
      [APPLIED, true],
      [{ kind: 'undoing', owner: 'me', atMs: 1, askedBy: 'UANN' }, true],
      [{ kind: 'unknown', atMs: 1, during: 'apply', askedBy: 'UANN' }, true],
      [{ kind: 'undone', atMs: 1, askedBy: 'UANN' }, false],
      [{ kind: 'declined', atMs: 1, by: 'UBEN' }, false],
    ])(
      'that are open keep their row, card and the thread of their incident, whatever their age: %j',
      async (state, stays) => {
        const [store] = await openTwo();
        for (const id of ['about', 'other']) {
          await store.saveBatch(batchOf([aKill({ key: id, atMs: 1 })]), ({ fresh }) => openOneAs(id, fresh));
          await store.updateIncident({ ...(await store.incident(id))!, closedAtMs: 1 }, []);
          await told(store, id);
        }
        const change = await store.addChange(
          aChange({ revision: 0, proposedAtMs: 1, channel: '#oom', incidentId: 'about' }),
          anEntry('propose'),
        );
        await store.updateChange({ ...change, state }, []);
        const nowMs = 1_000_000_000_000;

        await store.prune({ nowMs, keepKillsMs: 1_000, keepSamplesMs: 1_000, maxKillsPerHost: 1 });

        expect((await store.change('c1')) !== null).toBe(stays);
        expect((await store.ledger('#oom', nowMs)).map(({ kind }) => kind)).toEqual(stays ? ['card'] : []);
        expect((await store.postedOf('about')).map(({ ts }) => ts)).toEqual(stays ? ['1.1'] : []);
        expect(await store.incident('other')).toBeNull();
        expect(await store.kills({ hosts: null, sinceMs: null, untilMs: null, service: null, limit: 9 })).toEqual([]);
      },
    );

    it('of one id are kept once, without a second entry', async () => {
      const [store] = await openTwo();
      await store.addChange(aChange(), anEntry('propose'));

      await expect(store.addChange(aChange(), anEntry('propose'))).rejects.toThrow();

      expect(await store.audit(null, 10)).toHaveLength(1);
    });

    it('move on from the stored revision only; who was slower is told what is there, and leaves no entry', async () => {
      const [first, second] = await openTwo();
      const change = await first.addChange(aChange(), anEntry('propose'));

      const yes = await first.updateChange({ ...change, quorum: 2 }, [anEntry('approve')]);
      const late = await second.updateChange({ ...change, quorum: 3 }, [anEntry('decline')]);

      expect(yes).toMatchObject({ kind: 'saved', change: { revision: 2, quorum: 2 } });
      expect(late).toMatchObject({ kind: 'conflict', current: { revision: 2, quorum: 2 } });
      expect((await first.audit(null, 10)).map((row) => row.action)).toEqual(['approve', 'propose']);
    });

    it('end in one outcome when two decide at the same moment, again and again', async () => {
      const [first, second] = await openTwo();
      for (let round = 0; round < 10; round += 1) {
        const change = await first.addChange(aChange({ id: `race-${round}` }), anEntry('propose', `race-${round}`));
        const [yes, no] = [approved(change), declined(change)];

        const results = await Promise.all([
          first.updateChange(yes, [anEntry('approve', change.id)]),
          second.updateChange(no, [anEntry('decline')]),
        ]);

        expect(results.map((one) => one.kind).toSorted()).toEqual(['conflict', 'saved']);
        const winner = results[0]?.kind === 'saved' ? 'approved' : 'declined';
        expect((await first.change(change.id))?.state.kind).toBe(winner);
      }
      expect(await first.verifyAudit()).toMatchObject({ kind: 'intact', entries: 20 });
    });

    it('are listed newest first, the open ones oldest first', async () => {
      const [store] = await openTwo();
      for (const [id, host, atMs] of [
        ['a', 'db01', 1],
        ['b', 'web1', 2],
        ['c', 'db01', 3],
      ] as const)
        await store.addChange(aChange({ id, host, proposedAtMs: atMs }), anEntry('propose'));
      const b = (await store.change('b'))!;
      await store.updateChange(declined(b), []);

      expect((await store.changes(null, 10)).map((one) => one.id)).toEqual(['c', 'b', 'a']);
      expect((await store.changes('db01', 1)).map((one) => one.id)).toEqual(['c']);
      expect((await store.openChanges()).map((one) => one.id)).toEqual(['a', 'c']);
    });
  });

  it('in force do not hide an approved one, however many they are, and are read a page at a time', async () => {
    const [store] = await openTwo();
    for (let at = 0; at < 501; at += 1)
      await store.addChange(
        aChange({ id: `a${String(at).padStart(4, '0')}`, proposedAtMs: at, state: APPLIED }),
        anEntry('propose'),
      );
    await store.addChange(
      aChange({ id: 'new', proposedAtMs: 9_000, state: { kind: 'approved', atMs: 9_001 } }),
      anEntry('propose'),
    );

    expect((await store.openChanges()).map(({ id }) => id)).toEqual(['new']);
    const first = await store.appliedChanges();
    const rest = await store.appliedChanges(first.at(-1)!);
    expect([first.length, rest.map(({ id }) => id), await store.appliedChanges(rest.at(-1)!)]).toEqual([
      500,
      ['a0500'],
      [],
    ]);
  });

  describe('cards', () => {
    it('stand in the ledger until they show the change as it is', async () => {
      const [store] = await openTwo();
      const change = await store.addChange(aChange(), anEntry('propose'));

      const [card] = await store.ledger('C1', NOW);
      expect(card).toMatchObject({ kind: 'card', key: 'change-c1', changeId: 'c1', ts: null, shown: -1, wanted: 1 });
      await store.saveLedger('me', NOW, [patchOf(card!, { ts: '1.2', shown: change.revision, doneUpTo: 1 })]);
      expect(await store.ledger('C1', NOW)).toEqual([]);

      await store.updateChange(declined(change), []);
      expect(await store.ledger('C1', NOW)).toMatchObject([{ ts: '1.2', shown: 1, wanted: 2 }]);
    });

    it('are shown anew when somebody asks for it', async () => {
      const [store] = await openTwo();
      const change = await store.addChange(aChange(), anEntry('propose'));
      const [card] = await store.ledger('C1', NOW);
      await store.saveLedger('me', NOW, [patchOf(card!, { ts: '1.2', shown: change.revision, doneUpTo: 1 })]);

      await store.repairCard('c1');

      expect(await store.ledger('C1', NOW)).toMatchObject([{ ts: '1.2', shown: -1 }]);
    });
  });

  describe('what is told of a step', () => {
    it('is queued with it, or not at all', async () => {
      const [store, other] = await openTwo();
      const change = await store.addChange(aChange(), anEntry('propose'));
      const news = { incidentId: '', channel: 'C1', kind: 'news' as const, body: 'told', notBeforeMs: NOW };

      await store.updateChange(change, [anEntry('approve')], [news]);
      expect(await other.updateChange(change, [anEntry('approve')], [news])).toMatchObject({ kind: 'conflict' });

      expect(await store.queueLengths()).toMatchObject([{ channel: 'C1', waiting: 2 }]);
    });
  });

  describe('rules', () => {
    it('are kept, replaced by their revision, and gone from the list when ended', async () => {
      const [store, other] = await openTwo();
      const rule = (await store.putRule(aRule()))!;
      expect(await store.rules()).toEqual([rule]);

      const paused = (await store.putRule({ ...rule, state: 'paused' }))!;
      expect(await other.putRule({ ...rule, state: 'ended' })).toBeNull();
      expect(await store.rules()).toEqual([paused]);

      await store.putRule({ ...paused, state: 'ended' });
      expect(await store.rules()).toEqual([]);
    });
  });
}

/** Its message stands in the channel, and nothing waits for it. */
async function told(store: Store, incidentId: string): Promise<void> {
  const row = (await store.ledger('#oom', NOW)).find((one) => one.incidentId === incidentId)!;
  await store.saveLedger('me', 1, [patchOf(row, { ts: '1.1', shown: 99, doneUpTo: row.wanted })]);
}

function anEntry(action: string, change = 'c1') {
  const actor = action === 'approve' ? 'UBEN' : 'UANN';
  return { atMs: NOW, actor, action, host: 'db01', details: { change } };
}

function approved(change: Change): Change {
  const request = { by: 'UBEN', nowMs: NOW, standing: 'may', selfApproval: false, stillMay: [] } as const;
  const decision = decideApproval({ ...change, expiresAtMs: NOW + 1 }, request);
  if (decision.kind === 'refused') throw new Error(decision.refusal.kind);
  return decision.next;
}

function declined(change: Change): Change {
  const decision = decideDecline({ ...change, expiresAtMs: NOW + 1 }, { by: 'UCAT', nowMs: NOW, standing: 'may' });
  if (decision.kind === 'refused') throw new Error(decision.refusal.kind);
  return decision.next;
}

export function aRule(change: Partial<Rule> = {}): Rule {
  return {
    id: 'r1',
    revision: 0,
    hosts: ['db01'],
    name: 'mysqld',
    unit: null,
    uids: [111],
    tag: 'db',
    commandLine: null,
    onDrift: 'mend',
    widened: [],
    adj: -500,
    state: 'active',
    madeBy: 'UANN',
    madeAtMs: NOW,
    changeId: 'c1',
    channel: 'C1',
    ...change,
  };
}
