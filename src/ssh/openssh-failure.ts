import type { HostKey } from '../app/host-link.ts';
import { parseCertificate } from './certificate.ts';
import { wordsOf } from './channel.ts';
import { judgeHostCertificate } from './host-certificate.ts';
import { fingerprintOf, hostKeyType, knownHostsLine, type KnownKeys } from './known-hosts.ts';
import {
  algorithmFailure,
  certificateSentence,
  networkFailure,
  placeOf,
  printable,
  refusalSentence,
  type LoginFailure,
} from './login-failure.ts';
import { kerberosFix, kerberosWords, quotable, refusalFailure } from './openssh-refusal.ts';
import type { SshTarget } from './target.ts';

/** What the program ssh said before it ended without a login. */
export interface OpensshWords {
  /** Its standard error. */
  said: string;
  /** The key that the host showed; null: it did not come so far. */
  shown: Buffer | null;
  /** It was given up. */
  isLate: boolean;
}

// As OpenSSH 8.5 to 10 put it.
const NETWORK: readonly (readonly [RegExp, string])[] = [
  [/Could not resolve hostname/, 'ENOTFOUND'],
  [/Connection refused/, 'ECONNREFUSED'],
  [/No route to host|Network is unreachable/, 'EHOSTUNREACH'],
  [/Connection timed out during banner exchange|Timeout, server/, 'client-timeout'],
  [/Connection timed out|Operation timed out/, 'ETIMEDOUT'],
  [/Connection reset by|Connection closed by|Broken pipe/, 'ECONNRESET'],
];

const HOST_KEY = /you have requested strict checking|is marked as revoked|Host key verification failed/;
const LOGIN =
  /^(?:\S+@(?<host>\S+): Permission denied \((?<methods>[^)]*)|Received disconnect from (?<address>\S+) port \d+:\d+: Too many authentication failures)/;

// What ssh says after the reason: that it gives up, or that the program on the way has ended, such as the ssh of a ProxyJump.
const AFTERWORDS =
  /\bUNKNOWN port 65535$|^kex_exchange_identification: Connection closed by remote host$|^stdio forwarding failed$|^Disconnected from |terminating, \d+ bad configuration options$/;

/** The same findings as those of a login by ssh2. */
export function opensshFailure(
  target: SshTarget,
  known: KnownKeys,
  { said, shown, isLate }: OpensshWords,
): LoginFailure {
  const last = lastWords(said);
  if (isLate && shown === null) return networkFailure(target, 'client-timeout', last);
  if (isLate) {
    const words = 'answers, but the login takes too long. Does a key wait to be touched?';
    return networkFailure(target, null, last, words);
  }
  const lines = linesOf(said);
  // Until the host has shown its key, all that is said is about the way to it.
  const isOnTheWay = shown === null && /\bUNKNOWN port 65535$/.test(lines.at(-1) ?? '');
  const refusal = LOGIN.exec(lines.findLast((line) => LOGIN.test(line)) ?? '');
  if (refusal !== null && isOnTheWay) return jumpLoginFailure(target, refusal, lines);
  if (refusal !== null) return refusalFailure(target, refusal.groups?.['methods'] ?? '', lines);
  const ofKey = lines.find((line) => HOST_KEY.test(line));
  if (ofKey !== undefined) return hostKeyFailure(target, known, shown, lastWords(ofKey));
  const isForAlgorithms = /no matching|no mutual/i.test(last);
  if (isForAlgorithms && !isOnTheWay) return algorithmFailure(target, last);
  if (target.jump !== null && /Stdio forwarding request failed/.test(said)) {
    const why = 'the host does not answer, or the jump host forbids forwarding (AllowTcpForwarding)';
    return networkFailure(target, null, last, `cannot be reached from its jump host ${target.jump.name}: ${why}.`);
  }
  if (isOnTheWay) {
    const failure = networkFailure(target, null, last, `cannot be reached: ${wayWords(last)}.`);
    return isForAlgorithms ? { ...failure, kind: 'person', reason: 'jump-host' } : failure;
  }
  const code = NETWORK.find(([pattern]) => pattern.test(last))?.[1] ?? null;
  if (code !== null) return networkFailure(target, code, last);
  const words = last === '' ? 'ssh ended without a word' : `ssh said: "${last}"`;
  return networkFailure(target, null, last, `cannot be reached: ${words}.`);
}

function wayWords(last: string): string {
  const way = 'its jump host or ProxyCommand';
  return AFTERWORDS.test(last) ? `the connection through ${way} closed before the login` : `${way} failed: "${last}"`;
}

function jumpLoginFailure(
  target: SshTarget,
  { input, groups }: RegExpExecArray,
  lines: readonly string[],
): LoginFailure {
  const jump = printable(groups?.['host'] ?? groups?.['address'] ?? '');
  const kerberos = kerberosWords(groups?.['methods'] ?? '', lines);
  const ticket = kerberos === null ? '' : ` Kerberos said: "${kerberos}". ${kerberosFix(kerberos)}.`;
  return {
    kind: 'person',
    reason: 'jump-host',
    sentence: `${placeOf(target)} cannot be reached: its jump host ${jump} refuses the login (ssh said: "${lastWords(input)}").${ticket} Add the public key to ~/.ssh/authorized_keys on the jump host, and check its User and IdentityFile in ssh_config.`,
    hostKey: null,
  };
}

function hostKeyFailure(target: SshTarget, known: KnownKeys, shown: Buffer | null, last: string): LoginFailure {
  const certificate = shown === null ? null : parseCertificate(shown);
  const plain = certificate?.keyBlob ?? shown;
  const key = plain === null ? null : { ...keyShown(target, plain), line: null };
  if (certificate !== null && key !== null && known.authorities.length > 0) {
    const name = (target.settings?.hostKeyAlias ?? target.address).toLowerCase();
    const judged = judgeHostCertificate(certificate, { ...known, name, nowMs: Date.now() });
    if (judged.kind !== 'trusted') return certificateSentence(target, judged, key);
  }
  const verdict = plain === null ? 'trusted' : known.verdict(plain);
  if (plain !== null && verdict !== 'trusted') return refusalSentence(target, known, verdict, keyShown(target, plain));
  const whose = key === null ? 'of its jump host ' : '';
  // Where the host has shown its key, ssh looks for it by another name: HostKeyAlias.
  const sentence = `${placeOf(target)} cannot be reached: ssh does not accept the host key ${whose}(ssh said: "${last}"). Verify that key, then add it to known_hosts under the name that ssh gives.`;
  return { kind: 'person', reason: 'unknown-host-key', sentence, hostKey: key };
}

/** A key as people compare it. */
export function keyShown(target: SshTarget, key: Buffer): HostKey {
  return { type: hostKeyType(key), fingerprint: fingerprintOf(key), line: knownHostsLine(target, key) };
}

/** The last line that ssh said for a reason, as far as it can be shown. */
export function lastWords(said: string): string {
  const lines = linesOf(said);
  return quotable(lines.findLast((line) => !AFTERWORDS.test(line)) ?? lines.at(-1) ?? '');
}

function linesOf(said: string): string[] {
  return said
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** It waits for a person. */
export function failed(
  target: SshTarget,
  reason: LoginFailure['reason'],
  why: string,
): { kind: 'failed'; failure: LoginFailure } {
  const failure = { kind: 'person', reason, sentence: `${target.name}: ${why}.`, hostKey: null } as const;
  return { kind: 'failed', failure };
}

/** ssh was not started, or does not take the host. */
export function notStarted(target: SshTarget, error: unknown): { kind: 'failed'; failure: LoginFailure } {
  if (!isForNow(error)) return failed(target, 'local-program', `ssh cannot be started: ${faultWords(error)}`);
  return noRoom(target, faultWords(error));
}

export function noRoom(target: SshTarget, said: string): { kind: 'failed'; failure: LoginFailure } {
  const failure = networkFailure(target, null, said, `cannot be reached: ssh cannot be started: ${said}.`);
  return { kind: 'failed', failure };
}

/** The machine has no room for a process more. */
export function isForNow(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(?:EAGAIN|EMFILE|ENFILE|ENOMEM)$/.test(String(error.code));
}

/** What ssh said as it failed, or why it could not be run. */
export function faultWords(error: unknown): string {
  const said =
    error instanceof Error && 'stderr' in error && typeof error.stderr === 'string' ? lastWords(error.stderr) : '';
  return said === '' ? wordsOf(error) : said;
}
