import { elementsOf, type Element } from './block-ids.ts';
import type { Block } from './message.ts';

/** What a person typed or chose, or nothing. By block_id and action_id. */
export type RawValue = string | null;
export type RawValues = Record<string, Record<string, RawValue>>;

/** The state of every input as Slack sends it in `state.values`. What the person did not touch has its initial value. */
export function stateValues(blocks: Block[], raw: RawValues): Record<string, Record<string, unknown>> {
  const state: Record<string, Record<string, unknown>> = {};
  for (const { block, element } of elementsOf(blocks)) {
    if (element.type === 'button') continue;
    (state[block.block_id] ??= {})[element.action_id] = elementValue(element, valueOf(block, element, raw));
  }
  return state;
}

/** One element's value with its type, as it stands in `state.values` and in an action. */
export function elementValue(element: Element, value: RawValue): Record<string, unknown> {
  const { type } = element;
  if (type === 'button')
    return { type, text: element['text'], ...('value' in element ? { value: element['value'] } : {}) };
  if (type === 'static_select') return { type, selected_option: optionOf(element, value) };
  // No file leaves the browser here.
  if (type === 'file_input') return { type, files: [] };
  return { type, value: value === '' ? null : value };
}

/** Why a modal cannot be sent yet, by block_id; what Slack's own clients check before they ask the app. */
export function inputErrors(blocks: Block[], raw: RawValues): Record<string, string> {
  const errors: Record<string, string> = {};
  for (const { block, element } of elementsOf(blocks.filter((one) => one.type === 'input'))) {
    const value = valueOf(block, element, raw) ?? '';
    if (value === '' && block['optional'] !== true) errors[block.block_id] = 'Please complete this required field.';
    if (value === '' || element.type !== 'plain_text_input') continue;
    const [min, max] = [Number(element['min_length'] ?? 0), Number(element['max_length'] ?? 3000)];
    if (value.length < min) errors[block.block_id] = `Enter at least ${min} characters.`;
    if (value.length > max) errors[block.block_id] = `Enter at most ${max} characters.`;
  }
  return errors;
}

function valueOf(block: Block, element: Element, raw: RawValues): RawValue {
  const given = raw[block.block_id]?.[element.action_id];
  const chosen = element['initial_option'] as { value?: unknown } | undefined;
  const initial = chosen?.value ?? element['initial_value'];
  // An emptied field is empty, whatever it began with.
  return given === undefined ? (typeof initial === 'string' ? initial : null) : given;
}

function optionOf(element: Element, value: RawValue): unknown {
  const options: { value?: unknown }[] = Array.isArray(element['options']) ? element['options'] : [];
  return options.find((option) => option.value === value) ?? null;
}
