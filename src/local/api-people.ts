import { z } from 'zod';
import { method, page, pageSize, type ApiMethod } from './api-method.ts';
import { APP_ID, BOT, TEAM, type Person, type UserGroup } from './directory.ts';

const none = z.object({});

/** Tokens, connections, users and user groups. */
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
  'users.list': method(
    z.object({ limit: pageSize, cursor: z.string().optional() }),
    ({ limit, cursor }, world) => {
      const { items, nextCursor } = page(world.directory.people(), limit ?? 100, cursor);
      return { ok: true, members: items.map(asSlackUser), response_metadata: { next_cursor: nextCursor } };
    },
    { needs: ['users:read'] },
  ),
  'usergroups.list': method(
    none,
    (_, world) => ({ ok: true, usergroups: world.directory.userGroups().map(asSlackGroup) }),
    { needs: ['usergroups:read'] },
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

function asSlackGroup({ id, handle, name, users }: UserGroup): Record<string, unknown> {
  return { id, team_id: TEAM.id, is_usergroup: true, name, handle, user_count: users.length, date_delete: 0 };
}

function asSlackUser(person: Person): Record<string, unknown> {
  return {
    id: person.id,
    team_id: TEAM.id,
    name: person.name,
    real_name: person.realName,
    deleted: false,
    is_bot: person.isBot,
    is_admin: false,
    is_owner: false,
    tz: 'Etc/UTC',
    tz_offset: 0,
    profile: {
      real_name: person.realName,
      display_name: person.name,
      ...(person.isBot ? { bot_id: BOT.botId, api_app_id: APP_ID } : {}),
    },
  };
}
