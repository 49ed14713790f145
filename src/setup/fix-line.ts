import { isAccountName, MIN_OOM_SCORE_ADJ } from './setup-script.ts';
import type { CheckedHost } from './finding.ts';

export interface SetupWish {
  key?: boolean;
  /** As the host says it was set up before; null or absent: it does not say, and these stand for it. */
  known?: readonly string[] | null;
  writer?: boolean;
  min?: number | null;
  allowRaise?: boolean;
  /** What is to be added. */
  logGroups?: boolean;
  logFile?: string;
}

/** The set-up run on the host from where the bot runs: `oombot setup | ssh root@10.0.0.11 sh`. */
export function setupLine(host: CheckedHost, wish: SetupWish = {}): string {
  const words = ['oombot', 'setup'];
  // An account that the set-up would not make is no account for it: the host gets one, and is named with it.
  const isOwn = isAccountName(host.user);
  if (isOwn && host.user !== 'oombot') words.push('--user', host.user);
  if (wish.key || !isOwn) words.push('--key', `${host.identityFile ?? '~/.ssh/id_ed25519'}.pub`);
  if (wish.known) words.push(...wish.known);
  else {
    if (wish.writer) words.push('--separate-writer');
    if (typeof wish.min === 'number' && wish.min !== MIN_OOM_SCORE_ADJ) words.push('--min', String(wish.min));
    if (wish.allowRaise) words.push('--allow-raise');
  }
  if (wish.logGroups && !words.includes('--log-groups')) words.push('--log-groups');
  // The last option takes several: what stands behind it is one more.
  if (wish.logFile) {
    const at = words.indexOf('--log-file');
    if (at < 0) words.push('--log-file', wish.logFile);
    else words.splice(at + 1, 0, wish.logFile);
  }
  const then = isOwn ? '' : ` # then set user: oombot for ${host.name} in oombot.yaml`;
  return `${words.map(quoted).join(' ')} | ${asRoot(host)} sh${then}`;
}

function asRoot(host: CheckedHost): string {
  const { jump } = host;
  const way = [
    ...(jump ? ['-J', `${jump.user}@${jump.address}:${jump.port}`] : []),
    ...(host.port === 22 ? [] : ['-p', String(host.port)]),
  ];
  return ['ssh', ...way, `root@${host.address}`].map(quoted).join(' ');
}

/** Puts the key that was shown on file, once its fingerprint has been compared. `line` is a line of known_hosts. */
export function knownHostLine(host: CheckedHost, line: string): string {
  return `printf '%s\\n' ${quoted(line)} >> ${quoted(knownHostsFile(host))}`;
}

/** Takes the old key off the file, then puts the new one on it. */
export function changedHostLine(host: CheckedHost, line: string): string {
  const name = host.port === 22 ? host.address : `[${host.address}]:${host.port}`;
  return `ssh-keygen -f ${quoted(knownHostsFile(host))} -R ${quoted(name)} && ${knownHostLine(host, line)}`;
}

/** A key pair of the bot's own. */
export function newKeyLine(host: CheckedHost): string {
  return `ssh-keygen -t ed25519 -N '' -C oombot -f ${quoted(host.identityFile ?? '~/.ssh/id_ed25519')}`;
}

/** Puts the account into a group; both tool sets take a name of the configuration and one of ours. */
export function groupLine(host: CheckedHost, group: string, tools: readonly string[]): string {
  return tools.includes('usermod')
    ? `usermod -aG ${group} ${quoted(host.user)}`
    : `addgroup ${quoted(host.user)} ${group}`;
}

function knownHostsFile(host: CheckedHost): string {
  return host.knownHosts[0] ?? '~/.ssh/known_hosts';
}

/** A word as a POSIX shell takes it back. A leading `~/` stays the home directory. */
export function quoted(word: string): string {
  if (word.startsWith('~/')) return `~/${quoted(word.slice(2))}`;
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
