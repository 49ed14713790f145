import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTelling } from '../../src/app/tell/telling.ts';
import { watchHost } from '../../src/app/watch/watch-host.ts';
import { openControls } from '../../src/demo/controls.ts';
import { openJournal } from '../../src/demo/journal.ts';
import { renderKmsg } from '../../src/demo/kernel-ring.ts';
import { openDemoMachine } from '../../src/demo/machine.ts';
import type { Incident } from '../../src/incident/incident.ts';
import { describeIncident } from '../../src/notice/incident/incident-notice.ts';
import { openStore } from '../../src/store/store.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { scriptedChat, type ChatMessage } from '../support/scripted-chat.ts';
import { scriptedHost } from '../support/scripted-host.ts';
import { QUIET } from '../support/quiet-log.ts';

// OOMBOT_ORDERS=120 plays all; a few of them, spread over all, are in each run.
const ORDERS = Number(process.env['OOMBOT_ORDERS'] ?? 6);
const T0 = Date.UTC(2026, 10, 22, 12);
const BUTTONS = ['host', 'container', 'storm', 'group', 'oomd'];
const CLICK_EVERY_MS = 2_000;
const KILLS_OF_ALL = 1 + 1 + 25 + 4 + 1;

const folder = mkdtempSync(path.join(tmpdir(), 'oombot-orders-'));
const empty = path.join(folder, 'empty.db');
beforeAll(async () => (await openStore(`sqlite:${empty}`)).close());
afterAll(() => rmSync(folder, { recursive: true }));

function ordersOf(all: readonly string[]): string[][] {
  if (all.length < 2) return [[...all]];
  return all.flatMap((one, at) => ordersOf(all.toSpliced(at, 1)).map((rest) => [one, ...rest]));
}

function spreadOver<T>(all: readonly T[], count: number): T[] {
  const step = all.length / Math.min(count, all.length);
  return Array.from({ length: Math.min(count, all.length) }, (_, at) => all[Math.floor(at * step)]!);
}

/** The demo machine behind a watch, a record and a chat, all on one clock; its five replays clicked in this order. */
async function play(order: readonly string[]): Promise<{ messages: ChatMessage[]; incidents: Incident[] }> {
  const file = path.join(folder, `${order.join('-')}.db`);
  copyFileSync(empty, file);
  const store = await openStore(`sqlite:${file}`);
  const clock = fakeClock(T0);
  const chat = scriptedChat(clock);
  const stop = new AbortController();
  const journal = openJournal('demo-db01');
  const bootAtMs = T0 - 3_600_000;
  const machine = openDemoMachine({ bootAtMs, journal, clock });
  const host = scriptedHost('demo-db01', clock);
  host.factsSay({ bootId: machine.bootId, bootAtMs });
  host.countersSay(null);
  const telling = openTelling({
    store,
    workspace: chat,
    clock,
    log: QUIET,
    owner: 'me',
    describe: async (incident) => describeIncident(incident, { nowMs: clock.nowMs(), protect: false }),
  });
  const watch = watchHost(host, {
    store,
    clock,
    log: QUIET,
    channelOf: () => '#oom',
    onSaved: telling.see,
    onLines: () => {},
    onGap: () => {},
  });
  await clock.advance(100);
  const { bootId } = machine;
  machine.ring.onRecord((record) => host.say(renderKmsg(record).trimEnd().split('\n'), { bootId }));
  journal.onEntry('killers', (entry) => host.say([entry.trimEnd()], { source: 'journal', bootId: null }));

  const controls = new Map(openControls(machine, clock, stop.signal).map((control) => [control.id, control]));
  for (const id of order) {
    void controls.get(id)!.run();
    await clock.advance(CLICK_EVERY_MS);
  }
  await clock.advance(150_000);
  const incidents = await store.incidents('demo-db01', 100);
  stop.abort();
  machine.close();
  await watch.close();
  await telling.close();
  await store.close();
  return { messages: chat.messages, incidents };
}

function mostIn10s(messages: readonly ChatMessage[]): number {
  const times = messages.map(({ postedAtMs }) => postedAtMs);
  return Math.max(...times.map((at) => times.filter((other) => other >= at && other < at + 10_000).length));
}

describe('the five replay buttons within ten seconds', () => {
  it.each(spreadOver(ordersOf(BUTTONS), ORDERS).map((order) => [order.join(', '), order] as const))(
    'in the order %s: few messages, each incident soon, every name and cause to be read',
    async (_, order) => {
      const { messages, incidents } = await play(order);

      expect(incidents.reduce((sum, { killCount }) => sum + killCount, 0)).toBe(KILLS_OF_ALL);
      expect(mostIn10s(messages)).toBeLessThanOrEqual(3);
      const announcements = messages.filter(({ threadTs }) => threadTs === null);
      const said = messages.map(({ text }) => text).join('\n');
      for (const incident of incidents) {
        const by = announcements.filter(({ mark }) => mark.id === incident.id || mark.also.includes(incident.id));
        expect(
          by.map(({ text }) => text.slice(0, 40)),
          incident.service,
        ).toHaveLength(1);
        expect(by[0]!.postedAtMs - incident.firstAtMs, incident.service).toBeLessThanOrEqual(30_000);
        for (const { service } of incident.victims) expect(said).toContain(service);
        expect(said, `the cause of ${incident.service}`).toContain(incident.cause!.text.slice(0, 60));
      }
    },
    60_000,
  );
});
