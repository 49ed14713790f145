// @ts-check
import { chart } from './charts.js';
import { freshId, h } from './dom.js';
import { interactive } from './elements.js';
import { richText } from './rich-text.js';
import { dataTable } from './tables.js';
import { textObject } from './text.js';

// Block Kit → elements: the blocks that the bot sends.

/** @typedef {Record<string, any>} Json */
/** @typedef {import('./dom.js').Child} Child */
/** @typedef {import('./elements.js').Spot} Spot */
/** @typedef {Pick<Spot, 'surface' | 'act'>} Surface */

/** @param {Json[]} all @param {Surface} surface @returns {HTMLElement[]} */
export function blocks(all, surface) {
  return all.map((one) =>
    h('div', { class: `block block-${one['type']}`, 'data-block': one['block_id'] }, block(one, surface)),
  );
}

/** @param {Json} one @param {Surface} surface @returns {Child} */
function block(one, surface) {
  switch (one['type']) {
    case 'header':
      return h('h3', { class: 'header' }, textObject(one['text']));
    case 'section':
      return section(one, surface);
    case 'context':
      return one['elements'].map((/** @type {Json} */ element) => h('span', {}, textObject(element)));
    case 'actions':
      return h(
        'div',
        { class: 'element-row' },
        one['elements'].map((/** @type {Json} */ element) => interactive(element, spot(one, surface))),
      );
    case 'rich_text':
      return richText(one);
    case 'data_table':
      return dataTable(one);
    case 'data_visualization':
      return chart(one);
    case 'input':
      return input(one, surface);
    default:
      return h('em', {}, `This page does not know the block ${one['type']}.`);
  }
}

/** @param {Json} one @param {Surface} surface @param {string | null} labelId @returns {Spot} */
function spot(one, surface, labelId = null) {
  return { ...surface, blockId: one['block_id'], isInput: false, labelId };
}

/** @param {Json} one @param {Surface} surface */
function section(one, surface) {
  const text = one['text'] ? h('div', { class: 'text' }, textObject(one['text'])) : null;
  const fields = one['fields']?.map((/** @type {Json} */ field) => h('div', { class: 'field' }, textObject(field)));
  return h(
    'div',
    { class: 'section' },
    h('div', { class: 'section-text' }, text, fields ? h('div', { class: 'fields' }, fields) : null),
    one['accessory'] ? interactive(one['accessory'], spot(one, surface)) : null,
  );
}

/** @param {Json} one @param {Surface} surface */
function input(one, surface) {
  const labelId = freshId('label');
  const element = interactive(one['element'], { ...spot(one, surface, labelId), isInput: true });
  const hint = one['hint'] ? h('small', { class: 'hint' }, textObject(one['hint'])) : null;
  return h(
    'div',
    { class: 'input-block' },
    h(
      'div',
      { class: 'input-label', id: labelId },
      one['label'].text,
      one['optional'] ? h('small', {}, ' (optional)') : null,
    ),
    element,
    hint,
    h('p', { class: 'input-error', hidden: true, id: `${labelId}-error` }),
  );
}
