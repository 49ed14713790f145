import type { webApi } from '@slack/bolt';
import { z } from 'zod';
import type { FindOutcome, MessageMark, SendOutcome, Workspace } from '../app/ports.ts';
import type { Notice } from '../notice/notice.ts';
import { renderContent } from './blocks.ts';
import { ChannelUnknown, type Directory } from './directory.ts';
import { readSendError, refusalWords, slackErrorWord } from './send-error.ts';

type Client = webApi.WebClient;
type Arguments = Record<string, unknown>;

interface Log {
  warn: (facts: Record<string, unknown>, message: string) => void;
}

const EVENT_TYPE = 'oombot_incident';
// Ids together, in characters: metadata must stay below 8 KB.
const ALSO_MAX = 6_000;
const CHANNEL_GONE = new Set(['channel_not_found', 'is_archived']);
const FIND_PAGES_MAX = 25;
const FIND_PAGE = 200;

const Sent = z.object({ ts: z.string() });
const Page = z.object({
  messages: z
    .array(
      z.object({
        ts: z.string(),
        metadata: z
          .object({
            event_type: z.string(),
            event_payload: z.looseObject({ id: z.string().optional(), also: z.array(z.string()).optional() }),
          })
          .optional()
          .catch(undefined),
      }),
    )
    .default([]),
  response_metadata: z.object({ next_cursor: z.string().optional() }).optional(),
});

/** The `Workspace` of the use cases, over Slack's Web API. One request at a time to each message is the caller's affair. */
export function openWorkspace(client: Client, directory: Directory, log: Log): Workspace {
  async function post(to: { channel: string; notice: Notice; mark: MessageMark }): Promise<SendOutcome> {
    return send(to, (channel, content) =>
      client.apiCall('chat.postMessage', { channel, ...content, unfurl_links: false, unfurl_media: false }),
    );
  }

  async function reply(to: {
    channel: string;
    threadTs: string;
    notice: Notice;
    mark: MessageMark;
    broadcast?: boolean;
  }): Promise<SendOutcome> {
    return send(to, (channel, content) =>
      client.apiCall('chat.postMessage', {
        channel,
        thread_ts: to.threadTs,
        ...(to.broadcast ? { reply_broadcast: true } : {}),
        ...content,
        unfurl_links: false,
        unfurl_media: false,
      }),
    );
  }

  async function update(to: { channel: string; ts: string; notice: Notice; mark: MessageMark }): Promise<SendOutcome> {
    return send(to, (channel, content) => client.apiCall('chat.update', { channel, ts: to.ts, ...content }));
  }

  /** Sends once; what Slack refuses for its form is sent again in plain form, and a public channel is joined first if need be. */
  async function send(
    to: { channel: string; notice: Notice; mark: MessageMark },
    call: (channel: string, content: Arguments) => Promise<unknown>,
  ): Promise<SendOutcome> {
    try {
      const channel = await directory.channelId(to.channel);
      const rich = withMark(renderContent(to.notice, 'message'), to.mark);
      try {
        return { kind: 'sent', ts: Sent.parse(await call(channel, rich)).ts };
      } catch (error) {
        const said = slackErrorWord(error);
        if (said === 'not_in_channel') {
          const refusal = await join(channel);
          if (refusal !== null) return refusal;
          return { kind: 'sent', ts: Sent.parse(await call(channel, rich)).ts };
        }
        if (said !== 'invalid_blocks' && said !== 'msg_blocks_too_long') throw error;
        log.warn(
          { reason: refusalWords(error), channel: to.channel },
          'Slack refused the blocks; sending them in plain form',
        );
        return {
          kind: 'sent',
          ts: Sent.parse(await call(channel, withMark(renderContent(to.notice, 'plain'), to.mark))).ts,
        };
      }
    } catch (error) {
      if (error instanceof ChannelUnknown) return { kind: 'refused', reason: error.message };
      forgetIfGone(to.channel, error);
      return readSendError(error);
    }
  }

  /** null: the bot is in the channel now. */
  async function join(channel: string): Promise<SendOutcome | null> {
    try {
      await client.conversations.join({ channel });
      return null;
    } catch (error) {
      const failure = readSendError(error);
      // Private, or without the scope channels:join: somebody has to let it in.
      return failure.kind === 'refused'
        ? { kind: 'refused', reason: 'not_in_channel: /invite the bot there' }
        : failure;
    }
  }

  async function find(where: { channel: string; threadTs: string | null; sinceMs: number }): Promise<FindOutcome> {
    const byId = new Map<string, string>();
    try {
      const channel = await directory.channelId(where.channel);
      const method = where.threadTs === null ? 'conversations.history' : 'conversations.replies';
      let cursor: string | undefined;
      for (let page = 0; page < FIND_PAGES_MAX; page += 1) {
        const answer = Page.parse(
          await client.apiCall(method, {
            channel,
            ...(where.threadTs === null ? {} : { ts: where.threadTs }),
            oldest: String(Math.floor(where.sinceMs / 1_000)),
            inclusive: true,
            include_all_metadata: true,
            limit: FIND_PAGE,
            ...(cursor ? { cursor } : {}),
          }),
        );
        for (const message of answer.messages) {
          if (message.metadata?.event_type !== EVENT_TYPE) continue;
          const { id, also = [] } = message.metadata.event_payload;
          for (const one of [...(id === undefined ? [] : [id]), ...also]) if (!byId.has(one)) byId.set(one, message.ts);
        }
        cursor = answer.response_metadata?.next_cursor;
        if (!cursor) break;
      }
      return { kind: 'looked', byId };
    } catch (error) {
      // The bot was never in the channel, so that it never posted there.
      if (slackErrorWord(error) === 'not_in_channel') return { kind: 'looked', byId };
      if (error instanceof ChannelUnknown) return { kind: 'refused', reason: error.message };
      forgetIfGone(where.channel, error);
      const failure = readSendError(error);
      if (failure.kind === 'gone') return { kind: 'looked', byId };
      return failure.kind === 'unsent' ? { kind: 'unknown', reason: failure.reason } : failure;
    }
  }

  function forgetIfGone(channel: string, error: unknown): void {
    if (CHANNEL_GONE.has(slackErrorWord(error) ?? '')) directory.forgetChannel(channel);
  }

  return { post, update, reply, find };
}

function withMark(content: { text: string; blocks: unknown[] }, mark: MessageMark): Arguments {
  return {
    text: content.text,
    blocks: content.blocks,
    metadata: { event_type: EVENT_TYPE, event_payload: { id: mark.id, also: newestWithin(mark.also, ALSO_MAX) } },
  };
}

// The newest are those that a crash could make doubtful.
function newestWithin(ids: readonly string[], max: number): string[] {
  let room = max;
  return ids
    .toReversed()
    .filter((id) => (room -= id.length + 3) >= 0)
    .toReversed();
}
