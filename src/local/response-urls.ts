import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { BOT } from './directory.ts';
import type { Message } from './message.ts';
import type { MessageLog } from './message-log.ts';
import { readContent } from './message-content.ts';

const LIFE_MS = 30 * 60_000;
const USES_MAX = 5;
const URLS_MAX = 5_000;

const ResponseBody = z.object({
  response_type: z.enum(['ephemeral', 'in_channel']).optional(),
  replace_original: z.boolean().optional(),
  thread_ts: z.string().optional(),
  text: z.string().optional(),
  blocks: z.unknown().optional(),
});

export interface ResponseTarget {
  channel: string;
  person: string;
  threadTs: string | null;
  /** The message whose button was clicked; null for a command. */
  source: Message | null;
}

export interface ResponseAnswer {
  status: 200 | 400 | 404;
  error: string | null;
}

export interface ResponseUrls {
  /** The secret part of a new response_url. */
  issue: (target: ResponseTarget) => string;
  /** What somebody posted to it. */
  receive: (secret: string, body: unknown) => ResponseAnswer;
}

/** response_urls: five uses within thirty minutes, private unless told otherwise, also in channels without the bot. */
export function openResponseUrls(log: MessageLog, nowMs: () => number): ResponseUrls {
  const issued = new Map<string, ResponseTarget & { issuedAtMs: number; uses: number }>();

  function answer(url: ResponseTarget, body: z.infer<typeof ResponseBody>): ResponseAnswer {
    const content = readContent(body);
    if ('error' in content) return { status: 400, error: content.error };
    if (body.replace_original === true && url.source !== null) {
      log.edit(url.source, content);
      return { status: 200, error: null };
    }
    const onlyFor = body.response_type === 'in_channel' ? null : url.person;
    const threadTs = body.thread_ts ?? url.threadTs;
    // A later `replace_original` of a command's answer means this answer: the command itself is no message.
    const message = log.post({ channel: url.channel, user: BOT.id, onlyFor, threadTs, ...content });
    url.source ??= message;
    return { status: 200, error: null };
  }

  return {
    issue(target) {
      const secret = randomBytes(24).toString('base64url');
      issued.set(secret, { ...target, issuedAtMs: nowMs(), uses: 0 });
      const oldest = issued.keys().next().value;
      if (issued.size > URLS_MAX && oldest !== undefined) issued.delete(oldest);
      return secret;
    },
    receive(secret, raw) {
      const url = issued.get(secret);
      if (url === undefined || nowMs() - url.issuedAtMs > LIFE_MS) return { status: 404, error: 'expired_url' };
      if (url.uses >= USES_MAX) return { status: 404, error: 'used_url' };
      const body = ResponseBody.safeParse(raw);
      if (!body.success) return { status: 400, error: 'invalid_payload' };
      url.uses += 1;
      return answer(url, body.data);
    },
  };
}
