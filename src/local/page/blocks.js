// @ts-check
import { chart } from './charts.js';
import { freshId, h, link } from './dom.js';
import { interactive, textObject } from './elements.js';
import { markdown } from './markdown.js';
import { richText } from './rich-text.js';
import { dataTable, table } from './tables.js';
import { emojis } from './text.js';

// Block Kit → elements.

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
    case 'divider':
      return h('hr');
    case 'section':
      return section(one, surface);
    case 'context':
      return one['elements'].map((/** @type {Json} */ element) =>
        element['type'] === 'image' ? image(element) : h('span', {}, textObject(element)),
      );
    case 'actions':
    case 'context_actions':
      return h(
        'div',
        { class: 'element-row' },
        one['elements'].map((/** @type {Json} */ element) => interactive(element, spot(one, surface))),
      );
    case 'image':
      return h(
        'figure',
        { class: 'image' },
        one['title'] ? h('figcaption', {}, textObject(one['title'])) : null,
        image(one),
      );
    case 'rich_text':
      return richText(one);
    case 'table':
      return table(one);
    case 'data_table':
      return dataTable(one);
    case 'data_visualization':
      return chart(one);
    case 'markdown':
      return markdown(one['text']);
    case 'container':
      return container(one, surface);
    case 'card':
      return card(one, surface);
    case 'carousel':
      return h(
        'div',
        { class: 'carousel', tabindex: '0', role: 'group', 'aria-label': 'Cards' },
        one['elements'].map((/** @type {Json} */ inner) => card(inner, surface)),
      );
    case 'alert':
      return h('div', { class: `alert alert-${one['level'] ?? 'default'}`, role: 'note' }, textObject(one['text']));
    case 'task_card':
      return task(one);
    case 'plan':
      return [h('h4', {}, one['title']), (one['tasks'] ?? []).map(task)];
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
  const textId = freshId('section');
  const text = one['text'] ? h('div', { class: 'text', id: textId }, textObject(one['text'])) : null;
  const fields = one['fields']?.map((/** @type {Json} */ field) => h('div', { class: 'field' }, textObject(field)));
  const { accessory } = one;
  const side =
    accessory === undefined
      ? null
      : accessory.type === 'image'
        ? image(accessory)
        : interactive(accessory, spot(one, surface, accessory.type === 'button' || !text ? null : textId));
  return h(
    'div',
    { class: 'section' },
    h('div', { class: 'section-text' }, text, fields ? h('div', { class: 'fields' }, fields) : null),
    side,
  );
}

/** Pictures are not fetched: nothing leaves this machine. @param {Json} one */
function image(one) {
  const text = `🖼 ${one['alt_text']}`;
  return one['image_url']
    ? h('span', { class: 'picture' }, link(one['image_url'], text))
    : h('span', { class: 'picture' }, text);
}

/** @param {Json} one @param {Surface} surface */
function container(one, surface) {
  const title = one['rich_text_title'] ? richText(one['rich_text_title']) : textObject(one['title']);
  const subtitle = one['subtitle'] ? h('small', {}, textObject(one['subtitle'])) : null;
  const children = h('div', { class: 'container-body' }, blocks(one['child_blocks'], surface));
  if (one['is_collapsible'] !== true)
    return h('section', { class: 'container' }, h('div', { class: 'container-head' }, title, subtitle), children);
  return h(
    'details',
    { class: 'container', open: one['default_collapsed'] !== true },
    h('summary', { class: 'container-head' }, h('span', {}, title), subtitle),
    children,
  );
}

/** @param {Json} one @param {Surface} surface */
function card(one, surface) {
  return h(
    'article',
    { class: 'card' },
    one['hero_image'] ? image(one['hero_image']) : null,
    one['title'] ? h('h4', {}, textObject(one['title'])) : null,
    one['subtitle'] ? h('small', {}, textObject(one['subtitle'])) : null,
    one['body'] ? h('p', {}, textObject(one['body'])) : null,
    one['actions']
      ? h(
          'div',
          { class: 'element-row' },
          one['actions'].map((/** @type {Json} */ element) => interactive(element, spot(one, surface))),
        )
      : null,
  );
}

const TASK_SIGNS = /** @type {Record<string, string>} */ ({
  pending: '○',
  in_progress: '◐',
  complete: '✓',
  error: '✕',
});

/** @param {Json} one */
function task(one) {
  const { status } = one;
  return h(
    'div',
    { class: `task task-${status}` },
    h('span', { class: 'task-sign', role: 'img', 'aria-label': status.replace('_', ' ') }, TASK_SIGNS[status] ?? '○'),
    h(
      'div',
      {},
      h('strong', {}, one['title']),
      one['details'] ? richText(one['details']) : null,
      one['output'] ? richText(one['output']) : null,
    ),
  );
}

/** @param {Json} one @param {Surface} surface */
function input(one, surface) {
  const labelId = freshId('label');
  const element = interactive(one['element'], {
    ...spot(one, surface, labelId),
    isInput: one['dispatch_action'] !== true,
  });
  const hint = one['hint'] ? h('small', { class: 'hint' }, textObject(one['hint'])) : null;
  return h(
    'div',
    { class: 'input-block' },
    h(
      'div',
      { class: 'input-label', id: labelId },
      emojis(one['label'].text),
      one['optional'] ? h('small', {}, ' (optional)') : null,
    ),
    element,
    hint,
    h('p', { class: 'input-error', hidden: true, id: `${labelId}-error` }),
  );
}
