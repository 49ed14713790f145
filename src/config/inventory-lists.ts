// What other tools know of hosts, as they write it:
//
//   Prometheus file_sd and http_sd   [{"targets": ["10.0.0.11:9100"], "labels": {"env": "prod", "instance": "db01"}}]
//   ansible-inventory --list         {"_meta": {"hostvars": {"db01": {"ansible_host": "10.0.0.11"}}}, "db": {"hosts": ["db01"]}}
//   a file of hosts                  as under `hosts:` of oombot.yaml
//
// Everything in them is a stranger's text: names and tags that are none are left out and counted, nothing is run.
import { parse } from 'yaml';
import { z } from 'zod';

import { splitArgs } from '../ssh/ssh-config-file.ts';

/** A host as an inventory names it; checked against the form of `hosts[]` later. */
export interface ListedHost {
  name: string;
  fields: Record<string, unknown>;
  tags: string[];
}

export interface HostList {
  hosts: ListedHost[];
  /** What was left out, one sentence each. */
  notes: string[];
}

export interface LabelChoice {
  /** Labels whose values become tags; null: all that do not begin with `__`, but `instance`. */
  labels: readonly string[] | null;
  /** Label of the host's name; null: `instance`, else the address. */
  nameLabel: string | null;
  /** Label of the address; null: the target itself, which is `__address__`. */
  addressLabel: string | null;
}

/** JSON or YAML. Throws an Error whose sentence goes on after a colon. */
export function parseList(text: string): unknown {
  const isJson = /^\s*[[{]/.test(text);
  try {
    if (isJson) return JSON.parse(text);
  } catch (error) {
    // Flow style YAML begins like JSON; a file that is cut off is neither.
    if (!/^\s*[[{]\s*[\w-]+\s*:/.test(text)) throw new Error(`it is not JSON: ${wordsOf(error)}`, { cause: error });
  }
  try {
    return parse(text, { maxAliasCount: 100 });
  } catch (error) {
    throw new Error(`it is not YAML: ${wordsOf(error)}`, { cause: error });
  }
}

const TargetGroups = z.array(
  z.object({ targets: z.array(z.string()), labels: z.record(z.string(), z.coerce.string()).optional() }),
);

/** Prometheus service discovery; the port of a target is its exporter's, so it is left out. Throws what is wrong with its form. */
export function listPrometheus(value: unknown, choice: LabelChoice): HostList {
  const groups = TargetGroups.safeParse(value);
  if (!groups.success) throw new Error('it is no list of {targets, labels}');
  const notes = new Map<string, number>();
  const hosts = groups.data.flatMap(({ targets, labels = {} }) =>
    targets.map((target): ListedHost => {
      const address = withoutPort(labels[choice.addressLabel ?? '__address__'] ?? target);
      const name = withoutPort(labels[choice.nameLabel ?? 'instance'] ?? address);
      const chosen = Object.entries(labels).filter(([label]) =>
        choice.labels === null ? !label.startsWith('__') && label !== 'instance' : choice.labels.includes(label),
      );
      return {
        name,
        fields: { address },
        tags: tagsOf(
          chosen.map(([, text]) => text),
          notes,
        ),
      };
    }),
  );
  return { hosts, notes: sayNotes(notes) };
}

const Group = z.object({ hosts: z.array(z.string()).optional(), children: z.array(z.string()).optional() });
const Ansible = z.object({ _meta: z.object({ hostvars: z.record(z.string(), z.record(z.string(), z.unknown())) }) });
/** Every host is in these. */
const NO_TAGS = new Set(['all', 'ungrouped']);

/** What `ansible-inventory --list` prints. Throws what is wrong with its form. */
export function listAnsible(value: unknown): HostList {
  const inventory = Ansible.safeParse(value);
  if (!inventory.success) throw new Error('it has no _meta.hostvars: write it with ansible-inventory --list');
  const groups = new Map<string, z.output<typeof Group>>();
  for (const [name, group] of Object.entries(value as object)) {
    const read = Group.safeParse(group);
    if (name !== '_meta' && read.success) groups.set(name, read.data);
  }
  const tags = new Map<string, Set<string>>();
  for (const top of groups.keys()) {
    if (NO_TAGS.has(top)) continue;
    // A group may be below itself by mistake.
    const below = [top];
    const seen = new Set<string>();
    for (let group = below.pop(); group !== undefined; group = below.pop()) {
      if (seen.has(group)) continue;
      seen.add(group);
      below.push(...(groups.get(group)?.children ?? []));
      for (const host of groups.get(group)?.hosts ?? []) {
        const known = tags.get(host) ?? new Set();
        tags.set(host, known.add(top));
      }
    }
  }
  const { hostvars } = inventory.data._meta;
  const names = new Set([...Object.keys(hostvars), ...[...groups.values()].flatMap(({ hosts = [] }) => hosts)]);
  const notes = new Map<string, number>();
  const hosts = [...names].flatMap((name): ListedHost[] => {
    const vars = Object.hasOwn(hostvars, name) ? (hostvars[name] ?? {}) : {};
    if (vars['ansible_connection'] === 'local') return [];
    const fields = {
      address: vars['ansible_host'],
      port: typeof vars['ansible_port'] === 'string' ? Number(vars['ansible_port']) : vars['ansible_port'],
      user: vars['ansible_user'],
      identityFile: vars['ansible_ssh_private_key_file'] ?? vars['ansible_private_key_file'],
      jump: jumpOf(vars['ansible_ssh_common_args'], notes),
    };
    const given = Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== undefined));
    return [{ name, fields: given, tags: tagsOf([...(tags.get(name) ?? [])], notes) }];
  });
  return { hosts, notes: sayNotes(notes) };
}

/** `-J bastion`, `-o ProxyJump=bastion`, or `-o ProxyCommand="ssh -W %h:%p -q bastion"`: none of it is run. */
function jumpOf(args: unknown, notes: Map<string, number>): string | undefined {
  if (typeof args !== 'string') return undefined;
  const words = splitArgs(args);
  for (const [at, word] of words.entries()) {
    const next = words[at + 1] ?? '';
    const option = word === '-o' ? next : word.startsWith('-o') ? word.slice(2) : null;
    if (word === '-J') return next;
    if (word.startsWith('-J')) return word.slice(2);
    const [, keyword = '', value = ''] = /^(ProxyJump|ProxyCommand)[ =](.*)$/is.exec(option ?? '') ?? [];
    if (/^proxyjump$/i.test(keyword)) return value;
    if (/^proxycommand$/i.test(keyword)) {
      const jump = jumpOfCommand(value);
      if (jump === null) count(notes, 'ansible_ssh_common_args has a ProxyCommand that is no ssh -W');
      else return jump;
    }
  }
  return undefined;
}

function jumpOfCommand(command: string): string | null {
  const words = splitArgs(command);
  if (words.shift() !== 'ssh') return null;
  let [port, user, host, isForward] = ['', '', '', false];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '-W') isForward = words.shift() === '%h:%p';
    else if (word === '-p') port = `:${words.shift() ?? ''}`;
    else if (word === '-l') user = `${words.shift() ?? ''}@`;
    else if (/^-[oi]$/.test(word)) words.shift();
    else if (!word.startsWith('-')) host = word;
  }
  return isForward && host !== '' ? `${user}${host}${port}` : null;
}

/** A host, a list of hosts, or a mapping with `hosts`. Throws what is wrong with its form. */
export function listHosts(value: unknown): HostList {
  const inside: unknown = typeof value === 'object' && value !== null && 'hosts' in value ? value.hosts : value;
  const all: unknown[] = Array.isArray(inside) ? inside : [inside];
  return {
    notes: [],
    hosts: all.map((one) => {
      const fields = z.record(z.string(), z.unknown()).safeParse(one);
      if (!fields.success) throw new Error('it is no host, and no list of hosts');
      const { name, tags, ...rest } = fields.data;
      const called = name ?? rest['sshConfig'];
      return {
        name: typeof called === 'string' ? called : '',
        fields: rest,
        tags: Array.isArray(tags) ? tags.map(String) : [],
      };
    }),
  };
}

const TAG = /^[A-Za-z0-9][\w.-]{0,49}$/;

function tagsOf(texts: readonly string[], notes: Map<string, number>): string[] {
  const fitting = texts.filter((text) => TAG.test(text));
  if (fitting.length < texts.length)
    count(
      notes,
      'a label or a group cannot be a tag: letters, digits, dots, dashes and underscores',
      texts.length - fitting.length,
    );
  return [...new Set(fitting)].toSorted();
}

function count(notes: Map<string, number>, note: string, times = 1): void {
  notes.set(note, (notes.get(note) ?? 0) + times);
}

function sayNotes(notes: Map<string, number>): string[] {
  return [...notes].map(([note, times]) => `${note}${times === 1 ? '' : ` (${times} times)`}`);
}

function withoutPort(target: string): string {
  const bracketed = /^\[([^\]]*)\]/.exec(target)?.[1];
  return bracketed ?? (target.split(':').length > 2 ? target : (target.split(':')[0] ?? ''));
}

function wordsOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 200);
}
