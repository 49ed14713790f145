// @ts-check
import { freshId, h } from './dom.js';

/** @typedef {{ label: string, choose: () => void }} MenuItem */

/**
 * A button that opens a menu: arrow keys move, Enter chooses, Escape and a click elsewhere close.
 * @param {{ label: string, face: string, items: MenuItem[] }} options
 */
export function menuButton({ label, face, items }) {
  const id = freshId('menu');
  const button = h(
    'button',
    {
      type: 'button',
      class: 'icon-button',
      'aria-label': label,
      'aria-haspopup': 'menu',
      'aria-expanded': 'false',
      'aria-controls': id,
    },
    face,
  );
  const rows = items.map((item) =>
    h(
      'button',
      { type: 'button', role: 'menuitem', tabindex: '-1', onClick: () => (close(), item.choose()) },
      item.label,
    ),
  );
  const menu = h(
    'div',
    { id, class: 'menu', role: 'menu', 'aria-label': label, popover: 'manual', onKeydown: onKey },
    rows,
  );
  button.addEventListener('click', () => (menu.matches(':popover-open') ? close() : open()));

  function open() {
    menu.showPopover();
    button.setAttribute('aria-expanded', 'true');
    place(menu, button);
    rows[0]?.focus();
    document.addEventListener('pointerdown', onOutside, true);
  }

  function close() {
    if (!menu.matches(':popover-open')) return;
    menu.hidePopover();
    button.setAttribute('aria-expanded', 'false');
    document.removeEventListener('pointerdown', onOutside, true);
    button.focus();
  }

  /** @param {Event} event */
  function onOutside(event) {
    if (event.target instanceof Node && !menu.contains(event.target) && !button.contains(event.target)) close();
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const at = rows.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const step = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (step !== undefined) rows[(step + rows.length) % rows.length]?.focus();
    else if (event.key === 'Escape' || event.key === 'Tab') close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return h('span', { class: 'menu-place' }, button, menu);
}

/** Below the button, inside the window. @param {HTMLElement} menu @param {HTMLElement} button */
function place(menu, button) {
  const box = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = box.bottom + 4;
  const top = below + height > window.innerHeight ? Math.max(8, box.top - height - 4) : below;
  menu.style.top = `${top}px`;
  menu.style.left = `${Math.max(8, Math.min(box.left, window.innerWidth - width - 8))}px`;
}
