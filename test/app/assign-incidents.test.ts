import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { closeQuietIncidents, assignIncidents, tellClosed } from '../../src/app/watch/assign-incidents.ts';
import type { ToldAs } from '../../src/incident/grouping.ts';
import type { BatchDecision, BatchView } from '../../src/app/store-port.ts';
import { openStore } from '../../src/store/store.ts';
import { aKill } from '../support/a-kill.ts';
import { anIncident } from '../support/an-incident.ts';
import { PLACING } from '../support/placing.ts';

it('has the message of an incident edited where it was posted, once it has been quiet and closes', () => {
  const incident = anIncident();
  const nowMs = incident.lastAtMs + 31 * 60_000;
  const posted = [{ incidentId: incident.id, channel: '#oom', ts: '1.1', revision: 1 }];
  const [closed] = closeQuietIncidents([incident], nowMs);

  expect(closed && tellClosed(closed, posted, nowMs)).toEqual([
    { incidentId: incident.id, channel: '#oom', kind: 'incident', body: null, notBeforeMs: nowMs },
  ]);
  expect(closed && tellClosed(closed, [], nowMs)).toEqual([]);
  expect(tellClosed(incident, posted, nowMs)).toEqual([]);
});

const kill = aKill();

function decide(view: BatchView): BatchDecision {
  return assignIncidents(view, { ...PLACING, nowMs: kill.atMs, newId: () => 'i-1' });
}

it('has whoever serves the channel look for the message of an incident that was told from memory', () => {
  const view = { host: kill.host, nowOpen: [], fresh: [kill], amended: [] };
  const placing = { nowMs: kill.atMs, newId: () => 'i-1', isHistory: () => false, mutes: [], channelOf: () => '#oom' };
  function lookSinceOf(toldAs: ToldAs | null): (number | undefined)[] {
    return assignIncidents(view, { ...placing, toldAs: () => toldAs }).deliveries.map(({ lookSinceMs }) => lookSinceMs);
  }

  expect(lookSinceOf({ id: 'i-1', opens: true })).toEqual([kill.atMs - 60_000]);
  expect(lookSinceOf(null)).toEqual([undefined]);
});

it('has the message edited once more is known of a kill that it tells of', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-place-'));
  const store = await openStore(`sqlite:${path.join(folder, 'test.db')}`);
  try {
    await store.saveBatch({ host: kill.host, kills: [{ ...kill, who: null }], positions: [] }, decide);
    const decisions: BatchDecision[] = [];

    const aftermath = ['The reaper could not free its memory: the process is stuck'];
    await store.saveBatch(
      { host: kill.host, kills: [{ ...kill, record: { ...kill.record, aftermath } }], positions: [] },
      (view) => {
        decisions.push(decide(view));
        return decisions[0]!;
      },
    );

    expect(decisions.map(({ placed, deliveries }) => ({ placed, deliveries }))).toEqual([
      {
        placed: {},
        deliveries: [{ incidentId: 'i-1', channel: '#oom', kind: 'incident', body: null, notBeforeMs: kill.atMs }],
      },
    ]);
    expect(await store.incident('i-1')).toMatchObject({
      killCount: 1,
      revision: 2,
      kills: [{ record: { aftermath } }],
    });
  } finally {
    await store.close();
    rmSync(folder, { recursive: true });
  }
});
