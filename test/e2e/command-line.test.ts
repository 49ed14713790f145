import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/store.ts';
import { causeKill } from '../support/kernel-kill.ts';
import { openSshd, type Sshd } from '../support/sshd.ts';
import { needs } from '../support/needs.ts';

const cli = path.join(import.meta.dirname, '../../src/cli.ts');
const node = path.join(import.meta.dirname, '../../node_modules/.bin/node');
describe('the command line, with a real host', needs('sshd', 'kills'), () => {
  let sshd: Sshd;
  let dir: string;
  let bot: ChildProcess;
  let printed = '';
  let logged = '';

  function configure(more = ''): void {
    const target = sshd.target();
    writeFileSync(
      path.join(dir, 'oombot.yaml'),
      `http: 127.0.0.1:0\nssh:\n  user: root\n  identityFile: ${sshd.identityFile}\n  knownHosts: ${sshd.knownHostsFile}\nhosts:\n  - name: db01\n    address: 127.0.0.1\n    port: ${target.port}\n    tags: [db]\n${more}`,
    );
  }

  function oombot(...args: string[]): { status: number | null; out: string; err: string } {
    const run = spawnSync(node, [cli, ...args], { cwd: dir, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } });
    return { status: run.status, out: run.stdout, err: run.stderr };
  }

  async function until(look: () => boolean, what: string): Promise<void> {
    for (let at = 0; at < 300; at += 1) {
      if (look()) return;
      await sleep(100);
    }
    throw new Error(`${what} did not come. Printed:\n${printed}\nLogged:\n${logged}`);
  }

  beforeAll(async () => {
    sshd = await openSshd();
    dir = mkdtempSync(path.join(tmpdir(), 'oombot-cli-'));
    configure();
    bot = spawn(node, [cli, 'run'], { cwd: dir, env: { ...process.env, NO_COLOR: '1' } });
    bot.stdout?.on('data', (data: Buffer) => (printed += data.toString()));
    bot.stderr?.on('data', (data: Buffer) => (logged += data.toString()));
    await until(() => printed.includes('Watching db01'), 'the greeting');
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(printed)?.[0] ?? '';
    for (let at = 0; at < 100; at += 1) {
      const health = (await (await fetch(`${url}/healthz`)).json()) as { hosts: { host: string; state: string }[] };
      if (health.hosts.find((host) => host.host === 'db01')?.state === 'watching') return;
      await sleep(200);
    }
    throw new Error(`db01 is not watched. Logged:\n${logged}`);
  }, 60_000);

  afterAll(async () => {
    bot.kill('SIGTERM');
    await new Promise((resolve) => bot.once('close', resolve));
    await sshd.close();
    rmSync(dir, { recursive: true });
  });

  it('prints a kill as it happens, and answers about it beside the running bot', async () => {
    const before = killsInHistory();
    const pid = causeKill(`oombot-cli-${process.pid}`);

    // Others who killed on this machine within a minute make one storm of it.
    await until(() => printed.includes(`pid ${pid}`) && /killed[^\n]* on db01/.test(printed), 'the kill');
    expect(printed).toContain(`memory group /oombot-cli-${process.pid}, 8 MiB used of 8 MiB allowed`);

    const last = oombot('last', 'db01');
    expect(last).toMatchObject({ status: 0, err: '' });
    expect(last.out).toMatch(/killed[^\n]* on db01/);

    expect(killsInHistory()).toBeGreaterThan(before);
  });

  function killsInHistory(): number {
    const { status, out } = oombot('history', 'db', '1d');
    expect(status).toBe(0);
    return Number(/^(\d+) kills? on db in the last 1 d/.exec(out.replaceAll(',', ''))?.[1] ?? 0);
  }

  it('ranks who dies next', () => {
    const { status, out } = oombot('scores', 'db01', '3');

    expect(status).toBe(0);
    expect(out).toMatch(/db01/);
  });

  it('suggests the host that was meant', () => {
    const { status, err } = oombot('last', 'db1');

    expect(status).toBe(2);
    expect(err).toContain('db01');
  });

  it('checks the host, and a host that is not there', () => {
    const good = oombot('check', 'db01');
    expect(good.out).toContain('log in: yes');
    expect(good.status).toBe(0);

    const unknown = oombot('check', 'web1');
    expect(unknown.status).toBe(2);
    expect(unknown.err).toContain('no host is called web1; configured are db01');
  });

  it('refuses to run twice on one database', () => {
    const second = oombot('run');

    expect(second.status).toBe(1);
    expect(second.err).toContain('Another oombot is running');
  });

  it('verifies the audit log', () => {
    expect(oombot('audit', 'verify')).toMatchObject({ status: 0 });
  });

  it('exports the audit log, oldest entry first, with its hashes', async () => {
    const env = { ...process.env, DATABASE_URL: `sqlite:${path.join(dir, 'audit.db')}` };
    const store = await openStore(env.DATABASE_URL);
    const first = await store.appendAudit({
      atMs: 0,
      actor: 'U1',
      action: 'propose',
      host: 'db01',
      details: { adj: -300 },
    });
    const second = await store.appendAudit({ atMs: 1_000, actor: 'U2', action: 'approve', host: null, details: {} });
    await store.close();

    const { stdout } = spawnSync(node, [cli, 'audit', 'export'], { cwd: dir, encoding: 'utf8', env });

    const told = [
      {
        seq: 1,
        time: '1970-01-01T00:00:00.000Z',
        actor: 'U1',
        action: 'propose',
        host: 'db01',
        details: { adj: -300 },
      },
      { seq: 2, time: '1970-01-01T00:00:01.000Z', actor: 'U2', action: 'approve', host: null, details: {} },
    ];
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { ...told[0], previousHash: '', hash: first.hash },
      { ...told[1], previousHash: first.hash, hash: second.hash },
    ]);
  });

  it('takes up a changed configuration on SIGHUP, and keeps the old one when the new one is wrong', async () => {
    configure(`  - name: gone\n    address: 127.0.0.1\n    port: 1\n`);
    bot.kill('SIGHUP');
    await until(() => printed.includes('The configuration was read again'), 'the reload');

    configure(`  - nme: x\n`);
    bot.kill('SIGHUP');
    await until(() => logged.includes('the old configuration stays in force'), 'the refusal');
    expect(logged).toContain('nme');
  });
});

describe('the command line, where no bot has run yet', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'oombot-cli-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  function oombot(config: string, ...args: string[]): { status: number | null; out: string; err: string } {
    writeFileSync(path.join(dir, 'oombot.yaml'), config);
    const env = { ...process.env, NO_COLOR: '1', DATABASE_URL: '', OOMBOT_CONFIG: '' };
    const run = spawnSync(node, [cli, ...args], { cwd: dir, encoding: 'utf8', env });
    return { status: run.status, out: run.stdout, err: run.stderr };
  }
  const HOSTS = 'hosts:\n  - {name: db01, tags: [db]}\n';

  it.each<[string[], number, RegExp]>([
    [['history', 'db01', '7x'], 2, /^oombot history: .*7x.*7d/],
    [['scores', 'db01', 'abc'], 2, /^oombot scores: .*abc.* 1 to 50/],
    [['scores', 'db1'], 2, /^No host called db1\. Did you mean “?db01/],
    [['last', 'db1'], 2, /^No host called db1\. Did you mean “?db01/],
    [['history', 'web'], 2, /^No host, service or tag called web/],
    [['last', 'db01'], 1, /^oombot: The database .* does not exist yet; start `oombot run` first\.\n$/],
    [['history', 'db'], 1, /^oombot: The database .* does not exist yet; start `oombot run` first\.\n$/],
  ])('says what is wrong with %j', (args, status, sentence) => {
    const said = oombot(HOSTS, ...args);

    expect(said.err).toMatch(sentence);
    expect(said).toMatchObject({ status, out: '' });
  });

  it('ranks who dies next without a record, and leaves none behind', needs('sshd'), async () => {
    const sshd = await openSshd();
    try {
      const { status, out, err } = oombot(
        `ssh: {user: root, identityFile: ${sshd.identityFile}, knownHosts: ${sshd.knownHostsFile}}\nhosts:\n  - {name: db01, address: 127.0.0.1, port: ${sshd.port}}\n`,
        'scores',
        'db01',
        '3',
      );

      expect(err).toBe('');
      expect(status).toBe(0);
      expect(out).toMatch(/db01/);
      expect(readdirSync(dir)).toEqual(['oombot.yaml']);
    } finally {
      await sshd.close();
    }
  });

  it('checks a host by its configured log files, as it is watched', needs('sshd'), async () => {
    const sshd = await openSshd();
    const log = path.join(sshd.dir, 'kern.log');
    writeFileSync(log, '');
    function check(...logFiles: string[]): { status: number | null; out: string; err: string } {
      return oombot(
        `ssh: {user: root, identityFile: ${sshd.identityFile}, knownHosts: ${sshd.knownHostsFile}}\nhosts:\n  - {name: db01, address: 127.0.0.1, port: ${sshd.port}, logFiles: [${logFiles.join(', ')}]}\n`,
        'check',
      );
    }
    try {
      const half = check(log, `${log}o`);
      expect(half.out).toMatch(/kernel log: partial/);
      expect(half.out).toContain(`cannot find ${log}o`);
      expect(half.status).toBe(0);

      const none = check(`${log}o`);
      expect(none.out).toMatch(/kernel log: no/);
      expect(none.status).toBe(1);
    } finally {
      await sshd.close();
    }
  });
});
