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
}

/** Two targets with the same key can share one connection. */
export function targetKey(target: SshTarget): string {
  const { address, port, user, identityFile, knownHosts, fingerprints, jump } = target;
  return JSON.stringify([address, port, user, identityFile, knownHosts, fingerprints, jump ? targetKey(jump) : null]);
}

/** How OpenSSH writes the host in known_hosts: bare on port 22, else `[host]:port`. */
export function knownHostsName(target: SshTarget): string {
  const address = target.address.toLowerCase();
  return target.port === 22 ? address : `[${address}]:${target.port}`;
}
