import { strangerOf, type Account, type AccountPolicy } from '../change/account.ts';
import type { GroupMembers } from '../change/policy.ts';
import type { Refusal } from '../change/refusal.ts';
import { NotPermitted } from './not-permitted.ts';
import type { Clock, Log } from './ports.ts';
import { withTimeout } from './with-timeout.ts';

export interface PeopleWorld {
  /** Asks the chat now. Throws when it does not say. Absent: whoever asks is who the terminal says. */
  accountNow?: ((userId: string) => Promise<Account>) | undefined;
  accountPolicy?: (() => AccountPolicy) | undefined;
  clock: Clock;
  log: Log;
}

export interface People {
  /** null: the chat did not say. */
  account: (userId: string) => Promise<Account | null>;
  /** null: a person of this workspace. What cannot be asked counts as no. `what` completes "You can’t …". */
  refuseStranger: (userId: string, what: string) => Promise<Refusal | null>;
  /** Who is in these user groups, each asked with `ask`. Never throws. */
  members: (groups: readonly string[], ask: (group: string) => Promise<readonly string[]>) => Promise<GroupMembers>;
}

const LOOK_UP_MS = 5_000;

/** Who acts, as the chat says it at that moment. */
export function openPeople({ accountNow, accountPolicy, clock, log }: PeopleWorld): People {
  async function account(userId: string): Promise<Account | null> {
    if (accountNow === undefined) return { personId: userId, teamId: null, kind: 'member' };
    try {
      const looked = await withTimeout(clock, LOOK_UP_MS, () => accountNow(userId));
      if (looked.kind === 'done') return looked.value;
      log.warn({ userId }, 'The chat did not say in time who somebody is');
    } catch (error) {
      log.warn({ err: error, userId }, 'The chat did not say who somebody is');
    }
    return null;
  }

  async function refuseStranger(userId: string, what: string): Promise<Refusal | null> {
    const why = strangerOf(await account(userId), accountPolicy?.() ?? { guests: false, external: false });
    return why === null ? null : { kind: 'stranger', what, why };
  }

  async function members(
    groups: readonly string[],
    ask: (group: string) => Promise<readonly string[]>,
  ): Promise<GroupMembers> {
    const looked = await withTimeout(clock, LOOK_UP_MS, () => Promise.allSettled(groups.map(ask)));
    const answers = looked.kind === 'done' ? looked.value : [];
    return new Map<string, readonly string[] | 'not-permitted' | null>(
      groups.map((group, at) => {
        const answer = answers[at];
        if (answer?.status === 'fulfilled') return [group, answer.value];
        if (answer?.reason instanceof NotPermitted) return [group, 'not-permitted'];
        log.warn({ err: answer?.reason, group }, 'The members of a user group could not be looked up');
        return [group, null];
      }),
    );
  }

  return { account, refuseStranger, members };
}
