import type { KillRecord } from './report.ts';

/** Whether the kernel counted this kill (`oom_kill` in /proc/vmstat): also where another killer's signal came first. */
export function isByKernel({ killer, alsoBy }: Pick<KillRecord, 'killer' | 'alsoBy'>): boolean {
  return killer === 'kernel' || alsoBy === 'kernel';
}
