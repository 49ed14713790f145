import type { DrillKill } from '../../incident/drill.ts';
import type { Kill } from '../../incident/incident.ts';
import type { Clock, Log, Mute, NewDelivery, Position } from '../ports.ts';
import type { BatchDecision, BatchView, SavedBatch, Store } from '../store-port.ts';

export interface SaveWorld {
  store: Store;
  clock: Clock;
  log: Log;
  decide: (view: BatchView, mutes: readonly Mute[]) => BatchDecision;
  /** Kills that are only history. */
  isHistory: (kill: Kill) => boolean;
  onSaved: (saved: Saved) => void;
  /** These have waited for the store too long: people are told without it. Called again while more comes. */
  onUnsaved: (kills: readonly Kill[]) => void;
  /** Kills of drills are on record. */
  onDrilled?: ((drilled: readonly DrillKill[]) => void) | undefined;
}

/** What went on record, and what of it people hear. */
export interface Saved extends SavedBatch {
  /** Those of `fresh` that are not only history. */
  news: readonly Kill[];
  /** What is told that is not about a kill. */
  told: readonly NewDelivery[];
  /** What the channels are asked to show of its incidents. */
  asked: readonly NewDelivery[];
}

export interface ToSave {
  kills?: readonly Kill[];
  positions?: readonly Position[];
  /** What to tell that is not about a kill. */
  deliveries?: readonly NewDelivery[];
  /** Kills of drills. */
  drilled?: readonly DrillKill[];
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
/** Kills that are not on record by then are told from memory: the channel must hear of them within 30 s. */
const UNSAVED_AFTER_MS = 10_000;
const UNSAVED_EVERY_MS = 2_000;
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
  let drilled: DrillKill[] = [];
  let running: Promise<void> | null = null;
  /** Kills that are being saved. */
  let underWay: readonly Kill[] = [];
  /** In a row. */
  let failures = 0;
  let waiters: (() => void)[] = [];
  /** When kills came that are not on record yet; those of one moment together. */
  let arrivals: { atMs: number; count: number }[] = [];
  let guarding = false;

  function add(more: ToSave): void {
    kills.push(...(more.kills ?? []));
    if (more.kills?.length) arrivals.push({ atMs: clock.nowMs(), count: more.kills.length });
    for (const position of more.positions ?? []) positions.set(position.source, position);
    deliveries.push(...(more.deliveries ?? []));
    drilled.push(...(more.drilled ?? []));
    // Without work `run` ends before its promise is kept here, and would count as running for ever.
    if (hasWork()) running ??= run();
    if (arrivals.length > 0 && !guarding) void guard();
  }

  function hasWork(): boolean {
    return kills.length + deliveries.length + drilled.length > 0 || positions.size > 0;
  }

  function room(): Promise<void> | null {
    return kills.length + underWay.length < KILLS_MAX ? null : new Promise((resolve) => waiters.push(resolve));
  }

  function isStuck(): boolean {
    return failures > 0 && kills.length >= KILLS_MAX;
  }

  function makeRoom(): void {
    if (kills.length + underWay.length > KILLS_MAX / 2) return;
    const ready = waiters;
    waiters = [];
    for (const resolve of ready) resolve();
  }

  /** Tells of kills that the store does not take, also while a save hangs. */
  async function guard(): Promise<void> {
    guarding = true;
    let told = 0;
    while (!closing.signal.aborted && arrivals.length > 0) {
      await clock.sleep(UNSAVED_EVERY_MS, closing.signal).catch(() => undefined);
      const late = clock.nowMs() - UNSAVED_AFTER_MS;
      if (!arrivals.some(({ atMs }) => atMs <= late)) continue;
      const waiting = [...underWay, ...kills];
      if (waiting.length !== told) world.onUnsaved(waiting);
      told = waiting.length;
    }
    guarding = false;
  }

  /** So many of the oldest are on record now. */
  function arrived(count: number): void {
    let left = count;
    while (left > 0 && arrivals[0] !== undefined) {
      const [first] = arrivals;
      const taken = Math.min(left, first.count);
      first.count -= taken;
      left -= taken;
      if (first.count === 0) arrivals = arrivals.slice(1);
    }
  }

  async function run(): Promise<void> {
    failures = 0;
    while (hasWork()) {
      const some = kills.slice(0, BATCH_MAX);
      const isAll = some.length === kills.length;
      // Positions go with the last kills before them.
      const where = isAll ? positions : new Map<string, Position>();
      const tell = isAll ? deliveries : [];
      // Places behind them go with them at the latest.
      const own = drilled;
      kills = kills.slice(some.length);
      drilled = [];
      if (isAll) [positions, deliveries] = [new Map(), []];
      underWay = some;
      const fault = await save(some, [...where.values()], tell, own);
      underWay = [];
      if (fault === null) {
        arrived(some.length);
        if (failures > 0) log.info({ host, failures }, 'Kills can be saved again');
        failures = 0;
        makeRoom();
        continue;
      }
      kills = [...some, ...kills];
      positions = new Map([...where, ...positions]);
      deliveries = [...tell, ...deliveries];
      drilled = [...own, ...drilled];
      failures += 1;
      if (failures === 1) log.error({ err: fault, host }, 'Kills could not be saved; retrying');
      if (closing.signal.aborted) break;
      await clock.sleep(RETRY_MS, closing.signal).catch(() => undefined);
    }
    running = null;
  }

  /** null: saved. */
  async function save(some: Kill[], where: Position[], tell: NewDelivery[], own: DrillKill[]): Promise<unknown> {
    try {
      const mutes = some.length === 0 ? [] : await store.mutes(clock.nowMs());
      const batch = {
        host,
        kills: some,
        positions: where,
        deliveries: tell,
        ...(own.length > 0 ? { drilled: own } : {}),
      };
      let asked: readonly NewDelivery[] = [];
      const saved = await store.saveBatch(batch, (view) => {
        const decision = world.decide(view, mutes);
        asked = decision.deliveries;
        return decision;
      });
      if (some.length + tell.length > 0) tellOf(saved, tell, asked);
      if (own.length > 0) world.onDrilled?.(own);
      return null;
    } catch (error) {
      return error;
    }
  }

  /** What is on record stays so whatever those who hear of it do: a fault there must not save it twice. */
  function tellOf(saved: SavedBatch, told: readonly NewDelivery[], asked: readonly NewDelivery[]): void {
    const news = saved.fresh.filter((kill) => !world.isHistory(kill));
    try {
      world.onSaved({ ...saved, news, told, asked });
    } catch (error) {
      log.error({ err: error, host }, 'What was saved could not be passed on');
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
    waiting: () => kills.length + underWay.length,
    close: async () => {
      closing.abort();
      await running;
    },
  };
}
