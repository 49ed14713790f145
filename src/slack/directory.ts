import { z } from 'zod';
import type { webApi } from '@slack/bolt';

type Client = webApi.WebClient;

const PAGES_MAX = 20;
const KEEP_MS = 5 * 60_000;
const MISS_KEPT_MS = 60_000;
const MISSES_MAX = 1_000;

const Channels = z.object({
  channels: z.array(z.object({ id: z.string(), name: z.string().optional() })).default([]),
  response_metadata: z.object({ next_cursor: z.string().optional() }).optional(),
});
const GroupUsers = z.object({ users: z.array(z.string()).default([]) });

export interface Directory {
  /** A channel's id for its name or id. Throws Slack's `channel_not_found` as an Error when no channel has that name. */
  channelId: (channel: string) => Promise<string>;
  /** Slack does not know this channel any more, or it was archived: its name may belong to another one now. */
  forgetChannel: (channel: string) => void;
  /** The members of a user group, as they were at most `maxAgeMs` ago. */
  groupMembers: (groupId: string, maxAgeMs?: number) => Promise<string[]>;
}

/** Names to ids, remembered: Slack allows few such questions a minute. `nowMs` is the clock. */
export function openDirectory(client: Client, nowMs: () => number): Directory {
  const ids = new Map<string, string>();
  const missedAtMs = new Map<string, number>();
  const groups = new Map<string, { atMs: number; users: string[] }>();

  async function channelId(channel: string): Promise<string> {
    if (/^[CGD][A-Z0-9]{6,}$/.test(channel)) return channel;
    const name = channel.replace(/^#/, '');
    const known = ids.get(name);
    if (known !== undefined) return known;
    if (nowMs() - (missedAtMs.get(name) ?? -Infinity) < MISS_KEPT_MS) throw new ChannelUnknown(channel);
    await readChannels();
    const found = ids.get(name);
    if (found !== undefined) return found;
    if (missedAtMs.size >= MISSES_MAX) missedAtMs.clear();
    missedAtMs.set(name, nowMs());
    throw new ChannelUnknown(channel);
  }

  function forgetChannel(channel: string): void {
    ids.delete(channel.replace(/^#/, ''));
  }

  async function readChannels(): Promise<void> {
    let cursor: string | undefined;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const answer = Channels.parse(
        await client.conversations.list({
          types: 'public_channel,private_channel',
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
    const { users } = GroupUsers.parse(await client.usergroups.users.list({ usergroup: groupId }));
    groups.set(groupId, { atMs: nowMs(), users });
    return users;
  }

  return { channelId, forgetChannel, groupMembers };
}

/** No channel of that name is visible to the bot: it does not exist, or is private and the bot was not invited. */
export class ChannelUnknown extends Error {
  constructor(channel: string) {
    super(`no channel ${channel}: create it, or invite the bot if it is private`);
    this.name = 'ChannelUnknown';
  }
}
