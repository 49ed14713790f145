import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import { openSsh, type Ssh, type SshOptions } from '../../src/ssh/open-ssh.ts';
import { needs } from '../support/needs.ts';
import { byOpenssh, openSshd, realClock, stateOf, type Sshd } from '../support/sshd.ts';

const faults = vi.hoisted(() => ({ rm: false, spawn: null as 'ENOMEM' | 'EMFILE' | 'busy' | null }));

vi.mock('node:fs/promises', async (load) => {
  const real = await load<typeof import('node:fs/promises')>();
  async function rm(...args: Parameters<typeof real.rm>): Promise<void> {
    if (faults.rm) throw new Error('EBUSY: resource busy');
    await real.rm(...args);
  }
  return { ...real, rm };
});

vi.mock('node:child_process', async (load) => {
  const real = await load<typeof import('node:child_process')>();
  function spawn(program: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    if (program !== '/bin/sh' || faults.spawn === null) return real.spawn(program, args, options);
    if (faults.spawn === 'busy')
      return real
        .spawn(program, args, options)
        .once('exit', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500));
    // As Node does: EMFILE comes later, of a child without pipes; ENOMEM is thrown.
    if (faults.spawn === 'ENOMEM') throw Object.assign(new Error('spawn ENOMEM'), { code: 'ENOMEM' });
    const child = Object.assign(new EventEmitter(), { pid: undefined }) as unknown as ChildProcess;
    process.nextTick(() => child.emit('error', new Error('spawn EMFILE')));
    return child;
  }
  return { ...real, spawn };
});

const dir = mkdtempSync(path.join(tmpdir(), 'oombot-trouble-'));

describe('where this machine is in trouble itself', needs('sshd', 'ssh', 'ssh-keygen'), () => {
  const opened: { close: () => Promise<void> }[] = [];
  const unhandled = vi.fn();
  let sshd: Sshd;
  let temporary: string;
  beforeAll(async () => {
    sshd = await openSshd();
    process.on('unhandledRejection', unhandled);
  });
  beforeEach(() => {
    temporary = mkdtempSync(path.join(dir, 't-'));
    vi.stubEnv('TMPDIR', temporary);
  });
  afterEach(async () => {
    faults.rm = false;
    faults.spawn = null;
    while (opened.length > 0) await opened.pop()?.close();
    vi.unstubAllEnvs();
    expect(unhandled).not.toHaveBeenCalled();
  });
  afterAll(async () => {
    process.off('unhandledRejection', unhandled);
    await sshd.close();
    rmSync(dir, { recursive: true, force: true });
  });

  function anSsh(change: Partial<SshOptions> = {}): Ssh {
    const ssh = openSsh({
      clock: realClock,
      random: () => 0.05,
      passphrase: null,
      agentSocket: null,
      proxyEnvironment: { PATH: process.env['PATH'] },
      ...change,
    });
    opened.push(ssh);
    return ssh;
  }

  it('says what the host did where the folder of its connection cannot be removed', async () => {
    faults.rm = true;

    const refused = await stateOf(anSsh().connect(byOpenssh(sshd.target({ knownHosts: ['/none'] }))), 'refused');
    const connection = anSsh().connect(byOpenssh(sshd.target()));
    await stateOf(connection, 'connected');
    await connection.close();

    expect(refused.reason).toBe('unknown-host-key');
  });

  it('knows which key a host has shown where the bot is busy as ssh ends', async () => {
    faults.spawn = 'busy';

    const { sentence } = await stateOf(anSsh().connect(byOpenssh(sshd.target({ knownHosts: ['/none'] }))), 'refused');

    expect(sentence).toContain('presents an unknown host key: ssh-ed25519 SHA256:');
  });

  it.each(['ENOMEM', 'EMFILE'] as const)('tries again where ssh cannot be started for now (%s)', async (fault) => {
    faults.spawn = fault;
    const connection = anSsh().connect(byOpenssh(sshd.target()));

    const state = await stateOf(connection, 'unreachable');

    expect(state.sentence).toContain(`cannot be reached: ssh cannot be started: spawn ${fault}`);
    expect(readdirSync(temporary)).toEqual([]);
    faults.spawn = null;
    await stateOf(connection, 'connected');
  });

  it('waits for what ssh makes of its configuration no longer than for the login, nor once it is closed', async () => {
    const bin = mkdtempSync(path.join(dir, 'bin-'));
    const asked = path.join(bin, 'asked');
    const script = `#!/bin/sh\n[ "$1" = -V ] && exec /usr/bin/ssh -V\ntouch ${asked}\nexec sleep 60\n`;
    writeFileSync(path.join(bin, 'ssh'), script, { mode: 0o700 });
    const proxyEnvironment = { PATH: `${bin}:${process.env['PATH'] ?? ''}` };

    const late = anSsh({ proxyEnvironment, readyTimeoutMs: 300 }).connect(byOpenssh(sshd.target()));
    const state = await stateOf(late, 'unreachable', 4_000);
    rmSync(asked);
    const closed = anSsh({ proxyEnvironment }).connect(byOpenssh(sshd.target()));
    await vi.waitFor(() => expect(existsSync(asked)).toBe(true), 4_000);
    await closed.close();
    await late.close();

    expect(state.sentence).toContain('ssh takes too long to read its configuration');
    await vi.waitFor(() => expect(readdirSync(temporary)).toEqual([]), 4_000);
  });

  it('does its work from another folder where the name of the temporary one means more than itself to ssh or a shell', async () => {
    const bastion = await openSshd();
    opened.push(bastion);
    const config = path.join(temporary, 'config');
    writeFileSync(
      config,
      `Host inner bastion\n User root\n HostName 127.0.0.1\n UserKnownHostsFile ${sshd.knownHostsFile} ${bastion.knownHostsFile}\n
       Host inner\n Port ${sshd.port}\n IdentityFile ${sshd.identityFile}\n ProxyJump bastion\n
       Host bastion\n Port ${bastion.port}\n IdentityFile ${bastion.identityFile}\n`,
    );
    vi.stubEnv('TMPDIR', mkdtempSync(path.join(temporary, '%h%% $x-')));

    const byConfig = anSsh().connect(byOpenssh(sshd.target(), { host: 'inner', configFile: config, given: [] }));
    const byJump = anSsh().connect(byOpenssh(sshd.target({ jump: byOpenssh(bastion.target()) })));

    for (const connection of [byConfig, byJump]) {
      await stateOf(connection, 'connected');
      const { stdout } = await connection.exec('echo hello', { timeoutMs: 5_000, maxBytes: 100 });
      expect(stdout.toString()).toBe('hello\n');
    }
  });

  it('leaves no folder behind for a host that cannot be written in an ssh configuration', async () => {
    const target = byOpenssh(sshd.target(), { configFile: '/a "quoted" file' });

    const state = await stateOf(anSsh().connect(target), 'refused');

    expect(state).toMatchObject({ reason: 'local-program', sentence: expect.stringContaining('quoted') });
    expect(readdirSync(temporary)).toEqual([]);
  });
});
