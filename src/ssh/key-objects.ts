import { createSecretKey } from 'node:crypto';

import type { Client } from 'ssh2';

/** Where ssh2 (1.17.0) keeps the keys of a connection. Other ciphers than AES-GCM, and its native ones, are left as they are. */
interface Inside {
  _protocol?: { _cipher?: { _encKey?: unknown }; _decipher?: { _decipherKey?: unknown } };
}

/**
 * ssh2 makes a cipher for each packet of AES-GCM, from a key that is a Buffer; Node 24 finds out that a Buffer is no KeyObject
 * and no CryptoKey by catching two errors each time. KeyObjects spare that.
 */
export function useKeyObjects(client: Client): void {
  const { _protocol: { _cipher: cipher, _decipher: decipher } = {} } = client as unknown as Inside;
  if (Buffer.isBuffer(cipher?._encKey)) cipher._encKey = createSecretKey(cipher._encKey);
  if (Buffer.isBuffer(decipher?._decipherKey)) decipher._decipherKey = createSecretKey(decipher._decipherKey);
}
