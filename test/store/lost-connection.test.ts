import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import type { Store } from '../../src/app/store-port.ts';
import { openStore } from '../../src/store/store.ts';
import { openTested } from '../contract/store.ts';
import { anEdit, batchOf, openOneAs } from '../support/store-steps.ts';
import { aKill } from '../support/a-stored-kill.ts';
import { startPostgres } from '../support/postgres.ts';
import { needs } from '../support/needs.ts';

const postgres = await startPostgres();
afterAll(() => postgres?.stop(), 60_000);

describe('while PostgreSQL drops its connections', needs('postgres'), () => {
  it('every kill is saved once and every question is answered, with connections cut in a loop', async () => {
    const url = await createDatabase();
    const store = await openTested(url);
    let cuts = 0;

    const work = keepWorking(store, 6_000);
    // Never so often that a busy machine cannot end one transaction between two cuts.
    for (let times = 0; !work.isOver(); times += 1) {
      cuts += await postgres!.cutConnections(url);
      await sleep(10 + 20 * (times % 12));
    }
    const { saved, asked } = await work.done;

    expect(cuts).toBeGreaterThan(50);
    expect(asked).toBeGreaterThan(50);
    await expectOnce(store, saved);
  }, 60_000);

  it.each(['fast', 'immediate'] as const)(
    'every kill is saved once, and every question is answered, over %s restarts',
    async (how) => {
      const url = await createDatabase();
      const store = await openTested(url);

      const work = keepWorking(store, 6_000);
      for (let times = 0; times < 4; times += 1) {
        await sleep(500);
        await postgres!.restart(how);
      }
      const { saved } = await work.done;

      await expectOnce(store, saved);
    },
    60_000,
  );

  it.each(['before', 'after'] as const)(
    'a transaction whose connection goes just %s the server gets its commit is made once',
    async (when) => {
      const url = await createDatabase();
      await (await openTested(url)).close();
      const proxy = await openCutter(url, when);
      const store = await openStore(proxy.url);

      proxy.cutNextCommit();
      await store.putMute({ target: 'a', untilMs: 10, by: 'U1' });
      const first = await store.appendAudit({ atMs: 1, actor: 'U1', action: 'approve', host: null, details: {} });
      proxy.cutNextCommit();
      const second = await store.appendAudit({ atMs: 2, actor: 'U1', action: 'approve', host: null, details: {} });

      expect(proxy.cuts()).toBe(2);
      expect([first.seq, second.seq]).toEqual([1, 2]);
      expect(await store.audit(null, 10)).toHaveLength(2);
      await store.close();
      proxy.close();
    },
  );
});

interface Cutter {
  url: string;
  cutNextCommit: () => void;
  cuts: () => number;
  close: () => void;
}

/** Stands before PostgreSQL and cuts a connection at its next commit. */
async function openCutter(url: string, when: 'before' | 'after'): Promise<Cutter> {
  const target = new URL(url);
  let isArmed = false;
  let cuts = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      socket.on('error', () => undefined);
      socket.on('close', () => setTimeout(() => [client, upstream].forEach((one) => one.destroy()), 100));
    }
    upstream.pipe(client);
    client.on('data', (chunk) => {
      const isHit = isArmed && chunk.includes('commit');
      if (isHit) {
        isArmed = false;
        cuts += 1;
        upstream.unpipe(client);
        client.destroy();
      }
      if (!isHit || when === 'after') upstream.write(chunk);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const through = new URL(url);
  through.port = String((server.address() as AddressInfo).port);
  return {
    url: through.href,
    cutNextCommit: () => (isArmed = true),
    cuts: () => cuts,
    close: () => server.close(),
  };
}

function createDatabase(): Promise<string> {
  if (postgres === null) throw new Error('PostgreSQL does not run');
  return postgres.createDatabase();
}

/** Saves kills one after the other and asks questions beside it, for so long; nothing of it may fail. */
function keepWorking(store: Store, forMs: number) {
  const untilMs = performance.now() + forMs;
  let asked = 0;

  function isOver(): boolean {
    return performance.now() > untilMs;
  }

  async function save(lane: number): Promise<string[]> {
    const keys: string[] = [];
    while (!isOver()) {
      const key = `k${lane}-${keys.length}`;
      const incident = `i${lane}`;
      const saved = await store.saveBatch(batchOf([aKill({ key, atMs: keys.length, host: `h${lane}` })]), (view) => {
        const open = view.nowOpen.find(({ id }) => id === incident);
        if (open === undefined) return openOneAs(incident, view.fresh);
        const incidents = [{ ...open, killCount: open.killCount + 1 }];
        return { incidents, placed: { [key]: incident }, deliveries: [anEdit(incident)] };
      });
      expect(saved.fresh.map((kill) => kill.key)).toEqual([key]);
      keys.push(key);
    }
    return keys;
  }

  async function ask(): Promise<void> {
    while (!isOver()) {
      await store.kills({ hosts: null, sinceMs: null, untilMs: null, service: null, limit: 5 });
      asked += 1;
    }
  }

  async function run() {
    const lanes = await Promise.all([save(1), save(2), save(3), ask(), ask()]);
    return { saved: lanes.slice(0, 3).map((keys) => keys?.length ?? 0), asked };
  }

  return { isOver, done: run() };
}

async function expectOnce(store: Store, saved: number[]): Promise<void> {
  expect(Math.min(...saved)).toBeGreaterThan(3);
  for (const [at, count] of saved.entries()) {
    expect(await store.killsOfIncident(`i${at + 1}`, 100_000)).toHaveLength(count);
    expect(await store.incident(`i${at + 1}`)).toMatchObject({ killCount: count, revision: count });
  }
}
