import { oomScoreAdjOfOomAdj } from '../oom/badness/badness.ts';

// Kernels before 2.6.36 know oom_adj alone: -17 (never) to 15.

/** The value of the old scale that is nearest to `oomScoreAdj`; its ends, which mean never and always, only when asked for. */
export function nearestOomAdj(oomScoreAdj: number): number {
  if (oomScoreAdj >= 1000) return 15;
  if (oomScoreAdj <= -1000) return -17;
  const size = Math.trunc((499 + 17 * Math.abs(oomScoreAdj)) / 1000);
  return Math.min(14, Math.max(-16, oomScoreAdj < 0 ? 0 - size : size));
}

/** What such a kernel makes of `oomScoreAdj`, in today's scale. */
export function asLegacy(oomScoreAdj: number): { oomAdj: number; effective: number } {
  const oomAdj = nearestOomAdj(oomScoreAdj);
  return { oomAdj, effective: oomScoreAdjOfOomAdj(oomAdj) };
}
