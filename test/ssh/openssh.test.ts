import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { checkConnection } from '../../src/run/check-connection.ts';
import { openSsh, type Ssh, type SshOptions } from '../../src/ssh/open-ssh.ts';
import type { SshTarget } from '../../src/ssh/target.ts';
import { needs } from '../support/needs.ts';
import { byOpenssh, makeKey, openSshd, processesWith, realClock, stateOf, type Sshd } from '../support/sshd.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'oombot-openssh-'));
const ask = { timeoutMs: 10_000, maxBytes: 100_000 };
const CUTS = Number(process.env['OOMBOT_CUTS'] ?? 2);

describe('a host by the program ssh', needs('sshd', 'ssh', 'ssh-keygen'), () => {
  const opened: { close: () => Promise<void> }[] = [];
  let sshd: Sshd;
  let mark: string;
  beforeAll(async () => {
    sshd = await openSshd();
  });
  afterEach(async () => {
    while (opened.length > 0) await opened.pop()?.close();
    await soon(() => expect([...processesWith(mark).values()]).toEqual([]));
  });
  afterAll(async () => {
    await sshd?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  function anSsh(change: Partial<SshOptions> = {}): Ssh {
    mark = `OOMBOT_OPENSSH=${Math.random()}`;
    const ssh = openSsh({
      clock: realClock,
      random: () => 0.05,
      passphrase: null,
      agentSocket: null,
      proxyEnvironment: { PATH: process.env['PATH'], OOMBOT_OPENSSH: mark.split('=')[1] },
      ...change,
    });
    opened.push(ssh);
    return ssh;
  }

  function aConfig(text: string): string {
    const file = path.join(mkdtempSync(path.join(dir, 'config-')), 'config');
    writeFileSync(file, text);
    return file;
  }

  /** An alias of ssh_config, of which oombot.yaml says no more than its name. */
  function anAlias(host: string, config: string, change: Partial<SshTarget> = {}): SshTarget {
    return byOpenssh(sshd.target({ name: host, ...change }), { host, configFile: aConfig(config), given: [] });
  }

  async function whoAnswers(target: SshTarget): Promise<string> {
    const connection = anSsh().connect(target);
    await stateOf(connection, 'connected');
    return (await connection.exec('echo "$OOMBOT_SSHD"', ask)).stdout.toString().trim();
  }

  it('runs commands with bytes, errors, exit codes and input, and streams whose end the host hears of', async () => {
    const connection = anSsh().connect(byOpenssh(sshd.target()));
    await stateOf(connection, 'connected');
    const stopping = new AbortController();
    let heard = '';

    const stream = connection.stream('echo begun; cat; echo ended >"$OOMBOT_SSHD/ended"', {
      stdin: 'given\n',
      signal: stopping.signal,
      onData: (chunk) => (heard += chunk.toString()),
    });
    const [short, much, late] = await Promise.all([
      connection.exec('cat; printf "\\377\\000"; echo oops >&2; exit 3', { ...ask, stdin: 'a\n' }),
      connection.exec('cat /dev/zero', ask),
      connection.exec('sleep 3', { ...ask, timeoutMs: 700 }),
    ]);
    await soon(() => expect(heard).toBe('begun\ngiven\n'));
    stopping.abort();

    expect(short).toEqual({
      stdout: Buffer.from('a\n\xff\0', 'latin1'),
      stderr: 'oops\n',
      end: { kind: 'exit', code: 3 },
    });
    expect([much.end.kind, much.stdout.length, late.end.kind]).toEqual(['too-much', 100_000, 'timeout']);
    expect((await stream).end).toEqual({ kind: 'aborted' });
    await soon(() => expect(existsSync(path.join(sshd.dir, 'ended'))).toBe(true));
  });

  it('reaches a server that has post-quantum key exchange alone, where ssh2 says which line does it', async () => {
    const modern = await openSshd({ lines: ['KexAlgorithms sntrup761x25519-sha512@openssh.com'] });
    opened.push(modern);
    const { openssh: _, ...target } = modern.target();
    const bySsh2 = anSsh().connect(target);

    const state = await stateOf(bySsh2, 'refused');
    const config = { name: 'here', tags: [], channel: null, logFiles: null, target };
    const [finding] = await checkConnection(config, bySsh2, realClock);
    const connection = anSsh().connect(byOpenssh(modern.target()));
    await stateOf(connection, 'connected');

    expect(state).toMatchObject({ reason: 'algorithms', sentence: expect.stringContaining('transport: openssh') });
    expect(finding?.fix).toEqual({ where: 'configuration', line: 'transport: openssh' });
    expect((await connection.exec('echo hello', ask)).stdout.toString()).toBe('hello\n');
  });

  it('takes address, port, user, key and jump from the configuration of ssh', async () => {
    const inner = await openSshd();
    opened.push(inner);
    const known = path.join(inner.dir, 'both');
    writeFileSync(known, readFileSync(inner.knownHostsFile, 'utf8') + readFileSync(sshd.knownHostsFile, 'utf8'));
    const target = anAlias(
      'inner',
      `Host inner bastion\n HostName 127.0.0.1\n User root\n UserKnownHostsFile ${known}\n
       Host inner\n Port ${inner.port}\n IdentityFile ${inner.identityFile}\n ProxyJump bastion\n
       Host bastion\n Port ${sshd.port}\n IdentityFile ${sshd.identityFile}\n`,
    );

    expect(await whoAnswers(target)).toBe(inner.dir);
  });

  it.each([
    ['the host', ''],
    ['a hop of its ProxyJump', ' ProxyJump bastion\n'],
  ])('lets no configuration have it trust an unknown key of %s', async (_what, jump) => {
    const inner = await openSshd();
    opened.push(inner);
    const lax = ` HostName 127.0.0.1\n User root\n UserKnownHostsFile /dev/null\n StrictHostKeyChecking no\n
      NoHostAuthenticationForLocalhost yes\n VerifyHostKeyDNS yes\n KnownHostsCommand /bin/echo %H %t %K\n`;
    const knownInner = ` UserKnownHostsFile ${inner.knownHostsFile}\n HostName 127.0.0.1\n User root\n`;
    const target = anAlias(
      'inner',
      `Host inner\n Port ${inner.port}\n IdentityFile ${inner.identityFile}\n${jump}${jump === '' ? lax : knownInner}
       Host bastion\n Port ${sshd.port}\n IdentityFile ${sshd.identityFile}\n${lax}`,
      { knownHosts: ['/nonexistent'], port: inner.port },
    );

    const connection = anSsh().connect(target);
    const state = await stateOf(connection, 'refused');

    expect(state).toMatchObject({ reason: 'unknown-host-key' });
    expect(state.sentence).toMatch(
      jump === ''
        ? /presents an unknown host key: ssh-ed25519 SHA256/
        : /does not accept the host key of its jump host .*No ED25519 host key is known for \[127\.0\.0\.1\]:/,
    );
    expect(connection.onward()).toBeNull();
  });

  it('takes a pinned key and no other, and no pinned key that is revoked', async () => {
    const fingerprints = [sshd.fingerprint('ed25519')];
    const revoked = path.join(dir, 'revoked');
    writeFileSync(revoked, `@revoked * ${sshd.publicKey('ed25519')}\n`);
    // Known, but it is not the pinned one.
    const other = { fingerprints: [`SHA256:${'A'.repeat(43)}`] };

    await stateOf(anSsh().connect(byOpenssh(sshd.target({ fingerprints, knownHosts: ['/none'] }))), 'connected');
    const wrong = await stateOf(anSsh().connect(byOpenssh(sshd.target(other))), 'refused');
    const taken = await stateOf(
      anSsh().connect(byOpenssh(sshd.target({ fingerprints, knownHosts: [revoked] }))),
      'refused',
    );

    expect([wrong.reason, wrong.hostKey?.fingerprint]).toEqual(['changed-host-key', sshd.fingerprint('ed25519')]);
    expect(taken.reason).toBe('revoked-host-key');
  });

  it('is refused where its first key cannot be put on file', async () => {
    const change = { knownHosts: [], trustFirstKey: path.join(dir, 'no', 'folder') };

    const { sentence } = await stateOf(anSsh().connect(byOpenssh(sshd.target(change))), 'refused');

    expect(sentence).toMatch(/its first key cannot be put into .*ENOENT/);
  });

  it('puts a first key on file where that is asked for, once ssh has checked it', async () => {
    const file = path.join(dir, 'first');
    const seen: string[] = [];
    const ssh = anSsh({ onFirstKey: (_, { fingerprint }) => seen.push(fingerprint) });

    await stateOf(ssh.connect(byOpenssh(sshd.target({ knownHosts: [file], trustFirstKey: file }))), 'connected');

    expect(seen).toEqual([sshd.fingerprint('ed25519')]);
    expect(readFileSync(file, 'utf8')).toBe(`[127.0.0.1]:${sshd.port} ${sshd.publicKey('ed25519')}\n`);
  });

  it.each([
    ['an address', { address: '-oProxyCommand=touch /tmp/x' }],
    ['a user', { user: '-oProxyCommand=x' }],
    ['an address for a shell', { address: '$(touch x)' }],
    ['a line more', { user: 'root\nProxyCommand x' }],
  ])('refuses %s that is no name, before anything is started', async (_what, change) => {
    const state = await stateOf(anSsh().connect(byOpenssh(sshd.target(change))), 'refused');

    expect(state.sentence).toContain('is not a valid host or user name');
  });

  it('says so where there is no ssh', async () => {
    const ssh = anSsh({ proxyEnvironment: { PATH: '/nonexistent' } });

    const state = await stateOf(ssh.connect(byOpenssh(sshd.target())), 'refused');

    expect(state).toMatchObject({ reason: 'no-ssh', sentence: expect.stringContaining('openssh-client') });
  });

  it('gives a server with one session for each login more logins', async () => {
    const narrow = await openSshd({ lines: ['MaxSessions 1'] });
    opened.push(narrow);
    const connection = anSsh().connect(byOpenssh(narrow.target()));
    await stateOf(connection, 'connected');
    const stream = connection.stream('cat', { stdin: '', signal: AbortSignal.timeout(8_000), onData: () => {} });
    await sleep(300);

    const { end, stdout } = await connection.exec('echo hello', ask);

    expect([end, stdout.toString()]).toEqual([{ kind: 'exit', code: 0 }, 'hello\n']);
    await narrow.stop();
    expect((await stream).end).toEqual({ kind: 'lost' });
  });

  it(`leaves no process and no folder behind after ${CUTS} cuts`, { timeout: 30_000 + CUTS * 4_000 }, async () => {
    const own = await openSshd();
    opened.push(own);
    const connection = anSsh().connect(byOpenssh(own.target()));
    for (let cut = 0; cut < CUTS; cut++) {
      await stateOf(connection, 'connected');
      const stream = connection.stream('cat', { stdin: '', signal: AbortSignal.timeout(8_000), onData: () => {} });
      await own.stop();
      expect((await stream).end).toEqual({ kind: 'lost' });
      await own.start();
    }
    await stateOf(connection, 'connected');
    await soon(() => expect(ofSsh()).toHaveLength(2));
    const [folder = ''] = ofSsh().flatMap((line) => /\S+oombot-ssh-\w+/.exec(line)?.[0] ?? []);
    expect(existsSync(folder)).toBe(true);

    await connection.close();

    expect(existsSync(folder)).toBe(false);
    await soon(() => expect(ofSsh()).toEqual([]));
  });

  /** The ssh of the connection, and the shell that it is tied to the bot by. */
  function ofSsh(): string[] {
    return [...processesWith(mark).values()];
  }

  it('ends with the bot, also where nothing can be said to it any more', async () => {
    const bot = path.join(dir, 'bot.ts');
    const source = path.join(import.meta.dirname, '../../src/ssh/open-ssh.ts');
    writeFileSync(
      bot,
      `import { openSsh } from ${JSON.stringify(source)};
       const clock = { nowMs: () => Date.now(), sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) };
       const ssh = openSsh({ clock, random: Math.random, passphrase: null, agentSocket: null, proxyEnvironment: process.env });
       const connection = ssh.connect(${JSON.stringify(byOpenssh(sshd.target()))});
       await connection.whenConnected(AbortSignal.timeout(10_000));
       void connection.stream('cat', { stdin: '', signal: AbortSignal.timeout(60_000), onData: () => {} });
       setTimeout(() => console.log('there'), 300);
       setInterval(() => {}, 1_000);\n`,
    );
    mark = `OOMBOT_OPENSSH=${Math.random()}`;
    const temporary = mkdtempSync(path.join(dir, 't-'));
    const env = { ...process.env, OOMBOT_OPENSSH: mark.split('=')[1], TMPDIR: temporary };
    const child = spawn(process.execPath, [bot], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    // The bot, ssh, its shell, and the session.
    expect(ofSsh()).toHaveLength(4);

    child.kill('SIGKILL');

    await soon(() => expect(ofSsh()).toEqual([]));
    await soon(() => expect(sshd.processes().size).toBe(0));
    expect(execFileSync('ls', [temporary]).toString()).toBe('');
  });

  it('is named for a FIDO key, which ssh2 cannot use', async () => {
    const file = path.join(dir, 'id_sk');
    makeKey(file, 'ed25519');
    writeFileSync(file, fidoKey(), { mode: 0o600 });

    const { openssh: _, ...target } = sshd.target({ identityFile: file });
    const state = await stateOf(anSsh().connect(target), 'refused');

    expect(state).toMatchObject({ reason: 'fido-key', sentence: expect.stringContaining('transport: openssh') });
  });
});

function soon(look: () => void): Promise<void> {
  return vi.waitFor(look, 10_000);
}

/** The private half of a FIDO key (PROTOCOL.u2f of OpenSSH): a handle that means nothing without its device. */
function fidoKey(): string {
  const type = 'sk-ssh-ed25519@openssh.com';
  function u32(value: number): Buffer {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  }
  function text(value: string | Buffer): Buffer {
    const bytes = Buffer.from(value);
    return Buffer.concat([u32(bytes.length), bytes]);
  }
  const publicHalf = Buffer.concat([text(type), text(Buffer.alloc(32, 7)), text('ssh:')]);
  const secret = Buffer.concat([u32(1), u32(1), publicHalf, Buffer.from([1]), text('handle'), text(''), text('test')]);
  const padding = Buffer.from(Array.from({ length: -secret.length & 7 }, (_, at) => at + 1));
  const none = ['none', 'none', ''].map(text);
  const all = [
    Buffer.from('openssh-key-v1\0'),
    ...none,
    u32(1),
    text(publicHalf),
    text(Buffer.concat([secret, padding])),
  ];
  const base64 = Buffer.concat(all)
    .toString('base64')
    .replaceAll(/(.{70})/g, '$1\n');
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${base64}\n-----END OPENSSH PRIVATE KEY-----\n`;
}
