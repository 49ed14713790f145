import { strangerOf, type Account } from '../../change/account.ts';
import type { Standing } from '../../change/decisions.ts';
import { groupsAmong, standingOf, type GroupMembers } from '../../change/policy.ts';
import type { ChangeRefusal } from '../../change/refusal.ts';
import type { ChangeWorld } from './change-world.ts';
import { openPeople } from '../people.ts';

export interface Approver {
  standing: Standing;
  /** The same for every id that one person has. */
  personId: string;
  teamId: string | null;
}

export interface Approvers {
  /** Whether each of these people may approve, as of this moment. What cannot be found out counts as no. */
  standings: (userIds: readonly string[]) => Promise<Map<string, Approver>>;
  /** null: may propose a change of that host; without one: anywhere. */
  refuseProposal: (userId: string, host: string | null) => Promise<ChangeRefusal | null>;
}

/** Who may propose and approve, by the configuration, and by the accounts and user groups as they are now. */
export function openApprovers(world: ChangeWorld): Approvers {
  const { approvals, groupMembersNow } = world;
  const people = openPeople({ ...world, accountPolicy: approvals });

  function standingNow(userId: string, account: Account | null, groups: GroupMembers): Standing {
    const stranger = strangerOf(account, approvals());
    if (stranger !== null) return { stranger };
    const ids = [userId, account?.personId ?? userId];
    const standings = ids.map((id) => standingOf(id, approvals(), groups));
    return standings.find((one) => one === 'may') ?? standings[0] ?? 'unknown';
  }

  async function standings(userIds: readonly string[]): Promise<Map<string, Approver>> {
    const ids = [...new Set(userIds)];
    const [groups, accounts] = await Promise.all([
      people.members(groupsAmong(approvals().approvers), groupMembersNow),
      Promise.all(ids.map(people.account)),
    ]);
    return new Map(
      ids.map((userId, at) => {
        const account = accounts[at] ?? null;
        const standing = standingNow(userId, account, groups);
        return [userId, { standing, personId: account?.personId ?? userId, teamId: account?.teamId ?? null }];
      }),
    );
  }

  async function refuseProposal(userId: string, host: string | null): Promise<ChangeRefusal | null> {
    if (host !== null && world.isReadOnly(host)) return { kind: 'local-workspace', host };
    if (approvals().approvers === null) return { kind: 'no-approvers' };
    const stranger = strangerOf(await people.account(userId), approvals());
    return stranger === null ? null : { kind: 'stranger', why: stranger };
  }

  return { standings, refuseProposal };
}
