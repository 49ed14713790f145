// @ts-check
import { askFirst } from './confirm.js';
import { freshId, h } from './dom.js';
import { menuButton } from './menu.js';
import { remember, state, world } from './state.js';
import { emojis, mrkdwn } from './text.js';

// The interactive elements of Block Kit. Each knows where it stands (`Spot`), and tells it what was clicked or chosen.

/** @typedef {Record<string, any>} Json */
/** @typedef {import('./dom.js').Child} Child */
/**
 * @typedef {object} Spot
 * @property {string} surface Which message or view: the key of what was typed there.
 * @property {string} blockId
 * @property {boolean} isInput In an input block: a choice is remembered, not sent.
 * @property {string | null} labelId The element that labels it.
 * @property {(element: Json, blockId: string, value: string | string[] | null) => Promise<void>} act
 */

/** A text object → nodes. @param {Json | undefined} text @returns {Child} */
export function textObject(text) {
  if (text === undefined || text === null) return null;
  return text['type'] === 'mrkdwn' ? mrkdwn(text['text']) : emojis(text['text']);
}

/** @param {Json} element @param {Spot} spot @returns {HTMLElement} */
export function interactive(element, spot) {
  const { type } = element;
  if (type === 'button') return button(element, spot);
  if (type === 'icon_button') return button({ ...element, style: undefined }, spot);
  if (type === 'feedback_buttons') return feedback(element, spot);
  if (type === 'overflow') return overflow(element, spot);
  if (type === 'radio_buttons' || type === 'checkboxes') return choices(element, spot);
  if (type.startsWith('multi_')) return multiSelect(element, spot);
  if (type.endsWith('_select')) return select(element, spot);
  return field(element, spot);
}

/** What was chosen here before, else what the app wants to begin with. @param {Json} element @param {Spot} spot */
function valueOf(element, spot) {
  const remembered = state.values.get(spot.surface)?.[spot.blockId]?.[element['action_id']];
  if (remembered !== undefined) return remembered;
  if (element['initial_option']) return element['initial_option'].value;
  if (element['initial_options']) return element['initial_options'].map((/** @type {Json} */ one) => one['value']);
  if (element['initial_users']) return element['initial_users'];
  for (const name of ['value', 'user', 'channel', 'conversation', 'date', 'time', 'date_time']) {
    if (element[`initial_${name}`] !== undefined) return String(element[`initial_${name}`]);
  }
  return null;
}

/** @param {Json} element @param {Spot} spot @param {string | string[] | null} value */
async function choose(element, spot, value) {
  remember(spot.surface, spot.blockId, element['action_id'], value);
  if (spot.isInput) return;
  if (element['confirm'] && !(await askFirst(element['confirm']))) return;
  await spot.act(element, spot.blockId, value);
}

/** @param {Json} element @param {Spot} spot */
function names(element, spot) {
  const label = element['placeholder']?.text ?? (spot.labelId ? null : 'Choose');
  return {
    'aria-labelledby': spot.labelId,
    'aria-label': spot.labelId ? null : label,
    'data-action': element['action_id'],
  };
}

/** @param {Json} element @param {Spot} spot */
function button(element, spot) {
  async function press() {
    if (element['confirm'] && !(await askFirst(element['confirm']))) return;
    if (element['url']) window.open(element['url'], '_blank', 'noopener,noreferrer');
    face.setAttribute('aria-busy', 'true');
    await spot.act(element, spot.blockId, null);
    face.removeAttribute('aria-busy');
  }
  const face = h(
    'button',
    {
      type: 'button',
      class: `block-button ${element['style'] ?? ''}`,
      'aria-label': element['accessibility_label'],
      'data-action': element['action_id'],
      onClick: press,
    },
    textObject(element['text']),
    element['url'] ? h('span', { class: 'external', 'aria-hidden': 'true' }, ' ↗') : null,
  );
  return face;
}

/** @param {Json} element @param {Spot} spot */
function feedback(element, spot) {
  /** @param {Json} one */
  function face(one) {
    return h(
      'button',
      {
        type: 'button',
        class: 'block-button',
        'aria-label': one['accessibility_label'],
        onClick: () => spot.act(element, spot.blockId, one['value']),
      },
      textObject(one['text']),
    );
  }
  return h('span', { class: 'element-row' }, face(element['positive_button']), face(element['negative_button']));
}

/** @param {Json} element @param {Spot} spot */
function overflow(element, spot) {
  const items = element['options'].map((/** @type {Json} */ option) => ({
    label: textObject(option['text']),
    description: textObject(option['description']),
    choose: () => choose(element, spot, option['value']),
  }));
  return menuButton({ label: 'More', face: '⋯', items, className: 'block-button square' });
}

/** @param {Json} element @param {Spot} spot */
function choices(element, spot) {
  const isMany = element['type'] === 'checkboxes';
  const name = freshId('choice');
  const chosen = new Set([valueOf(element, spot) ?? []].flat());
  /** @param {Json} option */
  function row(option) {
    const input = h('input', {
      type: isMany ? 'checkbox' : 'radio',
      name,
      value: option['value'],
      'data-action': element['action_id'],
    });
    input.checked = chosen.has(option['value']);
    input.addEventListener('change', () => {
      if (!isMany) chosen.clear();
      if (input.checked) chosen.add(option['value']);
      else chosen.delete(option['value']);
      void choose(element, spot, isMany ? [...chosen] : option['value']);
    });
    const description = option['description'] ? h('small', {}, textObject(option['description'])) : null;
    return h('label', { class: 'choice' }, input, h('span', {}, textObject(option['text']), description));
  }
  return h(
    'div',
    { class: 'choices', role: isMany ? 'group' : 'radiogroup', 'aria-labelledby': spot.labelId },
    element['options'].map(row),
  );
}

/** @param {Json} element @returns {{ label: string | null, options: { value: string, text: string }[] }[]} */
function optionGroups(element) {
  const { people, channels } = world();
  /** @param {Json} option */
  function own(option) {
    return { value: option['value'], text: option['text'].text };
  }
  if (element['option_groups']) {
    return element['option_groups'].map((/** @type {Json} */ one) => ({
      label: one['label'].text,
      options: one['options'].map(own),
    }));
  }
  if (element['options']) return [{ label: null, options: element['options'].map(own) }];
  if (element['type'].includes('users'))
    return [
      { label: null, options: people.map((/** @type {Json} */ one) => ({ value: one['id'], text: one['realName'] })) },
    ];
  const shown = channels.filter((/** @type {Json} */ one) => one['kind'] !== 'im');
  return [
    { label: null, options: shown.map((/** @type {Json} */ one) => ({ value: one['id'], text: `#${one['name']}` })) },
  ];
}

/** @param {Json} element @param {Spot} spot */
function select(element, spot) {
  const value = valueOf(element, spot);
  const box = h('select', { class: 'input', ...names(element, spot), autofocus: element['focus_on_load'] });
  box.append(h('option', { value: '' }, element['placeholder']?.text ?? 'Choose …'));
  for (const { label, options } of optionGroups(element)) {
    const rows = options.map((one) => h('option', { value: one.value }, emojis(one.text)));
    if (label === null) box.append(...rows);
    else box.append(h('optgroup', { label }, rows));
  }
  box.value = value ?? '';
  box.addEventListener('change', () => void choose(element, spot, box.value === '' ? null : box.value));
  return box;
}

/** @param {Json} element @param {Spot} spot */
function multiSelect(element, spot) {
  const options = optionGroups(element).flatMap(({ options: all }) => all);
  const asCheckboxes = options.map((one) => ({ value: one.value, text: { type: 'plain_text', text: one.text } }));
  const box = choices({ ...element, type: 'checkboxes', options: asCheckboxes }, spot);
  box.classList.add('multi-select');
  return box;
}

const KINDS = /** @type {Record<string, string>} */ ({
  datepicker: 'date',
  timepicker: 'time',
  datetimepicker: 'datetime-local',
  number_input: 'text',
  email_text_input: 'email',
  url_text_input: 'url',
});

/** @param {Json} element @param {Spot} spot */
function field(element, spot) {
  const value = valueOf(element, spot);
  const isDateTime = element['type'] === 'datetimepicker';
  const attributes = {
    class: 'input',
    ...names(element, spot),
    placeholder: element['placeholder']?.text,
    maxlength: element['max_length'],
    autofocus: element['focus_on_load'],
    inputmode: element['type'] === 'number_input' ? 'text' : null,
    autocomplete: 'off',
    spellcheck: 'false',
  };
  const box = element['multiline']
    ? h('textarea', { ...attributes, rows: '8' })
    : h('input', { ...attributes, type: KINDS[element['type']] ?? 'text' });
  box.value = isDateTime && value !== null ? localTime(Number(value)) : (value ?? '');
  function read() {
    if (box.value === '') return null;
    return isDateTime ? String(Math.floor(new Date(box.value).getTime() / 1000)) : box.value;
  }
  box.addEventListener('input', () => remember(spot.surface, spot.blockId, element['action_id'], read()));
  box.addEventListener('change', () => {
    if (!spot.isInput) void choose(element, spot, read());
  });
  return box;
}

/** Epoch seconds → the text of a datetime-local field. @param {number} seconds */
function localTime(seconds) {
  const at = new Date(seconds * 1000);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
