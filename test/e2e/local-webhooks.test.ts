import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { run } from '../../src/main.ts';
import { openWebhookReceiver, receivedAlerts } from '../support/webhook-receiver.ts';
import { eventually } from '../support/whole-bot.ts';

const PERSON = 'ULOCALANA';
const STORM_KILLS = 25;

/** The whole bot with its local workspace and demo host, told to send to two webhooks. */
async function aLocalBot() {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-local-webhooks-'));
  const receiver = await openWebhookReceiver();
  const file = path.join(dir, 'oombot.yaml');
  writeFileSync(
    file,
    `http: 127.0.0.1:0
webhooks:
  - { name: all, format: cloudevents, url: "${receiver.url('/all')}", secretEnv: HOOK }
  - { format: pagerduty, url: "${receiver.url('/pager')}", secretEnv: PAGER }
  - { name: others, format: cloudevents, url: "${receiver.url('/others')}", secretEnv: HOOK, tags: [nobody-has-it] }
`,
  );
  const stop = new AbortController();
  const env = {
    DATABASE_URL: `sqlite:${path.join(dir, 'oombot.db')}`,
    LOG_LEVEL: 'error',
    HOOK: 'a secret of twenty-two',
    PAGER: 'R0UT1NGKEY',
  };
  const running = await run({ load: () => loadConfig({ path: file, env }), print: () => {}, signal: stop.signal });
  onTestFinished(async () => {
    stop.abort();
    await running.close();
    await receiver.close();
    rmSync(dir, { recursive: true, force: true });
  });
  await eventually(() => running.fleet.watchState('demo-db01')?.kind === 'watching', 'a watch on demo-db01');
  await eventually(async () => (await running.store.incidents('demo-db01', 1)).length > 0, 'the story of demo-db01');

  const local = running.local?.pageUrl ?? '';
  const page = await fetch(local);
  const session = /name="session" content="([^"]+)"/.exec(await page.text())?.[1] ?? '';
  const cookie = page.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  async function perform(deed: Record<string, unknown>): Promise<void> {
    const { origin } = new URL(local);
    const response = await fetch(new URL('/page/do', local), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-session': session, cookie, origin },
      body: JSON.stringify({ person: PERSON, deed }),
    });
    expect(await response.json()).toMatchObject({ ok: true });
  }

  return { receiver, perform };
}

it(
  'sends what happens on the demo host to the webhooks, and acknowledges what somebody takes',
  { timeout: 120_000 },
  async () => {
    const { receiver, perform } = await aLocalBot();
    function alerts() {
      return receivedAlerts(receiver.taken.filter((one) => one.path === '/pager'));
    }
    // What was before the bot watched is the past: it is sent to nobody.
    expect(receiver.requests).toEqual([]);

    await perform({ kind: 'control', id: 'host' });
    await eventually(() => alerts().size === 1, 'an alert');
    const [id = ''] = alerts().keys();
    await perform({ kind: 'command', channel: 'CLOCAL001', text: `/oom ack ${id.slice(0, 8)}` });
    await eventually(() => alerts().get(id)?.state === 'taken', 'an acknowledged alert');

    await perform({ kind: 'control', id: 'storm' });
    const [, key = ''] = await eventually(() => {
      const keys = [...alerts().keys()];
      return keys.length > 1 && keys;
    }, 'the alert of the storm');
    expect(key).toMatch(/^storm-/);
    await eventually(() => {
      const details = alerts().get(key)?.payload.custom_details;
      return Number(details?.['kills']) > STORM_KILLS / 2;
    }, 'the storm in its alert');

    const events = receiver.taken.filter((one) => one.path === '/all').map(({ body }) => body);
    expect(events[0]).toMatchObject({ type: 'oombot.incident.opened', subject: id, source: '/oombot/hosts/demo-db01' });
    await eventually(
      () =>
        receiver.taken.some(
          ({ body }) => body['subject'] === id && (body['data'] as { takenBy: string }).takenBy === PERSON,
        ),
      'who takes it, as an event',
    );
    expect(receiver.requests.some((one) => one.path === '/others')).toBe(false);
    expect([...alerts().values()].map(({ opened }) => opened)).toEqual([1, 1]);
  },
);
