// What one killer wrote about one decision, as facts. A real report (Debian 12, kernel 6.1), shortened:
//
//   php-fpm8.2 invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0
//   CPU: 0 PID: 512 Comm: php-fpm8.2 Not tainted 6.1.0-50-amd64 #1  Debian 6.1.179-1
//   Mem-Info:
//   active_anon:51 inactive_anon:129668 isolated_anon:0
//   Free swap  = 0kB
//   148348 pages RAM
//   [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
//   [    365]   100   365   293211    36510   618496        0             0 mariadbd
//   oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/system.slice/mariadb.service,task=mariadbd,pid=365,uid=100
//   Out of memory: Killed process 365 (mariadbd) total-vm:1172844kB, anon-rss:146036kB, file-rss:4kB, shmem-rss:0kB, UID:100 pgtables:604kB oom_score_adj:0
//   oom_reaper: reaped process 365 (mariadbd), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB
//
// Names and paths here are text for people: UTF-8 where the bytes were UTF-8, `\xHH` for each byte that was not.

export type Killer = 'kernel' | 'systemd-oomd' | 'earlyoom' | 'nohang' | 'oomd' | 'lmkd' | 'lowmemorykiller' | 'talos';
/** What ran out. */
export type Domain = 'host' | 'memcg' | 'cpuset' | 'mempolicy';
/** What came of it. `attempted`: a userspace killer could not end it; `dry-run`: it only said whom it would have killed. */
export type Outcome = 'killed' | 'attempted' | 'dry-run' | 'panic' | 'no-killable' | 'truncated' | 'suppressed';
/** What a cut took away: then nothing may be added up from what is left. */
export type Missing = 'beginning' | 'memory' | 'tasks' | 'end';

/** Who asked for memory at the bad moment: not the victim, often not the cause. `pid` is a thread id. */
export interface Trigger {
  name: string | null;
  pid: number | null;
  /** As printed, `0x140cca`. Only comparable within one kernel version. */
  gfpMask: string | null;
  gfpFlags: string | null;
  /** -1: asked for by hand (SysRq f). */
  order: number | null;
  oomScoreAdj: number | null;
}

/** One row of the task table. Sizes in pages of the host (`pageSizeKiB` of the record). */
export interface TaskRow {
  pid: number;
  tgid: number;
  uid: number;
  name: string;
  totalVmPages: number;
  rssPages: number;
  rssAnonPages: number | null;
  rssFilePages: number | null;
  rssShmemPages: number | null;
  /** 4.15 and newer; before, page-table pages are in `pageTablePages`. */
  pageTablesBytes: number | null;
  /** nr_ptes + nr_pmds of kernels 3.6 to 4.14. */
  pageTablePages: number | null;
  /** null where the table has no such column (2.6.x to 3.5). */
  swapPages: number | null;
  oomScoreAdj: number | null;
  /** Only tables up to 3.5 have it. */
  oomAdj: number | null;
  /** Line number in the input. */
  line: number;
}

/** Tasks of one name, summed. `rssPages` counts shared memory once per task; `anonPages` is there from kernel 6.8 on. */
export interface Holder {
  name: string;
  count: number;
  rssPages: number;
  anonPages: number | null;
  swapPages: number | null;
  largestPid: number;
}

/** One task as the kernel weighs it: `kiB` is what is resident, what is swapped out, and page tables. */
export interface TaskWeight {
  name: string;
  pid: number;
  kiB: number;
  rssKiB: number;
  swapKiB: number;
  pageTablesKiB: number;
  oomScoreAdj: number | null;
}

/** The task table summed up. Sums of resident memory count what is shared once for each task. */
export interface TaskFacts {
  count: number;
  largest: TaskWeight | null;
  victim: TaskWeight | null;
  /** Whom the kernel chose. Up to 5.0 a child of it died in its place. Missing in records of older versions. */
  chosen?: TaskWeight | null;
  /** The largest beside the victim that no negative adj made less likely. */
  largestUnshifted: TaskWeight | null;
  /** The largest of those with an adj of -900 or below. */
  largestProtected: TaskWeight | null;
  protectedCount: number;
  protectedKiB: number;
  /** Those with -1000. */
  unkillableCount: number;
  pageTablesKiB: number;
  mostPageTables: TaskWeight | null;
  rssKiB: number;
  /** Only tables of 6.8 and newer tell these two. */
  anonKiB: number | null;
  mostShmemKiB: number | null;
  /** null where the table has no such column. */
  swapKiB: number | null;
}

/** Where the RAM was, from the Mem-Info part, in KiB. null: the report does not say. */
export interface MemoryPicture {
  /** Sum of `managed` over the zones (`present` on kernels before 3.9) where all are there, else RAM minus reserved pages. */
  managedKiB: number | null;
  /** The zones that are printed are all of the host: with a node mask they are not, nor where the report was cut. */
  zonesWhole?: boolean;
  ramKiB: number | null;
  reservedKiB: number | null;
  freeKiB: number | null;
  activeAnonKiB: number | null;
  inactiveAnonKiB: number | null;
  activeFileKiB: number | null;
  inactiveFileKiB: number | null;
  unevictableKiB: number | null;
  mlockedKiB: number | null;
  dirtyKiB: number | null;
  writebackKiB: number | null;
  slabReclaimableKiB: number | null;
  slabUnreclaimableKiB: number | null;
  mappedKiB: number | null;
  shmemKiB: number | null;
  pageTablesKiB: number | null;
  kernelStackKiB: number | null;
  hugePagesKiB: number | null;
  hugePagesFreeKiB: number | null;
  pageCacheKiB: number | null;
  swapCacheKiB: number | null;
  totalSwapKiB: number | null;
  freeSwapKiB: number | null;
  hwPoisonedKiB: number | null;
  zones: Zone[];
}

/**
 * One zone of the Mem-Info part, in KiB. `blocks[order]` counts free blocks of the buddy list, `blockTypes[order]` says of what kind
 * they are: unmovable, movable, reclaimable (E), high-atomic, CMA, isolated. Fields with `?` are missing in records of older versions.
 */
export interface Zone {
  node: number | null;
  name: string;
  freeKiB: number | null;
  minKiB: number | null;
  lowKiB: number | null;
  highKiB: number | null;
  presentKiB: number | null;
  managedKiB: number | null;
  blocks: number[] | null;
  blockTypes?: string[] | null;
  /** Free, but only for movable requests, or only for atomic ones. */
  freeCmaKiB?: number | null;
  reservedHighatomicKiB?: number | null;
  /** `lowmem_reserve[]`, in pages: what a request that could have used the n-th zone must leave here. */
  lowmemReservePages?: number[] | null;
}

/** What the full memory group held: the kernel's own key names, all in KiB (counters of events are left out). */
export interface MemcgFacts {
  usageKiB: number | null;
  /** null: not printed, or no limit. */
  limitKiB: number | null;
  failcnt: number | null;
  swapUsageKiB: number | null;
  swapLimitKiB: number | null;
  memswUsageKiB: number | null;
  memswLimitKiB: number | null;
  kmemUsageKiB: number | null;
  kmemLimitKiB?: number | null;
  version: 1 | 2 | null;
  /** `anon`, `file`, `shmem`, `slab_unreclaimable` … in KiB, of the group whose limit was hit. */
  statsKiB: Record<string, number>;
  /** Event counters of the same block (`pgfault`, `workingset_refault_anon` …). */
  events: Record<string, number>;
}

/** Who a cgroup path belongs to. */
export interface Identity {
  unit: string | null;
  slice: string | null;
  container: string | null;
  runtime: string | null;
  /** Kubernetes pod uid, with dashes. */
  pod: string | null;
  qos: 'guaranteed' | 'burstable' | 'besteffort' | null;
}

export interface Prediction {
  pid: number | null;
  name: string | null;
  points: number | null;
  /** As /proc/PID/oom_score or the printed score of that kernel would show it. */
  score: number | null;
  agrees: boolean | null;
  /** Why it does not agree, or why nothing can be predicted. */
  reason: string | null;
}

/** How sure: the log or the host says so; the numbers fit and one thing dominates; worth a look. */
export type Sure = 'certain' | 'likely' | 'hint';

export interface Cause {
  code: string;
  sure: Sure;
  text: string;
  numbers: Record<string, number>;
  /** What else was found, most telling first; each with its own certainty. */
  also?: { code: string; sure: Sure; text: string; numbers: Record<string, number> }[];
}

export interface EvidenceLine {
  line: number;
  text: string;
}

/** One kill as `oombot parse --json` prints it, or a report without a victim (`pid` null). Contract: `docs/parse-json.md`. */
export interface KillRecord {
  line: number;
  report: number;
  killer: Killer;
  domain: Domain | null;
  constraint: string | null;
  pid: number | null;
  name: string | null;
  uid: number | null;
  oomScoreAdj: number | null;
  score: number | null;
  totalVmKiB: number | null;
  anonRssKiB: number | null;
  fileRssKiB: number | null;
  shmemRssKiB: number | null;
  pageTablesKiB: number | null;
  trigger: Trigger | null;
  oomMemcg: string | null;
  taskMemcg: string | null;
  memcgUsageKiB: number | null;
  memcgLimitKiB: number | null;
  ramPages: number | null;
  totalSwapKiB: number | null;
  freeSwapKiB: number | null;
  tasksInDump: number | null;
  topTasks: { name: string; pid: number; rssPages: number }[] | null;
  oomGroup: string | null;
  outcome: Outcome;
  reaped: boolean;
  timeText: string | null;
  time: string | null;
  kernelSeconds: number | null;
  identity: Identity | null;
  predictedVictim: Prediction | null;
  /** The parser leaves it null: `cause/cause.ts` judges. */
  cause: Cause | null;
  evidence: EvidenceLine[];
  warnings: string[];

  // Beyond the contract.
  /** The name of the host as the log has it. */
  host?: string | null;
  /** What a cut took away; missing in records of older versions. */
  missing?: Missing[];
  /** Another victim of the moment before, whose memory may just have come free. */
  killedBefore?: { pid: number; name: string | null; kiB: number | null; agoMs: number | null } | null;
  /** A BPF program decided, by this name of it. */
  oomPolicy?: string | null;
  /** A sentence quotes the kill line: the text bears nothing for certain. */
  isTold?: boolean;
  /** Another killer that told of this death too: it acted later. */
  alsoBy?: Killer | null;
  /** The log had no report: the victim's group, and whose limit it was, are from the host's own counters. */
  completedByHost?: boolean;
  /** The process that the kernel chose; differs from the killed one when a child was sacrificed or a thread was named. */
  selected: { pid: number; name: string | null } | null;
  kernelRelease: string | null;
  pageSizeKiB: number | null;
  memory: MemoryPicture | null;
  memcg: MemcgFacts | null;
  /** Largest first, at most 20. */
  holders: Holder[];
  slabs: { name: string; usedKiB: number; totalKiB: number }[];
  /** What the whole task table adds up to; missing in records of older versions. */
  tasks?: TaskFacts | null;
  /** The kernel printed its caches because they hold more than all processes. */
  slabNamed?: boolean;
  /** The kill was raised while a page fault was handled. */
  byPageFault?: boolean;
  /** Words of a userspace killer: why it acted. */
  reason: string | null;
  /** What lines after the kill said: "unable to reap", signals, exit. */
  aftermath: string[];
}

/** What a live stream tells. A kill is `kill` as soon as its line is there; what follows makes it `amended`; `closed` is its last word. */
export interface OomEvent {
  kind: 'kill' | 'amended' | 'closed';
  record: KillRecord;
  /** All lines of the report, as byte strings, where they were asked for: with its first kill. */
  report?: { lines: readonly string[]; leftOut: number };
}
