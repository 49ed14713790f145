import type { webApi } from '@slack/bolt';
import { z } from 'zod';
import { accountOf, Own, User } from './accounts.ts';
import type { Granted } from './granted.ts';
import { readSendError, slackErrorWord } from './send-error.ts';
import { limited, wrong, type SlackFinding } from './slack-finding.ts';

type Client = webApi.WebClient;

/** A user (U…) or user group (S…) of the configuration, and the key that names it. */
export interface NamedPerson {
  id: string;
  key: string;
  /** Kinds of accounts that count there beside members. */
  also: readonly ('guest' | 'external')[];
}

/** Slack allows some tens of these questions a minute. */
const ASKED_MAX = 40;

/** Whether those who approve and manage hosts are there, and count. What may not be asked is said by the check of scopes. */
export async function checkPeople(
  client: Client,
  people: readonly NamedPerson[],
  granted: Granted,
): Promise<SlackFinding[]> {
  const found: SlackFinding[] = [];
  if (people.length === 0) return found;
  const own = Own.parse(await client.auth.test());
  for (const person of people.slice(0, ASKED_MAX)) {
    const isGroup = person.id.startsWith('S');
    if (!granted.has(isGroup ? 'usergroups:read' : 'users:read')) continue;
    try {
      found.push(...(isGroup ? await checkGroup(client, person) : await checkUser(client, person, own)));
    } catch (error) {
      const said = slackErrorWord(error);
      const failure = readSendError(error);
      found.push(
        said === 'user_not_found' || said === 'no_such_subteam'
          ? wrong(`${person.key} names ${person.id}, and Slack knows nobody by that id.`, 'correct it in oombot.yaml')
          : limited(
              `${person.id} (${person.key}) could not be looked up: ${'reason' in failure ? failure.reason : failure.kind}.`,
              'try again',
            ),
      );
    }
  }
  return found;
}

async function checkGroup(client: Client, { id, key }: NamedPerson): Promise<SlackFinding[]> {
  const { users } = z
    .object({ users: z.array(z.string()).default([]) })
    .parse(await client.usergroups.users.list({ usergroup: id }));
  return users.length > 0
    ? []
    : [limited(`The user group ${id} (${key}) has no members.`, 'add people to it in Slack, or name others')];
}

async function checkUser(client: Client, { id, key, also }: NamedPerson, own: Own): Promise<SlackFinding[]> {
  const { user } = z.object({ user: User }).parse(await client.users.info({ user: id }));
  const { kind } = accountOf(user, own);
  return kind === 'member' || also.some((one) => one === kind)
    ? []
    : [limited(`${key} names ${id}, who does not count: ${WHO[kind]}.`, 'take them off the list in oombot.yaml')];
}

const WHO = {
  bot: 'a bot or workflow',
  deactivated: 'a deactivated account',
  guest: 'a guest',
  external: 'of another organisation',
  'not-permitted': 'not looked up',
} as const;
