import { z } from 'zod';
import { messageBlock, plainText, shownLength, viewBlock } from './block-schemas.ts';

export type Surface = 'message' | 'modal' | 'home';

const SURFACES = {
  message: z.array(messageBlock).max(50),
  modal: z.array(viewBlock).max(100),
  home: z.array(viewBlock).max(100),
};
const MESSAGE_CHARACTERS_MAX = 13_200; // All blocks of a message together: `msg_blocks_too_long`. Seen, not documented
const VIEW_BYTES_MAX = 250 * 1024;
const MESSAGES_MAX = 20; // Faults told for one payload; more help nobody

/** What is wrong with `blocks` on a surface, each as Slack words it with the JSON pointer of the bad field. Empty: nothing. */
export function checkBlocks(blocks: unknown, surface: Surface): string[] {
  const result = SURFACES[surface].safeParse(blocks);
  if (!result.success) return result.error.issues.map((issue) => describe(issue, '/blocks')).slice(0, MESSAGES_MAX);
  const faults = [...repeatedIds(result.data), ...(surface === 'message' ? messageFaults(result.data) : [])];
  return faults.slice(0, MESSAGES_MAX);
}

/** True: the blocks are more than one message holds (`msg_blocks_too_long`). */
export function areBlocksTooLong(blocks: unknown): boolean {
  return shownLength(blocks) > MESSAGE_CHARACTERS_MAX;
}

const viewCommon = {
  callback_id: z.string().max(255).optional(),
  private_metadata: z.string().max(3000).optional(),
  blocks: z.array(z.unknown()),
};
const viewShape = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('modal'),
    title: plainText(24),
    submit: plainText(24).optional(),
    close: plainText(24).optional(),
    ...viewCommon,
  }),
  z.strictObject({ type: z.literal('home'), ...viewCommon }),
]);

/** What is wrong with a view that should be a modal or a home. Empty: nothing. */
export function checkView(view: unknown, type: 'modal' | 'home'): string[] {
  const shape = viewShape.safeParse(view);
  if (!shape.success) return shape.error.issues.map((issue) => describe(issue, '/view')).slice(0, MESSAGES_MAX);
  if (shape.data.type !== type) return [fault(`must be of type ${type}`, '/view/type')];
  if (Buffer.byteLength(JSON.stringify(view)) > VIEW_BYTES_MAX) return [fault('must be less than 250 kB', '/view')];
  const { data } = shape;
  const hasInput = data.blocks.some((block) => z.object({ type: z.literal('input') }).safeParse(block).success);
  const needsSubmit = data.type === 'modal' && hasInput && data.submit === undefined;
  return [
    ...(needsSubmit ? [fault('missing required field: submit', '/view')] : []),
    ...checkBlocks(data.blocks, type).map((text) => text.replace('json-pointer:/blocks', 'json-pointer:/view/blocks')),
  ];
}

function messageFaults(blocks: { type: string }[]): string[] {
  const charts = blocks.filter((block) => block.type === 'data_visualization').length;
  return charts > 2 ? [fault('only two data_visualization blocks are allowed', '/blocks')] : [];
}

/** block_ids once in a message, action_ids once in a block. */
function repeatedIds(blocks: { block_id?: string | undefined }[]): string[] {
  const ids = blocks.map((block) => block.block_id);
  return blocks.flatMap((block, at) => [
    ...(block.block_id !== undefined && ids.indexOf(block.block_id) < at
      ? [fault(`block_id "${block.block_id}" already exists`, `/blocks/${at}`)]
      : []),
    ...[...repeated(actionIds(block))].map((id) =>
      fault(`action_id "${id}" already exists in this block`, `/blocks/${at}`),
    ),
  ]);
}

function actionIds(part: unknown): string[] {
  if (Array.isArray(part)) return part.flatMap(actionIds);
  if (typeof part !== 'object' || part === null) return [];
  return Object.entries(part).flatMap(([key, value]) =>
    key === 'action_id' && typeof value === 'string' ? [value] : actionIds(value),
  );
}

function repeated(ids: string[]): Set<string> {
  return new Set(ids.filter((id, at) => ids.indexOf(id) !== at));
}

function fault(text: string, pointer: string): string {
  return `[ERROR] ${text} [json-pointer:${pointer}]`;
}

// Slack: `[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]`, `must be more than 0 characters`,
// `missing required field: text`, `unsupported type: foo`, `additional property 'foo' is not allowed`.
function describe(issue: z.core.$ZodIssue, root: string): string {
  const pointer = [root, ...issue.path.map((step) => String(step).replaceAll('~', '~0').replaceAll('/', '~1'))].join(
    '/',
  );
  if (issue.code === 'too_big') {
    return fault(`must be less than ${Number(issue.maximum) + 1} ${unit(issue.origin)}`, pointer);
  }
  if (issue.code === 'too_small') {
    return fault(`must be more than ${Number(issue.minimum) - 1} ${unit(issue.origin)}`, pointer);
  }
  if (issue.code === 'unrecognized_keys') {
    return fault(`additional property ${issue.keys.map((key) => `'${key}'`).join(', ')} is not allowed`, pointer);
  }
  if (issue.code === 'invalid_union') return fault('unsupported type', pointer);
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined')) {
    return fault(`missing required field: ${String(issue.path.at(-1) ?? '')}`, pointer.replace(/\/[^/]*$/, ''));
  }
  if (issue.code === 'invalid_type') return fault(`must be a valid ${issue.expected}`, pointer);
  return fault(issue.message, pointer);
}

function unit(origin: string): string {
  if (origin === 'string') return 'characters';
  return origin === 'array' ? 'items' : '';
}
