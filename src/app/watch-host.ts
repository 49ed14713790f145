import type { Incident, Kill } from '../incident/incident.ts';
import { openLogParser, type LogParser } from '../oom/log-parser.ts';
import type { OomEvent } from '../oom/report.ts';
import type { DeliveryLog } from './delivery-world.ts';
import type { HostFacts, HostLink, LogBatch, LogGap } from './host-link.ts';
import { killOf } from './kill-of-event.ts';
import { compareCounter } from './kill-counter.ts';
import { placeKills } from './place-kills.ts';
import type { Clock, Position } from './ports.ts';
import { openSaveQueue } from './save-queue.ts';
import { openSnapshots } from './snapshots.ts';
import type { SavedBatch, Store } from './store-port.ts';

export interface WatchWorld {
  store: Store;
  clock: Clock;
  log: DeliveryLog;
  /** A name for a new incident. */
  newId: () => string;
  channelOf: (incident: Incident) => string;
  /** Called after kills are in the record. */
  onSaved: (saved: SavedBatch) => void;
  /** Told of what went by: metrics. */
  onLines: (count: number) => void;
  onGap: (host: string, gap: LogGap) => void;
}

export interface HostWatch {
  host: string;
  state: () => WatchState;
  close: () => Promise<void>;
}

/** `watching`: the log is followed now. */
export interface WatchState {
  kind: 'starting' | 'watching' | 'waiting' | 'failed';
  sinceMs: number;
  sentence: string;
  lastLineAtMs: number | null;
  gaps: number;
  facts: HostFacts | null;
}

/** Kills found on first contact that are older than this are history, not news. */
const NEWS_MS = 10 * 60_000;
/** A quiet log: what waits for a further line is told as it is. */
const SETTLE_MS = 1_000;
const COUNTER_EVERY_MS = 5 * 60_000;
/** After a kill the counter is looked at once the report's lines have had time to arrive. */
const COUNTER_AFTER_KILL_MS = 15_000;
const SNAPSHOT_EVERY_MS = 60_000;
const RETRY_MS = 30_000;
const POSITION_EVERY_MS = 10_000;

/** One source's parser, and up to where its log has been understood: lines behind that are read again after a crash. */
interface Reading {
  parser: LogParser;
  lines: number;
  understood: Position | null;
  savedAtMs: number;
}

/** Watches one host until closed: follows its log, records its kills, counts them against the kernel's own counter. */
export function watchHost(link: HostLink, world: WatchWorld): HostWatch {
  const { store, clock, log } = world;
  const { host } = link;
  const closing = new AbortController();
  const { signal } = closing;
  const snapshots = openSnapshots(host, link, store, clock);
  const saves = openSaveQueue(host, { store, clock, log, decide, onSaved });
  let state: WatchState = {
    kind: 'starting',
    sinceMs: clock.nowMs(),
    sentence: '',
    lastLineAtMs: null,
    gaps: 0,
    facts: null,
  };
  let readings = new Map<string, Reading>();
  /** No source of this host was read before: its log begins with the past. */
  let firstContact = true;
  let settleAt: Promise<void> | null = null;
  let wakeCounter = new AbortController();

  function decide(
    view: Parameters<typeof placeKills>[0],
    mutes: Parameters<typeof placeKills>[1]['mutes'],
  ): ReturnType<typeof placeKills> {
    const nowMs = clock.nowMs();
    return placeKills(view, { nowMs, newId: world.newId, isHistory, mutes, channelOf: world.channelOf });
  }

  function isHistory(kill: Kill): boolean {
    return firstContact && kill.seenAtMs - kill.atMs > NEWS_MS;
  }

  function onSaved(saved: SavedBatch): void {
    if (saved.fresh.length > 0) wakeCounter.abort();
    world.onSaved(saved);
  }

  function readingOf(batch: LogBatch): Reading {
    // What is read again because of a gap must not mix with the stream beside it.
    const key = batch.lookup === null ? batch.source : `${batch.source} again`;
    const known = readings.get(key);
    if (known !== undefined) return known;
    const reading: Reading = { parser: openLogParser(), lines: 0, understood: null, savedAtMs: clock.nowMs() };
    readings.set(key, reading);
    return reading;
  }

  function takeLines(batch: LogBatch, facts: HostFacts): void {
    const reading = readingOf(batch);
    world.onLines(batch.lines.length);
    state.lastLineAtMs = batch.arrivedAtMs;
    const kills: Kill[] = [];
    let understoodAt = -1;
    for (const [index, line] of batch.lines.entries()) {
      reading.lines += 1;
      for (const event of reading.parser.line(line, reading.lines)) take(event, line, batch, facts, kills);
      if (reading.parser.maySkip()) understoodAt = index;
    }
    if (understoodAt >= 0) reading.understood = batch.positionAfter(understoodAt) ?? reading.understood;
    keep(batch.source, reading, kills);
    if (!reading.parser.maySkip()) settleLater(batch, facts);
  }

  function take(event: OomEvent, line: string, batch: LogBatch, facts: HostFacts, kills: Kill[]): void {
    const { record } = event;
    // A report without a victim is no kill unless the host says that nobody could be killed: the rest is told by the counter.
    if (event.kind === 'closed' || record.outcome === 'truncated' || record.outcome === 'suppressed') return;
    kills.push(killOf(record, { host, batch, rawLine: line, facts, nowMs: clock.nowMs(), who: snapshots.who }));
  }

  function keep(source: string, reading: Reading, kills: Kill[]): void {
    const nowMs = clock.nowMs();
    const isDue = nowMs - reading.savedAtMs >= POSITION_EVERY_MS;
    if (kills.length === 0 && !isDue) return;
    if (reading.understood === null && kills.length === 0) return;
    reading.savedAtMs = nowMs;
    saves.add(kills, reading.understood === null || reading.understood.source !== source ? [] : [reading.understood]);
  }

  function settleLater(batch: LogBatch, facts: HostFacts): void {
    settleAt ??= clock
      .sleep(SETTLE_MS, signal)
      .then(() => {
        settleAt = null;
        settleAll(batch, facts);
      })
      .catch(() => {
        settleAt = null; // closed meanwhile
      });
  }

  function settleAll(batch: LogBatch, facts: HostFacts): void {
    const quietMs = clock.nowMs() - (state.lastLineAtMs ?? 0);
    if (quietMs < SETTLE_MS) {
      settleLater(batch, facts);
      return;
    }
    for (const reading of readings.values()) {
      const kills: Kill[] = [];
      for (const event of reading.parser.settle()) take(event, '', batch, facts, kills);
      keep(batch.source, reading, kills);
    }
  }

  async function followOnce(): Promise<void> {
    await link.whenConnected(signal);
    const looked = await link.look();
    if (looked.kind === 'failed') {
      become('failed', looked.sentence);
      await clock.sleep(RETRY_MS, signal);
      return;
    }
    const { facts } = looked;
    state.facts = facts;
    const positions = await store.positions(host);
    readings = new Map();
    firstContact = positions.length === 0;
    await snapshots.load();
    become('watching', '');
    const leave = new AbortController();
    const beside = [
      keepCounting(facts, AbortSignal.any([signal, leave.signal])),
      keepSnapshots(AbortSignal.any([signal, leave.signal])),
    ];
    const end = await link.follow({
      positions,
      onLines: (batch) => takeLines(batch, facts),
      onGap: (gap) => {
        state.gaps += 1;
        log.warn({ host, source: gap.source, lost: gap.lost }, gap.sentence);
        world.onGap(host, gap);
      },
      onPosition: (position) => saves.add([], [position]),
      signal,
    });
    leave.abort();
    await Promise.all(beside);
    if (end.kind === 'failed') {
      become('failed', end.sentence);
      await clock.sleep(RETRY_MS, signal);
    } else become('waiting', 'the connection was lost');
  }

  async function keepCounting(facts: HostFacts, until: AbortSignal): Promise<void> {
    let waitMs = COUNTER_AFTER_KILL_MS;
    while (!until.aborted) {
      wakeCounter = new AbortController();
      await clock.sleep(waitMs, AbortSignal.any([until, wakeCounter.signal])).catch(() => undefined);
      if (until.aborted) return;
      if (wakeCounter.signal.aborted) await clock.sleep(COUNTER_AFTER_KILL_MS, until).catch(() => undefined);
      if (until.aborted) return;
      const counters = await link.counters();
      const kill = counters === null ? null : await compareCounter(host, counters, { store, nowMs: clock.nowMs() });
      if (kill !== null) {
        log.warn({ host, bootId: facts.bootId }, 'The kernel counted kills that its log does not explain');
        saves.add([kill], []);
      }
      waitMs = COUNTER_EVERY_MS;
    }
  }

  async function keepSnapshots(until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      await snapshots.take();
      await clock.sleep(SNAPSHOT_EVERY_MS, until).catch(() => undefined);
    }
  }

  function become(kind: WatchState['kind'], sentence: string): void {
    state = { ...state, kind, sentence, sinceMs: clock.nowMs() };
  }

  async function keepWatching(): Promise<void> {
    while (!signal.aborted) {
      try {
        await followOnce();
      } catch (error) {
        if (signal.aborted) return;
        log.error({ err: error, host }, 'Watching a host failed; it is tried again');
        become('failed', error instanceof Error ? error.message : String(error));
        await clock.sleep(RETRY_MS, signal).catch(() => undefined);
      }
    }
  }

  const watching = keepWatching();
  return {
    host,
    state: () => state,
    close: async () => {
      closing.abort();
      await watching;
      await saves.close();
    },
  };
}
