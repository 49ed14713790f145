import { sayKiB } from '../oom/units.ts';
import type { KillRecord } from '../oom/report.ts';
import type { CauseFacts } from './cause-facts.ts';
import type { Finding, Rule } from './cause-rule.ts';
import { sayName } from './cause-words.ts';
import { isByBpf } from './rules-shortage.ts';

/** Which kind of kill it was: these decide alone, whatever held the memory. */
export const KIND_RULES: readonly Rule[] = [
  {
    code: 'sysrq',
    id: 'S4',
    place: 'decides',
    sure: 'certain',
    meaning: 'somebody ran the OOM killer by hand (SysRq f)',
    advice: 'sysrq',
    source: 'mm/oom_kill.c: order -1',
    // A BPF program may ask with any order; and nobody triggers the killer of a group by hand.
    find: ({ record }) =>
      record.trigger?.order === -1 && record.domain !== 'memcg' && !isByBpf(record)
        ? told('Triggered by hand (SysRq f): there need not have been any shortage.')
        : null,
  },
  {
    code: 'panic',
    id: 'S7',
    place: 'decides',
    sure: 'certain',
    meaning: 'the kernel panicked instead of killing',
    advice: 'panic',
    source: 'Documentation/admin-guide/sysctl/vm.rst: panic_on_oom',
    find: ({ record }) => (record.outcome === 'panic' ? told(panicText(record)) : null),
  },
  {
    code: 'no-killable',
    id: 'S6',
    place: 'decides',
    sure: 'certain',
    meaning: 'everything left is protected, or the memory is not in processes',
    advice: 'no-killable',
    source: 'mm/oom_kill.c: "no killable processes"',
    find: ({ record, tasks }) => (record.outcome === 'no-killable' ? nobodyLeft(tasks) : null),
  },
  {
    code: 'allocating-task',
    id: 'S5',
    place: 'decides',
    sure: 'certain',
    meaning: 'a sysctl makes the kernel kill whoever asks for memory',
    advice: 'allocating-task',
    source: 'Documentation/admin-guide/sysctl/vm.rst: oom_kill_allocating_task',
    find: ({ record }) =>
      record.evidence.some((line) => ALLOCATING.test(line.text))
        ? told(
            'vm.oom_kill_allocating_task is set: the kernel killed whoever asked for memory, so the victim says nothing about the cause.',
          )
        : null,
  },
  {
    code: 'not-shown',
    id: 'S9',
    place: 'fallback',
    sure: 'certain',
    meaning: 'the log does not show why: the report is missing or cut off',
    advice: null,
    source: 'mm/oom_kill.c: oom_rs, ten reports in five seconds',
    find: ({ record }) =>
      record.killer === 'kernel' && (record.domain === null || record.outcome !== 'killed')
        ? told('The log does not show why: the report is missing or cut off.')
        : null,
  },
];

const ALLOCATING = /^ ?Out of memory \(oom_kill_allocating_task\): /;

function told(text: string): Finding {
  return { text, numbers: {} };
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

function nobodyLeft(tasks: CauseFacts['tasks']): Finding {
  if (tasks !== null && tasks.unkillableCount === tasks.count && tasks.largest !== null)
    return {
      text: `Nobody was left that may be killed: ${tasks.count === 1 ? 'the only task' : `all ${tasks.count} tasks`} in the report ${tasks.count === 1 ? 'has' : 'have'} oom_score_adj -1000, ${sayName(tasks.largest.name)} (${sayKiB(tasks.largest.kiB)}) the largest.`,
      numbers: { tasks: tasks.count, unkillable: tasks.unkillableCount, largestKiB: tasks.largest.kiB },
    };
  return told(
    'The kernel found nobody that it may kill: everything is protected or already dying, or the memory is not in processes.',
  );
}
