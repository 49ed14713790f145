// The kernel's `oom_badness()`: who dies next, and with which score, by kernel version. Facts from mm/oom_kill.c and
// fs/proc/base.c of 2.6.36 to 7.2; the same arithmetic serves the rows of a report and live facts of /proc.

/** Points of a task that cannot be chosen (`LONG_MIN` in 5.9 and newer, 0 before). */
export const UNKILLABLE = -(2 ** 63);

export interface Formula {
  /** For people: `5.9 and newer`. */
  kernels: string;
  /** `permille` of the total, or `pages`. null: up to 2.6.35 CPU time, run time and children count, which nothing at hand tells. */
  scale: 'permille' | 'pages' | null;
  countsPageTables: boolean;
  /** What CAP_SYS_ADMIN takes off: 30 points, 30 of the adj, 3 % of the memory. */
  rootBonus: 'points' | 'adj' | 'share' | null;
  /** Points of 0 and below become 1. */
  floorsAtOne: boolean;
  /** Of equal tasks, in task list order. */
  tieGoesTo: 'first' | 'last';
  /** `/proc/PID/oom_score` is moved and shrunk, so that an idle process with adj 0 shows 666. */
  shiftedScore: boolean;
}

interface DatedFormula extends Formula {
  since: number;
}

// prettier-ignore
const NEWEST: DatedFormula = { since: version(5, 9), kernels: '5.9 and newer', scale: 'pages', countsPageTables: true, rootBonus: null, floorsAtOne: false, tieGoesTo: 'last', shiftedScore: true };
// prettier-ignore
const FORMULAS: readonly DatedFormula[] = [
  { since: 0, kernels: 'up to 2.6.35', scale: null, countsPageTables: false, rootBonus: null, floorsAtOne: true, tieGoesTo: 'first', shiftedScore: false },
  { since: version(2, 6, 36), kernels: '2.6.36 to 2.6.38', scale: 'permille', countsPageTables: false, rootBonus: 'points', floorsAtOne: true, tieGoesTo: 'first', shiftedScore: false },
  { since: version(2, 6, 39), kernels: '2.6.39 to 3.4', scale: 'permille', countsPageTables: true, rootBonus: 'points', floorsAtOne: true, tieGoesTo: 'first', shiftedScore: false },
  { since: version(3, 5), kernels: '3.5 to 3.13', scale: 'pages', countsPageTables: true, rootBonus: 'adj', floorsAtOne: true, tieGoesTo: 'first', shiftedScore: false },
  { since: version(3, 14), kernels: '3.14 to 4.16', scale: 'pages', countsPageTables: true, rootBonus: 'share', floorsAtOne: true, tieGoesTo: 'first', shiftedScore: false },
  { since: version(4, 17), kernels: '4.17 to 5.1', scale: 'pages', countsPageTables: true, rootBonus: null, floorsAtOne: true, tieGoesTo: 'first', shiftedScore: false },
  { since: version(5, 2), kernels: '5.2 to 5.8', scale: 'pages', countsPageTables: true, rootBonus: null, floorsAtOne: true, tieGoesTo: 'last', shiftedScore: false },
  NEWEST,
];

/** What can be seen of a kernel beside its release; distributions backport, so this outweighs the release. Leave out what was not looked at. */
export interface KernelForm {
  /** The task table's columns. */
  hasOomScoreAdj?: boolean;
  hasOomAdj?: boolean;
  hasPageTablePages?: boolean;
  hasPageTableBytes?: boolean;
  hasRssSplit?: boolean;
  /** An `oom-kill:constraint=` line (5.0 and newer). */
  hasOomKillLine?: boolean;
  /** A `Kill process … score N` line (up to 5.0). */
  hasScoreLine?: boolean;
  /** Idle processes show an oom_score of about 666 (5.9 and newer) or about 0. */
  hasShiftedScore?: boolean;
}

/**
 * The formula of a kernel from its release (`5.14.0-427.el9.x86_64`; null: not known) as far as the form allows it:
 * el6's 2.6.32 has 2.6.36's scheme, el8's 4.18 the messages of 5.4. With neither, the newest that the form allows.
 */
export function chooseFormula(kernelRelease: string | null, form: KernelForm = {}): Formula {
  let oldest = /^2\.6\.32-.*\.el6/.test(kernelRelease ?? '') ? version(2, 6, 36) : 0;
  let newest = Infinity;
  if (form.hasOomScoreAdj === false) newest = version(2, 6, 35);
  if (form.hasOomScoreAdj === true) oldest = version(2, 6, 36);
  if (form.hasOomAdj === true) newest = Math.min(newest, version(3, 5));
  if (form.hasPageTablePages === true) [oldest, newest] = [version(3, 6), version(4, 14)];
  if (form.hasPageTableBytes === true) oldest = version(4, 15);
  if (form.hasRssSplit === true) oldest = version(6, 8);
  if (form.hasOomKillLine === true) oldest = Math.max(oldest, version(5));
  if (form.hasScoreLine === true) newest = Math.min(newest, version(5));
  if (form.hasShiftedScore === true) oldest = Math.max(oldest, version(5, 9));
  if (form.hasShiftedScore === false) newest = Math.min(newest, version(5, 8));

  // 3.5 alone has the new scale under the old table.
  const release = parseRelease(kernelRelease) ?? (form.hasOomAdj === true ? version(3, 4) : newest);
  const believed = Math.max(oldest, Math.min(release, newest));
  return FORMULAS.findLast((formula) => formula.since <= believed) ?? NEWEST;
}

function parseRelease(release: string | null): number | null {
  const match = /^(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?/.exec(release ?? '');
  return match ? version(Number(match[1]), Number(match[2]), Number(match[3] ?? 0)) : null;
}

function version(major: number, minor = 0, patch = 0): number {
  return (major * 1000 + minor) * 1000 + patch;
}

/** What a task brings to the choice; sizes in pages. */
export interface BadnessTask {
  pid: number;
  rssPages: number;
  swapPages: number;
  pageTablePages: number;
  oomScoreAdj: number;
  /** Has CAP_SYS_ADMIN in the first user namespace; only kernels up to 4.16 care. */
  privileged: boolean;
}

/** `oom_badness()`: the points of one task, in the formula's scale, or UNKILLABLE. Divisions cut towards zero as in C. */
export function computePoints(task: BadnessTask, totalPages: number, formula: Formula): number {
  if (task.pid === 1 || task.oomScoreAdj === -1000) return UNKILLABLE;
  const bonus = task.privileged ? formula.rootBonus : null;
  let points = task.rssPages + task.swapPages + (formula.countsPageTables ? task.pageTablePages : 0);
  if (formula.scale === 'permille') {
    points = Math.trunc((points * 1000) / Math.max(totalPages, 1)) - (bonus === 'points' ? 30 : 0) + task.oomScoreAdj;
    return Math.min(Math.max(points, 1), 1000);
  }
  if (bonus === 'share') points -= Math.trunc((points * 3) / 100);
  // The total is divided before it is multiplied: below 1000 pages the adj has no weight at all.
  points += (task.oomScoreAdj - (bonus === 'adj' ? 30 : 0)) * Math.trunc(totalPages / 1000);
  return formula.floorsAtOne ? Math.max(points, 1) : points;
}

/** The score as that kernel shows it in `/proc/PID/oom_score` and, up to 5.0, printed in its `Kill process` line. */
export function computeScore(points: number, totalPages: number, formula: Formula): number {
  if (points === UNKILLABLE) return 0;
  const permille = computePermille(points, totalPages, formula);
  return formula.shiftedScore ? cut(((1000 + permille) * 2) / 3) : permille;
}

/** Points in thousandths of the total, whatever the kernel: the scale of 2.6.36 to 5.8, negative when adj outweighs the memory. */
export function computePermille(points: number, totalPages: number, formula: Formula): number {
  if (formula.scale === 'permille' || points === UNKILLABLE) return points;
  return cut((points * 1000) / Math.max(totalPages, 1));
}

/** As C divides; without JavaScript's -0. */
function cut(value: number): number {
  return Math.trunc(value) + 0;
}

export interface RankedTask<T> {
  task: T;
  /** The one that was counted with: the task's own, or the override. */
  oomScoreAdj: number;
  points: number;
  score: number;
  permille: number;
  /** Another task has the same points; which one dies is then decided by their order alone. */
  tied: boolean;
}

/**
 * Who dies next, most likely first; tasks that cannot be chosen stand last.
 * `tasks` in task list order (by pid, roughly), which decides between equals. `overrides`: pid → adj, "if adj of X were Y".
 */
export function rankTasks<T extends BadnessTask>(
  tasks: readonly T[],
  totalPages: number,
  formula: Formula,
  overrides: ReadonlyMap<number, number> = new Map(),
): RankedTask<T>[] {
  const counts = new Map<number, number>();
  const ranked = tasks.map((task, at) => {
    const oomScoreAdj = overrides.get(task.pid) ?? task.oomScoreAdj;
    const points = computePoints({ ...task, oomScoreAdj }, totalPages, formula);
    counts.set(points, (counts.get(points) ?? 0) + 1);
    const score = computeScore(points, totalPages, formula);
    const permille = computePermille(points, totalPages, formula);
    return { at, row: { task, oomScoreAdj, points, score, permille, tied: false } };
  });
  const order = formula.tieGoesTo === 'first' ? 1 : -1;
  ranked.sort((a, b) => b.row.points - a.row.points || (a.at - b.at) * order);
  return ranked.map(({ row }) => ({ ...row, tied: row.points !== UNKILLABLE && (counts.get(row.points) ?? 0) > 1 }));
}

/** What writing the old `oom_adj` (-17…15) sets. */
export function oomScoreAdjOfOomAdj(oomAdj: number): number {
  return oomAdj === 15 ? 1000 : cut((oomAdj * 1000) / 17);
}

/** What reading the old `oom_adj` shows. Not the inverse of writing: -999 shows as -16, which writes -941. */
export function oomAdjOfOomScoreAdj(oomScoreAdj: number): number {
  return oomScoreAdj === 1000 ? 15 : cut((oomScoreAdj * 17) / 1000);
}
