import { request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import type { Health } from '../../src/http/health.ts';
import { openMetrics } from '../../src/http/metrics.ts';
import { healthPage, metricsPage, openHttp, type HttpSide } from '../../src/http/server.ts';
import { needs } from '../support/needs.ts';

const HEALTH: Health = {
  ok: true,
  chat: true,
  lastSentAtMs: null,
  untoldSinceMs: null,
  record: true,
  recordFault: null,
  hosts: [],
};
const foreign = Object.values(networkInterfaces())
  .flat()
  .find((one) => one !== undefined && !one.internal && one.family === 'IPv4')?.address;

let http: HttpSide;
afterEach(() => http.close());

async function open(token: string | null, host = '127.0.0.1'): Promise<void> {
  http = await openHttp({ host, port: 0 });
  http.mount(metricsPage(openMetrics(), token));
  http.mount(healthPage(() => Promise.resolve(HEALTH), token));
}

/** A request whose headers are exactly these, and its status. */
function ask(path: string, headers: Record<string, string>, to = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: to, port: new URL(http.url).port, path, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe.each(['/healthz', '/metrics'])('%s', (path) => {
  it.each([
    ['127.0.0.1:3000', 200],
    ['localhost', 200],
    ['localhost:9000', 200],
    ['[::1]:3000', 200],
    ['evil.example', 403],
    ['evil.example:3000', 403],
    ['127.0.0.1.evil.example', 403],
    ['localhost.evil.example:3000', 403],
  ])('asked on this machine for %s answers %i', async (host, status) => {
    await open(null);

    expect(await ask(path, { host })).toBe(status);
  });

  it('answers under any name where somebody asks from elsewhere', needs('network'), async () => {
    await open(null, '0.0.0.0');

    // From this machine, but by its outer address: the peer is not on the loopback.
    expect(await ask(path, { host: 'oombot.example.net:3000' }, foreign)).toBe(200);
    expect(await ask(path, { host: 'oombot.example.net:3000' })).toBe(403);
  });

  it('is behind the token where there is one', async () => {
    await open('s3cret-token');

    const statuses = await Promise.all(
      ['', 'Bearer', 'Bearer s3cret-toke', 'Bearer s3cret-token2', 'Basic s3cret-token', 'Bearer s3cret-token'].map(
        (authorization) => ask(path, { authorization }),
      ),
    );

    expect(statuses).toEqual([401, 401, 401, 401, 401, 200]);
  });
});
