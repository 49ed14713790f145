import type { TaskFacts, TaskRow, TaskWeight } from '../report.ts';

/** At or below this value a process is as good as never chosen. */
export const PROTECTED_ADJ = -900;

/** What causes are judged by, of the rows of one task table; the rows themselves are too many to keep. null: no rows. */
export function describeTasks(
  rows: readonly TaskRow[],
  victimPid: number | null,
  chosenPid: number | null,
  pageSizeKiB: number,
  recentlyKilled: ReadonlySet<number>,
): TaskFacts | null {
  if (rows.length === 0) return null;
  const facts: TaskFacts = {
    count: rows.length,
    largest: null,
    victim: null,
    chosen: null,
    largestUnshifted: null,
    largestProtected: null,
    protectedCount: 0,
    protectedKiB: 0,
    unkillableCount: 0,
    pageTablesKiB: 0,
    mostPageTables: null,
    rssKiB: 0,
    anonKiB: null,
    mostShmemKiB: null,
    swapKiB: null,
  };
  for (const row of rows) {
    // Those who are dying already stand in the table, and cannot be chosen.
    if (recentlyKilled.has(row.pid) && row.pid !== victimPid && row.pid !== chosenPid) continue;
    const weight = weigh(row, pageSizeKiB);
    const { kiB, oomScoreAdj: adj } = weight;
    if (facts.largest === null || kiB > facts.largest.kiB) facts.largest = weight;
    if (row.pid === chosenPid) facts.chosen = weight;
    if (row.pid === victimPid) facts.victim = weight;
    else if (row.pid !== 1 && (adj ?? 0) >= 0 && (facts.largestUnshifted === null || kiB > facts.largestUnshifted.kiB))
      facts.largestUnshifted = weight;
    if (adj !== null && adj <= PROTECTED_ADJ) {
      facts.protectedCount += 1;
      facts.protectedKiB += kiB;
      if (adj === -1000) facts.unkillableCount += 1;
      if (facts.largestProtected === null || kiB > facts.largestProtected.kiB) facts.largestProtected = weight;
    }
    facts.pageTablesKiB += weight.pageTablesKiB;
    if (facts.mostPageTables === null || weight.pageTablesKiB > facts.mostPageTables.pageTablesKiB)
      facts.mostPageTables = weight;
    facts.rssKiB += row.rssPages * pageSizeKiB;
    if (row.rssAnonPages !== null) facts.anonKiB = (facts.anonKiB ?? 0) + row.rssAnonPages * pageSizeKiB;
    if (row.rssShmemPages !== null)
      facts.mostShmemKiB = Math.max(facts.mostShmemKiB ?? 0, row.rssShmemPages * pageSizeKiB);
    if (row.swapPages !== null) facts.swapKiB = (facts.swapKiB ?? 0) + row.swapPages * pageSizeKiB;
  }
  return facts;
}

/** Sizes as the kernel weighs them: resident, swapped out, and page tables. */
function weigh(row: TaskRow, pageSizeKiB: number): TaskWeight {
  const pageTablesKiB =
    row.pageTablesBytes === null ? (row.pageTablePages ?? 0) * pageSizeKiB : row.pageTablesBytes / 1_024;
  const swapKiB = (row.swapPages ?? 0) * pageSizeKiB;
  const rssKiB = row.rssPages * pageSizeKiB;
  return {
    name: row.name,
    pid: row.pid,
    kiB: rssKiB + swapKiB + pageTablesKiB,
    rssKiB,
    swapKiB,
    pageTablesKiB,
    oomScoreAdj: row.oomScoreAdj,
  };
}
