import type { CipherAlgorithm, KexAlgorithm, MacAlgorithm, ServerHostKeyAlgorithm } from 'ssh2';

/** What ssh_config can ask for beyond address, port, user, key and jump host. Absent: it asks nothing. */
export interface SshSettings {
  /** Absolute paths of further private keys, tried after `identityFile`. */
  moreIdentityFiles?: string[];
  /** Absolute path of the certificate of `identityFile`; without it `…-cert.pub` beside the key. */
  certificateFile?: string;
  /** No key of the agent but one that is named. */
  identitiesOnly?: boolean;
  /** Absolute path of the agent's socket; `none`: no agent is asked. */
  identityAgent?: string;
  /** The name in known_hosts, without a port. */
  hostKeyAlias?: string;
  hostKeyAlgorithms?: ServerHostKeyAlgorithm[];
  kexAlgorithms?: KexAlgorithm[];
  ciphers?: CipherAlgorithm[];
  macs?: MacAlgorithm[];
  connectTimeoutMs?: number;
  keepaliveIntervalMs?: number;
  keepaliveCountMax?: number;
  addressFamily?: 4 | 6;
  bindAddress?: string;
}

/** Where one host is reached and as whom; everything that a login needs, nothing secret. */
export interface SshTarget {
  /** The host's name in the configuration, or the address of a jump host that has none. */
  name: string;
  address: string;
  port: number;
  user: string;
  /** Absolute path of a private key. null: the agent's keys, then OpenSSH's default files. */
  identityFile: string | null;
  /** known_hosts files, absolute. Absent ones count as empty. */
  knownHosts: string[];
  /** `SHA256:…` of the keys that this host may show. Not empty: only these are accepted. */
  fingerprints: string[];
  jump: SshTarget | null;
  /** A local program and its arguments, whose input and output are the connection. Never together with `jump`. */
  proxyCommand?: string[];
  /** Absolute path of the known_hosts file that takes the first key shown, where none is known. */
  trustFirstKey?: string;
  settings?: SshSettings;
  /** A host key, and an RSA key of the bot, may sign with SHA-1 (`ssh-rsa`), as servers before OpenSSH 7.2 need it. */
  allowSha1?: true;
  /** The system's `ssh` makes the connection, by its own configuration. Absent: ssh2 does. */
  openssh?: OpensshSettings;
}

/** How the program `ssh` is asked for a host. */
export interface OpensshSettings {
  /** The name that its configuration knows the host by. */
  host: string;
  /** Absolute path of the user's ssh_config, which may be absent. */
  configFile: string;
  /** Whether it may run programs: ProxyCommand, LocalCommand, Match exec. */
  allowPrograms: boolean;
  /** What of the target is said to it, and wins over its configuration. */
  given: readonly ('address' | 'port' | 'user' | 'identityFile' | 'knownHosts')[];
  /** What holds where its configuration says nothing. */
  otherwise: { user: string; port: number; identityFile: string | null; knownHosts: readonly string[] };
}

/** `[user@]address[:port]` or `ssh://…`, as people and ssh write a jump host; null: it is none. */
export function parseJump(text: string): { user?: string; address: string; port?: number } | null {
  const [, user, address, digits] = /^(?:ssh:\/\/)?(?:([^@]+)@)?(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const port = Number(digits ?? 22);
  if (address === undefined || port < 1 || port > 65_535) return null;
  return {
    ...(user === undefined ? {} : { user }),
    address: address.replace(/^\[|\]$/g, ''),
    ...(digits === undefined ? {} : { port }),
  };
}

/** The same host under another account, with a key of its own. */
export function asUser(target: SshTarget, user: string, identityFile: string | null): SshTarget {
  const { openssh } = target;
  if (openssh === undefined) return { ...target, user, identityFile };
  const given = [...new Set([...openssh.given, 'user', 'identityFile'] as const)];
  return { ...target, user, identityFile, openssh: { ...openssh, given } };
}

/** Two targets with the same key can share one connection. */
export function targetKey(target: SshTarget): string {
  const {
    address,
    port,
    user,
    identityFile,
    knownHosts,
    fingerprints,
    jump,
    proxyCommand,
    trustFirstKey,
    settings = {},
    allowSha1,
    openssh,
  } = target;
  const way = jump ? targetKey(jump) : (proxyCommand ?? null);
  return JSON.stringify([
    address,
    port,
    user,
    identityFile,
    knownHosts,
    fingerprints,
    way,
    trustFirstKey,
    settings,
    allowSha1,
    openssh,
  ]);
}

/** How OpenSSH writes the host in known_hosts: its HostKeyAlias, else bare on port 22, else `[host]:port`. */
export function knownHostsName(target: SshTarget): string {
  if (target.settings?.hostKeyAlias !== undefined) return target.settings.hostKeyAlias.toLowerCase();
  const address = target.address.toLowerCase();
  return target.port === 22 ? address : `[${address}]:${target.port}`;
}
