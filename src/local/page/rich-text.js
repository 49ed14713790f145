// @ts-check
import { h, link } from './dom.js';
import { emojiOf } from './emoji.js';
import { broadcast, channelMention, dateNode, groupMention, userMention } from './text.js';

/** @typedef {import('./dom.js').Child} Child */
/** @typedef {Record<string, any>} Json */

/** A rich_text block or cell → nodes. @param {Json} block @returns {Child[]} */
export function richText(block) {
  return block.elements.map(part);
}

/** @param {Json} element @returns {Child} */
function part(element) {
  switch (element.type) {
    case 'rich_text_section':
      return h('div', { class: 'rich-section' }, inlines(element.elements));
    case 'rich_text_preformatted':
      return h('pre', { tabindex: '0' }, inlines(element.elements));
    case 'rich_text_quote':
      return h('blockquote', {}, inlines(element.elements));
    case 'rich_text_list': {
      const items = element.elements.map((/** @type {Json} */ item) => h('li', {}, inlines(item.elements)));
      const indent = `indent-${Math.min(element.indent ?? 0, 8)}`;
      return element.style === 'ordered'
        ? h('ol', { class: indent, start: (element.offset ?? 0) + 1 }, items)
        : h('ul', { class: indent }, items);
    }
    default:
      return null;
  }
}

/** @param {Json[]} elements @returns {Child[]} */
function inlines(elements) {
  return elements.map((element) => withStyle(inline(element), element.style ?? {}));
}

/** @param {Json} element @returns {Child} */
function inline(element) {
  switch (element.type) {
    case 'text':
      return element.text;
    case 'link':
      return link(element.url, element.text ?? element.url);
    case 'user':
      return userMention(element.user_id);
    case 'channel':
      return channelMention(element.channel_id);
    case 'usergroup':
      return groupMention(element.usergroup_id);
    case 'broadcast':
      return broadcast(element.range);
    case 'emoji':
      return emojiOf(element.name) ?? `:${element.name}:`;
    case 'date':
      return dateNode(
        new Date(element.timestamp * 1000),
        element.format,
        element.url ?? null,
        element.fallback ?? null,
      );
    case 'color':
      return element.value;
    default:
      return null;
  }
}

/** @param {Child} node @param {Json} style @returns {Child} */
function withStyle(node, style) {
  let styled = node;
  if (style.code) styled = h('code', {}, styled);
  if (style.strike) styled = h('s', {}, styled);
  if (style.italic) styled = h('em', {}, styled);
  if (style.bold) styled = h('strong', {}, styled);
  if (style.underline) styled = h('u', {}, styled);
  return styled;
}
