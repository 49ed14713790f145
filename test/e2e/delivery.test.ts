import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Store } from '../../src/app/store-port.ts';
import type { Kill } from '../../src/incident/incident.ts';
import type { LocalWorkspace } from '../../src/local/workspace.ts';
import { openStore } from '../../src/store/store.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { openDelivering } from '../support/delivering.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';
import { faultsOfSent, mrkdwnOfSent } from '../support/sent-payloads.ts';
import { eventually, openWorkspaceOfManifest } from '../support/whole-bot.ts';

const node = path.join(import.meta.dirname, '../../node_modules/.bin/node');
const tellingBot = path.join(import.meta.dirname, '../support/telling-bot.ts');
const WINDOW_MS = 10_000;
const SETTLED_MS = 120_000;

interface Bench {
  workspace: LocalWorkspace;
  store: Store;
  /** Records kills as watching a host does, with what is to be told of them. */
  happen: (kills: readonly Kill[], channel?: string) => Promise<void>;
  close: () => Promise<void>;
}

async function aBench(channels: readonly string[] = ['#oom']): Promise<Bench> {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-delivery-'));
  const workspace = await openWorkspaceOfManifest({ channels });
  const store = await openStore(`sqlite:${path.join(dir, 'oombot.db')}`);
  const delivering = await openDelivering(store, workspace);
  return {
    workspace,
    store,
    async happen(kills, channel = '#oom') {
      for (const [host, ofHost] of Map.groupBy(kills, (kill) => kill.host))
        await delivering.happen(host, ofHost, channel);
    },
    async close() {
      await delivering.close();
      await store.close();
      await workspace.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function on(host: string, pid = 1): Kill {
  return aKill({ host, pid, atMs: Date.now() });
}

/** How often each incident is told of at top level, over the channels. */
function tellings(workspace: LocalWorkspace, channels: readonly string[]): Map<string, number> {
  const told = new Map<string, number>();
  for (const { metadata } of channels.flatMap((channel) => workspace.messages(channel))) {
    const { id, also = [] } = (metadata?.event_payload ?? {}) as { id?: string; also?: string[] };
    for (const one of id === undefined ? [] : [id, ...also]) told.set(one, (told.get(one) ?? 0) + 1);
  }
  return told;
}

async function settled(store: Store): Promise<void> {
  await eventually(
    async () => (await store.queueLengths()).every(({ waiting, inFlight }) => waiting + inFlight === 0),
    'an empty outbox',
    SETTLED_MS,
  );
}

/** Every incident on record is told, and none twice. */
async function expectToldOnce(store: Store, workspace: LocalWorkspace, channels: readonly string[]): Promise<number> {
  const hosts = (await store.hostKills(0)).map(({ host }) => host);
  const known = (await Promise.all(hosts.map((host) => store.incidents(host, 100)))).flat().map(({ id }) => id);
  const told = tellings(workspace, channels);
  expect([...told].filter(([, times]) => times !== 1)).toEqual([]);
  expect([...told.keys()].toSorted()).toEqual(known.toSorted());
  return known.length;
}

function calls(workspace: LocalWorkspace, method: string) {
  return workspace.calls().filter((call) => call.method === method);
}

describe.concurrent('what is told when Slack fails, with kills going on', { timeout: 240_000 }, () => {
  it('waits as long as a 429 says', async () => {
    const { workspace, store, happen, close } = await aBench();
    workspace.faults.add({ method: 'chat.postMessage', status: 429, retryAfterSeconds: 3 });

    await happen([on('db01')]);
    await happen([on('db02')]);
    await settled(store);

    const [first, second] = calls(workspace, 'chat.postMessage');
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(2_900);
    expect(await expectToldOnce(store, workspace, ['#oom'])).toBe(2);
    await close();
  });

  it.each([
    ['a 5xx before it was taken', { status: 503, when: 'before' as const }],
    ['a 5xx after it was taken', { status: 502, when: 'after' as const }],
    ['a connection cut before it was taken', { cut: true, when: 'before' as const }],
    ['a connection cut after it was taken', { cut: true, when: 'after' as const }],
  ])('tells once over %s', async (_, fault) => {
    const { workspace, store, happen, close } = await aBench();
    workspace.faults.add({ method: 'chat.postMessage', times: 2, ...fault });
    workspace.faults.add({ method: 'chat.update', times: 1, ...fault });

    for (let number = 0; number < 4; number += 1) {
      await happen([on(`db0${number % 2}`, number + 1)]);
      await sleep(150);
    }
    await settled(store);

    expect(await expectToldOnce(store, workspace, ['#oom'])).toBe(2);
    const text = workspace
      .messages('#oom')
      .map((message) => JSON.stringify(message))
      .join('\n');
    // Alone and edited, or a summary: what came after that stands in its thread.
    expect(text).toMatch(/2 times|Out of memory: 2 incidents, [2-4] kills/);
    await close();
  });

  it('goes on telling while sockets are dropped', async () => {
    const { workspace, store, happen, close } = await aBench();
    for (let number = 0; number < 6; number += 1) {
      workspace.dropSockets();
      await happen([on(`db0${number}`)]);
      await sleep(300);
    }
    await settled(store);

    expect(await expectToldOnce(store, workspace, ['#oom'])).toBe(6);
    await eventually(() => workspace.socketCount() === 1, 'a new socket');
    await close();
  });

  // Ten minutes of silence on a clock moved by hand are in test/app/delivery.test.ts; this is the real wire.
  it('loses nothing and repeats nothing when Slack is down for a while', async () => {
    const { workspace, store, happen, close } = await aBench();
    await happen([on('before')]);
    await eventually(() => workspace.messages('#oom').length > 0, 'the first message');
    workspace.faults.refuseAll(true);
    const asked = workspace.calls().length;
    for (let number = 0; number < 30; number += 1) {
      await happen([on(`db${number}`)]);
      await sleep(500);
    }
    workspace.faults.refuseAll(false);
    await settled(store);

    expect(workspace.calls().length - asked).toBeLessThan(60);
    expect(await expectToldOnce(store, workspace, ['#oom'])).toBe(31);
    await close();
  });

  it('of 1,000 kills on 100 hosts within 10 s gives at most 3 messages in any 10 s, and has all on record', async () => {
    const { workspace, store, happen, close } = await aBench();
    const beforeMiB = process.memoryUsage().rss / 2 ** 20;
    let mostMiB = beforeMiB;
    const startMs = Date.now();
    for (let tick = 0; tick < 50; tick += 1) {
      await happen(Array.from({ length: 20 }, (_, at) => on(`web${(tick * 20 + at) % 100}`, 1_000 + tick * 20 + at)));
      mostMiB = Math.max(mostMiB, process.memoryUsage().rss / 2 ** 20);
      await sleep(Math.max(0, startMs + (tick + 1) * 200 - Date.now()));
    }
    const tookMs = Date.now() - startMs;
    await settled(store);

    const sentAtMs = calls(workspace, 'chat.postMessage').map((call) => call.atMs);
    const most = Math.max(
      ...sentAtMs.map((at) => sentAtMs.filter((other) => other >= at && other < at + WINDOW_MS).length),
    );
    const rows = await store.countKills({ hosts: null, sinceMs: null, untilMs: null, service: null, limit: 10_000 });
    expect(rows.reduce((sum, row) => sum + row.count, 0)).toBe(1_000);
    expect(most).toBeLessThanOrEqual(3);
    expect(await expectToldOnce(store, workspace, ['#oom'])).toBe(100);
    expect(mostMiB - beforeMiB).toBeLessThan(400);
    // A machine under load may be slower than the storm.
    expect(tookMs).toBeLessThan(60_000);
    expect(faultsOfSent(workspace.calls())).toEqual([]);
    await close();
  });

  it('says nothing with the names of processes but what they are', async () => {
    const channels = HOSTILE_NAMES.map((_, at) => `#h${at}`);
    const { workspace, store, happen, close } = await aBench(channels);
    for (const [at, name] of HOSTILE_NAMES.entries()) {
      const evidence = [{ line: 1, text: `[1.0] Killed process 7 (${name}) total-vm:1kB` }];
      const record = aRecord({ name, identity: null, taskMemcg: name, trigger: null, evidence, warnings: [name] });
      const holders = [{ name, count: 1, rssPages: 9, anonPages: null, swapPages: 0, largestPid: 7 }];
      const kill = { ...on(`host${at}`), record: { ...record, holders } };
      await happen([kill], `#h${at}`);
      await happen([{ ...kill, key: `${kill.key}:again`, atMs: kill.atMs + 1_000 }], `#h${at}`);
    }
    await settled(store);

    const sent = workspace.calls();
    const outsideCode = mrkdwnOfSent(sent).map((text) => text.replace(/`[^`]*`/g, '·'));
    expect(await expectToldOnce(store, workspace, channels)).toBe(HOSTILE_NAMES.length);
    expect(faultsOfSent(sent)).toEqual([]);
    expect(outsideCode.filter((text) => UNSAFE.test(text))).toEqual([]);
    await close();
  });
});

/** What Slack would make a mention, a link, an emoji or a format of, had it come from a host. */
const UNSAFE =
  /<!(?!date\^)|<@U024BE7LH|<#C024BE7LR|https?:\/\/evil|@channel|@here|\*b\*|_i_|~s~|:rotating_light:|<script|<http/;

/** `npm run test:long` has 50. */
const MOMENTS = Number(process.env['OOMBOT_MOMENTS'] ?? 12);

describe('a bot that dies', { timeout: 240_000 + MOMENTS * 6_000 }, () => {
  it(`with -9 at ${MOMENTS} random moments between record and Slack tells every incident once`, async () => {
    const counts = await Promise.all(Array.from({ length: 4 }, () => aChainOfDeaths(Math.ceil(MOMENTS / 4))));

    expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(MOMENTS);
  });
});

/** Starts the bot again and again on one record and kills it soon after it asked something of Slack. Returns how many incidents there were. */
async function aChainOfDeaths(deaths: number): Promise<number> {
  const channels = Array.from({ length: 24 }, (_, at) => `#c${at}`);
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-deaths-'));
  const url = `sqlite:${path.join(dir, 'oombot.db')}`;
  const workspace = await openWorkspaceOfManifest({ channels });
  // Each answer takes a while, so that many die waiting for one.
  workspace.faults.add({ method: 'chat.postMessage', delayMs: 20, times: 1_000_000 });
  for (let death = 0; death < deaths; death += 1) {
    const asked = calls(workspace, 'chat.postMessage').length;
    const args = [tellingBot, url, workspace.apiUrl, workspace.botToken, workspace.appToken, String(channels.length)];
    const env = { ...process.env, NODE_COMPILE_CACHE: path.join(dir, 'compiled') };
    const bot = spawn(node, args, { stdio: ['ignore', 'ignore', 'inherit'], env });
    const gone = new Promise((resolve) => bot.once('exit', resolve));
    await eventually(() => calls(workspace, 'chat.postMessage').length > asked, 'a message of the bot', 120_000);
    await sleep(Math.random() * 250);
    bot.kill('SIGKILL');
    await gone;
  }
  workspace.faults.clear();
  const store = await openStore(url);
  const delivering = await openDelivering(store, workspace);
  await settled(store);

  const count = await expectToldOnce(store, workspace, channels);
  await delivering.close();
  await store.close();
  await workspace.close();
  rmSync(dir, { recursive: true, force: true });
  return count;
}
