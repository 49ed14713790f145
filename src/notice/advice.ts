import { sayKiB } from '../oom/units.ts';
import type { Kill } from '../incident/incident.ts';
import { isContainerScope } from '../incident/service.ts';
import { shellWord } from './host-text.ts';
import type { Part, Text } from './notice.ts';
import { freedKiB, ramKiB } from './roles.ts';

interface Advice {
  words: string;
  command: string;
  /** null: the command only looks. */
  undo: string | null;
}

/** A limit should be this much above what was too little. */
const LIMIT_MARGIN = 1.25;
/** A brake that slows a service down is set this far below the size at which it died. */
const BRAKE = 0.8;
/** One process with so much of the RAM is the cause of a host's shortage, not only its victim. */
const HOG_SHARE = 0.4;

// By the cause's code: one thing to do.
const BY_CAUSE: Record<string, (kill: Kill) => Advice | null> = {
  sysrq: () => null,
  'systemd-oomd': () => look('systemd-oomd decided. See what it watches, and its limits:', 'oomctl'),
  'allocating-task': () => ({
    words: 'The kernel kills whoever asks for memory. Let it choose by size instead:',
    command: 'sysctl -w vm.oom_kill_allocating_task=0',
    undo: 'sysctl -w vm.oom_kill_allocating_task=1',
  }),
  panic: () => look('See whether this host is meant to panic when memory runs out:', 'sysctl vm.panic_on_oom'),
  'no-killable': () =>
    look('Find out what is kept safe from the killer:', 'grep -lx -- -1000 /proc/[0-9]*/oom_score_adj'),
  'kernel-slab': () =>
    look(
      'The kernel itself holds the memory, so that killing processes does not help. See which cache:',
      'slabtop -o -s c | head -20',
    ),
  cpuset: () => look('See how memory is spread over the nodes:', 'numastat -m'),
  mempolicy: () => look('See how memory is spread over the nodes:', 'numastat -m'),
  'memcg-limit': (kill) => forLimit(kill),
  'oom-group': (kill) => (kill.record.domain === 'memcg' ? forLimit(kill) : forHost(kill)),
  host: (kill) => forHost(kill),
};

/**
 * One thing to do, with the exact command and its undo; null when there is nothing sensible to say. A name that a shell would not take
 * as it is never gets into a command.
 */
export function adviceFor(kill: Kill): Part | null {
  const { cause, domain, killer } = kill.record;
  const known = cause === null ? undefined : BY_CAUSE[cause.code];
  const byDomain =
    killer !== 'kernel' ? null : domain === 'memcg' ? forLimit(kill) : domain === 'host' ? forHost(kill) : null;
  const advice = known ? known(kill) : byDomain;
  if (!advice) return null;
  const label: Text = [{ strong: advice.undo === null ? 'Look:' : 'Do:' }, { words: ` ${advice.words}` }];
  return { kind: 'command', label, command: advice.command, undo: advice.undo };
}

/** The whole host was short: brake the victim if it was the hog itself, else see who was. */
function forHost(kill: Kill): Advice {
  const { record } = kill;
  const unit = shellWord(record.identity?.unit ?? null);
  const [size, ram] = [freedKiB(record), ramKiB(record)];
  const hog = size !== null && ram !== null && ram > 0 && size / ram >= HOG_SHARE;
  if (hog && unit?.endsWith('.service')) {
    const mib = Math.max(1, Math.floor((size * BRAKE) / 1_024));
    return {
      words: `Brake it before it takes the host down (it had ${sayKiB(size)}); it then slows down instead of dying:`,
      // Lasts over restarts; "infinity" takes the brake off again.
      command: `systemctl set-property ${unit} MemoryHigh=${mib}M`,
      undo: `systemctl set-property ${unit} MemoryHigh=infinity`,
    };
  }
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

/** A group was full: raise its limit, or see what it needs. */
function forLimit(kill: Kill): Advice | null {
  const { identity, memcgLimitKiB: limit, oomMemcg } = kill.record;
  const unit = identity && isContainerScope(identity) ? null : shellWord(identity?.unit ?? null);
  // Only the unit's own limit can be raised there; that of a slice or a container is set elsewhere.
  if (unit !== null && limit !== null && oomMemcg?.endsWith(`/${unit}`)) {
    const mib = Math.ceil((limit * LIMIT_MARGIN) / 1_024);
    return {
      words: 'Raise its limit if its memory was flat before; if it kept growing, look for the leak instead:',
      command: `systemctl set-property ${unit} MemoryMax=${mib}M`,
      undo: `systemctl set-property ${unit} MemoryMax=${limit}K`,
    };
  }
  if (identity?.pod) {
    return look(
      'Compare what the pod needs with limits.memory in its spec:',
      'kubectl top pod --containers --all-namespaces',
    );
  }
  const container = shellWord(identity?.container ?? null);
  if (container !== null && identity?.runtime === 'docker') {
    return look('See what the container needs before you raise its limit:', `docker stats --no-stream ${container}`);
  }
  return unit === null
    ? null
    : look('See the limits around it:', `systemctl show -p MemoryMax,MemoryHigh,MemoryCurrent,Slice ${unit}`);
}

function look(words: string, command: string): Advice {
  return { words, command, undo: null };
}
