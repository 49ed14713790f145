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
  const where = placeOf(target);
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
    sentence: `${placeOf(target)} presents a host certificate that is not accepted: ${why}. Not connected.`,
    // The line of a plain key would go around the certificate.
    hostKey: { ...hostKey, line: null },
  };
}

/** Where the server would take an RSA key by no other signature; without its full stop. */
export const SHA1_HINT =
  'The server takes this RSA key only with a SHA-1 signature (ssh-rsa), and oombot is not allowed to make one: log in with an ed25519 or ecdsa key, or, if the server is older than OpenSSH 7.2, set allowSha1: true for this host';

/** The server takes none of what it was offered. `words`: what that was; `hint`: what to look at first. */
export function authenticationFailure(
  target: SshTarget,
  { words, hint }: { words: string; hint: string | null },
): LoginFailure {
  const first = hint === null ? '' : `${hint}${hint.endsWith('?') ? '' : '.'} `;
  return {
    kind: 'person',
    reason: 'authentication',
    sentence: `${placeOf(target)} refuses the login of ${target.user} with ${words}. ${first}Check that the public key is in ~${target.user}/.ssh/authorized_keys on the host, and that user and key are right in the configuration.`,
    hostKey: null,
  };
}

/** `said` is the client's own sentence, which may quote the server. */
export function algorithmFailure(target: SshTarget, said: string): LoginFailure {
  const isKex = /key exchange/i.test(said);
  const old =
    / host key/i.test(said) && target.allowSha1 !== true
      ? ' A server older than OpenSSH 7.2 (RHEL 6, many routers) signs with SHA-1 only: if this is one, set allowSha1: true for this host.'
      : '';
  const way =
    target.openssh === undefined
      ? `${isKex ? ' If the server allows only post-quantum key exchange (mlkem768, sntrup761), which oombot lacks, add curve25519-sha256 to KexAlgorithms in its sshd_config. Or' : ' Allow one that oombot has in the server’s sshd_config, or'} set transport: openssh for this host, to connect with this machine’s own ssh.`
      : ' Update ssh on this machine, or allow an algorithm of the server in ssh_config (KexAlgorithms, HostKeyAlgorithms, Ciphers, MACs).';
  return {
    kind: 'person',
    reason: 'algorithms',
    sentence: `${placeOf(target)} and this client have no algorithm in common: ${said}.${old}${way}`,
    hostKey: null,
  };
}

/** `code`: as Node names it, `client-timeout` where the host was given up, or a number where the server said why it ends. */
export function networkFailure(
  target: SshTarget,
  code: string | number | null,
  said: string,
  words = networkWords(code, said),
): LoginFailure {
  const sentence = `${placeOf(target)} ${words}`;
  return { kind: 'network', reason: 'network', sentence, hostKey: null };
}

function networkWords(code: string | number | null, said: string): string {
  if (code === 'ECONNREFUSED') return 'refuses connections: is sshd running, and is the port right?';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'has a name that does not resolve: check address and DNS.';
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return 'cannot be reached: there is no route to it.';
  if (code === 'ETIMEDOUT') return 'does not answer: is it up, and does a firewall let the bot through?';
  if (code === 'ECONNRESET')
    return 'closed the connection before the login. If it does so for everyone, its sshd is over a limit: MaxStartups, or PerSourcePenalties after failed logins.';
  if (code === 'client-timeout') return 'did not answer as an SSH server in time.';
  if (typeof code === 'number') return `ended the connection: "${said}".`;
  return `closed the connection before the login: ${said}.`;
}

/** A host in a sentence. */
export function placeOf({ name, address, port }: SshTarget): string {
  return `${name} (${address}:${port})`;
}

/** A server's own text, as far as it can be shown: printable ASCII, at most 200 characters. */
export function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 200);
}

function addKey({ line }: HostKey, file: string): string {
  return line === null ? `put its key into ${file}` : `add this line to ${file}: ${line}`;
}

function keyWord(hostKey: HostKey): string {
  return hostKey.type.startsWith('ecdsa') ? 'ecdsa' : hostKey.type === 'ssh-rsa' ? 'rsa' : 'ed25519';
}
