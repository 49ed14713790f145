import { readFileSync } from 'node:fs';

import { renderDispatcher, renderJournalReader } from './host-programs.ts';

export interface SetupOptions {
  /** The account that the bot logs in as. */
  user: string;
  /** Texts of public key files; two while one takes the other's place. None: those that are there stay. */
  publicKeys: readonly string[];
  /** Where the keys may be used from, as `from=` of authorized_keys has it. None: from anywhere. */
  from: readonly string[];
  /** `host:port` that the bot may go on to from here; this host is a bastion then. */
  jumpTo: readonly string[];
  /** The account may read the whole journal and the log files of group adm. */
  logGroups: boolean;
  /** Log files that are read beside those of the system. */
  logFiles: readonly string[];
  /** Applying changes through an account of its own, named as the user with `-w`; null: through the same. */
  writer: { publicKey: string | null } | null;
  /** The lowest oom_score_adj that the helper will set. */
  minOomScoreAdj: number;
  /** The helper may also raise values of other processes than root's above where it found them. */
  allowRaise: boolean;
  /** Print the undo instead. */
  remove: boolean;
}

/** Below it the kernel never kills a process: that is granted only by name, with `--min -1000`. */
export const MIN_OOM_SCORE_ADJ = -900;
const PASTE = 'PASTE THE PUBLIC KEY HERE';
const HERE_END = 'OOMBOT_END_OF_TEXT';

/** useradd's own rule; two characters are left for the writer's name. Nothing else may reach a rule or a path. */
export function isAccountName(user: string): boolean {
  return /^[a-z_][a-z0-9_-]{0,29}$/.test(user) && user !== 'root';
}

/**
 * The set-up of a host as one POSIX shell script, for a person to read and to run as root: `oombot setup | ssh root@db01 sh`.
 * A second run changes nothing. Throws an Error that says what to do when the options are no good.
 */
export function renderSetup(options: SetupOptions): string {
  const { user, writer, minOomScoreAdj, allowRaise, remove } = options;
  checkLists(options);
  if (!isAccountName(user))
    throw new Error(
      `--user ${JSON.stringify(user)} cannot be used: expected a name of its own such as oombot, of small letters and digits`,
    );
  if (!Number.isInteger(minOomScoreAdj) || minOomScoreAdj < -1000 || minOomScoreAdj > 0)
    throw new Error(`--min ${minOomScoreAdj} cannot be used: expected a whole number from -1000 to 0`);
  const readerKeys = options.publicKeys.map(publicKeyLine);
  const writerKeys = writer === null || writer.publicKey === null ? [] : [publicKeyLine(writer.publicKey)];
  if (readerKeys.some((key) => writerKeys.some((other) => key.split(' ')[1] === other.split(' ')[1])))
    throw new Error('the key of the account for writing must be another than the one for reading');
  const what = remove ? 'takes away again what "oombot setup" put on a host' : 'prepares a host for oombot';
  const names = [
    `READER=${user}`,
    `WRITER=${writer || remove ? `${user}-w` : "''"}`,
    "MARK='oombot setup'",
    "BEGIN='# oombot setup: begin'",
    "END='# oombot setup: end'",
  ];
  const parts = remove
    ? [...names, textOf('remove.sh')]
    : [
        ...names,
        `PASTE='${PASTE}'`,
        `FROM='${options.from.join(',')}'`,
        `JUMP_TO='${options.jumpTo.join(' ')}'`,
        `LOG_GROUPS=${options.logGroups ? 'yes' : 'no'}`,
        `reader_keys() {\n${hereDocument(keyLines(readerKeys))}\n}`,
        `writer_keys() {\n${hereDocument(keyLines(writerKeys))}\n}`,
        `oombot_host() {\n${hereDocument(renderDispatcher(options.logFiles, setupWords(options)))}\n}`,
        `oom_journal() {\n${hereDocument(renderJournalReader())}\n}`,
        `oom_kmsg() {\n${hereDocument(textOf('oom-kmsg.sh'))}\n}`,
        `oom_adj() {\n${hereDocument(oomAdj(minOomScoreAdj, allowRaise))}\n}`,
        textOf('install.sh'),
      ];
  return [
    '#!/bin/sh',
    `# This script ${what}. Read it, then run it as root.`,
    ...(remove ? [] : summary(user, writer !== null, options)),
    // One function, called on the last line: a script that was cut off on its way does nothing.
    'main() {',
    'set -eu',
    'PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin LC_ALL=C',
    'export PATH LC_ALL',
    'umask 022',
    ...parts.map((part) => part.trimEnd()),
    '}',
    'main',
    '',
  ].join('\n');
}

function summary(
  user: string,
  separate: boolean,
  { minOomScoreAdj, allowRaise, jumpTo, logGroups }: SetupOptions,
): string[] {
  return [
    '#',
    `#   1. Account ${user}: no password, no terminal and no forwarding${jumpTo.length > 0 ? ` but to ${jumpTo.join(' ')}` : ''}. Its key runs /usr/local/bin/oombot-host`,
    '#      and nothing else: fixed scripts by name, which read what the bot needs.',
    ...(logGroups ? ['#      It is in the groups that may read the whole journal and the log files.'] : []),
    '#   2. /usr/local/sbin/oom-kmsg, oom-journal and oom-adj, owned by root: the first two read what the kernel and userspace',
    '#      killers log. The third lowers one',
    `#      oom_score_adj, to ${minOomScoreAdj} at most, of the process that its start time names, or puts back what it lowered; and writes`,
    '#      the drop-in 50-oombot.conf by which systemd starts a service with such a value. It logs every such request.',
    '#      It also lists what Docker, nerdctl and Proxmox call their containers; and for a drill it has the kernel kill a process of',
    '#      its own, in a memory group of its own that is gone afterwards.',
    ...(allowRaise
      ? ["#      It may also raise values above where it found them, but never of root's own processes."]
      : []),
    `#   3. The rule for sudo or doas by which ${separate ? `${user} may run the first two and ${user}-w the third` : `${user} may run these three`}, and nothing else.`,
    ...(separate ? [`#   4. Account ${user}-w: its key can do nothing but ask oom-adj.`] : []),
    '#',
    '# It can be run again at any time; what is there already is left alone. Undo: oombot setup --remove',
  ];
}

function textOf(file: string): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8');
}

/** The helper for a host that has none: it then has no log of its own to answer to, for who runs it may do all of it by hand. */
export function ownHelper(): string {
  return withLine(textOf('oom-adj.sh'), 'INSTALLED=yes', 'INSTALLED=no');
}

function oomAdj(min: number, allowRaise: boolean): string {
  const text = withLine(textOf('oom-adj.sh'), `MIN=${MIN_OOM_SCORE_ADJ}`, `MIN=${min}`);
  return withLine(text, 'RAISE=no', `RAISE=${allowRaise ? 'yes' : 'no'}`);
}

function withLine(text: string, line: string, instead: string): string {
  if (text.split('\n').filter((one) => one === line).length !== 1)
    throw new Error(`oom-adj.sh must hold the line ${line} once`);
  return text.replace(`\n${line}\n`, `\n${instead}\n`);
}

/** The options by which a host was set up, without its keys: all are words of few characters. */
function setupWords({ writer, minOomScoreAdj, allowRaise, from, jumpTo, logGroups, logFiles }: SetupOptions): string[] {
  return [
    ...(writer === null ? [] : ['--separate-writer']),
    ...(minOomScoreAdj === MIN_OOM_SCORE_ADJ ? [] : ['--min', String(minOomScoreAdj)]),
    ...(allowRaise ? ['--allow-raise'] : []),
    ...(from.length === 0 ? [] : ['--from', ...from]),
    ...(jumpTo.length === 0 ? [] : ['--jump-to', ...jumpTo]),
    ...(logGroups ? ['--log-groups'] : []),
    ...(logFiles.length === 0 ? [] : ['--log-file', ...logFiles]),
  ];
}

function keyLines(keys: readonly string[]): string {
  return keys.length === 0 ? PASTE : keys.join('\n');
}

/** What goes into options of sshd or into a list of the dispatcher is of few characters. */
function checkLists({ from, jumpTo, logFiles }: SetupOptions): void {
  for (const address of from)
    if (!/^!?[0-9A-Za-z.:*?/_-]{1,100}$/.test(address))
      throw new Error(
        `--from ${JSON.stringify(address)} cannot be used: expected an address such as 10.0.0.5 or 10.0.0.0/24`,
      );
  for (const target of jumpTo)
    if (!/^(?:[0-9A-Za-z.-]{1,200}|\[[0-9a-fA-F:]{2,45}\]):\d{1,5}$/.test(target))
      throw new Error(`--jump-to ${JSON.stringify(target)} cannot be used: expected HOST:PORT such as db01:22`);
  for (const file of logFiles)
    if (!/^\/[\w@%+=:,./-]{1,250}$/.test(file) || file.includes('/../'))
      throw new Error(
        `--log-file ${JSON.stringify(file)} cannot be used: expected an absolute path of plain characters`,
      );
}

/** Nothing in a here-document with a quoted delimiter is expanded; only a line that is the delimiter ends it. */
function hereDocument(text: string): string {
  if (text.split('\n').includes(HERE_END)) throw new Error(`the text holds the line ${HERE_END}`);
  return `cat <<'${HERE_END}'\n${text.trimEnd()}\n${HERE_END}`;
}

// ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bot@example
// sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIMwS/MWnmeUTvnOMgQ4kTGVtbkXwxBaU0qUmQlREYMVTAAAABHNzaDo= FIDO
const PUBLIC_KEY =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com) (AAAA[A-Za-z0-9+/]+={0,2})(?: (.*))?$/;

/** A public key as one line, its comment cut to what cannot mean anything. */
function publicKeyLine(text: string): string {
  if (text.includes('PRIVATE KEY'))
    throw new Error('--key was given a private key: give the file that ends in .pub, and keep this one to yourself');
  const found = PUBLIC_KEY.exec(text.trim());
  if (!found)
    throw new Error(
      '--key was given no public key that can be used: expected one line such as "ssh-ed25519 AAAA… name" (ssh-keygen -t ed25519 makes one)',
    );
  return [found[1], found[2], (found[3] ?? '').replaceAll(/[^\w@.+-]+/g, '_').slice(0, 60)].join(' ').trimEnd();
}
