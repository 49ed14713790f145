import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { assignIncidents } from '../../src/app/watch/assign-incidents.ts';
import type { Saved } from '../../src/app/watch/save-queue.ts';
import type { Store } from '../../src/app/store-port.ts';
import { writeReply } from '../../src/app/reply-body.ts';
import type { Kill } from '../../src/incident/incident.ts';
import { describeUnreachable } from '../../src/notice/answer/fleet-notice.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import { printNews } from '../../src/run/print-news.ts';
import { QUIET } from '../support/quiet-log.ts';
import { openStore } from '../../src/store/store.ts';
import { aKill } from '../support/a-kill.ts';
import { fakeClock } from '../support/fake-clock.ts';

const clock = fakeClock(Date.UTC(2026, 10, 22, 12));
const HOUR_MS = 3_600_000;

const toClose: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
});

async function aStore(): Promise<Store> {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-print-'));
  const store = await openStore(`sqlite:${path.join(dir, 'a.db')}`);
  toClose.push(async () => {
    await store.close();
    rmSync(dir, { recursive: true });
  });
  return store;
}

/** Puts a kill on record that happened five hours ago and was learned of now. */
async function lateKill(store: Store, isHistory: boolean): Promise<Saved> {
  const nowMs = clock.nowMs();
  const kills: Kill[] = [aKill({ atMs: nowMs - 5 * HOUR_MS, seenAtMs: nowMs })];
  const placing = { nowMs, newId: () => 'i1', isHistory: () => isHistory, mutes: [], channelOf: () => '#oom' };
  const saved = await store.saveBatch({ host: 'db01', kills, positions: [] }, (view) => assignIncidents(view, placing));
  return { ...saved, news: isHistory ? [] : saved.fresh, told: [], asked: [] };
}

async function printedOf(saved: Saved, store: Store): Promise<string> {
  let printed = '';
  const nowMs = clock.nowMs();
  await printNews(saved, {
    log: QUIET,
    store,
    clock,
    describe: (incident) => Promise.resolve(describeIncident(incident, { nowMs, seenBefore: null, protect: false })),
    print: (text) => (printed += text),
  });
  return printed;
}

describe('the terminal', () => {
  it('is told of a kill that an outage of hours hid, as the channel is', async () => {
    const store = await aStore();

    expect(await printedOf(await lateKill(store, false), store)).toMatch(/^mysqld .*killed[^\n]* on db01/);
  });

  it('is not told of history, nor of what is muted', async () => {
    const store = await aStore();
    expect(await printedOf(await lateKill(store, true), store)).toBe('');

    const other = await aStore();
    await other.putMute({ target: 'db01', untilMs: clock.nowMs() + HOUR_MS, by: 'U1' });
    expect(await printedOf(await lateKill(other, false), other)).toBe('');
  });

  it('is told that a host cannot be watched', async () => {
    const store = await aStore();
    const notice = describeUnreachable('db01', clock.nowMs() - HOUR_MS, 'db01 does not answer.');
    const told = [
      {
        incidentId: '',
        channel: '#oom',
        kind: 'news' as const,
        body: writeReply({ notice }),
        notBeforeMs: 0,
      },
    ];

    const printed = await printedOf({ fresh: [], amended: [], incidents: [], news: [], told, asked: [] }, store);

    expect(printed).toContain('db01 is unreachable: I can’t see kills there right now');
    expect(printed).toContain('db01 does not answer.');
  });
});
