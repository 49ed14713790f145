import type { HostLink, WatchedHosts } from '../app/host-link.ts';
import { openLooks } from '../app/watch/looks.ts';
import { openTurns } from '../app/watch/turns.ts';
import { watchHost, type HostWatch, type WatchWorld } from '../app/watch/watch-host.ts';
import { checkConnection, readSetupLine } from './check-connection.ts';
import { diffHosts, type HostConfig } from '../config/config.ts';
import type { Connection } from '../ssh/connection.ts';
import { ownHelper } from '../setup/setup-script.ts';
import { openHostLink } from '../ssh/host-link.ts';
import type { Ssh } from '../ssh/open-ssh.ts';
import { asUser } from '../ssh/target.ts';

export interface FleetWorld extends WatchWorld {
  ssh: Ssh;
}

export interface WatchedFleet extends WatchedHosts {
  /** Takes up a new list of hosts: what did not change goes on undisturbed. */
  replace: (hosts: readonly HostConfig[]) => Promise<void>;
  /** The host of this name; undefined: there is none. Cheap for any number of hosts. */
  host: (name: string) => Pick<HostConfig, 'name' | 'tags' | 'channel'> | undefined;
  /** Watches these and leaves the others to other processes. null: all. */
  watchOnly: (names: readonly string[] | null) => void;
  /** What is off on a host, one sentence each, with what would mend it. */
  check: (host: string) => Promise<readonly string[]>;
  /** The line that sets a host up again; null: it cannot be told now. */
  setupLine: (host: string) => Promise<string | null>;
  /** Tries a refused or unreachable host again at once: somebody may have mended it. */
  reconnectNow: (host: string) => void;
  close: () => Promise<void>;
}

interface Member {
  config: HostConfig;
  connection: Connection;
  link: HostLink;
  watch: HostWatch | null;
  /** The watch before, which saves what it has; null: it has ended. */
  ending: Promise<void> | null;
}

/** The hosts of this process: a link to each, and a watch on those that are its own to watch. */
export function openFleet(hosts: readonly HostConfig[], world: FleetWorld): WatchedFleet {
  const members = new Map<string, Member>();
  const turns = openTurns();
  const looks = openLooks(world.clock);
  let mine: ReadonlySet<string> | null = new Set();

  function add(config: HostConfig): void {
    const connection = world.ssh.connect(config.target);
    const link = openHostLink(config.name, connection, {
      logFiles: config.logFiles,
      clock: world.clock,
      ownHelper,
      // The account for changes alone has a key of its own beside the other: `oombot_ed25519-w`.
      openWriter: () => {
        const { user, identityFile } = config.target;
        const ownKey = identityFile === null ? null : `${identityFile}-w`;
        return world.ssh.connect(asUser(config.target, `${user}-w`, ownKey));
      },
    });
    connection.rest();
    members.set(config.name, { config, connection, link, watch: null, ending: null });
  }

  async function drop(name: string): Promise<void> {
    const member = members.get(name);
    members.delete(name);
    await member?.watch?.close();
    await member?.ending;
    await member?.link.close();
  }

  /** Watches what is its own, and lets go of the rest: one that takes long to end keeps no other host from being watched. */
  function settle(name: string): void {
    const member = members.get(name);
    if (member === undefined) return;
    const wanted = mine === null || mine.has(name);
    if (wanted && member.watch === null && member.ending === null) {
      member.connection.keepUp();
      member.watch = watchHost(member.link, { ...world, turns, looks, configured: () => [...members.keys()] });
    }
    if (!wanted && member.watch !== null) {
      member.ending = member.watch
        .close()
        .catch((error: unknown) => world.log.error({ err: error, host: name }, 'A watch did not end as it should'))
        .then(() => {
          member.ending = null;
          settle(name);
        });
      member.watch = null;
    }
    // Another process follows its log: here it is connected to for questions only.
    if (!wanted) member.connection.rest();
  }

  function settleAll(): void {
    for (const name of members.keys()) settle(name);
  }

  /** One change after the other: two at once would open a host twice. */
  let last: Promise<unknown> = Promise.resolve();
  function inTurn(change: () => Promise<void>): Promise<void> {
    const mine = last.then(change, change);
    last = mine.catch(() => undefined);
    return mine;
  }

  async function replace(next: readonly HostConfig[]): Promise<void> {
    const changes = diffHosts(
      [...members.values()].map((member) => member.config),
      next,
    );
    // Each says goodbye for itself: a thousand in a row would keep those that came waiting.
    await Promise.all(changes.removed.map(drop));
    for (const { host, reconnect } of changes.changed) {
      const member = members.get(host.name);
      if (reconnect) {
        await drop(host.name);
        add(host);
      } else if (member !== undefined) member.config = host;
    }
    for (const host of changes.added) add(host);
    settleAll();
  }

  for (const host of hosts) add(host);
  return {
    link: (host) => members.get(host)?.link ?? null,
    hosts: () => [...members.values()].map(({ config: { name, tags, channel } }) => ({ name, tags, channel })),
    host: (name) => members.get(name)?.config,
    check: async (host) => {
      const member = members.get(host);
      if (member === undefined) return [];
      member.connection.keepUp();
      const findings = await checkConnection(member.config, member.connection, world.clock);
      if (member.watch === null) member.connection.rest();
      return findings.map(({ what, cost, fix }) => `${what} ${cost}${fix === null ? '' : ` Fix: ${fix.line}`}`);
    },
    setupLine: async (host) => {
      const member = members.get(host);
      return member === undefined ? null : readSetupLine(member.config, member.connection, world.clock);
    },
    reconnectNow: (host) => members.get(host)?.connection.reconnectNow(),
    watchState: (host) => members.get(host)?.watch?.state() ?? null,
    killsWaiting: (host) => members.get(host)?.watch?.waiting() ?? 0,
    replace: (next) => inTurn(() => replace(next)),
    watchOnly: (names) => {
      mine = names === null ? null : new Set(names);
      settleAll();
    },
    close: () =>
      inTurn(async () => {
        await Promise.all([...members.keys()].map(drop));
      }),
  };
}
