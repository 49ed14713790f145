import { createRequire } from 'node:module';

import type { Client, ParsedKey } from 'ssh2';

import { sshString, type Certificate } from './certificate.ts';

/** What of ssh2 (1.17.0) a login with a certificate needs, beside what it exports. */
interface Protocol {
  authPK: (user: string, key: ParsedKey, algorithm: unknown, sign?: Sign) => void;
  _kex: { sessionID: Buffer };
  _packetRW: { write: { allocStart: number; alloc: (size: number) => Buffer; finalize: (packet: Buffer) => Buffer } };
  _authsQueue: string[];
}
type Sign = (data: Buffer, done: (signature: Buffer) => void) => void;

const { sendPacket, convertSignature } = createRequire(import.meta.url)('ssh2/lib/protocol/utils.js') as {
  sendPacket: (protocol: Protocol, packet: Buffer) => void;
  convertSignature: (signature: Buffer, keyType: string) => Buffer | false;
};

const USERAUTH_REQUEST = 50;
const certified = new WeakMap<ParsedKey, { algorithm: string; signature: string; certificate: Certificate }>();

/** The key as ssh2 offers it: with the certificate in place of its public half. `key`: what signs. */
export function certifiedKey(key: ParsedKey, certificate: Certificate): ParsedKey {
  // sshd takes RSA certificates by the name of the signature's hash, though the certificate names none.
  const isRsa = certificate.keyType === 'ssh-rsa';
  const algorithm = isRsa ? 'rsa-sha2-512-cert-v01@openssh.com' : certificate.type;
  const made = Object.create(key, {
    type: { value: algorithm },
    getPublicSSH: { value: () => certificate.blob },
    sign: { value: (data: Buffer) => key.sign(data, isRsa ? 'sha512' : undefined) },
  }) as ParsedKey;
  certified.set(made, { algorithm, signature: isRsa ? 'rsa-sha2-512' : certificate.keyType, certificate });
  return made;
}

/**
 * A request with a certificate names the certificate's algorithm, its signature the key's (PROTOCOL.certkeys, RFC 4252, 7); ssh2 uses
 * one name for both. Call it after `connect`, which makes the protocol.
 */
export function useCertificates(client: Client): void {
  const protocol = (client as unknown as { _protocol?: Protocol })._protocol;
  if (protocol === undefined) return;
  const plainly = protocol.authPK.bind(protocol);
  protocol.authPK = (user, key, keyAlgorithm, sign): void => {
    const how = certified.get(key);
    // The question whether the certificate would do carries no signature.
    if (how === undefined || sign === undefined) {
      plainly(user, key, keyAlgorithm, sign);
      return;
    }
    const texts = [user, 'ssh-connection', 'publickey'].map((text) => sshString(Buffer.from(text)));
    const request = Buffer.concat([
      Buffer.from([USERAUTH_REQUEST]),
      ...texts,
      Buffer.from([1]),
      sshString(Buffer.from(how.algorithm)),
      sshString(how.certificate.blob),
    ]);
    sign(Buffer.concat([sshString(protocol._kex.sessionID), request]), (raw) => {
      const signature = convertSignature(raw, how.certificate.keyType);
      if (signature === false) throw new Error('the signature cannot be converted');
      const named = Buffer.concat([sshString(Buffer.from(how.signature)), sshString(signature)]);
      const payload = Buffer.concat([request, sshString(named)]);
      const { write } = protocol._packetRW;
      const packet = write.alloc(payload.length);
      packet.set(payload, write.allocStart);
      protocol._authsQueue.push('publickey');
      sendPacket(protocol, write.finalize(packet));
    });
  };
}
