import { homedir } from 'node:os';

import { openSshConfigFile } from './ssh-config-file.ts';

/** Asks ssh what its configuration comes to for a host: the lines of `ssh -G`. Rejects with its words where it refuses. */
export type AskConfiguration = (words: readonly string[]) => Promise<string>;

const HOPS_MAX = 8;

/**
 * The sentence that says which program ssh would run on the way to a host by its configuration; null: none. `Match exec` is looked for
 * in the files first, because `ssh -G` itself would run it.
 */
export async function programOnTheWay(
  configFile: string,
  host: string[],
  ask: AskConfiguration,
): Promise<string | null> {
  const home = homedir();
  for (const [file, folder] of [
    [configFile, `${home}/.ssh`],
    ['/etc/ssh/ssh_config', '/etc/ssh'],
  ] as const) {
    const line = openSshConfigFile(file, { home, localUser: '' }, folder).programLine();
    if (line !== null) return line;
  }
  const waiting = [host];
  for (let asked = 0; waiting.length > 0; asked++) {
    if (asked > HOPS_MAX) return 'its ProxyJump goes over more than 8 hosts';
    const said = await ask(waiting.shift() ?? []);
    const command = /^proxycommand (.+)$/m.exec(said)?.[1];
    if (command !== undefined && command !== 'none') return `its ProxyCommand is "${command.slice(0, 100)}"`;
    const jumps = /^proxyjump (.+)$/m.exec(said)?.[1] ?? 'none';
    if (jumps !== 'none') waiting.push(...jumps.split(',').map(hopWords));
  }
  return null;
}

/** `[user@]host[:port]` or `ssh://…`, as arguments. */
function hopWords(hop: string): string[] {
  const parts = /^(?:ssh:\/\/)?(?:(?<user>[^@]+)@)?(?<host>\[[^\]]+\]|[^:]+)(?::(?<port>\d{1,5}))?$/.exec(hop)?.groups;
  const { user, host, port } = parts ?? {};
  return [
    ...(user === undefined ? [] : ['-o', `User=${user}`]),
    ...(port === undefined ? [] : ['-o', `Port=${port}`]),
    '--',
    (host ?? hop).replace(/^\[|\]$/g, ''),
  ];
}
