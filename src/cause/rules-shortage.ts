import { sayKiB } from '../oom/units.ts';
import type { KillRecord } from '../oom/report.ts';
import type { CauseFacts } from './cause-facts.ts';
import type { Finding, Rule } from './cause-rule.ts';
import { sayName, sayPercent } from './cause-words.ts';
import { THRESHOLDS } from './thresholds.ts';
import { roomFor } from './zone-room.ts';

/** What ran out. */
export const SHORTAGE_RULES: readonly Rule[] = [
  {
    code: 'bpf-policy',
    id: 'S1',
    place: 'shape',
    sure: 'certain',
    meaning: 'a BPF program decided, not the kernel’s own rules',
    advice: null,
    source: 'mm/bpf_oom.c (patches of 2025): oom_policy=',
    find: ({ record }) => {
      const policy =
        record.oomPolicy ?? (record.constraint?.startsWith('CONSTRAINT_BPF') === true ? record.constraint : null);
      return policy === null || !isByBpf(record)
        ? null
        : told(`A BPF program decided this kill (${sayName(policy)}): the kernel’s own rules need not explain it.`);
    },
  },
  {
    code: 'no-longer-needed',
    id: 'S11',
    place: 'shape',
    sure: 'likely',
    meaning: 'the victim of the moment before had just given its memory back',
    advice: null,
    source: 'mm/page_alloc.c: __alloc_pages_may_oom() looks once more, and not again',
    find: noLongerNeeded,
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
    find: (facts) => {
      if (!killedIn(facts, 'mempolicy')) return null;
      const { constraint, evidence } = facts.record;
      const isStated =
        constraint === 'CONSTRAINT_MEMORY_POLICY' ||
        evidence.some((line) => line.text.startsWith('No available memory (MPOL_BIND)'));
      // Up to 4.20 only the header's node mask says so.
      return { ...nodesFull(facts, 'of its memory policy'), ...(isStated ? {} : { sure: 'likely' as const }) };
    },
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
];

/** Not decided by the kernel's own rules. */
export function isByBpf({ oomPolicy, constraint }: KillRecord): boolean {
  return constraint?.startsWith('CONSTRAINT_BPF') === true || (oomPolicy != null && !OWN_POLICY.test(oomPolicy));
}

const OWN_POLICY = /^(?:default|none|kernel)$/;

function told(text: string): Finding {
  return { text, numbers: {} };
}

function killedIn({ record }: CauseFacts, domain: KillRecord['domain']): boolean {
  return record.outcome === 'killed' && record.killer === 'kernel' && record.domain === domain;
}

/** There was room again by the time of this report: somebody had been killed a moment before. */
function noLongerNeeded({ record, memory, group }: CauseFacts): Finding | null {
  const before = record.killedBefore ?? null;
  if (record.outcome !== 'killed' || record.killer !== 'kernel' || before === null || before.pid === record.pid)
    return null;
  const room = record.domain === 'host' ? roomFor(record, memory) : null;
  const who = `${sayName(before.name ?? 'the process')} (pid ${before.pid})${before.agoMs === null ? ', killed just before,' : `, killed ${sayAgo(before.agoMs)} before,`}`;
  const numbers = {
    ...(before.agoMs === null ? {} : { agoMs: before.agoMs }),
    ...(before.kiB === null ? {} : { beforeKiB: before.kiB }),
  };
  const tail = `by then ${who} had given its memory back. This second kill was probably not needed.`;
  const beforeKiB = before.kiB ?? 0;
  if (room !== null && beforeKiB > 0 && room.usableKiB >= beforeKiB / 2)
    return {
      text: `${sayKiB(room.usableKiB)} was free again when this report was written: ${tail}`,
      numbers: { freeKiB: room.usableKiB, ...numbers },
    };
  const { memcgUsageKiB: usage, memcgLimitKiB: limit } = record;
  const roomKiB = group === null || usage === null || limit === null ? 0 : limit - usage;
  if (
    record.domain !== 'memcg' ||
    beforeKiB === 0 ||
    limit === null ||
    roomKiB < Math.max(beforeKiB / 2, limit * THRESHOLDS.leadShare)
  )
    return null;
  return { text: `The group had ${sayKiB(roomKiB)} of room again: ${tail}`, numbers: { roomKiB, ...numbers } };
}

function sayAgo(ms: number): string {
  return ms < 1_000 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1_000).toFixed(1)} s`;
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
  const numbers = { nodesKiB: ofKiB, nodesFreeKiB: freeKiB, ramKiB: all };
  // A block that was too large, or a zone that may not serve it: there was room, though not for this request.
  if (zones.some((zone) => zone.freeKiB !== null && zone.highKiB !== null && zone.freeKiB > zone.highKiB))
    return {
      text: `The memory had to come from the nodes ${whose}: node ${list} with ${sayKiB(ofKiB)} of the host’s ${sayKiB(all)} had ${sayKiB(freeKiB)} free when the report was written.`,
      numbers,
    };
  return {
    text: `Only the memory nodes ${whose} ran out: node ${list} with ${sayKiB(ofKiB)} of the host’s ${sayKiB(all)} had ${sayKiB(freeKiB)} free; others may have had room.`,
    numbers,
  };
}

function wholeGroup({ record }: CauseFacts): Finding {
  if (record.domain !== 'memcg')
    return told(
      'memory.oom.group is set on the victim’s group: the kernel killed everything in it that may be killed, at once.',
    );
  return {
    text: `${groupWords(record)} ${limitWords(record)}, and memory.oom.group is set: the kernel killed everything in it that may be killed, at once.`,
    numbers: limitNumbers(record),
  };
}

function groupWords({ oomMemcg }: KillRecord): string {
  return oomMemcg === null ? 'A memory cgroup' : 'The memory cgroup';
}

function isFull(used: number | null | undefined, most: number | null | undefined): boolean {
  return used != null && most != null && used >= most * THRESHOLDS.limitFullShare;
}

function sayBoth(used: number | null, most: number | null): string {
  return `${sayKiB(used ?? 0)} of ${sayKiB(most ?? 0)}`;
}

/** Which of its limits was full, by the counters; a limit may have been lowered, or memory have come free since. */
function limitWords({ memcg, memcgUsageKiB: usage, memcgLimitKiB: limit }: KillRecord): string {
  if (limit !== null && (usage === null || isFull(usage, limit)))
    return `reached its own limit (${usage === null ? sayKiB(limit) : sayBoth(usage, limit)})`;
  if (isFull(memcg?.memswUsageKiB, memcg?.memswLimitKiB))
    return `reached its limit on memory and swap together (${sayBoth(memcg?.memswUsageKiB ?? null, memcg?.memswLimitKiB ?? null)})`;
  if (isFull(memcg?.kmemUsageKiB, memcg?.kmemLimitKiB))
    return `reached its limit on kernel memory (${sayBoth(memcg?.kmemUsageKiB ?? null, memcg?.kmemLimitKiB ?? null)})`;
  return usage === null || limit === null
    ? 'reached its own limit'
    : `ran out by its own limit; when the report was written it used ${sayBoth(usage, limit)}`;
}

function filledBy(group: CauseFacts['group']): string {
  if (group === null || !group.isListed) return 'The report does not show what filled it.';
  return `${sayPercent(Math.min(1, group.anonKiB / group.usageKiB))} of it was its processes’ own memory.`;
}

function limitNumbers({ memcgUsageKiB, memcgLimitKiB }: KillRecord): Record<string, number> {
  return {
    ...(memcgUsageKiB === null ? {} : { memcgUsageKiB }),
    ...(memcgLimitKiB === null ? {} : { memcgLimitKiB }),
  };
}

function wholeHost({ record, holders, tasks, memory, totalKiB }: CauseFacts): Finding {
  const { totalSwapKiB, freeSwapKiB } = record;
  const swap =
    totalSwapKiB === null
      ? ''
      : (freeSwapKiB ?? 0) < 0
        ? ', while swap was being turned off'
        : totalSwapKiB === 0
          ? ', and it has no swap'
          : `, with ${freeSwapKiB === null ? 'an unknown part' : sayKiB(freeSwapKiB)} of its ${sayKiB(totalSwapKiB)} swap free`;
  const road = record.byPageFault ? ' (raised while a page fault was handled)' : '';
  const [first] = holders;
  const sumKiB = tasks === null ? null : (tasks.anonKiB ?? tasks.rssKiB) + (tasks.swapKiB ?? 0);
  const ofAll = totalKiB === null || sumKiB === null || sumKiB > totalKiB ? '' : ` of ${sayKiB(totalKiB)}`;
  const sum =
    sumKiB === null || tasks === null
      ? ''
      : ` ${tasks.count === 1 ? 'The only process of the report held' : `All ${tasks.count} processes of the report held`} ${sayKiB(sumKiB)}${ofAll}${tasks.count === 1 ? '' : ' together'}`;
  const who =
    first !== undefined && tasks !== null
      ? `.${sum}, ${first.count > 1 ? `${first.count} × ` : ''}${sayName(first.name)} most (${sayPercent(first.share)}): no single cause stands out`
      : sum === ''
        ? '. The report does not show what held the memory'
        : `.${sum}`;
  const room = roomFor(record, memory);
  const ran =
    room === null
      ? 'The whole host ran out of memory'
      : `The kernel killed for want of memory on the host, though ${sayKiB(room.usableKiB)} was free when the report was written`;
  return {
    text: `${ran}${swap}${road}${who}.`,
    numbers: {
      ...(totalSwapKiB === null ? {} : { totalSwapKiB }),
      ...(freeSwapKiB === null ? {} : { freeSwapKiB }),
      ...(first === undefined ? {} : { largestKiB: first.kiB }),
      ...(sumKiB === null ? {} : { tasksKiB: sumKiB }),
    },
    // Kills for a cpuset or a memory policy have the same words: only this constraint says that it was neither.
    ...(record.constraint === 'CONSTRAINT_NONE' ? {} : { sure: 'likely' as const }),
  };
}
