// @ts-check
import { lexer } from './marked.js';
import { h, link } from './dom.js';
import { emojis, unescapeText } from './text.js';

/** @typedef {import('./dom.js').Child} Child */
/** @typedef {Record<string, any>} Token */

/** Standard Markdown → nodes. The library only cuts it into tokens; HTML in it stays text. @param {string} text @returns {Child[]} */
export function markdown(text) {
  return lexer(text, { gfm: true, breaks: true }).map(node);
}

/** @param {Token[] | undefined} tokens @returns {Child[]} */
function all(tokens) {
  return (tokens ?? []).map(node);
}

/** @param {Token} token @returns {Child} */
function node(token) {
  switch (token.type) {
    case 'heading':
      return h(
        'p',
        { class: 'md-heading', role: 'heading', 'aria-level': Math.min(token.depth + 2, 6) },
        all(token.tokens),
      );
    case 'paragraph':
      return h('p', {}, all(token.tokens));
    case 'text':
      return token.tokens ? all(token.tokens) : emojis(unescapeText(token.text));
    case 'escape':
      return token.text;
    case 'strong':
      return h('strong', {}, all(token.tokens));
    case 'em':
      return h('em', {}, all(token.tokens));
    case 'del':
      return h('s', {}, all(token.tokens));
    case 'codespan':
      return h('code', {}, token.text);
    case 'code':
      return h('pre', { tabindex: '0' }, token.text);
    case 'blockquote':
      return h('blockquote', {}, all(token.tokens));
    case 'list':
      return h(
        token.ordered ? 'ol' : 'ul',
        {},
        token.items.map((/** @type {Token} */ item) => h('li', {}, all(item.tokens))),
      );
    case 'link':
      return link(token.href, all(token.tokens));
    case 'image':
      return link(token.href, `[image: ${token.text}]`);
    case 'hr':
      return h('hr');
    case 'br':
      return h('br');
    case 'space':
      return null;
    case 'table':
      return table(token);
    default:
      return token.raw;
  }
}

/** @param {Token} token */
function table(token) {
  /** @param {Token} cell */
  function header(cell) {
    return h('th', { scope: 'col' }, all(cell.tokens));
  }
  /** @param {Token[]} row */
  function body(row) {
    return h(
      'tr',
      {},
      row.map((cell) => h('td', {}, all(cell.tokens))),
    );
  }
  const rows = h(
    'table',
    { class: 'grid' },
    h('thead', {}, h('tr', {}, token.header.map(header))),
    h('tbody', {}, token.rows.map(body)),
  );
  return h('div', { class: 'table-scroll', tabindex: '0', role: 'region', 'aria-label': 'Table' }, rows);
}
