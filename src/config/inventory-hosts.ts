import type { HostConfig } from './hosts.ts';
import type { HostList, ListedHost } from './inventory-lists.ts';
import { HostEntry, type ConfigFile, type InventoryEntry } from './schema.ts';
import { expandHome, openTargets, writtenHosts, type WrittenHost } from './targets.ts';
import type { SshTarget } from '../ssh/target.ts';

/** What one source said last. */
export interface ReadInventory {
  source: InventoryEntry;
  /** `inventory[0] (file_sd, /etc/targets.json)`, for people. */
  label: string;
  list: HostList;
}

export interface InventoryHosts {
  hosts: HostConfig[];
  /** What was left out and why, one sentence for each kind of it, by the label of its source. */
  notes: { label: string; sentence: string }[];
}

const EXAMPLES = 3;

/**
 * Hosts of inventories, with everything that a login needs. A name belongs to whoever has it first: `taken`, then the sources in their
 * order. An entry that is no host is left out, and the others stay.
 */
export function inventoryHosts(
  given: Pick<ConfigFile, 'ssh' | 'hosts'>,
  inventories: readonly ReadInventory[],
  { env, taken }: { env: NodeJS.ProcessEnv; taken: ReadonlySet<string> },
): InventoryHosts {
  const found: InventoryHosts = { hosts: [], notes: [] };
  const seen = new Map<string, { address: string; label: string; host: HostConfig }>();
  for (const { source, label, list } of inventories) {
    const left = new Map<string, string[]>();
    function leaveOut(why: string, name: string): void {
      left.set(why, [...(left.get(why) ?? []), name]);
    }
    const { targetOf } = openTargets(writtenHosts(given.hosts), { ssh: given.ssh, env, warn: () => {} });
    for (const listed of list.hosts) {
      const entry = entryOf(listed, source);
      if (typeof entry === 'string') {
        leaveOut(entry, listed.name);
        continue;
      }
      const faults: string[] = [];
      const written: WrittenHost = { entry, label: 'it', fault: (_, sentence) => faults.push(sentence) };
      const target = targetOf(listed.name, written);
      const before = seen.get(listed.name);
      const [fault] = faults;
      if (fault !== undefined) leaveOut(fault.replace(/\.$/, ''), listed.name);
      else if (taken.has(listed.name)) leaveOut('named in oombot.yaml or added in Slack', listed.name);
      else if (before?.label === label && before.address === target.address)
        // Several exporters of one host are one host here.
        before.host.tags = [...new Set([...before.host.tags, ...entry.tags])].toSorted();
      else if (before?.label === label) leaveOut('listed before with another address', listed.name);
      else if (before !== undefined) leaveOut(`listed in ${before.label}`, listed.name);
      else {
        const { trustFirstKey } = source;
        const host: HostConfig = {
          name: listed.name,
          tags: entry.tags,
          channel: entry.channel ?? null,
          logFiles: entry.logFiles ?? null,
          from: label,
          target: trustFirstKey === undefined ? target : trusting(target, expandHome(trustFirstKey)),
        };
        seen.set(listed.name, { address: target.address, label, host });
        found.hosts.push(host);
      }
    }
    const notes = [...list.notes, ...[...left].map(([why, names]) => `left out ${sayNames(names)}: ${why}`)];
    found.notes.push(...notes.map((sentence) => ({ label, sentence })));
  }
  return found;
}

/** The keys that were trusted are known from then on. */
function trusting(target: SshTarget, trustFirstKey: string): SshTarget {
  const knownHosts = [...new Set([...target.knownHosts, trustFirstKey])];
  return { ...target, knownHosts, trustFirstKey };
}

/** Checked by the form of `hosts[]`; a string says why it is none. What the host says of itself wins over its source. */
function entryOf({ name, fields, tags }: ListedHost, source: InventoryEntry): HostEntry | string {
  const { channel, user, port, identityFile, knownHosts, jump, proxyCommand, transport } = source;
  const defaults = {
    channel,
    user,
    port,
    identityFile,
    knownHosts,
    transport,
    ...(fields['proxyCommand'] === undefined ? { jump } : {}),
    ...(fields['jump'] === undefined ? { proxyCommand } : {}),
  };
  const given = Object.fromEntries(Object.entries(defaults).filter(([, one]) => one !== undefined));
  const all = { name, ...given, ...fields, tags: [...new Set([...source.tags, ...tags])] };
  const read = HostEntry.safeParse(all);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const key = issue?.code === 'unrecognized_keys' ? issue.keys.join(', ') : (issue?.path.join('.') ?? '');
  return `${key.slice(0, 60)}: ${issue?.message ?? 'not usable'}`;
}

/** Names of strangers, as far as they can be shown on one line. */
function sayNames(names: readonly string[]): string {
  const shown = names
    .slice(0, EXAMPLES)
    .map((name) => JSON.stringify(name.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 60)));
  return `${shown.join(', ')}${names.length > EXAMPLES ? ` and ${names.length - EXAMPLES} more` : ''}`;
}
