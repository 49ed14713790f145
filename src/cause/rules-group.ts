import { sayKiB } from '../oom/units.ts';
import type { CauseFacts, GroupPicture } from './cause-facts.ts';
import type { Finding, Rule } from './cause-rule.ts';
import { THRESHOLDS } from './thresholds.ts';
import { roomFor } from './zone-room.ts';
import { sayName, sayPart, saySpan } from './cause-words.ts';

const CG2 = 'Documentation/admin-guide/cgroup-v2.rst: memory.stat';

/** What filled a memory group that hit its limit. */
export const GROUP_RULES: readonly Rule[] = [
  ofGroup('shmem', 'C3', 'shmemKiB', THRESHOLDS.groupShmemShare, {
    meaning: 'tmpfs and shared memory count against the limit of a group',
    advice: 'group-shmem',
    sure: 'likely',
    say: (part) =>
      `Shared memory and tmpfs files fill ${part}: they count against its limit, and a kill need not free them.`,
  }),
  ofGroup('mlocked', 'M10', 'lockedKiB', THRESHOLDS.lockedShare, {
    meaning: 'locked memory in a group',
    advice: 'mlocked',
    sure: 'likely',
    say: (part) => `Locked memory (mlock, ramfs) fills ${part}: it can neither be swapped nor dropped.`,
  }),
  ofGroup('page-tables', 'C4', 'pageTablesKiB', THRESHOLDS.groupPageTablesShare, {
    meaning: 'page tables charged to a group',
    advice: 'page-tables',
    sure: 'likely',
    say: (part) => `Page tables fill ${part}: huge or sparse mappings, or one mapping in many processes.`,
  }),
  {
    code: 'page-cache',
    id: 'C2',
    place: 'memory',
    sure: 'hint',
    meaning: 'page cache filled the group and could not be dropped in time',
    advice: 'group-cache',
    source: CG2,
    find: ({ group }) => {
      if (group === null || group.cacheKiB / group.usageKiB < THRESHOLDS.groupCacheShare) return null;
      const dirty = group.dirtyKiB / group.usageKiB >= THRESHOLDS.dirtyShare;
      return {
        text: dirty
          ? `Page cache fills ${partOf(group, group.cacheKiB)}, ${sayKiB(group.dirtyKiB)} of it written data that waits for the storage.`
          : `Page cache fills ${partOf(group, group.cacheKiB)}; it is usually the first to be given back.`,
        numbers: { cacheKiB: group.cacheKiB, dirtyKiB: group.dirtyKiB },
        share: group.cacheKiB / group.usageKiB,
        ...(dirty ? { sure: 'likely' as const } : {}),
      };
    },
  },
  {
    code: 'group-kernel',
    id: 'C4',
    place: 'memory',
    sure: 'likely',
    meaning: 'kernel memory charged to a group: inodes, sockets, threads',
    advice: 'group-kernel',
    source: CG2,
    find: ({ group }) => {
      if (group === null || group.kernelKiB / group.usageKiB < THRESHOLDS.groupKernelShare) return null;
      if (group.pageTablesKiB / group.usageKiB >= THRESHOLDS.groupPageTablesShare) return null;
      const [part] = group.kernelParts;
      const named = part !== undefined && part.kiB >= group.kernelKiB / 4;
      return {
        text: `Kernel memory fills ${partOf(group, group.kernelKiB)}${named ? `, ${part.what} first (${sayKiB(part.kiB)})` : ', in parts that the report does not list'}: killing processes frees little of it.`,
        numbers: { kernelKiB: group.kernelKiB },
        share: group.kernelKiB / group.usageKiB,
      };
    },
  },
  {
    code: 'limit-too-small',
    id: 'C1',
    place: 'pattern',
    sure: 'likely',
    meaning: 'the limit is below what the service steadily needs',
    advice: 'memcg-limit',
    source: 'the kernel’s own counts over several lives',
    find: limitTooSmall,
  },
  {
    code: 'parent-limit',
    id: 'C5',
    place: 'aside',
    sure: 'certain',
    meaning: 'the limit of a parent group was hit, not its own',
    advice: null,
    source: 'mm/oom_kill.c: oom_memcg and task_memcg',
    find: ({ record: { oomMemcg, taskMemcg, domain } }) =>
      domain !== 'memcg' || oomMemcg === null || taskMemcg === null || !taskMemcg.startsWith(`${oomMemcg}/`)
        ? null
        : {
            text: `The limit that was hit belongs to the group above, ${groupName(oomMemcg)}, not to ${groupName(taskMemcg)} itself.`,
            numbers: {},
          },
  },
  {
    code: 'not-its-own-limit',
    id: 'C6',
    place: 'aside',
    sure: 'certain',
    meaning: 'a container died because its host ran out',
    advice: null,
    source: 'kubernetes/kubernetes#88871',
    find: ({ record, memory }) => {
      const { constraint, domain, identity, pid } = record;
      if (domain !== 'host' || constraint !== 'CONSTRAINT_NONE' || pid === null) return null;
      if (!identity?.container && !identity?.pod) return null;
      // There may have been room by then: what the log states is only whose limit it was not.
      const short = roomFor(record, memory) === null ? 'The kernel was short of memory on the host; it' : 'It';
      return { text: `${short} was not a limit of the container that was reached.`, numbers: {} };
    },
  },
  {
    code: 'throttled-before',
    id: 'C8',
    place: 'aside',
    sure: 'likely',
    meaning: 'memory.high had slowed the group down before',
    advice: null,
    source: 'Documentation/admin-guide/cgroup-v2.rst: memory.high',
    find: ({ host, record }) => {
      const high = host?.group?.events['high'] ?? 0;
      return record.domain !== 'memcg' || high === 0
        ? null
        : { text: `It had gone over its memory.high ${high} times: an early sign to watch.`, numbers: { high } };
    },
  },
  {
    code: 'runtime-limit',
    id: 'C9',
    place: 'aside',
    sure: 'hint',
    meaning: 'a language runtime may not know the limit',
    advice: null,
    source: 'vendors’ manuals of the runtimes',
    find: ({ record }) => {
      const says = record.domain === 'memcg' && record.pid !== null ? runtimeOf(record.name ?? '') : null;
      return says === null ? null : { text: says, numbers: {} };
    },
  },
  {
    code: 'child-died',
    id: 'C11',
    place: 'aside',
    sure: 'certain',
    meaning: 'a child died and its service went on: checks of the service stay green',
    advice: null,
    source: 'kubernetes/kubernetes#50632',
    find: ({ host, kills, record }) => {
      const unit = host?.unit ?? null;
      if (host === null || unit === null || unit.activeForMs === null || kills === null || record.pid === null)
        return null;
      // Started well before the kill, so it is the same start.
      const startedAtMs = host.atMs - unit.activeForMs;
      if (unit.activeState !== 'active' || startedAtMs > kills.diedAtMs - SAME_START_MS) return null;
      return {
        text: `${sayName(unit.name)} stayed up: a process of it died, and checks of the service may not notice.`,
        numbers: { activeForMs: unit.activeForMs },
      };
    },
  },
  {
    code: 'adj-drift',
    id: 'P6',
    place: 'aside',
    sure: 'certain',
    meaning: 'the victim’s oom_score_adj was not that of its unit',
    advice: null,
    source: 'systemd.exec(5): OOMScoreAdjust',
    find: ({ host, record }) => {
      const set = host?.unit?.oomScoreAdjust ?? null;
      return set === null || record.oomScoreAdj === null || set === record.oomScoreAdj
        ? null
        : {
            text: `The unit now sets OOMScoreAdjust=${set}, but the victim had ${record.oomScoreAdj}: one of the two was changed since it started, or the program sets its own.`,
            numbers: { unitAdj: set, victimAdj: record.oomScoreAdj },
          };
    },
  },
];

/** Clocks of two machines differ a little. */
const SAME_START_MS = 5_000;

interface PartRule {
  meaning: string;
  advice: string;
  sure: Rule['sure'];
  say: (part: string) => string;
}

/** A rule that one part of the full group is larger than a share of it. */
function ofGroup(code: string, id: string, key: keyof GroupPicture, least: number, rule: PartRule): Rule {
  const { meaning, advice, sure, say } = rule;
  function find({ group }: CauseFacts): Finding | null {
    const kiB = group?.[key];
    if (group === null || typeof kiB !== 'number' || kiB / group.usageKiB < least) return null;
    return { text: say(partOf(group, kiB)), numbers: { [key]: kiB }, share: kiB / group.usageKiB };
  }
  return { code, id, place: 'memory', sure, meaning, advice, source: CG2, find };
}

function partOf(group: GroupPicture, kiB: number): string {
  return `${sayPart(kiB, group.usageKiB)} of the group`;
}

/** At its limit again right after a restart, or the same in several lives without growth. */
function limitTooSmall({ group, host, kills, history, record }: CauseFacts): Finding | null {
  if (record.domain !== 'memcg' || group === null || group.anonKiB / group.usageKiB < THRESHOLDS.groupAnonShare)
    return null;
  const now = host?.group ?? null;
  const anonNow = now?.statsKiB['anon'] ?? now?.statsKiB['rss'] ?? 0;
  const afterMs = host === null || kills === null ? null : host.atMs - kills.diedAtMs;
  if (now?.limitKiB && afterMs !== null && afterMs > 0 && anonNow / now.limitKiB >= THRESHOLDS.groupFullShare)
    return {
      text: `Its limit of ${sayKiB(now.limitKiB)} is too small for what it steadily needs: ${saySpan(afterMs)} after the kill it holds ${sayPart(anonNow, now.limitKiB)} again.`,
      numbers: { limitKiB: now.limitKiB, againKiB: anonNow, afterMs },
    };
  const lives = history === null ? 0 : history.recurrenceAtMs.length + 1;
  if (history === null || history.leak !== null || history.loopCount > 0 || lives < THRESHOLDS.lives) return null;
  return {
    text: `Its limit${group.limitKiB === null ? '' : ` of ${sayKiB(group.limitKiB)}`} looks too small: killed at it ${lives} times, and no steady growth was seen in between.`,
    numbers: { lives, ...(group.limitKiB === null ? {} : { limitKiB: group.limitKiB }) },
  };
}

function runtimeOf(name: string): string | null {
  if (/^(?:java|C[12] Compiler|GC Thread|G1 )/.test(name))
    return 'Java needs more than its heap: heap, metaspace, threads and buffers together must stay below the limit.';
  if (/^node$/.test(name)) return 'Node does not leave room for the limit by itself: see --max-old-space-size.';
  if (/^(?:gunicorn|celery|uwsgi|python[0-9.]*)$/.test(titleStart(name)))
    return 'Python workers seldom give memory back: see max_requests or its like, which replaces them now and then.';
  return null;
}

function titleStart(name: string): string {
  return name.split(':')[0] ?? name;
}

/** The last part of its path; ids of containers by their first twelve digits. */
function groupName(path: string): string {
  const last = path.split('/').findLast((part) => part !== '') ?? path;
  return sayName(last).replace(/(?<![0-9a-f])([0-9a-f]{12})[0-9a-f]{52}/g, '$1…');
}
