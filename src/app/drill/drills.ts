import type { Drill, DrillStep } from '../../incident/drill.ts';
import { describeDrill, describeDrillFailure, describeDrills } from '../../notice/answer/drill-notice.ts';
import { sayDuration } from '../../notice/units.ts';
import type { HostLink } from '../host-link.ts';
import { newsFor } from '../deliveries.ts';
import { STANDING_KEY, type ReplyBody } from '../reply-body.ts';
import { NOTHING_SEEN } from '../watch/drill-watch.ts';
import { isStormy, killOnPurpose, whyNoDrill, type WhyNot } from './drill-host.ts';
import type { DrillWorld } from './drill-world.ts';

export type DrillBegun =
  /** `isElsewhere`: another process of the bot watches the host and takes it up. */
  { kind: 'begun'; drill: Drill; isElsewhere: boolean } | { kind: 'refused'; why: WhyNot };

export interface Drills {
  /** Begins one that somebody asked for; it goes on by itself. */
  begin: (host: string, by: string) => Promise<DrillBegun>;
  /** Does one by the schedule, to its end. Never throws. */
  runScheduled: (host: string) => Promise<void>;
  /** Whether its channel has other things to tell now. */
  isStormy: (host: string) => Promise<boolean>;
  /** Takes up what waits for this process, and ends what a process before it left behind. */
  tidy: () => Promise<void>;
  /** What is under way is left, and told of as interrupted at the next start. */
  close: () => Promise<void>;
}

const ANNOUNCED_WITHIN_MS = 30_000;
const SEEN_WITHIN_MS = 30_000;
const RECORDED_WITHIN_MS = 30_000;
const TOLD_WITHIN_MS = 60_000;
/** The time that is told is too long by a tenth at most, or by this. */
const LOOK_LEAST_MS = 40;
const LOOK_MOST_MS = 1_000;
/** Longer than all of it together. */
const LOST_AFTER_MS = 5 * 60_000;
/** Nobody watches the host if nobody takes it by then. */
const TAKEN_WITHIN_MS = 60_000;

/** Drills on hosts: each a real kill, followed step by step to its channel. One at a time on a host. */
export function openDrills(world: DrillWorld): Drills {
  const { store, clock, log, fleet, watch, channelOf, wake } = world;
  const stop = new AbortController();
  /** Hosts, and what goes on there. */
  const active = new Map<string, Promise<void>>();

  function standingChannelOf(host: string): string {
    return world.schedule().channel ?? channelOf({ host });
  }

  function newDrill(host: string, by: string | null): Drill {
    const channel = by === null ? standingChannelOf(host) : channelOf({ host });
    return {
      id: world.newId(),
      host,
      channel,
      by,
      state: 'running',
      madeAtMs: clock.nowMs(),
      askedAtMs: null,
      ...NOTHING_SEEN,
      toldAtMs: null,
      counted: null,
      end: null,
    };
  }

  async function begin(host: string, by: string): Promise<DrillBegun> {
    const drill = newDrill(host, by);
    if (active.has(host) || (await store.openDrills()).some((one) => one.host === host))
      return { kind: 'refused', why: { reason: 'A drill is under way there already.', needsSetup: false } };
    if (world.shared && fleet.watchState(host) === null) {
      const waiting: Drill = { ...drill, state: 'waiting' };
      await store.putDrill(waiting);
      return { kind: 'begun', drill: waiting, isElsewhere: true };
    }
    const why = await whyNoDrill(world, host, drill.id);
    if (why !== null) return { kind: 'refused', why };
    // Somebody else may have asked meanwhile.
    if (active.has(host)) return begin(host, by);
    if (!(await start(drill, [])))
      return {
        kind: 'refused',
        why: { reason: 'The host is no longer watched here, or oombot is being stopped.', needsSetup: false },
      };
    return { kind: 'begun', drill, isElsewhere: false };
  }

  /** False: the host is no longer watched here, this process is being stopped, or another one was faster. */
  async function start(drill: Drill, from: readonly Drill['state'][]): Promise<boolean> {
    const link = fleet.link(drill.host);
    if (link === null || stop.signal.aborted) return false;
    const saved = store.putDrill(drill, from);
    active.set(drill.host, runToEnd(drill, link, saved));
    return saved;
  }

  async function runToEnd(drill: Drill, link: HostLink, isOurs: Promise<boolean>): Promise<void> {
    try {
      if (await isOurs) await run(drill, link);
    } catch (error) {
      if (!stop.signal.aborted) log.error({ err: error, host: drill.host }, 'A drill could not be carried on');
    } finally {
      active.delete(drill.host);
    }
  }

  async function runScheduled(host: string): Promise<void> {
    if (active.has(host)) return;
    const drill = newDrill(host, null);
    try {
      const why = await whyNoDrill(world, host, drill.id);
      if (why !== null) return await refuse(drill, [], why.reason);
      await start(drill, []);
      await active.get(host);
    } catch (error) {
      log.error({ err: error, host }, 'A scheduled drill could not be begun');
    }
  }

  async function run(first: Drill, link: HostLink): Promise<void> {
    let drill = first;
    await show(drill);
    const announced = await shown(drill, ANNOUNCED_WITHIN_MS);
    if (announced.kind === 'no') return fail(drill, 'announce', announced.reason);

    const entry = { atMs: clock.nowMs(), actor: drill.by ?? 'oombot', action: 'drill', host: drill.host };
    const { hash } = await store.appendAudit({ ...entry, details: { drill: drill.id, channel: drill.channel } });
    const before = (await link.counters())?.oomKills ?? null;
    drill = { ...drill, askedAtMs: clock.nowMs() };
    await store.putDrill(drill, ['running']);

    let progress = NOTHING_SEEN;
    let nap = new AbortController();
    const forget = watch.expect(drill, (now) => {
      progress = now;
      nap.abort();
    });
    async function until(isDone: () => boolean, withinMs: number): Promise<boolean> {
      const endAtMs = clock.nowMs() + withinMs;
      while (!isDone() && clock.nowMs() < endAtMs && !stop.signal.aborted) {
        nap = new AbortController();
        const signal = AbortSignal.any([nap.signal, stop.signal]);
        await clock.sleep(endAtMs - clock.nowMs(), signal).catch(() => undefined);
      }
      return isDone();
    }
    try {
      const answer = await killOnPurpose(link, drill.id, hash);
      if (answer.kind === 'refused') return await refuse(drill, ['running'], answer.reason);
      if (answer.kind === 'failed') return await fail(drill, 'kill', answer.reason);
      const isSeen = await until(() => progress.seenAtMs !== null, SEEN_WITHIN_MS);
      if (!isSeen && answer.kind === 'unknown') return await fail(drill, 'kill', answer.reason);
      const waited = sayDuration(SEEN_WITHIN_MS);
      if (!isSeen)
        return await fail(drill, 'see', `The kernel killed the process, and its line did not come within ${waited}.`);
      const isRecorded = await until(() => progress.recordedAtMs !== null, RECORDED_WITHIN_MS);
      drill = { ...drill, ...progress };
      if (!isRecorded) return await fail(drill, 'record', 'The line was read, and the database did not take it.');
    } finally {
      forget();
    }
    await store.putDrill(drill, ['running']);
    await show(drill);
    const told = await shown(drill, TOLD_WITHIN_MS);
    if (told.kind === 'no') return fail(drill, 'tell', told.reason);

    const after = before === null ? null : ((await link.counters())?.oomKills ?? null);
    const counted = before === null || after === null ? null : { before, after };
    await finish({ ...drill, toldAtMs: told.atMs, counted, state: 'worked' }, ['running']);
  }

  /** A failure is told by a message of its own, which notifies. */
  async function fail(drill: Drill, step: DrillStep, reason: string): Promise<void> {
    if (stop.signal.aborted) return;
    const failed: Drill = { ...drill, state: 'failed', end: { step, reason } };
    log.warn({ host: drill.host, drill: drill.id, step, reason }, 'A drill failed');
    if (!(await finish(failed, ['running']))) return;
    await tellNews(drill.channel, { notice: describeDrillFailure(failed) });
  }

  async function refuse(drill: Drill, from: readonly Drill['state'][], reason: string): Promise<void> {
    await finish({ ...drill, state: 'refused', end: { step: 'kill', reason } }, from);
  }

  /** False: it is over already. */
  async function finish(drill: Drill, from: readonly Drill['state'][]): Promise<boolean> {
    if (!(await store.putDrill(drill, from))) return false;
    const { host, by, id, state, end, killedAtMs, toldAtMs } = drill;
    const tookMs = killedAtMs === null || toldAtMs === null ? null : toldAtMs - killedAtMs;
    const details = { drill: id, result: state, ...(end === null ? { tookMs } : end) };
    await store.appendAudit({ atMs: clock.nowMs(), actor: by ?? 'oombot', action: 'drill ended', host, details });
    await show(drill);
    world.onEnded(drill);
    return true;
  }

  /** Has the channel show the drill as it is. */
  async function show(drill: Drill): Promise<void> {
    if (drill.by !== null) return tellNews(drill.channel, { notice: describeDrill(drill), key: keyOf(drill) });
    const here = new Set(fleet.hosts().map(({ name }) => name));
    const last = await store.lastDrills();
    const others = last.filter(
      (one) => one.host !== drill.host && here.has(one.host) && standingChannelOf(one.host) === drill.channel,
    );
    const { everyMs } = world.schedule();
    const notice = describeDrills(drill.channel, [...others, drill], sayDuration(everyMs ?? 0));
    await tellNews(drill.channel, { notice, key: STANDING_KEY });
  }

  async function tellNews(channel: string, body: ReplyBody): Promise<void> {
    await store.enqueue([newsFor(channel, body, clock.nowMs())]);
    wake();
  }

  /** Waits until the channel shows what was asked for last. */
  async function shown(
    drill: Drill,
    withinMs: number,
  ): Promise<{ kind: 'shown'; atMs: number } | { kind: 'no'; reason: string }> {
    const fromMs = clock.nowMs();
    const endAtMs = fromMs + withinMs;
    while (!stop.signal.aborted) {
      const state = await store.newsState(drill.channel, keyOf(drill));
      if (state.kind === 'shown') return { kind: 'shown', atMs: clock.nowMs() };
      if (state.kind === 'failed') return { kind: 'no', reason: `Slack refused the message: ${state.reason}` };
      if (clock.nowMs() >= endAtMs)
        return { kind: 'no', reason: `${drill.channel} did not take the message within ${sayDuration(withinMs)}.` };
      const againMs = Math.min(LOOK_MOST_MS, Math.max(LOOK_LEAST_MS, (clock.nowMs() - fromMs) / 10));
      await clock.sleep(againMs, stop.signal).catch(() => undefined);
    }
    return { kind: 'no', reason: 'oombot was stopped.' };
  }

  async function tidy(): Promise<void> {
    const nowMs = clock.nowMs();
    for (const { killKey: _, ...drill } of await store.openDrills()) {
      if (active.has(drill.host)) continue;
      const isMine = fleet.watchState(drill.host) !== null;
      if (drill.state === 'waiting') {
        if (isMine) await takeUp(drill);
        else if (nowMs - drill.madeAtMs >= TAKEN_WITHIN_MS)
          await refuse(drill, ['waiting'], 'No process of oombot watches that host now.');
      } else if (!world.shared || nowMs - drill.madeAtMs >= LOST_AFTER_MS)
        await fail(drill, 'interrupted', 'oombot was stopped in the middle of it. Nothing is left on the host.');
    }
  }

  async function takeUp(drill: Drill): Promise<void> {
    const why = await whyNoDrill(world, drill.host, drill.id);
    if (why === null) await start({ ...drill, state: 'running' }, ['waiting']);
    else await refuse(drill, ['waiting'], why.reason);
  }

  return {
    begin,
    runScheduled,
    isStormy: (host) => isStormy(world, host),
    tidy,
    close: async () => {
      stop.abort();
      await Promise.all(active.values());
    },
  };
}

/** Of its message among the news of the channel. */
function keyOf({ by, id }: Drill): string {
  return by === null ? STANDING_KEY : `drill-${id}`;
}
