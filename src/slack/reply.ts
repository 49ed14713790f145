import type { RespondFn, webApi } from '@slack/bolt';
import { z } from 'zod';
import type { Parsed } from '../app/answer/command.ts';
import { aNotice, type Notice, type Text } from '../notice/notice.ts';
import { renderContent } from './blocks.ts';
import { noticeView, waitingView } from './views.ts';
import { slackErrorWord } from './send-error.ts';

type Client = webApi.WebClient;
const Opened = z.object({ view: z.object({ id: z.string() }) });

/** How one person is answered: privately where they asked. */
export type ReplyTo = (notice: Notice) => Promise<void>;

/** Slack shows nothing of a question for three seconds, and for good where its acknowledgement is empty. */
const PATIENCE_MS = 2_000;

/** Says `text`, if any, to whoever has had no answer for two seconds; then the answer, in that order. `done`: none comes any more. */
export function openPatience(reply: ReplyTo, text: Text | null): { reply: ReplyTo; done: () => void } {
  let waiting = Promise.resolve();
  const timer = setTimeout(() => {
    if (text !== null) waiting = reply(aNotice({ headline: text })).catch(() => undefined);
  }, PATIENCE_MS);
  function done(): void {
    clearTimeout(timer);
  }
  return {
    reply: async (notice) => {
      done();
      await waiting;
      await reply(notice);
    },
    done,
  };
}

/** What is said of a question that takes its time. */
export function waitingText(parsed: Parsed): Text {
  const { host = null }: { host?: unknown } = parsed.kind === 'command' ? parsed.ask : {};
  return typeof host === 'string'
    ? [{ words: 'Looking at ' }, { hostText: host }, { words: '…' }]
    : [{ words: 'One moment…' }];
}

/** Through the response URL; when it is used up or Slack refuses the form, once more in plain form, then as a private message. */
export function respondPrivately(respond: RespondFn, client: Client, to: { channel: string; user: string }): ReplyTo {
  return async (notice) => {
    try {
      await respond({ response_type: 'ephemeral', replace_original: false, ...asMessage(notice, 'message') });
    } catch {
      // 5 uses within 30 minutes; also its answer to blocks that it does not know.
      await client.apiCall('chat.postEphemeral', { ...to, ...asMessage(notice, 'plain') });
    }
  };
}

/** To the whole channel, through the response URL: that works where the bot is no member. */
export async function respondToChannel(respond: RespondFn, notice: Notice): Promise<void> {
  await respond({ response_type: 'in_channel', replace_original: false, ...asMessage(notice, 'message') });
}

/** Private in a channel or its thread. */
export function postPrivately(client: Client, to: { channel: string; user: string; thread_ts?: string }): ReplyTo {
  return (notice) => inRichOrPlain(notice, (content) => client.apiCall('chat.postEphemeral', { ...to, ...content }));
}

/** In a direct conversation, which is private already. */
export function postDirectly(client: Client, to: { channel: string; thread_ts?: string }): ReplyTo {
  return (notice) =>
    inRichOrPlain(notice, (content) => client.apiCall('chat.postMessage', { ...to, ...content, unfurl_links: false }));
}

/** In a window: opened at once, since the right to open one lasts three seconds, and filled when the answer is there. */
export async function openWindow(client: Client, triggerId: string, title: string): Promise<ReplyTo> {
  const opened = Opened.parse(
    await client.apiCall('views.open', { trigger_id: triggerId, view: waitingView(title, 'One moment…') }),
  );
  return fillWindow(client, opened.view.id, title);
}

/** Replaces what a window shows. */
export function fillWindow(client: Client, viewId: string, title: string): ReplyTo {
  return async (notice) => {
    await client.apiCall('views.update', { view_id: viewId, view: noticeView(title, notice) });
  };
}

async function inRichOrPlain(
  notice: Notice,
  call: (content: Record<string, unknown>) => Promise<unknown>,
): Promise<void> {
  try {
    await call(asMessage(notice, 'message'));
  } catch (error) {
    const said = slackErrorWord(error);
    if (said !== 'invalid_blocks' && said !== 'msg_blocks_too_long') throw error;
    await call(asMessage(notice, 'plain'));
  }
}

function asMessage(notice: Notice, surface: 'message' | 'plain') {
  const { text, blocks } = renderContent(notice, surface);
  // Bolt's types do not know the newest blocks.
  return { text, blocks: blocks as never[] };
}
