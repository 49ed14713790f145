import { createServer, request, type OutgoingHttpHeaders } from 'node:http';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLocalWorkspace, type LocalWorkspace } from '../../src/local/workspace.ts';
import { openTestWorkspace } from './a-bolt-app.ts';
import { needs } from '../support/needs.ts';

const foreign = Object.values(networkInterfaces())
  .flat()
  .find((one) => one !== undefined && !one.internal && one.family === 'IPv4')?.address;

let workspace: LocalWorkspace;

beforeAll(async () => {
  workspace = await openTestWorkspace();
});

afterAll(() => workspace?.close());

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: string;
}

/** A request whose headers are exactly these: `fetch` would not let us lie about Host. */
function ask(method: string, path: string, headers: OutgoingHttpHeaders = {}, body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(workspace.url);
    const sent = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (path.startsWith('/page/events')) response.destroy();
      });
      response.on('close', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    sent.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: '' });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** What a browser sends once it has opened the page by its address with the token. */
async function opened(): Promise<{ cookie: string; session: string }> {
  const page = await ask('GET', new URL(workspace.pageUrl).href.slice(workspace.url.length - 1));
  const [set] = page.headers['set-cookie'] as string[];
  return {
    cookie: set?.split(';')[0] ?? '',
    session: /name="session" content="([^"]+)"/.exec(page.body)?.[1] ?? '',
  };
}

const BODY = JSON.stringify({ person: 'ULOCALANA', deed: { kind: 'say', channel: 'CLOCAL001', text: 'hello' } });
const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

async function ticket(): Promise<string> {
  const answer = await ask('POST', '/api/apps.connections.open', { authorization: `Bearer ${workspace.appToken}` });
  const { url } = JSON.parse(answer.body) as { url: string };
  return url.replace(/^ws:\/\/[^/]+/, '');
}

describe('the loopback', () => {
  it('is the only place that it listens on', async () => {
    const { port } = new URL(workspace.url);

    if (foreign !== undefined) await expect(fetch(`http://${foreign}:${port}/`)).rejects.toThrow();
    await expect(fetch(`http://127.0.0.2:${port}/`)).rejects.toThrow();
  });
});

describe.each([
  ['the page', 'GET', '/'],
  ['a file', 'GET', '/page/main.js'],
  ['live events', 'GET', '/page/events?person=ULOCALANA&session=x'],
  ['what the page does', 'POST', '/page/do'],
  ['the Web API', 'POST', '/api/auth.test'],
  ['a response_url', 'POST', '/response/x'],
])('%s', (_, method, path) => {
  it.each([
    ['a foreign Host', { host: 'evil.example:80' }],
    ['a Host that only begins like ours', { host: '127.0.0.1.evil.example' }],
    ['a Host with another port', { host: '127.0.0.1:1' }],
    ['a foreign Origin', { origin: 'https://evil.example' }],
    ['the Origin of another port', { origin: 'http://127.0.0.1:1' }],
    ['the Origin null', { origin: 'null' }],
    ['a request of another site', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }],
    ['a request of another port', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' }],
  ])('refuses %s', async (__, headers) => {
    expect((await ask(method, path, headers)).status).toBe(403);
  });
});

describe('the sockets', () => {
  it.each([
    ['a foreign Host', { host: 'evil.example' }],
    ['a foreign Origin', { origin: 'https://evil.example' }],
  ])('refuse %s', async (_, headers) => {
    expect((await ask('GET', await ticket(), { ...UPGRADE, ...headers })).status).toBe(403);
  });

  it('take a ticket once', async () => {
    const path = await ticket();

    const [first, second, invented] = [
      await ask('GET', path, UPGRADE),
      await ask('GET', path, UPGRADE),
      await ask('GET', '/link/?ticket=x', UPGRADE),
    ];

    expect([first.status, second.status, invented.status]).toEqual([101, 401, 401]);
  });
});

describe('the page', () => {
  it('opens by its address with the token, and then by the cookie that only this address gets', async () => {
    const { pathname, search } = new URL(workspace.pageUrl);

    const first = await ask('GET', `${pathname}${search}`);
    const { cookie } = await opened();
    const again = await ask('GET', '/', { cookie: `other=1; ${cookie}` });

    expect([first.status, again.status]).toEqual([200, 200]);
    expect(first.headers['set-cookie']).toEqual([
      expect.stringMatching(/^oombot-page-\d+=[\w-]{32}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict$/),
    ]);
    expect(again.headers['set-cookie']).toBeUndefined();
  });

  it.each([
    ['without a token', '/', {}],
    ['with another token', `/?token=${'x'.repeat(32)}`, {}],
    ['with an empty token', '/?token=', {}],
    ['by the name of its file', '/page/index.html', {}],
    ['with the cookie of another workspace', '/', { cookie: `oombot-page-1=${'x'.repeat(32)}` }],
  ])('stays closed %s, and says where the address is', async (_, path, headers) => {
    const answer = await ask('GET', path, headers);

    expect([401, 404]).toContain(answer.status);
    expect(answer.body).not.toContain('name="session"');
    expect(answer.headers['set-cookie']).toBeUndefined();
    if (answer.status === 401) expect(answer.body).toMatch(/prints the full address[^]*page-token/);
  });
});

describe('what the page asks', () => {
  it('needs the cookie, and the secret that was written into the page', async () => {
    const { cookie, session } = await opened();
    const events = '/page/events?person=ULOCALANA';

    const answers = [
      await ask('POST', '/page/do', { 'x-session': session }, BODY),
      await ask('POST', '/page/messages', { 'x-session': session }, BODY),
      await ask('GET', `${events}&session=${session}`),
      await ask('POST', '/page/do', { cookie }, BODY),
      await ask('POST', '/page/do', { cookie, 'x-session': `${session}x` }, BODY),
      await ask('POST', '/page/messages', { cookie, 'x-session': '' }, BODY),
      await ask('GET', events, { cookie }),
      await ask('GET', `${events}&session=wrong`, { cookie }),
      await ask('POST', '/page/do', { cookie, 'x-session': session }, BODY),
      await ask('GET', `${events}&session=${session}`, { cookie }),
    ];

    expect(answers.map((one) => one.status)).toEqual([401, 401, 403, 403, 403, 403, 403, 403, 200, 200]);
    expect(workspace.messages('#oom').map((one) => one.text)).toEqual(['hello']);
  });

  it('takes nothing that it does not know', async () => {
    const { cookie, session } = await opened();
    const headers = { cookie, 'x-session': session };
    const deeds = [
      { person: 'ULOCALBOT', deed: { kind: 'say', channel: 'CLOCAL001', text: 'as the bot' } },
      { person: 'ULOCALANA', deed: { kind: 'sudo' } },
      { person: 'ULOCALANA', deed: { kind: 'say', channel: 'DLOCALBEN', text: 'in his conversation' } },
      { person: 'ULOCALANA', deed: { kind: 'control', id: 'nothing' } },
    ];

    const answers = [];
    for (const deed of deeds) answers.push(await ask('POST', '/page/do', headers, JSON.stringify(deed)));
    answers.push(await ask('POST', '/page/do', headers, '{'));
    answers.push(await ask('POST', '/page/do', headers, `"${'x'.repeat(2_000_000)}"`));

    expect(answers.map((one) => [one.status, JSON.parse(one.body).ok])).toEqual([
      [400, false],
      [400, false],
      [200, false],
      [200, false],
      [400, false],
      [400, false],
    ]);
    expect(workspace.as('Ben').sees('direct')).toEqual([]);
  });

  it('cannot leave the folder of the page', async () => {
    const paths = [
      '/page/../workspace.ts',
      '/page/%2e%2e/workspace.ts',
      '/page/..%2fworkspace.ts',
      '/page//etc/passwd',
      '//',
      'http://evil.example/page/main.js',
    ];

    const answers = await Promise.all(paths.map((path) => ask('GET', path)));

    expect(answers.map((one) => one.status)).toEqual([404, 404, 404, 404, 404, 404]);
  });

  it('is shown under a policy without inline script, frames, or anything from elsewhere', async () => {
    const page = await ask('GET', '/', { cookie: (await opened()).cookie });

    expect(page.headers).toMatchObject({
      'content-security-policy': expect.stringMatching(
        /^default-src 'none'; script-src 'self'; .*frame-ancestors 'none'$/,
      ),
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    expect(page.body).not.toMatch(/<script(?![^>]*\ssrc=)|\son\w+=|style=/);
  });
});

describe('a shared server', () => {
  it("hands over what is the workspace's and keeps the rest", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const mounted = await openLocalWorkspace({ server, channels: ['#oom'], commands: [] });
    server.on('request', (incoming, response) => {
      if (!mounted.handle(incoming, response)) response.end('healthy');
    });

    const healthz = await fetch(`${mounted.url}healthz`).then((response) => response.text());
    const page = await fetch(mounted.pageUrl).then((response) => response.text());
    const test = await fetch(`${mounted.apiUrl}auth.test`, {
      method: 'POST',
      headers: { authorization: `Bearer ${mounted.botToken}` },
    }).then((response) => response.json());

    expect([healthz, page.includes('Local stand-in for Slack'), test]).toMatchObject(['healthy', true, { ok: true }]);
    await mounted.close();
    expect(server.listening).toBe(true);
    server.closeAllConnections();
    server.close();
  });

  it('that listens on another address of the loopback is refused in words', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.2', resolve);
    });

    await expect(openLocalWorkspace({ server, channels: ['#oom'], commands: [] })).rejects.toThrow(
      'The local workspace needs a server on 127.0.0.1, not on 127.0.0.2',
    );
    server.close();
  });

  it('that listens on more than the loopback gives nobody else the workspace', needs('network'), async () => {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '0.0.0.0', resolve);
    });
    const mounted = await openLocalWorkspace({ server, channels: ['#oom'], commands: [] });
    server.on('request', mounted.handle);
    const { port, host } = new URL(mounted.url);

    const status = await new Promise((resolve, reject) => {
      const sent = request({ host: foreign, port, headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.on('error', reject);
      sent.end();
    });

    expect([status, (await fetch(mounted.pageUrl)).status]).toEqual([403, 200]);
    await mounted.close();
    server.closeAllConnections();
    server.close();
  });
});
