import type { ProcessFacts, ProcScan } from '../oom/proc/proc-scan.ts';
import type { Change, RuleTerms } from './change.ts';
import { unitOf } from './find-target.ts';

/** A standing protection, made by an approved change: put right again whenever it is not so. It never widens by itself. */
export interface Rule extends RuleTerms {
  id: string;
  /** Goes up by one with each saved step. */
  revision: number;
  /** Where it holds: on these hosts, each of which was approved. */
  hosts: string[];
  /** Processes of this name; null: all of `unit`. Who gave itself the name is told by the user and the unit. */
  name: string | null;
  unit: string | null;
  /** Users that the processes ran as when it was approved. */
  uids: number[];
  adj: number;
  /** Hosts of the tag that were approved since, and the users of the processes there. */
  widened: { host: string; changeId: string; uids: number[] }[];
  state: 'active' | 'paused' | 'ended';
  madeBy: string;
  madeAtMs: number;
  changeId: string;
  /** Where drift is told. */
  channel: string;
}

/** What a rule is about, as people say it. */
export function ruleSubject({ unit, name }: Pick<Rule, 'unit' | 'name'>): string {
  return name ?? unit ?? '';
}

export const MEND: RuleTerms = { tag: null, commandLine: null, onDrift: 'mend' };

type Matched = Pick<Rule, 'name' | 'unit' | 'uids' | 'commandLine'>;

/** The processes that a rule is about, on a host where the users are these. */
export function matchRule(rule: Matched, scan: ProcScan): ProcessFacts[] {
  return scan.processes.filter((one) => isLike(rule, one) && (rule.name === null || rule.uids.includes(one.uid)));
}

/** Those of them that have another value: restarted, or changed by somebody. */
export function driftFrom(rule: Rule, host: string, scan: ProcScan): ProcessFacts[] {
  const uids = rule.widened.find((one) => one.host === host)?.uids ?? rule.uids;
  return matchRule({ ...rule, uids }, scan).filter((one) => one.oomScoreAdj !== rule.adj);
}

/**
 * What the rule would be about on another host, for people to decide. A user may have another number there, but only one: else somebody
 * could add a process of his own to it.
 */
export function candidatesFor(rule: Rule, scan: ProcScan): ProcessFacts[] {
  const sameUsers = matchRule(rule, scan);
  if (sameUsers.length > 0) return sameUsers;
  const alike = scan.processes.filter((one) => isLike(rule, one));
  return new Set(alike.map((one) => one.uid)).size === 1 ? alike : [];
}

/** The rule that a change to be kept stands for. */
export function ruleOf(change: Change): Matched & RuleTerms {
  const uids = [...new Set(change.processes.map((one) => one.uid))];
  const isUnit = change.unit !== null && change.subject === change.unit;
  return { name: isUnit ? null : change.subject, unit: change.unit, uids, ...(change.terms ?? MEND) };
}

/** The rule with one more host, after a change there was approved and applied. */
export function widenRule(rule: Rule, change: Change): Rule {
  const widened = { host: change.host, changeId: change.id, uids: ruleOf(change).uids };
  return {
    ...rule,
    hosts: [...rule.hosts.filter((host) => host !== change.host), change.host],
    widened: [...rule.widened.filter((one) => one.host !== change.host), widened],
  };
}

/** The rule after a change of it was taken back: without that host, or over if it began there. null: it was not about that change. */
export function narrowRule(rule: Rule, changeId: string): Rule | null {
  if (rule.changeId === changeId) return { ...rule, state: 'ended' };
  const gone = rule.widened.find((one) => one.changeId === changeId);
  if (gone === undefined) return null;
  return {
    ...rule,
    hosts: rule.hosts.filter((host) => host !== gone.host),
    widened: rule.widened.filter((one) => one !== gone),
  };
}

function isLike({ name, unit, commandLine }: Matched, one: ProcessFacts): boolean {
  if (one.pid === 1 || (unit !== null && unitOf(one) !== unit)) return false;
  if (commandLine !== null && one.commandLine?.includes(commandLine) !== true) return false;
  return name === null ? unit !== null : one.name === name;
}
