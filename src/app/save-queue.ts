import type { Kill } from '../incident/incident.ts';
import type { DeliveryLog } from './delivery-world.ts';
import type { Clock, Mute, Position } from './ports.ts';
import type { BatchDecision, BatchView, SavedBatch, Store } from './store-port.ts';

export interface SaveWorld {
  store: Store;
  clock: Clock;
  log: DeliveryLog;
  decide: (view: BatchView, mutes: readonly Mute[]) => BatchDecision;
  onSaved: (saved: SavedBatch) => void;
}

export interface SaveQueue {
  /** Saves soon, in order; what comes while a save is under way goes into the next one. */
  add: (kills: Kill[], positions: Position[]) => void;
  /** Saves what waits, then stops. */
  close: () => Promise<void>;
}

const RETRY_MS = 1_000;
/** A store that is away for long must not fill the memory: then the oldest positions wait in the host's own log. */
const WAITING_MAX = 20_000;
const BATCH_MAX = 1_000;

/** One host's way into the record: one transaction at a time, repeated until the store takes it. */
export function openSaveQueue(host: string, world: SaveWorld): SaveQueue {
  const { store, clock, log } = world;
  const closing = new AbortController();
  let kills: Kill[] = [];
  let positions = new Map<string, Position>();
  let running: Promise<void> | null = null;

  function add(more: Kill[], where: Position[]): void {
    // A full queue takes no more, nor the positions behind it: the log is read again from the last one saved.
    if (kills.length + more.length > WAITING_MAX) {
      log.error({ host, waiting: kills.length }, 'The record is not taking kills; they are read again later');
      return;
    }
    kills.push(...more);
    for (const position of where) positions.set(position.source, position);
    running ??= run();
  }

  async function run(): Promise<void> {
    while (kills.length > 0 || positions.size > 0) {
      const batch = kills.splice(0, BATCH_MAX);
      // Positions go with the last kills before them.
      const where = kills.length === 0 ? positions : new Map<string, Position>();
      if (kills.length === 0) positions = new Map();
      if (!(await save(batch, [...where.values()]))) {
        kills = [...batch, ...kills];
        positions = new Map([...where, ...positions]);
        if (closing.signal.aborted) break;
        await clock.sleep(RETRY_MS, closing.signal).catch(() => undefined);
      }
    }
    running = null;
  }

  async function save(batch: Kill[], where: Position[]): Promise<boolean> {
    try {
      const mutes = batch.length === 0 ? [] : await store.mutes(clock.nowMs());
      const saved = await store.saveBatch({ host, kills: batch, positions: where }, (view) =>
        world.decide(view, mutes),
      );
      if (batch.length > 0) world.onSaved(saved);
      return true;
    } catch (error) {
      log.error({ err: error, host }, 'Kills could not be saved; they are tried again');
      return false;
    }
  }

  return {
    add,
    close: async () => {
      closing.abort();
      await running;
    },
  };
}
