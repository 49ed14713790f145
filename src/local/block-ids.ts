import { randomBytes } from 'node:crypto';
import type { Block } from './message.ts';

const INTERACTIVE = new Set(['button', 'static_select', 'plain_text_input', 'file_input']);

export type Element = { type: string; action_id: string } & Record<string, unknown>;

/** Blocks that passed the rules, with the ids that Slack makes up where the app gave none. */
export function withIds(blocks: unknown): Block[] {
  if (!Array.isArray(blocks)) return [];
  return blocks.filter(isRecord).map(({ type, block_id: givenId, ...rest }) => ({
    type: typeof type === 'string' ? type : '',
    block_id: typeof givenId === 'string' ? givenId : madeUpId(),
    ...Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, withActionIds(value)])),
  }));
}

/** Every interactive element of the blocks with the block it stands in. */
export function elementsOf(blocks: Block[]): { block: Block; element: Element }[] {
  return blocks.flatMap((block) => collect(Object.values(block)).map((element) => ({ block, element })));
}

function collect(part: unknown): Element[] {
  if (Array.isArray(part)) return part.flatMap(collect);
  if (!isRecord(part)) return [];
  if (isElement(part)) return [part];
  return Object.values(part).flatMap(collect);
}

function isElement(part: Record<string, unknown>): part is Element {
  return INTERACTIVE.has(String(part['type'])) && typeof part['action_id'] === 'string';
}

function withActionIds(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(withActionIds);
  if (!isRecord(part)) return part;
  const copy = Object.fromEntries(Object.entries(part).map(([key, value]) => [key, withActionIds(value)]));
  return INTERACTIVE.has(String(part['type'])) ? { ...copy, action_id: part['action_id'] ?? madeUpId() } : copy;
}

function isRecord(part: unknown): part is Record<string, unknown> {
  return typeof part === 'object' && part !== null && !Array.isArray(part);
}

function madeUpId(): string {
  return randomBytes(4).toString('base64url');
}
