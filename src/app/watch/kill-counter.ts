import { sayName } from '../../cause/cause-words.ts';
import type { Kill } from '../../incident/incident.ts';
import { identifyCgroup } from '../../oom/proc/cgroup.ts';
import type { KillRecord } from '../../oom/report.ts';
import { countedKills, firstBase, recordedKills } from '../counted-kills.ts';
import type { HostFacts, HostLink } from '../host-link.ts';
import { countedTimes, unexplainedCgroups } from './unexplained-cgroups.ts';
import type { Clock } from '../ports.ts';
import type { CounterReading, Store } from '../store-port.ts';

export interface CounterWorld {
  store: Store;
  clock: Clock;
  /** When this host was first watched: what the kernel counted before is not our business. */
  watchedSinceMs: number;
  /** Reads once more what the host's lasting log has since then, by our clock, and saves it. */
  backfill: (sinceMs: number, signal: AbortSignal) => Promise<void>;
}

export interface KillCounter {
  /**
   * Compares the kernel's own count of its kills in this boot with those that were read. A difference is looked for in the
   * lasting log; what stays for three more looks is given as kills of their own, to be saved before `settle` is called. Where
   * they happened is asked only then.
   */
  compare: (signal: AbortSignal) => Promise<Kill[]>;
  /** These are on record: they are counted as explained from now on. */
  settle: (kills: readonly Kill[]) => Promise<void>;
}

/** Lines may still be on their way: a kill is counted before its line can be here. */
const LOOK_AGAIN_MS = 15_000;
const LOOKS = 3;
/** Times of death are a little uncertain. */
const AROUND_MS = 60_000;
/** A counter that runs away (a broken host) does not fill the record at once. */
const UNEXPLAINED_MAX = 100;

/** What must hold: the kernel's counter = `base.counter` + kernel kills recorded so far - `base.parsed`. */
export function openKillCounter(link: HostLink, facts: HostFacts, world: CounterWorld): KillCounter {
  const { store, clock } = world;
  const { host } = link;

  async function look(): Promise<Missing | null> {
    const { bootId } = facts;
    if (bootId === null) return null;
    // Ours first: a kill in between is then counted but not read, which the next look puts right; the other way round it
    // would hide one.
    const parsed = await countedKills(store, host, bootId);
    const counters = await link.counters();
    if (counters === null || counters.oomKills === null || counters.bootId !== bootId) return null;
    const now = {
      host,
      bootId,
      killer: 'kernel' as const,
      counter: counters.oomKills,
      parsed,
      atMs: counters.readAtMs,
    };
    const known = await store.counter(host, bootId, 'kernel');
    const base = known ?? (await firstBase(store, now, facts, world.watchedSinceMs));
    const difference = now.counter - base.counter - (parsed - base.parsed);
    const missing = difference <= 0 ? difference : difference - (await countedTwice(base));
    if (missing <= 0) await store.saveCounter(now);
    else if (known === null) await store.saveCounter(base);
    return missing > 0 ? { base, missing, atMs: now.atMs } : null;
  }

  async function countedTwice(base: CounterReading): Promise<number> {
    const kills = await recordedKills(store, base, { sinceMs: base.atMs - AROUND_MS });
    return kills.filter((kill) => kill.seenAtMs >= base.atMs).reduce((sum, kill) => sum + countedTimes(kill) - 1, 0);
  }

  /** Groups that the kernel killed in and no log tells of, one for each such kill; nothing where the record is not whole. */
  async function whereMissing(base: CounterReading, missing: number): Promise<string[]> {
    const groups = await link.groupKills();
    if (groups === null || groups.length === 0) return [];
    const kills = await recordedKills(store, base, {});
    const read = kills.filter((kill) => kill.source !== 'counter').length;
    return read === (await store.countKernelKills(host, base.bootId)) ? unexplainedCgroups(groups, kills, missing) : [];
  }

  return {
    compare: async (signal) => {
      const seen = await lookUntilSure(look, world, signal);
      if (seen === null) return [];
      const { base, sure, atMs } = seen;
      const where = (await whereMissing(base, seen.missing)).slice(0, sure);
      // The last one is what the incident says of all.
      const unnamed = sure - where.length;
      return Array.from({ length: sure }, (_, index) => {
        const group = where[index - unnamed] ?? null;
        const place = group === null ? '' : ` in ${sayName(group.slice(1))}`;
        const text = `The kernel counted a kill${place} that its log does not explain.`;
        const record = counterRecord('kernel', group, text);
        return unexplained(base, { index, readAtMs: atMs, nowMs: clock.nowMs(), record });
      });
    },
    settle: async (kills) => {
      const base = facts.bootId === null ? null : await store.counter(host, facts.bootId, 'kernel');
      if (base !== null)
        await store.saveCounter({ ...base, counter: base.counter + kills.length, atMs: clock.nowMs() });
    },
  };
}

/** What a look found: so many kills were counted since `base` that nobody told. */
export interface Missing {
  base: CounterReading;
  missing: number;
  atMs: number;
}

/** Looks, and where kills are missing reads the log once more and looks again; `sure`: what was missing all the time. */
export async function lookUntilSure<Seen extends Missing>(
  look: () => Promise<Seen | null>,
  { backfill, clock }: Pick<CounterWorld, 'backfill' | 'clock'>,
  signal: AbortSignal,
): Promise<(Seen & { sure: number }) | null> {
  let seen = await look();
  if (seen === null) return null;
  await backfill(seen.base.atMs, signal);
  let sure = seen.missing;
  for (let count = 0; count < LOOKS; count += 1) {
    await clock.sleep(LOOK_AGAIN_MS, signal);
    seen = await look();
    if (seen === null) return null;
    sure = Math.min(sure, seen.missing, UNEXPLAINED_MAX);
  }
  return { ...seen, sure };
}

/** The key names the count that is missing, so that a crash before `settle` does not tell it twice. */
export function unexplained(
  base: CounterReading,
  told: { index: number; readAtMs: number; nowMs: number; record: KillRecord },
): Kill {
  const { index, readAtMs, nowMs, record } = told;
  const { host, bootId } = base;
  const of = base.killer === 'kernel' ? 'counter' : 'oomd-counter';
  return {
    key: `${bootId}:${of}:${base.counter + index + 1}`,
    host,
    bootId,
    atMs: Math.round((base.atMs + readAtMs) / 2),
    atErrorMs: Math.round((readAtMs - base.atMs) / 2),
    seenAtMs: nowMs,
    source: 'counter',
    verified: true,
    record,
    who: null,
  };
}

/** A kill that nothing but a counter knows; and the group that it was in, if any. `text` says so. */
export function counterRecord(killer: KillRecord['killer'], group: string | null, text: string): KillRecord {
  return {
    line: 0,
    report: 0,
    killer,
    domain: null,
    constraint: null,
    pid: null,
    name: null,
    uid: null,
    oomScoreAdj: null,
    score: null,
    totalVmKiB: null,
    anonRssKiB: null,
    fileRssKiB: null,
    shmemRssKiB: null,
    pageTablesKiB: null,
    trigger: null,
    oomMemcg: null,
    taskMemcg: group,
    memcgUsageKiB: null,
    memcgLimitKiB: null,
    ramPages: null,
    totalSwapKiB: null,
    freeSwapKiB: null,
    tasksInDump: null,
    topTasks: null,
    oomGroup: null,
    outcome: 'killed',
    reaped: false,
    timeText: null,
    time: null,
    kernelSeconds: null,
    identity: group === null ? null : identifyCgroup(group),
    predictedVictim: null,
    cause: { code: 'not-explained', sure: 'certain', text, numbers: {} },
    evidence: [],
    warnings: [],
    selected: null,
    kernelRelease: null,
    pageSizeKiB: null,
    memory: null,
    memcg: null,
    holders: [],
    slabs: [],
    reason: null,
    aftermath: [],
  };
}
