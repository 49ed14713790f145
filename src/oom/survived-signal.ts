import type { KillRecord } from './report.ts';

const EXITED = /^process (?:\d+ )?exited after |^The victim (?:died in|became a zombie)/;
const LIVED = /^process \d+ did not exit|^kill failed: |^The victim doesn't respond/;

/** Whether a userspace killer said last that its signal did not end the process. */
export function survivedSignal({
  killer,
  outcome,
  aftermath,
}: Pick<KillRecord, 'killer' | 'outcome' | 'aftermath'>): boolean {
  if (outcome !== 'killed') return outcome === 'attempted';
  // Records of older versions have no such outcome.
  const last = aftermath.findLast((said) => EXITED.test(said) || LIVED.test(said));
  return killer !== 'kernel' && last !== undefined && LIVED.test(last);
}
