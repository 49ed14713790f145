import type { Kill } from '../incident/incident.ts';
import type { KillRecord } from '../oom/report.ts';
import type { HostCounters } from './host-link.ts';
import type { Store } from './store-port.ts';

/** The kernel prints nothing for a victim that is already dying, so a difference is looked at twice before it counts. */
const TWICE_AFTER_MS = 60_000;

/**
 * Compares the kernel's own count of its kills with those that were read. Both are compared from the first look on: what died
 * before oombot came is not its business. Gives the incident of its own that a lasting difference is, else null.
 */
export async function compareCounter(
  host: string,
  counters: HostCounters,
  world: { store: Store; nowMs: number },
): Promise<Kill | null> {
  const { store, nowMs } = world;
  if (counters.oomKills === null) return null;
  const parsed = await store.countKernelKills(host, counters.bootId);
  const before = await store.counter(host, counters.bootId);
  const reading = { host, bootId: counters.bootId, counter: counters.oomKills, parsed, atMs: counters.readAtMs };
  if (before === null) {
    await store.saveCounter(reading);
    return null;
  }
  const missing = counters.oomKills - before.counter - (parsed - before.parsed);
  if (missing <= 0) {
    await store.saveCounter(reading);
    return null;
  }
  // The last reading without a difference stays until this one has lasted.
  if (nowMs - before.atMs < TWICE_AFTER_MS) return null;
  await store.saveCounter(reading);
  return unexplained(host, counters, missing, { fromMs: before.atMs, nowMs });
}

function unexplained(
  host: string,
  counters: HostCounters,
  missing: number,
  when: { fromMs: number; nowMs: number },
): Kill {
  return {
    key: `${counters.bootId}:counter:${counters.oomKills}`,
    host,
    bootId: counters.bootId,
    atMs: Math.round((when.fromMs + counters.readAtMs) / 2),
    atErrorMs: Math.round((counters.readAtMs - when.fromMs) / 2),
    seenAtMs: when.nowMs,
    source: 'counter',
    verified: true,
    record: counterRecord(missing),
    who: null,
  };
}

/** A record of kills that nothing but the counter knows. */
function counterRecord(missing: number): KillRecord {
  const text = `The kernel counted ${missing === 1 ? 'a kill' : `${missing} kills`} that its log does not explain.`;
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
    cause: { code: 'not-explained', sure: 'certain', text, numbers: { missing } },
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
