import { z } from 'zod';
import {
  findDanger,
  isUnheardOf,
  NO_WARNING,
  restOf,
  stepWarning,
  WARNING_THRESHOLDS,
  type Danger,
  type WarningState,
} from '../../incident/early-warning.ts';
import { findGrowth, type Moment } from '../../incident/growth.ts';
import type { Notice } from '../../notice/notice.ts';
import { describeWarning, describeWarningOver } from '../../notice/incident/warning-notice.ts';
import { newsFor } from '../deliveries.ts';
import { isHostMuted } from '../mute-target.ts';
import type { Clock, NewDelivery, Position } from '../ports.ts';
import type { ToSave } from './save-queue.ts';
import type { HostStore, KillStore } from '../store-port.ts';

export interface WarningWorld {
  store: KillStore & HostStore;
  clock: Clock;
  /** Warn when memory would be used up within this; null: no warnings for this host. */
  withinMs: () => number | null;
  channel: () => string;
  /** What is told and that it was told go on record together. False: it cannot be saved now. */
  save: (what: ToSave) => boolean;
}

export interface EarlyWarning {
  /** Whether this host is to be warned about. */
  isOn: () => boolean;
  /** A new sample is there. */
  see: (sample: Moment) => Promise<void>;
}

/** Samples that are held. */
const RECENT_MS = 60 * 60_000;
const RECENT_MAX = 400;
const EDIT_EVERY_MS = 5 * 60_000;
const KILLS_MAX = 500;
/** Recovered by this share of all memory, it is calm though little may be left. */
const RECOVERED_SHARE = 0.1;

const SOURCE = 'early-warning';
const State = z.object({
  episode: z.object({ startedAtMs: z.number(), calmSinceMs: z.number().nullable(), toldAtMs: z.number() }).nullable(),
  endedAtMs: z.number().nullable(),
  dangers: z.number(),
});

/** Warns before memory of a host is used up: one message an episode, edited while it goes on and when it is over. */
export function openEarlyWarning(host: string, world: WarningWorld): EarlyWarning {
  const { store, clock } = world;
  let recent: Moment[] = [];
  let state: WarningState | null = null;
  let lowestKiB = Infinity;

  async function see(sample: Moment): Promise<void> {
    const withinMs = world.withinMs();
    if (withinMs === null) {
      recent = [];
      return;
    }
    state ??= await readState(store, host);
    recent = [...recent.filter(({ atMs }) => sample.atMs - atMs <= RECENT_MS), sample].slice(-RECENT_MAX);
    const danger = await dangerNow(withinMs);
    const { episode } = state;
    lowestKiB = episode === null ? Infinity : Math.min(lowestKiB, restOf(sample));
    const look = {
      nowMs: clock.nowMs(),
      danger: danger !== null && (episode !== null || !(await isMuted())),
      calm: episode !== null && isCalm(sample, withinMs),
      killed: episode !== null && (await killsSince(episode.startedAtMs)).length > 0,
    };
    const next = stepWarning(state, look);
    const notice = noticeFor(next, danger, sample, episode);
    if (notice === null) {
      state = next.state;
      return;
    }
    const told: WarningState =
      next.state.episode === null
        ? next.state
        : { ...next.state, episode: { ...next.state.episode, toldAtMs: look.nowMs } };
    const startedAtMs = episode?.startedAtMs ?? look.nowMs;
    if (save(told, news(notice, startedAtMs))) state = told;
  }

  /** In an episode, what the samples say; before one, only what this host has not lived through lately. */
  async function dangerNow(withinMs: number): Promise<Danger | null> {
    const danger = findDanger(recent, withinMs);
    if (danger === null || state?.episode) return danger;
    const nowMs = clock.nowMs();
    const [history, kills] = await Promise.all([
      store.samples(host, nowMs - WARNING_THRESHOLDS.historyMs, nowMs),
      killsSince(nowMs - WARNING_THRESHOLDS.historyMs),
    ]);
    return isUnheardOf(danger, history, kills) ? danger : null;
  }

  function isCalm(sample: Moment, withinMs: number): boolean {
    if (findDanger(recent, withinMs * WARNING_THRESHOLDS.calmFactor) !== null) return false;
    const totalKiB = sample.totalKiB + sample.totalSwapKiB;
    return restOf(sample) >= Math.min(WARNING_THRESHOLDS.stallShare * totalKiB, lowestKiB + RECOVERED_SHARE * totalKiB);
  }

  function noticeFor(
    next: ReturnType<typeof stepWarning>,
    danger: Danger | null,
    sample: Moment,
    episode: WarningState['episode'],
  ): Notice | null {
    const nowMs = clock.nowMs();
    switch (next.event) {
      case 'began':
        return danger === null ? null : describeWarning(host, danger, culprit(danger), nowMs);
      case 'goes-on':
        if (danger === null || episode === null || nowMs - episode.toldAtMs < EDIT_EVERY_MS) return null;
        return describeWarning(host, danger, culprit(danger), episode.startedAtMs);
      case 'passed':
      case 'killed':
        return describeWarningOver(host, next.event, {
          startedAtMs: episode?.startedAtMs ?? nowMs,
          endedAtMs: nowMs,
          restKiB: restOf(sample),
          totalKiB: sample.totalKiB + sample.totalSwapKiB,
        });
      case null:
        return null;
    }
  }

  function culprit(danger: Danger): ReturnType<typeof findGrowth> {
    return findGrowth(recent.filter(({ atMs }) => atMs >= danger.sinceMs));
  }

  async function killsSince(sinceMs: number): Promise<number[]> {
    const query = { hosts: [host], service: null, sinceMs, untilMs: null, limit: KILLS_MAX };
    return (await store.killTimes(query)).map((kill) => kill.atMs);
  }

  async function isMuted(): Promise<boolean> {
    return isHostMuted(await store.mutes(clock.nowMs()), host);
  }

  function news(notice: Notice, startedAtMs: number): NewDelivery {
    return newsFor(world.channel(), { notice, key: `warning ${host} ${startedAtMs}` }, clock.nowMs());
  }

  function save(next: WarningState, delivery: NewDelivery): boolean {
    const position: Position = { source: SOURCE, value: JSON.stringify(next) };
    return world.save({ positions: [position], deliveries: [delivery] });
  }

  return { isOn: () => world.withinMs() !== null, see };
}

async function readState(store: KillStore, host: string): Promise<WarningState> {
  const stored = (await store.positions(host)).find((position) => position.source === SOURCE);
  try {
    return stored === undefined ? NO_WARNING : State.parse(JSON.parse(stored.value));
  } catch {
    return NO_WARNING; // written by a newer version
  }
}
