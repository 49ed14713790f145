import { z } from 'zod';
import { method, type ApiMethod } from './api-method.ts';
import { BOT, TEAM, type Person } from './directory.ts';

const none = z.object({});

/** Tokens, connections, people and user groups. */
export const PEOPLE_METHODS: Record<string, ApiMethod> = {
  'auth.test': method(none, (_, world) => ({
    ok: true,
    url: `${world.baseUrl()}/`,
    team: TEAM.name,
    user: BOT.name,
    team_id: TEAM.id,
    user_id: BOT.id,
    bot_id: BOT.botId,
    is_enterprise_install: false,
  })),
  'apps.connections.open': method(
    none,
    (_, world) => ({ ok: true, url: `${world.baseUrl().replace('http:', 'ws:')}${world.sockets.ticket()}` }),
    { token: 'app' },
  ),
  'users.info': method(
    z.object({ user: z.string().min(1) }),
    ({ user }, world) => {
      const person = world.directory.people().find((one) => one.id === user);
      return person === undefined ? { ok: false, error: 'user_not_found' } : { ok: true, user: asSlackUser(person) };
    },
    { needs: ['users:read'] },
  ),
  'usergroups.users.list': method(
    z.object({ usergroup: z.string().min(1) }),
    ({ usergroup }, world) => {
      const group = world.directory.userGroups().find((one) => one.id === usergroup);
      return group === undefined ? { ok: false, error: 'no_such_subteam' } : { ok: true, users: group.users };
    },
    { needs: ['usergroups:read'] },
  ),
};

function asSlackUser({ id, name, realName, isBot, account }: Person): Record<string, unknown> {
  return {
    id,
    team_id: TEAM.id,
    name,
    real_name: realName,
    deleted: false,
    is_bot: isBot,
    is_restricted: false,
    is_ultra_restricted: false,
    ...account,
  };
}
