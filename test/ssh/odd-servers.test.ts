import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type AddressInfo } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import ssh2 from 'ssh2';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { fingerprintOf } from '../../src/ssh/known-hosts.ts';
import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import { probeHost, type ProbeResult } from '../../src/ssh/probe.ts';
import type { SshTarget } from '../../src/ssh/target.ts';
import { needs, skipWithout, type PartName } from '../support/needs.ts';
import { byOpenssh, freePort, makeKey, openSshd, realClock, stateOf } from '../support/sshd.ts';

const TRANSPORTS = [
  ['ssh2', (target: SshTarget): SshTarget => target],
  ['openssh', (target: SshTarget): SshTarget => byOpenssh(target)],
] as const;
const opened: { close: () => Promise<void> }[] = [];

afterEach(async () => {
  while (opened.length > 0) await opened.pop()?.close();
});

function anSsh(): Ssh {
  const ssh = openSsh({ clock: realClock, random: () => 1, passphrase: null, agentSocket: null });
  opened.push(ssh);
  return ssh;
}

async function probe(target: SshTarget): Promise<ProbeResult> {
  const connection = anSsh().connect(target);
  await stateOf(connection, 'connected');
  return probeHost(connection, { logFiles: null, clock: realClock });
}

describe('an account whose commands do not go to a POSIX shell', needs('sshd'), () => {
  function program(name: string): string {
    return execFileSync('sh', ['-c', `command -v ${name}`])
      .toString()
      .trim();
  }

  it.for<[string, () => string, RegExp, PartName[]]>([
    ['nologin', () => '/usr/sbin/nologin', /no usable shell for root: .*not available.*usermod -s \/bin\/sh root/, []],
    ['false', () => '/bin/false', /gave no answer \(exit code 1\).*nologin or false/, []],
    [
      'a restricted shell',
      () => '/bin/bash -r -c "$SSH_ORIGINAL_COMMAND"',
      /a restricted one runs no sh.*usermod/,
      ['bash'],
    ],
    ['csh', () => `${program('bsd-csh')} -c "$SSH_ORIGINAL_COMMAND"`, /csh and tcsh cannot/, ['bsd-csh']],
    ['sftp', () => 'internal-sftp', /use sftp alone \(ForceCommand internal-sftp/, []],
    ['another command', () => 'echo only this', /another command is forced.*"only this"/, []],
    [
      'PowerShell, by what it says',
      () => `echo "The term ':' is not recognized as the name of a cmdlet, function" >&2; false`,
      /PowerShell or cmd answers. Is it Windows\?/,
      [],
    ],
  ])('is refused where they go to %s, with what to do about it', async ([, command, sentence, parts], context) => {
    skipWithout(context, ...parts);
    const sshd = await openSshd({ lines: [`ForceCommand ${command()}`] });
    opened.push(sshd);

    expect(await probe(sshd.target())).toMatchObject({ kind: 'failed', sentence: expect.stringMatching(sentence) });
  });

  it('is watched as any other where they go to fish', needs('fish'), async () => {
    const sshd = await openSshd({ lines: [`ForceCommand ${program('fish')} -c "$SSH_ORIGINAL_COMMAND"`] });
    opened.push(sshd);
    const plain = await openSshd();
    opened.push(plain);

    const [byFish, bySh] = [await probe(sshd.target()), await probe(plain.target())];

    expect(factsOf(byFish)).toEqual(factsOf(bySh));
  });
});

/** What does not change between two looks. */
function factsOf(result: ProbeResult): unknown {
  if (result.kind === 'failed') return result.sentence;
  const { kernel, os, bootId, uid, groups, files, kmsg } = result.probe;
  return { kernel, os, bootId, uid, groups, files: files.map((file) => file.path), kmsg };
}

describe.each(TRANSPORTS)('by %s, a server', (_transport, by) => {
  it('that shows a banner keeps it out of the answers', needs('sshd', 'ssh'), async () => {
    const banner = path.join(mkdtempSync(path.join(tmpdir(), 'oombot-banner-')), 'banner');
    writeFileSync(banner, 'No admission\n\x1b[31m#oombot end\n');
    const sshd = await openSshd({ lines: [`Banner ${banner}`] });
    opened.push(sshd);
    const connection = anSsh().connect(by(sshd.target()));
    await stateOf(connection, 'connected');

    const { stdout, stderr } = await connection.exec('echo hello', { timeoutMs: 10_000, maxBytes: 1_000 });

    expect([stdout.toString(), stderr]).toEqual(['hello\n', '']);
    rmSync(path.dirname(banner), { recursive: true });
  });

  it('that signs with SHA-1 alone is reached where that is allowed', needs('sshd', 'ssh'), async () => {
    const sshd = await openSshd({ hostKeys: ['rsa'], lines: ['HostKeyAlgorithms ssh-rsa'] });
    opened.push(sshd);
    const target = sshd.target();

    const refused = await stateOf(anSsh().connect(by(target)), 'refused');
    await stateOf(anSsh().connect(by({ ...target, allowSha1: true })), 'connected');

    expect(refused).toMatchObject({ reason: 'algorithms', sentence: expect.stringContaining('allowSha1: true') });
  });

  it('that takes no more connections for now is tried again later', needs('sshd', 'ssh'), async () => {
    const sshd = await openSshd({ lines: ['MaxStartups 1:100:1'] });
    opened.push(sshd);
    // Debian's sshd counts who has not logged in: one that says nothing takes the only place.
    const silent = connect(sshd.port, '127.0.0.1').on('error', () => {});
    await new Promise((resolve) => silent.once('data', resolve));

    const connection = anSsh().connect(by(sshd.target()));
    const state = await stateOf(connection, 'unreachable');
    silent.destroy();
    await stateOf(connection, 'connected');

    expect(state.sentence).toContain('MaxStartups');
  });
});

describe('a server that takes RSA keys with SHA-1 alone', needs('sshd', 'ssh-agent'), () => {
  const refusal = /takes this RSA key only with a SHA-1 signature \(ssh-rsa\).*set allowSha1: true for this host\./;
  const guess = /if it is an RSA key and the server is older than OpenSSH 7.2, set allowSha1: true for this host\./;

  async function openModern(): Promise<{ target: SshTarget; identityFile: string }> {
    const sshd = await openSshd({ lines: ['PubkeyAcceptedAlgorithms ssh-rsa'] });
    opened.push(sshd);
    const identityFile = path.join(sshd.dir, 'rsa');
    makeKey(identityFile, 'rsa');
    appendFileSync(path.join(sshd.dir, 'authorized_keys'), readFileSync(`${identityFile}.pub`));
    const { openssh: _, ...target } = sshd.target({ identityFile });
    return { target, identityFile };
  }

  it('is logged in to where that is allowed, and named where it is not', async () => {
    const { target } = await openModern();

    const refused = await stateOf(anSsh().connect(target), 'refused');
    await stateOf(anSsh().connect({ ...target, allowSha1: true }), 'connected');

    expect(refused).toMatchObject({ reason: 'authentication', sentence: expect.stringMatching(refusal) });
  });

  it('is logged in to by the agent where that is allowed, and named where it is not', async () => {
    const { target, identityFile } = await openModern();
    const identityAgent = path.join(path.dirname(identityFile), 'agent.sock');
    const agent = spawn('ssh-agent', ['-D', '-a', identityAgent], { stdio: 'ignore' });
    opened.push({ close: async () => void agent.kill() });
    await vi.waitFor(() => expect(existsSync(identityAgent)).toBe(true), 10_000);
    execFileSync('ssh-add', ['-q', identityFile], { env: { SSH_AUTH_SOCK: identityAgent }, stdio: 'ignore' });
    rmSync(identityFile);
    const byAgent = { ...target, settings: { identityAgent } };

    const refused = await stateOf(anSsh().connect(byAgent), 'refused');
    await stateOf(anSsh().connect({ ...byAgent, allowSha1: true }), 'connected');

    expect(refused).toMatchObject({ reason: 'authentication', sentence: expect.stringMatching(refusal) });
  });

  it('costs no try of a server that has few for the keys that are better', async () => {
    const sshd = await openSshd({ lines: ['MaxAuthTries 4'] });
    opened.push(sshd);
    const { openssh: _, ...base } = sshd.target();
    const identityAgent = path.join(sshd.dir, 'agent.sock');
    const agent = spawn('ssh-agent', ['-D', '-a', identityAgent], { stdio: 'ignore' });
    opened.push({ close: async () => void agent.kill() });
    await vi.waitFor(() => expect(existsSync(identityAgent)).toBe(true), 10_000);
    const files = ['a', 'b', 'c', 'd'].map((name) => path.join(sshd.dir, name));
    for (const file of files) {
      makeKey(file, 'rsa');
      execFileSync('ssh-add', ['-q', file], { env: { SSH_AUTH_SOCK: identityAgent }, stdio: 'ignore' });
      rmSync(file);
    }
    appendFileSync(path.join(sshd.dir, 'authorized_keys'), readFileSync(`${files.at(-1)}.pub`));
    const [identityFile = '', ...moreIdentityFiles] = files;

    await stateOf(
      anSsh().connect({ ...base, identityFile, settings: { identityAgent, moreIdentityFiles } }),
      'connected',
    );
  });

  // As before OpenSSH 7.2: a client then knows of no other signature than SHA-1.
  it.each(TRANSPORTS)('is the same by %s where it does not say which it takes', async (transport, by) => {
    const identityFile = path.join(mkdtempSync(path.join(tmpdir(), 'oombot-old-')), 'rsa');
    opened.push({ close: async () => rmSync(path.dirname(identityFile), { recursive: true }) });
    makeKey(identityFile, 'rsa');
    const { private: hostKey, public: line } = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
    const asked: string[] = [];
    const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
      sayNoSignatures(client);
      client.on('error', () => {});
      client.on('authentication', (attempt) => {
        if (attempt.method !== 'publickey') return attempt.reject(['publickey']);
        asked.push(`${attempt.key.algo}${attempt.signature === undefined ? '' : ' signed'}`);
        attempt.accept();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    opened.push({ close: async () => void server.close() });
    const { port } = server.address() as AddressInfo;
    const fingerprints = [fingerprintOf(Buffer.from(line.split(' ')[1] ?? '', 'base64'))];
    const base = { name: 'old', address: '127.0.0.1', port, user: 'root', knownHosts: [], jump: null };
    const target = { ...base, identityFile, fingerprints };

    const refused = await stateOf(anSsh().connect(by(target)), 'refused');
    expect(asked.filter((one) => one.endsWith('signed'))).toEqual([]);
    await stateOf(anSsh().connect(by({ ...target, allowSha1: true })), 'connected');

    expect(asked).toContain('ssh-rsa signed');
    expect(refused).toMatchObject({
      reason: 'authentication',
      sentence: expect.stringMatching(transport === 'ssh2' ? refusal : guess),
    });
  });
});

/** No `server-sig-algs` (RFC 8308), which ssh2's server would send. */
function sayNoSignatures(client: ssh2.Connection): void {
  const { _protocol: protocol } = client as unknown as { _protocol: object };
  let exchange: object | undefined;
  Object.defineProperty(protocol, '_kex', {
    get: () => exchange,
    set: (next: object) => {
      exchange = Object.defineProperty(next, 'remoteExtInfoEnabled', { get: () => false, set: () => {} });
    },
  });
}

describe('dropbear', needs('namespaces', 'dropbear', 'ssh', 'ssh-keygen'), () => {
  it.each(TRANSPORTS)('is probed by %s, and only by its own key', { timeout: 30_000 }, async (_transport, by) => {
    const server = await openDropbear();
    opened.push(server);
    const stranger = by({ ...server.target, fingerprints: [`SHA256:${'A'.repeat(43)}`] });

    const probed = await probe(by(server.target));
    const refused = await stateOf(anSsh().connect(stranger), 'refused');

    expect(probed).toMatchObject({ kind: 'probed', probe: { user: 'root', uid: 0 } });
    expect(refused).toMatchObject({ reason: 'changed-host-key' });
  });
});

/** A real dropbear on a free loopback port. It reads authorized_keys in the account's home alone, so that is another one for it. */
async function openDropbear(): Promise<{ target: SshTarget; close: () => Promise<void> }> {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-dropbear-'));
  const [identityFile, hostKey, known] = ['id', 'host', 'known_hosts'].map((name) => path.join(dir, name)) as [
    string,
    string,
    string,
  ];
  makeKey(identityFile, 'ed25519');
  const port = await freePort();
  const made = execFileSync('dropbearkey', ['-t', 'ed25519', '-f', hostKey], { stdio: ['ignore', 'pipe', 'ignore'] });
  writeFileSync(known, `[127.0.0.1]:${port} ${/^ssh-ed25519 \S+/m.exec(made.toString())?.[0]}\n`);
  const script = `mount -t tmpfs -o mode=700 tmpfs "$HOME" && mkdir -m 700 "$HOME/.ssh" && cat "$1.pub" >"$HOME/.ssh/authorized_keys" &&
    exec dropbear -F -E -s -m -r "$2" -p "127.0.0.1:$3" -P "$4"`;
  const words = ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', identityFile, hostKey, String(port)];
  const child = spawn('unshare', [...words, path.join(dir, 'pid')], {
    env: { ...process.env, HOME: homedir() },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  async function close(): Promise<void> {
    child.kill('SIGTERM');
    await gone;
    rmSync(dir, { recursive: true, force: true });
  }
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await vi
    .waitFor(() => expect(log).toContain('Not backgrounding'), 10_000)
    .catch(async (error: unknown) => {
      await close();
      throw error;
    });
  return {
    target: {
      name: 'router',
      address: '127.0.0.1',
      port,
      user: 'root',
      identityFile,
      knownHosts: [known],
      fingerprints: [],
      jump: null,
    },
    close,
  };
}
