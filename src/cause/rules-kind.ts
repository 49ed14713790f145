import { survivedSignal } from '../oom/survived-signal.ts';
import { sayKiB } from '../oom/units.ts';
import type { KillRecord } from '../oom/report.ts';
import type { CauseFacts } from './cause-facts.ts';
import type { Finding, Rule } from './cause-rule.ts';
import { sayName, sayPercent } from './cause-words.ts';

const USERSPACE = ['systemd-oomd', 'earlyoom', 'nohang', 'oomd'] as const;
const SOURCES = {
  'systemd-oomd': 'man systemd-oomd.service',
  earlyoom: 'earlyoom README',
  nohang: 'nohang README',
  oomd: 'oomd docs',
};

/** Which kind of kill it was: these decide alone, whatever held the memory. */
export const KIND_RULES: readonly Rule[] = [
  ...USERSPACE.map((killer): Rule => ({
    code: killer,
    id: killer === 'systemd-oomd' ? 'S10' : 'S11',
    place: 'decides',
    sure: 'certain',
    meaning: `${killer} killed before the kernel had to`,
    advice: killer === 'systemd-oomd' ? 'systemd-oomd' : null,
    source: SOURCES[killer],
    find: ({ record }) => (record.killer === killer ? byUserspace(record) : null),
  })),
  {
    code: 'sysrq',
    id: 'S4',
    place: 'decides',
    sure: 'certain',
    meaning: 'somebody ran the OOM killer by hand (SysRq f)',
    advice: 'sysrq',
    source: 'mm/oom_kill.c: order -1',
    find: ({ record }) =>
      record.trigger?.order === -1 ? told('Triggered by hand (SysRq f): there need not have been any shortage.') : null,
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
      record.evidence.some((line) => line.text.includes('(oom_kill_allocating_task)'))
        ? told(
            'vm.oom_kill_allocating_task is set: the kernel killed whoever asked for memory, so the victim says nothing about the cause.',
          )
        : null,
  },
  {
    code: 'cpuset',
    id: 'S3',
    place: 'shape',
    sure: 'certain',
    meaning: 'only the memory nodes of a cpuset ran out',
    advice: 'cpuset',
    source: 'mm/oom_kill.c: CONSTRAINT_CPUSET',
    find: (facts) => (killedIn(facts, 'cpuset') ? nodesFull(facts, 'that its cpuset allows') : null),
  },
  {
    code: 'mempolicy',
    id: 'S3',
    place: 'shape',
    sure: 'certain',
    meaning: 'only the memory nodes of a NUMA policy ran out',
    advice: 'mempolicy',
    source: 'mm/oom_kill.c: CONSTRAINT_MEMORY_POLICY',
    find: (facts) => (killedIn(facts, 'mempolicy') ? nodesFull(facts, 'of its memory policy') : null),
  },
  {
    code: 'oom-group',
    id: 'S8',
    place: 'shape',
    sure: 'certain',
    meaning: 'memory.oom.group: the whole group was killed at once',
    advice: 'memcg-limit',
    source: 'Documentation/admin-guide/cgroup-v2.rst: memory.oom.group',
    find: (facts) => (facts.record.outcome === 'killed' && facts.record.oomGroup !== null ? wholeGroup(facts) : null),
  },
  {
    code: 'memcg-limit',
    id: 'S1',
    place: 'fallback',
    sure: 'certain',
    meaning: 'a memory group reached its own limit; the report does not show what filled it',
    advice: 'memcg-limit',
    source: 'mm/oom_kill.c: CONSTRAINT_MEMCG',
    find: (facts) =>
      killedIn(facts, 'memcg')
        ? {
            text: `${groupWords(facts.record)} ${limitWords(facts.record)}; the host itself may have had free memory. ${filledBy(facts.group)}`,
            numbers: limitNumbers(facts.record),
          }
        : null,
  },
  {
    code: 'host',
    id: 'S2',
    place: 'fallback',
    sure: 'certain',
    meaning: 'the whole host ran out; the report does not show what held the memory',
    advice: 'host',
    source: 'mm/oom_kill.c: CONSTRAINT_NONE',
    find: (facts) => (killedIn(facts, 'host') ? wholeHost(facts) : null),
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

function told(text: string): Finding {
  return { text, numbers: {} };
}

function killedIn({ record }: CauseFacts, domain: KillRecord['domain']): boolean {
  return record.outcome === 'killed' && record.killer === 'kernel' && record.domain === domain;
}

function byUserspace(record: KillRecord): Finding {
  const { killer, reason } = record;
  if (killer === 'systemd-oomd') return told(`systemd-oomd killed the whole group: ${reason ?? 'no reason given'}.`);
  const why = reason === null ? '' : `: ${reason}`;
  if (survivedSignal(record))
    return {
      ...told(`${killer} tried to kill it before the kernel had to, and it did not exit${why}.`),
      sure: 'likely',
    };
  return told(`${killer} killed it before the kernel had to${why}.`);
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
  return told('Nobody was left that may be killed: everything is protected, or the memory is not in processes.');
}

function nodesFull({ memory, record }: CauseFacts, whose: string): Finding {
  const zones = (memory?.zones ?? []).filter((zone) => zone.node !== null);
  const nodes = new Set(zones.map((zone) => zone.node));
  const freeKiB = zones.reduce((sum, zone) => sum + (zone.freeKiB ?? 0), 0);
  const ofKiB = zones.reduce((sum, zone) => sum + (zone.managedKiB ?? 0), 0);
  const all = record.ramPages === null ? null : record.ramPages * (record.pageSizeKiB ?? 4);
  if (nodes.size === 0 || ofKiB === 0 || all === null)
    return told(`Only the memory nodes ${whose} ran out; others may have had room.`);
  const list = [...nodes].toSorted((a, b) => (a ?? 0) - (b ?? 0)).join(', ');
  return {
    text: `Only the memory nodes ${whose} ran out: node ${list} with ${sayKiB(ofKiB)} of the host’s ${sayKiB(all)} had ${sayKiB(freeKiB)} free; others may have had room.`,
    numbers: { nodesKiB: ofKiB, nodesFreeKiB: freeKiB, ramKiB: all },
  };
}

function wholeGroup({ record }: CauseFacts): Finding {
  if (record.domain !== 'memcg')
    return told(
      'The host ran out of memory, and memory.oom.group of the victim is set: the kernel killed all of its group at once.',
    );
  return {
    text: `${groupWords(record)} ${limitWords(record)}, and memory.oom.group is set: the kernel killed all of it at once.`,
    numbers: limitNumbers(record),
  };
}

function groupWords({ oomMemcg }: KillRecord): string {
  return oomMemcg === null ? 'A memory cgroup' : 'The memory cgroup';
}

function limitWords({ memcgUsageKiB, memcgLimitKiB }: KillRecord): string {
  if (memcgLimitKiB === null) return 'reached its own limit';
  return `reached its own limit (${memcgUsageKiB === null ? '' : `${sayKiB(memcgUsageKiB)} of `}${sayKiB(memcgLimitKiB)})`;
}

function filledBy(group: CauseFacts['group']): string {
  if (group === null) return 'The report does not show what filled it.';
  return `${sayPercent(Math.min(1, group.anonKiB / group.usageKiB))} of it was its processes’ own memory.`;
}

function limitNumbers({ memcgUsageKiB, memcgLimitKiB }: KillRecord): Record<string, number> {
  return {
    ...(memcgUsageKiB === null ? {} : { memcgUsageKiB }),
    ...(memcgLimitKiB === null ? {} : { memcgLimitKiB }),
  };
}

function wholeHost({ record, holders, tasks }: CauseFacts): Finding {
  const { totalSwapKiB, freeSwapKiB } = record;
  const swap =
    totalSwapKiB === null
      ? ''
      : totalSwapKiB === 0
        ? ', and it has no swap'
        : `, with ${freeSwapKiB === null ? 'an unknown part' : sayKiB(freeSwapKiB)} of its ${sayKiB(totalSwapKiB)} swap free`;
  const road = record.byPageFault ? ' (raised while a page fault was handled)' : '';
  const [first] = holders;
  const who =
    first !== undefined && tasks !== null
      ? `; the largest, ${first.count > 1 ? `${first.count} × ` : ''}${sayName(first.name)}, held ${sayPercent(first.share)}: no single cause stands out`
      : '. The report does not show what held the memory';
  return {
    text: `The whole host ran out of memory${swap}${road}${who}.`,
    numbers: {
      ...(totalSwapKiB === null ? {} : { totalSwapKiB }),
      ...(freeSwapKiB === null ? {} : { freeSwapKiB }),
      ...(first === undefined ? {} : { largestKiB: first.kiB }),
    },
  };
}
