import type { Kill } from '../incident/incident.ts';
import type { KillRecord } from '../oom/report.ts';
import type { HostFacts, HostLink } from './host-link.ts';
import type { Clock } from './ports.ts';
import type { CounterReading, Store } from './store-port.ts';

export interface CounterWorld {
  store: Store;
  clock: Clock;
  /** When this host was first watched: what the kernel counted before is not our business. */
  watchedSinceMs: number;
  /** Reads once more what the host's lasting log has since then, by our clock, and saves it. */
  lookUp: (sinceMs: number, signal: AbortSignal) => Promise<void>;
}

export interface KillCounter {
  /**
   * Compares the kernel's own count of its kills in this boot with those that were read. A difference is looked for in the
   * lasting log; what stays for three more looks is given as kills of their own, to be saved before `settle` is called.
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
const GROUP_KILLS_MAX = 1_000;
/** A counter that runs away (a broken host) does not fill the record at once. */
const UNEXPLAINED_MAX = 100;

/** What must hold: the kernel's counter = `base.counter` + kernel kills recorded so far - `base.parsed`. */
export function openKillCounter(link: HostLink, facts: HostFacts, world: CounterWorld): KillCounter {
  const { store, clock } = world;
  const { host } = link;

  async function look(): Promise<{ base: CounterReading; missing: number; atMs: number } | null> {
    const { bootId } = facts;
    if (bootId === null) return null;
    // Ours first: a kill in between is then counted but not read, which the next look puts right; the other way round it
    // would hide one.
    const parsed = await store.countKernelKills(host, bootId);
    const counters = await link.counters();
    if (counters === null || counters.oomKills === null || counters.bootId !== bootId) return null;
    const now = { host, bootId, counter: counters.oomKills, parsed, atMs: counters.readAtMs };
    const known = await store.counter(host, bootId);
    const base = known ?? firstBase(now);
    const difference = now.counter - base.counter - (parsed - base.parsed);
    const missing = difference <= 0 ? difference : difference - (await countedTwice(base));
    if (missing <= 0) await store.saveCounter(now);
    else if (known === null) await store.saveCounter(base);
    return missing > 0 ? { base, missing, atMs: now.atMs } : null;
  }

  /**
   * With memory.oom.group the kernel kills, prints and counts the chosen process, then all of its group, the chosen one again
   * (oom_kill_process and oom_kill_memcg_member both call __oom_kill_process): one death, counted twice.
   */
  async function countedTwice(base: CounterReading): Promise<number> {
    const query = {
      hosts: [host],
      service: null,
      sinceMs: base.atMs - AROUND_MS,
      untilMs: null,
      limit: GROUP_KILLS_MAX,
    };
    const kills = (await store.kills(query)).filter(
      (kill) => kill.bootId === base.bootId && kill.seenAtMs >= base.atMs,
    );
    return kills.reduce(
      (sum, { record }) => sum + (record.oomGroup === null ? 0 : Math.max(0, killLines(record) - 1)),
      0,
    );
  }

  /** A boot that began while the host was watched is counted from its first kill on. */
  function firstBase(now: CounterReading): CounterReading {
    return world.watchedSinceMs < facts.bootAtMs ? { ...now, counter: 0, parsed: 0, atMs: facts.bootAtMs } : now;
  }

  return {
    compare: async (signal) => {
      let seen = await look();
      if (seen === null) return [];
      await world.lookUp(seen.base.atMs, signal);
      let { missing } = seen;
      for (let count = 0; count < LOOKS; count += 1) {
        await clock.sleep(LOOK_AGAIN_MS, signal);
        seen = await look();
        if (seen === null) return [];
        missing = Math.min(missing, seen.missing, UNEXPLAINED_MAX);
      }
      const { base, atMs } = seen;
      return Array.from({ length: missing }, (_, index) => unexplained(base, index, atMs, clock.nowMs()));
    },
    settle: async (kills) => {
      const base = facts.bootId === null ? null : await store.counter(host, facts.bootId);
      if (base !== null)
        await store.saveCounter({ ...base, counter: base.counter + kills.length, atMs: clock.nowMs() });
    },
  };
}

function killLines(record: KillRecord): number {
  return record.evidence.filter((line) => line.text.includes(`Killed process ${record.pid} `)).length;
}

/** The key names the count that is missing, so that a crash before `settle` does not tell it twice. */
function unexplained(base: CounterReading, index: number, readAtMs: number, nowMs: number): Kill {
  return {
    key: `${base.bootId}:counter:${base.counter + index + 1}`,
    host: base.host,
    bootId: base.bootId,
    atMs: Math.round((base.atMs + readAtMs) / 2),
    atErrorMs: Math.round((readAtMs - base.atMs) / 2),
    seenAtMs: nowMs,
    source: 'counter',
    verified: true,
    record: counterRecord(),
    who: null,
  };
}

/** A kill that nothing but the counter knows. */
function counterRecord(): KillRecord {
  const text = 'The kernel counted a kill that its log does not explain.';
  return {
    line: 0,
    report: 0,
    killer: 'kernel',
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
    taskMemcg: null,
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
    identity: null,
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
