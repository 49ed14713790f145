// @ts-check
import { h } from './dom.js';
import { richText } from './rich-text.js';

/** @typedef {Record<string, any>} Json */

const PAGE_SIZE = 5; // Slack's default

/** @param {Json} cell */
function content(cell) {
  return cell.type === 'rich_text' ? richText(cell) : cell.text;
}

/** A data_table block: sorted by a click on a column, paged. @param {Json} block */
export function dataTable(block) {
  const [head, ...rows] = block.rows;
  const pageSize = block.page_size ?? PAGE_SIZE;
  /** @type {{ column: number | null, isDown: boolean, page: number }} */
  const view = { column: null, isDown: false, page: 0 };
  const pageCount = Math.max(1, Math.ceil(rows.length / pageSize));
  const body = h('tbody');
  const place = h('span', { class: 'pager-place', 'aria-live': 'polite' });
  const previous = h(
    'button',
    { type: 'button', class: 'quiet', 'aria-label': 'Previous page', onClick: () => turn(-1) },
    '‹',
  );
  const next = h('button', { type: 'button', class: 'quiet', 'aria-label': 'Next page', onClick: () => turn(1) }, '›');
  const heads = head.map((/** @type {Json} */ cell, /** @type {number} */ at) => {
    const isNumber = rows.every((/** @type {Json[]} */ row) => row[at]?.type === 'raw_number');
    const button = h('button', { type: 'button', class: 'sort', onClick: () => sortBy(at) }, cell.text);
    return h('th', { scope: 'col', class: isNumber ? 'align-right' : '' }, button);
  });

  /** @param {number} by */
  function turn(by) {
    view.page = Math.min(pageCount - 1, Math.max(0, view.page + by));
    draw();
  }

  /** @param {number} column */
  function sortBy(column) {
    const isNumber = rows[0]?.[column]?.type === 'raw_number';
    view.isDown = view.column === column ? !view.isDown : isNumber; // numbers: the largest first
    view.column = column;
    view.page = 0;
    draw();
  }

  /** @param {Json[]} a @param {Json[]} b */
  function compare(a, b) {
    const [one, other] = [a[view.column ?? 0], b[view.column ?? 0]];
    const order =
      one?.type === 'raw_number' && other?.type === 'raw_number'
        ? one.value - other.value
        : plain(one).localeCompare(plain(other), 'en', { numeric: true });
    return view.isDown ? -order : order;
  }

  function draw() {
    const sorted = view.column === null ? rows : rows.toSorted(compare);
    const from = view.page * pageSize;
    const shown = sorted.slice(from, from + pageSize);
    body.replaceChildren(
      ...shown.map((/** @type {Json[]} */ row) =>
        h(
          'tr',
          {},
          row.map((cell, at) => {
            const look = { class: cell.type === 'raw_number' ? 'align-right' : '' };
            return at === 0 ? h('th', { scope: 'row', ...look }, content(cell)) : h('td', look, content(cell));
          }),
        ),
      ),
    );
    heads.forEach((/** @type {HTMLElement} */ one, /** @type {number} */ at) => {
      const order = view.column !== at ? 'none' : view.isDown ? 'descending' : 'ascending';
      one.setAttribute('aria-sort', order);
    });
    place.textContent = `${from + 1} to ${from + shown.length} of ${rows.length}`;
    previous.disabled = view.page === 0;
    next.disabled = view.page === pageCount - 1;
  }

  draw();
  const grid = h('table', { class: 'grid' }, h('caption', {}, block.caption), h('thead', {}, h('tr', {}, heads)), body);
  return h(
    'div',
    { class: 'data-table' },
    scrolling(block.caption, grid),
    pageCount > 1 ? h('div', { class: 'pager' }, previous, place, next) : null,
  );
}

/** @param {Json | undefined} cell */
function plain(cell) {
  if (cell === undefined) return '';
  return typeof cell['text'] === 'string' ? cell['text'] : JSON.stringify(cell['elements']);
}

/** @param {string} label @param {HTMLElement} inside */
function scrolling(label, inside) {
  return h('div', { class: 'table-scroll', tabindex: '0', role: 'region', 'aria-label': label }, inside);
}
