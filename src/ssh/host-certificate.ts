import { createRequire } from 'node:module';

import ssh2, { type Client, type ParsedKey } from 'ssh2';

import type { Certificate } from './certificate.ts';
import { fingerprintOf, hostKeyType, matchesPattern } from './known-hosts.ts';

const { utils } = ssh2;
const { sigSSHToASN1 } = createRequire(import.meta.url)('ssh2/lib/protocol/utils.js') as {
  sigSSHToASN1: (signature: Buffer, type: string) => Buffer | undefined;
};

/** What of ssh2 (1.17.0) the check of a host certificate needs. */
interface Inside {
  _protocol?: {
    _offer: { lists: Lists; constructor: new (lists: unknown) => Inside['_protocol'] };
    _kex: { negotiated: { serverHostKey: string }; _hostKey: Buffer | undefined };
  };
}
interface List {
  array: string[];
}
interface Lists {
  kex: List;
  serverHostKey: List;
  cs: Record<string, List>;
  sc: Record<string, List>;
}

/** Not those of RSA: their name in the exchange is not the one in the certificate, which ssh2 compares. */
const OFFERED = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'].map(
  (type) => `${type}-cert-v01@openssh.com`,
);
const HASH_OF: Record<string, 'sha256' | 'sha512' | undefined> = { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' };

export type HostCertificateVerdict = { kind: 'trusted' } | { kind: 'revoked' | 'refused'; why: string };

/**
 * Whether a CA that is known for this host says that the key is the host's. `names`: what the host is called; `authorities` and
 * `revoked`: public keys by known_hosts.
 */
export function judgeHostCertificate(
  certificate: Certificate,
  known: { name: string; authorities: readonly Buffer[]; revoked: readonly Buffer[]; nowMs: number },
): HostCertificateVerdict {
  const { caBlob, keyBlob, principals, validFromMs, validUntilMs } = certificate;
  const ca = `CA ${fingerprintOf(caBlob)}`;
  function refused(why: string): HostCertificateVerdict {
    return { kind: 'refused', why };
  }
  if (known.revoked.some((key) => key.equals(caBlob))) return { kind: 'revoked', why: `its ${ca} is marked @revoked` };
  if (known.revoked.some((key) => key.equals(keyBlob))) return { kind: 'revoked', why: 'its key is marked @revoked' };
  if (!known.authorities.some((key) => key.equals(caBlob)))
    return refused(
      `it is signed by ${ca}, which no @cert-authority line names for this host; add that line if the CA is right`,
    );
  if (!isSignedBy(certificate)) return refused(`the signature of its ${ca} is wrong`);
  if (certificate.kind !== 'host') return refused('it is a user certificate; have the CA sign the host key with -h');
  if (certificate.hasCriticalOptions) return refused('it has critical options, which no host certificate may have');
  if (known.nowMs >= validUntilMs)
    return refused(`it expired at ${timeOf(validUntilMs)}; have the host key signed again, and sshd reloaded`);
  if (known.nowMs < validFromMs)
    return refused(`it is not valid before ${timeOf(validFromMs)}; is the clock of this machine right?`);
  if (principals.length > 0 && !principals.some((pattern) => matchesPattern(pattern.toLowerCase(), known.name)))
    return refused(
      `it is for ${principals
        .join(', ')
        .replaceAll(/[^\x20-\x7e]+/g, '?')
        .slice(
          0,
          200,
        )}, not for ${known.name}; use that name as address, set HostKeyAlias, or have it signed with -n ${known.name}`,
    );
  return { kind: 'trusted' };
}

function timeOf(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : 'a time beyond all calendars';
}

/** SHA-1 signatures count as none. */
function isSignedBy({ caBlob, signed, signature }: Certificate): boolean {
  const type = hostKeyType(caBlob);
  const isRsa = type === 'ssh-rsa';
  if (isRsa ? HASH_OF[signature.name] === undefined : signature.name !== type) return false;
  const key = utils.parseKey(`${type} ${caBlob.toString('base64')}`);
  const bytes = sigSSHToASN1(signature.bytes, signature.name);
  if (key instanceof Error || bytes === undefined) return false;
  return (key as ParsedKey).verify(signed, bytes, HASH_OF[signature.name]) === true;
}

/** Asks for a certificate before a plain key. Call it after `connect`, before the server has answered. */
export function offerHostCertificates(client: Client): void {
  const protocol = (client as unknown as Inside)._protocol;
  if (protocol === undefined) return;
  const { kex, serverHostKey, cs, sc } = protocol._offer.lists;
  function arrays(lists: Record<string, List>) {
    return Object.fromEntries(Object.entries(lists).map(([name, { array }]) => [name, array]));
  }
  const offer = {
    kex: kex.array,
    serverHostKey: [...OFFERED, ...serverHostKey.array],
    cs: arrays(cs),
    sc: arrays(sc),
  };
  protocol._offer = new protocol._offer.constructor(offer) as unknown as typeof protocol._offer;
}

/**
 * Has ssh2 check the exchange with the key in a certificate that was found good. What is signed holds the certificate, and who signs is
 * the key; ssh2 takes both from one field, the hash first. Were it to ask in another order, the signature would be wrong and the
 * connection refused.
 */
export function useCertifiedKey(client: Client, certificate: Certificate): void {
  const kex = (client as unknown as Inside)._protocol?._kex;
  if (kex === undefined) return;
  kex.negotiated.serverHostKey = certificate.keyType;
  let reads = 0;
  Object.defineProperty(kex, '_hostKey', {
    configurable: true,
    get: () => (reads++ === 0 ? certificate.blob : certificate.keyBlob),
    set: (value: Buffer | undefined) => {
      Object.defineProperty(kex, '_hostKey', { value, writable: true, configurable: true });
    },
  });
}
