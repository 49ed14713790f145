import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { fingerprintOf } from '../../src/ssh/known-hosts.ts';
import { openSsh, type Ssh, type SshOptions } from '../../src/ssh/open-ssh.ts';
import { freePort, makeKey, openSshd, realClock, stateOf, type Sshd } from '../support/sshd.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { needs } from '../support/needs.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'oombot-connection-'));
const IS_OPENSSH = process.env['OOMBOT_TRANSPORT'] === 'openssh';
const opened: { close: () => Promise<void> }[] = [];
const ask = { timeoutMs: 10_000, maxBytes: 1_000_000 };

function anSsh(change: Partial<SshOptions> = {}): Ssh {
  const ssh = openSsh({
    clock: realClock,
    random: () => 0.05,
    passphrase: null,
    agentSocket: null,
    readyTimeoutMs: 5_000,
    ...change,
  });
  opened.push(ssh);
  return ssh;
}

afterEach(async () => {
  while (opened.length > 0) await opened.pop()?.close();
});

describe('a connection to a real sshd', needs('sshd'), () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await openSshd({ hostKeys: ['ed25519', 'rsa'] });
  });
  afterAll(async () => {
    await sshd.close();
  });

  it('logs in and runs a command, with its bytes, its errors and its exit code', async () => {
    const connection = anSsh().connect(sshd.target());
    await connection.whenConnected(AbortSignal.timeout(10_000));

    const result = await connection.exec('cat; printf "\\377\\000"; echo oops >&2; exit 3', {
      ...ask,
      stdin: 'given\n',
    });

    expect(result.stdout).toEqual(Buffer.from('given\n\xff\0', 'latin1'));
    expect(result.stderr).toBe('oops\n');
    expect(result.end).toEqual({ kind: 'exit', code: 3 });
    expect(connection.state()).toMatchObject({ kind: 'connected', reason: null });
    expect(connection.hostKey()).toBe(sshd.fingerprint('ed25519'));
  });

  it('tells timeout, too much, signal and a missing connection apart', async () => {
    const connection = anSsh().connect(sshd.target());
    const early = await connection.exec('true', ask);
    await connection.whenConnected(AbortSignal.timeout(10_000));

    const late = await connection.exec('sleep 30', { ...ask, timeoutMs: 200 });
    const much = await connection.exec('cat /dev/zero', { ...ask, maxBytes: 100_000 });
    const killed = await connection.exec('kill -KILL $$', ask);

    expect(early.end).toEqual({ kind: 'refused', sentence: 'not connected' });
    expect(late.end).toEqual({ kind: 'timeout' });
    expect(much.end).toEqual({ kind: 'too-much' });
    expect(much.stdout).toHaveLength(100_000);
    // ssh says of a session no more than that a signal ended it.
    expect(killed.end).toEqual({ kind: 'signal', signal: IS_OPENSSH ? 'a signal' : 'SIGKILL' });
  });

  it('ends a stream whose reader throws, and nothing else', async () => {
    const connection = anSsh().connect(sshd.target());
    await connection.whenConnected(AbortSignal.timeout(10_000));

    const { end } = await connection.stream('echo a; cat', {
      stdin: '',
      signal: AbortSignal.timeout(10_000),
      onData: () => {
        throw new Error('no such report');
      },
    });

    expect(end).toEqual({ kind: 'fault', sentence: 'its output cannot be read: no such report' });
    expect((await connection.exec('echo hello', ask)).stdout.toString()).toBe('hello\n');
  });

  it('runs at most four short commands at once, so that MaxSessions is never met', async () => {
    const connection = anSsh().connect(sshd.target());
    await connection.whenConnected(AbortSignal.timeout(10_000));
    const counter = mkdtempSync(path.join(dir, 'count-'));
    const command = `cd ${counter} && mkdir $$ && ls | wc -l && sleep 0.05 && rmdir $$`;

    const results = await Promise.all(Array.from({ length: 24 }, () => connection.exec(command, ask)));

    expect(results.map((result) => result.end)).toEqual(results.map(() => ({ kind: 'exit', code: 0 })));
    expect(Math.max(...results.map((result) => Number(result.stdout.toString())))).toBeLessThanOrEqual(4);
  });

  it('refuses an unknown key, shows its fingerprint and the way to add it, and the way works', async () => {
    const file = path.join(dir, 'empty_known_hosts');
    writeFileSync(file, '');
    const target = sshd.target({ knownHosts: [file], name: 'fresh' });
    const connection = anSsh().connect(target);

    const state = await stateOf(connection, 'refused');

    const shown = fingerprintOf(Buffer.from(sshd.publicKey('ed25519').split(' ')[1] ?? '', 'base64'));
    expect(state).toMatchObject({ reason: 'unknown-host-key', hostKey: { type: 'ssh-ed25519', fingerprint: shown } });
    expect(state.sentence).toContain(shown);
    const line = `[127.0.0.1]:${sshd.port} ${sshd.publicKey('ed25519').split(' ').slice(0, 2).join(' ')}`;
    expect(state.sentence).toContain(`add this line to ${file}: ${line}`);
    writeFileSync(file, `${state.hostKey?.line}\n`);
    connection.reconnectNow();
    await stateOf(connection, 'connected');
  });

  it('connects by the one key on file although the server has another that it would rather show', async () => {
    const file = path.join(dir, 'rsa_only');
    writeFileSync(file, `[127.0.0.1]:${sshd.port} ${sshd.publicKey('rsa')}\n`);

    await stateOf(anSsh().connect(sshd.target({ knownHosts: [file] })), 'connected');
  });

  it.each([
    [
      'pinned',
      () => ({
        fingerprints: [fingerprintOf(Buffer.from(sshd.publicKey('ed25519').split(' ')[1] ?? '', 'base64'))],
        knownHosts: ['/none'],
      }),
      null,
    ],
    ['not the pinned one', () => ({ fingerprints: [`SHA256:${'A'.repeat(43)}`] }), 'changed-host-key'],
  ])('handles a key that is %s', async (_what, change, reason) => {
    const connection = anSsh().connect(sshd.target(change()));

    const state = await stateOf(connection, reason === null ? 'connected' : 'refused');

    expect(state.reason).toBe(reason);
    if (reason !== null) expect(state.sentence).toContain('IS NOT THE PINNED ONE');
  });

  it.each([
    [
      'changed',
      (line: string, other: string) => `${line.split(' ')[0]} ${other}\n`,
      'changed-host-key',
      /HAS CHANGED.*ssh-keygen -f .* -R '\[127\.0\.0\.1\]:\d+'/,
    ],
    [
      'revoked',
      (line: string) => `${line}@revoked * ${line.split(' ').slice(1).join(' ')}`,
      'revoked-host-key',
      /REVOKED/,
    ],
  ])('refuses a %s key loudly', async (what, text, reason, sentence) => {
    const file = path.join(dir, `known_${what}`);
    makeKey(path.join(dir, `other_${what}`), 'ed25519');
    const other = readFileSync(path.join(dir, `other_${what}.pub`), 'utf8')
      .split(' ')
      .slice(0, 2)
      .join(' ');
    writeFileSync(file, text(readFileSync(sshd.knownHostsFile, 'utf8'), other));

    const state = await stateOf(anSsh().connect(sshd.target({ knownHosts: [file] })), 'refused');

    expect(state).toMatchObject({ reason });
    expect(state.sentence).toMatch(sentence);
  });

  it('says so when the login is refused, and does not hammer', async () => {
    const file = path.join(dir, 'stranger');
    makeKey(file, 'ed25519');
    const connection = anSsh().connect(sshd.target({ identityFile: file }));
    let tries = 0;
    connection.onState(() => tries++);

    const state = await stateOf(connection, 'refused');
    await sleep(500);

    expect(state).toMatchObject({ reason: 'authentication' });
    expect(state.sentence).toContain('authorized_keys');
    expect(connection.state()).toBe(state);
    expect(tries).toBeLessThanOrEqual(1);
  });

  // The program ssh reads its keys itself, and asks nobody for a passphrase.
  it.skipIf(IS_OPENSSH)(
    'uses an encrypted key with its passphrase, parsed once, and says what is missing without',
    async () => {
      const file = path.join(dir, 'encrypted');
      execFileSync('cp', [sshd.identityFile, file]);
      execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'sesame', '-f', file]);

      await stateOf(anSsh({ passphrase: 'sesame' }).connect(sshd.target({ identityFile: file })), 'connected');
      const none = await stateOf(anSsh().connect(sshd.target({ identityFile: file })), 'refused');
      const wrong = await stateOf(
        anSsh({ passphrase: 'mellon' }).connect(sshd.target({ identityFile: file })),
        'refused',
      );
      const absent = await stateOf(anSsh().connect(sshd.target({ identityFile: path.join(dir, 'absent') })), 'refused');

      expect([none.reason, wrong.reason, absent.reason]).toEqual(['locked-key', 'locked-key', 'no-key']);
      expect(none.sentence).toContain('OOMBOT_SSH_PASSPHRASE');
      expect(wrong.sentence).toContain('OOMBOT_SSH_PASSPHRASE');
      expect(absent.sentence).toContain('ssh-keygen -t ed25519');
    },
  );

  it.skipIf(IS_OPENSSH)('tells a file that holds no key that can be used from one that is not there', async () => {
    const file = path.join(dir, 'no key');
    writeFileSync(file, 'hello\n');
    const home = path.join(dir, 'home');
    mkdirSync(path.join(home, '.ssh'), { recursive: true });
    makeKey(path.join(home, '.ssh/id_ed25519'), 'ed25519', 'sesame');
    vi.stubEnv('HOME', home);

    const named = await stateOf(anSsh().connect(sshd.target({ identityFile: file })), 'refused');
    const found = await stateOf(anSsh().connect(sshd.target({ identityFile: null })), 'refused');
    vi.unstubAllEnvs();

    expect(named).toMatchObject({ reason: 'unusable-key', sentence: expect.stringContaining(file) });
    expect(found).toMatchObject({ reason: 'locked-key', sentence: expect.stringContaining('id_ed25519') });
  });

  it('asks the agent for the one key that is meant, past MaxAuthTries others', needs('ssh-agent'), async () => {
    const socket = path.join(dir, 'agent.sock');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    try {
      await sleep(300);
      const env = { ...process.env, SSH_AUTH_SOCK: socket };
      for (let n = 0; n < 8; n++) {
        makeKey(path.join(dir, `agent_${n}`), 'ed25519');
        execFileSync('ssh-add', ['-q', path.join(dir, `agent_${n}`)], { env, stdio: 'ignore' });
      }
      execFileSync('ssh-add', ['-q', sshd.identityFile], { env, stdio: 'ignore' });
      const file = path.join(dir, 'in_agent');
      execFileSync('cp', [`${sshd.identityFile}.pub`, `${file}.pub`]);

      await stateOf(anSsh({ agentSocket: socket }).connect(sshd.target({ identityFile: file })), 'connected');
    } finally {
      agent.kill();
    }
  });

  it('goes through a jump host, shared by those behind it, and checks both keys', async () => {
    const inner = await openSshd();
    try {
      const ssh = anSsh();
      const jump = sshd.target({ name: 'bastion' });
      const first = ssh.connect(inner.target({ name: 'inner', jump }));
      const second = ssh.connect(
        inner.target({ name: 'inner2', user: 'root', jump, fingerprints: [`SHA256:${'A'.repeat(43)}`] }),
      );
      const bastion = ssh.connect(jump);

      await stateOf(first, 'connected');
      const state = await stateOf(second, 'refused');
      const client = await first.exec('echo $SSH_CONNECTION', ask);

      expect(client.stdout.toString()).toContain(` 127.0.0.1 ${inner.port}`);
      expect(state.sentence).toContain('IS NOT THE PINNED ONE');
      expect((await bastion.exec('echo hello', ask)).stdout.toString()).toBe('hello\n');
      expect(await sessionsOf(sshd)).toBe(1);
    } finally {
      await inner.close();
    }
  });

  it('shows the trouble of the jump host as the trouble of those behind it', async () => {
    const jump = sshd.target({ name: 'bastion', fingerprints: [`SHA256:${'A'.repeat(43)}`] });
    const state = await stateOf(anSsh().connect(sshd.target({ name: 'inner', jump })), 'refused');

    expect(state.sentence).toMatch(/^inner waits for its jump host\. HOST KEY OF bastion/);
    // What would mend the host itself would be wrong.
    expect(state.reason).toBe('jump-host');
  });

  it('says when the host behind a jump host does not listen', async () => {
    const state = await stateOf(
      anSsh().connect(sshd.target({ name: 'inner', port: await freePort(), jump: sshd.target() })),
      'unreachable',
    );

    expect(state.sentence).toMatch(/^inner .* cannot be reached from its jump host here/);
  });

  it('comes back after the server was restarted, once, with the stream told that it was lost', async () => {
    const own = await openSshd();
    try {
      const connection = anSsh().connect(own.target());
      await stateOf(connection, 'connected');
      const kinds: string[] = [];
      connection.onState(({ kind }) => kinds.push(kind));
      const stream = connection.stream('cat', { stdin: '', signal: AbortSignal.timeout(20_000), onData: () => {} });
      const command = connection.exec('sleep 20', { ...ask, timeoutMs: 20_000 });

      await own.stop();
      expect((await stream).end).toEqual({ kind: 'lost' });
      expect((await command).end).toEqual({ kind: 'lost' });
      const down = await stateOf(connection, 'unreachable');
      await sleep(300);
      await own.start();
      await stateOf(connection, 'connected');

      expect(down.sentence).toContain('refuses connections');
      expect(kinds).toEqual(['connecting', 'unreachable', 'connected']);
    } finally {
      await own.close();
    }
  });

  it('waits before it comes back although it was told to look again while it was connected', async () => {
    const waits: [number, boolean][] = [];
    const clock = {
      ...realClock,
      sleep: (ms: number, signal?: AbortSignal) => {
        waits.push([ms, signal?.aborted === true]);
        return realClock.sleep(ms, signal);
      },
    };
    const proxy = await openTcpProxy(sshd.port);
    opened.unshift(proxy);
    const fingerprints = [fingerprintOf(Buffer.from(sshd.publicKey('ed25519').split(' ')[1] ?? '', 'base64'))];
    const connection = anSsh({ clock }).connect(sshd.target({ port: proxy.port, fingerprints }));
    await stateOf(connection, 'connected');

    connection.reconnectNow();
    proxy.cut();
    await stateOf(connection, 'connecting');
    await stateOf(connection, 'connected');

    expect(waits).toEqual([[50, false]]);
  });

  it('waits half a minute at most where it logs in each time and the link is lost soon after', async () => {
    const waits: number[] = [];
    const clock = {
      ...realClock,
      sleep: (ms: number, signal?: AbortSignal) => {
        waits.push(ms);
        return realClock.sleep(0, signal);
      },
    };
    const proxy = await openTcpProxy(sshd.port);
    opened.unshift(proxy);
    const fingerprints = [fingerprintOf(Buffer.from(sshd.publicKey('ed25519').split(' ')[1] ?? '', 'base64'))];
    const connection = anSsh({ clock, random: () => 1 }).connect(sshd.target({ port: proxy.port, fingerprints }));
    for (let losses = 0; losses < 8; losses += 1) {
      await stateOf(connection, 'connected');
      proxy.cut();
      await stateOf(connection, 'connecting');
    }
    await stateOf(connection, 'connected');

    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('that rests dials for a command only, and hangs up when nothing more is asked', async () => {
    // Five minutes pass in half a second.
    const clock = {
      nowMs: () => realClock.nowMs() * 600,
      sleep: (ms: number, signal?: AbortSignal) => realClock.sleep(ms / 600, signal),
    };
    const proxy = await openTcpProxy(sshd.port);
    opened.unshift(proxy);
    const fingerprints = [fingerprintOf(Buffer.from(sshd.publicKey('ed25519').split(' ')[1] ?? '', 'base64'))];
    const connection = anSsh({ clock, readyTimeoutMs: 10_000 }).connect(
      sshd.target({ port: proxy.port, fingerprints }),
    );
    connection.rest();
    await stateOf(connection, 'resting');
    await sleep(300);
    expect(proxy.connections()).toBe(0);

    const answers = await Promise.all(
      ['one', 'two'].map((word) => connection.exec(`echo ${word}`, { timeoutMs: 10_000, maxBytes: 100 })),
    );
    expect(answers.map(({ stdout }) => stdout.toString())).toEqual(['one\n', 'two\n']);
    expect(connection.state().kind).toBe('connected');
    await stateOf(connection, 'resting');
    await sleep(100);
    expect(proxy.connections()).toBe(0);

    connection.keepUp();
    await stateOf(connection, 'connected');
    await sleep(1_500);
    expect(connection.state().kind).toBe('connected');
    expect(proxy.connections()).toBe(2);
  });

  it('gives up at once to connect where it is told to rest, and connects when it is wanted again', async () => {
    const silent = createServer((socket) => void socket.on('error', () => {}).resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    opened.push({ close: async () => void silent.close() });
    const { port } = silent.address() as AddressInfo;
    const ssh = anSsh({ readyTimeoutMs: 60_000 });
    const behind = sshd.target({ name: 'behind', jump: sshd.target({ name: 'silent', user: 'other', port }) });
    const connections = [ssh.connect(sshd.target({ port })), ...(IS_OPENSSH ? [] : [ssh.connect(behind)])];
    await sleep(300);

    for (const connection of connections) {
      expect(connection.state().kind).toBe('connecting');
      connection.rest();
      await stateOf(connection, 'resting');
      connection.keepUp();
      expect((await stateOf(connection, 'connecting')).sentence).toMatch(/^Connecting to/);
    }
  });

  it('closes at once while it waits to try again', async () => {
    const ssh = anSsh({ random: () => 1 });
    const port = await freePort();
    const waiting = Array.from({ length: 40 }, (_, n) =>
      ssh.connect(sshd.target({ name: `h${n}`, port, user: `u${n}` })),
    );
    await Promise.all(waiting.map((one) => stateOf(one, 'unreachable')));
    const startedAtMs = Date.now();

    await ssh.close();

    expect(Date.now() - startedAtMs).toBeLessThan(500);
  });

  it('refuses a server whose key changed with its restart', async () => {
    const own = await openSshd();
    try {
      const connection = anSsh().connect(own.target());
      await stateOf(connection, 'connected');
      await own.stop();
      own.changeHostKeys();
      await own.start();

      expect(await stateOf(connection, 'refused')).toMatchObject({ reason: 'changed-host-key' });
    } finally {
      await own.close();
    }
  });

  it.each(['reset', 'silence'])('notices a link cut by %s in mid-stream and comes back', async (how) => {
    const proxy = await openTcpProxy(sshd.port);
    opened.unshift(proxy);
    const fingerprints = [fingerprintOf(Buffer.from(sshd.publicKey('ed25519').split(' ')[1] ?? '', 'base64'))];
    const connection = anSsh({ keepaliveIntervalMs: 200 }).connect(sshd.target({ port: proxy.port, fingerprints }));
    await stateOf(connection, 'connected');
    const stream = connection.stream('while :; do echo x; sleep 0.01; done', {
      stdin: '',
      signal: AbortSignal.timeout(20_000),
      onData: () => {},
    });
    await sleep(100);

    if (how === 'reset') proxy.cut();
    else proxy.setMode('hang');

    expect((await stream).end).toEqual({ kind: 'lost' });
    proxy.setMode('pass');
    await stateOf(connection, 'connected');
  });

  it('leaves no command behind on the host when it hangs up', async () => {
    const ssh = anSsh();
    const connection = ssh.connect(sshd.target());
    await stateOf(connection, 'connected');

    await ssh.close();

    await sleep(200);
    expect(await sessionsOf(sshd)).toBe(0);
  });
});

describe('a connection to something that is no proper sshd', { timeout: 30_000 }, () => {
  const identityFile = path.join(dir, 'any');
  makeKey(identityFile, 'ed25519');

  function target(port: number, name = 'odd'): Parameters<Ssh['connect']>[0] {
    return {
      name,
      address: '127.0.0.1',
      port,
      user: 'root',
      identityFile,
      knownHosts: [],
      fingerprints: [],
      jump: null,
    };
  }

  it('gives up on one that accepts and says nothing, within the time limit', async () => {
    const proxy = await openTcpProxy(1);
    opened.unshift(proxy);
    proxy.setMode('hang');

    const state = await stateOf(anSsh({ readyTimeoutMs: 500 }).connect(target(proxy.port)), 'unreachable');

    expect(state.sentence).toContain('did not answer as an SSH server in time');
  });

  it.each([
    [
      'lines without end before its identification',
      (n: number) => Buffer.from(`banner ${n} ${'x'.repeat(60)}\r\n`.repeat(50)),
    ],
    ['one line without end', () => Buffer.alloc(4096, 0x41)],
    ['binary noise', (n: number) => Buffer.from(Array.from({ length: 997 }, (_, i) => (i * 7 + n * 31) % 256))],
  ])('gives up on %s, with bounded memory', async (_what, noise) => {
    const proxy = await openTcpProxy(1, noise);
    opened.unshift(proxy);
    proxy.setMode('flood');
    const before = process.memoryUsage().rss;

    const state = await stateOf(anSsh({ readyTimeoutMs: 3_000 }).connect(target(proxy.port)), 'unreachable');

    expect(state.reason).toBe('network');
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });

  it.each([
    ['say nothing', '', 60, false],
    ['say who they are and no more', 'SSH-2.0-OpenSSH_9.2\r\n', 60, false],
    ['say who they are and no more, behind a jump host', 'SSH-2.0-OpenSSH_9.2\r\n', 8, true],
  ])(
    'lets no number of hosts that %s keep a live one waiting',
    needs('sshd'),
    async (_what, greeting, count, isBehind) => {
      const dead = createServer((socket) => {
        socket.on('error', () => {});
        socket.write(greeting);
      });
      await new Promise<void>((resolve) => dead.listen(0, '127.0.0.1', resolve));
      const { port } = dead.address() as AddressInfo;
      const sshd = await openSshd();
      try {
        const ssh = anSsh({ readyTimeoutMs: 20_000 });
        const jump = isBehind ? sshd.target({ name: 'bastion' }) : null;
        for (let n = 0; n < count; n++) {
          ssh.connect({ ...sshd.target(), name: `dead${n}`, user: `dead${n}`, port, jump });
        }
        await sleep(300);
        const startedAt = Date.now();
        await stateOf(ssh.connect(sshd.target({ name: 'live', jump })), 'connected');

        expect(Date.now() - startedAt).toBeLessThan(8_000);
        await ssh.close();
      } finally {
        dead.close();
        await sshd.close();
      }
    },
  );

  it('waits longer each time, up to five minutes, with full jitter', async () => {
    const waits: number[] = [];
    const clock = {
      nowMs: () => 0,
      sleep: async (ms: number, signal?: AbortSignal) => {
        waits.push(ms);
        await sleep(waits.length < 15 ? 0 : 60_000, undefined, signal ? { signal } : {});
      },
    };
    const ssh = anSsh({ clock, random: () => 0.5 });
    ssh.connect(target(await freePort()));
    while (waits.length < 15) await sleep(5);

    expect(waits.slice(0, 5)).toEqual([500, 1000, 2000, 4000, 8000]);
    expect(waits.at(-1)).toBe(150_000);
  });
});

/** How many logins the server has open. */
async function sessionsOf(sshd: Sshd): Promise<number> {
  const pid = readFileSync(path.join(sshd.dir, 'pid'), 'utf8').trim();
  await sleep(50);
  return readdirSync('/proc').filter((name) => {
    try {
      return readFileSync(`/proc/${name}/status`, 'utf8').includes(`\nPPid:\t${pid}\n`);
    } catch {
      return false;
    }
  }).length;
}
