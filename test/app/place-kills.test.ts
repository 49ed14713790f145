import { expect, it } from 'vitest';
import { closeQuietIncidents, tellClosed } from '../../src/app/place-kills.ts';
import { anIncident } from '../support/an-incident.ts';

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
