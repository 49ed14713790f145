import type { webApi } from '@slack/bolt';
import { z } from 'zod';
import type { Granted } from './granted.ts';
import { readSendError, slackErrorWord } from './send-error.ts';
import { limited, note, wrong, type SlackFinding } from './slack-finding.ts';

type Client = webApi.WebClient;

/** A channel of the configuration, and the keys that name it. */
export interface NamedChannel {
  channel: string;
  keys: readonly string[];
}

const PAGES_MAX = 20;

// docs.slack.dev/reference/objects/conversation-object; flags that are false may be left out.
const flag = z.boolean().optional();
const Channel = z.object({
  id: z.string(),
  name: z.string().optional(),
  is_archived: flag,
  is_member: flag,
  is_private: flag,
  is_ext_shared: flag,
  is_pending_ext_shared: flag,
  is_read_only: flag,
  is_thread_only: flag,
});
type Channel = z.output<typeof Channel>;
const List = z.object({
  channels: z.array(Channel).default([]),
  response_metadata: z.object({ next_cursor: z.string().optional() }).optional(),
});

/** Whether each channel is there, open to the bot, and nobody else's. `bot`: its name there, as it is invited. */
export async function checkChannels(
  client: Client,
  channels: readonly NamedChannel[],
  world: { granted: Granted; bot: string },
): Promise<SlackFinding[]> {
  const { granted } = world;
  const found: SlackFinding[] = [];
  let listed: Channel[] | null = null;
  for (const { channel, keys } of channels) {
    const name = `${channel} (${keys.join(', ')})`;
    try {
      if (isId(channel)) {
        const { channel: seen } = z.object({ channel: Channel }).parse(await client.conversations.info({ channel }));
        found.push(...findingsOf(seen, name, world));
        continue;
      }
      listed ??= await listChannels(client, granted);
      const seen = listed.find((one) => one.name === channel.replace(/^#/, ''));
      found.push(...(seen === undefined ? [notFound(name, world)] : findingsOf(seen, name, world)));
    } catch (error) {
      found.push(notRead(name, error, world));
    }
  }
  return found;
}

function isId(channel: string): boolean {
  return /^[CGD][A-Z0-9]{6,}$/.test(channel);
}

/** Archived ones too. */
async function listChannels(client: Client, granted: Granted): Promise<Channel[]> {
  const types = [
    ...(granted.has('channels:read') ? ['public_channel'] : []),
    ...(granted.has('groups:read') ? ['private_channel'] : []),
  ].join(',');
  if (types === '') return [];
  const all: Channel[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = List.parse(
      await client.conversations.list({ types, exclude_archived: false, limit: 1_000, ...(cursor ? { cursor } : {}) }),
    );
    all.push(...answer.channels);
    cursor = answer.response_metadata?.next_cursor;
    if (!cursor) break;
  }
  return all;
}

function findingsOf(
  channel: Channel,
  name: string,
  { granted, bot }: { granted: Granted; bot: string },
): SlackFinding[] {
  const another = 'or name another channel in oombot.yaml';
  if (channel.is_archived === true)
    return [wrong(`${name} is archived: nothing can be posted.`, `unarchive it, ${another}`)];
  const mayJoin = channel.is_private !== true && granted.has('channels:join');
  return [
    ...(channel.is_member !== false
      ? []
      : mayJoin
        ? [note(`oombot is not in ${name} yet; it joins with its first message.`)]
        : [wrong(`oombot is not in ${name}, and cannot post there.`, `in that channel: /invite @${bot}`)]),
    ...(channel.is_read_only === true || channel.is_thread_only === true
      ? [
          wrong(
            `In ${name} only some people may post.`,
            `channel settings → Permissions → who can post: add @${bot}, ${another}`,
          ),
        ]
      : []),
    ...(channel.is_ext_shared === true || channel.is_pending_ext_shared === true
      ? [
          limited(
            `${name} is shared with another organisation (Slack Connect), which reads the names of your hosts and processes.`,
            `use a channel of your own workspace`,
          ),
        ]
      : []),
  ];
}

function notFound(name: string, { granted, bot }: { granted: Granted; bot: string }): SlackFinding {
  const blind = [
    ...(granted.has('channels:read') ? [] : ['channels:read']),
    ...(granted.has('groups:read') ? [] : ['groups:read']),
  ];
  const byId = blind.length === 0 ? '' : `; or, without ${blind.join(' and ')}, name it by its id (C…) in oombot.yaml`;
  return wrong(
    `There is no channel ${name} that oombot can see.`,
    `create it, or if it is private, in that channel: /invite @${bot}${byId}`,
  );
}

function notRead(name: string, error: unknown, { bot }: { bot: string }): SlackFinding {
  const said = slackErrorWord(error);
  if (said === 'channel_not_found')
    return wrong(
      `There is no channel ${name} that oombot can see.`,
      `correct the id, or in that channel: /invite @${bot}`,
    );
  if (said === 'missing_scope')
    return note(
      `${name} could not be looked at without channels:read or groups:read; --post tries whether it can be posted in.`,
    );
  const failure = readSendError(error);
  return wrong(`${name} could not be looked at: ${'reason' in failure ? failure.reason : failure.kind}.`, 'try again');
}
