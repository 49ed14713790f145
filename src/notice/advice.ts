import { sayKiB } from '../oom/units.ts';
import type { Kill } from '../incident/incident.ts';
import { isContainerScope } from '../incident/service.ts';
import type { KillRecord } from '../oom/report.ts';
import { shellWord } from './host-text.ts';
import type { Part, Text } from './notice.ts';
import { residentKiB, ramKiB } from './roles.ts';

interface Advice {
  words: string;
  command: string;
  /** null: the command only looks. */
  undo: string | null;
  /** Shows the value that the undo asks for as BEFORE; a report does not tell what was configured. */
  before?: string;
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
  const label: Text = [
    { strong: advice.undo === null ? 'Look:' : 'Do:' },
    { words: ` ${advice.words}` },
    ...(advice.before === undefined
      ? []
      : [{ words: ' First note what is set now, for the BEFORE of the undo, with ' }, { hostText: advice.before }]),
  ];
  return { kind: 'command', label, command: advice.command, undo: advice.undo };
}

/** The whole host was short: brake the victim if it was the hog itself, else see who was. */
function forHost(kill: Kill): Advice {
  const { record } = kill;
  const unit = shellWord(record.identity?.unit ?? null);
  const [size, ram] = [residentKiB(record), ramKiB(record)];
  const hog = size !== null && ram !== null && ram > 0 && size / ram >= HOG_SHARE;
  if (hog && unit?.endsWith('.service') && mayLimit(record, unit)) {
    const mib = Math.max(1, Math.floor((size * BRAKE) / 1_024));
    const words = record.totalSwapKiB
      ? `Brake it before it takes the host down (it had ${sayKiB(size)}): above this it is slowed down and swapped out.`
      : `Keep it from taking the host down (it had ${sayKiB(size)}). Without swap it may stall at this size instead of dying: watch it.`;
    return setProperty(unit, 'MemoryHigh', `${mib}M`, words);
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
  const named = identity && isContainerScope(identity) ? null : shellWord(identity?.unit ?? null);
  const unit = named !== null && isSystemUnit(kill.record, named) ? named : null;
  // Only the unit's own limit can be raised there; that of a slice or a container is set elsewhere.
  if (unit !== null && limit !== null && oomMemcg?.endsWith(`/${unit}`) && mayLimit(kill.record, unit)) {
    const mib = Math.ceil((limit * LIMIT_MARGIN) / 1_024);
    const words = 'Raise its limit if its memory was flat before; if it kept growing, look for the leak instead.';
    return setProperty(unit, 'MemoryMax', `${mib}M`, words);
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

function setProperty(unit: string, property: string, value: string, words: string): Advice {
  return {
    words,
    // Lasts over restarts.
    command: `systemctl set-property ${unit} ${property}=${value}`,
    undo: `systemctl set-property ${unit} ${property}=BEFORE`,
    before: `systemctl show -p ${property} ${unit}`,
  };
}

// A limit on one of these can lock people out, or takes down more than it saves. Kept beside the list of the helper oom-adj.
const KEPT_UNIT =
  /^(?:sshd?(?:@.*)?|systemd-.*|dbus.*|docker|containerd|kubelet|crond?|user@.*|getty@.*)\.service$|\.scope$/;
const KEPT_NAME =
  /^(?:sshd(?:-.*)?|systemd(?:-.*)?|\(sd-pam\)|dbus-daemon|dbus-broker.*|init|containerd|dockerd|kubelet)$/;

/** Whether a command may change the limits of this unit at all. */
function mayLimit(record: KillRecord, unit: string): boolean {
  return isSystemUnit(record, unit) && !KEPT_UNIT.test(unit) && !KEPT_NAME.test(record.name ?? '');
}

/** Whether `systemctl` means this very unit: nothing but slices stands above it, no user's manager and no container. */
function isSystemUnit({ taskMemcg }: KillRecord, unit: string): boolean {
  const parts = (taskMemcg ?? '').split('/').slice(1);
  const at = parts.indexOf(unit);
  return at >= 0 && parts.slice(0, at).every((part) => part.endsWith('.slice'));
}

function look(words: string, command: string): Advice {
  return { words, command, undo: null };
}
