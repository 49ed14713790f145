import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';

import { loadConfig, type HostConfig } from '../../src/config/config.ts';
import { openInventories, type Inventories } from '../../src/run/inventories.ts';
import { openStore } from '../../src/store/store.ts';
import { fakeClock } from '../support/fake-clock.ts';

const NONE: ReadonlySet<string> = new Set();
const never = new AbortController().signal;

let dir: string;
let warned: unknown[];
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'oombot-inventory-'));
  warned = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(name: string, text: unknown): string {
  const file = path.join(dir, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, typeof text === 'string' ? text : JSON.stringify(text));
  return file;
}

function open(
  sources: unknown[],
  more: Record<string, unknown> = {},
  store: Parameters<typeof openInventories>[0]['store'] = null,
) {
  const file = write('oombot.yaml', { inventory: sources, ...more });
  const config = loadConfig({ path: file, env: {} });
  const clock = fakeClock(1_000_000);
  const log = { info: () => {}, warn: (facts: unknown) => void warned.push(facts), error: () => {} };
  return { inventories: openInventories({ config: () => config, store, clock, log }), clock };
}

async function read(sources: unknown[], more: Record<string, unknown> = {}): Promise<readonly HostConfig[]> {
  const { inventories } = open(sources, more);
  await inventories.refresh('all', never);
  expect(inventories.problems()).toEqual([]);
  return inventories.hosts(NONE);
}

function brief(hosts: readonly HostConfig[]) {
  return hosts.map(({ name, tags, target }) => [name, target.address, tags.join(' ')]);
}

describe('an inventory', () => {
  it('is read from the files of Prometheus, JSON or YAML, several targets of one host being one host', async () => {
    write('sd/a.json', [
      { targets: ['10.0.0.11:9100', '10.0.0.12'], labels: { env: 'prod', role: 'db', __meta_x: 'y' } },
      { targets: ['10.0.0.11:9104'], labels: { job: 'mysql' } },
    ]);
    write(
      'sd/b.yml',
      '- targets: ["[2001:db8::1]:9100", "web1.example.net:9100"]\n  labels:\n    instance: web1:9100\n    rack: 7\n',
    );

    const hosts = await read([{ kind: 'file_sd', from: `${dir}/sd/*`, tags: ['all'], user: 'ops', channel: '#sd' }]);

    expect(brief(hosts)).toEqual([
      ['10.0.0.11', '10.0.0.11', 'all db mysql prod'],
      ['10.0.0.12', '10.0.0.12', 'all db prod'],
      ['web1', '2001:db8::1', 'all 7'],
    ]);
    expect(hosts[0]).toMatchObject({ channel: '#sd', from: expect.stringMatching(/^inventory\[0\] \(file_sd/) });
    expect(hosts[0]?.target).toMatchObject({ user: 'ops', port: 22 });
  });

  it('takes name, address and tags from the labels that are named', async () => {
    const from = write('netbox.json', [
      { targets: ['db01'], labels: { __meta_netbox_primary_ip: '10.0.0.11', __meta_netbox_role: 'db', env: 'prod' } },
    ]);

    const hosts = await read([
      {
        kind: 'file_sd',
        from,
        labels: ['__meta_netbox_role'],
        addressLabel: '__meta_netbox_primary_ip',
        nameLabel: '__address__',
      },
    ]);

    expect(brief(hosts)).toEqual([['10.0.0.11', '10.0.0.11', 'db']]);
  });

  it('is read from what ansible-inventory --list prints', async () => {
    const from = write('ansible.json', {
      _meta: {
        hostvars: {
          db01: {
            ansible_host: '10.0.0.11',
            ansible_port: 2222,
            ansible_user: 'ops',
            ansible_ssh_private_key_file: '/keys/ops',
          },
          db02: { ansible_ssh_common_args: '-o StrictHostKeyChecking=no -J ops@bastion:2200', ansible_port: '2022' },
          db03: { ansible_ssh_common_args: '-o ProxyCommand="ssh -q -p 2201 -W %h:%p -l jump outer"' },
          db04: { ansible_ssh_common_args: '-oProxyCommand="nc -x evil %h %p; touch /tmp/x"' },
          here: { ansible_connection: 'local' },
        },
      },
      all: { children: ['ungrouped', 'prod'] },
      prod: { children: ['databases'] },
      databases: { hosts: ['db01', 'db02', 'db03', 'db04'], children: ['prod'] },
      ungrouped: { hosts: ['here'] },
    });

    const hosts = await read([{ kind: 'ansible', from }]);

    expect(brief(hosts).map(([name, address, tags]) => `${name} ${address} ${tags}`)).toEqual([
      'db01 10.0.0.11 databases prod',
      'db02 db02 databases prod',
      'db03 db03 databases prod',
      'db04 db04 databases prod',
    ]);
    expect(hosts[0]?.target).toMatchObject({ port: 2222, user: 'ops', identityFile: '/keys/ops', jump: null });
    expect(hosts[1]?.target).toMatchObject({ port: 2022, jump: { address: 'bastion', port: 2200, user: 'ops' } });
    expect(hosts[2]?.target.jump).toMatchObject({ address: 'outer', port: 2201, user: 'jump' });
    expect(hosts[3]?.target.jump).toBeNull();
    expect(JSON.stringify(warned)).toContain('has a ProxyCommand that is no ssh -W');
  });

  it('is a pattern over the Hosts of ssh_config, or a folder of files like oombot.yaml', async () => {
    const configFile = write(
      'ssh_config',
      `Include ${write('more', 'Host db02\n  HostName two.net\n')}\nHost db01 db* !db09 web1\n  User u\n`,
    );
    write('hosts.d/a.yaml', 'name: a1\naddress: 10.0.0.1\ntags: [x]\njump: bastion\n');
    write('hosts.d/b.yml', 'hosts:\n  - name: b1\n    port: 2222\n  - {name: b2, tags: [y]}\n');

    const hosts = await read(
      [
        { kind: 'ssh_config', from: 'db*' },
        { kind: 'directory', from: `${dir}/hosts.d`, user: 'ops' },
      ],
      { ssh: { configFile }, hosts: [{ name: 'bastion', address: '192.0.2.1' }] },
    );

    expect(brief(hosts)).toEqual([
      ['db02', 'two.net', ''],
      ['db01', 'db01', ''],
      ['a1', '10.0.0.1', 'x'],
      ['b1', 'b1', ''],
      ['b2', 'b2', 'y'],
    ]);
    expect(hosts[1]?.target.user).toBe('u');
    expect(hosts[2]?.target).toMatchObject({ user: 'ops', jump: { address: '192.0.2.1' } });
  });

  it('leaves a name to oombot.yaml, and to the source before it', async () => {
    const one = write('1.json', [{ targets: ['db01', 'db02'] }]);
    const two = write('2.json', [{ targets: ['db02', 'db03'] }]);
    const { inventories } = open([
      { kind: 'file_sd', from: one },
      { kind: 'file_sd', from: two },
    ]);
    await inventories.refresh('all', never);

    const hosts = inventories.hosts(new Set(['db01']));

    expect(hosts.map(({ name, from }) => [name, from?.slice(0, 12)])).toEqual([
      ['db02', 'inventory[0]'],
      ['db03', 'inventory[1]'],
    ]);
    expect(JSON.stringify(warned)).toContain('left out \\"db02\\": listed in inventory[0]');
  });

  it('takes hostile names, labels and groups as text, and says what it left out', async () => {
    const trace = path.join(dir, 'ran');
    const bad = [
      `$(touch ${trace})`,
      'a\nb',
      '-oProxyCommand=x',
      '<!channel>',
      '',
      'x'.repeat(5_000),
      '../../etc',
      '__proto__',
    ];
    const from = write('bad.json', [
      { targets: [...bad, 'good'], labels: { env: `$(touch ${trace})`, team: 'a\nb', role: '*b*', ok: 'fine' } },
    ]);
    const ansible = write('bad-ansible.json', {
      _meta: {
        hostvars: { good2: { ansible_host: '`id`' }, good3: { ansible_user: '$(id)', ansible_port: 'x' }, good4: {} },
      },
      '<!here>': { hosts: ['good4'] },
      __proto__: { hosts: ['good4'] },
    });

    const hosts = await read([
      { kind: 'file_sd', from },
      { kind: 'ansible', from: ansible },
    ]);

    expect(brief(hosts)).toEqual([
      ['good', 'good', 'fine'],
      ['good4', 'good4', ''],
    ]);
    expect(JSON.stringify(warned)).toMatch(/left out .*\$\(touch.* and 5 more: name: expected a name of letters/);
    expect(JSON.stringify(warned)).not.toContain('\\n');
    expect(existsSync(trace)).toBe(false);
  });

  it('is read again when a file changes, and not before it is due', async () => {
    const from = write('t.json', [{ targets: ['db01'] }]);
    const { inventories, clock } = open([{ kind: 'file_sd', from }]);
    expect(await inventories.refresh('due', never)).toBe(true);
    expect(await inventories.refresh('due', never)).toBe(false);

    write('t.json', [{ targets: ['db01', 'db02'] }]);
    expect(await inventories.refresh('due', never)).toBe(false);
    await clock.advance(10_000);
    expect(await inventories.refresh('due', never)).toBe(true);

    expect(inventories.hosts(NONE).map(({ name }) => name)).toEqual(['db01', 'db02']);
  });

  it.each([
    ['is cut off', '[{"targets": ["db01"', /t\.json: it is not JSON: .*; 2 hosts read before stay\.$/],
    ['is empty', '[]', /: it lists no host; 2 hosts read before stay\.$/],
    ['is a null', 'null', /: it is no list of \{targets, labels\}; 2/],
    ['is something else', '{"targets": "db01"}', /: it is no list of \{targets, labels\}; 2/],
    [
      'is a YAML of aliases',
      `a: &a [x]\n${'b'.repeat(3)}: [${'*a, '.repeat(200)}]\n`,
      /: (it is not YAML|it is no list)/,
    ],
    ['is gone', null, /t\.json: it does not exist; 2 hosts read before stay\.$/],
  ])('keeps the old list and says so where the file %s', async (_, text, sentence) => {
    const from = write('t.json', [{ targets: ['db01', 'db02'] }]);
    const { inventories } = open([{ kind: 'file_sd', from }]);
    await inventories.refresh('all', never);

    if (text === null) rmSync(from);
    else write('t.json', text);
    await inventories.refresh('all', never);

    expect(inventories.problems()[0]).toMatch(sentence);
    expect(inventories.hosts(NONE).map(({ name }) => name)).toEqual(['db01', 'db02']);

    write('t.json', [{ targets: ['db03'] }]);
    await inventories.refresh('all', never);

    expect(inventories.problems()).toEqual([]);
    expect(inventories.hosts(NONE).map(({ name }) => name)).toEqual(['db03']);
  });

  it('is read anew where what was kept of it cannot be read', async () => {
    const from = write('a.json', [{ targets: ['10.0.0.11'] }]);
    const store = { keptInventory: () => Promise.resolve('{"hosts": ['), keepInventory: () => Promise.resolve() };
    const { inventories } = open([{ kind: 'file_sd', from }], {}, store);

    await inventories.refresh('all', never);

    expect(inventories.hosts(NONE).map(({ name }) => name)).toEqual(['10.0.0.11']);
    expect(warned).toHaveLength(1);
  });

  it('keeps its list over a restart while its source fails', async () => {
    const from = write('t.json', [{ targets: ['db01'] }]);
    const store = await openStore(`sqlite:${path.join(dir, 'x.db')}`);
    try {
      await open([{ kind: 'file_sd', from }], {}, store).inventories.refresh('all', never);
      rmSync(from);

      const { inventories } = open([{ kind: 'file_sd', from }], {}, store);
      await inventories.refresh('all', never);

      expect(inventories.hosts(NONE).map(({ name }) => name)).toEqual(['db01']);
      expect(inventories.problems()[0]).toMatch(/1 host read before stays/);
    } finally {
      await store.close();
    }
  });

  it('of 10,000 hosts is taken whole, and one of more than 20,000 not at all', async () => {
    const from = write('t.json', [
      { targets: Array.from({ length: 10_000 }, (_, n) => `host${n}`), labels: { env: 'prod' } },
    ]);
    const { inventories } = open([{ kind: 'file_sd', from }]);
    await inventories.refresh('all', never);
    expect(inventories.hosts(NONE).length).toBe(10_000);

    write('t.json', [{ targets: Array.from({ length: 20_001 }, (_, n) => `host${n}`) }]);
    await inventories.refresh('all', never);

    expect(inventories.problems()[0]).toMatch(/it lists 20001 hosts, more than 20000; 10,000 hosts read before stay/);
    expect(inventories.hosts(NONE).length).toBe(10_000);
  });
});

describe('an inventory over HTTP', () => {
  let server: Server;
  let answer: (response: ServerResponse, authorization: string | undefined) => void;
  let url: string;
  beforeEach(async () => {
    server = createServer((request, response) => answer(response, request.headers.authorization));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/sd`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function say(text: string): typeof answer {
    return (response) => void response.end(text);
  }
  async function first(): Promise<{ inventories: Inventories }> {
    answer = say('[{"targets": ["db01:9100"], "labels": {"env": "prod"}}]');
    const opened = open([{ kind: 'http_sd', from: url }]);
    await opened.inventories.refresh('all', never);
    expect(brief(opened.inventories.hosts(NONE))).toEqual([['db01', 'db01', 'prod']]);
    return opened;
  }

  it('is asked with the token of its file, which is in no sentence', async () => {
    const tokenFile = write('token', 'hunter2-secret\n');
    let asked: string | undefined;
    answer = (response, authorization) => {
      asked = authorization;
      response.statusCode = 403;
      response.end();
    };
    const { inventories } = open([{ kind: 'http_sd', from: url, tokenFile }]);
    await inventories.refresh('all', never);

    expect(asked).toBe('Bearer hunter2-secret');
    expect(inventories.problems()[0]).toMatch(/it answers 403; no host is known from it\.$/);
    expect(JSON.stringify([warned, inventories.problems()])).not.toContain('hunter2');
  });

  it.each([
    ['404', (response: ServerResponse) => void response.writeHead(404).end('[]'), /it answers 404; 1 host/],
    [
      'half an answer',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-length': '99' });
        response.write('[{');
        response.destroy();
      },
      /; 1 host read before stays/,
    ],
    ['HTML', say('<html>login</html>'), /it is no list of \{targets, labels\}; 1 host read/],
    ['nothing', say(''), /; 1 host read before stays/],
  ])('keeps its hosts over %s', async (_, fault, sentence) => {
    const { inventories } = await first();

    answer = fault;
    await inventories.refresh('all', never);

    expect(inventories.problems()[0]).toMatch(sentence);
    expect(inventories.hosts(NONE).length).toBe(1);
  });

  it('keeps its hosts over an answer that takes longer than ten seconds', async () => {
    const { inventories } = await first();
    vi.spyOn(AbortSignal, 'timeout').mockImplementation((afterMs) => {
      const limit = new AbortController();
      setTimeout(() => limit.abort(), afterMs / 20);
      return limit.signal;
    });
    onTestFinished(() => void vi.restoreAllMocks());

    answer = (response) => void response.write('[');
    await inventories.refresh('all', never);

    expect(inventories.problems()[0]).toMatch(/it did not answer within 10 s; 1 host read before stays/);
    expect(inventories.hosts(NONE).length).toBe(1);
  });
});
