import { deathKey } from '../../src/incident/death-key.ts';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { KillQuery, NewDelivery } from '../../src/app/ports.ts';
import type { BatchDecision, BatchView, Store } from '../../src/app/store-port.ts';
import type { Kill } from '../../src/incident/incident.ts';
import { openStore } from '../../src/store/store.ts';
import { describeChanges } from './changes.ts';
import { describeDrills } from './drills.ts';
import { describeLedger } from './ledger.ts';
import { describeMachines } from './machines.ts';
import { aKill, anIncident } from '../support/a-stored-kill.ts';
import { aClaim, anEdit, batchOf, held, openOneAs, saveMany } from '../support/store-steps.ts';

const HOUR_MS = 3_600_000;
const EVERYTHING: KillQuery = { hosts: null, sinceMs: null, untilMs: null, service: null, limit: 10_000 };
const CRASHES = 20;

// A real database on a busy machine takes its time.
vi.setConfig({ testTimeout: 30_000 });

/** What any store does, whatever keeps it. `createDatabase` gives the address of a new, empty one. */
export function describeStore(createDatabase: () => Promise<string>): void {
  async function openNew(): Promise<Store> {
    return openTested(await createDatabase());
  }

  describeChanges(async () => {
    const url = await createDatabase();
    const first = await openTested(url);
    // SQLite is for one process: there the two share its store.
    return [first, url.startsWith('postgres') ? await openTested(url) : first];
  });

  describeDrills(openNew);
  describeMachines(openNew);

  describe('batches', () => {
    it('saves kills, positions, incident and deliveries, and tells which kills were new', async () => {
      const store = await openNew();
      const kill = aKill();

      const saved = await store.saveBatch(batchOf([kill], '7'), openOne);

      expect(saved).toEqual({ fresh: [kill], amended: [], incidents: [anIncident({ revision: 1 })] });
      expect(await store.positions('db01')).toEqual([{ source: 'kmsg', value: '7' }]);
      expect(await store.kills(EVERYTHING)).toEqual([kill]);
      expect(await store.killsOfIncident('incident-1', 10)).toEqual([kill]);
      expect(await store.incident('incident-1')).toEqual(anIncident({ revision: 1 }));
      expect(await waitingIn(store, '#oom')).toBe(1);
    });

    it('keeps the first source of a kill that two tell, and moves both positions', async () => {
      const store = await openNew();
      await store.saveBatch(batchOf([aKill()], '7'), openOne);

      const again = aKill({ source: 'journal', record: { reaped: true, evidence: [] } });
      const saved = await store.saveBatch(
        { host: 'db01', kills: [again], positions: [{ source: 'journal', value: 's=1' }] },
        unexpected,
      );

      expect(saved).toEqual({ fresh: [], amended: [], incidents: [] });
      expect(await store.kills(EVERYTHING)).toEqual([aKill()]);
      expect((await store.positions('db01')).map((position) => position.source)).toEqual(['journal', 'kmsg']);
    });

    it('counts a kill once that comes twice in one batch, with its later facts', async () => {
      const store = await openNew();
      const later = aKill({ record: { reaped: true } });

      const saved = await store.saveBatch(batchOf([aKill(), later]), openOne);

      expect(saved.fresh).toEqual([later]);
      expect(await store.countKernelKills('db01', 'boot-1')).toBe(1);
    });

    it.each([
      ['in one batch', true],
      ['one after the other', false],
    ])('takes one death for one, %s, where only one source names its boot', async (_, isTogether) => {
      for (const isBootFirst of [true, false]) {
        const store = await openNew();
        const boot = 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6';
        const named = aKill({ key: deathKey(boot, 12.5, '7'), bootId: boot });
        const unnamed = aKill({
          key: deathKey(null, 12.5, '7'),
          bootId: null,
          atMs: 99,
          source: 'file:/var/log/kern.log',
        });
        const kills = isBootFirst ? [named, unnamed] : [unnamed, named];

        for (const batch of isTogether ? [kills] : kills.map((kill) => [kill]))
          await store.saveBatch(
            batchOf(batch),
            isTogether ? openOne : (view) => (view.fresh.length > 0 ? openOne(view) : nothing()),
          );

        expect((await store.kills(EVERYTHING)).map((kill) => kill.bootId)).toEqual([boot]);
        expect(await store.countKernelKills('db01', boot)).toBe(1);
      }
    });

    it('takes deaths for two that share the moment in different boots, or only the number', async () => {
      const store = await openNew();
      const [one, other] = ['f81d4fae-7dec-11d0-a765-00a0c91e6bf6', 'a81d4fae-7dec-11d0-a765-00a0c91e6bf6'];
      const keys = [
        deathKey(one, 12.5, '7'),
        deathKey(other, 12.5, '7'),
        deathKey(null, 2.5, '7'),
        deathKey(one, 12.5, '77'),
      ];

      await store.saveBatch(batchOf(keys.map((key) => aKill({ key }))), openOne);

      expect(await store.kills(EVERYTHING)).toHaveLength(4);
    });

    it('keeps later facts about a known kill without counting it again', async () => {
      const store = await openNew();
      await store.saveBatch(batchOf([aKill()]), openOne);
      const later = aKill({ seenAtMs: 1, record: { reaped: true }, who: aProcess() });
      const views: BatchView[] = [];

      const saved = await store.saveBatch(batchOf([later]), (view) => {
        views.push(view);
        return nothing();
      });

      const kept = aKill({ record: { reaped: true }, who: aProcess() });
      expect(saved).toEqual({ fresh: [], amended: [kept], incidents: [] });
      expect(views).toEqual([
        {
          host: 'db01',
          nowOpen: [anIncident({ revision: 1, kills: [aKill()] })],
          fresh: [],
          amended: [{ was: aKill(), now: kept, incidentId: 'incident-1' }],
        },
      ]);
      expect(await store.incident('incident-1')).toEqual(anIncident({ revision: 1, kills: [kept] }));
      expect(await store.kills(EVERYTHING)).toEqual([kept]);
    });

    it('does not take a log that was read again from elsewhere for news', async () => {
      const store = await openNew();
      await store.saveBatch(batchOf([aKill()]), openOne);

      const sameText = [{ line: 900, text: aKill().record.evidence[0]!.text }];
      const saved = await store.saveBatch(
        batchOf([aKill({ record: { line: 900, report: 4, evidence: sameText } })]),
        unexpected,
      );

      expect(saved.amended).toEqual([]);
    });

    it('does not lose facts to a report that was cut short', async () => {
      const store = await openNew();
      await store.saveBatch(batchOf([aKill({ record: { reaped: true } })]), openOne);

      const saved = await store.saveBatch(batchOf([aKill({ record: { evidence: [] } })]), unexpected);

      expect(saved.amended).toEqual([]);
    });

    it('takes the word of a source that not everybody can write to over one that is open to all', async () => {
      const store = await openNew();
      await store.saveBatch(batchOf([aKill({ source: 'file:/var/log/syslog', verified: false })]), openOne);
      const proven = aKill({ record: { name: 'postgres', evidence: [] } });

      const saved = await store.saveBatch(batchOf([proven]), nothing);

      expect(saved.amended).toEqual([proven]);
      expect(await store.kills({ ...EVERYTHING, service: 'postgres' })).toEqual([proven]);
    });

    it('tells kills of two hosts apart that have the same key', async () => {
      const store = await openNew();
      await store.saveBatch(batchOf([aKill()]), openOne);
      const other = aKill({ host: 'db02' });

      const saved = await store.saveBatch(batchOf([other]), ({ fresh }) => openOneAs('incident-2', fresh));

      expect(saved.fresh).toEqual([other]);
    });

    it('saves nothing of a batch whose decision throws', async () => {
      const store = await openNew();

      const saving = store.saveBatch(batchOf([aKill()], '7'), () => {
        throw new Error('no decision');
      });

      await expect(saving).rejects.toThrow('no decision');
      expect(await store.kills(EVERYTHING)).toEqual([]);
      expect(await store.positions('db01')).toEqual([]);
    });

    it('shows a kill as it was after later facts about it could not be saved', async () => {
      const store = await openNew();
      await store.saveBatch(batchOf([aKill()]), openOne);
      const before = await store.openIncidents('db01');

      const saving = store.saveBatch(batchOf([aKill({ record: { reaped: true } })]), () => {
        throw new Error('no decision');
      });

      await expect(saving).rejects.toThrow('no decision');
      expect(await store.openIncidents('db01')).toEqual(before);
    });

    it('lets a batch that fails take no other with it', async () => {
      const store = await openNew();
      const hosts = Array.from({ length: 30 }, (_, at) => `host${at}`);

      const results = await Promise.allSettled(
        hosts.map((host, at) =>
          store.saveBatch(batchOf([aKill({ host })], String(at)), ({ fresh }) => {
            if (at % 3 === 0) throw new Error('no decision');
            return openOneAs(host, fresh);
          }),
        ),
      );

      const failed = hosts.filter((_, at) => results[at]?.status === 'rejected');
      const kept = (await store.kills(EVERYTHING)).map((kill) => kill.host);
      expect(failed).toEqual(hosts.filter((_, at) => at % 3 === 0));
      expect(kept.toSorted()).toEqual(hosts.filter((host) => !failed.includes(host)).toSorted());
    });

    it('runs batches of one host one after the other', async () => {
      const store = await openNew();
      const kills = Array.from({ length: 40 }, (_, at) => aKill({ key: `k${at}`, atMs: at }));

      await Promise.all(kills.map((kill) => store.saveBatch(batchOf([kill]), growOne)));

      const incident = await store.incident('incident-1');
      expect(incident).toMatchObject({ killCount: 40, revision: 40 });
      expect(incident?.kills).toHaveLength(20);
      expect(await store.killsOfIncident('incident-1', 100)).toHaveLength(40);
    });

    it('saves a storm of 1,000 kills in one batch', async () => {
      const store = await openNew();
      const kills = Array.from({ length: 1000 }, (_, at) => aKill({ key: `k${at}`, atMs: at }));

      const saved = await store.saveBatch(batchOf(kills), growOne);

      expect(saved.fresh).toHaveLength(1000);
      expect(await store.countKernelKills('db01', 'boot-1')).toBe(1000);
      const [shown] = await store.openIncidents('db01');
      expect(shown?.kills.map((kill) => kill.key)).toEqual(kills.slice(-20).map((kill) => kill.key));
    });

    it.each([
      ['a NUL', 'a\0b'],
      ['half a surrogate pair', 'a\uD800b'],
      ['5,000 characters', 'ж'.repeat(5000)],
      ['SQL', "'; drop table kills; --"],
      ['a key that objects have', '__proto__'],
      ['nothing', ''],
    ])('keeps host text with %s as it was', async (_what, text) => {
      const store = await openNew();
      const kill = aKill({ key: `k${text}`, source: `file:/${text}`, record: { name: text, oomMemcg: text } });

      const batch = { host: 'db01', kills: [kill], positions: [{ source: `file:/${text}`, value: text }] };
      await store.saveBatch(batch, openOne);
      const again = await store.saveBatch(batch, unexpected);

      expect(again.fresh).toEqual([]);
      expect(await store.kills({ ...EVERYTHING, service: text })).toEqual([kill]);
      expect(await store.positions('db01')).toEqual(batch.positions);
      expect((await store.incident('incident-1'))?.kills).toEqual([kill]);
    });
  });

  describe('history', () => {
    async function openWithKills(): Promise<Store> {
      const store = await openNew();
      const kills = [
        aKill({ key: '1', atMs: 0 }),
        aKill({ key: '2', atMs: HOUR_MS - 1, bootId: 'boot-2' }),
        aKill({ key: '3', atMs: HOUR_MS, record: { name: 'java' } }),
        aKill({ key: '4', atMs: HOUR_MS, record: { killer: 'earlyoom' } }),
        aKill({ key: '5', atMs: 2 * HOUR_MS, record: { pid: null, outcome: 'panic' } }),
        aKill({ key: '6', atMs: 3 * HOUR_MS, source: 'counter' }),
      ];
      await store.saveBatch(batchOf(kills), nothing);
      await store.saveBatch(batchOf([aKill({ host: 'db02', key: '1', atMs: HOUR_MS })]), nothing);
      return store;
    }

    it.each<[string, Partial<KillQuery>, string[]]>([
      ['of one host, newest first', { hosts: ['db01'] }, ['db01 6', 'db01 5', 'db01 4', 'db01 3', 'db01 2', 'db01 1']],
      ['of several hosts', { hosts: ['db01', 'db02'], limit: 3 }, ['db01 6', 'db01 5', 'db02 1']],
      ['of no host', { hosts: [] }, []],
      ['from a time on', { sinceMs: 2 * HOUR_MS }, ['db01 6', 'db01 5']],
      ['up to a time', { untilMs: HOUR_MS }, ['db01 2', 'db01 1']],
      ['of a service', { service: 'java' }, ['db01 3']],
    ])('finds kills %s', async (_what, query, expected) => {
      const store = await openWithKills();

      const kills = await store.kills({ ...EVERYTHING, ...query });

      expect(kills.map((kill) => `${kill.host} ${kill.key}`)).toEqual(expected);
    });

    it('counts kills by host, service and hour', async () => {
      const store = await openWithKills();

      const counts = await store.countKills({ ...EVERYTHING, untilMs: 3 * HOUR_MS });

      expect(counts).toEqual([
        { host: 'db01', service: 'java', hourMs: HOUR_MS, count: 1 },
        { host: 'db01', service: 'mysqld', hourMs: HOUR_MS, count: 1 },
        { host: 'db02', service: 'mysqld', hourMs: HOUR_MS, count: 1 },
        { host: 'db01', service: 'mysqld', hourMs: 0, count: 2 },
      ]);
    });

    it('names the services of which kills are on record, each once', async () => {
      const store = await openWithKills();

      expect(await store.services(10)).toEqual(['java', 'mysqld']);
      expect(await store.services(1)).toEqual(['java']);
    });

    it('names no service where nothing is on record', async () => {
      const store = await openNew();

      expect(await store.services(10)).toEqual([]);
    });

    it('tells when processes died, newest first, without their reports', async () => {
      const store = await openWithKills();

      const times = await store.killTimes({ ...EVERYTHING, hosts: ['db01'], service: 'mysqld', limit: 2 });

      expect(times).toEqual([
        { host: 'db01', service: 'mysqld', atMs: 3 * HOUR_MS },
        { host: 'db01', service: 'mysqld', atMs: HOUR_MS },
      ]);
    });

    it("tells each host's newest kill and how many there were since a moment", async () => {
      const store = await openWithKills();

      const hosts = await store.hostKills(HOUR_MS);

      expect(hosts).toEqual([
        { host: 'db01', lastAtMs: 3 * HOUR_MS, count: 3 },
        { host: 'db02', lastAtMs: HOUR_MS, count: 1 },
      ]);
    });

    it("counts only what the kernel killed in one boot, to compare with the kernel's counter", async () => {
      const store = await openWithKills();

      expect(await store.countKernelKills('db01', 'boot-1')).toBe(2);
      expect(await store.countKernelKills('db01', 'boot-2')).toBe(1);
      expect(await store.countKernelKills('db03', 'boot-1')).toBe(0);
    });

    it('remembers the last count of each counter of a boot', async () => {
      const store = await openNew();
      const reading = { host: 'db01', bootId: 'boot-1', killer: 'kernel' as const, counter: 4, parsed: 3, atMs: 10 };
      await store.saveCounter(reading);
      await store.saveCounter({ ...reading, counter: 5, atMs: 20 });
      await store.saveCounter({ ...reading, killer: 'systemd-oomd', counter: 1 });

      expect(await store.counter('db01', 'boot-1', 'kernel')).toEqual({ ...reading, counter: 5, atMs: 20 });
      expect(await store.counter('db01', 'boot-1', 'systemd-oomd')).toMatchObject({ counter: 1 });
      expect(await store.counter('db01', 'boot-2', 'kernel')).toBeNull();
    });
  });

  describe('reports', () => {
    const TEXT = `[    1.000000] x invoked oom-killer\n${'[    1.000001] café <!channel> \\x00\n'.repeat(5_000)}`;

    it('keeps the lines of a report beside its kill, once, and finds them by any kill of the report', async () => {
      const store = await openNew();
      await store.saveBatch(batchOf([aKill({ key: 'boot-1:1:7' }), aKill({ key: 'boot-1:1:8' })]), nothing);

      expect(await store.saveReports([{ host: 'db01', key: 'boot-1:1:7', text: TEXT }])).toEqual([true]);
      expect(await store.saveReports([{ host: 'db01', key: 'boot-1:1:7', text: 'again' }])).toEqual([true]);

      expect(await store.report('db01', ['boot-1:1:7'])).toBe(TEXT);
      expect(await store.report('db01', ['boot-1:1:8', 'boot-1:1:7'])).toBe(TEXT);
      expect(await store.report('db01', ['boot-1:1:8'])).toBeNull();
      expect(await store.report('db02', ['boot-1:1:7'])).toBeNull();
    });

    it('says of which the kill is not on record, and takes a boot that was not known for the same death', async () => {
      const store = await openNew();
      const unnamed = deathKey(null, 12.5, '7');
      await store.saveBatch(batchOf([aKill({ key: unnamed, bootId: null })]), nothing);

      const named = deathKey('f81d4fae-7dec-11d0-a765-00a0c91e6bf6', 12.5, '7');
      const saved = await store.saveReports([
        { host: 'db01', key: named, text: 'a' },
        { host: 'db01', key: 'none', text: 'b' },
      ]);

      expect(saved).toEqual([true, false]);
      expect(await store.report('db01', [unnamed])).toBe('a');
    });

    it('lets go of a report with its kill', async () => {
      const store = await openNew();
      await store.saveBatch(batchOf([aKill({ key: 'old', atMs: 1 })]), nothing);
      await store.saveReports([{ host: 'db01', key: 'old', text: 'a' }]);

      await store.prune({ nowMs: 1_000, keepKillsMs: 100, keepSamplesMs: 100, maxKillsPerHost: null });
      await store.saveBatch(batchOf([aKill({ key: 'old', atMs: 1 })]), nothing);

      expect(await store.report('db01', ['old'])).toBeNull();
    });
  });

  describe('incidents', () => {
    it('lists those of a host, newest first, and the open ones', async () => {
      const store = await openNew();
      for (const at of [1, 2, 3]) {
        const kill = aKill({ key: `k${at}`, atMs: at });
        await store.saveBatch(batchOf([kill]), ({ fresh }) => openOneAs(`i${at}`, fresh));
      }
      const second = (await store.incident('i2'))!;

      await store.updateIncident({ ...second, closedAtMs: 9 }, []);

      expect((await store.incidents('db01', 2)).map((incident) => incident.id)).toEqual(['i3', 'i2']);
      expect((await store.openIncidents('db01')).map((incident) => incident.id)).toEqual(['i1', 'i3']);
      expect(await store.incident('i4')).toBeNull();
      expect(await store.incidents('db02', 2)).toEqual([]);
    });

    it('finds the open incidents of a kill among more than 200 of its host, and lists all of them', async () => {
      const store = await openNew();
      const names = Array.from({ length: 230 }, (_, at) => `w${at}`);
      const kills = names.map((name, at) => memcgKill(name, at));
      await store.saveBatch(batchOf(kills), ({ fresh }) => ({
        ...nothing(),
        incidents: fresh.map((kill) => anIncident({ id: `of ${kill.record.name}`, kills: [kill] })),
        placed: Object.fromEntries(fresh.map((kill) => [kill.key, `of ${kill.record.name}`])),
      }));
      const views: BatchView[] = [];

      await store.saveBatch(batchOf([memcgKill('w3', 1_000), memcgKill('w229', 1_001)]), (view) => {
        views.push(view);
        return nothing();
      });

      expect(views.map(({ nowOpen }) => nowOpen.map(({ id }) => id))).toEqual([['of w3', 'of w229']]);
      const first = await store.openIncidents('db01');
      const rest = await store.openIncidents('db01', first.at(-1)!);
      expect([...first, ...rest].map(({ service }) => service)).toEqual(names);
      expect(first).toHaveLength(200);
    });

    it('names the hosts that have open incidents', async () => {
      const store = await openNew();
      await saveMany(store, ['i1', 'i2']);
      expect(await store.hostsWithOpenIncidents()).toEqual(['db01']);

      for (const incident of await store.openIncidents('db01')) {
        const closed = { ...incident, closedAtMs: 5 };
        await store.updateIncident(closed, []);
      }
      expect(await store.hostsWithOpenIncidents()).toEqual([]);
    });

    it('hands only open incidents of the same host to a decision', async () => {
      const store = await openNew();
      await store.saveBatch(batchOf([aKill()]), openOne);
      await store.saveBatch(batchOf([aKill({ host: 'db02' })]), ({ fresh }) => openOneAs('incident-2', fresh));
      await store.updateIncident({ ...(await store.incident('incident-1'))!, closedAtMs: 9 }, []);
      let seen: string[] | null = null;

      await store.saveBatch(batchOf([aKill({ key: 'next' })]), ({ nowOpen }) => {
        seen = nowOpen.map((incident) => incident.id);
        return nothing();
      });

      expect(seen).toEqual([]);
    });

    it('saves a change with its deliveries', async () => {
      const store = await openNew();
      const incident = await saveOne(store);

      const result = await store.updateIncident({ ...incident, mutedUntilMs: 5 }, [aReply('muted')]);

      expect(result).toEqual({ kind: 'saved', incident: { ...incident, mutedUntilMs: 5, revision: 2 } });
      expect(await store.incident('incident-1')).toEqual({ ...incident, mutedUntilMs: 5, revision: 2 });
      expect(await waitingIn(store, '#oom')).toBe(1);
    });

    it('refuses a change to an incident that somebody else changed, and queues nothing', async () => {
      const store = await openNew();
      const incident = await saveOne(store);
      await store.updateIncident({ ...incident, mutedUntilMs: 5 }, []);

      const result = await store.updateIncident({ ...incident, closedAtMs: 6 }, [aReply('closed')]);

      expect(result).toEqual({ kind: 'conflict', current: { ...incident, mutedUntilMs: 5, revision: 2 } });
      expect(await waitingIn(store, '#oom')).toBe(0);
      expect(await store.updateIncident(anIncident({ id: 'gone', revision: 1 }), [])).toEqual({
        kind: 'conflict',
        current: null,
      });
    });

    it('lets exactly one of two changes at the same moment through', async () => {
      const store = await openNew();
      const incident = await saveOne(store);

      const results = await Promise.all(
        [5, 6].map((at) => store.updateIncident({ ...incident, mutedUntilMs: at }, [])),
      );

      expect(results.map((result) => result.kind).toSorted()).toEqual(['conflict', 'saved']);
    });
  });

  describeLedger(openNew);

  describe('mutes, hosts and snapshots', () => {
    it('keeps a mute until its time', async () => {
      const store = await openNew();
      await store.putMute({ target: 'db01', untilMs: 50, by: 'U1' });
      await store.putMute({ target: 'db01', untilMs: 100, by: 'U2' });
      await store.putMute({ target: 'java', untilMs: 80, by: 'U1' });

      expect(await store.mutes(90)).toEqual([{ target: 'db01', untilMs: 100, by: 'U2' }]);
      expect(await store.removeMute('db01')).toBe(true);
      expect(await store.removeMute('db01')).toBe(false);
      expect(await store.mutes(0)).toEqual([{ target: 'java', untilMs: 80, by: 'U1' }]);
    });

    it('keeps hosts that were added', async () => {
      const store = await openNew();
      const host = {
        name: 'edge7',
        address: 'edge7.example.net',
        port: 22,
        user: null,
        tags: ['edge'],
        fingerprint: 'SHA256:abc',
        addedBy: 'U1',
        addedAtMs: 5,
      };
      await store.putHost(host);
      await store.putHost({ ...host, port: 2222 });

      expect(await store.addedHosts()).toEqual([{ ...host, port: 2222 }]);
      expect(await store.removeHost('edge7')).toBe(true);
      expect(await store.removeHost('edge7')).toBe(false);
      expect(await store.addedHosts()).toEqual([]);
    });

    it('keeps the newest scan of each host', async () => {
      const store = await openNew();
      await store.saveSnapshot({ host: 'db01', bootId: 'b', atMs: 1, processes: [] });
      await store.saveSnapshot({ host: 'db01', bootId: 'b', atMs: 2, processes: [aProcess()] });

      expect(await store.snapshot('db01')).toEqual({ host: 'db01', bootId: 'b', atMs: 2, processes: [aProcess()] });
      expect(await store.snapshot('db02')).toBeNull();
    });

    it('keeps samples of memory, oldest first', async () => {
      const store = await openNew();
      const samples = [3, 1, 2].map((atMs) => aSample(atMs));
      await store.saveSamples(samples);
      await store.saveSamples([aSample(3)]);

      expect(await store.samples('db01', 2, 4)).toEqual([aSample(2), aSample(3)]);
      expect(await store.samples('db02', 0, 9)).toEqual([]);
    });
  });

  it('lets go of the fine samples after three hours, of the others after a day', async () => {
    const store = await openNew();
    const nowMs = 100 * 3_600_000;
    const hours = [1, 2, 4, 23, 25];
    await store.saveSamples(hours.map((hour) => ({ ...aSample(nowMs - hour * 3_600_000), isLasting: false })));
    await store.saveSamples(hours.map((hour) => ({ ...aSample(nowMs - hour * 3_600_000 - 1), isLasting: true })));

    await store.prune({ nowMs, keepKillsMs: nowMs, keepSamplesMs: 24 * 3_600_000, maxKillsPerHost: 9 });

    const left = await store.samples('db01', 0, nowMs);
    expect(left.map(({ atMs, isLasting }) => [Math.round((nowMs - atMs) / 3_600_000), isLasting])).toEqual([
      [23, true],
      [4, true],
      [2, true],
      [2, false],
      [1, true],
      [1, false],
    ]);
  });

  describe('outlooks and markers', () => {
    it('keeps the newest profile of each host', async () => {
      const store = await openNew();
      const hostProfile = { host: 'db01', atMs: 1, totalKiB: 4_000, totalSwapKiB: 0, oddAdj: [] };
      const odd = {
        kind: 'immortal' as const,
        service: 'a',
        name: '<!channel>',
        pid: 7,
        oomScoreAdj: -1_000,
        sizeKiB: 9,
        count: 1,
      };
      await store.saveHostProfile({ ...hostProfile, host: 'web1' });
      await store.saveHostProfile(hostProfile);
      await store.saveHostProfile({ ...hostProfile, atMs: 2, oddAdj: [odd] });

      expect(await store.hostProfiles()).toEqual([
        { ...hostProfile, atMs: 2, oddAdj: [odd] },
        { ...hostProfile, host: 'web1' },
      ]);
    });

    it('keeps the first time under a name', async () => {
      const store = await openNew();

      expect(await store.marker('digests-since', 5)).toBe(5);
      expect(await store.marker('digests-since', 9)).toBe(5);
    });

    it('queues what is to be told once only once, whoever asks', async () => {
      const store = await openNew();
      const news = { incidentId: '', channel: '#a', kind: 'news' as const, body: '{}', notBeforeMs: 0 };

      const asked = await Promise.all([1, 2, 3].map((atMs) => store.enqueueOnce('digest #a 1', atMs, [news])));
      await store.enqueueOnce('digest #a 2', 4, [{ ...news, body: '[]' }]);

      expect(asked.filter(Boolean)).toHaveLength(1);
      expect((await store.queueLengths())[0]?.waiting).toBe(2);
    });

    it('forgets old names of what is done once, and no beginnings', async () => {
      const store = await openNew();
      await store.marker('digests-since', 1);
      await store.enqueueOnce('digest #a 1', 1, []);

      await store.prune({ nowMs: 1_000, keepKillsMs: 500, keepSamplesMs: 100, maxKillsPerHost: 10_000 });

      expect(await store.marker('digests-since', 9)).toBe(1);
      expect(await store.enqueueOnce('digest #a 1', 9, [])).toBe(true);
    });
  });

  describe('leases', () => {
    it('gives all names to one owner alone', async () => {
      const store = await openNew();

      expect(await held(store, { owner: 'a' })).toEqual(['h1', 'h2', 'h3', 'h4', 'h5']);
    });

    it('shares fairly with one who joins, and no name has two owners at any step', async () => {
      const store = await openNew();
      const names = new Map<string, string[]>();

      for (const owner of ['a', 'b', 'a', 'b', 'c', 'a', 'b', 'c', 'a', 'b', 'c']) {
        names.set(owner, await held(store, { owner }));
        const all = [...names.values()].flat();
        expect(new Set(all).size).toBe(all.length);
      }

      expect([...names.values()].map((some) => some.length).toSorted((a, b) => a - b)).toEqual([1, 2, 2]);
    });

    it('takes over when an owner stops renewing, not before', async () => {
      const store = await openNew();
      await store.claimLeases(aClaim({ owner: 'a', nowMs: 0 }));

      expect(await held(store, { owner: 'b', nowMs: 999 })).toEqual([]);
      expect(await held(store, { owner: 'b', nowMs: 1000 })).toHaveLength(5);
      expect(await held(store, { owner: 'a', nowMs: 1001 })).toEqual([]);
    });

    it('keeps what is renewed', async () => {
      const store = await openNew();
      await store.claimLeases(aClaim({ owner: 'a', nowMs: 0 }));

      expect(await held(store, { owner: 'a', nowMs: 900 })).toHaveLength(5);
      expect(await held(store, { owner: 'b', nowMs: 1500 })).toEqual([]);
    });

    it('gives everything back at a clean stop', async () => {
      const store = await openNew();
      await store.claimLeases(aClaim({ owner: 'a' }));
      await store.claimLeases(aClaim({ owner: 'a', kind: 'channel', names: ['#oom'] }));

      await store.releaseLeases('a');

      expect(await held(store, { owner: 'b' })).toHaveLength(5);
      expect(await held(store, { owner: 'b', kind: 'channel', names: ['#oom'] })).toEqual(['#oom']);
    });

    it('says when the first of the others will be gone', async () => {
      const store = await openNew();
      async function othersEnd(owner: string, nowMs: number): Promise<number | null> {
        return (await store.claimLeases(aClaim({ owner, nowMs }))).othersEndMs;
      }

      expect(await othersEnd('a', 0)).toBeNull();
      expect(await othersEnd('b', 300)).toBe(1000);
      expect(await othersEnd('c', 400)).toBe(1000);
      expect(await othersEnd('a', 400)).toBe(1300);
      expect(await othersEnd('b', 1300)).toBe(1400);
      expect(await othersEnd('b', 1400)).toBeNull();
    });

    it('lets go of a name that is no longer asked for', async () => {
      const store = await openNew();
      await store.claimLeases(aClaim({ owner: 'a' }));

      expect(await held(store, { owner: 'a', names: ['h1', 'h6'] })).toEqual(['h1', 'h6']);
      expect(await held(store, { owner: 'b', nowMs: 2000, names: ['h1', 'h2'] })).toEqual(['h1', 'h2']);
    });
  });

  describe('audit', () => {
    it('chains entries and finds them by host', async () => {
      const store = await openNew();
      const entries = ['db01', null, 'db02'].map((host, at) => anEntry({ host, atMs: at }));

      const rows = await Promise.all(entries.map((entry) => store.appendAudit(entry)));

      const all = await store.audit(null, 10);
      expect(all.map((row) => row.seq)).toEqual([3, 2, 1]);
      expect(all.toReversed()).toEqual(rows.toSorted((a, b) => a.seq - b.seq));
      expect((await store.audit('db02', 10)).map((row) => row.host)).toEqual(['db02']);
      expect(await store.verifyAudit()).toEqual({ kind: 'intact', entries: 3, headHash: all[0]?.hash });
    });

    it('is intact while empty', async () => {
      const store = await openNew();

      expect(await store.verifyAudit()).toEqual({ kind: 'intact', entries: 0, headHash: '' });
    });

    it('follows a chain longer than one read', async () => {
      const store = await openNew();
      await Promise.all(Array.from({ length: 501 }, (_, at) => store.appendAudit(anEntry({ atMs: at }))));

      expect(await store.verifyAudit()).toMatchObject({ kind: 'intact', entries: 501 });
    });
  });

  describe('retention', () => {
    const RETENTION = { nowMs: 1_000_000, keepKillsMs: 500_000, keepSamplesMs: 100_000, maxKillsPerHost: 10_000 };

    it('drops what is old, and keeps open incidents and what still waits', async () => {
      const store = await openNew();
      for (const [id, atMs, closed] of [
        ['old', 1, true],
        ['old-open', 2, false],
        ['old-waiting', 3, true],
        ['new', 900_000, true],
      ] as const) {
        await store.saveBatch(batchOf([aKill({ key: id, atMs })]), ({ fresh }) => openOneAs(id, fresh, []));
        if (closed) await store.updateIncident({ ...(await store.incident(id))!, closedAtMs: atMs }, []);
      }
      await store.enqueue([anEdit('old-waiting')]);
      await store.saveSamples([899_999, 900_000].map((atMs) => aSample(atMs)));
      await store.putMute({ target: 'db01', untilMs: 5, by: 'U1' });
      await store.saveSnapshot({ host: 'db01', bootId: 'b', atMs: 2, processes: [] });
      await store.saveCounter({ host: 'db01', bootId: 'b', killer: 'kernel', counter: 1, parsed: 1, atMs: 2 });
      await store.appendAudit(anEntry({ atMs: 1 }));

      const count = await store.prune(RETENTION);

      expect(count).toBe(8);
      expect((await store.kills(EVERYTHING)).map((kill) => kill.key)).toEqual(['new']);
      expect((await store.incidents('db01', 9)).map((incident) => incident.id)).toEqual([
        'new',
        'old-waiting',
        'old-open',
      ]);
      expect(await store.samples('db01', 0, RETENTION.nowMs)).toEqual([aSample(900_000)]);
      expect(await store.mutes(0)).toEqual([]);
      expect(await store.snapshot('db01')).toBeNull();
      expect(await store.counter('db01', 'b', 'kernel')).toBeNull();
      expect(await store.audit(null, 9)).toHaveLength(1);
      expect(await store.prune(RETENTION)).toBe(0);
    });

    it('still counts the kills that it dropped, for the kernel counts them too', async () => {
      const store = await openNew();
      const reading = {
        host: 'db01',
        bootId: 'boot-1',
        killer: 'kernel' as const,
        counter: 30,
        parsed: 28,
        atMs: 700_000,
      };
      await store.saveCounter(reading);
      await store.saveCounter({ ...reading, killer: 'systemd-oomd' });
      const kills = Array.from({ length: 30 }, (_, at) => aKill({ key: `k${at}`, atMs: 600_000 + at }));
      const others = [
        aKill({ key: 'counter', atMs: 600_000, source: 'counter' }),
        aKill({ key: 'user', atMs: 600_000, record: { killer: 'earlyoom' } }),
        aKill({ key: 'boot-2', atMs: 600_000, bootId: 'boot-2' }),
      ];
      await store.saveBatch(batchOf([...others, ...kills]), nothing);

      expect(await store.prune({ ...RETENTION, maxKillsPerHost: 20 })).toBe(13);

      expect(await store.kills(EVERYTHING)).toHaveLength(20);
      expect(await store.countKernelKills('db01', 'boot-1')).toBe(30);
      expect(await store.countKernelKills('db01', 'boot-2')).toBe(0);
      await store.saveCounter({ ...reading, parsed: 30 });
      expect(await store.countKernelKills('db01', 'boot-1')).toBe(30);
    });

    it('keeps the newest kills of a host that floods its log', async () => {
      const store = await openNew();
      const kills = Array.from({ length: 1300 }, (_, at) => aKill({ key: `k${at}`, atMs: 600_000 + at }));
      await store.saveBatch(batchOf(kills), nothing);
      await store.saveBatch(batchOf([aKill({ host: 'db02', atMs: 600_000 })]), nothing);

      const count = await store.prune({ ...RETENTION, maxKillsPerHost: 100 });

      expect(count).toBe(1200);
      expect((await store.kills({ ...EVERYTHING, hosts: ['db01'] })).at(-1)?.key).toBe('k1200');
      expect(await store.kills({ ...EVERYTHING, hosts: ['db02'] })).toHaveLength(1);
    });
  });

  describe('opening', () => {
    it('finds everything again', async () => {
      const url = await createDatabase();
      const first = await openStore(url);
      await first.saveBatch(batchOf([aKill()], '7'), openOne);
      await first.close();

      const store = await openTested(url);

      expect(await store.incident('incident-1')).toEqual(anIncident({ revision: 1 }));
      expect(await store.positions('db01')).toEqual([{ source: 'kmsg', value: '7' }]);
    });

    it('finishes what was asked for before it closes', async () => {
      const url = await createDatabase();
      const first = await openStore(url);
      const saving = first.saveBatch(batchOf([aKill()]), openOne);
      await Promise.all([saving, first.close()]);

      expect(await (await openTested(url)).kills(EVERYTHING)).toHaveLength(1);
    });

    it('reads beside a bot that writes, and changes nothing', async () => {
      const url = await createDatabase();
      const writer = await openTested(url);
      await saveOne(writer);
      const reader = await openTested(url, true);
      let seen = 0;

      for (let at = 0; at < 50; at += 1) {
        const [, kills] = await Promise.all([
          writer.saveBatch(batchOf([aKill({ key: `k${at}` })]), growOne),
          reader.kills(EVERYTHING),
        ]);
        expect(kills.length).toBeGreaterThanOrEqual(seen);
        seen = kills.length;
      }

      expect(await reader.kills(EVERYTHING)).toHaveLength(51);
      await expect(reader.putMute({ target: 'a', untilMs: 1, by: 'U1' })).rejects.toThrow(
        /cannot be written|read-only/,
      );
    });

    it(
      `keeps kills and positions together through ${CRASHES} kill -9 in the middle of saving`,
      { timeout: 120_000 },
      async () => {
        const url = await createDatabase();
        const hosts = ['db01', 'db02', 'db03'];
        const told = new Map(hosts.map((host) => [host, 0]));

        for (let crash = 0; crash < CRASHES; crash += 1) {
          await saveUntilKilled(url, told, 1 + Math.floor(Math.random() * 60));
          const store = await openStore(url);
          for (const host of hosts) {
            const kills = await store.kills({ ...EVERYTHING, hosts: [host] });
            const [position] = await store.positions(host);
            const incident = await store.incident(`${host} incident`);
            const stored = Number(position?.value ?? 0);

            expect(stored).toBeGreaterThanOrEqual(told.get(host) ?? 0);
            expect(kills.map((kill) => kill.atMs)).toEqual(Array.from({ length: stored }, (_, at) => stored - at));
            expect(await waitingIn(store, `#${host}`)).toBe(stored);
            if (stored > 0) expect(incident).toMatchObject({ killCount: stored, revision: stored });
          }
          await store.close();
        }
      },
    );
  });
}

/** Opens a store that the test need not close. */
export async function openTested(url: string, readOnly = false): Promise<Store> {
  const store = await openStore(url, { readOnly });
  onTestFinished(() => store.close());
  return store;
}

/** Runs a process that saves kills of the hosts in `told`, kills it after so many more, notes the last number it told of each. */
async function saveUntilKilled(url: string, told: Map<string, number>, more: number): Promise<void> {
  const program = path.join(import.meta.dirname, '../support/save-kills.ts');
  const child = spawn(process.execPath, [program, url, ...told.keys()], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  let lines = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [host = '', number] = line.split(' ');
    told.set(host, Number(number));
    if ((lines += 1) === more) child.kill('SIGKILL');
  }
  expect(await exited).toEqual([null, 'SIGKILL']);
}

function memcgKill(name: string, at: number): Kill {
  return aKill({ key: `k${at}`, atMs: at, record: { name, domain: 'memcg', oomMemcg: `/${name}` } });
}

function openOne({ fresh }: BatchView): BatchDecision {
  return openOneAs('incident-1', fresh);
}

function growOne({ nowOpen, fresh }: BatchView): BatchDecision {
  const [open] = nowOpen;
  const kills = [...(open?.kills ?? []), ...fresh].slice(-20);
  const killCount = (open?.killCount ?? 0) + fresh.length;
  return {
    incidents: [{ ...(open ?? anIncident({ kills: fresh })), kills, killCount }],
    placed: Object.fromEntries(fresh.map((kill) => [kill.key, open?.id ?? 'incident-1'])),
    deliveries: [anEdit('incident-1')],
  };
}

export function nothing(): BatchDecision {
  return { incidents: [], placed: {}, deliveries: [] };
}

function unexpected(): BatchDecision {
  throw new Error('there was nothing to decide');
}

async function saveOne(store: Store) {
  const saved = await store.saveBatch(batchOf([aKill()]), ({ fresh }) => openOneAs('incident-1', fresh, []));
  return saved.incidents[0]!;
}

function aReply(body: string): NewDelivery {
  return { incidentId: 'incident-1', channel: '#oom', kind: 'reply', body, notBeforeMs: 0 };
}

async function waitingIn(store: Store, channel: string): Promise<number> {
  return (await store.queueLengths()).find((queue) => queue.channel === channel)?.waiting ?? 0;
}

function aProcess() {
  return {
    pid: 365,
    ppid: 1,
    startTicks: 4711,
    uid: 100,
    name: 'mysqld',
    commandLine: '/usr/sbin/mysqld --datadir=/var/lib/mysql',
    cgroup: '/system.slice/mysql.service',
    parentName: 'systemd',
    ageMs: 86_400_000,
  };
}

function aSample(atMs: number) {
  return {
    host: 'db01',
    atMs,
    totalKiB: 1000,
    availableKiB: 300,
    totalSwapKiB: 100,
    freeSwapKiB: 50,
    pressureFullAvg10: atMs === 1 ? null : 31.25,
    services: [{ service: 'a "b" <!channel>', sizeKiB: 9 }],
    isLasting: true,
  };
}

function anEntry(facts: { host?: string | null; atMs?: number } = {}) {
  return { atMs: 1, actor: 'U1', action: 'approve', host: 'db01', details: { b: 1, a: ['x', null] }, ...facts };
}
