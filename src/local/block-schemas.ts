import { z } from 'zod';
import { accessory, actionElement, button, contextAction, contextElement, inputElement } from './block-elements.ts';
import {
  anyText,
  blockId,
  hasOneImageSource,
  imageElement,
  imageSource,
  mrkdwn,
  plainText,
  richText,
} from './block-text.ts';

const TABLE_CHARACTERS_MAX = 10_000;

const header = z.strictObject({ type: z.literal('header'), block_id: blockId, text: plainText(150) });
const divider = z.strictObject({ type: z.literal('divider'), block_id: blockId });
const section = z
  .strictObject({
    type: z.literal('section'),
    block_id: blockId,
    text: anyText(3000).optional(),
    fields: z.array(anyText(2000)).min(1).max(10).optional(),
    accessory: accessory.optional(),
    expand: z.boolean().optional(),
  })
  .refine((block) => block.text !== undefined || block.fields !== undefined, {
    message: 'must have at least one of text and fields',
  });
const context = z.strictObject({
  type: z.literal('context'),
  block_id: blockId,
  elements: z.array(contextElement).min(1).max(10),
});
const actions = z.strictObject({
  type: z.literal('actions'),
  block_id: blockId,
  elements: z.array(actionElement).min(1).max(25),
});
const image = z
  .strictObject({
    type: z.literal('image'),
    block_id: blockId,
    alt_text: z.string().min(1).max(2000),
    title: plainText(2000).optional(),
    ...imageSource,
  })
  .refine(hasOneImageSource, { message: 'must have exactly one of image_url and slack_file' });

const rawText = z.strictObject({ type: z.literal('raw_text'), text: z.string().min(1) });
const table = z
  .strictObject({
    type: z.literal('table'),
    block_id: blockId,
    // `raw_number` is in the published types but was refused on posting, so that it is refused here.
    rows: z
      .array(
        z
          .array(z.discriminatedUnion('type', [rawText, richText]))
          .min(1)
          .max(20),
      )
      .min(1)
      .max(100),
    column_settings: z
      .array(
        z
          .strictObject({
            align: z.enum(['left', 'center', 'right']).optional(),
            is_wrapped: z.boolean().optional(),
          })
          .nullable(),
      )
      .max(20)
      .optional(),
  })
  .refine(fitsInTable, { message: `must have less than ${TABLE_CHARACTERS_MAX + 1} characters over all cells` });

const rawNumber = z.strictObject({ type: z.literal('raw_number'), value: z.number(), text: z.string().min(1) });
const dataCell = z.discriminatedUnion('type', [rawText, rawNumber, richText]);
const dataTable = z
  .strictObject({
    type: z.literal('data_table'),
    block_id: blockId,
    caption: z.string().min(1).max(2000),
    rows: z.array(z.array(dataCell).min(1).max(20)).min(2).max(101),
    page_size: z.int().min(1).max(100).optional(),
    row_header_column_index: z.int().min(0).max(19).optional(),
  })
  .refine((block) => block.rows.every((row) => row.length === block.rows[0]?.length), {
    message: 'all rows must have the same number of cells',
  })
  .refine((block) => (block.rows[0] ?? []).every((cell) => cell.type === 'raw_text'), {
    message: 'header cells must be raw_text',
  })
  .refine((block) => (block.row_header_column_index ?? 0) < (block.rows[0]?.length ?? 0), {
    message: 'row_header_column_index must be a column of the table',
  })
  .refine(fitsInTable, { message: `must have less than ${TABLE_CHARACTERS_MAX + 1} characters over all cells` });

/** All cells together. A number cell counts by its text. */
function fitsInTable(block: { rows: unknown[][] }): boolean {
  const length = block.rows.flat().reduce<number>((sum, cell) => sum + shownLength(cell), 0);
  return length <= TABLE_CHARACTERS_MAX;
}

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
const point = z.strictObject({ label: label20, value: z.number() });
const plotted = {
  series: z
    .array(z.strictObject({ name: label20, data: z.array(point).min(1).max(20) }))
    .min(1)
    .max(12)
    .refine((series) => areUnique(series.map((one) => one.name)), { message: 'names of series must be unique' }),
  axis_config: z.strictObject({
    categories: z.array(label20).min(1).max(20).refine(areUnique, { message: 'categories must be unique' }),
    x_label: z.string().min(1).max(50).optional(),
    y_label: z.string().min(1).max(50).optional(),
  }),
};
const chart = z
  .discriminatedUnion('type', [
    pie,
    z.strictObject({ type: z.literal('line'), ...plotted }),
    z.strictObject({ type: z.literal('bar'), ...plotted }),
    z.strictObject({ type: z.literal('area'), ...plotted }),
  ])
  .refine(
    (one) => one.type === 'pie' || one.series.every((series) => covers(series.data, one.axis_config.categories)),
    {
      message: 'every series must have exactly one point for each category',
    },
  );

function areUnique(names: string[]): boolean {
  return new Set(names).size === names.length;
}

function covers(data: { label: string }[], categories: string[]): boolean {
  const labels = data.map((one) => one.label);
  return labels.length === categories.length && areUnique(labels) && labels.every((name) => categories.includes(name));
}

const dataVisualization = z.strictObject({
  type: z.literal('data_visualization'),
  block_id: blockId,
  title: z.string().min(1).max(50),
  chart,
});

const markdown = z.strictObject({
  type: z.literal('markdown'),
  block_id: blockId,
  text: z.string().min(1).max(12_000),
});

// Children as `rich_text` and `input` are in the published types but were refused on posting, so that they are refused here.
const container = z
  .strictObject({
    type: z.literal('container'),
    block_id: blockId,
    title: plainText(150).optional(),
    rich_text_title: richText.optional(),
    subtitle: anyText(150).optional(),
    child_blocks: z
      .array(z.discriminatedUnion('type', [section, context, actions, header, divider, image, table]))
      .min(1)
      .max(10),
    width: z.enum(['narrow', 'standard', 'wide', 'full']).optional(),
    icon: imageElement.optional(),
    is_collapsible: z.boolean().optional(),
    default_collapsed: z.boolean().optional(),
    has_header_divider: z.boolean().optional(),
  })
  .refine((block) => block.title !== undefined || block.rich_text_title !== undefined, {
    message: 'must have one of title and rich_text_title',
  })
  .refine((block) => block.default_collapsed !== true || block.is_collapsible === true, {
    message: 'default_collapsed requires is_collapsible',
  });

const card = z.strictObject({
  type: z.literal('card'),
  block_id: blockId,
  hero_image: imageElement.optional(),
  icon: imageElement.optional(),
  title: mrkdwn(150).optional(),
  subtitle: mrkdwn(150).optional(),
  body: mrkdwn(200).optional(),
  actions: z.array(button).max(3).optional(),
});
const carousel = z.strictObject({
  type: z.literal('carousel'),
  block_id: blockId,
  elements: z.array(card).min(1).max(10),
});
const taskCard = z.strictObject({
  type: z.literal('task_card'),
  block_id: blockId,
  task_id: z.string().min(1).max(255),
  title: z.string().min(1),
  details: richText.optional(),
  output: richText.optional(),
  status: z.enum(['pending', 'in_progress', 'complete', 'error']),
});
const plan = z.strictObject({
  type: z.literal('plan'),
  block_id: blockId,
  title: z.string().min(1),
  tasks: z.array(taskCard).optional(),
});
const contextActions = z.strictObject({
  type: z.literal('context_actions'),
  block_id: blockId,
  elements: z.array(contextAction).min(1).max(5),
});
const alert = z.strictObject({
  type: z.literal('alert'),
  block_id: blockId,
  text: anyText(3000),
  level: z.enum(['default', 'info', 'warning', 'error', 'success']).optional(),
});
const input = z.strictObject({
  type: z.literal('input'),
  block_id: blockId,
  label: plainText(2000),
  hint: plainText(2000).optional(),
  optional: z.boolean().optional(),
  element: inputElement,
  dispatch_action: z.boolean().optional(),
});

const everywhere = [header, divider, section, context, actions, image, richText, input] as const;

/** One block of a message. */
export const messageBlock = z.discriminatedUnion('type', [
  ...everywhere,
  table,
  dataTable,
  dataVisualization,
  markdown,
  container,
  card,
  carousel,
  taskCard,
  plan,
  contextActions,
]);
/** One block of a modal. */
export const modalBlock = z.discriminatedUnion('type', [...everywhere, alert]);
/** One block of an App Home. */
export const homeBlock = z.discriminatedUnion('type', everywhere);
