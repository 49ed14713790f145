import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import { openSsh, type Ssh, type SshOptions } from '../../src/ssh/open-ssh.ts';
import { needs } from '../support/needs.ts';
import { byOpenssh, openSshd, realClock, stateOf, type Sshd } from '../support/sshd.ts';

const faults = vi.hoisted(() => ({ rm: false }));

vi.mock('node:fs/promises', async (load) => {
  const real = await load<typeof import('node:fs/promises')>();
  async function rm(...args: Parameters<typeof real.rm>): Promise<void> {
    if (faults.rm) throw new Error('EBUSY: resource busy');
    await real.rm(...args);
  }
  return { ...real, rm };
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

  it('leaves no folder behind for a host that cannot be written in an ssh configuration', async () => {
    const target = byOpenssh(sshd.target(), { configFile: '/a "quoted" file' });

    const state = await stateOf(anSsh().connect(target), 'refused');

    expect(state).toMatchObject({ reason: 'local-program', sentence: expect.stringContaining('quoted') });
    expect(readdirSync(temporary)).toEqual([]);
  });
});
