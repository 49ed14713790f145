import type { FollowEnd, HostFacts, HostLink, LogBatch, LogGap, WatchState } from '../host-link.ts';
import type { Incident, Kill } from '../../incident/incident.ts';
import type { Clock, Log } from '../ports.ts';
import type { DrillWatch } from './drill-watch.ts';
import { openEarlyWarning } from './early-warning.ts';
import { openCounting } from './counting.ts';
import { openLineQueue, type LineQueue } from './line-queue.ts';
import { openLogReader, type LogReader } from './log-reader.ts';
import { keepTellingOutages, statusOf } from './outage.ts';
import { assignIncidents } from './assign-incidents.ts';
import { incidentIdOf } from './incident-id.ts';
import { openUnsavedKills } from './unsaved-kills.ts';
import type { ReportKeeper } from './report-keeper.ts';
import { openSaveQueue, type Saved } from './save-queue.ts';
import { beginWatching, isPast, openPast } from './past.ts';
import { recogniseHost } from './recognise-host.ts';
import { keepSampling } from './sampling.ts';
import { openSnapshots } from './snapshots.ts';
import { spread } from './spread.ts';
import type { Store } from '../store-port.ts';
import { unlessAborted } from '../unless-aborted.ts';
import type { WebhookRoute } from '../webhook.ts';
import { openPeriodic } from './periodic.ts';
import { readPositions, watchWithoutRecord } from './without-record.ts';
import { openLooks, type Looks } from './looks.ts';
import { openTurns, type Turns } from './turns.ts';

export interface WatchWorld {
  store: Store;
  clock: Clock;
  log: Log;
  channelOf: (incident: Pick<Incident, 'host'>) => string;
  /** Webhooks that get the incidents of a host; missing: there are none. */
  webhooksOf?: (of: { host: string }) => readonly WebhookRoute[];
  /** Called after kills, or news beside them, are in the record. */
  onSaved: (saved: Saved) => void;
  /** Called with an incident that the store does not take, and the channel that must hear of it. */
  onUnsaved?: (incident: Incident, channel: string) => void;
  /** Told of what went by: metrics. */
  onLines: (count: number) => void;
  onGap: (host: string, gap: LogGap) => void;
  /** The names of all hosts there are, watched here or not. */
  configured?: () => readonly string[];
  /** What all hosts share; absent: this one is alone. */
  turns?: Turns;
  looks?: Looks;
  /** Keeps the lines of reports for those who ask for all of it; absent: they are let go. */
  reports?: Pick<ReportKeeper, 'keep'>;
  /** Knows kills on purpose; absent: there are none. */
  drills?: DrillWatch;
  /** How often memory is noted; null or absent: only with each snapshot. */
  sampleEveryMs?: () => number | null;
  /** Warn before memory is used up, so long before; null or absent: not for this host. */
  warnWithinMs?: (host: string) => number | null;
}

export interface HostWatch {
  host: string;
  state: () => WatchState;
  /** How many kills are not on record yet. */
  waiting: () => number;
  close: () => Promise<void>;
}

const COUNTER_FIRST_MS = 30_000;
const COUNTER_EVERY_MS = 5 * 60_000;
/** After a kill the counter is looked at once the report's lines have had time to arrive. */
const COUNTER_AFTER_KILL_MS = 15_000;
const SNAPSHOT_EVERY_MS = 5 * 60_000;
/** What was restarted after a kill is known before it dies again; and what was missed is told by the snapshot before. */
const SNAPSHOT_AFTER_MS = 20_000;
const RETRY_MS = 30_000;
/** How soon it is noticed that a quiet log has spoken; a thousand hosts are asked this often. */
const IDLE_MS = 30_000;
/** Lines wait: a report that is open may go on in them. */
const REST_AGAIN_MS = 1_000;

/** Watches one host until closed: follows its log, records its kills, counts them against the kernel's own counter. */
export function watchHost(link: HostLink, world: WatchWorld): HostWatch {
  const { store, clock, log } = world;
  const { host } = link;
  const closing = new AbortController();
  const { signal } = closing;
  const { sampleEveryMs = () => null, turns = openTurns(), looks = openLooks(clock) } = world;
  const snapshots = openSnapshots(host, link, store, clock, () => sampleEveryMs() !== null);
  const { channelOf, webhooksOf } = world;
  const placing = { newId: incidentIdOf, isHistory, channelOf, webhooksOf, aliveSinceMs: clock.nowMs() };
  const unsaved = openUnsavedKills(host, placing, world);
  const saves = openSaveQueue(host, {
    store,
    clock,
    log,
    decide: (view, mutes) => {
      unsaved.find(view.nowOpen);
      return assignIncidents(view, { ...placing, nowMs: clock.nowMs(), mutes, toldAs: unsaved.toldAs });
    },
    isHistory,
    onUnsaved: (kills) => void unsaved.tell(kills),
    onDrilled: world.drills?.recorded,
    onSaved: (saved) => {
      unsaved.see(saved);
      // First what people wait for.
      world.onSaved(saved);
      past.see(saved.fresh.filter(isHistory));
      if (saved.fresh.length > 0) killed();
    },
  });
  const past = openPast(host, { store, clock, log, channel: () => world.channelOf({ host }), saves });
  let state: WatchState = {
    kind: 'starting',
    sinceMs: clock.nowMs(),
    sentence: '',
    lastLineAtMs: null,
    sources: [],
    gaps: 0,
    facts: null,
  };
  let watchedSinceMs = clock.nowMs();
  const { drills } = world;
  const beside = { store, clock, saves, snapshots, turns, looks, drills, signal, onGap, onLines: noteLines };
  /** Since when it is read while the record does not answer; null: it answered. */
  let withoutRecordSinceMs: number | null = null;
  const { repeat, killed } = openPeriodic(host, world);

  function isHistory(kill: Kill): boolean {
    return isPast(kill, watchedSinceMs);
  }

  async function followOnce(): Promise<void> {
    await link.whenConnected(signal);
    const looked = await looks.whenThereIsRoom(takeUp, signal, 'urgent');
    if (looked.kind === 'failed') return failed(looked.sentence);
    const { facts, remembered } = looked;
    if (remembered === null) return ended(await readWithoutRecord(facts));
    const { positions, formerly } = remembered;
    const begun = beginWatching(positions, withoutRecordSinceMs ?? clock.nowMs());
    withoutRecordSinceMs = null;
    watchedSinceMs = begun.sinceMs;
    saves.add({ positions: begun.toSave });
    state = { ...state, facts, sources: [], ...(formerly === null ? {} : { formerly }) };
    become('watching', '');

    const leave = new AbortController();
    const until = AbortSignal.any([signal, leave.signal]);
    const reader = openLogReader({ host, facts, nowMs: clock.nowMs, who: snapshots.who, named: snapshots.named });
    function keep({ kills: all, positions: places, reports }: ReturnType<LogReader['take']>): void {
      const { kills, drilled } = world.drills?.tellApart(all) ?? { kills: all, drilled: [] };
      if (all.length + places.length > 0) saves.add({ kills, positions: places, drilled });
      const others = reports.filter(({ key }) => !drilled.some((one) => one.key === key));
      if (others.length > 0) world.reports?.keep(others);
    }
    const lines = openLineQueue({
      turns,
      room: saves.room,
      onLines: (batch) => keep(reader.take(batch)),
      onPosition: (position) => saves.add({ positions: [position] }),
      onGap,
    });
    function take(batch: LogBatch): void {
      noteLines(batch);
      lines.add(batch);
    }
    const tasks = [
      keepResting(reader, (read) => keep(read), lines.isEmpty, until),
      keepCounting(facts, { take, lines }, until),
      keepSnapshots(until),
      keepSamples(until),
      past.tell(watchedSinceMs, until),
    ];
    const end = await link
      .follow({
        positions,
        onLines: take,
        hold: lines.hold,
        onGap,
        onPosition: lines.addPosition,
        signal: until,
      })
      .finally(() => leave.abort());
    try {
      await Promise.all(tasks);
      // What has arrived is not asked for a second time.
      await unlessAborted(lines.drained(), signal);
    } finally {
      lines.close();
    }
    await ended(end);
  }

  /** What the host is, and what the record knows of it; `remembered` null: the record does not answer. */
  async function takeUp() {
    const looked = await unlessAborted(link.probe(), signal);
    return looked.kind === 'failed' ? looked : { ...looked, remembered: await remember(looked.facts) };
  }

  async function remember(facts: HostFacts) {
    const known = await unlessAborted(readPositions(host, beside), signal);
    if (known === null) return null;
    // Whoever let the host go does not wait for this: nothing is written any more.
    signal.throwIfAborted();
    const formerly = await recogniseHost(host, facts, { store, clock, log, configured: world.configured?.() ?? [] });
    const positions = formerly === null ? known : await store.positions(host);
    await snapshots.load();
    await drills?.load(host);
    return { positions, formerly };
  }

  /** The record cannot be read: what dies meanwhile is told from memory. */
  function readWithoutRecord(facts: HostFacts): Promise<FollowEnd> {
    withoutRecordSinceMs ??= clock.nowMs();
    state = { ...state, facts, sources: [] };
    become('watching', '');
    return watchWithoutRecord(link, { ...beside, facts, sinceMs: withoutRecordSinceMs });
  }

  async function ended(end: FollowEnd): Promise<void> {
    if (end.kind === 'failed') await failed(end.sentence);
    else if (end.kind !== 'aborted')
      become('waiting', end.kind === 'done' ? 'the host is looked at again' : 'the connection was lost');
  }

  function noteLines(batch: LogBatch): void {
    world.onLines(batch.lines.length);
    state.lastLineAtMs = batch.arrivedAtMs;
    if (!state.sources.includes(batch.source)) state.sources = [...state.sources, batch.source];
  }

  function onGap(gap: LogGap): void {
    state.gaps += 1;
    log.warn({ host, source: gap.source, lost: gap.lost }, gap.sentence);
    world.onGap(host, gap);
  }

  async function keepResting(
    reader: LogReader,
    keep: (read: ReturnType<LogReader['rest']>) => void,
    isQuiet: () => boolean,
    until: AbortSignal,
  ): Promise<void> {
    await repeat(
      until,
      () => (isQuiet() ? (reader.restInMs() ?? IDLE_MS) : REST_AGAIN_MS),
      () => {
        if (isQuiet()) keep(reader.rest());
      },
    );
  }

  async function keepCounting(
    facts: HostFacts,
    { take, lines }: { take: (batch: LogBatch) => void; lines: LineQueue },
    until: AbortSignal,
  ): Promise<void> {
    const counting = openCounting(link, facts, { store, clock, log, watchedSinceMs, saves, take, lines });
    let waitMs = spread(host, COUNTER_FIRST_MS);
    await repeat(
      until,
      () => waitMs,
      async () => {
        waitMs = spread(host, COUNTER_EVERY_MS);
        await looks.whenThereIsRoom(() => counting.look(until), until);
      },
      COUNTER_AFTER_KILL_MS,
    );
  }

  async function keepSnapshots(until: AbortSignal): Promise<void> {
    let waitMs = snapshots.isEmpty() ? 0 : SNAPSHOT_AFTER_MS;
    await repeat(
      until,
      () => waitMs,
      async () => {
        waitMs = spread(host, SNAPSHOT_EVERY_MS);
        await looks.whenThereIsRoom(snapshots.take, until);
      },
      SNAPSHOT_AFTER_MS,
    );
  }

  function keepSamples(until: AbortSignal): Promise<void> {
    const warning = openEarlyWarning(host, {
      store,
      clock,
      withinMs: () => world.warnWithinMs?.(host) ?? null,
      channel: () => world.channelOf({ host }),
      save: saves.offer,
    });
    const around = { link, store, clock, log, signal: until };
    return keepSampling({ ...around, everyMs: sampleEveryMs, isHurried: warning.isOn, onSample: warning.see });
  }

  async function failed(sentence: string): Promise<void> {
    become('failed', sentence);
    await clock.sleep(RETRY_MS, signal);
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
        log.error({ err: error, host }, 'Watching a host failed; retrying');
        await failed(error instanceof Error ? error.message : String(error)).catch(() => undefined);
      }
    }
  }

  const outages = {
    store,
    clock,
    channel: () => world.channelOf({ host }),
    save: saves.offer,
    sight: () => statusOf(state, link.state()),
  };
  const running = [keepWatching(), keepTellingOutages(host, outages, log, signal)];
  return {
    host,
    state: () =>
      saves.isStuck() && state.kind === 'watching'
        ? { ...state, kind: 'waiting', sentence: 'the record takes no more kills; reading waits until it does' }
        : state,
    waiting: saves.waiting,
    close: async () => {
      closing.abort();
      await Promise.all(running);
      await saves.close();
    },
  };
}
