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
  /** Saves soon, in order; what comes while a save is under way goes into the next one. */
  add: (more: ToSave) => void;
  /** null: more is welcome. Else so much waits that nothing is to be added until this resolves. */
  room: () => Promise<void> | null;
  /** The same for what can be said later as well. False: not now. */
  offer: (more: ToSave) => boolean;
  /** Much waits, and the store refused the last try. */
  isStuck: () => boolean;
  /** Resolves when nothing waits any more. */
  drained: () => Promise<void>;
  /** How many kills are not on record yet. */
  waiting: () => number;
  /** Tries once more to save what waits, then stops. */
  close: () => Promise<void>;
}

const RETRY_MS = 1_000;
/** A kill with its report may take tens of kilobytes, and many hosts may wait for the same store. */
const KILLS_MAX = 400;
/** One transaction keeps the event loop, and the store, for so many kills. */
const BATCH_MAX = 25;

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
  /** In a row. */
  let failures = 0;
  let waiters: (() => void)[] = [];

  function add(more: ToSave): void {
    kills.push(...(more.kills ?? []));
    for (const position of more.positions ?? []) positions.set(position.source, position);
    deliveries.push(...(more.deliveries ?? []));
    running ??= run();
  }

  function room(): Promise<void> | null {
    return kills.length + underWay < KILLS_MAX ? null : new Promise((resolve) => waiters.push(resolve));
  }

  function isStuck(): boolean {
    return failures > 0 && kills.length >= KILLS_MAX;
  }

  function makeRoom(): void {
    if (kills.length + underWay > KILLS_MAX / 2) return;
    const ready = waiters;
    waiters = [];
    for (const resolve of ready) resolve();
  }

  async function run(): Promise<void> {
    failures = 0;
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
        makeRoom();
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
    room,
    isStuck,
    offer: (more) => {
      if (isStuck()) return false;
      add(more);
      return true;
    },
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
