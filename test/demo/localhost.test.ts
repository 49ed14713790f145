import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces, userInfo } from 'node:os';
import path from 'node:path';
import ssh2 from 'ssh2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { makeKeyPair } from '../../src/demo/client-key.ts';
import { openDemoHosts, type DemoHosts } from '../../src/demo/demo-hosts.ts';
import type { Connection } from '../../src/ssh/connection.ts';
import { planFollow } from '../../src/ssh/follow.ts';
import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import { readCounters } from '../../src/ssh/probe.ts';
import type { SshTarget } from '../../src/ssh/target.ts';
import { probeOf } from '../support/follow.ts';
import { realClock, stateOf } from '../support/sshd.ts';

const LIMITS = { timeoutMs: 10_000, maxBytes: 4 * 1024 * 1024 };

describe('localhost, this machine over a real connection', { timeout: 30_000 }, () => {
  let demo: DemoHosts;
  let ssh: Ssh;
  beforeEach(async () => {
    demo = await openDemoHosts({ clock: realClock });
    ssh = openSsh({ clock: realClock, random: () => 0.05, passphrase: null, agentSocket: null });
  });
  afterEach(async () => {
    await ssh.close();
    await demo.close();
  });

  function target(change: Partial<SshTarget> = {}): SshTarget {
    const host = demo.hosts.find((one) => one.name === 'localhost');
    if (host === undefined) throw new Error('no localhost');
    return { ...host.target, ...change };
  }

  async function connected(): Promise<Connection> {
    const connection = ssh.connect(target());
    await stateOf(connection, 'connected');
    return connection;
  }

  it('is this machine, as this user', async () => {
    const connection = await connected();
    const probe = await probeOf(connection);

    expect(probe).toMatchObject({
      user: userInfo().username,
      uid: userInfo().uid,
      bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
      kernel: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
    });
    expect((await readCounters(connection, realClock))?.bootId).toBe(probe.bootId);
    // Whatever can be read here: either something is, or a sentence says what is missing.
    const plan = planFollow(probe, null);
    if (plan.kind === 'nothing') expect(plan.sentence).toContain('cannot be read');
  });

  it('passes input, output, errors and exit codes on, and nothing of our environment', async () => {
    const connection = await connected();

    const loud = await connection.exec('cat; echo wrong >&2; exit 7', { ...LIMITS, stdin: 'a\nb\n' });
    const signalled = await connection.exec('kill -TERM $$', LIMITS);
    const missing = await connection.exec('no-such-command', LIMITS);
    const big = await connection.exec('head -c 3000000 /dev/zero', LIMITS);
    const environment = await connection.exec('env', LIMITS);

    expect(loud.stdout.toString()).toBe('a\nb\n');
    expect(loud.stderr).toBe('wrong\n');
    expect(loud.end).toEqual({ kind: 'exit', code: 7 });
    expect(signalled.end).toEqual({ kind: 'signal', signal: 'SIGTERM' });
    expect(missing.end).toEqual({ kind: 'exit', code: 127 });
    expect(big.stdout.length).toBe(3_000_000);
    const names = environment.stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0]);
    expect(
      names.filter(
        (name) => !['HOME', 'USER', 'LOGNAME', 'SHELL', 'PATH', 'PWD', 'SHLVL', '_', 'OLDPWD'].includes(name ?? ''),
      ),
    ).toEqual([]);
  });

  it('runs many commands side by side, each with its own answer', async () => {
    const connection = await connected();
    const inputs = Array.from({ length: 40 }, (_, number) => `line ${number}\n`);

    const answers = await Promise.all(inputs.map((stdin) => connection.exec('cat', { ...LIMITS, stdin })));

    expect(answers.map((answer) => answer.stdout.toString())).toEqual(inputs);
  });

  it('leaves no process when a stream is left, when the connection is cut, and when it closes', async () => {
    const seconds = [31_415, 31_416, 31_417];
    // In the background, ignoring what a polite end would be: only the end of the whole group ends these.
    const commands = seconds.map(
      (second) => `trap '' TERM HUP; (trap '' TERM HUP; sleep ${second}) & sleep ${second}; wait`,
    );
    const [left, cut, closed] = await Promise.all([connected(), connectedRaw(), connected()]);
    const leave = new AbortController();
    const stream = left.stream(commands[0] ?? '', { stdin: '', signal: leave.signal, onData: () => {} });
    cut.exec(commands[1] ?? '', () => {});
    const other = closed.stream(commands[2] ?? '', {
      stdin: '',
      signal: new AbortController().signal,
      onData: () => {},
    });
    await expect.poll(() => sleepers(seconds).length, { timeout: 5_000 }).toBe(6);

    leave.abort();
    await stream;
    cut.destroy();
    await expect.poll(() => sleepers(seconds.slice(0, 2)), { timeout: 5_000 }).toEqual([]);
    expect(sleepers(seconds)).toHaveLength(2);

    await demo.close();
    await other;
    expect(sleepers(seconds)).toEqual([]);
  });

  it('lets in nobody with another key, another name, a password or nothing', async () => {
    const stranger = path.join(path.dirname(target().identityFile ?? ''), 'stranger');
    writeFileSync(stranger, makeKeyPair().private, { mode: 0o600 });
    const own = readFileSync(target().identityFile ?? '');

    const byKey = await refused({ privateKey: readFileSync(stranger) });
    const byName = await refused({ username: 'somebody-else', privateKey: own });
    const byPassword = await refused({ password: 'secret' });
    const byNothing = await refused({});
    const state = await stateOf(ssh.connect(target({ identityFile: stranger })), 'refused');

    expect([byKey, byName, byPassword, byNothing]).toEqual(Array.from({ length: 4 }, () => 'client-authentication'));
    expect(state.reason).toBe('authentication');
  });

  it('takes no forged proof of the right key', async () => {
    // The public half alone, with a signature that another key made.
    const own = ssh2.utils.parseKey(readFileSync(target().identityFile ?? ''));
    const other = ssh2.utils.parseKey(makeKeyPair().private);
    if (own instanceof Error || other instanceof Error) throw new Error('no keys');
    const forged = Object.assign(Object.create(Object.getPrototypeOf(own) as object), own, {
      sign: (data: Buffer, algorithm?: string) => other.sign(data, algorithm),
    }) as ssh2.ParsedKey;

    const method: ssh2.PublicKeyAuthMethod = { type: 'publickey', username: userInfo().username, key: forged };
    const level = await refused({ authHandler: [method] });

    expect(level).toBe('client-authentication');
  });

  it('offers commands alone: no shell, no forwarding, no subsystem', async () => {
    const client = await connectedRaw();

    const shell = await new Promise((resolve) => client.shell((error) => resolve(error?.message)));
    const sftp = await new Promise((resolve) => client.sftp((error) => resolve(error?.message)));
    const forward = await new Promise((resolve) =>
      client.forwardOut('127.0.0.1', 0, '127.0.0.1', target().port, (error) => resolve(error?.message)),
    );
    client.end();

    expect([shell, sftp, forward]).toEqual([expect.any(String), expect.any(String), expect.any(String)]);
  });

  it('listens on 127.0.0.1 alone', async () => {
    const others = [
      '127.0.0.2',
      '::1',
      ...Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((one) => one.address)),
    ];

    expect(await canDial('127.0.0.1', target().port)).toBe(true);
    for (const address of others.filter((one) => one !== '127.0.0.1' && !one.startsWith('fe80')))
      for (const host of demo.hosts) expect(await canDial(address, host.target.port), address).toBe(false);
  });

  it('keeps its key private, and takes all of it away in the end', async () => {
    const file = target().identityFile ?? '';
    const ports = demo.hosts.map((host) => host.target.port);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);

    await demo.close();

    expect(existsSync(path.dirname(file))).toBe(false);
    for (const port of ports) expect(await canDial('127.0.0.1', port)).toBe(false);
  });

  it('shows a host key of this run: a pin of another run is refused', async () => {
    const [, other] = demo.hosts;
    const state = await stateOf(ssh.connect(target({ fingerprints: other?.target.fingerprints ?? [] })), 'refused');

    expect(state.reason).toBe('changed-host-key');
  });

  function connectedRaw(): Promise<ssh2.Client> {
    const client = new ssh2.Client();
    client.on('error', () => {});
    const { port, user, identityFile } = target();
    return new Promise((resolve) => {
      client.once('ready', () => resolve(client));
      client.connect({ host: '127.0.0.1', port, username: user, privateKey: readFileSync(identityFile ?? '') });
    });
  }

  /** The `level` of the error that a login ends with. */
  function refused(options: ssh2.ConnectConfig): Promise<string> {
    const client = new ssh2.Client();
    return new Promise((resolve) => {
      client.on('error', (error) => resolve(error.level ?? error.message));
      client.once('ready', () => {
        client.end();
        resolve('logged in');
      });
      client.connect({ host: '127.0.0.1', port: target().port, username: target().user, ...options });
    });
  }
});

/** Processes `sleep SECONDS`, whoever started them. */
function sleepers(seconds: readonly number[]): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      // A zombie has no command line.
      const [program, argument] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return program === 'sleep' && seconds.includes(Number(argument));
    } catch {
      return false; // It is gone.
    }
  });
}

function canDial(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
