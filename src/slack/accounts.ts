import { z } from 'zod';
import type { webApi } from '@slack/bolt';
import type { Account } from '../change/account.ts';
import { slackErrorWord } from './send-error.ts';

const KEEP_MS = 3_000;
const KEPT_MAX = 500;

// docs.slack.dev/reference/objects/user-object; flags that are false may be left out.
const flag = z.boolean().optional();
export const User = z.object({
  id: z.string(),
  team_id: z.string().optional(),
  deleted: flag,
  is_bot: flag,
  is_workflow_bot: flag,
  is_restricted: flag,
  is_ultra_restricted: flag,
  is_stranger: flag,
  enterprise_user: z
    .object({ id: z.string().optional(), enterprise_id: z.string().optional(), teams: z.array(z.string()).optional() })
    .optional(),
});
export type User = z.output<typeof User>;
/** The bot's own team. */
export const Own = z.object({ team_id: z.string().optional(), enterprise_id: z.string().nullish() });
export type Own = z.output<typeof Own>;

/** Who people are, asked of Slack when somebody acts and remembered for seconds. `nowMs` is the clock. */
export function openAccounts(
  client: webApi.WebClient,
  nowMs: () => number,
): { account: (userId: string) => Promise<Account> } {
  const kept = new Map<string, { atMs: number; account: Account }>();
  let own: Own | null = null;

  async function account(userId: string): Promise<Account> {
    const known = kept.get(userId);
    if (known !== undefined && nowMs() - known.atMs < KEEP_MS) return known.account;
    own ??= Own.parse(await client.auth.test());
    const found = await ask(userId, own);
    if (kept.size >= KEPT_MAX) kept.clear();
    kept.set(userId, { atMs: nowMs(), account: found });
    return found;
  }

  async function ask(userId: string, team: Own): Promise<Account> {
    try {
      return accountOf(z.object({ user: User }).parse(await client.users.info({ user: userId })).user, team);
    } catch (error) {
      if (slackErrorWord(error) !== 'missing_scope') throw error;
      return { personId: userId, teamId: null, kind: 'not-permitted' };
    }
  }

  return { account };
}

export function accountOf(user: User, own: Own): Account {
  const { enterprise_user: grid } = user;
  return { personId: grid?.id ?? user.id, teamId: user.team_id ?? null, kind: kindOf(user, own) };
}

function kindOf(user: User, own: Own): Account['kind'] {
  // Slackbot is no bot by its flags.
  if (user.is_bot === true || user.is_workflow_bot === true || user.id === 'USLACKBOT') return 'bot';
  if (user.deleted === true) return 'deactivated';
  if (user.is_stranger === true || !isOfTeam(user, own)) return 'external';
  return user.is_restricted === true || user.is_ultra_restricted === true ? 'guest' : 'member';
}

/** Of this workspace; in an organisation (Enterprise Grid) people have a home team and are members of several. */
function isOfTeam({ team_id: team, enterprise_user: grid }: User, own: Own): boolean {
  if (own.team_id !== undefined && team === own.team_id) return true;
  if (grid?.enterprise_id === undefined || grid.enterprise_id !== own.enterprise_id) return false;
  // Installed for the whole organisation, the bot's own team is the organisation.
  return own.team_id === own.enterprise_id || own.team_id === undefined || grid.teams?.includes(own.team_id) === true;
}
