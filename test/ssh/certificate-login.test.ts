import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { parseCertificate, parseCertificateFile } from '../../src/ssh/certificate.ts';
import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import type { SshSettings, SshTarget } from '../../src/ssh/target.ts';
import { needs } from '../support/needs.ts';
import { makeKey, openSshd, realClock, stateOf, type KeyType, type Sshd } from '../support/sshd.ts';
import { eventually } from '../support/whole-bot.ts';

const IS_OPENSSH = process.env['OOMBOT_TRANSPORT'] === 'openssh';

// The program ssh finds and judges certificates itself.
const ofSsh2 = it.skipIf(IS_OPENSSH);

describe('a login with an OpenSSH certificate', needs('sshd', 'ssh-keygen'), () => {
  let dir: string;
  let sshd: Sshd;
  let ssh: Ssh;
  beforeEach(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'oombot-ca-'));
    makeKey(path.join(dir, 'ca'), 'ed25519');
    makeKey(path.join(dir, 'other_ca'), 'ed25519');
    writeFileSync(path.join(dir, 'revoked'), '');
    sshd = await openSshd({
      lines: [`TrustedUserCAKeys ${path.join(dir, 'ca.pub')}`, `RevokedKeys ${path.join(dir, 'revoked')}`],
    });
    ssh = openSsh({ clock: realClock, random: () => 0, passphrase: null, agentSocket: null });
  });
  afterEach(async () => {
    await ssh.close();
    await sshd.close();
    rmSync(dir, { recursive: true });
  });

  function aKey(type: KeyType = 'ed25519'): string {
    const file = path.join(dir, `key_${type}`);
    makeKey(file, type);
    return file;
  }
  /** As a CA does it: `-V` says from when to when. */
  function sign(key: string, { ca = 'ca', valid = '-1m:+1h', names = ['root'], more = [] as string[] } = {}): void {
    execFileSync('ssh-keygen', [
      '-q',
      '-s',
      path.join(dir, ca),
      '-I',
      'bot',
      '-z',
      '7',
      '-n',
      names.join(','),
      '-V',
      valid,
      ...more,
      `${key}.pub`,
    ]);
  }
  function connect(identityFile: string, settings: SshSettings = {}, change: Partial<SshTarget> = {}) {
    return ssh.connect(sshd.target({ identityFile, settings, ...change }));
  }
  async function refusal(identityFile: string): Promise<string> {
    const { sentence, reason } = await stateOf(connect(identityFile), 'refused');
    expect(reason).toBe('authentication');
    return sentence;
  }

  it.each(['ed25519', 'ecdsa', 'rsa'] as const)('is let in with an %s key', async (type) => {
    const key = aKey(type);
    sign(key);

    const connection = connect(key);
    await stateOf(connection, 'connected');

    const { stdout } = await connection.exec('echo in', { timeoutMs: 10_000, maxBytes: 100 });
    expect(stdout.toString()).toBe('in\n');
  });

  ofSsh2('takes the certificate of CertificateFile', async () => {
    const key = aKey();
    sign(key);
    const elsewhere = path.join(dir, 'elsewhere.pub');
    copyFileSync(`${key}-cert.pub`, elsewhere);
    rmSync(`${key}-cert.pub`);

    await stateOf(connect(key, { certificateFile: elsewhere }), 'connected');
  });

  it('tries the key alone where the certificate is not taken', async () => {
    const key = path.join(dir, 'known');
    copyFileSync(sshd.identityFile, key);
    copyFileSync(`${sshd.identityFile}.pub`, `${key}.pub`);
    sign(key, { ca: 'other_ca' });

    await stateOf(connect(key), 'connected');
  });

  ofSsh2.each(['ed25519', 'ecdsa', 'rsa'] as const)(
    'has the agent sign for the certificate of an %s key',
    needs('ssh-agent'),
    async (type) => {
      const key = aKey(type);
      const socket = path.join(dir, 'agent.sock');
      const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
      try {
        await eventually(() => existsSync(socket), 'the agent');
        execFileSync('ssh-add', ['-q', key], { env: { SSH_AUTH_SOCK: socket }, stdio: 'ignore' });
        rmSync(key);
        sign(key);

        await stateOf(connect(key, { identityAgent: socket }), 'connected');
      } finally {
        agent.kill();
      }
    },
  );

  describe('that the agent alone has', needs('ssh-agent'), () => {
    let socket: string;
    let agent: ChildProcess;
    beforeEach(async () => {
      socket = path.join(dir, 'agent.sock');
      agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
      await eventually(() => existsSync(socket), 'the agent');
    });
    afterEach(() => {
      agent.kill();
    });

    function sshAdd(...words: string[]): void {
      execFileSync('ssh-add', ['-q', ...words], { env: { SSH_AUTH_SOCK: socket }, stdio: 'ignore' });
    }
    /** Puts certificate and key into the agent, and takes the certificate's file away. */
    function add(key: string): void {
      sshAdd(key);
      rmSync(`${key}-cert.pub`);
    }
    /** The certificate without the key, as Teleport and step do it. */
    function addAlone(key: string): void {
      add(key);
      sshAdd('-d', `${key}.pub`);
    }

    describe.each(['ed25519', 'ecdsa', 'rsa'] as const)('of an %s key', (type) => {
      ofSsh2('is let in where the agent has the certificate and no key', async () => {
        const key = aKey(type);
        sign(key);
        addAlone(key);
        rmSync(key);

        await stateOf(connect(key, { identityAgent: socket }), 'connected');
      });

      ofSsh2('is let in where no key is named at all', async () => {
        const key = aKey(type);
        sign(key);
        addAlone(key);

        const target = sshd.target({ settings: { identityAgent: socket } });
        await stateOf(ssh.connect({ ...target, identityFile: null }), 'connected');
      });

      ofSsh2('is let in where the key is a file', async () => {
        const key = aKey(type);
        sign(key);
        add(key);

        await stateOf(connect(key, { identityAgent: socket }), 'connected');
      });
    });

    ofSsh2.each([
      [
        'expired',
        { valid: '-2h:-1h' },
        /The certificate "bot" in the agent was not offered: it expired at \S+Z; renew it\./,
      ],
      [
        'not yet valid',
        { valid: '+1h:+2h' },
        /"bot" in the agent was not offered: it is not valid before \S+Z; is the clock/,
      ],
      [
        'for somebody else',
        { names: ['ops'] },
        /"bot" in the agent \(serial 7\) was refused: it is for ops, not for root/,
      ],
      [
        'of an unknown CA',
        { ca: 'other_ca' },
        /was refused: does the host trust its CA SHA256:\S+ \(TrustedUserCAKeys\)/,
      ],
    ])('says so where it is %s', async (_, how, sentence) => {
      const key = aKey();
      sign(key, how);
      add(key);

      const named = await stateOf(connect(key, { identityAgent: socket }), 'refused');
      const target = sshd.target({ settings: { identityAgent: socket } });
      const found = await stateOf(ssh.connect({ ...target, identityFile: null }), 'refused');

      expect(named.sentence).toMatch(sentence);
      expect(found.sentence).toMatch(sentence);
    });

    ofSsh2('is taken up when it is renewed in the agent, and open connections stay while it changes', async () => {
      const key = aKey();
      sign(key, { valid: '-2h:-1h' });
      add(key);
      const connection = connect(key, { identityAgent: socket });
      await stateOf(connection, 'refused');

      sshAdd('-D');
      sign(key);
      addAlone(key);
      connection.reconnectNow();
      const { sinceMs } = await stateOf(connection, 'connected');
      for (let n = 0; n < 3; n++) {
        sshAdd('-D');
        sign(key, { valid: `-1m:+${n + 2}h` });
        addAlone(key);
      }
      await connection.exec('true', { timeoutMs: 10_000, maxBytes: 10 });

      expect(connection.state()).toMatchObject({ kind: 'connected', sinceMs });
    });

    ofSsh2('offers what is valid where the certificate beside the key is not', async () => {
      const key = aKey();
      sign(key);
      add(key);
      sign(key, { valid: '-2h:-1h' });

      await stateOf(connect(key, { identityAgent: socket }), 'connected');
    });
  });

  ofSsh2.each([
    ['says nothing', () => {}],
    ['hangs up', (client: Socket) => client.destroy()],
    [
      'says that it has more than it may',
      (client: Socket) => client.write(Buffer.from([0x7f, 0, 0, 0, 12, 0, 0, 0, 1])),
    ],
    [
      'has a list that is cut off',
      (client: Socket) => client.write(Buffer.from([0, 0, 0, 9, 12, 0, 0, 0, 1, 0, 0, 1, 0])),
    ],
  ])('is let in with the key’s own certificate where the agent %s', async (_, answer) => {
    const key = aKey();
    sign(key);
    const socket = path.join(dir, 'odd.sock');
    const clients = new Set<Socket>();
    const agent = createServer((client) => {
      clients.add(client.on('error', () => {}));
      client.once('data', () => void answer(client));
    });
    agent.listen(socket);
    await once(agent, 'listening');
    try {
      await stateOf(connect(key, { identityAgent: socket }), 'connected');
    } finally {
      for (const client of clients) client.destroy();
      agent.close();
    }
  });

  ofSsh2.each([
    ['expired', { valid: '-2h:-1h' }, /cert\.pub was not offered: it expired at \d{4}-\S+Z; renew it\./],
    [
      'not yet valid',
      { valid: '+1h:+2h' },
      /was not offered: it is not valid before \S+Z; is the clock of this machine right\?/,
    ],
    [
      'for somebody else',
      { names: ['ops', 'deploy'] },
      /\(serial 7\) was refused: it is for ops, deploy, not for root: have it signed with -n root/,
    ],
    [
      'of an unknown CA',
      { ca: 'other_ca' },
      /was refused: does the host trust its CA SHA256:\S+ \(TrustedUserCAKeys\)/,
    ],
    ['a host certificate', { more: ['-h'] }, /was not offered: it is a host certificate/],
  ])('says so where the certificate is %s', async (_, how, sentence) => {
    const key = aKey();
    sign(key, how);

    expect(await refusal(key)).toMatch(sentence);
  });

  ofSsh2('says where to look when the certificate is revoked on the host', async () => {
    const key = aKey();
    sign(key);
    writeFileSync(path.join(dir, 'revoked'), readFileSync(`${key}.pub`));

    expect(await refusal(key)).toMatch(/is it revoked there \(RevokedKeys\)\?/);
  });

  ofSsh2('says so where the certificate is of another key, cut off, or no certificate', async () => {
    const [one, two] = [aKey('ed25519'), aKey('ecdsa')];
    sign(two);
    copyFileSync(`${two}-cert.pub`, `${one}-cert.pub`);
    expect(await refusal(one)).toMatch(/it belongs to another key/);

    writeFileSync(`${two}-cert.pub`, readFileSync(`${two}-cert.pub`).subarray(0, 300));
    expect(await refusal(two)).toMatch(/it cannot be read, or is no OpenSSH certificate/);
  });

  it('takes up a renewed certificate, and leaves open connections alone while it changes', async () => {
    const key = aKey();
    sign(key, { valid: '-2h:-1h' });
    const connection = connect(key);
    await stateOf(connection, 'refused');

    sign(key);
    connection.reconnectNow();
    const { sinceMs } = await stateOf(connection, 'connected');
    for (let n = 0; n < 3; n++) sign(key, { valid: `-1m:+${n + 2}h` });
    rmSync(`${key}-cert.pub`);
    await connection.exec('true', { timeoutMs: 10_000, maxBytes: 10 });

    expect(connection.state()).toMatchObject({ kind: 'connected', sinceMs });
  });

  it('reads what ssh-keygen writes, and nothing from a certificate that is cut off anywhere', () => {
    const key = aKey('rsa');
    sign(key, { names: ['a', 'b'], valid: 'always:forever' });
    const text = readFileSync(`${key}-cert.pub`, 'utf8');

    const certificate = parseCertificateFile(text);

    expect(certificate).toMatchObject({
      kind: 'user',
      keyType: 'ssh-rsa',
      serial: 7n,
      keyId: 'bot',
      principals: ['a', 'b'],
      validFromMs: 0,
      validUntilMs: Infinity,
    });
    expect(certificate?.keyBlob.toString('base64')).toBe(readFileSync(`${key}.pub`, 'utf8').split(' ')[1]);
    const blob = certificate?.blob ?? Buffer.alloc(0);
    for (let length = 0; length < blob.length; length++) expect(parseCertificate(blob.subarray(0, length))).toBeNull();
  });
});
