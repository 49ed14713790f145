import { sayKiB } from './units.ts';
import type { Cause, KillRecord } from './report.ts';

/**
 * What a single report says for certain about why somebody had to die: who killed, what ran out, whether it was asked for by hand.
 * What held the memory is a matter of likelihood and is not decided here.
 */
export function explainCertain(record: KillRecord, seen: { slabNamed: boolean; byPageFault: boolean }): Cause | null {
  const numbers: Record<string, number> = {};
  function sure(code: string, text: string): Cause {
    return { code, sure: 'certain', text, numbers };
  }
  if (record.killer === 'systemd-oomd')
    return sure('systemd-oomd', `systemd-oomd killed the whole group: ${record.reason ?? 'no reason given'}.`);
  if (hasLived(record))
    return {
      code: record.killer,
      sure: 'likely',
      text: `${record.killer} tried to kill it before the kernel had to, and it did not exit${record.reason === null ? '' : `: ${record.reason}`}.`,
      numbers,
    };
  if (record.killer !== 'kernel')
    return sure(
      record.killer,
      `${record.killer} killed it before the kernel had to${record.reason === null ? '' : `: ${record.reason}`}.`,
    );
  if (record.outcome === 'suppressed') return null;
  if (record.trigger?.order === -1)
    return sure('sysrq', 'Triggered by hand (SysRq f): there need not have been any shortage.');
  if (record.outcome === 'panic') return sure('panic', panicText(record));
  if (record.outcome === 'no-killable')
    return sure(
      'no-killable',
      'Nobody was left that may be killed: everything is protected, or the memory is not in processes.',
    );
  if (isAllocatingTask(record))
    return sure(
      'allocating-task',
      'vm.oom_kill_allocating_task is set: the kernel killed whoever asked for memory, so the victim says nothing about the cause.',
    );
  if (seen.slabNamed) {
    numbers['slabUnreclaimableKiB'] = record.memory?.slabUnreclaimableKiB ?? 0;
    return sure(
      'kernel-slab',
      'Kernel memory (unreclaimable slab) is larger than all memory of processes: killing them does not help.',
    );
  }
  if (record.outcome !== 'killed') return null;
  if (record.domain === 'memcg') return explainGroup(record, numbers);
  if (record.domain === 'cpuset')
    return sure('cpuset', 'Only the memory nodes that its cpuset allows ran out; others may have had room.');
  if (record.domain === 'mempolicy')
    return sure('mempolicy', 'Only the memory nodes of its memory policy ran out; others may have had room.');
  return record.domain === 'host' ? explainHost(record, numbers, seen.byPageFault) : null;
}

function panicText({ evidence }: KillRecord): string {
  const said = evidence.map((line) => line.text).join('\n');
  if (said.includes('panic_on_oom'))
    return 'vm.panic_on_oom is set: the kernel panicked instead of killing, and the host went down.';
  if (said.includes('deadlocked on memory'))
    return 'The kernel found the system deadlocked on memory, with nobody left that may be killed: it panicked.';
  if (said.includes('no killable processes'))
    return 'Nobody was left that may be killed: the kernel panicked, and the host went down.';
  return 'The kernel panicked for want of memory, and the host went down.';
}

const EXITED = /^process exited after |^The victim (?:died in|became a zombie)/;
const LIVED = /^process \d+ did not exit|^kill failed: |^The victim doesn't respond/;

/** Whether a userspace killer said last that its signal did not end the process. */
export function hasLived({ killer, aftermath }: KillRecord): boolean {
  const last = aftermath.findLast((said) => EXITED.test(said) || LIVED.test(said));
  return killer !== 'kernel' && last !== undefined && LIVED.test(last);
}

function isAllocatingTask(record: KillRecord): boolean {
  return record.evidence.some((line) => line.text.includes('(oom_kill_allocating_task)'));
}

function explainGroup(record: KillRecord, numbers: Record<string, number>): Cause {
  const { memcgUsageKiB, memcgLimitKiB, oomMemcg, oomGroup } = record;
  if (memcgUsageKiB !== null) numbers['memcgUsageKiB'] = memcgUsageKiB;
  if (memcgLimitKiB !== null) numbers['memcgLimitKiB'] = memcgLimitKiB;
  const group = oomMemcg === null ? 'A memory cgroup' : 'The memory cgroup';
  const limit =
    memcgLimitKiB === null
      ? 'reached its own limit'
      : `reached its own limit (${memcgUsageKiB === null ? '' : `${sayKiB(memcgUsageKiB)} of `}${sayKiB(memcgLimitKiB)})`;
  if (oomGroup !== null)
    return {
      code: 'oom-group',
      sure: 'certain',
      text: `${group} ${limit}, and memory.oom.group is set: the kernel killed all of it at once.`,
      numbers,
    };
  return {
    code: 'memcg-limit',
    sure: 'certain',
    text: `${group} ${limit}; the host itself may have had free memory.`,
    numbers,
  };
}

function explainHost(record: KillRecord, numbers: Record<string, number>, byPageFault: boolean): Cause {
  if (record.oomGroup !== null)
    return {
      code: 'oom-group',
      sure: 'certain',
      text: 'The host ran out of memory, and memory.oom.group of the victim is set: the kernel killed all of its group at once.',
      numbers,
    };
  const { totalSwapKiB, freeSwapKiB } = record;
  if (totalSwapKiB !== null) numbers['totalSwapKiB'] = totalSwapKiB;
  if (freeSwapKiB !== null) numbers['freeSwapKiB'] = freeSwapKiB;
  const swap =
    totalSwapKiB === null
      ? ''
      : totalSwapKiB === 0
        ? ', and it has no swap'
        : `, with ${freeSwapKiB === null ? 'an unknown part' : sayKiB(freeSwapKiB)} of its ${sayKiB(totalSwapKiB)} swap free`;
  const road = byPageFault ? ' (raised while a page fault was handled)' : '';
  return { code: 'host', sure: 'certain', text: `The whole host ran out of memory${swap}${road}.`, numbers };
}
