import type { HostKey } from '../app/host-link.ts';
import { fingerprintOf, hostKeyType, knownHostsLine, type KnownKeys } from './known-hosts.ts';
import {
  algorithmFailure,
  authenticationFailure,
  networkFailure,
  placeOf,
  printable,
  refusalSentence,
  type LoginFailure,
} from './login-failure.ts';
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

const HOST_KEY = /host key is known for|HOST IDENTIFICATION HAS CHANGED|REVOKED HOST KEY|Host key verification failed/;

/** The same findings as those of a login by ssh2. */
export function opensshFailure(
  target: SshTarget,
  known: KnownKeys,
  { said, shown, isLate }: OpensshWords,
): LoginFailure {
  const last = lastWords(said);
  if (isLate) return networkFailure(target, 'client-timeout', last);
  if (/Permission denied|Too many authentication failures/.test(last))
    return authenticationFailure(target, {
      words: target.identityFile ?? 'the keys that ssh has',
      hint: 'Is the key one with a passphrase, which ssh can ask only an agent for?',
    });
  // A hop of its ProxyJump says so before ssh loses the connection through it.
  const ofKey = said.split(/\r?\n/).findLast((line) => HOST_KEY.test(line));
  if (ofKey !== undefined) return hostKeyFailure(target, known, shown, lastWords(ofKey));
  if (/no matching|no mutual/i.test(last)) return algorithmFailure(target, last);
  if (target.jump !== null && /Stdio forwarding request failed/.test(said)) {
    const why = 'it does not answer there, or forwarding is not allowed';
    return networkFailure(target, null, last, `cannot be reached from its jump host ${target.jump.name}: ${why}.`);
  }
  const code = NETWORK.find(([pattern]) => pattern.test(last))?.[1] ?? null;
  return networkFailure(target, code, last === '' ? 'ssh ended and said nothing' : last);
}

function hostKeyFailure(target: SshTarget, known: KnownKeys, shown: Buffer | null, last: string): LoginFailure {
  const verdict = shown === null ? 'trusted' : known.verdict(shown);
  if (shown !== null && verdict !== 'trusted') return refusalSentence(target, known, verdict, keyShown(target, shown));
  return {
    kind: 'person',
    // Not a key of the host: of a hop, or one that ssh compares by another name.
    reason: 'unknown-host-key',
    sentence: `${placeOf(target)} cannot be reached by ssh, which does not accept the key of the host or of a hop on the way: ${last}.`,
    hostKey: shown === null ? null : { ...keyShown(target, shown), line: null },
  };
}

/** A key as people compare it. */
export function keyShown(target: SshTarget, key: Buffer): HostKey {
  return { type: hostKeyType(key), fingerprint: fingerprintOf(key), line: knownHostsLine(target, key) };
}

/** The last line that ssh said, on one line. */
export function lastWords(said: string): string {
  const lines = said.split(/\r?\n/).filter((line) => line.trim() !== '');
  return printable(lines.at(-1) ?? '')
    .trim()
    .replace(/\.$/, '');
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
  if (!isForNow(error)) return failed(target, 'local-program', `ssh cannot be asked for it: ${faultWords(error)}`);
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
  return said === '' ? (error instanceof Error ? error.message : String(error)).slice(0, 300) : said;
}
