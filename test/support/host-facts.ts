import type { HostFacts } from '../../src/cause/host-facts.ts';

interface Given {
  atMs?: number;
  vm?: Record<string, number>;
  totalKiB?: number;
  committedKiB?: number;
  fullAvg10?: number;
  tmpfs?: { path: string; sizeKiB: number; usedKiB: number }[];
  zramKiB?: number;
  limitKiB?: number;
  anonKiB?: number;
  unit?: string;
  unitAdj?: number;
  unitMaxKiB?: number;
  activeForMs?: number;
  huge?: { total: number; free: number; reserved: number };
}

/** What a look at an ordinary host finds, with what a test is about. */
export function someHostFacts(given: Given = {}): HostFacts {
  return {
    atMs: given.atMs ?? 1_004_000,
    uptimeSeconds: 86_400,
    memory: {
      totalKiB: given.totalKiB ?? 600_000,
      availableKiB: 200_000,
      swapTotalKiB: 0,
      swapFreeKiB: 0,
      committedKiB: given.committedKiB ?? 300_000,
      commitLimitKiB: 300_000,
      shmemKiB: 400,
      slabUnreclaimableKiB: 12_000,
      slabReclaimableKiB: 12_000,
      pageTablesKiB: 1_400,
      mlockedKiB: 0,
      corruptedKiB: 0,
      hugePageKiB: 2_048,
      hugeTotal: given.huge?.total ?? 0,
      hugeFree: given.huge?.free ?? 0,
      hugeReserved: given.huge?.reserved ?? 0,
    },
    pressure: given.fullAvg10 === undefined ? null : { someAvg10: given.fullAvg10, fullAvg10: given.fullAvg10 },
    vm: given.vm ?? { overcommit_memory: 0, swappiness: 60 },
    counters: {},
    swaps: [],
    tmpfs: given.tmpfs ?? [],
    balloon: null,
    zramKiB: given.zramKiB ?? null,
    zfsArcKiB: null,
    group:
      given.limitKiB === undefined
        ? null
        : {
            version: 2,
            path: '/x',
            currentKiB: given.anonKiB ?? null,
            peakKiB: null,
            limitKiB: given.limitKiB,
            highKiB: null,
            swapLimitKiB: 0,
            oomGroup: false,
            events: {},
            statsKiB: { anon: given.anonKiB ?? 0 },
          },
    unit:
      given.unitAdj === undefined && given.unit === undefined
        ? null
        : {
            name: given.unit ?? 'x.service',
            activeState: 'active',
            restarts: 1,
            restart: 'always',
            memoryMaxKiB: given.unitMaxKiB ?? null,
            memoryHighKiB: null,
            tasksMax: 4_915,
            oomScoreAdjust: given.unitAdj ?? 0,
            oomPolicy: 'stop',
            activeForMs: given.activeForMs ?? 1_000,
          },
    packages: null,
  };
}
