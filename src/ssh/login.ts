import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import ssh2, { type Algorithms, type Client, type ServerHostKeyAlgorithm } from 'ssh2';

import { chooseAlgorithms } from './algorithm-list.ts';
import type { Identity } from './identity.ts';
import { useCertificates } from './certificate-login.ts';
import { useKeyObjects } from './key-objects.ts';
import { fingerprintOf, hostKeyType, knownHostsLine, type HostKeyVerdict, type KnownKeys } from './known-hosts.ts';
import type { HostKey } from '../app/host-link.ts';
import { parseCertificate, type Certificate } from './certificate.ts';
import { judgeHostCertificate, offerHostCertificates, useCertifiedKey } from './host-certificate.ts';
import {
  algorithmFailure,
  authenticationFailure,
  certificateSentence,
  networkFailure,
  printable,
  refusalSentence,
  SHA1_HINT,
  type LoginFailure,
} from './login-failure.ts';
import { askForSha1, judgeSha1 } from './sha1-login.ts';
import type { SshTarget } from './target.ts';

export interface LoginOptions {
  target: SshTarget;
  /** The way through a jump host; null: dial the address. */
  through: Duplex | null;
  identity: Extract<Identity, { kind: 'usable' }>;
  known: KnownKeys;
  /** From dialling to logged in. */
  readyTimeoutMs: number;
  keepaliveIntervalMs: number;
  nowMs: () => number;
  signal: AbortSignal;
}

/** `firstKey`: the host's key was not known, and is trusted because the target says so. `hostKey`: its fingerprint, where it was checked. */
export type LoginResult =
  | { kind: 'in'; client: Client; firstKey: HostKey | null; hostKey: string | null }
  | { kind: 'failed'; failure: LoginFailure };

// A server may send lines before its identification (RFC 4253, 4.2) and banners while one logs in; both belong to strangers.
const BYTES_BEFORE_LOGIN_MAX = 1024 * 1024;
const DROPPED = 'Connection lost before handshake'; // as ssh2 says it too
const GIVEN_UP = new Error('given up');

/** One try to log in. Never throws. The client keeps an `error` listener: a late ECONNRESET would end the process otherwise. */
export function login(options: LoginOptions): Promise<LoginResult> {
  const { target, identity, known, signal } = options;
  const { settings = {} } = target;
  if (signal.aborted) return Promise.resolve({ kind: 'failed', failure: describeFault(target, identity, GIVEN_UP) });
  const done = Promise.withResolvers<LoginResult>();
  const client = new ssh2.Client();
  let refused: LoginFailure | null = null;
  let firstKey: Buffer | null = null;
  let accepted: Buffer | null = null;
  let settled = false;
  let isSha1Refused = false;

  function fail(error: unknown): void {
    if (settled) return;
    settled = true;
    signal.removeEventListener('abort', onAbort);
    const { words, hint } = identity;
    const hints = [...(isSha1Refused ? [SHA1_HINT] : []), ...(hint === null ? [] : [hint])];
    const offered = { words, hint: hints.length === 0 ? null : hints.join('. ') };
    done.resolve({ kind: 'failed', failure: refused ?? describeFault(target, offered, error) });
    client.destroy();
    sock.destroy();
  }

  client.on('error', (error: Error & { level?: string }) => {
    // An agent that does not answer is skipped by ssh2, which goes on with the next method.
    if (error.level !== 'agent') fail(error);
  });
  client.on('handshake', () => useKeyObjects(client)); // with each new set of keys
  client.on('close', () => fail(new Error(DROPPED)));
  client.on('ready', () => {
    if (settled) return;
    settled = true;
    sock.off('data', count);
    signal.removeEventListener('abort', onAbort);
    done.resolve({
      kind: 'in',
      client,
      firstKey: firstKey === null ? null : shown(firstKey),
      hostKey: accepted === null ? null : fingerprintOf(accepted),
    });
  });

  function shown(key: Buffer): HostKey {
    return { type: hostKeyType(key), fingerprint: fingerprintOf(key), line: knownHostsLine(target, key) };
  }

  /** Once for each set of keys: the first one shown must stay. */
  function judge(key: Buffer): HostKeyVerdict {
    const verdict = known.verdict(key);
    if (verdict !== 'unknown' || target.trustFirstKey === undefined || shown(key).line === null) return verdict;
    firstKey ??= key;
    return firstKey.equals(key) ? 'trusted' : 'changed';
  }

  function acceptCertificate(certificate: Certificate, hostKey: HostKey): boolean {
    const name = settings.hostKeyAlias?.toLowerCase() ?? target.address.toLowerCase();
    const judged = judgeHostCertificate(certificate, { ...known, name, nowMs: options.nowMs() });
    if (judged.kind === 'trusted') {
      useCertifiedKey(client, certificate);
      accepted = certificate.keyBlob;
    } else refused = certificateSentence(target, judged, hostKey);
    return judged.kind === 'trusted';
  }

  function onAbort(): void {
    fail(GIVEN_UP);
  }
  signal.addEventListener('abort', onAbort, { once: true });

  let bytes = 0;
  function count(chunk: Buffer): void {
    bytes += chunk.length;
    if (bytes > BYTES_BEFORE_LOGIN_MAX) fail(new Error('more than 1 MiB before the login'));
  }

  const sock = options.through ?? new Socket().setNoDelay(true);
  if (sock instanceof Socket && options.through === null)
    sock.connect({
      host: target.address,
      port: target.port,
      ...(settings.addressFamily === undefined ? {} : { family: settings.addressFamily }),
      ...(settings.bindAddress === undefined ? {} : { localAddress: settings.bindAddress }),
    });
  try {
    client.connect({
      sock,
      username: target.user,
      authHandler: askForSha1(identity.methods),
      // Callback form: what a verifier returns is compared with `false` only, so a promise would let every key in.
      hostVerifier: (key: Buffer, answer: (trusted: boolean) => void): void => {
        const certificate = known.authorities.length > 0 ? parseCertificate(key) : null;
        if (certificate !== null) {
          answer(acceptCertificate(certificate, shown(key)));
          return;
        }
        const verdict = judge(key);
        if (verdict !== 'trusted') refused = refusalSentence(target, known, verdict, shown(key));
        else accepted = key;
        answer(verdict === 'trusted');
      },
      algorithms: algorithmsFor(target, known),
      readyTimeout: settings.connectTimeoutMs ?? options.readyTimeoutMs,
      keepaliveInterval: settings.keepaliveIntervalMs ?? options.keepaliveIntervalMs,
      keepaliveCountMax: settings.keepaliveCountMax ?? 3,
    });
    useCertificates(client);
    judgeSha1(client, { isAllowed: target.allowSha1 === true, onRefused: () => (isSha1Refused = true) });
    if (known.authorities.length > 0) offerHostCertificates(client);
    sock.on('data', count);
  } catch (error) {
    fail(error);
  }
  return done.promise;
}

/** Only what is asked for; the rest is ssh2's default, without SHA-1 for host keys. A key on file comes before the order of the configuration. */
function algorithmsFor({ settings = {}, allowSha1 }: SshTarget, known: KnownKeys): Algorithms {
  const { hostKeyAlgorithms, kexAlgorithms, ciphers, macs } = settings;
  const byDefault = chooseAlgorithms(allowSha1 === true ? '+ssh-rsa' : '-ssh-rsa', 'SERVER_HOST_KEY').names;
  const usable = hostKeyAlgorithms ?? (byDefault as ServerHostKeyAlgorithm[]);
  const onFile = known.algorithms.filter((one) => usable.includes(one));
  const serverHostKey = onFile.length > 0 ? onFile : usable;
  return {
    ...(serverHostKey.length > 0 ? { serverHostKey } : {}),
    ...(kexAlgorithms === undefined ? {} : { kex: kexAlgorithms }),
    ...(ciphers === undefined ? {} : { cipher: ciphers }),
    ...(macs === undefined ? {} : { hmac: macs }),
  };
}

function describeFault(
  target: SshTarget,
  identity: { words: string; hint: string | null },
  error: unknown,
): LoginFailure {
  const { level, code, message } = faultOf(error);
  const said = printable(message);
  const tooMany = typeof code === 'number' && /authentication failures|no more auth/i.test(message);
  if (level === 'client-authentication' || tooMany) return authenticationFailure(target, identity);
  if (level === 'handshake' && /no matching/i.test(message)) return algorithmFailure(target, said);
  const isDropped = code === null && message === DROPPED;
  return networkFailure(target, level === 'client-timeout' ? level : isDropped ? 'ECONNRESET' : code, said);
}

function faultOf(error: unknown): { level: string; code: string | number | null; message: string } {
  if (!(error instanceof Error)) return { level: '', code: null, message: String(error) };
  const level = 'level' in error && typeof error.level === 'string' ? error.level : '';
  const code =
    'code' in error && (typeof error.code === 'string' || typeof error.code === 'number') ? error.code : null;
  // Several addresses tried: Node gathers the faults, the first one speaks for all.
  if (error instanceof AggregateError && error.errors.length > 0 && error.message === '')
    return faultOf(error.errors[0]);
  return { level, code, message: error.message };
}
