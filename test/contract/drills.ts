import { describe, expect, it } from 'vitest';
import { STANDING_KEY, writeReply } from '../../src/app/reply-body.ts';
import type { Store } from '../../src/app/store-port.ts';
import type { Drill } from '../../src/incident/drill.ts';
import { aNotice } from '../../src/notice/notice.ts';

const NOW = Date.UTC(2026, 10, 22, 12);
const DAY_MS = 24 * 60 * 60_000;

/** A drill under way on db01, with what is `given` of it. */
export function aDrill(given: Partial<Drill> & { id: string }): Drill {
  return {
    host: 'db01',
    channel: '#oom',
    by: null,
    state: 'running',
    madeAtMs: NOW,
    askedAtMs: null,
    killedAtMs: null,
    seenAtMs: null,
    recordedAtMs: null,
    toldAtMs: null,
    counted: null,
    end: null,
    ...given,
  };
}

/** What any store does with drills. */
export function describeDrills(openNew: () => Promise<Store>): void {
  describe('drills', () => {
    it('are saved only by whoever knows their state', async () => {
      const store = await openNew();
      const drill = aDrill({ id: 'a', state: 'waiting' });

      expect(await store.putDrill(drill)).toBe(true);
      expect(await store.putDrill(drill)).toBe(false);
      const taken = await Promise.all([1, 2, 3].map(() => store.putDrill({ ...drill, state: 'running' }, ['waiting'])));
      expect(taken.filter(Boolean)).toHaveLength(1);
      expect(await store.openDrills()).toMatchObject([{ id: 'a', state: 'running', killKey: null }]);
      expect(await store.putDrill({ ...drill, state: 'worked' }, ['running'])).toBe(true);
      expect(await store.openDrills()).toEqual([]);
    });

    it('keep the first death that was taken for theirs, with the place in the log, and count it in its boot', async () => {
      const store = await openNew();
      await store.putDrill(aDrill({ id: 'a' }));
      const batch = { host: 'db01', kills: [], positions: [{ source: 'kmsg', value: '7' }] };
      function decide(): never {
        throw new Error('there is no kill to decide on');
      }

      for (const key of ['boot-1:5:7', 'boot-1:6:8'])
        await store.saveBatch({ ...batch, drilled: [{ id: 'a', host: 'db01', bootId: 'boot-1', key }] }, decide);

      expect(await store.drills('db01', 0)).toMatchObject([{ id: 'a', killKey: 'boot-1:5:7' }]);
      expect(await store.positions('db01')).toMatchObject([{ value: '7' }]);
      expect([await store.countDrillKills('db01', 'boot-1'), await store.countDrillKills('db01', 'boot-2')]).toEqual([
        1, 0,
      ]);
      expect(await store.countKernelKills('db01', 'boot-1')).toBe(0);
    });

    it('are read newest first, of a host or the last of each, until they are too old', async () => {
      const store = await openNew();
      for (const [at, host] of ['db01', 'db02', 'db01'].entries())
        await store.putDrill(aDrill({ id: `d${at}`, host, madeAtMs: NOW + at, state: 'worked' }));

      expect((await store.drills('db01', 0)).map(({ id }) => id)).toEqual(['d2', 'd0']);
      expect((await store.drills('db01', NOW + 1)).map(({ id }) => id)).toEqual(['d2']);
      expect((await store.lastDrills()).map(({ id }) => id)).toEqual(['d2', 'd1']);
      await store.prune({
        nowMs: NOW + 400 * DAY_MS,
        keepKillsMs: 90 * DAY_MS,
        keepSamplesMs: DAY_MS,
        maxKillsPerHost: null,
      });
      expect(await store.lastDrills()).toEqual([]);
    });

    it('are still counted in their boot when they are dropped, however many: the kernel counts them too', async () => {
      const store = await openNew();
      const nowMs = NOW + 400 * DAY_MS;
      const reading = {
        host: 'db01',
        bootId: 'boot-1',
        killer: 'kernel' as const,
        counter: 503,
        parsed: 502,
        atMs: nowMs,
      };
      await store.saveCounter(reading);
      for (let at = 0; at < 503; at++) await store.putDrill(aDrill({ id: `d${at}`, state: 'worked' }));
      const drilled = Array.from({ length: 502 }, (_, at) => ({
        id: `d${at}`,
        host: 'db01',
        bootId: at === 0 ? 'boot-2' : 'boot-1',
        key: `boot-1:5:${at}`,
      }));
      await store.saveBatch({ host: 'db01', kills: [], positions: [], drilled }, () => {
        throw new Error('there is no kill to decide on');
      });
      expect(await store.countDrillKills('db01', 'boot-1')).toBe(501);

      await store.prune({ nowMs, keepKillsMs: 90 * DAY_MS, keepSamplesMs: DAY_MS, maxKillsPerHost: null });

      expect([
        await store.countDrillKills('db01', 'boot-1'),
        await store.countKernelKills('db01', 'boot-1'),
        await store.countKernelKills('db01', 'boot-2'),
      ]).toEqual([0, 501, 0]);
    });

    it('have one message in a channel that stays when other news are let go of', async () => {
      const store = await openNew();
      const notice = aNotice({ headline: [{ words: 'Drills' }] });
      for (const key of [STANDING_KEY, 'other'])
        await store.enqueue([
          { incidentId: '', channel: '#oom', kind: 'news', body: writeReply({ notice, key }), notBeforeMs: NOW },
        ]);
      const rows = await store.ledger('#oom', NOW);
      expect(await store.newsState('#oom', STANDING_KEY)).toEqual({ kind: 'waiting' });
      await store.saveLedger(
        'me',
        NOW,
        rows.map(({ destination, key, told, wanted }) => ({
          destination,
          key,
          ts: '1.1',
          shown: 0,
          told,
          attempt: null,
          attempts: 0,
          notBeforeMs: NOW,
          failed: null,
          doneUpTo: wanted,
          sentAtMs: NOW,
          seenOwner: null,
          seenTs: null,
        })),
      );
      expect(await store.newsState('#oom', STANDING_KEY)).toEqual({ kind: 'shown' });

      await store.prune({
        nowMs: NOW + 90 * DAY_MS,
        keepKillsMs: 400 * DAY_MS,
        keepSamplesMs: DAY_MS,
        maxKillsPerHost: null,
      });

      expect(await store.newsState('#oom', STANDING_KEY)).toEqual({ kind: 'shown' });
      expect(await store.newsState('#oom', 'other')).toEqual({ kind: 'missing' });
    });
  });
}
