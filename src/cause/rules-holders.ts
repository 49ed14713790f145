import { sayKiB } from '../oom/units.ts';
import type { TaskWeight } from '../oom/report.ts';
import { isOtherThanVictim, victimKiB, type CauseFacts, type NamedTasks } from './cause-facts.ts';
import type { Finding, Rule } from './cause-rule.ts';
import { THRESHOLDS } from './thresholds.ts';
import { sayName, sayPart, sayTasks } from './cause-words.ts';

const BADNESS = 'mm/oom_kill.c: oom_badness()';

/** Whose processes held the memory, and why this one paid. */
export const HOLDER_RULES: readonly Rule[] = [
  {
    code: 'adj-victim',
    id: 'P3',
    place: 'victim',
    sure: 'certain',
    meaning: 'its oom_score_adj made it the victim; another is larger',
    advice: 'adj-victim',
    source: BADNESS,
    find: adjMadeIt,
  },
  {
    code: 'protected-hog',
    id: 'P1',
    place: 'victim',
    sure: 'likely',
    meaning: 'the largest process is protected, so its neighbours pay',
    advice: 'protected-hog',
    source: BADNESS,
    find: protectedHog,
  },
  {
    code: 'victim-not-cause',
    id: 'M3',
    place: 'memory',
    sure: 'likely',
    meaning: 'another service held far more than the victim',
    advice: 'holder',
    source: BADNESS,
    find: (facts) => {
      const holder = mainHolder(facts);
      if (holder === null || !isOtherThanVictim(facts, holder)) return null;
      const size = victimKiB(facts);
      const own = size === null ? '' : ` (${sayKiB(size)})`;
      return {
        text: `${sayName(facts.record.name ?? 'The victim')}${own} is not the cause: ${sayTasks(holder.name, holder.count)} held ${heldBy(facts, holder)}.`,
        numbers: { ...holderNumbers(holder), ...(size === null ? {} : { victimKiB: size }) },
        share: holder.share,
      };
    },
  },
  {
    code: 'several-services',
    id: 'M1',
    place: 'memory',
    sure: 'likely',
    meaning: 'two services of about the same size held it together',
    advice: 'holder',
    source: BADNESS,
    find: (facts) => {
      const both = twoHolders(facts);
      if (both === null) return null;
      const [first, second] = both;
      return {
        text: `No single one is the cause: ${sayTasks(first.name, first.count)} held ${heldBy(facts, first)}, ${sayTasks(second.name, second.count)} ${sayPart(second.kiB, facts.totalKiB ?? 1)}.`,
        numbers: { ...holderNumbers(first), secondKiB: second.kiB, secondCount: second.count },
        share: Math.min(1, first.share + second.share),
      };
    },
  },
  {
    code: 'worker-pool',
    id: 'M2',
    place: 'memory',
    sure: 'likely',
    meaning: 'many tasks of one name, each small: a worker pool, or a fork storm',
    advice: 'worker-pool',
    source: 'PostgreSQL manual 18.4.4; public reports of php-fpm storms',
    find: (facts) => {
      const holder = mainHolder(facts);
      if (holder === null || isOtherThanVictim(facts, holder) || !isPool(holder)) return null;
      return {
        text: `A worker pool or fork storm: ${sayTasks(holder.name, holder.count)} together held ${heldBy(facts, holder)}.`,
        numbers: holderNumbers(holder),
        share: holder.share,
      };
    },
  },
  {
    code: 'hog',
    id: 'M1',
    place: 'memory',
    sure: 'likely',
    meaning: 'one process, or a few of one name, held most of it',
    advice: 'hog',
    source: BADNESS,
    find: (facts) => {
      const holder = mainHolder(facts);
      if (holder === null || isOtherThanVictim(facts, holder) || isPool(holder)) return null;
      return { text: hogText(facts, holder), numbers: holderNumbers(holder), share: holder.share };
    },
  },
  {
    code: 'shielded',
    id: 'P1',
    place: 'aside',
    sure: 'certain',
    meaning: 'a larger process has a negative oom_score_adj',
    advice: null,
    source: BADNESS,
    find: ({ tasks, record }) => {
      const largest = tasks?.largest ?? null;
      const chosen = chosenOf(tasks);
      if (largest === null || chosen === null || largest.pid === chosen.pid || largest.pid === record.pid) return null;
      // Its value must have weighed: not where it was chosen all the same, or had the same value as who was.
      if ((largest.oomScoreAdj ?? 0) >= Math.min(0, chosen.oomScoreAdj ?? 0)) return null;
      return {
        text: `${sayName(largest.name)} is larger (${sayKiB(largest.kiB)}), and has oom_score_adj ${largest.oomScoreAdj}.`,
        numbers: { largestKiB: largest.kiB, largestAdj: largest.oomScoreAdj ?? 0 },
      };
    },
  },
  {
    code: 'child-sacrificed',
    id: 'K0.4',
    place: 'aside',
    sure: 'certain',
    meaning: 'up to 5.0 a child of the chosen process died in its place',
    advice: null,
    source: 'mm/oom_kill.c up to 5.0: oom_kill_process(), "sacrifice child"',
    find: ({ tasks, record }) => {
      const chosen = tasks?.chosen ?? null;
      // The score line stands only up to 5.0. A thread of the victim, which may be named too, has no row of its own.
      if (record.score === null || chosen === null || record.pid === null || chosen.pid === record.pid) return null;
      if (record.selected?.pid !== chosen.pid) return null;
      return {
        text: `The kernel had chosen ${sayName(chosen.name)} (pid ${chosen.pid}, ${sayKiB(chosen.kiB)}); ${sayName(record.name ?? 'another process')}, a child of it, died in its place.`,
        numbers: { chosenPid: chosen.pid, chosenKiB: chosen.kiB },
      };
    },
  },
  {
    code: 'inherited-adj',
    id: 'P5',
    place: 'aside',
    sure: 'hint',
    meaning: 'many tasks cannot be killed: the value was probably inherited',
    advice: null,
    source: 'proc_pid_oom_score_adj(5): children inherit it',
    find: ({ tasks }) =>
      tasks === null || tasks.unkillableCount < THRESHOLDS.oddAdjTasks
        ? null
        : {
            text: `${tasks.unkillableCount} of ${tasks.count} tasks have oom_score_adj -1000, more than a system needs: it may have been inherited from a parent.`,
            numbers: { unkillable: tasks.unkillableCount, tasks: tasks.count },
          },
  },
  {
    code: 'watcher-died',
    id: 'P4',
    place: 'aside',
    sure: 'hint',
    meaning: 'the victim is what watches this host, or lets people in',
    advice: null,
    source: 'systemd units of udevd and journald',
    find: ({ record }) =>
      record.pid !== null && WATCHERS.test(record.name ?? '')
        ? {
            text: `${sayName(record.name ?? '')} watches this host or lets people in: a value of -250 to -500 would keep it for the next time.`,
            numbers: {},
          }
        : null,
  },
];

const WATCHERS =
  /^(?:sshd(?:-.*)?|rsyslogd|systemd-journal|telegraf|node_exporter|prometheus-node|zabbix_agentd?|collectd|netdata|icinga2|nrpe|filebeat|fluent-bit|promtail|datadog-agent)$/;

/** Whom the kernel chose: not the child that died in its place. */
function chosenOf(tasks: CauseFacts['tasks']): TaskWeight | null {
  return tasks?.chosen ?? tasks?.victim ?? null;
}

function adjMadeIt(facts: CauseFacts): Finding | null {
  const { record, tasks } = facts;
  const chosen = chosenOf(tasks);
  const adj = chosen?.oomScoreAdj ?? 0;
  const other = tasks?.largestUnshifted ?? null;
  if (record.pid === null || chosen === null || other === null || other.pid === chosen.pid || adj <= 0) return null;
  if (other.kiB < chosen.kiB * THRESHOLDS.adjFactor || (other.oomScoreAdj ?? 0) >= adj) return null;
  const matters = facts.totalKiB !== null && other.kiB / facts.totalKiB >= THRESHOLDS.togetherShare;
  return {
    text: `Its oom_score_adj of ${adj} put ${sayName(chosen.name)} (${sayKiB(chosen.kiB)}) first: by size alone ${sayName(other.name)} (${sayKiB(other.kiB)}) comes before it.`,
    numbers: { adj, victimKiB: chosen.kiB, otherKiB: other.kiB },
    // The arithmetic of that very kernel must lead to the kernel’s choice.
    sure: record.predictedVictim?.agrees === true && record.kernelRelease !== null ? 'certain' : 'likely',
    // Where hardly anything is in processes, another victim would have changed nothing.
    ...(matters ? {} : { place: 'aside' as const }),
  };
}

function protectedHog(facts: CauseFacts): Finding | null {
  const { record, tasks, totalKiB } = facts;
  const hog = tasks?.largestProtected ?? null;
  if (hog === null || totalKiB === null || record.pid === null || hog.pid === record.pid) return null;
  if (hog.pid !== tasks?.largest?.pid || hog.kiB / totalKiB < THRESHOLDS.protectedShare) return null;
  return {
    text: `${sayName(hog.name)} is protected (oom_score_adj ${hog.oomScoreAdj}) and holds ${sayPart(hog.kiB, totalKiB)} of ${ofWhat(facts)}, so others are killed instead.`,
    numbers: { hogKiB: hog.kiB, hogAdj: hog.oomScoreAdj ?? 0 },
  };
}

/** The one name that held most, if that is enough to be the cause. */
function mainHolder(facts: CauseFacts): NamedTasks | null {
  const [first] = facts.holders;
  if (first === undefined || first.share < THRESHOLDS.hogShare || twoHolders(facts) !== null) return null;
  return first;
}

function twoHolders({ holders }: CauseFacts): [NamedTasks, NamedTasks] | null {
  const [first, second] = holders;
  if (first === undefined || second === undefined || second.share < THRESHOLDS.togetherShare) return null;
  return first.share < second.share * THRESHOLDS.nearFactor ? [first, second] : null;
}

function isPool(holder: NamedTasks): boolean {
  return (
    holder.count >= THRESHOLDS.poolCount && holder.largestKiB / Math.max(holder.kiB, 1) < THRESHOLDS.poolTaskShare * 2
  );
}

function hogText(facts: CauseFacts, holder: NamedTasks): string {
  if (holder.count === 1 || holder.largestKiB >= holder.kiB * THRESHOLDS.aloneShare)
    return `${sayName(holder.name)} alone held ${heldBy(facts, { ...holder, count: 1, kiB: holder.largestKiB })}.`;
  return `${sayTasks(holder.name, holder.count)} held ${heldBy(facts, holder)}, the largest ${sayKiB(holder.largestKiB)}.`;
}

/** `5.9 GiB, 50 % of 12 GiB RAM`; the share is left out where shared memory makes it more than there is. */
function heldBy(facts: CauseFacts, holder: NamedTasks): string {
  const total = facts.totalKiB ?? 1;
  if (holder.kiB <= total) return `${sayPart(holder.kiB, total)} of ${ofWhat(facts)}`;
  const twice = holder.count > 1 ? ' (shared memory is counted once for each)' : '';
  return `${sayKiB(holder.kiB)}${twice} of ${ofWhat(facts)}`;
}

function holderNumbers(holder: NamedTasks): Record<string, number> {
  return { holderKiB: Math.round(holder.kiB), holderCount: holder.count };
}

/** What a share is of, with its size. */
function ofWhat({ record, totalKiB }: CauseFacts): string {
  if (record.domain === 'memcg') return `the group’s ${sayKiB(totalKiB ?? 0)}`;
  if (record.domain !== 'host') return `the nodes’ ${sayKiB(totalKiB ?? 0)}`;
  return `${sayKiB(totalKiB ?? 0)} RAM${record.totalSwapKiB ? ' and swap' : ''}`;
}
