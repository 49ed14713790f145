/** Every number that we chose to judge causes by. Shares are of RAM and swap for a host, of the limit for a memory group. */
export const THRESHOLDS = {
  /** One process, or the tasks of one name together, hold so much: it is the cause. */
  hogShare: 0.4,
  /** A pool is at least so many tasks, none of them larger than this share. */
  poolCount: 10,
  poolTaskShare: 0.1,
  /** Two holders within this factor are told together; the victim is not the cause when another held so many times as much. */
  nearFactor: 1.5,
  togetherShare: 0.2,
  /** A process that is kept safe and holds so much makes others pay. */
  protectedShare: 0.2,
  /** Less than this never leads. */
  leadShare: 0.1,
  /** One task that makes up so much of its name is told alone. */
  aloneShare: 0.8,
  /** A slab cache is named when it is so much of all slab. */
  namedShare: 0.1,
  /** The victim would not have been chosen without its adj when another is larger by this factor. */
  adjFactor: 1.05,
  slabShare: 0.1,
  slabReclaimableShare: 0.2,
  /** `vm.vfs_cache_pressure` is 100 unless somebody lowered it. */
  cachePressureLow: 20,
  shmemShare: 0.2,
  groupShmemShare: 0.3,
  hugePoolShare: 0.1,
  hugeFreeShare: 0.5,
  pageTablesShare: 0.05,
  groupPageTablesShare: 0.3,
  lockedShare: 0.2,
  kernelStackShare: 0.02,
  /** So little of RAM is accounted for by what a report lists. */
  accountedShare: 0.85,
  dirtyShare: 0.2,
  minFreeShare: 0.05,
  groupAnonShare: 0.8,
  groupCacheShare: 0.5,
  groupKernelShare: 0.3,
  /** A cause of the kernel's or of shared memory says more than the process that holds it. */
  specific: 1.25,
  /** Swap counts as full, or as not used, at these shares free. */
  swapFullShare: 0.05,
  swapUnusedShare: 0.5,
  swappinessLow: 1,
  /** In per cent of the time. */
  thrashingFull: 20,
  committedFactor: 1.5,
  otherNodeFreeShare: 0.1,
  /** A counter of a group that is so full is the one that was hit. */
  limitFullShare: 0.95,
  /** What moved while a report was written. */
  movedFactor: 1.05,
  /** A unit that stands here again right after its restart needs more than its limit. */
  groupFullShare: 0.9,
  /** Victims of less than this share, so many within so long: killing does not help. */
  smallVictimShare: 0.02,
  smallVictims: 3,
  smallVictimsMs: 60_000,
  loopKills: 3,
  loopMs: 10 * 60_000,
  /** Lives that must be known before steady size and growth can be told apart. */
  lives: 3,
  leakR2: 0.8,
  changeMs: 15 * 60_000,
  oddAdjTasks: 10,
} as const;
