import { z } from 'zod';
import { flag, jsonArgument, method, type ApiAnswer, type ApiMethod } from './api-method.ts';
import { BOT, type Channel } from './directory.ts';
import { readContent } from './message-content.ts';
import type { Message } from './message.ts';
import { asSlackMessage } from './message-log.ts';
import type { World } from './world.ts';

const UPDATE_TEXT_MAX = 4_000; // chat.update answers msg_too_long above; chat.postMessage takes 40,000
const METADATA_BYTES_MAX = 8 * 1024;

const content = {
  text: z.string().optional(),
  blocks: jsonArgument.optional(),
};
const Metadata = z.strictObject({
  event_type: z.string().min(1).max(255),
  event_payload: z.record(z.string(), z.unknown()),
});
const Post = z.object({
  channel: z.string().min(1),
  thread_ts: z.string().optional(),
  reply_broadcast: flag,
  metadata: jsonArgument.optional(),
  ...content,
});
const Update = z.object({
  channel: z.string().min(1),
  ts: z.string().min(1),
  metadata: jsonArgument.optional(),
  ...content,
});
const Delete = z.object({ channel: z.string().min(1), ts: z.string().min(1) });
const PostEphemeral = z.object({
  channel: z.string().min(1),
  user: z.string().min(1),
  thread_ts: z.string().optional(),
  ...content,
});

const needs = ['chat:write', 'chat:write.public'];

export const CHAT_METHODS: Record<string, ApiMethod> = {
  'chat.postMessage': method(Post, postMessage, { needs }),
  'chat.update': method(Update, updateMessage, { needs }),
  'chat.postEphemeral': method(PostEphemeral, postEphemeral, { needs }),
  'chat.delete': method(Delete, deleteMessage, { needs }),
};

function postMessage(args: z.infer<typeof Post>, world: World): ApiAnswer {
  // A user's id opens the direct conversation; names are taken too, but only here.
  const channel = world.directory.channel(args.channel) ?? world.directory.direct(args.channel);
  if (channel === null) return { ok: false, error: 'channel_not_found' };
  const mayPostAnywhere = channel.kind === 'public' && world.scopes?.has('chat:write.public') === true;
  if (!world.directory.isMember(channel, BOT.id) && !mayPostAnywhere) return { ok: false, error: 'not_in_channel' };
  const threadTs = threadOf(world, channel, args.thread_ts);
  const read = readContent(args);
  if ('error' in read) return { ok: false, ...read };
  const metadata = readMetadata(args.metadata);
  if (metadata !== null && 'error' in metadata) return { ok: false, error: metadata.error };
  const isBroadcast = args.reply_broadcast && threadTs !== null;
  const message = world.log.post({ channel: channel.id, user: BOT.id, ...read, threadTs, isBroadcast, metadata });
  return { ok: true, channel: channel.id, ts: message.ts, message: asSlackMessage(message, { withMetadata: true }) };
}

function updateMessage(args: z.infer<typeof Update>, world: World): ApiAnswer {
  const message = ownMessage(args, world);
  if ('error' in message) return { ok: false, error: message.error };
  const metadata = readMetadata(args.metadata);
  if (metadata !== null && 'error' in metadata) return { ok: false, error: metadata.error };
  const saysNothing = args.text === undefined && args.blocks === undefined;
  if (!saysNothing) {
    const read = readContent(args, UPDATE_TEXT_MAX);
    if ('error' in read) return { ok: false, ...read };
    // Text without blocks takes the old blocks away; blocks without text keep the old text.
    const text = args.text ?? message.text;
    world.log.edit(message, { ...read, text, ...(args.metadata === undefined ? {} : { metadata }) });
  } else if (args.metadata !== undefined) world.log.edit(message, { metadata });
  const { channel, ts, text } = message;
  return { ok: true, channel, ts, text, message: asSlackMessage(message, { withMetadata: true }) };
}

function deleteMessage(args: z.infer<typeof Delete>, world: World): ApiAnswer {
  const message = ownMessage(args, world);
  if ('error' in message)
    return { ok: false, error: message.error.replace('cant_update_message', 'cant_delete_message') };
  world.log.remove(message);
  return { ok: true, channel: message.channel, ts: message.ts };
}

function postEphemeral(args: z.infer<typeof PostEphemeral>, world: World): ApiAnswer {
  const channel = world.directory.channel(args.channel);
  if (channel === null) return { ok: false, error: 'channel_not_found' };
  if (!world.directory.isMember(channel, BOT.id)) return { ok: false, error: 'not_in_channel' };
  const person = world.directory.person(args.user);
  if (person === null || !world.directory.isMember(channel, person.id)) {
    return { ok: false, error: 'user_not_in_channel' };
  }
  const read = readContent(args);
  if ('error' in read) return { ok: false, ...read };
  const threadTs = threadOf(world, channel, args.thread_ts);
  const message = world.log.post({ channel: channel.id, user: BOT.id, onlyFor: person.id, ...read, threadTs });
  return { ok: true, message_ts: message.ts };
}

function ownMessage(args: { channel: string; ts: string }, world: World): Message | { error: string } {
  const channel = world.directory.channel(args.channel);
  if (channel === null || channel.id !== args.channel) return { error: 'channel_not_found' };
  const message = world.log.find(channel.id, args.ts);
  if (message === null) return { error: 'message_not_found' };
  return message.user === BOT.id ? message : { error: 'cant_update_message' };
}

/** The head of the thread that a reply belongs to: also when the reply names another reply. Unknown: Slack posts in the channel. */
export function threadOf(world: World, channel: Channel, ts: string | undefined): string | null {
  const parent = ts === undefined ? null : world.log.find(channel.id, ts);
  return parent === null ? null : (parent.threadTs ?? parent.ts);
}

function readMetadata(sent: unknown): Message['metadata'] | { error: string } {
  if (sent === undefined || (typeof sent === 'object' && sent !== null && Object.keys(sent).length === 0)) return null;
  const read = Metadata.safeParse(sent);
  if (!read.success) return { error: 'invalid_metadata_format' };
  return JSON.stringify(sent).length > METADATA_BYTES_MAX ? { error: 'metadata_too_large' } : read.data;
}
