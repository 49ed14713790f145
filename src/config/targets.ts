import { homedir, hostname, userInfo } from 'node:os';
import path from 'node:path';

import { fileFault } from './document.ts';
import type { ConfigFile, HostEntry } from './schema.ts';
import { openSshConfigFile } from '../ssh/ssh-config-file.ts';
import { readSshConfigHost, type SshConfigHost } from '../ssh/ssh-config-host.ts';
import { parseJump, type OpensshSettings, type SshTarget } from '../ssh/target.ts';

/** One host as somebody wrote it down, and where to complain about it. */
export interface WrittenHost {
  entry: HostEntry;
  /** How it is called in a sentence: `hosts[3]`. */
  label: string;
  fault: (key: keyof HostEntry | null, sentence: string) => void;
}

export interface TargetWorld {
  ssh: ConfigFile['ssh'];
  env: NodeJS.ProcessEnv;
  /** A line of ssh_config that is not taken up; the same one may come for many hosts. */
  warn: (sentence: string) => void;
}

const JUMPS_MAX = 8;

/** The hosts of oombot.yaml by their names; `fault` hears of those that have none of their own. */
export function writtenHosts(
  hosts: readonly HostEntry[],
  fault: (at: PropertyKey[], sentence: string) => void = () => {},
): Map<string, WrittenHost> {
  const written = new Map<string, WrittenHost>();
  hosts.forEach((entry, index) => {
    const name = entry.name ?? entry.sshConfig;
    const label = `hosts[${index}]`;
    if (name === undefined) fault(['hosts', index], `${label}.name is missing, expected a name or sshConfig.`);
    else if (written.has(name))
      fault(['hosts', index, 'name'], `${label}.name is "${name}", expected a name that no other host has.`);
    else
      written.set(name, {
        entry,
        label,
        fault: (key, sentence) => fault(['hosts', index, ...(key === null ? [] : [key])], sentence),
      });
  });
  return written;
}

/** How each of these hosts is reached. What does not fit together goes to the host's own `fault`. */
export function openTargets(hosts: ReadonlyMap<string, WrittenHost>, { ssh, env, warn }: TargetWorld) {
  const lookup = openLookup(ssh, env);
  const knownHosts = ssh.knownHosts.map(expandHome);
  const identityFile = ssh.identityFile === undefined ? null : expandHome(ssh.identityFile);

  /** `way`: from where it is come to, for a jump host, which is reached by the transport of the first. */
  function targetOf(
    name: string,
    { entry, label, fault }: WrittenHost,
    way: readonly string[] = [],
    transport = entry.transport ?? ssh.transport,
  ): SshTarget {
    const { sshConfig } = entry;
    const isOpenssh = transport === 'openssh';
    let alias: SshConfigHost | null = null;
    if (sshConfig !== undefined) {
      try {
        alias = lookup(sshConfig, { user: entry.user ?? null, port: entry.port ?? null }, isOpenssh);
        if (!alias.isNamed) throw new Error(`it has no Host ${sshConfig}`);
        // ssh itself takes up what oombot does not.
        if (!isOpenssh) alias.warnings.forEach(warn);
      } catch (error) {
        fault(
          'sshConfig',
          `${label}.sshConfig is "${sshConfig}", but ${ssh.configFile} cannot give it: ${fileFault(error)}.`,
        );
      }
    }

    function jumpTo(hop: string, via: SshTarget | null): SshTarget | null {
      if (way.includes(hop) || hop === name || way.length >= JUMPS_MAX) {
        fault('jump', `${label}.jump is "${hop}", expected a way that does not come back to the host itself.`);
        return null;
      }
      const named = hosts.get(hop);
      if (named && via === null) return targetOf(hop, named, [...way, name], transport);
      const parts = parseJump(hop);
      if (parts === null) {
        fault('jump', `${label}.jump is "${hop}", expected a host name of this file, or [user@]address[:port].`);
        return null;
      }
      const { address, port = ssh.port, user = ssh.user } = parts;
      const plain = { name: address, address, port, user, identityFile, knownHosts, fingerprints: [] };
      if (isOpenssh) {
        const given = (['user', 'port'] as const).filter((key) => parts[key] !== undefined);
        return { ...plain, jump: null, openssh: byOpenssh(address, given) };
      }
      // A jump of a host out of ssh_config is looked up there, as ssh itself does.
      if (sshConfig === undefined) return { ...plain, jump: via };
      const given = { user: parts.user ?? null, port: parts.port ?? null };
      try {
        const hopAlias = lookup(address, given);
        hopAlias.warnings.forEach(warn);
        const ownWay = { entry: { sshConfig: address, tags: [], fingerprints: [] }, label, fault };
        const own = via ?? (hopAlias.jumps.length > 0 ? targetOf(address, ownWay, [...way, name]).jump : null);
        return { ...plain, ...fromAlias(hopAlias, address, given), ...wayThrough(own, hopAlias.proxyCommand) };
      } catch (error) {
        fault('sshConfig', `${label}.jump is "${hop}", but ${ssh.configFile} cannot give it: ${fileFault(error)}.`);
        return null;
      }
    }

    function fromAlias(from: SshConfigHost, called: string, given: { user: string | null; port: number | null }) {
      const [key, ...more] = from.identityFiles;
      const settings = more.length === 0 ? from.settings : { ...from.settings, moreIdentityFiles: more };
      return {
        address: from.address ?? called,
        port: given.port ?? from.port ?? ssh.port,
        user: given.user ?? from.user ?? ssh.user,
        identityFile: key ?? identityFile,
        knownHosts: from.knownHosts ?? knownHosts,
        ...(Object.keys(settings).length === 0 ? {} : { settings }),
      };
    }

    let jump: SshTarget | null = null;
    if (entry.jump !== undefined) jump = jumpTo(entry.jump, null);
    else if (entry.proxyCommand === undefined && !isOpenssh)
      for (const hop of alias?.jumps ?? []) jump = jumpTo(hop, jump);
    if (entry.proxyCommand !== undefined && entry.jump !== undefined)
      fault('proxyCommand', `${label} has a jump and a proxyCommand, expected one of them.`);
    const unknown = /%[^hpr%]/.exec(entry.proxyCommand?.join(' ').replaceAll('%%', '') ?? '')?.[0];
    if (unknown !== undefined)
      fault('proxyCommand', `${label}.proxyCommand uses ${unknown}, expected %h, %p or %r, and %% for a percent sign.`);
    const plain = { address: sshConfig ?? name, port: ssh.port, user: ssh.user, identityFile, knownHosts };
    const base = alias === null ? plain : fromAlias(alias, sshConfig ?? name, { user: null, port: null });
    return {
      ...base,
      name,
      address: entry.address ?? base.address,
      port: entry.port ?? base.port,
      user: entry.user ?? base.user,
      identityFile: entry.identityFile === undefined ? base.identityFile : expandHome(entry.identityFile),
      knownHosts: entry.knownHosts?.map(expandHome) ?? base.knownHosts,
      fingerprints: entry.fingerprints,
      ...wayThrough(jump, entry.proxyCommand ?? (isOpenssh ? null : (alias?.proxyCommand ?? null))),
      ...(isSha1Allowed() ? { allowSha1: true as const } : {}),
      ...(isOpenssh ? { openssh: byOpenssh(sshConfig ?? entry.address ?? name, givenBy(entry), alias) } : {}),
    };

    function isSha1Allowed(): boolean {
      const allowed = entry.allowSha1 ?? ssh.allowSha1;
      if (allowed) {
        const key = entry.allowSha1 === true ? `${label}.allowSha1` : 'ssh.allowSha1';
        warn(
          `${key} takes host keys that sign with SHA-1, and logs in with RSA keys that do; such signatures can be forged, at a price. Leave it to hosts that have nothing better.`,
        );
      }
      return allowed;
    }

    function byOpenssh(
      host: string,
      given: OpensshSettings['given'],
      from: SshConfigHost | null = null,
    ): OpensshSettings {
      return opensshSettings(ssh, host, given, (from?.identityFiles.length ?? 0) === 0);
    }
  }

  return { targetOf };
}

/** How ssh is asked for a host. `given`: what it is told; the rest is its own configuration's, and where that says nothing, ours. */
export function opensshSettings(
  ssh: ConfigFile['ssh'],
  host: string,
  given: OpensshSettings['given'],
  isKeyWanted = true,
): OpensshSettings {
  const { user, port, identityFile } = ssh;
  return {
    host,
    configFile: expandHome(ssh.configFile),
    allowPrograms: ssh.allowProxyCommand,
    given,
    otherwise: {
      user,
      port,
      identityFile: identityFile === undefined || !isKeyWanted ? null : expandHome(identityFile),
      knownHosts: ssh.knownHosts.map(expandHome),
    },
  };
}

/** A host that is no alias of ssh_config is what oombot.yaml says. */
function givenBy(entry: HostEntry): OpensshSettings['given'] {
  const all = ['address', 'port', 'user', 'identityFile', 'knownHosts'] as const;
  return entry.sshConfig === undefined ? all : all.filter((key) => entry[key] !== undefined);
}

/** One way alone: a jump host, which is named nearer by, comes before a program. */
function wayThrough(jump: SshTarget | null, proxyCommand: string[] | null): Pick<SshTarget, 'jump' | 'proxyCommand'> {
  return jump !== null || proxyCommand === null ? { jump } : { jump, proxyCommand };
}

/** Looks hosts up in ssh.configFile, which is read once. Throws what is wrong with it. */
function openLookup(ssh: ConfigFile['ssh'], env: NodeJS.ProcessEnv) {
  const home = homedir();
  const localUser = nameOfUser();
  const world = {
    home,
    localUser,
    localUid: process.getuid?.() ?? 0,
    localHost: hostname(),
    variable: (name: string) => env[name],
    allowProxyCommand: ssh.allowProxyCommand,
  };
  const reader = openSshConfigFile(expandHome(ssh.configFile), { home, localUser });
  const otherwise = { user: ssh.user, port: ssh.port };
  return (host: string, given: { user: string | null; port: number | null }, passExec = false): SshConfigHost =>
    readSshConfigHost(reader, { host, given, otherwise, passExec }, world);
}

/** Absolute; `~` is the home of whoever runs the bot. */
export function expandHome(given: string): string {
  const home = given === '~' || given.startsWith('~/') ? path.join(homedir(), given.slice(1)) : given;
  return path.resolve(home);
}

function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    return ''; // A uid without an account, as in some containers.
  }
}
