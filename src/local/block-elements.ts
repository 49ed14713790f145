import { z } from 'zod';
import { actionId, anyText, confirm, imageElement, mrkdwn, plainText } from './block-text.ts';

// Interactive elements. Those which ask the app for options while typing (external_select) are not spoken here.

const optionRest = {
  value: z.string().min(1).max(150),
  description: plainText(75).optional(),
  url: z.url().max(3000).optional(),
};
const plainOption = z.strictObject({ text: plainText(75), ...optionRest });
const anyOption = z.strictObject({ text: anyText(75), ...optionRest });
const optionGroup = z.strictObject({ label: plainText(75), options: z.array(plainOption).min(1).max(100) });

const common = { action_id: actionId, confirm: confirm.optional() };
const focus = { focus_on_load: z.boolean().optional() };
const placeholder = { placeholder: plainText(150).optional() };
const typing = {
  dispatch_action_config: z
    .strictObject({
      trigger_actions_on: z
        .array(z.enum(['on_enter_pressed', 'on_character_entered']))
        .min(1)
        .max(2),
    })
    .optional(),
};

interface WithOptions {
  options?: unknown[] | undefined;
  option_groups?: unknown[] | undefined;
}

function hasOneKindOfOptions(select: WithOptions): boolean {
  return (select.options === undefined) !== (select.option_groups === undefined);
}

const ONE_KIND = { message: 'must have exactly one of options and option_groups' };
const options100 = {
  options: z.array(plainOption).min(1).max(100).optional(),
  option_groups: z.array(optionGroup).min(1).max(100).optional(),
};

export const button = z.strictObject({
  type: z.literal('button'),
  ...common,
  text: plainText(75),
  value: z.string().max(2000).optional(),
  url: z.url().max(3000).optional(),
  style: z.enum(['primary', 'danger']).optional(),
  accessibility_label: z.string().min(1).max(75).optional(),
});

const overflow = z.strictObject({
  type: z.literal('overflow'),
  ...common,
  options: z.array(plainOption).min(1).max(5),
});

const selects = [
  z
    .strictObject({
      type: z.literal('static_select'),
      ...common,
      ...focus,
      ...placeholder,
      ...options100,
      initial_option: plainOption.optional(),
    })
    .refine(hasOneKindOfOptions, ONE_KIND),
  z
    .strictObject({
      type: z.literal('multi_static_select'),
      ...common,
      ...focus,
      ...placeholder,
      ...options100,
      initial_options: z.array(plainOption).min(1).max(100).optional(),
      max_selected_items: z.int().min(1).optional(),
    })
    .refine(hasOneKindOfOptions, ONE_KIND),
  picker('users_select', { initial_user: z.string().min(1).optional() }),
  picker('multi_users_select', {
    initial_users: z.array(z.string().min(1)).optional(),
    max_selected_items: z.int().min(1).optional(),
  }),
  picker('channels_select', {
    initial_channel: z.string().min(1).optional(),
    response_url_enabled: z.boolean().optional(),
  }),
  picker('conversations_select', {
    initial_conversation: z.string().min(1).optional(),
    default_to_current_conversation: z.boolean().optional(),
    response_url_enabled: z.boolean().optional(),
    filter: z
      .strictObject({
        include: z
          .array(z.enum(['im', 'mpim', 'private', 'public']))
          .min(1)
          .optional(),
        exclude_external_shared_channels: z.boolean().optional(),
        exclude_bot_users: z.boolean().optional(),
      })
      .optional(),
  }),
] as const;

const choices = [
  z.strictObject({
    type: z.literal('radio_buttons'),
    ...common,
    ...focus,
    options: z.array(anyOption).min(1).max(10),
    initial_option: anyOption.optional(),
  }),
  z.strictObject({
    type: z.literal('checkboxes'),
    ...common,
    ...focus,
    options: z.array(anyOption).min(1).max(10),
    initial_options: z.array(anyOption).min(1).max(10).optional(),
  }),
  picker('datepicker', { initial_date: z.iso.date().optional() }),
  picker('timepicker', {
    initial_time: z
      .string()
      .regex(/^([01]\d|2[0-3]):[0-5]\d$/)
      .optional(),
    timezone: z.string().min(1).optional(),
  }),
  z.strictObject({
    type: z.literal('datetimepicker'),
    ...common,
    ...focus,
    initial_date_time: z.int().min(1_000_000_000).max(9_999_999_999).optional(),
  }),
] as const;

const numberText = z
  .string()
  .regex(/^-?\d+(\.\d+)?$/)
  .optional();
const inputs = [
  z.strictObject({
    type: z.literal('plain_text_input'),
    action_id: actionId,
    ...focus,
    ...placeholder,
    ...typing,
    initial_value: z.string().max(3000).optional(),
    multiline: z.boolean().optional(),
    min_length: z.int().min(0).max(3000).optional(),
    max_length: z.int().min(1).max(3000).optional(),
  }),
  z.strictObject({
    type: z.literal('number_input'),
    action_id: actionId,
    ...focus,
    ...placeholder,
    ...typing,
    is_decimal_allowed: z.boolean(),
    initial_value: numberText,
    min_value: numberText,
    max_value: numberText,
  }),
  textInput('email_text_input'),
  textInput('url_text_input'),
] as const;

function picker<T extends string, S extends z.ZodRawShape>(type: T, shape: S) {
  return z.strictObject({ type: z.literal(type), ...common, ...focus, ...placeholder, ...shape });
}

function textInput<T extends string>(type: T) {
  return z.strictObject({
    type: z.literal(type),
    action_id: actionId,
    ...focus,
    ...placeholder,
    ...typing,
    initial_value: z.string().max(3000).optional(),
  });
}

const feedbackButton = z.strictObject({
  text: plainText(75),
  value: z.string().min(1).max(2000),
  accessibility_label: z.string().min(1).max(75).optional(),
});

/** What may stand at the right of a section. */
export const accessory = z.discriminatedUnion('type', [button, overflow, imageElement, ...selects, ...choices]);
/** What may stand in an `actions` block. */
export const actionElement = z.discriminatedUnion('type', [button, overflow, ...selects, ...choices]);
/** What may stand in an `input` block. */
export const inputElement = z.discriminatedUnion('type', [...inputs, ...selects, ...choices]);
/** What may stand in a `context` block. */
export const contextElement = z.discriminatedUnion('type', [imageElement, plainText(2000), mrkdwn(2000)]);
/** What may stand in a `context_actions` block. */
export const contextAction = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('feedback_buttons'),
    action_id: actionId,
    positive_button: feedbackButton,
    negative_button: feedbackButton,
  }),
  z.strictObject({
    type: z.literal('icon_button'),
    ...common,
    icon: z.enum(['trash']),
    text: plainText(75),
    value: z.string().max(2000).optional(),
    accessibility_label: z.string().min(1).max(75).optional(),
    visible_to_user_ids: z.array(z.string().min(1)).optional(),
  }),
]);
