import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { watchHost, type HostWatch } from '../../src/app/watch/watch-host.ts';
import type { Store } from '../../src/app/store-port.ts';
import { openStore } from '../../src/store/store.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { scriptedHost } from '../support/scripted-host.ts';

const clock = fakeClock(Date.UTC(2026, 10, 22, 12));

async function aStore(): Promise<Store> {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-rename-'));
  const store = await openStore(`sqlite:${dir}/oombot.db`);
  onTestFinished(async () => {
    await store.close();
    rmSync(dir, { recursive: true });
  });
  return store;
}

async function watched(name: string, store: Store, logged: string[] = []): Promise<HostWatch> {
  const host = scriptedHost(name, clock);
  host.factsSay({ hostKey: 'SHA256:a' });
  const watch = watchHost(host, {
    store,
    clock,
    log: { info: () => {}, warn: (_, message) => logged.push(message), error: () => {} },
    channelOf: () => '#oom',
    configured: () => [name],
    onSaved: () => {},
    onLines: () => {},
    onGap: () => {},
  });
  onTestFinished(watch.close);
  await clock.advance(100);
  return watch;
}

it('a host that is met under a new name has its history, and that is said once', async () => {
  const store = await aStore();
  const before = await watched('db01', store);
  await before.close();
  expect(await store.positions('db01')).not.toEqual([]);
  const logged: string[] = [];

  const after = await watched('pg-main', store, logged);

  expect(after.state()).toMatchObject({ kind: 'watching', formerly: 'db01' });
  expect(await store.positions('db01')).toEqual([]);
  expect(logged).toEqual(['A host has a new name; its history came along']);
  expect(await store.audit('pg-main', 5)).toMatchObject([{ action: 'rename-host', details: { formerly: 'db01' } }]);
  await after.close();
  const later = await watched('pg-main', store, logged);
  expect([later.state().formerly, logged.length]).toEqual([undefined, 1]);
});

it('a host that came along has its entry in the audit log with it: another write cannot fail between them', async () => {
  const store = await aStore();
  await (await watched('db01', store)).close();
  const full = { ...store, appendAudit: () => Promise.reject(new Error('the disk is full')) };

  const after = await watched('pg-main', full);

  expect(after.state()).toMatchObject({ kind: 'watching', formerly: 'db01' });
  expect(await store.audit('pg-main', 5)).toMatchObject([{ action: 'rename-host' }]);
});

it('a record that takes nothing keeps no host from being watched', async () => {
  const store = await aStore();
  const full = { ...store, noteMachine: () => Promise.reject(new Error('the disk is full')) };

  expect((await watched('db01', full)).state().kind).toBe('watching');
});
