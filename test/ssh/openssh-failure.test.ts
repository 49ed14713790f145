import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import type { ConnectionState } from '../../src/ssh/connection.ts';
import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import type { SshTarget } from '../../src/ssh/target.ts';
import { needs } from '../support/needs.ts';
import { byOpenssh, freePort, makeKey, openSshd, realClock, stateOf, type Sshd } from '../support/sshd.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'oombot-failure-'));

describe('what ssh says as a login fails', needs('sshd', 'ssh', 'ssh-keygen'), () => {
  const stranger = path.join(dir, 'stranger');
  const second = path.join(dir, 'second');
  const opened: Ssh[] = [];
  let sshd: Sshd;
  let strict: Sshd;
  let closed: Sshd;
  let old: Sshd;
  let slow: Sshd;
  let nobody: number;
  beforeAll(async () => {
    makeKey(stranger, 'ed25519');
    makeKey(second, 'ed25519');
    [sshd, strict, closed, old, slow] = await Promise.all([
      openSshd(),
      openSshd({ lines: ['MaxAuthTries 1'] }),
      openSshd({ lines: ['AllowTcpForwarding no'] }),
      openSshd({ lines: ['KexAlgorithms diffie-hellman-group1-sha1'] }),
      openSshd({ lines: ['AuthorizedKeysCommand /bin/sleep 3', 'AuthorizedKeysCommandUser root'] }),
    ]);
    nobody = await freePort();
  });
  afterEach(async () => {
    while (opened.length > 0) await opened.pop()?.close();
  });
  afterAll(async () => {
    for (const one of [sshd, strict, closed, old, slow]) await one?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  function anSsh(readyTimeoutMs = 20_000): Ssh {
    const ssh = openSsh({
      clock: realClock,
      random: () => 1,
      passphrase: null,
      agentSocket: null,
      readyTimeoutMs,
      proxyEnvironment: { PATH: process.env['PATH'] },
    });
    opened.push(ssh);
    return ssh;
  }

  /** A section of ssh_config. */
  function section(name: string, port: number, keys: string[], more = ''): string {
    const known = [sshd, strict, closed, old, slow].map(({ knownHostsFile }) => knownHostsFile).join(' ');
    const identities = keys.map((key) => ` IdentityFile ${key}\n`).join('');
    return `Host ${name}\n HostName 127.0.0.1\n Port ${port}\n User root\n IdentitiesOnly yes\n UserKnownHostsFile ${known}\n${identities}${more}`;
  }

  /** How a host that is reached as `text` says comes to be. */
  async function failureOf(
    text: string,
    kind: ConnectionState['kind'],
    readyTimeoutMs?: number,
  ): Promise<ConnectionState> {
    const configFile = path.join(mkdtempSync(path.join(dir, 'config-')), 'config');
    writeFileSync(configFile, text);
    const target = byOpenssh(sshd.target({ name: 'db01', identityFile: null }), {
      host: 'db01',
      configFile,
      given: [],
      allowPrograms: true,
    });
    return stateOf(anSsh(readyTimeoutMs).connect(target), kind);
  }

  function behind(jump: string): string {
    return `${section('db01', sshd.port, [sshd.identityFile], ' ProxyJump bastion\n')}${jump}`;
  }

  it.each([
    ['refuses the key', () => section('bastion', closed.port, [stranger]), 'root@127.0.0.1: Permission denied'],
    [
      'takes one try only',
      () => section('bastion', strict.port, [stranger, second]),
      'Too many authentication failures',
    ],
  ])('waits for a person, and names the jump host, where that %s', async (_what, jump, words) => {
    const state = await failureOf(behind(jump()), 'refused');

    expect(state.reason).toBe('jump-host');
    expect(state.sentence).toContain('its jump host 127.0.0.1 refuses the login (ssh said: ');
    expect(state.sentence).toContain(words);
  });

  it('waits for a person where the jump host has no algorithm that ssh takes', async () => {
    const state = await failureOf(behind(section('bastion', old.port, [old.identityFile])), 'refused');

    expect(state).toMatchObject({ reason: 'jump-host', sentence: expect.stringContaining('no matching') });
  });

  it.each([
    ['the jump host does not listen', () => section('bastion', nobody, [stranger]), 'Connection refused'],
    ['the jump host has no address', () => 'Host bastion\n HostName none.invalid\n', 'none.invalid'],
    [
      'the jump host forwards nothing',
      () => section('bastion', closed.port, [closed.identityFile]),
      'administratively prohibited',
    ],
    ['the program on the way fails', () => 'Host bastion\n ProxyCommand /none/such\n', '/none/such'],
  ])('says so, and tries again, where %s', async (_what, jump, words) => {
    const state = await failureOf(behind(jump()), 'unreachable');

    expect(state.sentence).toMatch(/db01 \(\S+\) cannot be reached: its jump host or ProxyCommand failed: "/);
    expect(state.sentence).toContain(words);
  });

  it('says so where the way there closes without a word', async () => {
    const state = await failureOf('Host db01\n ProxyCommand true\n', 'unreachable');

    expect(state.sentence).toContain('the connection through its jump host or ProxyCommand closed before the login');
  });

  it('takes a host behind a jump host that refuses the key for what it is', async () => {
    const jump = section('bastion', strict.port, [strict.identityFile]);
    const state = await failureOf(
      `${section('db01', sshd.port, [stranger], ' ProxyJump bastion\n')}${jump}`,
      'refused',
    );

    expect(state.reason).toBe('authentication');
  });

  it('takes a server that ends the login after too many keys for one that refuses it', async () => {
    const state = await failureOf(section('db01', strict.port, [stranger, second]), 'refused');

    expect(state.reason).toBe('authentication');
  });

  it.each([
    ['IdentityFile /none/id', 'no such identity: /none/id: No such file or directory'],
    ['PKCS11Provider /none/such.so', 'provider /none/such.so is not a PKCS11 library'],
  ])('says why ssh cannot use the key of %s', async (line, words) => {
    const state = await failureOf(section('db01', sshd.port, [], ` ${line}\n`), 'refused');

    expect(state.sentence).toContain(`refuses the login of root with the keys that ssh offers. ssh said: "${words}". `);
  });

  it('blames no host for what ssh alone is in trouble with', async () => {
    const state = await failureOf(section('db01', sshd.port, [], ' BindAddress 192.0.2.1\n'), 'unreachable');

    expect(state.sentence).toContain('cannot be reached: ssh said: "ssh: connect to host 127.0.0.1 port');
  });

  it('says that the host answers where the login takes too long', async () => {
    const state = await failureOf(section('db01', slow.port, [stranger]), 'unreachable', 1_500);

    expect(state.sentence).toContain('answers, but the login takes too long');
  });

  describe('where the host shows a certificate', () => {
    const ca = path.join(dir, 'ca');
    let certified: Sshd;
    beforeAll(async () => {
      makeKey(ca, 'ed25519');
      certified = await openSshd({ lines: [`HostCertificate ${path.join(dir, 'host-cert.pub')}`] });
      const key = path.join(certified.dir, 'host_ed25519');
      const signed = ['-q', '-s', ca, '-I', 'host', '-n', '127.0.0.1', '-V', '-2h:-1h', '-h', `${key}.pub`];
      execFileSync('ssh-keygen', signed);
      copyFileSync(`${key}-cert.pub`, path.join(dir, 'host-cert.pub'));
      await certified.stop();
      await certified.start();
    });
    afterAll(() => certified?.close());

    function aHost(lines: string, trust = false): SshTarget {
      const file = path.join(mkdtempSync(path.join(dir, 'known-')), 'known_hosts');
      writeFileSync(file, lines);
      return byOpenssh(certified.target({ knownHosts: [file], ...(trust ? { trustFirstKey: file } : {}) }));
    }

    it('says what is wrong with it', async () => {
      const state = await stateOf(
        anSsh().connect(aHost(`@cert-authority * ${readFileSync(`${ca}.pub`, 'utf8')}`)),
        'refused',
      );

      expect(state).toMatchObject({ reason: 'unknown-host-key', hostKey: { line: null } });
      expect(state.sentence).toMatch(/presents a host certificate that is not accepted: it expired at /);
    });

    it('shows the key in it where no authority is known, and can put that on file', async () => {
      const state = await stateOf(anSsh().connect(aHost('')), 'refused');
      await stateOf(anSsh().connect(aHost('', true)), 'connected');

      expect(state.hostKey?.line).toBe(`[127.0.0.1]:${certified.port} ${certified.publicKey('ed25519')}`);
    });
  });

  it('names the line that ssh cannot read', async () => {
    const state = await failureOf('Host db01\n NoSuchThing yes\n', 'unreachable');

    expect(state.sentence).toContain('Bad configuration option: nosuchthing');
  });
});
