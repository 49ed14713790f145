import { identifyCgroup } from '../oom/proc/cgroup.ts';
import type { ProcessFacts } from '../oom/proc/proc-scan.ts';
import type { ProofNote, Vendor } from './change.ts';

const BY_NAME: readonly [RegExp, Vendor][] = [
  [/^(?:postgres|postmaster)/, 'postgresql'],
  [/^(?:redis|valkey)/, 'redis'],
  [/^mariadbd/, 'mariadb'],
  [/^mysqld/, 'mysql'],
  [/^sshd/, 'sshd'],
  [/^mongod/, 'mongodb'],
  [/^(?:ora_|oracle)/, 'oracle'],
];

/** What the makers of these processes say about their value, each once. A name is what a process calls itself: it is advice, no more. */
export function vendorNotes(targets: readonly ProcessFacts[]): ProofNote[] {
  const found = targets.flatMap(vendorsOf);
  return [...new Set(found)].map((vendor) => ({ kind: 'vendor', vendor }));
}

function vendorsOf({ name, cgroup, commandLine }: ProcessFacts): Vendor[] {
  const { pod, container } = identifyCgroup(cgroup ?? '/');
  const named = BY_NAME.find(([pattern]) => pattern.test(name))?.[1];
  const isElastic = name === 'java' && /org\.(?:elasticsearch|opensearch)\b/.test(commandLine ?? '');
  return [
    ...(pod !== null ? ['pod' as const] : container !== null ? ['container' as const] : []),
    ...(named === undefined ? [] : [named]),
    ...(isElastic ? ['elasticsearch' as const] : []),
  ];
}

// They choose by pressure and by their own lists; oom_score_adj does not hold them off, or only in part.
const OTHER_KILLERS = new Set(['systemd-oomd', 'earlyoom', 'nohang', 'nohang-desktop', 'oomd']);

/** Userspace killers that run there. */
export function killerNotes(killers: readonly string[]): ProofNote[] {
  return killers.filter((one) => OTHER_KILLERS.has(one)).map((killer) => ({ kind: 'other-killer', killer }));
}
