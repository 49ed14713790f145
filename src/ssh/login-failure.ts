import type { HostKey, LoginTrouble } from '../app/host-link.ts';
import type { HostKeyVerdict, KnownKeys } from './known-hosts.ts';
import { knownHostsName, type SshTarget } from './target.ts';

export interface LoginFailure extends LoginTrouble {
  /** `network` is tried again by itself; `person` waits for somebody to put something right. */
  kind: 'network' | 'person';
}

/** Why a host key was refused and what to do about it. Nothing secret has been sent to the host at that point. */
export function refusalSentence(
  target: SshTarget,
  known: KnownKeys,
  verdict: HostKeyVerdict,
  hostKey: HostKey,
): LoginFailure {
  const where = `${target.name} (${target.address}:${target.port})`;
  const shown = `${/^[\w@.-]+$/.test(hostKey.type) ? hostKey.type : 'a key'} ${hostKey.fingerprint}`;
  const file = target.knownHosts[0] ?? '~/.ssh/known_hosts';
  const failure = { kind: 'person', hostKey } as const;
  if (verdict === 'revoked') {
    return {
      ...failure,
      reason: 'revoked-host-key',
      sentence: `${where} PRESENTS A REVOKED HOST KEY: ${shown} is marked @revoked in ${file}. Not connected: give the host a new key.`,
    };
  }
  if (verdict === 'changed' && target.fingerprints.length > 0) {
    return {
      ...failure,
      reason: 'changed-host-key',
      sentence: `HOST KEY OF ${where} IS NOT THE PINNED ONE: it presents ${shown}, pinned are ${target.fingerprints.join(', ')}. Someone may be intercepting the connection, or the host was reinstalled. Not connected. If the new key is right, put its fingerprint in place of the pinned one.`,
    };
  }
  if (verdict === 'changed') {
    return {
      ...failure,
      reason: 'changed-host-key',
      sentence: `HOST KEY OF ${where} HAS CHANGED: it presents ${shown}, ${file} has a different one. Someone may be intercepting the connection, or the host was reinstalled. Not connected. If the new key is right: ssh-keygen -f ${file} -R '${knownHostsName(target)}', then ${addKey(hostKey, file)}`,
    };
  }
  const authority =
    known.authorities.length > 0
      ? ' (A @cert-authority line is there, but the host presents no ed25519 or ecdsa certificate: see HostCertificate in its sshd_config.)'
      : '';
  return {
    ...failure,
    reason: 'unknown-host-key',
    sentence: `${where} presents an unknown host key: ${shown}.${authority} Compare it with the output of ssh-keygen -lf /etc/ssh/ssh_host_${keyWord(hostKey)}_key.pub on the host, then ${addKey(hostKey, file)}`,
  };
}

/** Why a host certificate was refused, and what to do about it. */
export function certificateSentence(
  target: SshTarget,
  { kind, why }: { kind: 'revoked' | 'refused'; why: string },
  hostKey: HostKey,
): LoginFailure {
  return {
    kind: 'person',
    reason: kind === 'revoked' ? 'revoked-host-key' : 'unknown-host-key',
    sentence: `${target.name} (${target.address}:${target.port}) presents a host certificate that is not accepted: ${why}. Not connected.`,
    // The line of a plain key would go around the certificate.
    hostKey: { ...hostKey, line: null },
  };
}

function addKey({ line }: HostKey, file: string): string {
  return line === null ? `put its key into ${file}` : `add this line to ${file}: ${line}`;
}

function keyWord(hostKey: HostKey): string {
  return hostKey.type.startsWith('ecdsa') ? 'ecdsa' : hostKey.type === 'ssh-rsa' ? 'rsa' : 'ed25519';
}
