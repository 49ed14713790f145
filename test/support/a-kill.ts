import type { Kill } from '../../src/incident/incident.ts';
import type { KillRecord } from '../../src/oom/report.ts';

/** The founding kill: mysqld on db01, asked for by icinga2, the host out of memory. */
export function aRecord(given: Partial<KillRecord> = {}): KillRecord {
  return {
    line: 64,
    report: 1,
    killer: 'kernel',
    domain: 'host',
    constraint: 'CONSTRAINT_NONE',
    pid: 18_540,
    name: 'mysqld',
    uid: 111,
    oomScoreAdj: 0,
    score: 512,
    totalVmKiB: 7_721_568,
    anonRssKiB: 6_141_916,
    fileRssKiB: 0,
    shmemRssKiB: 0,
    pageTablesKiB: 12_632,
    trigger: {
      name: 'icinga2',
      pid: 2_211,
      gfpMask: '0x14200ca',
      gfpFlags: 'GFP_HIGHUSER_MOVABLE',
      order: 0,
      oomScoreAdj: 0,
    },
    oomMemcg: null,
    taskMemcg: '/system.slice/mysql.service',
    memcgUsageKiB: null,
    memcgLimitKiB: null,
    ramPages: 3_145_610,
    totalSwapKiB: 0,
    freeSwapKiB: 0,
    tasksInDump: 143,
    topTasks: [
      { name: 'mysqld', pid: 18_540, rssPages: 1_535_479 },
      { name: 'icinga2', pid: 2_200, rssPages: 402_113 },
    ],
    oomGroup: null,
    outcome: 'killed',
    reaped: true,
    timeText: 'Aug 30 01:35:08',
    time: '2026-08-30T01:35:08.000Z',
    kernelSeconds: 7_189_052.423132,
    identity: { unit: 'mysql.service', slice: 'system.slice', container: null, runtime: null, pod: null, qos: null },
    predictedVictim: { pid: 18_540, name: 'mysqld', points: 1_538_637, score: 512, agrees: true, reason: null },
    cause: {
      code: 'host',
      sure: 'certain',
      text: 'The whole host ran out of memory, and it has no swap.',
      numbers: { totalSwapKiB: 0, freeSwapKiB: 0 },
    },
    evidence: [
      {
        line: 1,
        text: '[7189052.422998] icinga2 invoked oom-killer: gfp_mask=0x14200ca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0',
      },
      {
        line: 64,
        text: '[7189052.424065] Killed process 18540 (mysqld) total-vm:7721568kB, anon-rss:6141916kB, file-rss:0kB, shmem-rss:0kB',
      },
    ],
    warnings: [],
    selected: { pid: 18_540, name: 'mysqld' },
    kernelRelease: '4.15.0',
    pageSizeKiB: 4,
    memory: {
      managedKiB: 12_332_000,
      ramKiB: 12_582_440,
      reservedKiB: 250_440,
      freeKiB: 92_000,
      activeAnonKiB: 9_100_000,
      inactiveAnonKiB: 1_900_000,
      activeFileKiB: 4_000,
      inactiveFileKiB: 3_500,
      unevictableKiB: 3_600,
      mlockedKiB: 3_600,
      dirtyKiB: 0,
      writebackKiB: 0,
      slabReclaimableKiB: 60_000,
      slabUnreclaimableKiB: 140_000,
      mappedKiB: 20_000,
      shmemKiB: 30_000,
      pageTablesKiB: 41_000,
      kernelStackKiB: 9_000,
      hugePagesKiB: 0,
      hugePagesFreeKiB: 0,
      pageCacheKiB: 40_000,
      swapCacheKiB: 0,
      totalSwapKiB: 0,
      freeSwapKiB: 0,
      hwPoisonedKiB: 0,
      zones: [],
    },
    memcg: null,
    holders: [
      { name: 'mysqld', count: 1, rssPages: 1_535_479, anonPages: null, swapPages: 0, largestPid: 18_540 },
      { name: 'icinga2', count: 3, rssPages: 902_113, anonPages: null, swapPages: 0, largestPid: 2_200 },
      { name: 'apache2', count: 31, rssPages: 310_007, anonPages: null, swapPages: 0, largestPid: 990 },
    ],
    slabs: [],
    reason: null,
    aftermath: [],
    ...given,
  };
}

/** A kill on db01 at 2026-08-30 01:35:08 UTC; each pid and time makes its own key. */
export function aKill(given: Partial<Kill> & { name?: string; pid?: number } = {}): Kill {
  const { name, pid, ...rest } = given;
  const record =
    given.record ??
    aRecord({
      ...(name === undefined ? {} : { name, identity: null, taskMemcg: null }),
      ...(pid === undefined ? {} : { pid }),
    });
  const atMs = given.atMs ?? Date.UTC(2026, 7, 30, 1, 35, 8);
  const host = given.host ?? 'db01';
  return {
    key: `${host}:boot1:${atMs}:${record.pid}`,
    host,
    bootId: 'boot1',
    atMs,
    atErrorMs: 500,
    seenAtMs: atMs + 40,
    source: 'journal',
    verified: true,
    record,
    who: null,
    ...rest,
  };
}
