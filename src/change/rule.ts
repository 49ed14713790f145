import type { ProcessFacts, ProcScan } from '../oom/proc-scan.ts';
import type { Change } from './change.ts';
import { unitOf } from './find-target.ts';

/** A standing protection, made by an approved change: put right again whenever it is not so. It never widens by itself. */
export interface Rule {
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

/** The processes that a rule is about, on a host of its own. */
export function matchRule(rule: Pick<Rule, 'name' | 'unit' | 'uids'>, scan: ProcScan): ProcessFacts[] {
  return scan.processes.filter((one) => {
    if (one.pid === 1 || (rule.unit !== null && unitOf(one) !== rule.unit)) return false;
    if (rule.name === null) return rule.unit !== null;
    return one.name === rule.name && rule.uids.includes(one.uid);
  });
}

/** Those of them that have another value: restarted, or changed by somebody. */
export function driftFrom(rule: Rule, scan: ProcScan): ProcessFacts[] {
  return matchRule(rule, scan).filter((one) => one.oomScoreAdj !== rule.adj);
}

/** The rule that a change to be kept stands for. */
export function ruleOf(change: Change): Pick<Rule, 'name' | 'unit' | 'uids'> {
  const uids = [...new Set(change.processes.map((one) => one.uid))];
  const isUnit = change.unit !== null && change.subject === change.unit;
  return { name: isUnit ? null : change.subject, unit: change.unit, uids };
}
