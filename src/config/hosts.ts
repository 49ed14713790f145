import type { ConfigFile } from './schema.ts';
import { openTargets, writtenHosts } from './targets.ts';
import type { SshTarget } from '../ssh/target.ts';

export interface HostConfig {
  name: string;
  tags: string[];
  /** null: by the routes. */
  channel: string | null;
  /** null: by detection. */
  logFiles: string[] | null;
  /** Where the host comes from, when it is no host of oombot.yaml. */
  from?: string;
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
  const written = writtenHosts(given.hosts, fault);
  const { targetOf } = openTargets(written, { ssh: given.ssh, env, warn });
  return [...written].map(([name, host]) => ({
    name,
    tags: host.entry.tags,
    channel: host.entry.channel ?? null,
    logFiles: host.entry.logFiles ?? null,
    target: targetOf(name, host),
  }));
}
