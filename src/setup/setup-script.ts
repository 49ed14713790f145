import { readFileSync } from 'node:fs';

export interface SetupOptions {
  /** The account that the bot logs in as. */
  user: string;
  /** Text of a public key file. null: a line to be replaced by hand. */
  publicKey: string | null;
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

/**
 * The set-up of a host as one POSIX shell script, for a person to read and to run as root: `oombot setup | ssh root@db01 sh`.
 * A second run changes nothing. Throws an Error that says what to do when the options are no good.
 */
export function renderSetup(options: SetupOptions): string {
  const { user, writer, minOomScoreAdj, allowRaise, remove } = options;
  // useradd's own rule; two characters are left for the writer's name. Nothing else may reach a rule or a path.
  if (!/^[a-z_][a-z0-9_-]{0,29}$/.test(user) || user === 'root')
    throw new Error(
      `--user ${JSON.stringify(user)} cannot be used: expected a name of its own such as oombot, of small letters and digits`,
    );
  if (!Number.isInteger(minOomScoreAdj) || minOomScoreAdj < -1000 || minOomScoreAdj > 0)
    throw new Error(`--min ${minOomScoreAdj} cannot be used: expected a whole number from -1000 to 0`);
  const readerKey = publicKeyLine(options.publicKey);
  const writerKey = publicKeyLine(writer?.publicKey ?? null);
  if (readerKey !== PASTE && readerKey.split(' ')[1] === writerKey.split(' ')[1])
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
        `reader_key() {\n${hereDocument(readerKey)}\n}`,
        `writer_key() {\n${hereDocument(writerKey)}\n}`,
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

function summary(user: string, separate: boolean, { minOomScoreAdj, allowRaise }: SetupOptions): string[] {
  return [
    '#',
    `#   1. Account ${user}: no password, one key, no terminal and no forwarding; in the groups that may read the kernel log.`,
    '#   2. /usr/local/sbin/oom-kmsg and oom-adj, owned by root: the first reads the kernel log. The second lowers one',
    `#      oom_score_adj, to ${minOomScoreAdj} at most, of the process that its start time names, or puts back what it lowered; and writes`,
    '#      the drop-in 50-oombot.conf by which systemd starts a service with such a value. It logs every request.',
    ...(allowRaise
      ? ["#      It may also raise values above where it found them, but never of root's own processes."]
      : []),
    `#   3. The rule for sudo or doas by which ${separate ? `${user} may run the first and ${user}-w the second` : `${user} may run these two`}, and nothing else.`,
    ...(separate ? [`#   4. Account ${user}-w: its key can do nothing but ask oom-adj.`] : []),
    '#',
    '# It can be run again at any time; what is there already is left alone. Undo: oombot setup --remove',
  ];
}

function textOf(file: string): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8');
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

/** Nothing in a here-document with a quoted delimiter is expanded; only a line that is the delimiter ends it. */
function hereDocument(text: string): string {
  if (text.split('\n').includes(HERE_END)) throw new Error(`the text holds the line ${HERE_END}`);
  return `cat <<'${HERE_END}'\n${text.trimEnd()}\n${HERE_END}`;
}

// ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bot@example
const PUBLIC_KEY = /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) (AAAA[A-Za-z0-9+/]+={0,2})(?: (.*))?$/;

/** A public key as one line, its comment cut to what cannot mean anything. */
function publicKeyLine(text: string | null): string {
  if (text === null) return PASTE;
  if (text.includes('PRIVATE KEY'))
    throw new Error('--key was given a private key: give the file that ends in .pub, and keep this one to yourself');
  const found = PUBLIC_KEY.exec(text.trim());
  if (!found)
    throw new Error(
      '--key was given no public key that can be used: expected one line such as "ssh-ed25519 AAAA… name" (ssh-keygen -t ed25519 makes one)',
    );
  return [found[1], found[2], (found[3] ?? '').replaceAll(/[^\w@.+-]+/g, '_').slice(0, 60)].join(' ').trimEnd();
}
