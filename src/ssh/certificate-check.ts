import type { Certificate } from './certificate.ts';
import { fingerprintOf } from './known-hosts.ts';
import { printable } from './login-failure.ts';

export interface FoundCertificate {
  /** A file, or what the CA called it and where it is: words in a sentence. */
  called: string;
  /** null: the file cannot be read, or holds no certificate. */
  certificate: Certificate | null;
  isInAgent: boolean;
}

/** A certificate that may be offered, or null; and what to look at where the server refuses, in a sentence without its full stop. */
export function judgeCertificate(
  { called, certificate }: FoundCertificate,
  user: string,
  publicKey: Buffer,
  nowMs: number,
): { certificate: Certificate | null; hint: string } {
  function unusable(why: string): { certificate: null; hint: string } {
    return { certificate: null, hint: `The certificate ${called} was not offered: ${why}` };
  }
  if (certificate === null) return unusable('it cannot be read, or is no OpenSSH certificate');
  if (certificate.kind === 'host')
    return unusable('it is a host certificate; have the CA sign the key for a user, without -h');
  if (!certificate.keyBlob.equals(publicKey)) return unusable('it belongs to another key; have the CA sign this one');
  if (nowMs >= certificate.validUntilMs) return unusable(`it expired at ${timeOf(certificate.validUntilMs)}; renew it`);
  if (nowMs < certificate.validFromMs)
    return unusable(`it is not valid before ${timeOf(certificate.validFromMs)}; is the clock of this machine right?`);
  const { serial, principals } = certificate;
  const names = printable(principals.join(', '));
  const whom =
    principals.length > 0 && !principals.includes(user)
      ? `it is for ${names}, not for ${user}: have it signed with -n ${user}, or let the host map it (AuthorizedPrincipalsFile)`
      : `does the host trust its CA ${fingerprintOf(certificate.caBlob)} (TrustedUserCAKeys), and is it revoked there (RevokedKeys)?`;
  return { certificate, hint: `The certificate ${called} (serial ${serial}) was refused: ${whom}` };
}

function timeOf(ms: number): string {
  // A certificate may name any 64-bit second.
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : 'a time beyond all calendars';
}
