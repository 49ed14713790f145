import { groupsAmong } from '../../change/policy.ts';
import type { Refusal } from '../../change/refusal.ts';
import type { AnswersWorld } from './answers-world.ts';
import type { People } from '../people.ts';

export interface Rights {
  /** null: this person may add and remove hosts. What cannot be found out counts as no. */
  refuseEditing: (userId: string) => Promise<Refusal | null>;
  /** null: an admin. `what` completes "You can’t …", `instead` says who else may. What cannot be found out counts as no. */
  refuseUnlessAdmin: (userId: string, what: string, instead?: string) => Promise<Refusal | null>;
}

const WHAT = 'add or remove hosts';

/** Who may do what, by the configuration. */
export function openRights({ settings, editing, groupMembers }: AnswersWorld, people: People): Rights {
  async function refuseEditing(userId: string): Promise<Refusal | null> {
    if (editing === null)
      return { kind: 'not-allowed', what: WHAT, whoMay: 'Hosts come from the configuration file here.' };
    return refuseUnlessAdmin(userId, WHAT);
  }

  async function refuseUnlessAdmin(userId: string, what: string, instead?: string): Promise<Refusal | null> {
    function no(whoMay: string): Refusal {
      return { kind: 'not-allowed', what, whoMay: instead ?? whoMay };
    }
    const { admins } = settings();
    if (admins.length === 0) return no('Nobody may: the configuration names no one under “admins”.');
    const stranger = await people.refuseStranger(userId, what);
    if (stranger !== null) return stranger;
    const ids = [userId, (await people.account(userId))?.personId ?? userId];
    if (ids.some((id) => admins.includes(id))) return null;
    const lists = [...(await people.members(groupsAmong(admins), groupMembers)).values()];
    if (ids.some((id) => lists.some((list) => Array.isArray(list) && list.includes(id)))) return null;
    const failed = lists.find((list) => !Array.isArray(list));
    if (failed === undefined) return no('Ask one of the admins that the configuration names.');
    return failed === 'not-permitted'
      ? no('The Slack app may not read who is in the admins’ user group (scope usergroups:read).')
      : no('I could not look up the admins’ user group; try again.');
  }

  return { refuseEditing, refuseUnlessAdmin };
}
