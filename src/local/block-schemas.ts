import { z } from 'zod';

// Block Kit as Slack takes it, as far as the bot sends it. Lengths count UTF-16 units of the text as sent (after escaping); Slack counts
// characters, so that this is never looser. `strictObject`: Slack refuses properties that it does not know.

const TABLE_CHARACTERS_MAX = 10_000;

const blockId = z.string().min(1).max(255).optional();
const actionId = z.string().min(1).max(255).optional();

export function plainText(maxLength: number) {
  return z.strictObject({
    type: z.literal('plain_text'),
    text: z.string().min(1).max(maxLength),
    emoji: z.boolean().optional(),
  });
}

function mrkdwn(maxLength: number) {
  return z.strictObject({
    type: z.literal('mrkdwn'),
    text: z.string().min(1).max(maxLength),
    verbatim: z.boolean().optional(),
  });
}

function anyText(maxLength: number) {
  return z.discriminatedUnion('type', [plainText(maxLength), mrkdwn(maxLength)]);
}

const confirm = z.strictObject({
  title: plainText(100),
  text: anyText(300),
  confirm: plainText(30),
  deny: plainText(30),
  style: z.enum(['primary', 'danger']).optional(),
});
const button = z.strictObject({
  type: z.literal('button'),
  action_id: actionId,
  confirm: confirm.optional(),
  text: plainText(75),
  value: z.string().max(2000).optional(),
  style: z.enum(['primary', 'danger']).optional(),
});
const option = z.strictObject({ text: plainText(75), value: z.string().min(1).max(150) });
// "initial_option: … This option must exactly match one of the options within options".
const staticSelect = z
  .strictObject({
    type: z.literal('static_select'),
    action_id: actionId,
    placeholder: plainText(150).optional(),
    options: z.array(option).min(1).max(100),
    initial_option: option.optional(),
  })
  .refine(({ options, initial_option: initial }) => {
    return initial === undefined || options.some((one) => JSON.stringify(one) === JSON.stringify(initial));
  });
const plainTextInput = z.strictObject({
  type: z.literal('plain_text_input'),
  action_id: actionId,
  initial_value: z.string().max(3000).optional(),
  multiline: z.boolean().optional(),
  min_length: z.int().min(0).max(3000).optional(),
  max_length: z.int().min(1).max(3000).optional(),
});
const fileInput = z.strictObject({
  type: z.literal('file_input'),
  action_id: actionId,
  max_files: z.int().min(1).max(10).optional(),
});

const header = z.strictObject({ type: z.literal('header'), block_id: blockId, text: plainText(150) });
const section = z
  .strictObject({
    type: z.literal('section'),
    block_id: blockId,
    text: anyText(3000).optional(),
    fields: z.array(anyText(2000)).min(1).max(10).optional(),
    accessory: button.optional(),
  })
  .refine((block) => block.text !== undefined || block.fields !== undefined, {
    message: 'must have at least one of text and fields',
  });
const context = z.strictObject({
  type: z.literal('context'),
  block_id: blockId,
  elements: z.array(anyText(3000)).min(1).max(10),
});
const actions = z.strictObject({
  type: z.literal('actions'),
  block_id: blockId,
  elements: z
    .array(z.discriminatedUnion('type', [button, staticSelect]))
    .min(1)
    .max(25),
});
const input = z.strictObject({
  type: z.literal('input'),
  block_id: blockId,
  label: plainText(2000),
  hint: plainText(2000).optional(),
  optional: z.boolean().optional(),
  element: z.discriminatedUnion('type', [plainTextInput, staticSelect, fileInput]),
});

const richTextText = z.strictObject({ type: z.literal('text'), text: z.string().min(1) });
const richTextDate = z.strictObject({
  type: z.literal('date'),
  timestamp: z.int(),
  format: z.string().min(1),
  fallback: z.string().optional(),
});
const richText = z.strictObject({
  type: z.literal('rich_text'),
  block_id: blockId,
  elements: z.array(
    z.discriminatedUnion('type', [
      z.strictObject({
        type: z.literal('rich_text_section'),
        elements: z.array(z.discriminatedUnion('type', [richTextText, richTextDate])),
      }),
      z.strictObject({ type: z.literal('rich_text_preformatted'), elements: z.array(richTextText) }),
    ]),
  ),
});

const rawText = z.strictObject({ type: z.literal('raw_text'), text: z.string().min(1) });
const rawNumber = z.strictObject({ type: z.literal('raw_number'), value: z.number(), text: z.string().min(1) });
const dataTable = z
  .strictObject({
    type: z.literal('data_table'),
    block_id: blockId,
    caption: z.string().min(1).max(2000),
    rows: z
      .array(
        z
          .array(z.discriminatedUnion('type', [rawText, rawNumber, richText]))
          .min(1)
          .max(20),
      )
      .min(2)
      .max(101),
    page_size: z.int().min(1).max(100).optional(),
  })
  .refine((block) => block.rows.every((row) => row.length === block.rows[0]?.length), {
    message: 'all rows must have the same number of cells',
  })
  .refine((block) => (block.rows[0] ?? []).every((cell) => cell.type === 'raw_text'), {
    message: 'header cells must be raw_text',
  })
  // All cells together; a number cell counts by its text.
  .refine((block) => shownLength(block.rows) <= TABLE_CHARACTERS_MAX, {
    message: `must have less than ${TABLE_CHARACTERS_MAX + 1} characters over all cells`,
  });

const NOT_SHOWN = new Set(['type', 'block_id', 'action_id', 'style', 'value']);

/** Characters that a reader could see in a block or a part of one: every string but names of types, ids and values. */
export function shownLength(part: unknown): number {
  if (typeof part === 'string') return part.length;
  if (Array.isArray(part)) return part.reduce<number>((sum, item) => sum + shownLength(item), 0);
  if (typeof part !== 'object' || part === null) return 0;
  return Object.entries(part).reduce((sum, [key, value]) => sum + (NOT_SHOWN.has(key) ? 0 : shownLength(value)), 0);
}

const label20 = z.string().min(1).max(20);
const pie = z.strictObject({
  type: z.literal('pie'),
  segments: z
    .array(z.strictObject({ label: label20, value: z.number().positive() }))
    .min(1)
    .max(12),
});
const bar = z
  .strictObject({
    type: z.literal('bar'),
    series: z
      .array(
        z.strictObject({
          name: label20,
          data: z
            .array(z.strictObject({ label: label20, value: z.number() }))
            .min(1)
            .max(20),
        }),
      )
      .min(1)
      .max(12)
      .refine((series) => areUnique(series.map((one) => one.name)), { message: 'names of series must be unique' }),
    axis_config: z.strictObject({
      categories: z.array(label20).min(1).max(20).refine(areUnique, { message: 'categories must be unique' }),
      y_label: z.string().min(1).max(50).optional(),
    }),
  })
  .refine((one) => one.series.every((series) => covers(series.data, one.axis_config.categories)), {
    message: 'every series must have exactly one point for each category',
  });
const dataVisualization = z.strictObject({
  type: z.literal('data_visualization'),
  block_id: blockId,
  title: z.string().min(1).max(50),
  chart: z.discriminatedUnion('type', [pie, bar]),
});

function areUnique(names: string[]): boolean {
  return new Set(names).size === names.length;
}

function covers(data: { label: string }[], categories: string[]): boolean {
  const labels = data.map((one) => one.label);
  return labels.length === categories.length && areUnique(labels) && labels.every((name) => categories.includes(name));
}

const everywhere = [header, section, context, actions, richText, input] as const;

/** One block of a message. */
export const messageBlock = z.discriminatedUnion('type', [...everywhere, dataTable, dataVisualization]);
/** One block of a modal or an App Home. */
export const viewBlock = z.discriminatedUnion('type', everywhere);
