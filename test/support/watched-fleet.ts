import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, Log } from '../../src/app/ports.ts';
import type { SavedBatch, Store } from '../../src/app/store-port.ts';
import type { HostConfig } from '../../src/config/config.ts';
import { openFleet, type WatchedFleet } from '../../src/run/fleet.ts';
import type { Kill } from '../../src/incident/incident.ts';
import { openSsh } from '../../src/ssh/open-ssh.ts';
import type { SshTarget } from '../../src/ssh/target.ts';
import { openStore } from '../../src/store/store.ts';
import { realClock } from './real-clock.ts';

/** Which deaths are meant: pids, and since when by the kernel's clock. */
export interface Deaths {
  pids: readonly number[];
  sinceSeconds: number;
  /** As one host told them; else as all did. */
  host?: string;
}

export interface WatchedHosts {
  fleet: WatchedFleet;
  store: Store;
  /** Batches with kills, as they were saved. */
  saved: SavedBatch[];
  gaps: string[];
  /** What the log said, warnings and errors alone. */
  warnings: string[];
  /** Waits until these deaths are on record, then a little longer, and gives all that is on record of them. */
  untilKills: (deaths: Deaths) => Promise<Kill[]>;
  untilWatching: (...hosts: string[]) => Promise<void>;
  close: () => Promise<void>;
}

export interface WatchOptions {
  hosts: readonly HostConfig[];
  /** null: a new SQLite file of its own. */
  url?: string;
  clock?: Clock;
  /** Instead of keeping what was saved. */
  onSaved?: (batch: SavedBatch) => void;
  keepaliveIntervalMs?: number;
  readyTimeoutMs?: number;
}

export function hostConfig(name: string, target: SshTarget, logFiles: string[] | null = null): HostConfig {
  return { name, tags: [], channel: null, logFiles, target: { ...target, name } };
}

/** Real hosts, watched as `oombot run` does: SSH, store and use cases, without a chat. */
export async function watchHosts(options: WatchOptions): Promise<WatchedHosts> {
  const { clock = realClock } = options;
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-watch-'));
  const store = await openStore(options.url ?? `sqlite:${dir}/oombot.db`);
  const ssh = openSsh({
    clock,
    random: () => 0.1,
    passphrase: null,
    agentSocket: null,
    // A program takes longer to start than a connection to be made.
    readyTimeoutMs: options.readyTimeoutMs ?? (process.env['OOMBOT_TRANSPORT'] === 'openssh' ? 10_000 : 2_000),
    keepaliveIntervalMs: options.keepaliveIntervalMs ?? 500,
  });
  const saved: SavedBatch[] = [];
  const gaps: string[] = [];
  const warnings: string[] = [];
  function note(facts: Record<string, unknown>, message: string): void {
    const { err } = facts;
    warnings.push(err instanceof Error ? `${message}: ${err.message}` : message);
  }
  const log: Log = { info: () => {}, warn: note, error: note };
  const fleet = openFleet(options.hosts, {
    ssh,
    store,
    clock,
    log,
    channelOf: () => '#oom',
    onLines: () => {},
    onGap: (_, gap) => gaps.push(gap.sentence),
    onSaved: options.onSaved ?? ((batch) => saved.push(batch)),
  });

  // Beyond ten reports in five seconds the kernel prints the kill line alone: the pid is all that tells our kills from others',
  // and it goes round within the hour.
  async function killsOf({ pids, sinceSeconds, host }: Deaths): Promise<Kill[]> {
    const hosts = host === undefined ? null : [host];
    const all = await store.kills({ hosts, sinceMs: null, untilMs: null, service: null, limit: 100_000 });
    return all.filter(
      ({ record }) => pids.includes(record.pid ?? -1) && (record.kernelSeconds ?? Infinity) >= sinceSeconds,
    );
  }

  return {
    fleet,
    store,
    saved,
    gaps,
    warnings,
    untilKills: async (deaths) => {
      const deadline = Date.now() + 40_000;
      while ((await killsOf(deaths)).length < deaths.pids.length && Date.now() < deadline) await sleep(50);
      // One too many would come late.
      await sleep(500);
      return killsOf(deaths);
    },
    untilWatching: async (...hosts) => {
      const deadline = Date.now() + 30_000;
      for (const host of hosts) {
        while (fleet.watchState(host)?.kind !== 'watching') {
          if (Date.now() > deadline)
            throw new Error(
              `${host}: ${JSON.stringify([fleet.watchState(host), fleet.link(host)?.state(), warnings.slice(-5)])}`,
            );
          await sleep(20);
        }
      }
    },
    close: async () => {
      await fleet.close();
      await ssh.close();
      await store.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
