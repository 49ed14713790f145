import { KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Client } from 'ssh2';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fingerprintOf, knownKeysFor } from '../../src/ssh/known-hosts.ts';
import { login } from '../../src/ssh/login.ts';
import { runChannel } from '../../src/ssh/channel.ts';
import { openSshd } from '../support/sshd.ts';
import { needs } from '../support/needs.ts';

const { bindingAvailable } = createRequire(import.meta.url)('ssh2/lib/protocol/crypto.js') as {
  bindingAvailable: boolean;
};

describe('keys as KeyObjects', needs('sshd'), () => {
  it.each([
    ['aes128-gcm@openssh.com', true],
    ['aes256-gcm@openssh.com', true],
    ['aes256-ctr', false],
    ['chacha20-poly1305@openssh.com', false],
  ] as const)('carry %s, also when the keys are changed under way', async (cipher, isChanged) => {
    const { client, close } = await logIn([`Ciphers ${cipher}`, 'RekeyLimit 64K']);
    let handshakes = 0;
    client.on('handshake', () => (handshakes += 1));
    let bytes = 0;

    await runChannel(client, 'head -c 1000000 /dev/zero', {
      stdin: '',
      endStdin: true,
      signal: AbortSignal.timeout(20_000),
      onStdout: (chunk) => {
        bytes += chunk.length;
        return true;
      },
    });
    const keys = Object.values(insideOf(client)).flatMap((half) => [half['_encKey'], half['_decipherKey']]);
    await close();

    expect(bytes).toBe(1_000_000);
    expect(handshakes).toBeGreaterThan(3);
    // ssh2's native ciphers keep their keys for themselves.
    if (!bindingAvailable) expect(keys.filter((key) => key instanceof KeyObject)).toHaveLength(isChanged ? 2 : 0);
  });
});

async function logIn(lines: string[]): Promise<{ client: Client; close: () => Promise<void> }> {
  const sshd = await openSshd({ lines });
  onTestFinished(() => sshd.close());
  const blob = Buffer.from(sshd.publicKey('ed25519').split(' ')[1] ?? '', 'base64');
  const target = sshd.target({ fingerprints: [fingerprintOf(blob)] });
  const key = readFileSync(sshd.identityFile);
  const result = await login({
    target,
    through: null,
    identity: {
      kind: 'usable',
      methods: [{ type: 'publickey', username: target.user, key }],
      words: 'its key',
      hint: null,
    },
    known: knownKeysFor(target, []),
    readyTimeoutMs: 5_000,
    keepaliveIntervalMs: 15_000,
    nowMs: Date.now,
    signal: AbortSignal.timeout(20_000),
  });
  if (result.kind !== 'in') throw new Error(result.failure.sentence);
  const { client } = result;
  return {
    client,
    close: async () => {
      client.end();
      await once(client, 'close');
    },
  };
}

type Half = Record<string, unknown>;

function insideOf(client: Client): { cipher: Half; decipher: Half } {
  const { _protocol } = client as unknown as { _protocol: { _cipher: Half; _decipher: Half } };
  return { cipher: _protocol._cipher, decipher: _protocol._decipher };
}
