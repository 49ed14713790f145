import type { Incident, Kill } from '../../src/incident/incident.ts';
import { problemOf, serviceOf } from '../../src/incident/service.ts';
import type { KillRecord } from '../../src/oom/report.ts';
import { aRecord } from './a-kill.ts';

/** One kill on db01 as the kernel's log tells it at once; its service is its process name. Facts of its record may be given apart. */
export function aKill(facts: Partial<Omit<Kill, 'record'>> & { record?: Partial<KillRecord> } = {}): Kill {
  const { record, ...rest } = facts;
  return {
    key: 'boot-1:1000000:365',
    host: 'db01',
    bootId: 'boot-1',
    atMs: Date.UTC(2026, 0, 5, 12),
    atErrorMs: 5,
    seenAtMs: Date.UTC(2026, 0, 5, 12) + 3,
    source: 'kmsg',
    verified: true,
    who: null,
    ...rest,
    record: aRecord({ identity: null, reaped: false, ...record }),
  };
}

/** An open incident that is not yet saved, whatever its kills have in common. */
export function anIncident(facts: Partial<Incident> = {}): Incident {
  const [first = aKill()] = facts.kills ?? [];
  return {
    id: 'incident-1',
    host: first.host,
    problem: problemOf(first),
    service: serviceOf(first),
    victims: [{ service: serviceOf(first), count: 1 }],
    killer: 'kernel',
    domain: 'host',
    cause: null,
    firstAtMs: first.atMs,
    lastAtMs: first.atMs,
    killCount: 1,
    kills: [first],
    back: { kind: 'unknown' },
    next: null,
    mutedUntilMs: null,
    closedAtMs: null,
    revision: 0,
    ...facts,
  };
}
