import { describe, expect, it } from 'vitest';
import type { Store } from '../../src/app/store-port.ts';
import { aRule } from './changes.ts';
import { aChange } from '../support/a-change.ts';
import { aKill, anIncident } from '../support/a-stored-kill.ts';
import { batchOf, openOneAs } from '../support/store-steps.ts';

const EVERYTHING = { hosts: null, sinceMs: null, untilMs: null, service: null, limit: 100 };
const MACHINE = { bootId: 'boot-1', hostKey: 'SHA256:a', atMs: 1 };

/** A host that gets another name takes along all that is kept of it. */
export function describeMachines(openNew: () => Promise<Store>): void {
  async function watched(host: string): Promise<Store> {
    const store = await openNew();
    await store.noteMachine({ ...MACHINE, host }, [host]);
    await store.saveBatch({ ...batchOf([aKill({ host, who: null })], '7'), host }, ({ fresh }) =>
      openOneAs('incident-1', fresh),
    );
    return store;
  }

  describe('machines', () => {
    it('gives the record of a renamed host to its new name, all at once and once', async () => {
      const store = await watched('db01');
      const entry = { atMs: 1, actor: 'U1', action: 'propose', host: 'db01', details: {} };
      await store.saveCounter({ host: 'db01', bootId: 'boot-1', killer: 'kernel', counter: 3, parsed: 1, atMs: 5 });
      await store.saveSnapshot({ host: 'db01', bootId: 'boot-1', atMs: 5, processes: [] });
      await store.addChange(aChange({ host: 'db01' }), entry);
      await store.putRule(aRule({ hosts: ['web1', 'db01'], widened: [{ host: 'db01', changeId: 'c', uids: [7] }] }));

      const formerly = await store.noteMachine({ ...MACHINE, host: 'pg-main' }, ['pg-main', 'web1']);
      const again = await store.noteMachine({ ...MACHINE, host: 'pg-main' }, ['pg-main', 'web1']);

      expect([formerly, again]).toEqual(['db01', null]);
      const [kill, ...others] = await store.kills(EVERYTHING);
      expect([kill, others]).toEqual([aKill({ host: 'pg-main' }), []]);
      const [incident] = await store.openIncidents('pg-main');
      // Its kill is the renamed host's too, and whoever works on it under the old name must read it anew.
      expect(incident).toMatchObject({ ...anIncident({ kills: [aKill({ host: 'pg-main' })] }), revision: 2 });
      expect(await store.positions('pg-main')).toEqual([{ source: 'kmsg', value: '7' }]);
      expect(await store.counter('pg-main', 'boot-1', 'kernel')).toMatchObject({ counter: 3 });
      expect(await store.snapshot('pg-main')).toMatchObject({ host: 'pg-main' });
      expect(await store.changes('pg-main', 10)).toMatchObject([{ host: 'pg-main' }]);
      expect(await store.rules()).toMatchObject([{ hosts: ['web1', 'pg-main'], widened: [{ host: 'pg-main' }] }]);
      expect([await store.openIncidents('db01'), await store.positions('db01')]).toEqual([[], []]);
      expect(await store.hostsWithOpenIncidents()).toEqual(['pg-main']);
      expect((await store.audit('pg-main', 10)).map(({ action, details }) => ({ action, details }))).toEqual([
        { action: 'rename-host', details: { formerly: 'db01' } },
      ]);
    });

    it('lets a stale writer of an incident read it anew', async () => {
      const store = await watched('db01');
      const stale = (await store.openIncidents('db01'))[0]!;
      await store.noteMachine({ ...MACHINE, host: 'pg-main' }, ['pg-main']);

      const result = await store.updateIncident({ ...stale, closedAtMs: 9 }, []);

      expect(result).toMatchObject({ kind: 'conflict', current: { host: 'pg-main' } });
    });

    it.each<[string, Partial<typeof MACHINE>, string[]]>([
      ['both names are configured: one machine twice, or two that were cloned', {}, ['db01', 'pg-main']],
      ['the host key is another: containers share a boot', { hostKey: 'SHA256:b' }, ['pg-main']],
      ['the boot is another: machines that were cloned share a key', { bootId: 'boot-2' }, ['pg-main']],
    ])('takes nothing from another name where %s', async (_why, change, configured) => {
      const store = await watched('db01');

      expect(await store.noteMachine({ ...MACHINE, ...change, host: 'pg-main' }, configured)).toBeNull();

      expect(await store.positions('db01')).toHaveLength(1);
      expect(await store.kills(EVERYTHING)).toEqual([aKill()]);
    });

    it('takes nothing where the new name has a record of its own, or two old names are the same machine', async () => {
      const store = await watched('db01');
      await store.noteMachine({ ...MACHINE, host: 'also' }, ['db01', 'also']);
      const two = await store.noteMachine({ ...MACHINE, host: 'third' }, ['third']);
      await store.saveBatch({ ...batchOf([], '9'), host: 'fourth' }, () => ({
        incidents: [],
        placed: {},
        deliveries: [],
      }));
      const own = await store.noteMachine({ ...MACHINE, host: 'fourth' }, ['fourth']);

      expect([two, own]).toEqual([null, null]);
      expect(await store.positions('db01')).toHaveLength(1);
    });
  });
}
