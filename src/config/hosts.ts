import type { ConfigFile } from './schema.ts';
import { openTargets, type WrittenHost } from './targets.ts';
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

export interface ResolveOptions {
  env: NodeJS.ProcessEnv;
  /** What does not fit together, and where in the file. */
  fault: (at: PropertyKey[], sentence: string) => void;
  /** What is left out, and can be lived with. */
  warn: (sentence: string) => void;
}

/** Entries to hosts with everything that a login needs. */
export function resolveHosts(given: ConfigFile, { env, fault, warn }: ResolveOptions): HostConfig[] {
  const written = new Map<string, WrittenHost>();
  given.hosts.forEach((entry, index) => {
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
  const { targetOf } = openTargets(written, { ssh: given.ssh, env, warn });
  return [...written].map(([name, host]) => ({
    name,
    tags: host.entry.tags,
    channel: host.entry.channel ?? null,
    logFiles: host.entry.logFiles ?? null,
    target: targetOf(name, host),
  }));
}
