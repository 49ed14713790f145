import { withIds } from './block-ids.ts';
import { areBlocksTooLong, checkBlocks } from './block-rules.ts';
import type { Content } from './message.ts';

const TEXT_MAX = 40_000; // chat.postMessage; recommended are 4,000

export interface ContentRefusal {
  error: string;
  messages?: string[];
}

interface Sent {
  text?: string | undefined;
  blocks?: unknown;
}

/** Text and blocks as the app sent them → as they are kept, or Slack's refusal. */
export function readContent(sent: Sent, textMax = TEXT_MAX): Content | ContentRefusal {
  const blocks = sent.blocks ?? [];
  if (!Array.isArray(blocks)) return { error: 'invalid_blocks_format' };
  const text = sent.text ?? '';
  if (text === '' && blocks.length === 0) return { error: 'no_text' };
  if (text.length > textMax) return { error: 'msg_too_long' };
  const messages = checkBlocks(blocks, 'message');
  if (messages.length > 0) return { error: 'invalid_blocks', messages };
  if (areBlocksTooLong(blocks)) return { error: 'msg_blocks_too_long' };
  return { text, blocks: withIds(blocks) };
}
