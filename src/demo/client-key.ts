import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import ssh2 from 'ssh2';

/** A key pair that lives as long as this run: nobody else has it, and nothing outside knows it. */
export interface ClientKey {
  /** The private key, readable by this user alone. */
  file: string;
  /** The public key as it travels. */
  publicBlob: Buffer;
  close: () => Promise<void>;
}

/** Makes the pair. The private half is written to a directory of its own, as identities are named by their files. */
export async function openClientKey(): Promise<ClientKey> {
  const pair = makeKeyPair();
  // mkdtemp makes it 0700.
  const dir = await mkdtemp(path.join(tmpdir(), 'oombot-demo-'));
  const file = path.join(dir, 'id_ecdsa');
  await writeFile(file, pair.private, { mode: 0o600 });
  return { file, publicBlob: publicBlobOf(pair.public), close: () => rm(dir, { recursive: true, force: true }) };
}

/**
 * A new pair in OpenSSH's form. Not ed25519: of those that ssh2 1.17.0 makes, one in 256 cannot be read back
 * (https://github.com/mscdex/ssh2/issues/1390).
 */
export function makeKeyPair(): { private: string; public: string } {
  return ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
}

/** A key that this process made just now. */
export function publicBlobOf(key: string): Buffer {
  const parsed = ssh2.utils.parseKey(key);
  if (parsed instanceof Error) throw new Error('a key made just now cannot be read', { cause: parsed });
  return parsed.getPublicSSH();
}
