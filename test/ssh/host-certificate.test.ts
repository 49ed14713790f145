import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { parseCertificateFile } from '../../src/ssh/certificate.ts';
import { judgeHostCertificate } from '../../src/ssh/host-certificate.ts';
import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import type { SshTarget } from '../../src/ssh/target.ts';
import { needs } from '../support/needs.ts';
import { makeKey, openSshd, realClock, stateOf, type KeyType, type Sshd } from '../support/sshd.ts';

const IS_OPENSSH = process.env['OOMBOT_TRANSPORT'] === 'openssh';

describe('a host with an OpenSSH certificate', needs('sshd', 'ssh-keygen'), () => {
  let dir: string;
  let sshd: Sshd;
  let ssh: Ssh;
  beforeEach(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'oombot-host-ca-'));
    for (const [name, type] of Object.entries({
      ca: 'ed25519',
      ca_ecdsa: 'ecdsa',
      ca_rsa: 'rsa',
      other: 'ed25519',
    } as const))
      makeKey(path.join(dir, name), type);
    sshd = await openSshd({ hostKeys: ['ed25519', 'ecdsa', 'rsa'], lines: [`Include ${dir}/certificate`] });
    ssh = openSsh({ clock: realClock, random: () => 0, passphrase: null, agentSocket: null });
  });
  afterEach(async () => {
    await ssh.close();
    await sshd.close();
    rmSync(dir, { recursive: true });
  });

  function publicKey(name: string): string {
    return readFileSync(path.join(dir, `${name}.pub`), 'utf8')
      .split(' ')
      .slice(0, 2)
      .join(' ');
  }
  /** Has the CA sign the host's key, and the server show that. */
  async function present({
    ca = 'ca',
    type = 'ed25519' as KeyType,
    valid = '-1m:+1h',
    names = '127.0.0.1',
    more = ['-h'],
  } = {}): Promise<void> {
    const key = path.join(sshd.dir, `host_${type}`);
    execFileSync('ssh-keygen', [
      '-q',
      '-s',
      path.join(dir, ca),
      '-I',
      'host',
      ...(names === '' ? [] : ['-n', names]),
      '-V',
      valid,
      ...more,
      `${key}.pub`,
    ]);
    writeFileSync(path.join(dir, 'certificate'), `HostCertificate ${key}-cert.pub\n`);
    await sshd.stop();
    await sshd.start();
  }
  function connect(lines: string[], change: Partial<SshTarget> = {}) {
    const file = path.join(dir, 'known_hosts');
    writeFileSync(file, `${lines.join('\n')}\n`);
    return ssh.connect(sshd.target({ knownHosts: [file], ...change }));
  }
  function authority(ca = 'ca', names = '127.0.0.1'): string {
    return `@cert-authority ${names} ${publicKey(ca)}`;
  }

  it.each([
    ['ed25519', 'ca'],
    ['ecdsa', 'ca'],
    ['ed25519', 'ca_ecdsa'],
    ['ed25519', 'ca_rsa'],
  ] as const)('is known by its %s certificate of the CA %s, also over new keys on the way', async (type, ca) => {
    await present({ type, ca });

    const connection = connect([authority(ca)]);
    await stateOf(connection, 'connected');
    for (let n = 0; n < 3; n++) {
      const { stdout } = await connection.exec('head -c 300000 /dev/zero', { timeoutMs: 10_000, maxBytes: 400_000 });
      expect(stdout.length).toBe(300_000);
    }
  });

  it('stays connected while the keys are renewed again and again', async () => {
    writeFileSync(path.join(dir, 'certificate'), '');
    await present();
    writeFileSync(
      path.join(dir, 'certificate'),
      `${readFileSync(path.join(dir, 'certificate'), 'utf8')}RekeyLimit 100K\nKexAlgorithms curve25519-sha256\n`,
    );
    await sshd.stop();
    await sshd.start();

    const connection = connect([authority()]);
    await stateOf(connection, 'connected');
    const { stdout, end } = await connection.exec('head -c 3000000 /dev/zero', {
      timeoutMs: 20_000,
      maxBytes: 4_000_000,
    });

    expect([stdout.length, end.kind]).toEqual([3_000_000, 'exit']);
    expect(connection.state().kind).toBe('connected');
  });

  it.each([
    ['the bare name and any port', '127.0.0.1'],
    ['the port', `[127.0.0.1]:PORT`],
    ['a wildcard', '127.*,!127.0.0.2'],
  ])('is known by an authority for %s', async (_, names) => {
    // ssh 9.2 takes a pattern for no name.
    await present({ names: IS_OPENSSH ? '127.0.0.1' : '127.0.*' });

    await stateOf(connect([authority('ca', names.replace('PORT', String(sshd.port)))]), 'connected');
  });

  // The program ssh reads its HostKeyAlias itself.
  it.skipIf(IS_OPENSSH)('is known by its HostKeyAlias, and without principals by any name', async () => {
    await present({ names: 'the-db' });
    await stateOf(connect([authority('ca', 'the-db')], { settings: { hostKeyAlias: 'the-db' } }), 'connected');

    await present({ names: '' });
    await stateOf(connect([authority()]), 'connected');
  });

  it.each([
    ['expired', { valid: '-2h:-1h' }, [], /not accepted: it expired at \S+Z; have the host key signed again/],
    ['not yet valid', { valid: '+1h:+2h' }, [], /it is not valid before \S+Z; is the clock/],
    [
      'for another host',
      { names: 'web1,web2' },
      [],
      /it is for web1, web2, not for 127\.0\.0\.1; use that name as address/,
    ],
    [
      'of an unknown CA',
      { ca: 'other' },
      [],
      /signed by CA SHA256:\S+, which no @cert-authority line names for this host/,
    ],
    ['a user certificate', { more: [] }, [], /it is a user certificate|presents an unknown host key/],
    ['of a revoked CA', {}, ['ca'], /its CA SHA256:\S+ is marked @revoked/],
  ] as const)('is refused where its certificate is %s, and is sent nothing', async (_, how, revoked, sentence) => {
    await present(how as object);
    const lines = revoked.map((name) => `@revoked * ${publicKey(name)}`);

    const state = await stateOf(connect([authority(), ...lines]), 'refused');

    expect(state.sentence).toMatch(sentence);
    expect(state.reason).toBe(revoked.length > 0 ? 'revoked-host-key' : 'unknown-host-key');
  });

  it('is refused where the key in the certificate is revoked', async () => {
    await present();

    const { reason } = await stateOf(connect([authority(), `@revoked * ${sshd.publicKey('ed25519')}`]), 'refused');

    expect(reason).toBe('revoked-host-key');
  });

  it('is refused where anything that the CA signed was changed, the key above all', async () => {
    await present();
    const certificate = readFileSync(path.join(sshd.dir, 'host_ed25519-cert.pub'), 'utf8');
    makeKey(path.join(dir, 'stranger'), 'ed25519');
    const good = parseCertificateFile(certificate);
    if (good === null) throw new Error('no certificate');
    const authorities = [Buffer.from(publicKey('ca').split(' ')[1] ?? '', 'base64')];
    const known = { name: '127.0.0.1', authorities, revoked: [], nowMs: Date.now() };
    expect(judgeHostCertificate(good, known).kind).toBe('trusted');

    const signed = Buffer.from(good.signed);
    const stranger = Buffer.from(publicKey('stranger').split(' ')[1] ?? '', 'base64').subarray(-32);
    signed.set(stranger, signed.indexOf(good.keyBlob.subarray(-32)));

    expect(judgeHostCertificate({ ...good, signed }, known)).toMatchObject({
      why: expect.stringMatching(/signature of its CA .* is wrong/),
    });
    for (let bit = 0; bit < good.signed.length * 8; bit += 37) {
      const flipped = Buffer.from(good.signed);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(judgeHostCertificate({ ...good, signed: flipped }, known).kind).toBe('refused');
    }
  });

  it('is still known by its plain key, and says what is missing where it shows no certificate', async () => {
    writeFileSync(path.join(dir, 'certificate'), '');

    await stateOf(connect([authority('ca'), `[127.0.0.1]:${sshd.port} ${sshd.publicKey('ed25519')}`]), 'connected');
    const { sentence } = await stateOf(connect([authority()], { user: 'nobody' }), 'refused');

    expect(sentence).toMatch(
      /unknown host key.*A @cert-authority line is there, but the host presents no ed25519 or ecdsa certificate/,
    );
  });
});
