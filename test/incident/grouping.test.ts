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

  it('keeps apart, service by service, what does not say what ran out', () => {
    const nothing = { domain: null, constraint: null, trigger: null };
    const kills = [
      groupKill('mysqld'),
      groupKill('mysqld', { ...nothing, pid: 8 }),
      groupKill('mysqld', { ...nothing, pid: 9 }),
      groupKill('java', { ...nothing, pid: 10 }),
      groupKill('java', { pid: 11, domain: 'memcg', oomMemcg: null }),
      groupKill('java', { pid: 12, domain: 'memcg', oomMemcg: '/java' }),
    ];

    expect(
      group(kills)
        .map(({ service, killCount }) => `${service} ${killCount}`)
        .toSorted(),
    ).toEqual(['java 1', 'java 1', 'java 1', 'mysqld 1', 'mysqld 2']);
  });

  it('knows the victim of a short kill line by the group that a snapshot saw it in', () => {
    const who = { ...aKill().who, cgroup: '/system.slice/shop.service' } as Kill['who'];
    const short = groupKill('python3', { domain: 'memcg', oomMemcg: null, identity: null, taskMemcg: null }, { who });

    expect(group([short])[0]?.service).toBe('shop.service');
  });

  it('makes one incident of all victims of a memory.oom.group kill', () => {
    const victims = ['sh', 'nginx', 'worker'].map((name, at) =>
      groupKill(name, { pid: at + 1, domain: 'memcg', oomMemcg: '/pod', oomGroup: '/pod' }, { atMs: T0 + at }),
    );

    expect(group(victims)).toMatchObject([{ killCount: 3, service: '/pod' }]);
  });

  it('makes one incident of the different victims of a host that ran out', () => {
    const victims = ['php-fpm', 'mysqld', 'sshd', 'cron'].map((name, at) =>
      groupKill(name, { pid: at }, { atMs: T0 + at * 9_000 }),
    );

    const [shortage, ...others] = group(victims);

    expect(others).toEqual([]);
    expect(shortage?.killCount).toBe(4);
    expect(shortage?.victims.map((victim) => victim.service)).toEqual(['cron', 'mysqld', 'php-fpm', 'sshd']);
  });

  it('begins a new incident when the host takes another service after more than a minute', () => {
    const kills = [
      groupKill('mysqld', { pid: 1 }),
      groupKill('php-fpm', { pid: 2 }, { atMs: T0 + 61_000 }),
      groupKill('mysqld', { pid: 3 }, { atMs: T0 + 62_000 }),
    ];

    expect(group(kills).map(({ service, killCount }) => `${service} ${killCount}`)).toEqual(['mysqld 2', 'php-fpm 1']);
  });

  it('opens an incident for each of 25 groups that hit their own limits within seconds', () => {
    const victims = Array.from({ length: 25 }, (_, at) =>
      groupKill(`w${at}`, { pid: at, domain: 'memcg', oomMemcg: `/g${at}` }, { atMs: T0 + at * 100 }),
    );

    expect(group(victims).map(({ service, killCount }) => `${service} ${killCount}`)).toEqual(
      victims.map((_, at) => `w${at} 1`),
    );
  });

  it('keeps two services apart that hit the limit of one group above them', () => {
    const kills = ['web', 'worker'].map((name, at) => groupKill(name, { pid: at, domain: 'memcg', oomMemcg: '/shop' }));

    expect(group(kills)).toHaveLength(2);
  });

  it('keeps killers apart, and what each of them took', () => {
    const kills = [
      groupKill('chrome', { pid: 1, killer: 'earlyoom' }),
      groupKill('code', { pid: 2, killer: 'earlyoom' }),
      groupKill('chrome', { pid: 3, killer: 'nohang' }),
      groupKill('chrome', { pid: 4 }),
    ];

    expect(group(kills)).toHaveLength(4);
  });

  it('names all services of a host-wide incident, also behind 20 kills and 20 services', () => {
    const names = Array.from({ length: 30 }, (_, at) => `w${at}`);

    const [shortage, ...others] = group(names.map((name, pid) => groupKill(name, { pid }, { atMs: T0 + pid * 1_000 })));

    expect(others).toEqual([]);
    expect(shortage?.victims.map((victim) => victim.service).toSorted()).toEqual(names.toSorted());
  });

  it('keeps counting a service behind the 500 that an incident names', () => {
    const kills = Array.from({ length: 600 }, (_, pid) => groupKill(`w${pid}`, { pid }, { atMs: T0 + pid }));

    const [shortage, ...others] = group(kills);

    expect(others).toEqual([]);
    expect(shortage?.killCount).toBe(600);
    expect(shortage?.victims).toHaveLength(500);
  });

  it('still knows what ran out when the kills that said so are no longer shown', () => {
    const reported = groupKill('java', { pid: 1, domain: 'memcg', oomMemcg: '/a' });
    const later = Array.from({ length: 40 }, (_, at) =>
      groupKill('java', { pid: at + 2, domain: 'memcg', oomMemcg: '/a' }, { atMs: T0 + at + 1 }),
    );
    const other = groupKill('java', { pid: 99, domain: 'memcg', oomMemcg: '/b' }, { atMs: T0 + 100 });

    expect(group([reported, ...later, other]).map((incident) => incident.killCount)).toEqual([41, 1]);
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

    const { incidents, changes } = amendKills([incident], [{ was: bare, now: full, incidentId: incident.id }]);

    expect(incidents[0]).toMatchObject({
      service: 'mysql.service',
      killCount: 1,
      victims: [{ service: 'mysql.service', count: 1 }],
    });
    expect(changes).toEqual([{ kind: 'amended', incidentId: incident.id, newKills: [] }]);
  });

  it('counts a kill right that the incident no longer shows, when its unit becomes known', () => {
    const kills = Array.from({ length: 30 }, (_, pid) => groupKill('mysqld', { pid }, { atMs: T0 + pid }));
    const incident = anIncident({ kills });
    const [was] = kills;
    const now = { ...was!, record: { ...was!.record, identity: aKill().record.identity } };

    const { incidents } = amendKills([incident], [{ was: was!, now, incidentId: incident.id }]);

    expect(incidents[0]?.victims).toEqual([
      { service: 'mysqld', count: 29 },
      { service: 'mysql.service', count: 1 },
    ]);
  });

  it('completes what ran out when a report tells, and takes later kills for that', () => {
    const short = groupKill('java', { pid: 1, domain: 'memcg', oomMemcg: null });
    const [unknown] = group([short, groupKill('java', { pid: 2, domain: 'memcg', oomMemcg: null })]);
    const now = groupKill('java', { pid: 1, domain: 'memcg', oomMemcg: '/a' });

    const { incidents } = amendKills([unknown!], [{ was: short, now, incidentId: unknown!.id }]);
    const later = groupKill('java', { pid: 3, domain: 'memcg', oomMemcg: '/a' }, { atMs: T0 + 9_000 });

    expect(group([later], incidents)).toMatchObject([{ id: unknown!.id, killCount: 3 }]);
  });

  it('says nothing changed when nothing more is known', () => {
    const incident = anIncident();
    const now = structuredClone(aKill());

    const again = amendKills([incident], [{ was: aKill(), now, incidentId: incident.id }]);

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
