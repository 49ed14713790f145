import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { SendOutcome } from '../../src/app/ports.ts';
import { webhookDestination, type HookMessage, type Webhook } from '../../src/app/webhook.ts';
import { openWebhooks, type Receiver } from '../../src/hook/open-webhooks.ts';
import { describeAlert } from '../../src/notice/incident/alert-words.ts';
import { aKill, aRecord } from '../support/a-kill.ts';
import { anIncident } from '../support/an-incident.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';
import { openWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

const SECRET = 'a secret of twenty-two';
const NEVER = new AbortController().signal;
const open: { close: () => unknown }[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function aReceiver(): Promise<WebhookReceiver> {
  const receiver = await openWebhookReceiver();
  open.push(receiver);
  return receiver;
}

function hookTo(url: string, given: Partial<Receiver> = {}, nowMs = Date.now): Webhook {
  const receiver: Receiver = { name: 'x', format: 'cloudevents', url, secret: SECRET, ...given };
  const hook = openWebhooks({ receivers: () => [receiver], nowMs, timeoutMs: 300 })(webhookDestination('x'));
  if (hook === null) throw new Error('no webhook');
  return hook;
}

function anEvent(given: Partial<Extract<HookMessage, { kind: 'event' }>> = {}): HookMessage {
  return {
    kind: 'event',
    id: 'i1-opened',
    type: 'opened',
    incident: anIncident({ id: 'i1' }),
    isOnRecord: true,
    ...given,
  };
}

function kindOf(outcome: SendOutcome): string {
  return outcome.kind;
}

describe('a CloudEvent', () => {
  it('is signed JSON with what is known of the incident', async () => {
    const receiver = await aReceiver();
    const outcome = await hookTo(receiver.url('/oom'), {}, () => 1_790_000_000_500).send(anEvent(), NEVER);

    const [got] = receiver.taken;
    expect(outcome).toEqual({ kind: 'sent', ts: '' });
    expect(got?.headers).toMatchObject({
      'content-type': 'application/cloudevents+json; charset=utf-8',
      'webhook-id': 'i1-opened',
      'webhook-timestamp': '1790000000',
    });
    const signed = createHmac('sha256', SECRET).update(`i1-opened.1790000000.${got?.text}`).digest('base64');
    expect(got?.headers['webhook-signature']).toBe(`v1,${signed}`);
    expect(got?.body).toMatchObject({
      specversion: '1.0',
      id: 'i1-opened',
      type: 'oombot.incident.opened',
      source: '/oombot/hosts/db01',
      subject: 'i1',
      datacontenttype: 'application/json',
      data: {
        host: 'db01',
        service: 'mysql.service',
        headline: 'mysqld of mysql.service was killed on db01: the host ran out of memory',
        kills: 1,
        back: 'unknown',
        closedAt: null,
        cause: { sure: expect.any(String) },
      },
    });
  });

  it('takes a secret in the form whsec_ as base64', async () => {
    const receiver = await aReceiver();
    const key = Buffer.from('0123456789abcdef0123456789abcdef');
    await hookTo(receiver.url('/'), { secret: `whsec_${key.toString('base64')}` }).send(anEvent(), NEVER);

    const [got] = receiver.taken;
    const content = `i1-opened.${got?.headers['webhook-timestamp'] as string}.${got?.text}`;
    expect(got?.headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(content).digest('base64')}`);
  });

  it('is verified by the example of the document, which refuses what was changed or is old', async () => {
    const receiver = await aReceiver();
    await hookTo(receiver.url('/')).send(anEvent(), NEVER);
    const [got] = receiver.taken;
    const text = readFileSync(path.join(import.meta.dirname, '../../docs/webhooks.md'), 'utf8');
    const example = /```js\n(.*?)```/s.exec(text)?.[1] ?? '';
    const headers = Object.fromEntries(
      Object.entries(got?.headers ?? {}).filter(([name]) => name.startsWith('webhook-')),
    );
    function verified(given: { headers?: Record<string, unknown>; body?: string; secret?: string }): string {
      const asked = [{ ...headers, ...given.headers }, given.body ?? got?.text, given.secret ?? SECRET];
      const call = `isFromOombot(${asked.map((one) => JSON.stringify(one)).join(', ')})`;
      const script = `${example}\nconsole.log(${call});`;
      return execFileSync(process.execPath, ['--input-type=module', '-e', script]).toString().trim();
    }

    expect(verified({})).toBe('true');
    expect(verified({ body: `${got?.text} ` })).toBe('false');
    expect(verified({ secret: 'another secret' })).toBe('false');
    expect(verified({ headers: { 'webhook-id': 'i2-opened' } })).toBe('false');
    expect(verified({ headers: { 'webhook-signature': 'v1,' } })).toBe('false');
    const old = String(Math.floor(Date.now() / 1_000) - 3_600);
    const signed = createHmac('sha256', SECRET).update(`i1-opened.${old}.${got?.text}`).digest('base64');
    expect(verified({ headers: { 'webhook-timestamp': old, 'webhook-signature': `v1,${signed}` } })).toBe('false');
  });

  it.each(HOSTILE_NAMES.map((name) => [name]))('is JSON whatever a process is called: %j', async (name) => {
    const receiver = await aReceiver();
    const kill = aKill({ host: 'h\n/../x', record: aRecord({ name, identity: null, taskMemcg: name }) });
    await hookTo(receiver.url('/')).send(anEvent({ incident: anIncident({ id: 'i1', kills: [kill] }) }), NEVER);

    expect(receiver.taken[0]?.body['source']).toBe('/oombot/hosts/h%0A%2F..%2Fx');
    const data = receiver.taken[0]?.body['data'] as { headline: string } | undefined;
    expect(data?.headline).not.toMatch(/\p{Cc}/u);
  });
});

describe('an alert', () => {
  it('is an event of PagerDuty’s Events API v2', async () => {
    const receiver = await aReceiver();
    const hook = hookTo(receiver.url('/v2/enqueue'), { format: 'pagerduty', secret: 'R0UT1NGKEY' });
    await hook.send({ kind: 'trigger', key: 'i1', words: describeAlert(anIncident({ id: 'i1' })) }, NEVER);
    await hook.send({ kind: 'acknowledge', key: 'i1' }, NEVER);
    await hook.send({ kind: 'resolve', key: 'i1' }, NEVER);

    expect(receiver.taken.map(({ body }) => body)).toMatchObject([
      {
        routing_key: 'R0UT1NGKEY',
        event_action: 'trigger',
        dedup_key: 'i1',
        payload: {
          summary: expect.stringContaining('mysqld of mysql.service was killed on db01'),
          source: 'db01',
          severity: 'error',
          custom_details: { incident: 'i1', kills: 1, status: 'not known whether it is back' },
        },
      },
      { routing_key: 'R0UT1NGKEY', event_action: 'acknowledge', dedup_key: 'i1' },
      { routing_key: 'R0UT1NGKEY', event_action: 'resolve', dedup_key: 'i1' },
    ]);
    expect(receiver.taken[0]?.headers['webhook-signature']).toBeUndefined();
  });

  it('of a test is opened and resolved', async () => {
    const receiver = await aReceiver();
    const hook = hookTo(receiver.url('/'), { format: 'pagerduty' });

    expect(await hook.send({ kind: 'test', id: 'test-1', atMs: 0 }, NEVER)).toMatchObject({ kind: 'sent' });
    expect(receiver.taken.map(({ body }) => [body['event_action'], body['dedup_key']])).toEqual([
      ['trigger', 'test-1'],
      ['resolve', 'test-1'],
    ]);
  });
});

describe('what a receiver answers', () => {
  it.each([
    [200, 'sent'],
    [204, 'sent'],
    [400, 'refused'],
    [413, 'refused'],
    [422, 'refused'],
    [401, 'unsent'],
    [404, 'unsent'],
    [500, 'unsent'],
    [503, 'unsent'],
  ])('%i is %s', async (status, kind) => {
    const receiver = await aReceiver();
    receiver.script.answer = () => ({ status, isTaken: false });

    expect(kindOf(await hookTo(receiver.url('/')).send(anEvent(), NEVER))).toBe(kind);
  });

  it.each([
    ['7', 7_000],
    ['0', 1_000],
    ['99999999', 600_000],
    ['soon', 5_000],
    [undefined, 5_000],
  ])('a 429 with Retry-After %j waits %i ms', async (header, retryAfterMs) => {
    const receiver = await aReceiver();
    receiver.script.answer = () => ({
      status: 429,
      isTaken: false,
      ...(header === undefined ? {} : { headers: { 'retry-after': header } }),
    });

    expect(await hookTo(receiver.url('/')).send(anEvent(), NEVER)).toEqual({ kind: 'rate-limited', retryAfterMs });
  });

  it('a redirect is not followed: what is meant for one receiver goes to no other', async () => {
    const [receiver, other] = [await aReceiver(), await aReceiver()];
    for (const status of [301, 302, 303, 307, 308]) {
      receiver.script.answer = () => ({ status, isTaken: false, headers: { location: other.url('/') } });
      const outcome = await hookTo(receiver.url('/')).send(anEvent(), NEVER);
      expect(outcome).toMatchObject({ kind: 'unsent', reason: expect.stringContaining('redirect') });
    }
    expect(other.requests).toEqual([]);
  });

  it('is not waited for longer than the time-out, nor when it comes drop by drop', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write('HTTP/1.1 200 OK\r\nx-long: ');
      const drops = setInterval(() => socket.write('a'), 20);
      socket.on('close', () => clearInterval(drops));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push({ close: () => server.close() });
    const receiver = await aReceiver();
    receiver.script.answer = () => ({ status: 'hang', isTaken: true });
    const { port } = server.address() as AddressInfo;

    for (const url of [receiver.url('/'), `http://127.0.0.1:${port}/`]) {
      const startedAtMs = Date.now();
      expect(await hookTo(url).send(anEvent(), NEVER)).toEqual({ kind: 'unknown', reason: 'no answer within 0.3 s' });
      expect(Date.now() - startedAtMs).toBeLessThan(2_000);
    }
  });

  it('is nothing where nobody listens, and its reason does not have the address', async () => {
    const receiver = await aReceiver();
    const url = receiver.url('/token-in-the-path');
    await receiver.close();
    open.pop();

    const outcome = await hookTo(url).send(anEvent(), NEVER);

    expect(outcome).toEqual({ kind: 'unsent', reason: 'ECONNREFUSED' });
  });

  it('is not waited for by a bot that stops', async () => {
    const receiver = await aReceiver();
    receiver.script.answer = () => ({ status: 'hang', isTaken: true });
    const stop = new AbortController();
    const sent = hookTo(receiver.url('/')).send(anEvent(), stop.signal);
    stop.abort();

    expect(kindOf(await sent)).toBe('unknown');
  });
});
