import type { PredictionInput } from './prediction-input.ts';

export interface TotalGuess {
  pages: number;
  /** null: the report says so. */
  assumption: string | null;
}

/**
 * `totalpages` of the choice, best guess first: RAM and swap of the host, or what the full memory group may use. More than one
 * where the report leaves it open; the weight of an adj hangs on it, the order of tasks with equal adj does not.
 */
export function listTotals(input: PredictionInput, pageSizeKiB: number): TotalGuess[] {
  return input.domain === 'memcg' ? listGroupTotals(input, pageSizeKiB) : listHostTotals(input, pageSizeKiB);
}

function listHostTotals(input: PredictionInput, pageSizeKiB: number): TotalGuess[] {
  const { memory } = input;
  const ramKiB = memory?.ramKiB ?? null;
  const usableKiB = ramKiB === null ? (memory?.managedKiB ?? null) : ramKiB - (memory?.reservedKiB ?? 0);
  if (usableKiB === null || usableKiB <= 0)
    return bracket(input, 0, pageSizeKiB, 'the size of RAM is not in the report');
  const swapKiB = memory?.totalSwapKiB ?? null;
  const whole: TotalGuess = {
    pages: Math.trunc((usableKiB + (swapKiB ?? 0)) / pageSizeKiB),
    assumption: swapKiB === null ? 'no swap: the report does not name any' : null,
  };
  if (input.domain !== 'cpuset' && input.domain !== 'mempolicy') return [whole];

  // The total is swap and the allowed nodes' pages. Which nodes is not handed in: every single one and all together are tried.
  const nodes = new Map<number, number>();
  for (const zone of memory?.zones ?? []) {
    const node = zone.node ?? 0;
    nodes.set(node, (nodes.get(node) ?? 0) + (zone.presentKiB ?? 0));
  }
  const single = [...nodes.values()].filter((presentKiB) => presentKiB > 0);
  const assumption = 'only some memory nodes count; taken as one of them';
  const guesses = single.map((presentKiB) => ({
    pages: Math.trunc((presentKiB + (swapKiB ?? 0)) / pageSizeKiB),
    assumption,
  }));
  return [...guesses, { ...whole, assumption: 'only some memory nodes count; taken as all' }];
}

function listGroupTotals(input: PredictionInput, pageSizeKiB: number): TotalGuess[] {
  const { memcg } = input;
  const limitKiB = memcg?.limitKiB ?? null;
  if (memcg === null || limitKiB === null)
    return bracket(input, 0, pageSizeKiB, "the group's limit is not in the report");
  const swapRoomKiB =
    memcg.swapLimitKiB ?? (memcg.memswLimitKiB === null ? null : Math.max(memcg.memswLimitKiB - limitKiB, 0));
  const hostSwapKiB = input.memory?.totalSwapKiB ?? input.hostSwapKiB ?? null;

  const limitOnly: TotalGuess = { pages: Math.trunc(limitKiB / pageSizeKiB), assumption: null };
  const addedKiB = hostSwapKiB === null ? swapRoomKiB : Math.min(hostSwapKiB, swapRoomKiB ?? Infinity);
  if (addedKiB === 0) return [limitOnly];
  // Swap counts only up to what the host has, and not at all with swappiness 0; neither is printed here.
  const without = { ...limitOnly, assumption: "total taken as the group's limit without swap" };
  if (addedKiB === null)
    return [without, ...bracket(input, limitKiB, pageSizeKiB, "total taken as the group's limit and some swap")];
  const assumption = "total taken as the group's limit and its swap limit";
  const withSwap = { pages: Math.trunc((limitKiB + addedKiB) / pageSizeKiB), assumption };
  if (hostSwapKiB !== null) return [{ ...withSwap, assumption: null }, without];
  return [
    withSwap,
    without,
    ...bracket(input, limitKiB, pageSizeKiB, assumption).filter((guess) => guess.pages < withSwap.pages),
  ];
}

/** Totals from the least that is possible upwards: if all name the same victim, it does not matter which is true. */
function bracket(input: PredictionInput, leastKiB: number, pageSizeKiB: number, assumption: string): TotalGuess[] {
  const usedPages = input.tasks.reduce((sum, row) => sum + row.rssPages + (row.swapPages ?? 0), 0);
  const basePages = Math.max(leastKiB === 0 ? usedPages : Math.trunc(leastKiB / pageSizeKiB), 1);
  return [1.25, 1.5, 2, 4, 16, 64].map((factor) => ({ pages: Math.trunc(basePages * factor), assumption }));
}
