import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import type { SshSettings } from '../../src/ssh/target.ts';
import { needs } from '../support/needs.ts';
import { eventually } from '../support/whole-bot.ts';
import { makeKey, openSshd, realClock, stateOf, type Sshd } from '../support/sshd.ts';

// The program ssh reads its configuration itself.
const ofSsh2 = it.skipIf(process.env['OOMBOT_TRANSPORT'] === 'openssh');

describe('what ssh_config asks of a login', needs('sshd'), () => {
  let sshd: Sshd;
  let ssh: Ssh;
  beforeEach(async () => {
    sshd = await openSshd({ hostKeys: ['ed25519', 'rsa'], lines: ['KexAlgorithms curve25519-sha256'] });
    ssh = openSsh({ clock: realClock, random: Math.random, passphrase: null, agentSocket: null });
  });
  afterEach(async () => {
    await ssh.close();
    await sshd.close();
  });

  function connect(settings: SshSettings, change = {}) {
    return ssh.connect(sshd.target({ ...change, settings }));
  }

  ofSsh2('finds the host key under its HostKeyAlias', async () => {
    const file = path.join(sshd.dir, 'by_alias');
    writeFileSync(file, `the-db ${sshd.publicKey('ed25519')}\n`);

    await stateOf(connect({ hostKeyAlias: 'The-DB' }, { knownHosts: [file] }), 'connected');
    const without = await stateOf(connect({}, { knownHosts: [file] }), 'refused');
    expect(without.reason).toBe('unknown-host-key');
  });

  it('trusts the first key where that is asked for, puts it on file, and holds the host to it', async () => {
    const file = path.join(sshd.dir, 'first_keys');
    const trusted: string[] = [];
    const trusting = openSsh({
      clock: realClock,
      random: Math.random,
      passphrase: null,
      agentSocket: null,
      onFirstKey: ({ name }, { fingerprint }) => trusted.push(`${name} ${fingerprint}`),
    });
    try {
      const change = { knownHosts: [file], trustFirstKey: file };
      const connection = trusting.connect(sshd.target(change));
      await stateOf(connection, 'connected');
      await connection.close();
      expect(readFileSync(file, 'utf8')).toMatch(/^\[127\.0\.0\.1\]:\d+ (ssh-ed25519|ssh-rsa) \S+\n$/);
      expect(trusted.length).toBe(1);

      const again = trusting.connect(sshd.target(change));
      await stateOf(again, 'connected');
      await again.close();
      await sshd.stop();
      sshd.changeHostKeys();
      await sshd.start();
      const { reason } = await stateOf(trusting.connect(sshd.target(change)), 'refused');

      expect(reason).toBe('changed-host-key');
      expect(trusted.length).toBe(1);
      expect(readFileSync(file, 'utf8').split('\n').length).toBe(2);
    } finally {
      await trusting.close();
    }
  });

  it('does not trust a first key that it cannot put on file', async () => {
    const change = { knownHosts: [], trustFirstKey: path.join(sshd.dir, 'no', 'folder') };

    const { sentence } = await stateOf(ssh.connect(sshd.target(change)), 'refused');

    expect(sentence).toMatch(/its first key cannot be put into .*ENOENT/);
  });

  ofSsh2('agrees on the algorithms that are named, or says that there is none', async () => {
    await stateOf(connect({ kexAlgorithms: ['curve25519-sha256'], ciphers: ['aes256-ctr'] }), 'connected');
    const refused = await stateOf(connect({ kexAlgorithms: ['ecdh-sha2-nistp256'] }), 'refused');

    expect(refused.reason).toBe('algorithms');
    expect(refused.sentence).toMatch(/only post-quantum key exchange .* add curve25519-sha256 to KexAlgorithms/);
  });

  ofSsh2('is shown a host key of the kind that is named', async () => {
    const file = path.join(sshd.dir, 'none');
    const { hostKey } = await stateOf(
      connect({ hostKeyAlgorithms: ['rsa-sha2-512'] }, { knownHosts: [file] }),
      'refused',
    );

    expect(hostKey?.type).toBe('ssh-rsa');
  });

  it('gives up after ConnectTimeout', async () => {
    const startedAtMs = Date.now();
    const silent = spawn(process.execPath, [
      '-e',
      'const s = require("net").createServer(() => {}).listen(0, "127.0.0.1", () => console.log(s.address().port))',
    ]);
    const port = await new Promise<number>((resolve) => silent.stdout.once('data', (chunk) => resolve(Number(chunk))));
    try {
      const state = await stateOf(connect({ connectTimeoutMs: 300 }, { port }), 'unreachable');
      expect(state.sentence).toMatch(/did not answer as an SSH server in time/);
      expect(Date.now() - startedAtMs).toBeLessThan(5_000);
    } finally {
      silent.kill();
    }
  });

  ofSsh2('tries the second key where the first is missing or refused', async () => {
    const refused = path.join(sshd.dir, 'refused');
    makeKey(refused, 'ed25519');
    const more = { moreIdentityFiles: [sshd.identityFile] };

    await stateOf(connect(more, { identityFile: refused }), 'connected');
    await stateOf(connect(more, { identityFile: path.join(sshd.dir, 'no_such') }), 'connected');
  });

  ofSsh2('asks the agent of IdentityAgent, and none where it says none', needs('ssh-agent'), async () => {
    const socket = path.join(sshd.dir, 'agent.sock');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    try {
      await eventually(() => existsSync(socket), 'the agent');
      execFileSync('ssh-add', ['-q', sshd.identityFile], { env: { SSH_AUTH_SOCK: socket }, stdio: 'ignore' });
      const inAgent = path.join(sshd.dir, 'in_agent');
      copyFileSync(`${sshd.identityFile}.pub`, `${inAgent}.pub`);

      await stateOf(connect({ identityAgent: socket }, { identityFile: inAgent }), 'connected');
      const without = await stateOf(connect({ identityAgent: 'none' }, { identityFile: inAgent }), 'refused');
      expect(without.reason).toBe('no-key');
    } finally {
      agent.kill();
    }
  });
});
