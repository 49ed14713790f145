// Lines of OpenSSH's known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT):
//
//   db01,10.0.0.11 ssh-ed25519 AAAAC3Nz… comment
//   [edge7.example.net]:2222 ecdsa-sha2-nistp256 AAAAE2Vj…
//   *.prod,!test.prod ssh-rsa AAAAB3Nz…
//   |1|BASE64 SALT|BASE64 HMAC-SHA1| …      (name hashed by `ssh-keygen -H` or HashKnownHosts)
//   @revoked * ssh-ed25519 AAAA…
//   @cert-authority *.prod ssh-ed25519 AAAA…
import { createHash, createHmac } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';

import type { ServerHostKeyAlgorithm } from 'ssh2';

import { knownHostsName, type SshTarget } from './target.ts';

export interface KnownHostLine {
  marker: 'revoked' | 'cert-authority' | null;
  names: string;
  type: string;
  blob: Buffer;
}

export type HostKeyVerdict = 'trusted' | 'unknown' | 'changed' | 'revoked';

/** What is on file for one host, looked up once per login: the verifier runs again on every rekey and must stay cheap. */
export interface KnownKeys {
  verdict: (key: Buffer) => HostKeyVerdict;
  /** What to offer in the key exchange, so that a server with several keys shows the one on file. Empty: all. */
  algorithms: ServerHostKeyAlgorithm[];
  /** Public keys of the certificate authorities that are on file for this host; pins leave none. */
  authorities: Buffer[];
  revoked: Buffer[];
}

// A key type may be signed in several ways. ssh-rsa (SHA-1) stays last, for servers before OpenSSH 7.2.
const ALGORITHMS_OF: Record<string, ServerHostKeyAlgorithm[]> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'],
};
// RSA with 16,384 bits, the most that OpenSSH takes, has 2,071.
const KEY_BYTES_MAX = 4 * 1024;
const FILE_BYTES_MAX = 32 * 1024 * 1024;

/** Never throws: lines that are no known_hosts lines are skipped, as OpenSSH does. */
export function parseKnownHosts(text: string): KnownHostLine[] {
  const lines: KnownHostLine[] = [];
  for (const raw of text.split('\n')) {
    const fields = raw.trim().split(/[ \t]+/);
    const marker = fields[0]?.startsWith('@') === true ? fields.shift() : null;
    const [names, type, base64] = fields;
    if (names === undefined || names.startsWith('#') || type === undefined || base64 === undefined) continue;
    if (marker !== null && marker !== '@revoked' && marker !== '@cert-authority') continue;
    const blob = Buffer.from(base64, 'base64');
    if (hostKeyType(blob) !== type) continue;
    lines.push({
      marker: marker === null ? null : marker === '@revoked' ? 'revoked' : 'cert-authority',
      names,
      type,
      blob,
    });
  }
  return lines;
}

/** Whether a known_hosts name field means the host, named as OpenSSH would (`knownHostsName`). A negated match wins. */
export function matchesHost(names: string, host: string): boolean {
  if (names.startsWith('|1|')) {
    const [, , salt, hash] = names.split('|');
    if (salt === undefined || hash === undefined) return false;
    return createHmac('sha1', Buffer.from(salt, 'base64')).update(host).digest('base64') === hash;
  }
  let matched = false;
  for (const pattern of names.toLowerCase().split(',')) {
    if (pattern.startsWith('!')) {
      if (matchesPattern(pattern.slice(1), host)) return false;
    } else if (matchesPattern(pattern, host)) matched = true;
  }
  return matched;
}

/** `*` any run, `?` one character; linear in practice, no regular expression made from a file's text. */
export function matchesPattern(pattern: string, text: string): boolean {
  let [p, t, star, mark] = [0, 0, -1, 0];
  while (t < text.length) {
    if (pattern[p] === '*') [star, mark] = [p++, t];
    else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) [p, t] = [p + 1, t + 1];
    else if (star >= 0) [p, t] = [star + 1, ++mark];
    else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

/** Pins and lines to one answer per key. `@revoked` beats all; pins, where given, beat the other lines. */
export function knownKeysFor(target: SshTarget, lines: readonly KnownHostLine[]): KnownKeys {
  const host = knownHostsName(target);
  const matching = lines.filter((line) => matchesHost(line.names, host));
  const trusted = matching.filter((line) => line.marker === null);
  const revoked = matching.filter((line) => line.marker === 'revoked');
  // As OpenSSH: an authority for the bare name holds on every port.
  const bare = target.settings?.hostKeyAlias === undefined ? target.address.toLowerCase() : host;
  const authorities = lines.filter(
    (line) => line.marker === 'cert-authority' && [host, bare].some((name) => matchesHost(line.names, name)),
  );
  const pinned = target.fingerprints.length > 0;

  function verdict(key: Buffer): HostKeyVerdict {
    if (revoked.some((line) => line.blob.equals(key))) return 'revoked';
    if (pinned) return target.fingerprints.includes(fingerprintOf(key)) ? 'trusted' : 'changed';
    if (trusted.some((line) => line.blob.equals(key))) return 'trusted';
    return trusted.length > 0 ? 'changed' : 'unknown';
  }

  const types = pinned ? [] : [...new Set(trusted.map((line) => line.type))];
  return {
    verdict,
    algorithms: types.flatMap((type) => ALGORITHMS_OF[type] ?? []),
    authorities: pinned ? [] : authorities.map((line) => line.blob),
    revoked: revoked.map((line) => line.blob),
  };
}

/** SHA-256 as OpenSSH prints it. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The first length-prefixed string of a public key blob; empty where there is none. */
export function hostKeyType(key: Buffer): string {
  const length = key.length >= 4 ? key.readUInt32BE(0) : 0;
  return length > 0 && length <= 64 && key.length >= 4 + length ? key.toString('latin1', 4, 4 + length) : '';
}

/** The line that puts this very key on file: what is fetched a second time could be another's. null: no kind of key that is known here. */
export function knownHostsLine(target: SshTarget, key: Buffer): string | null {
  const type = hostKeyType(key);
  if (!Object.hasOwn(ALGORITHMS_OF, type) || key.length > KEY_BYTES_MAX) return null;
  return `${knownHostsName(target)} ${type} ${key.toString('base64')}`;
}

export interface KnownHostsFiles {
  /** Lines of all files, in order. Absent files count as empty; other faults are thrown with the path in the sentence. */
  read: (paths: readonly string[]) => Promise<KnownHostLine[]>;
}

/** Reads known_hosts files, parsing each again only when it changed: a thousand hosts share one file. */
export function openKnownHostsFiles(): KnownHostsFiles {
  const seen = new Map<string, { stamp: string; lines: KnownHostLine[] }>();

  async function readOne(path: string): Promise<KnownHostLine[]> {
    try {
      const { mtimeMs, size, ino } = await stat(path);
      const stamp = `${mtimeMs}:${size}:${ino}`;
      const known = seen.get(path);
      if (known?.stamp === stamp) return known.lines;
      if (size > FILE_BYTES_MAX) throw new Error('it is larger than 32 MiB');
      const lines = parseKnownHosts(await readFile(path, 'utf8'));
      seen.set(path, { stamp, lines });
      return lines;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw new Error(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }

  return { read: async (paths) => (await Promise.all(paths.map(readOne))).flat() };
}
