import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { amendKills, closeQuiet, groupKills, INCIDENT_WINDOW_MS } from '../../src/incident/grouping.ts';
import type { Incident, Kill } from '../../src/incident/incident.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { anIncident } from '../support/an-incident.ts';

const T0 = Date.UTC(2026, 7, 30, 1, 35, 8);

function group(kills: Kill[], open: Incident[] = [], nowMs = T0): Incident[] {
  return groupKills(open, kills, nowMs, (kill) => `i-${kill.key}`).incidents;
}

function groupKill(name: string, given: Partial<Parameters<typeof aRecord>[0]> = {}, more: Partial<Kill> = {}): Kill {
  return aKill({ ...more, record: aRecord({ name, identity: null, taskMemcg: null, ...given }) });
}

type KillIdentity = NonNullable<Kill['record']['identity']>;

function aContainer(id: string): KillIdentity {
  return {
    unit: null,
    slice: null,
    container: id,
    runtime: 'containerd',
    pod: '5f1c2a3b-0000-4000-8000-000000000000',
    qos: 'burstable',
  };
}

describe('which kills are one incident', () => {
  it('takes a second kill of the same service into the first incident', () => {
    const incidents = group([aKill({ pid: 1 }), aKill({ pid: 2, atMs: T0 + 25 * 60_000 })]);

    expect(incidents).toHaveLength(1);
    expect(incidents[0]).toMatchObject({ service: 'mysql.service', killCount: 2, lastAtMs: T0 + 25 * 60_000 });
  });

  it('opens a new incident after a pause longer than the window', () => {
    const incidents = group([aKill({ pid: 1 }), aKill({ pid: 2, atMs: T0 + INCIDENT_WINDOW_MS + 1 })]);

    expect(incidents.map((incident) => incident.killCount)).toEqual([1, 1]);
  });

  it('keeps hosts apart', () => {
    expect(group([aKill(), aKill({ host: 'db02' })])).toHaveLength(2);
  });

  it('keeps two reasons apart: the host ran out, and the service hit its own limit', () => {
    const host = groupKill('java', { pid: 1, domain: 'host' });
    const limit = groupKill('java', { pid: 2, domain: 'memcg', oomMemcg: '/a' });

    expect(group([host, limit])).toHaveLength(2);
  });

  it('keeps a kill asked for by hand apart', () => {
    const byHand = groupKill('mysqld', {
      pid: 7,
      trigger: { name: 'bash', pid: 9, gfpMask: null, gfpFlags: null, order: -1, oomScoreAdj: 0 },
    });

    expect(group([groupKill('mysqld'), byHand])).toHaveLength(2);
  });

  it('takes a short kill line, which does not say what ran out, to the incident of its service', () => {
    const short = groupKill('mysqld', { pid: 8, domain: null, constraint: null, trigger: null });

    expect(group([groupKill('mysqld'), short])).toHaveLength(1);
  });

  it('makes one incident of all victims of a memory.oom.group kill', () => {
    const victims = ['sh', 'nginx', 'worker'].map((name, at) =>
      groupKill(name, { pid: at + 1, domain: 'memcg', oomMemcg: '/pod', oomGroup: '/pod' }, { atMs: T0 + at }),
    );

    expect(group(victims)).toMatchObject([{ killCount: 3, service: '/pod' }]);
  });

  it('makes one storm of different victims of one host within a minute', () => {
    const victims = ['php-fpm', 'mysqld', 'sshd', 'cron'].map((name, at) =>
      groupKill(name, { pid: at }, { atMs: T0 + at * 9_000 }),
    );

    const [storm, ...others] = group(victims);

    expect(others).toEqual([]);
    expect(storm?.killCount).toBe(4);
    expect(storm?.victims.map((victim) => victim.service)).toEqual(['cron', 'mysqld', 'php-fpm', 'sshd']);
  });

  it('opens at most three incidents for groups that all hit their own limits within a minute', () => {
    const victims = Array.from({ length: 25 }, (_, at) =>
      groupKill(`w${at}`, { pid: at, domain: 'memcg', oomMemcg: `/g${at}` }, { atMs: T0 + at * 100 }),
    );

    expect(group(victims).map((incident) => incident.killCount)).toEqual([1, 1, 23]);
  });

  it('does not call an own limit a part of the host running out', () => {
    const limit = groupKill('java', { pid: 2, domain: 'memcg', oomMemcg: '/a' }, { atMs: T0 + 500 });

    expect(group([groupKill('mysqld'), limit])).toHaveLength(2);
  });

  it('knows a pod across restarts of its containers', () => {
    const kills = ['aa', 'bb'].map((id, at) =>
      groupKill(
        'java',
        { pid: at, domain: 'memcg', oomMemcg: null, identity: aContainer(id) },
        { atMs: T0 + at * 60_000 },
      ),
    );

    expect(group(kills)).toMatchObject([{ killCount: 2, service: 'pod 5f1c2a3b' }]);
  });

  it('calls a login session by its process, not by its session', () => {
    const kill = groupKill('stress', {
      identity: { unit: 'session-3.scope', slice: null, container: null, runtime: null, pod: null, qos: null },
    });

    expect(group([kill])[0]?.service).toBe('stress');
  });
});

describe('amending and closing', () => {
  it('replaces a known kill, and renames the incident when its unit becomes known', () => {
    const bare = groupKill('mysqld');
    const full = { ...aKill(), key: bare.key };
    const incident = anIncident({ kills: [bare] });

    const { incidents, changes } = amendKills([incident], [full]);

    expect(incidents[0]).toMatchObject({
      service: 'mysql.service',
      killCount: 1,
      victims: [{ service: 'mysql.service', count: 1 }],
    });
    expect(changes).toEqual([{ kind: 'amended', incidentId: incident.id, newKills: [] }]);
  });

  it('says nothing changed when the same kill comes again', () => {
    const incident = anIncident();

    const again = groupKills([incident], [structuredClone(aKill())], T0, () => 'x');

    expect(again.changes).toEqual([]);
    expect(again.incidents[0]).toBe(incident);
  });

  it('keeps the last word when a kill and its amendment come in one batch', () => {
    const first = aKill({ record: aRecord({ reaped: false }) });
    const later = { ...first, record: aRecord({ reaped: true }) };

    expect(group([first, later])[0]?.kills[0]?.record.reaped).toBe(true);
  });

  it('closes after a quiet window, but holds a service that is still down for a day', () => {
    const quiet = anIncident();
    const down = anIncident({ back: { kind: 'down', sinceMs: T0 } });

    const { incidents, changes } = closeQuiet([quiet, down], T0 + INCIDENT_WINDOW_MS + 1);

    expect(incidents.map((incident) => incident.closedAtMs)).toEqual([T0 + INCIDENT_WINDOW_MS + 1, null]);
    expect(changes.map((change) => change.kind)).toEqual(['closed']);
    expect(closeQuiet([down], T0 + 25 * 60 * 60_000).incidents[0]?.closedAtMs).not.toBeNull();
  });

  it('opens and closes what lies in the past at once', () => {
    const { incidents, changes } = groupKills([], [aKill()], T0 + 86_400_000, () => 'x');

    expect(incidents[0]?.closedAtMs).toBe(T0 + 86_400_000);
    expect(changes.map((change) => change.kind)).toEqual(['opened']);
  });

  it('keeps the last 20 kills and counts all', () => {
    const kills = Array.from({ length: 120 }, (_, pid) => aKill({ pid, atMs: T0 + pid }));

    const [incident] = group(kills);

    expect(incident?.killCount).toBe(120);
    expect(incident?.kills.map((kill) => kill.record.pid)).toEqual(Array.from({ length: 20 }, (_, at) => 100 + at));
  });
});

describe('whatever order kills arrive in', () => {
  const kill = fc
    .record({
      host: fc.constantFrom('db01', 'db02'),
      name: fc.constantFrom('mysqld', 'java', 'php-fpm', 'nginx'),
      domain: fc.constantFrom('host' as const, 'memcg' as const, null),
      oomMemcg: fc.constantFrom('/a', '/b'),
      at: fc.integer({ min: 0, max: 4 * 60 * 60 }),
      pid: fc.integer({ min: 1, max: 500 }),
    })
    .map(({ host, name, domain, oomMemcg, at, pid }) =>
      groupKill(name, { pid, domain, oomMemcg: domain === 'memcg' ? oomMemcg : null }, { host, atMs: T0 + at * 1_000 }),
    );
  const kills = fc.uniqueArray(kill, { selector: (one) => one.key, maxLength: 60 });

  it('gives the same incidents for one batch', () => {
    fc.assert(
      fc.property(kills, fc.infiniteStream(fc.nat()), (batch, order) => {
        const shuffled = batch.map((one) => ({ one, at: order.next().value ?? 0 })).toSorted((a, b) => a.at - b.at);

        expect(group(shuffled.map(({ one }) => one))).toEqual(group(batch));
      }),
    );
  });

  it('loses no kill and doubles none over many batches, even when batches overlap', () => {
    fc.assert(
      fc.property(kills, fc.array(fc.nat({ max: 5 }), { minLength: 60, maxLength: 60 }), (all, cuts) => {
        const batches = [0, 1, 2, 3, 4, 5].map((batch) => all.filter((_, at) => cuts[at] === batch));
        // The store hands in only what it did not know.
        let incidents: Incident[] = [];
        const told: string[] = [];
        for (const batch of batches) {
          const { incidents: next, changes } = groupKills(incidents, batch, T0, (one) => `i-${one.key}`);
          incidents = next;
          told.push(...changes.flatMap((change) => change.newKills.map((one) => one.key)));
        }

        const total = incidents.reduce((sum, incident) => sum + incident.killCount, 0);
        const byService = incidents
          .flatMap((incident) => incident.victims)
          .reduce((sum, victim) => sum + victim.count, 0);
        expect(total).toBe(all.length);
        expect(byService).toBe(all.length);
        expect(told.toSorted()).toEqual(all.map((one) => one.key).toSorted());
      }),
    );
  });
});
