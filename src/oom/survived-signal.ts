import type { KillRecord } from './report.ts';

const EXITED = /^process exited after |^The victim (?:died in|became a zombie)/;
const LIVED = /^process \d+ did not exit|^kill failed: |^The victim doesn't respond/;

/** Whether a userspace killer said last that its signal did not end the process. */
export function survivedSignal({ killer, aftermath }: Pick<KillRecord, 'killer' | 'aftermath'>): boolean {
  const last = aftermath.findLast((said) => EXITED.test(said) || LIVED.test(said));
  return killer !== 'kernel' && last !== undefined && LIVED.test(last);
}
