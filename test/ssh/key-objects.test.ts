import { KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import ssh2, { type ClientChannel } from 'ssh2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useKeyObjects } from '../../src/ssh/key-objects.ts';
import { canRunSshd, openSshd, type Sshd } from '../support/sshd.ts';

const { bindingAvailable } = createRequire(import.meta.url)('ssh2/lib/protocol/crypto.js') as {
  bindingAvailable: boolean;
};

describe.skipIf(!canRunSshd)('keys as KeyObjects', { timeout: 30_000 }, () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await openSshd({ lines: ['RekeyLimit 64K'] });
  });
  afterAll(async () => {
    await sshd.close();
  });

  it.each([
    ['aes128-gcm@openssh.com', true],
    ['aes256-gcm@openssh.com', true],
    ['aes256-ctr', false],
    ['chacha20-poly1305@openssh.com', false],
  ] as const)('carry %s, also when the keys are changed under way', async (cipher, isChanged) => {
    const client = new ssh2.Client();
    let handshakes = 0;
    client.on('handshake', () => {
      handshakes += 1;
      useKeyObjects(client);
    });
    client.connect({
      host: '127.0.0.1',
      port: sshd.port,
      username: 'root',
      privateKey: readFileSync(sshd.identityFile),
      hostVerifier: () => true,
      algorithms: { cipher: [cipher] },
    });
    await once(client, 'ready');

    const channel = await new Promise<ClientChannel>((resolve, reject) =>
      client.exec('head -c 1000000 /dev/zero', (error, opened) => (error ? reject(error) : resolve(opened))),
    );
    let bytes = 0;
    channel.on('data', (chunk: Buffer) => (bytes += chunk.length));
    await once(channel, 'close');
    const keys = Object.values(insideOf(client)).flatMap((half) => [half['_encKey'], half['_decipherKey']]);
    client.on('error', () => {}); // sshd may hang up before it has read all
    client.end();
    await once(client, 'close');

    expect(bytes).toBe(1_000_000);
    expect(handshakes).toBeGreaterThan(3);
    // ssh2's native ciphers keep their keys for themselves.
    if (!bindingAvailable) expect(keys.filter((key) => key instanceof KeyObject)).toHaveLength(isChanged ? 2 : 0);
  });
});

type Half = Record<string, unknown>;

function insideOf(client: ssh2.Client): { cipher: Half; decipher: Half } {
  const { _protocol } = client as unknown as { _protocol: { _cipher: Half; _decipher: Half } };
  return { cipher: _protocol._cipher, decipher: _protocol._decipher };
}
