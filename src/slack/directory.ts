import { z } from 'zod';
import type { webApi } from '@slack/bolt';
import { NotPermitted } from '../app/not-permitted.ts';
import type { Granted } from './granted.ts';
import { slackErrorWord } from './send-error.ts';

type Client = webApi.WebClient;

const PAGES_MAX = 20;
const KEEP_MS = 5 * 60_000;
const MISS_KEPT_MS = 60_000;
const MISSES_MAX = 1_000;

const PERSON = /^[UW][A-Z0-9]{5,20}$/;

/** What can be listed, and with what right. */
const KINDS = [
  { type: 'public_channel', is: 'public', scope: 'channels:read' },
  { type: 'private_channel', is: 'private', scope: 'groups:read' },
] as const;
type ChannelKind = (typeof KINDS)[number];

const Channels = z.object({
  channels: z.array(z.object({ id: z.string(), name: z.string().optional() })).default([]),
  response_metadata: z.object({ next_cursor: z.string().optional() }).optional(),
});
const Opened = z.object({ channel: z.object({ id: z.string() }) });
const GroupUsers = z.object({ users: z.array(z.string()).default([]) });

export interface Directory {
  /** A channel's id for its name or id, or that of the direct messages with a user. Throws Slack's `channel_not_found` as an Error when no channel has that name. */
  channelId: (channel: string) => Promise<string>;
  /** Slack does not know this channel any more, or it was archived: its name may belong to another one now. */
  forgetChannel: (channel: string) => void;
  /** The members of a user group, as they were at most `maxAgeMs` ago. Throws NotPermitted where the app may not ask. */
  groupMembers: (groupId: string, maxAgeMs?: number) => Promise<string[]>;
}

/** Names to ids, remembered: Slack allows few such questions a minute. `nowMs` is the clock. */
export function openDirectory(client: Client, nowMs: () => number, granted: Pick<Granted, 'has'>): Directory {
  const ids = new Map<string, string>();
  const missedAtMs = new Map<string, number>();
  const groups = new Map<string, { atMs: number; users: string[] }>();

  async function channelId(channel: string): Promise<string> {
    if (/^[CGD][A-Z0-9]{6,}$/.test(channel)) return channel;
    const name = channel.replace(/^#/, '');
    const known = ids.get(name);
    if (known !== undefined) return known;
    if (PERSON.test(channel)) return openDirect(channel);
    const unread = KINDS.filter(({ scope }) => !granted.has(scope));
    if (nowMs() - (missedAtMs.get(name) ?? -Infinity) < MISS_KEPT_MS) throw new ChannelUnknown(channel, unread);
    await readChannels(KINDS.filter((one) => !unread.includes(one)));
    const found = ids.get(name);
    if (found !== undefined) return found;
    if (missedAtMs.size >= MISSES_MAX) missedAtMs.clear();
    missedAtMs.set(name, nowMs());
    throw new ChannelUnknown(channel, unread);
  }

  /** The same conversation each time; a message in it can be edited only by its id. */
  async function openDirect(userId: string): Promise<string> {
    const { channel } = Opened.parse(await client.conversations.open({ users: userId }));
    ids.set(userId, channel.id);
    return channel.id;
  }

  function forgetChannel(channel: string): void {
    ids.delete(channel.replace(/^#/, ''));
  }

  async function readChannels(kinds: readonly ChannelKind[]): Promise<void> {
    if (kinds.length === 0) return;
    let cursor: string | undefined;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const answer = Channels.parse(
        await client.conversations.list({
          types: kinds.map(({ type }) => type).join(','),
          exclude_archived: true,
          limit: 1_000,
          ...(cursor ? { cursor } : {}),
        }),
      );
      for (const { id, name } of answer.channels) if (name !== undefined) ids.set(name, id);
      cursor = answer.response_metadata?.next_cursor;
      if (!cursor) return;
    }
  }

  async function groupMembers(groupId: string, maxAgeMs = KEEP_MS): Promise<string[]> {
    const known = groups.get(groupId);
    if (known && nowMs() - known.atMs < maxAgeMs) return known.users;
    const answer = await client.usergroups.users.list({ usergroup: groupId }).catch((error: unknown) => {
      throw slackErrorWord(error) === 'missing_scope' ? new NotPermitted('usergroups:read', error) : error;
    });
    const { users } = GroupUsers.parse(answer);
    groups.set(groupId, { atMs: nowMs(), users });
    return users;
  }

  return { channelId, forgetChannel, groupMembers };
}

/** No channel of that name is visible to the bot: it does not exist, or is private and the bot was not invited. */
export class ChannelUnknown extends Error {
  constructor(channel: string, unread: readonly ChannelKind[]) {
    const scopes = unread.map(({ scope }) => scope).join(' and ');
    const byId = `without ${scopes} the app finds it by its id (C…) alone: put that into oombot.yaml`;
    const [only] = unread;
    super(
      unread.length === KINDS.length
        ? `${channel} cannot be looked up: ${byId}`
        : `no channel ${channel}: create it, or invite the bot if it is private${only === undefined ? '' : `; if it is ${only.is}, ${byId}`}`,
    );
    this.name = 'ChannelUnknown';
  }
}
