import type { Refusal } from '../../change/refusal.ts';
import { NotPermitted } from '../not-permitted.ts';
import type { AnswersWorld } from './answers-world.ts';
import type { People } from '../people.ts';
import { withTimeout } from '../with-timeout.ts';

export interface Rights {
  /** null: this person may add and remove hosts. What cannot be found out counts as no. */
  refuseEditing: (userId: string) => Promise<Refusal | null>;
}

const LOOK_UP_MS = 5_000;
const USER_GROUP = /^S[A-Z0-9]+$/;
const WHAT = 'add or remove hosts';

/** Who may do what, by the configuration. */
export function openRights({ settings, editing, groupMembers, clock, log }: AnswersWorld, people: People): Rights {
  async function refuseEditing(userId: string): Promise<Refusal | null> {
    const { admins } = settings();
    if (editing === null) return no('Hosts come from the configuration file here.');
    if (admins.length === 0) return no('Nobody may: the configuration names no one under “admins”.');
    const stranger = await people.refuseStranger(userId, WHAT);
    if (stranger !== null) return stranger;
    const ids = [userId, (await people.account(userId))?.personId ?? userId];
    if (ids.some((id) => admins.includes(id))) return null;
    const groups = admins.filter((admin) => USER_GROUP.test(admin));
    const looked = await withTimeout(clock, LOOK_UP_MS, () => Promise.allSettled(groups.map(groupMembers)));
    const answers = looked.kind === 'done' ? looked.value : [];
    if (answers.some((answer) => answer.status === 'fulfilled' && ids.some((id) => answer.value.includes(id))))
      return null;
    const failed = answers.find((answer) => answer.status === 'rejected');
    if (looked.kind === 'done' && !failed) return no('Ask one of the admins that the configuration names.');
    if (failed?.reason instanceof NotPermitted)
      return no('The Slack app may not read who is in the admins’ user group (scope usergroups:read).');
    log.warn({ err: failed?.reason, groups }, 'The members of a user group could not be looked up');
    return no('I could not look up the admins’ user group; try again.');
  }

  return { refuseEditing };
}

function no(whoMay: string): Refusal {
  return { kind: 'not-allowed', what: WHAT, whoMay };
}
