import { glob, LineType, SSHConfig } from 'ssh-config';

export interface SshConfigHost {
  address: string | null;
  port: number | null;
  user: string | null;
  identityFile: string | null;
  /** ProxyJump: each `[user@]host[:port]`, the outermost first. */
  jumps: string[];
}

/**
 * Looks a Host alias up in the text of an ssh_config. Throws an Error whose sentence says what is wrong: no such Host,
 * a file with `Match exec` (looking it up would run that command), or a port that is none. Include is not followed.
 */
export function parseSshConfigHost(text: string, alias: string, home: string): SshConfigHost {
  // Before parsing: nothing of a file that wants to run a command is used.
  if (/^\s*match\b.*\bexec\b/im.test(text))
    throw new Error('it has a "Match exec" line, which runs a command; write this host out instead');
  const config = SSHConfig.parse(text);
  if (!namesHost(config, alias)) {
    const includes = /^\s*include\b/im.test(text) ? ' (its Include lines are not followed)' : '';
    throw new Error(`it has no Host ${alias}${includes}`);
  }

  const found = config.compute(alias, { ignoreCase: true, matchExec: false });
  const user = one(found['user']);
  const address = one(found['hostname'])?.replaceAll('%h', alias).replaceAll('%%', '%') ?? null;
  const port = one(found['port']);
  if (port !== null && !/^\d{1,5}$/.test(port)) throw new Error(`Port of Host ${alias} is "${port}"`);
  const jump = one(found['proxyjump']);
  const identityFile = one(found['identityfile']);
  return {
    address,
    port: port === null ? null : Number(port),
    user,
    identityFile:
      identityFile === null ? null : expandTokens(identityFile, { h: address ?? alias, d: home, r: user ?? '' }),
    jumps: jump === null || jump.toLowerCase() === 'none' ? [] : jump.split(',').map((hop) => hop.trim()),
  };
}

/** True if a Host line means the alias by more than a lone `*`. */
function namesHost(config: SSHConfig, alias: string): boolean {
  return config.some((line) => {
    if (line.type !== LineType.DIRECTIVE || line.param.toLowerCase() !== 'host') return false;
    const patterns = typeof line.value === 'string' ? [line.value] : line.value.map((part) => part.val);
    return patterns.some((pattern) => pattern !== '*' && !pattern.startsWith('!') && glob(pattern, alias));
  });
}

function one(value: unknown): string | null {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === 'string' && first !== '' ? first : null;
}

/** ssh_config(5), TOKENS, as far as IdentityFile needs them. */
function expandTokens(text: string, tokens: Record<string, string>): string {
  return text.replaceAll(/%(.)/g, (whole, letter: string) => {
    if (letter === '%') return '%';
    const known = tokens[letter];
    if (known === undefined) throw new Error(`IdentityFile uses ${whole}, which is not supported`);
    return known;
  });
}
