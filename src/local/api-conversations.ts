import { z } from 'zod';
import { flag, method, missingScope, page, pageSize, type ApiAnswer, type ApiMethod } from './api-method.ts';
import { BOT, type Channel } from './directory.ts';
import type { Message } from './message.ts';
import { asSlackMessage } from './message-log.ts';
import type { World } from './world.ts';

const LIMIT = 100;

const Open = z.object({ users: z.string().regex(/^[UW][A-Z0-9]+$/) });
const One = z.object({ channel: z.string().min(1) });
const List = z.object({ types: z.string().default('public_channel'), limit: pageSize, cursor: z.string().optional() });
const window = {
  oldest: z.string().default('0'),
  latest: z.string().optional(),
  inclusive: flag,
  include_all_metadata: flag,
  limit: pageSize,
  cursor: z.string().optional(),
};
const History = z.object({ channel: z.string().min(1), ...window });
const Replies = z.object({ channel: z.string().min(1), ts: z.string().min(1), ...window });

export const CONVERSATION_METHODS: Record<string, ApiMethod> = {
  'conversations.list': method(List, listChannels),
  'conversations.info': method(One, (args, world) => {
    const channel = world.directory.channels().find((one) => one.id === args.channel);
    const isHidden = channel?.kind === 'private' && !world.directory.isMember(channel, BOT.id);
    if (channel === undefined || isHidden) return { ok: false, error: 'channel_not_found' };
    const refusal = missingScope([`${SCOPE_OF[channel.kind]}:read`], world);
    return refusal ?? { ok: true, channel: asSlackChannel(channel, world) };
  }),
  'conversations.open': method(Open, openDirect, { needs: ['im:write'] }),
  'conversations.join': method(One, joinChannel, { needs: ['channels:join'] }),
  'conversations.history': method(History, (args, world) =>
    withinJoined(args.channel, world, (channel) => ({
      ...cut(world.log.inChannel(channel.id, null).toReversed(), args),
      pin_count: 0,
    })),
  ),
  'conversations.replies': method(Replies, (args, world) =>
    withinJoined(args.channel, world, (channel) => {
      const head = world.log.find(channel.id, args.ts);
      if (head === null) return { ok: false, error: 'thread_not_found' };
      return cut(world.log.inThread(channel.id, head.threadTs ?? head.ts, null), args);
    }),
  ),
};

const SCOPE_OF = { public: 'channels', private: 'groups', im: 'im' } as const;

function withinJoined(id: string, world: World, run: (channel: Channel) => ApiAnswer): ApiAnswer {
  const channel = world.directory.channels().find((one) => one.id === id);
  if (channel === undefined) return { ok: false, error: 'channel_not_found' };
  const refusal = missingScope([`${SCOPE_OF[channel.kind]}:history`], world);
  if (refusal !== null) return refusal;
  return world.directory.isMember(channel, BOT.id) ? run(channel) : { ok: false, error: 'not_in_channel' };
}

function listChannels(args: z.infer<typeof List>, world: World): ApiAnswer {
  const types = args.types.split(',').map((type) => type.trim());
  const kinds = { public: 'public_channel', private: 'private_channel', im: 'im' } as const;
  for (const kind of ['public', 'private', 'im'] as const) {
    const refusal = types.includes(kinds[kind]) ? missingScope([`${SCOPE_OF[kind]}:read`], world) : null;
    if (refusal !== null) return refusal;
  }
  const all = world.directory
    .channels()
    .filter((channel) => types.includes(kinds[channel.kind]))
    // An app sees a private channel only from within.
    .filter((channel) => channel.kind !== 'private' || world.directory.isMember(channel, BOT.id));
  const { items, nextCursor } = page(all, args.limit ?? LIMIT, args.cursor);
  const channels = items.map((channel) => asSlackChannel(channel, world));
  return { ok: true, channels, response_metadata: { next_cursor: nextCursor } };
}

/** With one person: Slack opens group conversations too. */
function openDirect({ users }: z.infer<typeof Open>, world: World): ApiAnswer {
  const channel = world.directory.direct(users);
  if (channel === null) return { ok: false, error: 'user_not_found' };
  return { ok: true, channel: { id: channel.id } };
}

function joinChannel(args: z.infer<typeof One>, world: World): ApiAnswer {
  const channel = world.directory.channels().find((one) => one.id === args.channel);
  if (channel === undefined) return { ok: false, error: 'channel_not_found' };
  if (channel.kind !== 'public') return { ok: false, error: 'method_not_supported_for_channel_type' };
  const warning = world.directory.isMember(channel, BOT.id) ? { warning: 'already_in_channel' } : {};
  world.directory.join(channel, BOT.id);
  return { ok: true, channel: asSlackChannel(channel, world), ...warning };
}

function cut(messages: Message[], args: z.infer<z.ZodObject<typeof window>>): ApiAnswer {
  const latest = args.latest ?? '9999999999.999999';
  const inside = messages.filter(({ ts }) =>
    args.inclusive ? ts >= args.oldest && ts <= latest : ts > args.oldest && ts < latest,
  );
  const { items, nextCursor } = page(inside, args.limit ?? LIMIT, args.cursor);
  return {
    ok: true,
    messages: items.map((message) => asSlackMessage(message, { withMetadata: args.include_all_metadata })),
    has_more: nextCursor !== '',
    response_metadata: { next_cursor: nextCursor },
  };
}

function members(channel: Channel, world: World): string[] {
  const all = world.directory.people().map((person) => person.id);
  return all.filter((id) => world.directory.isMember(channel, id));
}

function asSlackChannel(channel: Channel, world: World): Record<string, unknown> {
  const isMember = world.directory.isMember(channel, BOT.id);
  if (channel.kind === 'im') return { id: channel.id, is_im: true, is_channel: false, user: channel.person };
  return {
    id: channel.id,
    name: channel.name,
    name_normalized: channel.name,
    is_channel: true,
    is_group: false,
    is_im: false,
    is_mpim: false,
    is_private: channel.kind === 'private',
    is_archived: false,
    is_general: false,
    is_member: isMember,
    num_members: members(channel, world).length,
  };
}
