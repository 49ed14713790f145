import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { KnownHostLine } from './known-hosts.ts';
import { SAY_KERBEROS } from './openssh-refusal.ts';
import type { OpensshSettings, SshTarget } from './target.ts';

/** What one `ssh` process has for itself, in a folder that only its user can enter. */
export interface OpensshFolder {
  dir: string;
  /** The control socket, once it is there. */
  socket: string;
  /** What is said by `-F`: it holds for the hops of a ProxyJump too, which ssh starts with the same file. */
  config: string;
  /** What is said to this ssh alone, and not to those of its hops. */
  options: string[];
  /** The key that the host showed last; null: it did not come so far. */
  shownKey: () => Promise<Buffer | null>;
  /** Never rejects: what cannot be removed is left to whoever empties the temporary folder. */
  remove: () => Promise<void>;
}

// Asked by ssh for lines of known_hosts: why it asks, the host's name there, the key's type, the key, its fingerprint, then the pins.
// It notes the key for people to compare, and gives it back where it is pinned, so that ssh itself compares what the host proves to have.
const KEY_SCRIPT = `[ "$1" = HOSTNAME ] || exit 0
name=$2 type=$3 key=$4 fingerprint=$5
printf '%s\\n' "$key" >"\${0%/*}/shown"
shift 5
for pin; do
  if [ "$pin" = "$fingerprint" ]; then printf '%s %s %s\\n' "$name" "$type" "$key"; fi
done
exit 0
`;

// What no configuration changes: nobody can be asked, no key is taken unseen or unchecked, nothing is forwarded or written, and
// no connection of the user's own is joined, nor is one left to live on. The first value of a keyword wins in ssh_config.
const FORCED = `BatchMode yes
StrictHostKeyChecking yes
NoHostAuthenticationForLocalhost no
VerifyHostKeyDNS no
CheckHostIP no
UpdateHostKeys no
KnownHostsCommand none
PasswordAuthentication no
KbdInteractiveAuthentication no
NumberOfPasswordPrompts 0
AddKeysToAgent no
ControlMaster no
ControlPath none
ControlPersist no
ClearAllForwardings yes
ForwardAgent no
ForwardX11 no
Tunnel no
RequestTTY no
RemoteCommand none
EscapeChar none
ConnectionAttempts 1
LogLevel INFO
${SAY_KERBEROS}
`;

// A Unix socket's path has 108 bytes, and ssh first makes one with 17 more. For a hop of its ProxyJump, ssh gives the path of the file to
// a shell, unquoted, and reads `%` in it.
const PLAIN_FOLDER = /^\/[\w./+-]{0,69}$/;

interface FolderWorld {
  /** Lines of known_hosts beside the files of the target. */
  extra: readonly KnownHostLine[];
  connectTimeoutMs: number;
  keepaliveIntervalMs: number;
  canDetach: boolean;
}

/** Makes the folder, or leaves none behind. */
export async function makeOpensshFolder(
  target: SshTarget,
  openssh: OpensshSettings,
  world: FolderWorld,
): Promise<OpensshFolder> {
  const base = PLAIN_FOLDER.test(tmpdir()) ? tmpdir() : '/tmp';
  const dir = await mkdtemp(path.join(base, 'oombot-ssh-'));
  try {
    return await fill(dir, target, openssh, world);
  } catch (error) {
    await remove(dir);
    throw error;
  }
}

async function fill(
  dir: string,
  target: SshTarget,
  openssh: OpensshSettings,
  { extra, ...world }: FolderWorld,
): Promise<OpensshFolder> {
  const [config, known, script] = ['config', 'known_hosts', 'key.sh'].map((name) => path.join(dir, name));
  const { given, otherwise } = openssh;
  const isPinned = target.fingerprints.length > 0;
  const knownHosts = isPinned ? [known ?? ''] : [...target.knownHosts, known ?? ''];
  const isKnownHostsGiven = isPinned || given.includes('knownHosts') || extra.length > 0;
  const keepalive = Math.max(1, Math.ceil(world.keepaliveIntervalMs / 1_000));
  const options = [
    ...(given.includes('address') ? [`HostName=${literal(target.address)}`] : []),
    ...(given.includes('port') ? [`Port=${target.port}`] : []),
    ...(given.includes('user') ? [`User=${target.user}`] : []),
    // As with ssh2: a key that is named is the only one that is offered.
    ...(given.includes('identityFile') && target.identityFile !== null
      ? [`IdentityFile=${fileWord(target.identityFile)}`, 'IdentitiesOnly=yes']
      : []),
    ...(isKnownHostsGiven ? [`UserKnownHostsFile=${knownHosts.map(fileWord).join(' ')}`] : []),
    ...(isPinned ? ['GlobalKnownHostsFile=/dev/null'] : []),
    ...(target.allowSha1 === true ? ['HostKeyAlgorithms=+ssh-rsa', 'PubkeyAcceptedAlgorithms=+ssh-rsa'] : []),
    `KnownHostsCommand=/bin/sh ${fileWord(script ?? '')} %I %H %t %K %f ${target.fingerprints.join(' ')}`,
    'ControlMaster=yes',
    `ControlPath=${fileWord(path.join(dir, 'socket'))}`,
  ];
  const files = configFilesOf(openssh).map((file) => `Include ${includeWord(file)}\n`);
  await writeFile(script ?? '', KEY_SCRIPT);
  await writeFile(known ?? '', extra.map(lineOf).join(''));
  await writeFile(
    config ?? '',
    `${FORCED}${world.canDetach ? 'ForkAfterAuthentication no\n' : ''}${openssh.allowPrograms ? '' : 'PermitLocalCommand no\n'}${files.join('')}Match all
User ${otherwise.user}
Port ${otherwise.port}
${otherwise.identityFile === null ? '' : `IdentityFile ${fileWord(otherwise.identityFile)}\n`}UserKnownHostsFile ${['/dev/null', ...otherwise.knownHosts].map(fileWord).join(' ')}
ConnectTimeout ${Math.max(1, Math.ceil(world.connectTimeoutMs / 1_000))}
ServerAliveInterval ${keepalive}
ServerAliveCountMax 3
`,
  );
  return {
    dir,
    socket: path.join(dir, 'socket'),
    config: config ?? '',
    options: options.flatMap((one) => ['-o', one]),
    shownKey: async () => {
      const shown = await readFile(path.join(dir, 'shown'), 'latin1').catch(() => '');
      return shown === '' ? null : Buffer.from(shown, 'base64');
    },
    remove: () => remove(dir),
  };
}

/** The files that ssh reads, in its order. Relative Include lines of both are looked for in `~/.ssh`. */
export function configFilesOf({ configFile }: OpensshSettings): string[] {
  return [configFile, '/etc/ssh/ssh_config'];
}

async function remove(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true }).catch(() => undefined);
}

function lineOf({ marker, names, type, blob }: KnownHostLine): string {
  return `${marker === null ? '' : `@${marker} `}${names} ${type} ${blob.toString('base64')}\n`;
}

/** `%` begins a token. */
function literal(text: string): string {
  return text.replaceAll('%', '%%');
}

/** A path as one word of ssh_config. Throws where it cannot be one. */
function fileWord(file: string): string {
  return quoted(literal(file));
}

function quoted(file: string): string {
  if (/["\\\n\r\0]|\$\{/.test(file)) throw unsayable(file);
  return `"${file}"`;
}

/** Include takes a pattern, and reads `%` from OpenSSH 9.9 on. */
function includeWord(file: string): string {
  if (/[*?[%]/.test(file)) throw unsayable(file);
  return quoted(file);
}

function unsayable(file: string): Error {
  return new Error(`its configuration cannot hold the path ${JSON.stringify(file)}`);
}
