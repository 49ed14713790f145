// @ts-check
import { h } from './dom.js';
import { dateNode } from './text.js';

/** @typedef {import('./dom.js').Child} Child */
/** @typedef {Record<string, any>} Json */

/** A rich_text block or cell → nodes. @param {Json} block @returns {Child[]} */
export function richText(block) {
  return block['elements'].map((/** @type {Json} */ part) =>
    part['type'] === 'rich_text_preformatted'
      ? h('pre', { tabindex: '0' }, inlines(part))
      : h('div', { class: 'rich-section' }, inlines(part)),
  );
}

/** @param {Json} part @returns {Child[]} */
function inlines(part) {
  return part['elements'].map((/** @type {Json} */ one) =>
    one['type'] === 'date'
      ? dateNode(new Date(one['timestamp'] * 1000), one['format'], null, one['fallback'] ?? null)
      : one['text'],
  );
}
