import type { Kill } from '../../incident/incident.ts';
import type { Log } from '../ports.ts';
import type { Clock, Mute, Position } from '../ports.ts';
import type { BatchDecision, BatchView, NewDelivery, SavedBatch, Store } from '../store-port.ts';

export interface SaveWorld {
  store: Store;
  clock: Clock;
  log: Log;
  decide: (view: BatchView, mutes: readonly Mute[]) => BatchDecision;
  /** Kills that are only history. */
  isHistory: (kill: Kill) => boolean;
  onSaved: (saved: Saved) => void;
}

/** What went on record, and what of it people hear. */
export interface Saved extends SavedBatch {
  /** Those of `fresh` that are not only history. */
  news: readonly Kill[];
  /** What is told that is not about a kill. */
  told: readonly NewDelivery[];
}

export interface ToSave {
  kills?: readonly Kill[];
  positions?: readonly Position[];
  /** What to tell that is not about a kill. */
  deliveries?: readonly NewDelivery[];
}

export interface SaveQueue {
  /**
   * Saves soon, in order; what comes while a save is under way goes into the next one. False: too much waits already, nothing
   * of this was taken. Then stop reading, wait for `drained`, and read again from the stored positions.
   */
  add: (more: ToSave) => boolean;
  /** Resolves when nothing waits any more. */
  drained: () => Promise<void>;
  /** How many kills are not on record yet. */
  waiting: () => number;
  /** Tries once more to save what waits, then stops. */
  close: () => Promise<void>;
}

const RETRY_MS = 1_000;
/** A kill with its report may take tens of kilobytes, and many hosts may wait for the same store. */
const KILLS_MAX = 1_000;
const BATCH_MAX = 500;

/** One host's way into the record: one transaction at a time, repeated until the store takes it. */
export function openSaveQueue(host: string, world: SaveWorld): SaveQueue {
  const { store, clock, log } = world;
  const closing = new AbortController();
  let kills: Kill[] = [];
  let positions = new Map<string, Position>();
  let deliveries: NewDelivery[] = [];
  let running: Promise<void> | null = null;
  /** Kills that are being saved. */
  let underWay = 0;

  function add(more: ToSave): boolean {
    if (kills.length > 0 && kills.length + (more.kills?.length ?? 0) > KILLS_MAX) return false;
    kills.push(...(more.kills ?? []));
    for (const position of more.positions ?? []) positions.set(position.source, position);
    deliveries.push(...(more.deliveries ?? []));
    running ??= run();
    return true;
  }

  async function run(): Promise<void> {
    let failures = 0;
    while (kills.length > 0 || positions.size > 0 || deliveries.length > 0) {
      const some = kills.slice(0, BATCH_MAX);
      const isAll = some.length === kills.length;
      // Positions go with the last kills before them.
      const where = isAll ? positions : new Map<string, Position>();
      const tell = isAll ? deliveries : [];
      kills = kills.slice(some.length);
      if (isAll) [positions, deliveries] = [new Map(), []];
      underWay = some.length;
      const fault = await save(some, [...where.values()], tell);
      underWay = 0;
      if (fault === null) {
        if (failures > 0) log.info({ host, failures }, 'Kills can be saved again');
        failures = 0;
        continue;
      }
      kills = [...some, ...kills];
      positions = new Map([...where, ...positions]);
      deliveries = [...tell, ...deliveries];
      failures += 1;
      if (failures === 1) log.error({ err: fault, host }, 'Kills could not be saved; retrying');
      if (closing.signal.aborted) break;
      await clock.sleep(RETRY_MS, closing.signal).catch(() => undefined);
    }
    running = null;
  }

  /** null: saved. */
  async function save(some: Kill[], where: Position[], tell: NewDelivery[]): Promise<unknown> {
    try {
      const mutes = some.length === 0 ? [] : await store.mutes(clock.nowMs());
      const batch = { host, kills: some, positions: where, deliveries: tell };
      const saved = await store.saveBatch(batch, (view) => world.decide(view, mutes));
      if (some.length + tell.length > 0)
        world.onSaved({ ...saved, news: saved.fresh.filter((kill) => !world.isHistory(kill)), told: tell });
      return null;
    } catch (error) {
      return error;
    }
  }

  return {
    add,
    drained: async () => {
      while (running !== null) await running;
    },
    waiting: () => kills.length + underWay,
    close: async () => {
      closing.abort();
      await running;
    },
  };
}
