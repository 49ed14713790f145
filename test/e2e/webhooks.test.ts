import { spawn, type ChildProcess } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openStore } from '../../src/store/store.ts';
import { openWebhookReceiver, receivedAlerts, type Answer, type Received } from '../support/webhook-receiver.ts';
import { eventually, openWorkspaceOfManifest } from '../support/whole-bot.ts';

const node = path.join(import.meta.dirname, '../../node_modules/.bin/node');
const program = path.join(import.meta.dirname, '../support/webhook-bot.ts');
const KILLS = 1_000;
const HOSTS = 100;
const DEATHS = 6;
const SECRET = 'a secret of twenty-two';
const MINUTE_MS = 60_000;
const SETTLED_MS = 180_000;

/** Each costs a rest of a second or more. */
const FAULTS = 60;

/** 5xx before and after it was taken, 429, no answer, a cut connection, three of ten requests; then none. */
function faults(): () => Answer | undefined {
  let left = FAULTS;
  return () => {
    const answer = left > 0 ? fault(Math.random()) : undefined;
    if (answer !== undefined) left -= 1;
    return answer;
  };
}

function fault(chance: number): Answer | undefined {
  if (chance < 0.12) return { status: 503, isTaken: false };
  if (chance < 0.18) return { status: 500, isTaken: true };
  if (chance < 0.24) return { status: 429, isTaken: false, headers: { 'retry-after': '1' } };
  if (chance < 0.27) return { status: 'hang', isTaken: true };
  if (chance < 0.3) return { status: 'cut', isTaken: true };
  return undefined;
}

function isSigned({ headers, text }: Received): boolean {
  const signed = `${headers['webhook-id'] as string}.${headers['webhook-timestamp'] as string}.${text}`;
  return headers['webhook-signature'] === `v1,${createHmac('sha256', SECRET).update(signed).digest('base64')}`;
}

it(
  `of ${KILLS} kills in a storm under 5xx, 429, time-outs and kill -9: each event once by its id, and one alert for the storm`,
  { timeout: 600_000 },
  async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'oombot-webhooks-'));
    const url = `sqlite:${path.join(dir, 'oombot.db')}`;
    const workspace = await openWorkspaceOfManifest({ channels: ['#oom'] });
    const receiver = await openWebhookReceiver();
    receiver.script.answer = faults();
    const slack = [workspace.apiUrl, workspace.botToken, workspace.appToken];
    const env = { ...process.env, NODE_COMPILE_CACHE: path.join(dir, 'compiled') };

    function start(offsetMs: number, task: string, count = 0): { bot: ChildProcess; done: Promise<unknown> } {
      const hooks = [receiver.url('/events'), receiver.url('/pager')];
      const args = [program, url, ...slack, ...hooks, String(offsetMs), task, String(count)];
      const bot = spawn(node, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
      return { bot, done: once(bot.stdout, 'data') };
    }
    async function kill(bot: ChildProcess): Promise<void> {
      const gone = once(bot, 'exit');
      bot.kill('SIGKILL');
      await gone;
    }
    function at(place: string): Received[] {
      return receiver.taken.filter((one) => one.path === place);
    }
    function opened(): Set<unknown> {
      return new Set(
        at('/events').flatMap(({ body }) => (body['type'] === 'oombot.incident.opened' ? [body['subject']] : [])),
      );
    }
    async function settled(): Promise<void> {
      await eventually(
        async () => {
          const store = await openStore(url, { readOnly: true });
          const queues = await store.queueLengths();
          await store.close();
          return queues.every(({ waiting, inFlight }) => waiting + inFlight === 0);
        },
        'an empty ledger',
        SETTLED_MS,
      );
    }

    const before = start(-10 * MINUTE_MS, 'kill:before');
    await eventually(
      () => opened().size === 1 && receivedAlerts(at('/pager')).size === 1,
      'what was before',
      SETTLED_MS,
    );
    await kill(before.bot);

    for (let death = 0; death < DEATHS; death += 1) {
      const asked = receiver.requests.length;
      const { bot } = start(0, 'storm', Math.ceil((KILLS * (death + 1)) / (DEATHS + 1)));
      await eventually(() => receiver.requests.length > asked, 'a request of the bot', SETTLED_MS);
      await sleep(Math.random() * 1_500);
      await kill(bot);
    }
    const last = start(0, 'storm', KILLS);
    await last.done;
    await eventually(() => opened().size === HOSTS + 1, 'an event of each incident', SETTLED_MS);
    await settled();
    await kill(last.bot);
    const after = start(2 * MINUTE_MS, 'kill:after');
    await eventually(() => receivedAlerts(at('/pager')).size === 3, 'what came after', SETTLED_MS);
    await kill(after.bot);
    const stormAlert = [...receivedAlerts(at('/pager'))].find(([key]) => key.startsWith('storm-'))?.[1];

    const closing = start(40 * MINUTE_MS, 'close');
    await closing.done;
    await settled();
    await kill(closing.bot);

    const events = new Map(at('/events').map(({ body }) => [body['id'], body]));
    const bySubject = Map.groupBy(events.values(), (body) => body['subject']);
    expect(bySubject.size).toBe(HOSTS + 2);
    for (const all of bySubject.values()) {
      const types = all.map((body) => body['type']).filter((type) => type !== 'oombot.incident.updated');
      expect(types).toEqual(['oombot.incident.opened', 'oombot.incident.closed']);
    }
    expect(at('/events').every(isSigned)).toBe(true);
    const kills = [...bySubject.values()].map(
      (all) => (all.at(-1)?.['data'] as { kills: number } | undefined)?.kills ?? 0,
    );
    expect(kills.reduce((sum, count) => sum + count, 0)).toBe(KILLS + 2);

    const alerts = [...receivedAlerts(at('/pager')).values()];
    expect(alerts.map(({ state, opened: times }) => [state, times])).toEqual([
      ['resolved', 1],
      ['resolved', 1],
      ['resolved', 1],
    ]);
    expect(stormAlert?.payload.custom_details).toMatchObject({ incidents: HOSTS });
    expect(stormAlert?.payload.summary).toContain(`${HOSTS} incidents`);
    await receiver.close();
    await workspace.close();
    rmSync(dir, { recursive: true, force: true });
  },
);
