import { z } from 'zod';

// Text and small objects of Block Kit as Slack takes them. Lengths count UTF-16 units of the text as sent (after escaping);
// Slack counts characters, so that this is never looser. `strictObject`: Slack refuses properties that it does not know.

export const blockId = z.string().min(1).max(255).optional();
export const actionId = z.string().min(1).max(255).optional();

export function plainText(maxLength: number) {
  return z.strictObject({
    type: z.literal('plain_text'),
    text: z.string().min(1).max(maxLength),
    emoji: z.boolean().optional(),
  });
}

export function mrkdwn(maxLength: number) {
  return z.strictObject({
    type: z.literal('mrkdwn'),
    text: z.string().min(1).max(maxLength),
    verbatim: z.boolean().optional(),
  });
}

export function anyText(maxLength: number) {
  return z.discriminatedUnion('type', [plainText(maxLength), mrkdwn(maxLength)]);
}

const slackFile = z.union([z.strictObject({ id: z.string().min(1) }), z.strictObject({ url: z.url() })]);

export const imageSource = {
  image_url: z
    .url({ protocol: /^https?$/ })
    .max(3000)
    .optional(),
  slack_file: slackFile.optional(),
};

export const imageElement = z
  .strictObject({ type: z.literal('image'), alt_text: z.string().min(1).max(2000), ...imageSource })
  .refine(hasOneImageSource, { message: 'must have exactly one of image_url and slack_file' });

/** Slack wants exactly one of the two. */
export function hasOneImageSource(image: { image_url?: unknown; slack_file?: unknown }): boolean {
  return (image.image_url === undefined) !== (image.slack_file === undefined);
}

export const confirm = z.strictObject({
  title: plainText(100),
  text: anyText(300),
  confirm: plainText(30),
  deny: plainText(30),
  style: z.enum(['primary', 'danger']).optional(),
});

const style = z
  .strictObject({
    bold: z.boolean().optional(),
    italic: z.boolean().optional(),
    strike: z.boolean().optional(),
    underline: z.boolean().optional(),
    code: z.boolean().optional(),
  })
  .optional();

const richTextText = z.strictObject({ type: z.literal('text'), text: z.string().min(1), style });
const richTextLink = z.strictObject({
  type: z.literal('link'),
  url: z.string().min(1).max(3000),
  text: z.string().optional(),
  unsafe: z.boolean().optional(),
  style,
});
const richTextElement = z.discriminatedUnion('type', [
  richTextText,
  richTextLink,
  z.strictObject({ type: z.literal('user'), user_id: z.string().min(1), style }),
  z.strictObject({ type: z.literal('channel'), channel_id: z.string().min(1), style }),
  z.strictObject({ type: z.literal('usergroup'), usergroup_id: z.string().min(1), style }),
  z.strictObject({ type: z.literal('broadcast'), range: z.enum(['here', 'channel', 'everyone']), style }),
  z.strictObject({ type: z.literal('color'), value: z.string().min(1), style }),
  z.strictObject({
    type: z.literal('emoji'),
    name: z.string().min(1),
    unicode: z.string().optional(),
    url: z.string().optional(),
    style,
  }),
  z.strictObject({
    type: z.literal('date'),
    timestamp: z.int(),
    format: z.string().min(1),
    url: z.string().optional(),
    fallback: z.string().optional(),
    style,
  }),
]);
const border = z.union([z.literal(0), z.literal(1)]).optional();
const richTextSection = z.strictObject({ type: z.literal('rich_text_section'), elements: z.array(richTextElement) });

export const richText = z.strictObject({
  type: z.literal('rich_text'),
  block_id: blockId,
  elements: z.array(
    z.discriminatedUnion('type', [
      richTextSection,
      z.strictObject({
        type: z.literal('rich_text_list'),
        style: z.enum(['bullet', 'ordered']),
        elements: z.array(richTextSection),
        indent: z.int().min(0).max(8).optional(),
        offset: z.int().min(0).optional(),
        border,
      }),
      z.strictObject({ type: z.literal('rich_text_quote'), elements: z.array(richTextElement), border }),
      z.strictObject({
        type: z.literal('rich_text_preformatted'),
        elements: z.array(z.discriminatedUnion('type', [richTextText, richTextLink])),
        border,
        language: z.string().optional(),
      }),
    ]),
  ),
});
