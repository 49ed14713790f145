import type { Standing } from '../../change/decisions.ts';
import { groupsOf, standingOf, type GroupMembers } from '../../change/policy.ts';
import type { ChangeWorld } from './change-world.ts';
import { withTimeout } from '../with-timeout.ts';

const LOOK_UP_MS = 5_000;

export interface Approvers {
  /** Whether each of these people may approve, as of this moment. What cannot be found out counts as no. */
  standings: (userIds: readonly string[]) => Promise<Map<string, Standing>>;
}

/** Who may approve, by the configuration and the user groups as they are now. */
export function openApprovers({ approvals, groupMembersNow, clock, log }: ChangeWorld): Approvers {
  async function members(): Promise<GroupMembers> {
    const groups = groupsOf(approvals());
    const found = new Map<string, readonly string[] | null>(groups.map((group) => [group, null]));
    const looked = await withTimeout(clock, LOOK_UP_MS, () => Promise.allSettled(groups.map(groupMembersNow)));
    const answers = looked.kind === 'done' ? looked.value : [];
    for (const [at, group] of groups.entries()) {
      const answer = answers[at];
      if (answer?.status === 'fulfilled') found.set(group, answer.value);
      else log.warn({ err: answer?.reason, group }, 'The members of a user group could not be looked up');
    }
    return found;
  }

  async function standings(userIds: readonly string[]): Promise<Map<string, Standing>> {
    const groups = await members();
    return new Map(userIds.map((userId) => [userId, standingOf(userId, approvals(), groups)]));
  }

  return { standings };
}
