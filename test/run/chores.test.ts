import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Fleet } from '../../src/app/host-link.ts';
import type { Store } from '../../src/app/store-port.ts';
import { shareWork } from '../../src/run/chores.ts';
import { openStore } from '../../src/store/store.ts';
import { fakeClock, type FakeClock } from '../support/fake-clock.ts';
import { QUIET } from '../support/quiet-log.ts';

const HOSTS = ['h1', 'h2', 'h3', 'h4'];
const LEASE_MS = 15_000;

async function aStore(): Promise<Store> {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-chores-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const store = await openStore(`sqlite:${dir}/oombot.db`);
  onTestFinished(store.close);
  return store;
}

/** One of several processes, on the same record and clock. `watched`: its hosts, as it was told last. */
function share(store: Store, clock: FakeClock, owner: string, names: readonly string[] = HOSTS) {
  const stop = new AbortController();
  const watched: { hosts: readonly string[]; most: number; servedUntilMs: number } = {
    hosts: [],
    most: 0,
    servedUntilMs: 0,
  };
  const fleet = {
    link: () => null,
    hosts: () => names.map((name) => ({ name, tags: [], channel: null })),
    watchState: () => null,
  } as unknown as Fleet;
  const running = shareWork({
    store,
    fleet,
    clock,
    log: QUIET,
    owner,
    watchOnly: (hosts) => {
      watched.most = Math.max(watched.most, (hosts ?? names).length - watched.hosts.length);
      watched.hosts = hosts ?? names;
    },
    serveOnly: (_, untilMs) => {
      watched.servedUntilMs = untilMs;
    },
    onRenewed: () => {},
    signal: stop.signal,
  });
  async function end(): Promise<void> {
    stop.abort();
    await running;
  }
  onTestFinished(end);
  return { watched, end };
}

it('takes over the hosts of a process that is gone as soon as its lease ends, whenever it renewed last', async () => {
  const store = await aStore();
  const clock = fakeClock(0);
  const gone = share(store, clock, 'gone');
  await clock.advance(1_000);
  const left = share(store, clock, 'left');
  await clock.advance(19_000);
  expect(left.watched.hosts).toHaveLength(2);

  // It has just renewed, and the other one looks a second after it each time.
  const killedAtMs = clock.nowMs();
  await gone.end();
  while (left.watched.hosts.length < HOSTS.length && clock.nowMs() < killedAtMs + 2 * LEASE_MS)
    await clock.advance(100);

  expect(clock.nowMs() - killedAtMs).toBeLessThanOrEqual(LEASE_MS + 200);
  expect(left.watched.hosts).toEqual(HOSTS);
});

it('takes up few hundred hosts at once, all within a second, and serves channels as long as its lease', async () => {
  const store = await aStore();
  const clock = fakeClock(0);
  const names = Array.from({ length: 1_000 }, (_, at) => `h${at}`);
  const { watched } = share(store, clock, 'alone', names);

  await clock.advance(1_000);

  expect(watched.hosts).toHaveLength(names.length);
  expect(watched.most).toBe(200);
  expect(watched.servedUntilMs).toBeGreaterThanOrEqual(LEASE_MS);
  expect(watched.servedUntilMs).toBeLessThanOrEqual(clock.nowMs() + LEASE_MS);
});
