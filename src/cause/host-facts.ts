/** What a short look at a host right after a kill found. null: it does not tell. Sizes in KiB. */
export interface HostFacts {
  /** When it was looked, by our clock. */
  atMs: number;
  uptimeSeconds: number | null;
  memory: {
    totalKiB: number | null;
    availableKiB: number | null;
    swapTotalKiB: number | null;
    swapFreeKiB: number | null;
    committedKiB: number | null;
    commitLimitKiB: number | null;
    shmemKiB: number | null;
    slabUnreclaimableKiB: number | null;
    slabReclaimableKiB: number | null;
    pageTablesKiB: number | null;
    mlockedKiB: number | null;
    corruptedKiB: number | null;
    hugePageKiB: number | null;
    hugeTotal: number | null;
    hugeFree: number | null;
    hugeReserved: number | null;
  };
  /** Shares of the last 10 s in per cent; null without PSI. */
  pressure: { someAvg10: number; fullAvg10: number } | null;
  /** Settings under /proc/sys/vm by their names. */
  vm: Readonly<Record<string, number>>;
  /** Counters of /proc/vmstat since boot: `oom_kill`, `pswpin`, `pswpout`, `compact_fail` … */
  counters: Readonly<Record<string, number>>;
  swaps: readonly { device: string; sizeKiB: number; usedKiB: number }[];
  tmpfs: readonly { path: string; sizeKiB: number; usedKiB: number }[];
  /** Memory that no report lists: a balloon driver that is loaded, zram's pool, ZFS's cache. */
  balloon: string | null;
  zramKiB: number | null;
  zfsArcKiB: number | null;
  group: GroupFacts | null;
  unit: UnitFacts | null;
  /** What a package manager did last: its own words, and how long before the look. */
  packages: { agoSeconds: number; text: string } | null;
}

/** The memory group whose limit was hit, as it is now. null limits: none. */
export interface GroupFacts {
  version: 1 | 2;
  path: string;
  currentKiB: number | null;
  peakKiB: number | null;
  limitKiB: number | null;
  highKiB: number | null;
  /** Version 2: swap alone; 0: none may be used. */
  swapLimitKiB: number | null;
  oomGroup: boolean | null;
  /** `high`, `max`, `oom`, `oom_kill` of memory.events; `failcnt` and `oom_kill` of version 1. */
  events: Readonly<Record<string, number>>;
  /** Parts of its memory by the kernel's own names. */
  statsKiB: Readonly<Record<string, number>>;
}

/** What systemd says of the victim's unit. */
export interface UnitFacts {
  name: string;
  activeState: string | null;
  restarts: number | null;
  restart: string | null;
  memoryMaxKiB: number | null;
  memoryHighKiB: number | null;
  tasksMax: number | null;
  oomScoreAdjust: number | null;
  oomPolicy: string | null;
  /** Since when it is active, in milliseconds before the look. */
  activeForMs: number | null;
}
