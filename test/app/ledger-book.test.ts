import { describe, expect, it } from 'vitest';
import { NOTHING_TOLD, type LedgerPatch, type LedgerRow } from '../../src/app/ledger.ts';
import type { NewDelivery } from '../../src/app/ports.ts';
import { openLedgerBook } from '../../src/app/tell/ledger-book.ts';
import { patchOf } from '../../src/app/tell/row-patch.ts';
import type { TellWorld } from '../../src/app/tell/tell-world.ts';
import type { Incident } from '../../src/incident/incident.ts';
import { aKill } from '../support/a-kill.ts';
import { anIncident } from '../support/an-incident.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { QUIET } from '../support/quiet-log.ts';

const T0 = Date.UTC(2026, 7, 30, 1, 35, 8);
const HOUR_MS = 60 * 60_000;

/** A book over a record that knows the rows in `onRecord`, and fails while it is told to. */
function aBook() {
  const clock = fakeClock(T0);
  const onRecord = new Set<string>();
  const asked: NewDelivery[] = [];
  const state = { fails: false };
  const store = {
    ledger: async (): Promise<LedgerRow[]> => {
      if (state.fails) throw new Error('no database');
      return [];
    },
    saveLedger: async (
      _owner: string,
      _nowMs: number,
      patches: readonly LedgerPatch[],
      more: readonly NewDelivery[] = [],
    ) => {
      if (state.fails) throw new Error('no database');
      asked.push(...more);
      return patches.map(({ key }) => (onRecord.has(key) ? 'saved' : 'missing'));
    },
  } as unknown as TellWorld['store'];
  const world = { store, clock, log: QUIET, owner: 'me' } as unknown as TellWorld;
  const book = openLedgerBook('#oom', world);

  /** It cannot be saved, is told all the same, and its thread is to hear more. */
  async function tellFromMemory(incident: Incident): Promise<void> {
    book.hand(incident, false);
    const row = (await book.rows()).find(({ key }) => key === incident.id);
    if (row === undefined) throw new Error('nothing to tell');
    const told = { ...NOTHING_TOLD, announcedAtMs: clock.nowMs() };
    await book.settle([patchOf(row, { ts: '1.1', shown: 1, told })], [replyTo(incident.id)]);
  }

  return { book, clock, state, onRecord, asked, tellFromMemory };
}

function replyTo(incidentId: string): NewDelivery {
  return { incidentId, channel: '#oom', kind: 'reply', body: '{}', notBeforeMs: 0 };
}

function incidentOf(number: number): Incident {
  return anIncident({ id: `i${number}`, kills: [aKill({ pid: number, atMs: T0 })] });
}

describe('what was told before it was on record', () => {
  it('is written, with its replies, as soon as its incident is on record', async () => {
    const { book, onRecord, asked, tellFromMemory } = aBook();
    await tellFromMemory(incidentOf(1));
    await book.rows();
    expect([book.unwritten(), asked]).toEqual([2, []]);

    onRecord.add('i1');
    await book.rows();
    await book.rows();

    expect([book.unwritten(), asked]).toEqual([0, [replyTo('i1')]]);
  });

  it('is given up after a day with its replies: its kills were placed in another incident', async () => {
    const { book, clock, asked, tellFromMemory } = aBook();
    await tellFromMemory(incidentOf(1));
    await clock.advance(23 * HOUR_MS);
    await book.rows();
    expect(book.unwritten()).toBe(2);

    await clock.advance(2 * HOUR_MS);
    await book.rows();

    expect([book.unwritten(), asked]).toEqual([0, []]);
  });

  it('gives up nothing of another incident', async () => {
    const { book, clock, onRecord, asked, tellFromMemory } = aBook();
    await tellFromMemory(incidentOf(1));
    await clock.advance(23 * HOUR_MS);
    await tellFromMemory(incidentOf(2));
    await clock.advance(2 * HOUR_MS);
    await book.rows();
    onRecord.add('i2');
    await book.rows();
    await book.rows();

    expect([book.unwritten(), asked]).toEqual([0, [replyTo('i2')]]);
  });

  it('never grows beyond its bound, also while the database cannot be read', async () => {
    const { book, state, tellFromMemory } = aBook();
    state.fails = true;
    for (let number = 0; number < 60; number += 1) await tellFromMemory(incidentOf(number));
    const patch = patchOf((await book.rows())[0] ?? aRow(), {});
    await book.settle(Array.from({ length: 6_000 }, (_, at) => ({ ...patch, key: `k${at}`, ts: '1.1' })));
    await book.rows();

    expect(book.unwritten()).toBeLessThanOrEqual(5_060);
  });
});

function aRow(): LedgerRow {
  return {
    destination: '#oom',
    key: 'x',
    kind: 'incident',
    incidentId: 'x',
    changeId: null,
    body: null,
    wanted: 1,
    ts: null,
    shown: -1,
    told: NOTHING_TOLD,
    attempt: null,
    attempts: 0,
    notBeforeMs: 0,
    createdAtMs: T0,
    parent: null,
  };
}
