import { createHash } from 'node:crypto';

import type { SshConfigLine } from './ssh-config-file.ts';

/** Who asks, and from where: what the tokens of ssh_config(5) stand for. */
export interface TokenWorld {
  home: string;
  localUser: string;
  localUid: number;
  /** This machine's name, as `hostname` prints it. */
  localHost: string;
  /** A variable of the environment, for `${NAME}`. */
  variable: (name: string) => string | undefined;
}

// What a shell reads as itself. Address and user come into the command unquoted, as ssh puts them there.
const PLAIN = /^[\w.:@%+-]+$/;

/**
 * A ProxyCommand as ssh runs it, `%h %p %r` left for when it runs. Throws where it would read a name as more than one.
 */
export function shellCommand({ rest, where }: SshConfigLine, { host, user }: TokenNames, asked: string): string[] {
  const strange = [host, user, asked].find((one) => !PLAIN.test(one) || one.startsWith('-'));
  if (strange !== undefined)
    throw new Error(
      `${where}: ProxyCommand cannot be used with "${strange.slice(0, 100)}", which a shell could read as more than a name`,
    );
  const unknown = /%[^hprn]/.exec(rest.replaceAll('%%', ''))?.[0];
  if (unknown !== undefined) throw new Error(`${where}: ProxyCommand uses ${unknown}, which is not known`);
  return ['/bin/sh', '-c', `exec ${rest.replaceAll('%%', '\0').replaceAll('%n', asked).replaceAll('\0', '%%')}`];
}

interface TokenNames {
  host: string;
  port: number;
  user: string;
}

interface ExpandNames extends TokenNames {
  asked: string;
  hostKeyAlias: string | null;
  jump: string;
}

/** ssh_config(5), TOKENS and ENVIRONMENT VARIABLES. */
export function openExpand(
  names: ExpandNames,
  world: TokenWorld,
): (text: string, line: SshConfigLine | undefined) => string {
  const { host, user, jump } = names;
  const port = String(names.port);
  const tokens: Record<string, string> = {
    '%': '%',
    // %j since OpenSSH 9.8; without a jump host the older hash is the same.
    C: createHash('sha1').update(`${world.localHost}${host}${port}${user}${jump}`).digest('hex'),
    d: world.home,
    h: host,
    i: String(world.localUid),
    j: jump,
    k: names.hostKeyAlias ?? names.asked,
    L: world.localHost.split('.')[0] ?? '',
    l: world.localHost,
    n: names.asked,
    p: port,
    r: user,
    u: world.localUser,
  };
  return (text, line) =>
    text.replaceAll(/%(.)|\$\{(\w+)\}/g, (whole, letter: string | undefined, name: string | undefined) => {
      const value = letter === undefined ? world.variable(name ?? '') : tokens[letter];
      if (value === undefined)
        throw new Error(
          `${line?.where ?? ''}: ${line?.keyword ?? ''} uses ${whole}, which ${letter === undefined ? 'is not set' : 'is not known'}`,
        );
      return value;
    });
}
