import type { Gap, LineBatch } from './log-source.ts';

/**
 * Hands lines on; when that throws, hands the same ones on one by one and passes over those that throw again. A line that
 * nobody can read is met again after every restart: it must end neither the reading of its host nor the process.
 */
export function steppingOver(
  onLines: (batch: LineBatch) => void,
  onGap: (gap: Omit<Gap, 'lookup'>) => void,
): (batch: LineBatch) => void {
  return (batch) => {
    try {
      onLines(batch);
    } catch {
      const faults = batch.lines.flatMap((_, index) => faultOf(onLines, oneOf(batch, index)));
      if (faults.length === 0) return;
      const [first = ''] = faults;
      onGap({
        source: batch.source,
        kind: 'fault',
        lost: faults.length,
        fromMs: null,
        toMs: null,
        sentence: `Lines of ${batch.source} could not be parsed and were skipped (a bug in oombot): ${first.slice(0, 200)}.`,
      });
    }
  };
}

function faultOf(onLines: (batch: LineBatch) => void, batch: LineBatch): string[] {
  try {
    onLines(batch);
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

function oneOf(batch: LineBatch, index: number): LineBatch {
  const line = batch.lines[index] ?? '';
  return {
    ...batch,
    lines: [line],
    cut: new Set(batch.cut.has(index) ? [0] : []),
    positionAfter: () => batch.positionAfter(index),
  };
}
