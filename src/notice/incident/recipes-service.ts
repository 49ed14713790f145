import { isContainerScope } from '../../incident/service.ts';
import { sayKiB } from '../../oom/units.ts';
import { shellWord } from '../host-text.ts';
import {
  LIMIT_MARGIN,
  groupDirectory,
  isSystemUnit,
  isTransient,
  limitableUnit,
  look,
  setProperty,
  unitSize,
  type Case,
  type Recipe,
  type RecipeMaker,
} from './recipe.ts';
import { forContainer, seePodClass } from './recipes-container.ts';
import { residentKiB } from '../../oom/resident.ts';

/** A brake that slows a service down is set this far below the size at which it died. */
const BRAKE = 0.8;
/** A pool is cut down to what had fitted. */
const POOL_CUT = 0.75;
/** A service that leaks is replaced this far into the life that it had. */
const LIFE_CUT = 0.8;

/** What to do about services, their processes and their limits. */
export const SERVICE_RECIPES: Readonly<Record<string, RecipeMaker>> = {
  hog: (given) => (given.record.domain === 'memcg' ? forLimit(given) : brake(given)),
  holder: (given) => (given.record.domain === 'memcg' ? (forLimit(given) ?? seeHolder(given)) : seeHolder(given)),
  'worker-pool': (given) => forPool(given),
  'memcg-limit': (given) => forLimit(given),
  leak: (given) => forLeak(given),
  'kill-loop': (given) => forLoop(given),
  'adj-victim': (given) => forAdj(given),
  'protected-hog': (given) => forProtected(given),
};

/** Caps a hog before it takes the host with it. */
function brake(given: Case): Recipe | null {
  const unit = limitableUnit(given.record);
  const size = residentKiB(given.record);
  if (unit === null || size === null) return seeHolder(given);
  const mib = Math.max(1, Math.floor((size * BRAKE) / 1_024));
  const words = given.record.totalSwapKiB
    ? `Cap it before it takes the host down (it was using ${sayKiB(size)}): above the cap it is slowed down and swapped out.`
    : `Cap it before it takes the host down (it was using ${sayKiB(size)}). With no swap it may hang at the cap, so watch it.`;
  return setProperty({ unit, property: 'MemoryHigh', value: `${mib}M`, words }, unitSize(given, unit, 'memoryHighKiB'));
}

/** Shows the largest holder as it is now. */
export function seeHolder({ record }: Pick<Case, 'record'>): Recipe {
  const largest = record.holders[0];
  const name = shellWord(largest?.name ?? null);
  if (!largest || name === null)
    return look('See who holds the memory now:', 'ps -eo rss,pid,args --sort=-rss | head -20');
  const many = largest.count > 1 ? `${largest.count} × ${name}` : name;
  const words =
    largest.name === record.name
      ? 'held the most. See how much it has now:'
      : 'held more than the victim. See how much it has now:';
  return look(`${many} ${words}`, `ps -o rss,pid,args --sort=-rss -C ${name} | head -20`);
}

function forPool(given: Case): Recipe | null {
  const unit = limitableUnit(given.record);
  const count = given.cause.numbers['holderCount'] ?? 0;
  const facts = given.incident.hostFacts?.unit ?? null;
  if (unit === null || count < 2) return seeHolder(given);
  const most = Math.max(1, Math.floor(count * POOL_CUT));
  const now = facts?.name === unit ? (facts.tasksMax === null ? 'infinity' : String(facts.tasksMax)) : undefined;
  const words = `Lower the pool’s own limit (workers, children, connections) below ${count}. Until then this stops it at ${most} tasks; threads count too.`;
  return setProperty({ unit, property: 'TasksMax', value: String(most), words }, now);
}

/** A group was full: raise its limit, or see what it needs. */
export function forLimit(given: Case): Recipe | null {
  const { record } = given;
  const { identity, memcgLimitKiB: limit, oomMemcg } = record;
  const unit = limitableUnit(record);
  const mib = limit === null ? 0 : Math.ceil((limit * LIMIT_MARGIN) / 1_024);
  const words = 'Raise its limit if its memory was flat before; if it kept growing, look for the leak instead.';
  // Only the unit's own limit can be raised there; that of a slice or a container is set elsewhere.
  if (unit !== null && limit !== null && oomMemcg?.endsWith(`/${unit}`))
    return setProperty({ unit, property: 'MemoryMax', value: `${mib}M`, words }, unitSize(given, unit, 'memoryMaxKiB'));
  const ofContainer = forContainer(given, words);
  if (ofContainer !== null) return ofContainer;
  if (isTransient(identity?.unit ?? null) && limit !== null) return forGroupThatIsGone(given, limit, mib);
  const named = identity && isContainerScope(identity) ? null : shellWord(identity?.unit ?? null);
  if (named !== null)
    return isSystemUnit(record, named)
      ? look('See the limits around it:', `systemctl show -p MemoryMax,MemoryHigh,MemoryCurrent,Slice ${named}`)
      : null;
  return identity?.slice || identity?.container ? null : byFile(given, limit, mib, words);
}

/** Groups that nothing manages have their limit in a file, for as long as the group is there: that was looked at. */
function byFile(given: Case, limit: number | null, mib: number, words: string): Recipe | null {
  if (limit === null || given.record.oomMemcg === '/') return null;
  const facts = given.incident.hostFacts ?? null;
  if (facts === null) return seeHolder(given);
  if (facts.group === null) return forGroupThatIsGone(given, limit, mib);
  const group = groupDirectory(given);
  if (group === null) return null;
  const file = `${group.path}/${group.version === 1 ? 'memory.limit_in_bytes' : 'memory.max'}`;
  return {
    kind: 'change',
    words,
    command: `echo ${mib * 1_024 * 1_024} > ${file}`,
    undo: `echo ${limit * 1_024} > ${file}`,
    before: null,
  };
}

/** With the group its files went, so the limit is what the next start sets. */
function forGroupThatIsGone({ record }: Case, limitKiB: number, mib: number): Recipe {
  const name = shellWord(record.name);
  const words = `Its memory group is gone, and the limit of ${sayKiB(limitKiB)} with it. Whatever starts ${name ?? 'it'} sets the limit again: set ${mib} MiB there if its memory was flat before. See what runs of it now:`;
  return look(
    words,
    name === null
      ? 'ps -eo rss,pid,args --sort=-rss | head -20'
      : `ps -o rss,pid,args --sort=-rss -C ${name} | head -20`,
  );
}

function forLeak(given: Case): Recipe | null {
  const unit = limitableUnit(given.record);
  const slope = given.cause.numbers['slopeKiBPerHour'] ?? 0;
  const size = residentKiB(given.record);
  if (unit === null || slope <= 0 || size === null) return seeHolder(given);
  const seconds = Math.max(600, Math.floor((size / slope) * LIFE_CUT) * 3_600);
  const file = `/etc/systemd/system/${unit}.d/50-memory-restart.conf`;
  return {
    kind: 'change',
    words:
      'Find the leak. Until then this restarts it before the kernel would kill it; it counts from its next start on.',
    command: `install -d /etc/systemd/system/${unit}.d && printf '[Service]\\nRuntimeMaxSec=%s\\nRestart=always\\n' ${seconds} > ${file} && systemctl daemon-reload`,
    undo: `rm ${file} && systemctl daemon-reload`,
    before: null,
  };
}

function forLoop(given: Case): Recipe | null {
  if (given.record.domain === 'memcg') return forLimit(given);
  const unit = limitableUnit(given.record);
  if (unit === null) return seeHolder(given);
  return {
    kind: 'change',
    words: 'Stop the loop until it is clear what it needs; the service stays down meanwhile.',
    command: `systemctl stop ${unit}`,
    undo: `systemctl start ${unit}`,
    before: null,
  };
}

function forAdj({ record, kill }: Case): Recipe | null {
  const unit = shellWord(record.identity?.unit ?? null);
  if (record.identity?.pod) return seePodClass(kill);
  if (unit !== null && unit.endsWith('.service') && isSystemUnit(record, unit))
    return look(
      'See where the value comes from: its unit, or a start script that sets it:',
      `systemctl show -p OOMScoreAdjust,ExecStart ${unit}`,
    );
  return look(
    'See who is offered as a victim now:',
    'grep -v "^0$" /proc/[0-9]*/oom_score_adj | sort -t: -k2 -rn | head -20',
  );
}

function forProtected({ record }: Case): Recipe | null {
  const hog = record.tasks?.largestProtected ?? null;
  const name = shellWord(hog?.name ?? null);
  if (hog === null || name === null) return null;
  return {
    kind: 'change',
    words: `Let ${name} (pid ${hog.pid} in the report; see that it is still the same) take its share of the risk:`,
    command: `choom -p ${hog.pid} -n 0`,
    undo: `choom -p ${hog.pid} -n ${hog.oomScoreAdj ?? 0}`,
    before: null,
  };
}
