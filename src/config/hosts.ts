import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

import { fileFault } from './document.ts';
import type { ConfigFile, HostEntry } from './schema.ts';
import { parseSshConfigHost } from '../ssh/ssh-config-file.ts';
import type { SshTarget } from '../ssh/target.ts';

export interface HostConfig {
  name: string;
  tags: string[];
  /** null: by the routes. */
  channel: string | null;
  /** null: by detection. */
  logFiles: string[] | null;
  target: SshTarget;
}

type Fault = (at: PropertyKey[], sentence: string) => void;

/** Entries to hosts with everything that a login needs; each thing that does not fit together goes to `fault`. */
export function resolveHosts(given: ConfigFile, fault: Fault): HostConfig[] {
  const aliases = openAliases(given.ssh.configFile);
  const entries = new Map<string, { entry: HostEntry; index: number }>();
  given.hosts.forEach((entry, index) => {
    const name = entry.name ?? entry.sshConfig;
    if (name === undefined) fault(['hosts', index], `hosts[${index}].name is missing, expected a name or sshConfig.`);
    else if (entries.has(name))
      fault(['hosts', index, 'name'], `hosts[${index}].name is "${name}", expected a name that no other host has.`);
    else entries.set(name, { entry, index });
  });

  function targetOf(name: string, entry: HostEntry, index: number, way: readonly string[]): SshTarget {
    const alias = entry.sshConfig === undefined ? null : aliasOf(entry.sshConfig, index);
    const identityFile = entry.identityFile ?? alias?.identityFile ?? given.ssh.identityFile ?? null;
    let jump: SshTarget | null = null;
    if (entry.jump !== undefined) jump = jumpTarget(entry.jump, index, [...way, name], null);
    else for (const hop of alias?.jumps ?? []) jump = jumpTarget(hop, index, [...way, name], jump);
    return {
      name,
      address: entry.address ?? alias?.address ?? entry.sshConfig ?? name,
      port: entry.port ?? alias?.port ?? given.ssh.port,
      user: entry.user ?? alias?.user ?? given.ssh.user,
      identityFile: identityFile === null ? null : expandHome(identityFile),
      knownHosts: (entry.knownHosts ?? given.ssh.knownHosts).map(expandHome),
      fingerprints: entry.fingerprints,
      jump,
    };
  }

  function aliasOf(alias: string, index: number): ReturnType<typeof parseSshConfigHost> | null {
    try {
      return aliases(alias);
    } catch (error) {
      fault(
        ['hosts', index, 'sshConfig'],
        `hosts[${index}].sshConfig is "${alias}", but ${given.ssh.configFile} cannot give it: ${fileFault(error)}.`,
      );
      return null;
    }
  }

  function jumpTarget(hop: string, index: number, way: readonly string[], via: SshTarget | null): SshTarget | null {
    if (way.includes(hop) || way.length > 8) {
      fault(
        ['hosts', index, 'jump'],
        `hosts[${index}].jump is "${hop}", expected a way that does not come back to the host itself.`,
      );
      return null;
    }
    const named = entries.get(hop);
    if (named && via === null) return targetOf(hop, named.entry, named.index, way);
    // A ProxyJump out of ssh_config names other Hosts of that file.
    if (given.hosts[index]?.sshConfig !== undefined) {
      try {
        const alias = aliases(hop);
        const entry: HostEntry = { sshConfig: hop, tags: [], fingerprints: [] };
        if (alias.jumps.length === 0) return { ...targetOf(hop, entry, index, way), jump: via };
        return targetOf(hop, entry, index, way);
      } catch {
        // Not a Host of that file: an address, as OpenSSH would take it.
      }
    }
    const parts = /^(?:(?<user>[^@]+)@)?(?<address>\[[^\]]+\]|[^:]+)(?::(?<port>\d{1,5}))?$/.exec(hop)?.groups;
    const port = Number(parts?.['port'] ?? given.ssh.port);
    if (parts?.['address'] === undefined || port < 1 || port > 65_535) {
      fault(
        ['hosts', index, 'jump'],
        `hosts[${index}].jump is "${hop}", expected a host name of this file, or [user@]address[:port].`,
      );
      return null;
    }
    const address = parts['address'].replace(/^\[|\]$/g, '');
    const identityFile = given.ssh.identityFile === undefined ? null : expandHome(given.ssh.identityFile);
    const knownHosts = given.ssh.knownHosts.map(expandHome);
    return {
      name: address,
      address,
      port,
      user: parts['user'] ?? given.ssh.user,
      identityFile,
      knownHosts,
      fingerprints: [],
      jump: via,
    };
  }

  return [...entries].map(([name, { entry, index }]) => ({
    name,
    tags: entry.tags,
    channel: entry.channel ?? null,
    logFiles: entry.logFiles ?? null,
    target: targetOf(name, entry, index, []),
  }));
}

function openAliases(file: string): (alias: string) => ReturnType<typeof parseSshConfigHost> {
  let text: string | null = null;
  return (alias) => {
    text ??= readFileSync(expandHome(file), 'utf8');
    return parseSshConfigHost(text, alias, homedir());
  };
}

/** Absolute; `~` is the home of whoever runs the bot. */
export function expandHome(given: string): string {
  const home = given === '~' || given.startsWith('~/') ? path.join(homedir(), given.slice(1)) : given;
  return path.resolve(home);
}
