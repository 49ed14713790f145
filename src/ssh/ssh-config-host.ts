import path from 'node:path';

import type { CipherAlgorithm, KexAlgorithm, MacAlgorithm, ServerHostKeyAlgorithm } from 'ssh2';

import { chooseAlgorithms, type AlgorithmKind } from './algorithm-list.ts';
import type { SshConfigLine, SshConfigReader } from './ssh-config-file.ts';
import { openExpand, shellCommand, type TokenWorld } from './ssh-config-tokens.ts';
import type { SshSettings } from './target.ts';

/** What ssh_config says about a host. null: it says nothing. */
export interface SshConfigHost {
  /** A Host or Match line means this host by more than a lone `*`. */
  isNamed: boolean;
  address: string | null;
  port: number | null;
  user: string | null;
  /** Absolute; empty: none is named. */
  identityFiles: string[];
  /** known_hosts files, absolute. */
  knownHosts: string[] | null;
  /** ProxyJump: each `[user@]host[:port]`, the outermost first. */
  jumps: string[];
  /** As in SshTarget: ssh_config has it run by a shell. */
  proxyCommand: string[] | null;
  settings: SshSettings;
  /** Lines that are not taken up, one sentence each, with file, line and keyword. */
  warnings: string[];
}

export interface SshConfigWorld extends TokenWorld {
  /** Whether the ProxyCommand of the file may be run. */
  allowProxyCommand: boolean;
}

export interface SshConfigRequest {
  host: string;
  /** What oombot.yaml says of this host; it wins over the file. */
  given: { user: string | null; port: number | null };
  otherwise: { user: string; port: number };
  /** Leaves out what `Match exec` decides, for ssh itself to know. */
  passExec?: boolean;
}

/** These ask for what a login for fixed commands never does: terminals, forwarding, control sockets, the agent's and the file's upkeep. */
const NO_EFFECT = new Set(
  `addkeystoagent batchmode checkhostip clearallforwardings connectionattempts controlmaster controlpath controlpersist
  dynamicforward enableescapecommandline escapechar exitonforwardfailure fingerprinthash forkafterauthentication forwardagent
  forwardx11 forwardx11timeout forwardx11trusted gatewayports hashknownhosts ignoreunknown ipqos kbdinteractiveauthentication
  kbdinteractivedevices localcommand localforward loglevel logverbose numberofpasswordprompts passwordauthentication
  permitlocalcommand permitremoteopen preferredauthentications proxyusefdpass pubkeyauthentication remotecommand remoteforward
  requesttty sendenv sessiontype setenv stdinnull streamlocalbindmask streamlocalbindunlink syslogfacility tag tcpkeepalive tunnel
  tunneldevice updatehostkeys visualhostkey xauthlocation challengeresponseauthentication useroaming useblacklistedkeys
  obscurekeystroketiming channeltimeout warnweakcrypto`.split(/\s+/),
);
/** Said, this is what happens anyway. */
const HONOURED_VALUES = /^(no|none|off|false|never)$/i;

/**
 * What a file says about one host, with its tokens filled in. Throws an Error whose sentence names the line that cannot be used;
 * what is not taken up is in `warnings`.
 */
export function readSshConfigHost(
  reader: SshConfigReader,
  asked: SshConfigRequest,
  world: SshConfigWorld,
): SshConfigHost {
  const found = reader.linesFor(asked.host, {
    given: asked.given.user,
    otherwise: asked.otherwise.user,
    passExec: asked.passExec === true,
  });
  const warnings = [...found.warnings];
  const first = new Map<string, SshConfigLine>();
  const identityLines: SshConfigLine[] = [];
  for (const line of found.lines) {
    const keyword = aliasOf(line.keyword.toLowerCase());
    if (keyword === 'identityfile') identityLines.push(line);
    else if (!first.has(keyword)) first.set(keyword, line);
  }
  // Whichever comes first decides how the host is reached.
  const way = found.lines.find((line) => /^proxy(jump|command)$/i.test(line.keyword));

  function warn({ where, keyword }: SshConfigLine, why: string): void {
    warnings.push(`${where}: ${/^\w+$/.test(keyword) ? keyword : 'this line'} ${why}.`);
  }

  /** The line of a keyword, which is then taken up. */
  function take(keyword: string): SshConfigLine | null {
    const line = first.get(keyword);
    first.delete(keyword);
    if (line === undefined) return null;
    if (line.args[0] === undefined) throw new Error(`${line.where}: ${line.keyword} has no value`);
    return line;
  }

  function takeText(keyword: string): string | null {
    return take(keyword)?.args[0] ?? null;
  }

  function takeNumber(keyword: string, max: number): number | null {
    const line = take(keyword);
    if (line === null) return null;
    const value = Number(/^\d{1,7}$/.test(line.args[0] ?? '') ? line.args[0] : NaN);
    if (!(value <= max))
      throw new Error(`${line.where}: ${line.keyword} is "${line.args[0]}", expected a number up to ${max}`);
    return value;
  }

  function takeSeconds(keyword: string): number | null {
    const line = take(keyword);
    if (line === null || HONOURED_VALUES.test(line.args[0] ?? '')) return null;
    const [, count = '', unit = ''] = /^(\d{1,6})([smhSMH]?)$/.exec(line.args[0] ?? '') ?? [];
    if (count === '') throw new Error(`${line.where}: ${line.keyword} is "${line.args[0]}", expected seconds`);
    return Number(count) * (unit === '' ? 1 : (SECONDS_OF[unit.toLowerCase()] ?? 1)) * 1000;
  }

  function takeAlgorithms<T extends string>(keyword: string, kind: AlgorithmKind): T[] | null {
    const line = take(keyword);
    if (line === null) return null;
    const { names, missing } = chooseAlgorithms(line.args[0] ?? '', kind);
    if (names.length === 0) throw new Error(`${line.where}: ${line.keyword} names no algorithm that oombot has`);
    if (missing.length > 0) warn(line, `names ${missing.join(', ').slice(0, 300)}, which oombot does not have`);
    return names as T[];
  }

  const address = takeText('hostname')?.replaceAll('%h', asked.host).replaceAll('%%', '%') ?? null;
  const user = takeText('user');
  const port = takeNumber('port', 65_535);
  if (port === 0) throw new Error('its Port is 0');
  const hostKeyAlias = takeText('hostkeyalias');
  first.delete('proxyjump');
  first.delete('proxycommand');
  const jump = way?.keyword.toLowerCase() === 'proxyjump' ? way.rest.replaceAll(/^"|"$/g, '') : 'none';

  const names = {
    host: (address ?? asked.host).toLowerCase(),
    port: asked.given.port ?? port ?? asked.otherwise.port,
    user: asked.given.user ?? user ?? asked.otherwise.user,
  };
  const expand = openExpand({ asked: asked.host, hostKeyAlias, jump: jump === 'none' ? '' : jump, ...names }, world);
  function filesOf(lines: readonly SshConfigLine[]): string[] {
    return lines.flatMap((line) =>
      line.args.filter((arg) => arg !== 'none').map((arg) => absolute(expand(arg, line), world)),
    );
  }
  const knownLines = ['userknownhostsfile', 'globalknownhostsfile'].flatMap((keyword) => take(keyword) ?? []);
  const agentLine = take('identityagent');
  const kept = {
    ...agentSetting(agentLine, expand, world),
    ...addressSettings(take('addressfamily'), takeText('bindaddress')),
  };
  const interval = takeSeconds('serveraliveinterval');
  const [certificateFile] = filesOf([take('certificatefile')].filter((line) => line !== null));
  const proxy = way?.keyword.toLowerCase() === 'proxycommand' && !HONOURED_VALUES.test(way.args[0] ?? '') ? way : null;
  if (proxy !== null && !world.allowProxyCommand)
    warn(
      proxy,
      'runs a local program, so it is not used, and the host is dialled directly. To use it, set ssh.allowProxyCommand: true in oombot.yaml, or proxyCommand for this host',
    );

  const strict = take('stricthostkeychecking');
  if (strict !== null && !/^(yes|ask)$/i.test(strict.args[0] ?? ''))
    warn(strict, `is "${strict.args[0]}", but oombot connects to known host keys only`);
  const host: SshConfigHost = {
    isNamed: found.isNamed,
    address,
    port,
    user,
    identityFiles: filesOf(identityLines),
    knownHosts: knownLines.length === 0 ? null : filesOf(knownLines),
    proxyCommand: proxy === null || !world.allowProxyCommand ? null : shellCommand(proxy, names, asked.host),
    jumps: HONOURED_VALUES.test(jump) ? [] : jump.split(',').map((hop) => expand(hop.trim(), way)),
    settings: present({
      identitiesOnly: /^(yes|true)$/i.test(takeText('identitiesonly') ?? '') ? true : null,
      certificateFile: certificateFile ?? null,
      hostKeyAlias,
      hostKeyAlgorithms: takeAlgorithms<ServerHostKeyAlgorithm>('hostkeyalgorithms', 'SERVER_HOST_KEY'),
      kexAlgorithms: takeAlgorithms<KexAlgorithm>('kexalgorithms', 'KEX'),
      ciphers: takeAlgorithms<CipherAlgorithm>('ciphers', 'CIPHER'),
      macs: takeAlgorithms<MacAlgorithm>('macs', 'MAC'),
      connectTimeoutMs: takeSeconds('connecttimeout'),
      keepaliveIntervalMs: interval === 0 ? null : interval,
      keepaliveCountMax: takeNumber('serveralivecountmax', 1000),
      ...kept,
    }),
    warnings,
  };
  for (const line of identityLines.filter(({ args }) => args[0] === 'none')) warn(line, 'none is not supported');
  for (const [keyword, line] of first) {
    if (line.args.every((arg) => HONOURED_VALUES.test(arg))) continue;
    if (NO_EFFECT.has(keyword)) warn(line, 'has no effect here');
    else warn(line, 'is not supported and was ignored');
  }
  return host;
}

const SECONDS_OF: Record<string, number> = { s: 1, m: 60, h: 3600 };

/** Older names of two keywords. */
function aliasOf(keyword: string): string {
  return (
    { pubkeyacceptedkeytypes: 'pubkeyacceptedalgorithms', dsaauthentication: 'pubkeyauthentication' }[keyword] ??
    keyword
  );
}

function agentSetting(
  line: SshConfigLine | null,
  expand: (text: string, line: SshConfigLine) => string,
  world: SshConfigWorld,
): SshSettings {
  const named = line?.args[0];
  if (line === null || named === undefined || named === 'SSH_AUTH_SOCK') return {};
  if (named === 'none') return { identityAgent: 'none' };
  const socket =
    named.startsWith('$') && !named.startsWith('${') ? world.variable(named.slice(1)) : expand(named, line);
  return { identityAgent: socket === undefined || socket === '' ? 'none' : absolute(socket, world) };
}

function addressSettings(family: SshConfigLine | null, bindAddress: string | null): SshSettings {
  const which = family?.args[0]?.toLowerCase();
  return {
    ...(which === 'inet' ? { addressFamily: 4 } : which === 'inet6' ? { addressFamily: 6 } : {}),
    ...(bindAddress === null ? {} : { bindAddress }),
  };
}

function absolute(file: string, { home }: SshConfigWorld): string {
  return path.resolve(file === '~' || file.startsWith('~/') ? path.join(home, file.slice(1)) : file);
}

/** Without the settings that are null. */
function present(settings: { [K in keyof SshSettings]: SshSettings[K] | null }): SshSettings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null)) as SshSettings;
}
