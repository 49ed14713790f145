import type { AccountPolicy } from './account.ts';
import type { Standing } from './decisions.ts';

/** Who may approve, by the configuration. */
export interface ApprovalPolicy extends AccountPolicy {
  /** Users (U…) and user groups (S…); `anyone`: every person but the proposer; null: not said, so that nothing can be proposed. */
  approvers: readonly string[] | 'anyone' | null;
  quorum: number;
  selfApproval: boolean;
  /** Approvers who are named as persons get the card in a direct message too. */
  directMessages: boolean;
  /** How long a proposal waits. */
  expireAfterMs: number;
}

/** Members by user group; null: they could not be found out; `not-permitted`: the bot may not ask. */
export type GroupMembers = ReadonlyMap<string, readonly string[] | 'not-permitted' | null>;

const PERSON = /^[UW][A-Z0-9]+$/;
/** A risky change needs a second pair of eyes beside the first. */
const CAREFUL_QUORUM = 2;
/** Each place is a message to post, to edit and to answer. */
const TOLD_MAX = 20;

/** The user groups (S…) among those that the configuration names. */
export function groupsAmong(named: ApprovalPolicy['approvers']): string[] {
  return typeof named === 'object' ? (named ?? []).filter((one) => /^S[A-Z0-9]+$/.test(one)) : [];
}

/** Whether somebody may approve. A group that cannot be looked up lets nobody in. */
export function standingOf(userId: string, policy: ApprovalPolicy, groups: GroupMembers): Standing {
  if (!PERSON.test(userId)) return 'may-not';
  if (policy.approvers === null) return 'no-approvers';
  if (policy.approvers === 'anyone') return 'may';
  if (policy.approvers.includes(userId)) return 'may';
  const members = groupsAmong(policy.approvers).map((group) => groups.get(group) ?? null);
  if (members.some((list) => Array.isArray(list) && list.includes(userId))) return 'may';
  if (members.includes(null)) return 'unknown';
  return members.includes('not-permitted') ? 'groups-not-permitted' : 'may-not';
}

/** The people who get the card of a change in a direct message: approvers named as persons, but not who proposed it. */
export function toldDirectly(
  { approvers, directMessages, selfApproval }: ApprovalPolicy,
  proposedBy: string,
): string[] {
  if (!directMessages || approvers === null || approvers === 'anyone') return [];
  const people = approvers.filter((one) => PERSON.test(one) && (selfApproval || one !== proposedBy));
  return [...new Set(people)].slice(0, TOLD_MAX);
}

/** How many must say yes. */
export function quorumFor(policy: ApprovalPolicy, needsCare: boolean): number {
  return Math.max(policy.quorum, needsCare ? CAREFUL_QUORUM : 1);
}
