// @ts-check
import { askFirst } from './confirm.js';
import { h } from './dom.js';
import { remember, valuesOf } from './state.js';
import { textObject } from './text.js';

// The interactive elements that the bot sends. Each knows where it stands (`Spot`), and tells it what was clicked or chosen.

/** @typedef {Record<string, any>} Json */
/** @typedef {import('./dom.js').Child} Child */
/**
 * @typedef {object} Spot
 * @property {string} surface Which message or view: the key of what was typed there.
 * @property {string} blockId
 * @property {boolean} isInput In an input block: a choice is remembered, not sent.
 * @property {string | null} labelId The element that labels it.
 * @property {(element: Json, blockId: string, value: string | null) => Promise<void>} act
 */

/** @param {Json} element @param {Spot} spot @returns {HTMLElement} */
export function interactive(element, spot) {
  if (element['type'] === 'button') return button(element, spot);
  if (element['type'] === 'file_input')
    return h('p', { class: 'hint' }, 'Files can be attached in Slack only. Here: paste the lines above.');
  return element['type'] === 'static_select' ? select(element, spot) : field(element, spot);
}

/** What was put in here before, else what the app wants to begin with. @param {Json} element @param {Spot} spot @returns {string} */
function valueOf(element, spot) {
  const remembered = valuesOf(spot.surface)[spot.blockId]?.[element['action_id']];
  const initial = element['initial_option']?.value ?? element['initial_value'];
  return (remembered === undefined ? initial : remembered) ?? '';
}

/** @param {Json} element @param {Spot} spot */
function names(element, spot) {
  return {
    'aria-labelledby': spot.labelId,
    'aria-label': spot.labelId ? null : (element['placeholder']?.text ?? 'Choose'),
    'data-action': element['action_id'],
  };
}

/** @param {Json} element @param {Spot} spot */
function button(element, spot) {
  async function press() {
    if (element['confirm'] && !(await askFirst(element['confirm']))) return;
    face.setAttribute('aria-busy', 'true');
    await spot.act(element, spot.blockId, null);
    face.removeAttribute('aria-busy');
  }
  const face = h(
    'button',
    {
      type: 'button',
      class: `block-button ${element['style'] ?? ''}`,
      'data-action': element['action_id'],
      onClick: press,
    },
    textObject(element['text']),
  );
  return face;
}

/** @param {Json} element @param {Spot} spot */
function select(element, spot) {
  const box = h('select', { class: 'input', ...names(element, spot) });
  box.append(h('option', { value: '' }, element['placeholder']?.text ?? 'Choose …'));
  for (const one of element['options']) box.append(h('option', { value: one['value'] }, one['text'].text));
  box.value = valueOf(element, spot);
  box.addEventListener('change', () => {
    const value = box.value === '' ? null : box.value;
    remember(spot.surface, spot.blockId, element['action_id'], value);
    if (!spot.isInput) void spot.act(element, spot.blockId, value);
  });
  return box;
}

/** @param {Json} element @param {Spot} spot */
function field(element, spot) {
  const attributes = {
    class: 'input',
    ...names(element, spot),
    maxlength: element['max_length'],
    autocomplete: 'off',
    spellcheck: 'false',
  };
  const box = element['multiline']
    ? h('textarea', { ...attributes, rows: '8' })
    : h('input', { ...attributes, type: 'text' });
  box.value = valueOf(element, spot);
  box.addEventListener('input', () =>
    remember(spot.surface, spot.blockId, element['action_id'], box.value === '' ? null : box.value),
  );
  return box;
}
