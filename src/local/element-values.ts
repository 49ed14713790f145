import type { Block } from './message.ts';
import { elementsOf, type Element } from './block-ids.ts';

/** What a person typed or chose: text, a value, several values, or nothing. By block_id and action_id. */
export type RawValue = string | string[] | null;
export type RawValues = Record<string, Record<string, RawValue>>;

interface Option {
  value: string;
}

/** The state of every input as Slack sends it in `state.values`. What the person did not touch has its initial value. */
export function stateValues(blocks: Block[], raw: RawValues): Record<string, Record<string, unknown>> {
  const state: Record<string, Record<string, unknown>> = {};
  for (const { block, element } of elementsOf(blocks)) {
    if (['button', 'overflow', 'icon_button', 'feedback_buttons'].includes(element.type)) continue;
    const given = raw[block.block_id]?.[element.action_id];
    (state[block.block_id] ??= {})[element.action_id] = elementValue(element, given ?? initialValue(element));
  }
  return state;
}

/** One element's value with its type, as it stands in `state.values` and in an action. */
export function elementValue(element: Element, raw: RawValue): Record<string, unknown> {
  const { type } = element;
  const one = Array.isArray(raw) ? (raw[0] ?? null) : raw;
  const many = Array.isArray(raw) ? raw : raw === null ? [] : [raw];
  switch (type) {
    case 'button':
    case 'icon_button':
      return { type, text: element['text'], ...('value' in element ? { value: element['value'] } : {}) };
    case 'feedback_buttons':
      return { type, value: one };
    case 'overflow':
    case 'static_select':
    case 'radio_buttons':
      return { type, selected_option: optionsOf(element).find((option) => option.value === one) ?? null };
    case 'multi_static_select':
    case 'checkboxes':
      return { type, selected_options: optionsOf(element).filter((option) => many.includes(option.value)) };
    case 'users_select':
      return { type, selected_user: one };
    case 'multi_users_select':
      return { type, selected_users: many };
    case 'channels_select':
      return { type, selected_channel: one };
    case 'conversations_select':
      return { type, selected_conversation: one };
    case 'datepicker':
      return { type, selected_date: one };
    case 'timepicker':
      return { type, selected_time: one };
    case 'datetimepicker':
      return { type, selected_date_time: one === null ? null : Number(one) };
    default:
      return { type, value: one === '' ? null : one };
  }
}

/** Why a modal cannot be sent yet, by block_id; what Slack's own clients check before they ask the app. */
export function inputErrors(blocks: Block[], raw: RawValues): Record<string, string> {
  const errors: Record<string, string> = {};
  for (const { block, element } of elementsOf(blocks.filter((one) => one.type === 'input'))) {
    const value = raw[block.block_id]?.[element.action_id] ?? initialValue(element);
    const isEmpty = value === null || value.length === 0;
    const error = isEmpty
      ? block['optional'] === true
        ? null
        : 'Please complete this required field.'
      : valueError(element, value);
    if (error !== null) errors[block.block_id] = error;
  }
  return errors;
}

function valueError(element: Element, value: string | string[]): string | null {
  if (typeof value !== 'string') return null;
  const min = Number(element['min_value'] ?? -Infinity);
  const max = Number(element['max_value'] ?? Infinity);
  switch (element.type) {
    case 'number_input':
      if (!/^-?\d+(\.\d+)?$/.test(value)) return 'Enter a number.';
      if (element['is_decimal_allowed'] === false && value.includes('.')) return 'Enter a whole number.';
      if (Number(value) < min) return `Enter a number of at least ${min}.`;
      return Number(value) > max ? `Enter a number of at most ${max}.` : null;
    case 'email_text_input':
      return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value) ? null : 'Enter an email address.';
    case 'url_text_input':
      return URL.canParse(value) ? null : 'Enter a URL.';
    case 'plain_text_input':
      if (value.length < Number(element['min_length'] ?? 0))
        return `Enter at least ${Number(element['min_length'])} characters.`;
      return value.length > Number(element['max_length'] ?? 3000)
        ? `Enter at most ${Number(element['max_length'] ?? 3000)} characters.`
        : null;
    default:
      return null;
  }
}

function initialValue(element: Element): RawValue {
  const option = element['initial_option'];
  const options = element['initial_options'];
  if (isOption(option)) return option.value;
  if (Array.isArray(options)) return options.filter(isOption).map((one) => one.value);
  if (Array.isArray(element['initial_users'])) return element['initial_users'].map(String);
  const initial = [
    'initial_value',
    'initial_user',
    'initial_channel',
    'initial_conversation',
    'initial_date',
    'initial_time',
    'initial_date_time',
  ]
    .map((key) => element[key])
    .find((value) => value !== undefined);
  return typeof initial === 'string' || typeof initial === 'number' ? String(initial) : null;
}

function optionsOf(element: Element): Option[] {
  const groups = Array.isArray(element['option_groups']) ? element['option_groups'] : [];
  const grouped = groups.flatMap((group: { options?: unknown }) => group.options ?? []);
  const own = Array.isArray(element['options']) ? element['options'] : [];
  return [...own, ...grouped].filter(isOption);
}

function isOption(part: unknown): part is Option {
  return typeof part === 'object' && part !== null && 'value' in part && typeof part.value === 'string';
}
