import { authenticationFailure, networkFailure, placeOf, printable, type LoginFailure } from './login-failure.ts';
import type { SshTarget } from './target.ts';

/** Has ssh say what Kerberos makes of a ticket; by itself it does so at DEBUG1 alone, among much else. */
export const SAY_KERBEROS = 'LogVerbose *:ssh_gssapi_error():*';

// debug1: gss-genr.c:ssh_gssapi_error():277 (pid=10194): Unspecified GSS failure.  Minor code may provide more information
// Ticket expired
const KERBEROS = /\bssh_gssapi_error\(\):\d+ \(pid=\d+\): (.*)$/;
const NO_TICKET = /No Kerberos credentials available|No credentials? cache|Credentials cache .*not found|expired/i;
const NO_KDC = /Cannot (?:contact any|find) KDC/;

const KEY_FILE = /^(?:no such identity|Load key|Permissions \d+ for|sign_and_send_pubkey|provider )/;
const SIGNING =
  /^sign_and_send_pubkey: signing failed for (?<type>\S+) "(?<key>.+)"(?: from (?<agent>agent))?: (?<why>.+)$/;

/** The host takes nothing that ssh has for a login: `methods` is what it would take, `lines` all that ssh said. */
export function refusalFailure(target: SshTarget, methods: string, lines: readonly string[]): LoginFailure {
  const signing = SIGNING.exec(lines.findLast((line) => SIGNING.test(line)) ?? '')?.groups;
  if (signing !== undefined) return signingFailure(target, signing, lines);
  const kerberos = kerberosWords(methods, lines);
  // No host has refused anything, and it passes by itself.
  if (kerberos !== null && NO_KDC.test(kerberos))
    return networkFailure(target, null, '', `cannot be logged in to: Kerberos said: "${kerberos}".`);
  if (methods.includes('gssapi') && !methods.includes('publickey')) return kerberosFailure(target, kerberos);
  const ofFile = lines.findLast((line) => KEY_FILE.test(line));
  // What signature an old server would have wanted ssh says nowhere.
  const old =
    target.allowSha1 === true
      ? ''
      : '; if it is an RSA key and the server is older than OpenSSH 7.2, set allowSha1: true for this host';
  const hint =
    ofFile === undefined
      ? `If the key has a passphrase, load it into an agent${old}`
      : `ssh said: "${quotable(ofFile)}"`;
  const words = target.identityFile ?? 'the keys that ssh offers';
  const ticket = kerberos === null ? '' : `Kerberos said: "${kerberos}". ${kerberosFix(kerberos)}. `;
  const failure = authenticationFailure(target, { words, hint: `${ticket}${hint}` });
  // The host takes both. Who has had a ticket, or has named no key, logs in by Kerberos.
  const isOfTicket = kerberos !== null && NO_TICKET.test(kerberos);
  return isOfTicket && (target.identityFile === null || /expired/i.test(kerberos))
    ? { ...failure, reason: 'no-ticket' }
    : failure;
}

/** `said`: null where Kerberos itself saw nothing wrong. */
function kerberosFailure(target: SshTarget, said: string | null): LoginFailure {
  const refuses = `${placeOf(target)} refuses the login of ${target.user} by Kerberos, and takes no key`;
  const sentence =
    said === null
      ? `${refuses}. Check that ssh_config has GSSAPIAuthentication yes for this host, and that ~${target.user}/.k5login on the host names the principal (klist shows it).`
      : `${refuses}: "${said}". ${kerberosFix(said)}.`;
  const reason = said !== null && NO_TICKET.test(said) ? 'no-ticket' : 'kerberos';
  return { kind: 'person', reason, sentence, hostKey: null };
}

export function kerberosFix(said: string): string {
  if (NO_TICKET.test(said)) return 'Get a new ticket with kinit, as the user that oombot runs as';
  if (/not found in Kerberos database/.test(said))
    return 'HostName in ssh_config must be the name that the host has in its keytab, host/NAME';
  return 'klist shows the tickets of the user that oombot runs as';
}

/** The last thing that Kerberos said, its own words before those of GSSAPI; null: nothing, or the host takes no ticket. */
export function kerberosWords(methods: string, lines: readonly string[]): string | null {
  if (!methods.includes('gssapi')) return null;
  const at = lines.findLastIndex((line) => KERBEROS.test(line));
  if (at === -1) return null;
  const next = lines[at + 1] ?? '';
  const isOwn = next !== '' && !/^\S+@\S+: |^debug\d: |^Received disconnect /.test(next);
  return quotable(isOwn ? next : (KERBEROS.exec(lines[at] ?? '')?.[1] ?? ''));
}

/** A key that the host would have taken: ssh signs only after that is known. */
function signingFailure(
  target: SshTarget,
  { key = '', agent, why = '' }: Partial<Record<string, string>>,
  lines: readonly string[],
): LoginFailure {
  const provider = lines.findLast((line) => line.startsWith('provider '));
  const [words, fix] =
    provider !== undefined
      ? [provider, 'Check SecurityKeyProvider and PKCS11Provider in ssh_config']
      : /device not found/.test(why)
        ? [why, 'Plug in the device that holds it, or name its library by SecurityKeyProvider in ssh_config']
        : // So ssh puts it where the device wants a PIN.
          /incorrect passphrase/.test(why)
          ? [why, 'If it is a FIDO key that wants a PIN (verify-required), make one that does not: nobody is asked']
          : [
              why,
              agent === undefined ? 'Check that the key can be used on this machine' : 'Check the agent: ssh-add -l',
            ];
  return {
    kind: 'person',
    reason: 'unusable-key',
    sentence: `${placeOf(target)} would take the key ${quotable(key)} for ${target.user}, but ssh cannot sign with it: "${quotable(words)}". ${fix}.`,
    hostKey: null,
  };
}

/** A line of ssh as far as it can be shown in quotes. */
export function quotable(line: string): string {
  return printable(line).replace(/\.$/, '').replaceAll('"', "'");
}
