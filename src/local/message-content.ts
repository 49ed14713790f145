import { z } from 'zod';
import { withIds } from './block-ids.ts';
import { areBlocksTooLong, checkBlocks } from './block-rules.ts';
import type { Content } from './message.ts';

const TEXT_MAX = 40_000; // chat.postMessage; recommended are 4,000
const ATTACHMENTS_MAX = 100;

const Attachment = z.object({
  color: z.string().optional(),
  text: z.string().optional(),
  fallback: z.string().optional(),
  blocks: z.unknown().optional(),
});

export interface ContentRefusal {
  error: string;
  messages?: string[];
}

interface Sent {
  text?: string | undefined;
  blocks?: unknown;
  attachments?: unknown;
}

/** Text, blocks and attachments as the app sent them → as they are kept, or Slack's refusal. */
export function readContent(sent: Sent, textMax = TEXT_MAX): Content | ContentRefusal {
  const blocks = sent.blocks ?? [];
  if (!Array.isArray(blocks)) return { error: 'invalid_blocks_format' };
  const attachments = z
    .array(Attachment)
    .max(ATTACHMENTS_MAX)
    .safeParse(sent.attachments ?? []);
  if (!attachments.success) return { error: 'invalid_attachments' };
  const text = sent.text ?? '';
  if (text === '' && blocks.length === 0 && attachments.data.length === 0) return { error: 'no_text' };
  if (text.length > textMax) return { error: 'msg_too_long' };
  const messages = [
    ...checkBlocks(blocks, 'message'),
    ...attachments.data.flatMap((one, at) => checkAttachment(one.blocks ?? [], at)),
  ];
  if (messages.length > 0) return { error: 'invalid_blocks', messages };
  if (areBlocksTooLong([blocks, attachments.data.map((one) => one.blocks)])) return { error: 'msg_blocks_too_long' };
  return {
    text,
    blocks: withIds(blocks),
    attachments: attachments.data.map((one) => ({
      color: one.color ?? null,
      text: one.text ?? one.fallback ?? null,
      blocks: withIds(one.blocks),
    })),
  };
}

function checkAttachment(blocks: unknown, at: number): string[] {
  return checkBlocks(blocks, 'message').map((text) =>
    text.replace('json-pointer:/blocks', `json-pointer:/attachments/${at}/blocks`),
  );
}
