import type { Holder, TaskRow } from '../report.ts';

/** The rows with the largest RSS, equal ones in the order of the table. */
export function largestTasks(rows: readonly TaskRow[], count: number): TaskRow[] {
  const largest: TaskRow[] = [];
  for (const row of rows) {
    if (largest.length === count && row.rssPages <= (largest.at(-1)?.rssPages ?? 0)) continue;
    let place = largest.length;
    while (place > 0 && (largest[place - 1]?.rssPages ?? 0) < row.rssPages) place -= 1;
    largest.splice(place, 0, row);
    if (largest.length > count) largest.pop();
  }
  return largest;
}

/** Tasks of one name summed, largest first. Anonymous memory is summed where the table has it: shared pages count once per task in RSS. */
export function sumByName(rows: readonly TaskRow[], count: number): Holder[] {
  const byName = new Map<string, { holder: Holder; mostPages: number }>();
  for (const row of rows) {
    let sum = byName.get(row.name);
    if (sum === undefined) {
      const { name, pid } = row;
      const holder = { name, count: 0, rssPages: 0, anonPages: null, swapPages: null, largestPid: pid };
      byName.set(name, (sum = { holder, mostPages: row.rssPages }));
    }
    const { holder } = sum;
    holder.count += 1;
    holder.rssPages += row.rssPages;
    if (row.rssAnonPages !== null) holder.anonPages = (holder.anonPages ?? 0) + row.rssAnonPages;
    if (row.swapPages !== null) holder.swapPages = (holder.swapPages ?? 0) + row.swapPages;
    if (row.rssPages > sum.mostPages) {
      sum.mostPages = row.rssPages;
      holder.largestPid = row.pid;
    }
  }
  return Array.from(byName.values(), (sum) => sum.holder)
    .sort((a, b) => b.rssPages - a.rssPages)
    .slice(0, count);
}

/** What a later victim of the same report may still ask of its row. */
export interface RowFacts {
  find: (pid: number) => { uid: number; oomScoreAdj: number | null } | null;
}

/** Keeps three numbers of every row and lets the rest go. */
export function keepRows(rows: readonly TaskRow[]): RowFacts {
  const kept: (number | null)[] = [];
  for (const row of rows) kept.push(row.pid, row.uid, row.oomScoreAdj);
  return {
    find: (pid) => {
      for (let at = kept.length - 3; at >= 0; at -= 3)
        if (kept[at] === pid) return { uid: kept[at + 1] ?? 0, oomScoreAdj: kept[at + 2] ?? null };
      return null;
    },
  };
}
