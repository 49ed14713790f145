import type { Clock, Log } from '../app/ports.ts';
import type { HostStore } from '../app/store-port.ts';
import type { Config } from '../config/config.ts';
import type { HostConfig } from '../config/hosts.ts';
import { inventoryHosts, type ReadInventory } from '../config/inventory-hosts.ts';
import type { HostList } from '../config/inventory-lists.ts';
import { readSource } from '../config/inventory-source.ts';
import { sayCount } from '../notice/units.ts';

/** The hosts that inventories name, kept through every failure of theirs. */
export interface Inventories {
  /** As last read, without those whose names are in `taken`. */
  hosts: (taken: ReadonlySet<string>) => readonly HostConfig[];
  /** What `hosts` gave last. */
  last: () => readonly HostConfig[];
  /** What is wrong with the sources now, one sentence each. */
  problems: () => string[];
  /** Reads what is due; `all`: everything. True: the hosts may have changed. Never throws. */
  refresh: (which: 'due' | 'all', signal: AbortSignal) => Promise<boolean>;
}

interface Read {
  label: string;
  list: HostList | null;
  /** Of the last good answer. */
  stamp: string | null;
  readAtMs: number;
  problem: string | null;
}

export interface InventoryWorld {
  config: () => Config;
  /** null: what was read before is not kept. */
  store: Pick<HostStore, 'keepInventory' | 'keptInventory'> | null;
  clock: Clock;
  log: Log;
}

const HOSTS_MAX = 20_000;
const HTTP_EVERY_MS = 60_000;
const FILES_EVERY_MS = 10_000;

/** Nothing is read before the first `refresh`. */
export function openInventories({ config, store, clock, log }: InventoryWorld): Inventories {
  const reads = new Map<string, Read>();
  let told = '';
  let last: readonly HostConfig[] = [];

  async function refreshOne(key: string, at: number, which: 'due' | 'all', signal: AbortSignal): Promise<boolean> {
    const source = config().inventory[at];
    if (source === undefined) return false;
    const label = `inventory[${at}] (${source.kind}, ${source.from.slice(0, 200)})`;
    const read = reads.get(key) ?? { label, list: await kept(key), stamp: null, readAtMs: 0, problem: null };
    read.label = label;
    const isNew = !reads.has(key);
    reads.set(key, read);
    const everyMs = source.kind === 'http_sd' ? HTTP_EVERY_MS : FILES_EVERY_MS;
    if (which === 'due' && clock.nowMs() - read.readAtMs < everyMs) return isNew;
    read.readAtMs = clock.nowMs();
    try {
      const now = await readSource(source, config().written.ssh, read.stamp, signal);
      read.problem = null;
      if (now === null) return isNew;
      const count = now.list.hosts.length;
      if (count === 0) throw new Error('it lists no host');
      if (count > HOSTS_MAX) throw new Error(`it lists ${count} hosts, more than ${HOSTS_MAX}`);
      Object.assign(read, now);
      await store?.keepInventory(key, JSON.stringify(now.list)).catch((error: unknown) => {
        log.warn({ err: error, inventory: label }, 'An inventory could not be kept for the next start');
      });
      return true;
    } catch (error) {
      if (signal.aborted) return isNew;
      const stays =
        read.list === null
          ? 'no host is known from it'
          : `${sayCount(read.list.hosts.length, 'host')} read before stay${read.list.hosts.length === 1 ? 's' : ''}`;
      read.problem = `${label} cannot be used: ${error instanceof Error ? error.message : String(error)}; ${stays}.`;
      return isNew;
    }
  }

  async function kept(key: string): Promise<HostList | null> {
    try {
      const body = await store?.keptInventory(key);
      return body == null ? null : (JSON.parse(body) as HostList);
    } catch (error) {
      log.warn({ err: error, inventory: key }, 'What was kept of an inventory cannot be read');
      return null;
    }
  }

  function resolved(taken: ReadonlySet<string>) {
    const { inventory, written, proxyEnvironment } = config();
    const read = inventory.flatMap((source): ReadInventory[] => {
      const known = reads.get(JSON.stringify(source));
      return known?.list == null ? [] : [{ source, label: known.label, list: known.list }];
    });
    return inventoryHosts(written, read, { env: proxyEnvironment, taken });
  }

  return {
    hosts: (taken) => {
      const { hosts, notes } = resolved(taken);
      const all = notes.map(({ label, sentence }) => `${label}: ${sentence}.`);
      if (all.join() !== told)
        for (const sentence of all) log.warn({ sentence }, 'Something of an inventory is left out');
      told = all.join();
      last = hosts;
      return hosts;
    },
    last: () => last,
    problems: () => [...reads.values()].flatMap(({ problem }) => problem ?? []),
    refresh: async (which, signal) => {
      const keys = config().inventory.map((source) => JSON.stringify(source));
      const gone = [...reads.keys()].filter((key) => !keys.includes(key));
      for (const key of gone) reads.delete(key);
      const before = [...reads.values()].map(({ problem }) => problem).join();
      const changed = await Promise.all(keys.map((key, at) => refreshOne(key, at, which, signal)));
      const after = [...reads.values()].map(({ problem }) => problem).join();
      if (before !== after)
        for (const { problem, label } of reads.values())
          if (problem !== null) log.warn({ inventory: label, problem }, 'An inventory cannot be used; its hosts stay');
      return gone.length > 0 || changed.some(Boolean);
    },
  };
}
