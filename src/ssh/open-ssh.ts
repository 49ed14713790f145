import { appendFile } from 'node:fs/promises';

import type { HostKey } from '../app/host-link.ts';
import type { Clock } from '../app/ports.ts';
import { openConnection, type Connection } from './connection.ts';
import { openHandshakes } from './handshakes.ts';
import { openIdentities } from './identity.ts';
import { openKnownHostsFiles } from './known-hosts.ts';
import { openOpenssh } from './openssh-login.ts';
import { openProxies } from './proxy-command.ts';
import { targetKey, type SshTarget } from './target.ts';

export interface SshOptions {
  clock: Clock;
  /** 0 up to 1, for the back-off's jitter. */
  random: () => number;
  passphrase: string | null;
  agentSocket: string | null;
  /** What local programs between the bot and a host find set; absent: only where to find programs. */
  proxyEnvironment?: NodeJS.ProcessEnv;
  /** A host's first key was trusted and put on file. */
  onFirstKey?: (target: SshTarget, key: HostKey) => void;
  /** From dialling to logged in; 20 s. */
  readyTimeoutMs?: number;
  /** A dead peer is noticed after three to four of these; 15 s. */
  keepaliveIntervalMs?: number;
}

export interface Ssh {
  /** The connection to this target, opened or shared: hosts behind one jump host share the way there. Close it when done. */
  connect: (target: SshTarget) => Connection;
  /** Says goodbye on all connections. */
  close: () => Promise<void>;
}

const POOL_BYTES = 1_024;

/** The SSH side of one process. */
export function openSsh(options: SshOptions): Ssh {
  // ssh2 keeps a few short slices of Node's shared pools for each connection, and each keeps its whole pool: of 64 KiB (Node
  // 24.21) that were 10 MiB for a thousand hosts.
  Buffer.poolSize = POOL_BYTES;
  const open = new Map<string, { connection: Connection; users: number; wanting: number }>();
  const environment = options.proxyEnvironment ?? { PATH: '/usr/local/bin:/usr/bin:/bin' };
  const world = {
    clock: options.clock,
    random: options.random,
    identities: openIdentities({ ...options, nowMs: options.clock.nowMs }),
    knownHosts: openKnownHostsFiles(),
    handshakes: openHandshakes(),
    proxies: openProxies(environment),
    openssh: openOpenssh({ environment, agentSocket: options.agentSocket }),
    trustFirstKey: async (target: SshTarget, key: HostKey): Promise<void> => {
      if (target.trustFirstKey === undefined || key.line === null) return;
      await appendFile(target.trustFirstKey, `${key.line}\n`, { mode: 0o600 });
      options.onFirstKey?.(target, key);
    },
    readyTimeoutMs: options.readyTimeoutMs ?? 20_000,
    keepaliveIntervalMs: options.keepaliveIntervalMs ?? 15_000,
  };

  function connect(target: SshTarget): Connection {
    const key = targetKey(target);
    const shared = open.get(key) ?? { connection: openOne(target, key), users: 0, wanting: 0 };
    open.set(key, shared);
    shared.users++;
    shared.wanting++;
    shared.connection.keepUp();
    let left = false;
    let isResting = false;
    function rest(): void {
      if (isResting) return;
      isResting = true;
      if (--shared.wanting === 0) shared.connection.rest();
    }
    function keepUp(): void {
      if (!isResting) return;
      isResting = false;
      shared.wanting++;
      shared.connection.keepUp();
    }
    async function close(): Promise<void> {
      if (left) return;
      left = true;
      rest();
      if (--shared.users === 0) {
        open.delete(key);
        await shared.connection.close();
      }
    }
    return { ...shared.connection, target, rest, keepUp, close };
  }

  function openOne(target: SshTarget, key: string): Connection {
    const jump = target.jump === null ? null : connect(target.jump);
    const connection = openConnection(target, jump, world);
    async function close(): Promise<void> {
      open.delete(key);
      await connection.close();
      await jump?.close();
    }
    return { ...connection, close };
  }

  async function close(): Promise<void> {
    // Those with a jump host first: their goodbye goes through it.
    const all = [...open.values()]
      .map((one) => one.connection)
      .toSorted((a, b) => depthOf(b.target) - depthOf(a.target));
    for (let depth = depthOf(all[0]?.target ?? null); depth > 0; depth--) {
      await Promise.all(all.filter((one) => depthOf(one.target) === depth).map((one) => one.close()));
    }
    await world.proxies.close();
  }

  return { connect, close };
}

function depthOf(target: SshTarget | null): number {
  return target === null ? 0 : 1 + depthOf(target.jump);
}
