import { sayKiB } from '../oom/units.ts';
import type { CauseFacts } from './cause-facts.ts';
import type { Finding, Rule } from './cause-rule.ts';
import { THRESHOLDS } from './thresholds.ts';
import { sayPart } from './cause-words.ts';

const OVERCOMMIT = 'Documentation/mm/overcommit-accounting.rst';

/** Swap and overcommit: never the cause, often the reason why no slowdown came before it. */
export const SWAP_RULES: readonly Rule[] = [
  {
    code: 'no-swap',
    id: 'W1',
    place: 'aside',
    sure: 'certain',
    meaning: 'the host has no swap: often there is no slowdown to warn you',
    advice: 'no-swap',
    source: 'man systemd-oomd.service; PostgreSQL manual 18.4.4',
    find: ({ record }) =>
      record.domain === 'host' && record.totalSwapKiB === 0 && (record.freeSwapKiB ?? 0) >= 0
        ? {
            text: 'The host has no swap: there is often no slowdown to warn you.',
            numbers: { totalSwapKiB: 0 },
          }
        : null,
  },
  {
    code: 'swapoff',
    id: 'W1',
    place: 'aside',
    sure: 'certain',
    meaning: 'swap was being turned off, and what was in it had to come back to RAM',
    advice: null,
    source: 'mm/swapfile.c: swapoff takes the area from the count of free swap first',
    find: ({ record: { domain, freeSwapKiB: free } }) =>
      domain !== 'host' || free === null || free >= 0
        ? null
        : {
            text: `Swap was being turned off (swapoff): ${sayKiB(-free)} still had to come back into RAM.`,
            numbers: { freeSwapKiB: free },
          },
  },
  {
    code: 'swap-full',
    id: 'W2',
    place: 'aside',
    sure: 'certain',
    meaning: 'swap was used up as well',
    advice: null,
    source: 'mm/swapfile.c: si_swapinfo()',
    find: ({ record: { domain, totalSwapKiB: total, freeSwapKiB: free } }) =>
      domain !== 'host' || !total || free === null || free < 0 || free / total > THRESHOLDS.swapFullShare
        ? null
        : {
            text: `Swap was used up too: ${free === 0 ? 'nothing' : sayKiB(free)} of ${sayKiB(total)} left.`,
            numbers: { totalSwapKiB: total, freeSwapKiB: free },
          },
  },
  {
    code: 'swap-unused',
    id: 'W3',
    place: 'aside',
    sure: 'likely',
    meaning: 'there was free swap that could not help',
    advice: null,
    source: 'Documentation/admin-guide/sysctl/vm.rst: swappiness',
    find: swapUnused,
  },
  {
    code: 'thrashing',
    id: 'E5',
    place: 'aside',
    sure: 'likely',
    meaning: 'everything waits for memory most of the time',
    advice: null,
    source: 'Documentation/accounting/psi.rst',
    find: ({ host, record }) =>
      host?.pressure == null || host.pressure.fullAvg10 < THRESHOLDS.thrashingFull
        ? null
        : {
            text: `Just after the kill everything still waited for memory ${host.pressure.fullAvg10.toFixed(0)} % of the time${record.totalSwapKiB ? ': it was busy swapping' : ''}.`,
            numbers: { fullAvg10: host.pressure.fullAvg10 },
          },
  },
  {
    code: 'group-no-swap',
    id: 'C7',
    place: 'aside',
    sure: 'certain',
    meaning: 'this group may not use swap',
    advice: null,
    source: 'Documentation/admin-guide/cgroup-v2.rst: memory.swap.max',
    find: ({ group, host, record }) => {
      // Nothing is lost by it on a host without swap.
      if (group?.swapLimitKiB !== 0 || host?.memory.swapTotalKiB === 0) return null;
      // Version 1 limits both together: what the host swaps out counts like what stays.
      if (record.memcg?.version === 1)
        return {
          text: 'Its limit on memory and swap together is as low as that on memory: swapping would not make room.',
          numbers: { swapLimitKiB: 0 },
        };
      return { text: 'This group may not use swap (its swap limit is 0).', numbers: { swapLimitKiB: 0 } };
    },
  },
  {
    code: 'overcommit-always',
    id: 'W4',
    place: 'aside',
    sure: 'certain',
    meaning: 'vm.overcommit_memory is 1: every allocation is granted',
    advice: 'overcommit-always',
    source: OVERCOMMIT,
    find: ({ host }) =>
      host?.vm['overcommit_memory'] === 1
        ? {
            text: 'vm.overcommit_memory is 1: the kernel grants every allocation, however large (Redis wants that; most others do not).',
            numbers: { overcommitMemory: 1 },
          }
        : null,
  },
  {
    code: 'overcommitted',
    id: 'W6',
    place: 'aside',
    sure: 'hint',
    meaning: 'far more memory is promised than exists',
    advice: null,
    source: OVERCOMMIT,
    find: ({ host }) => {
      const { committedKiB: promised, totalKiB: ram, swapTotalKiB: swap } = host?.memory ?? {};
      if (!promised || !ram || host?.vm['overcommit_memory'] !== 0) return null;
      const there = ram + (swap ?? 0);
      if (promised / there < THRESHOLDS.committedFactor) return null;
      return {
        text: `${sayKiB(promised)} is promised to processes, and ${sayKiB(there)} exist.`,
        numbers: { committedKiB: promised, totalKiB: there },
      };
    },
  },
];

function swapUnused({ record, host, memory, ramKiB }: CauseFacts): Finding | null {
  const { totalSwapKiB: total, freeSwapKiB: free } = record;
  if (record.domain !== 'host' || !total || free === null || free / total < THRESHOLDS.swapUnusedShare) return null;
  const swappiness = host?.vm['swappiness'];
  const locked = memory?.unevictableKiB ?? 0;
  const slab = memory?.slabUnreclaimableKiB ?? 0;
  const why =
    swappiness !== undefined && swappiness <= THRESHOLDS.swappinessLow
      ? `vm.swappiness is ${swappiness}`
      : (record.trigger?.order ?? 0) > 0
        ? `a block of order ${record.trigger?.order} was wanted`
        : ramKiB !== null && locked / ramKiB >= THRESHOLDS.lockedShare
          ? `${sayPart(locked, ramKiB)} of RAM is locked`
          : ramKiB !== null && slab / ramKiB >= THRESHOLDS.slabShare
            ? `${sayPart(slab, ramKiB)} of RAM is the kernel’s own`
            : 'memory may have grown faster than it could be swapped out';
  return {
    text: `${sayKiB(free)} of ${sayKiB(total)} swap was free but did not help: ${why}.`,
    numbers: { totalSwapKiB: total, freeSwapKiB: free, ...(swappiness === undefined ? {} : { swappiness }) },
    ...(why.startsWith('memory may') ? { sure: 'hint' as const } : {}),
  };
}
