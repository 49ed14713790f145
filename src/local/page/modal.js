// @ts-check
import { act, actsIn } from './act.js';
import { blocks } from './blocks.js';
import { freshId, h } from './dom.js';
import { state } from './state.js';
import { emojis } from './text.js';

// The topmost modal of the person, as a dialog of the browser: it keeps the focus inside and Escape closes it.

/** @typedef {Record<string, any>} Json */

/** @type {{ dialog: HTMLDialogElement, view: Json } | null} */
let shown = null;

/** Shows what is on the person's stack of modals now. @param {Json[]} views */
export function showModals(views) {
  const view = views.at(-1);
  if (view === undefined) {
    hide();
    return;
  }
  if (shown?.view['id'] === view['id'] && shown?.view['hash'] === view['hash']) return;
  const keep = shown?.view['id'] === view['id'] ? focusKey() : null;
  if (shown === null) open(view);
  else shown.view = view;
  fill(view, views.length);
  refocus(keep);
}

function hide() {
  shown?.dialog.close();
  shown?.dialog.remove();
  shown = null;
}

/** @param {Json} view */
function open(view) {
  const dialog = h('dialog', { class: 'dialog' });
  dialog.addEventListener('cancel', (event) => {
    event.preventDefault(); // the server closes it, and tells the app
    void closeTop(false);
  });
  document.body.append(dialog);
  shown = { dialog, view };
  dialog.showModal();
}

/** @param {boolean} all */
async function closeTop(all) {
  if (shown !== null) await act({ kind: 'closeView', viewId: shown.view['id'], all });
}

/** @param {Json} view @param {number} depth */
function fill(view, depth) {
  if (shown === null) return;
  const titleId = freshId('modal');
  const surface = view['id'];
  const body = h('div', { class: 'dialog-body blocks' }, blocks(view['blocks'], actsIn({ viewId: surface }, surface)));
  const submit = view['submit']
    ? h('button', { class: 'block-button primary', type: 'submit' }, emojis(view['submit'].text))
    : null;
  const close = h(
    'button',
    { class: 'block-button', type: 'button', onClick: () => closeTop(false) },
    emojis(view['close']?.text ?? 'Cancel'),
  );
  const trouble = h('p', { class: 'dialog-error', role: 'alert', hidden: true });
  const back =
    depth > 1
      ? h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Back', onClick: () => closeTop(false) }, '‹')
      : null;
  /** @type {HTMLFormElement} */
  const form = h(
    'form',
    {
      novalidate: true,
      onSubmit: (/** @type {Event} */ event) => (event.preventDefault(), send(view, form, trouble, submit)),
    },
    h(
      'header',
      { class: 'dialog-head' },
      back,
      h('h2', { id: titleId }, emojis(view['title']?.text ?? '')),
      h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Close', onClick: () => closeTop(true) }, '✕'),
    ),
    body,
    h('footer', { class: 'dialog-foot' }, trouble, close, submit),
  );
  shown.dialog.setAttribute('aria-labelledby', titleId);
  shown.dialog.replaceChildren(form);
}

/** @param {Json} view @param {HTMLElement} form @param {HTMLElement} trouble @param {HTMLButtonElement | null} submit */
async function send(view, form, trouble, submit) {
  if (submit === null || submit.disabled) return;
  submit.disabled = true;
  submit.setAttribute('aria-busy', 'true');
  const outcome = await act({ kind: 'submit', viewId: view['id'], values: state.values.get(view['id']) ?? {} });
  submit.disabled = false;
  submit.removeAttribute('aria-busy');
  trouble.hidden = outcome['ok'] || outcome['errors'] !== undefined;
  trouble.textContent = trouble.hidden ? '' : outcome['error'];
  mark(form, outcome['errors'] ?? {});
}

/** Writes each error below its input and goes to the first. @param {HTMLElement} form @param {Record<string, string>} errors */
function mark(form, errors) {
  let first = null;
  for (const block of form.querySelectorAll('.block-input')) {
    const line = block.querySelector('.input-error');
    const text = errors[block.getAttribute('data-block') ?? ''];
    if (!(line instanceof HTMLElement)) continue;
    line.hidden = text === undefined;
    line.textContent = text ?? '';
    for (const input of block.querySelectorAll('input, textarea, select')) {
      if (text === undefined) {
        input.removeAttribute('aria-invalid');
        input.removeAttribute('aria-describedby');
        continue;
      }
      input.setAttribute('aria-invalid', 'true');
      input.setAttribute('aria-describedby', line.id);
      first ??= input;
    }
  }
  if (first instanceof HTMLElement) first.focus();
}

function focusKey() {
  return document.activeElement?.getAttribute('data-action') ?? null;
}

/** @param {string | null} key */
function refocus(key) {
  if (shown === null) return;
  const same = key === null ? null : shown.dialog.querySelector(`[data-action="${CSS.escape(key)}"]`);
  const first = shown.dialog.querySelector(
    '[autofocus], .dialog-body input, .dialog-body textarea, .dialog-body select, .dialog-foot button[type="submit"]',
  );
  const target = same ?? first ?? shown.dialog.querySelector('button');
  if (target instanceof HTMLElement) target.focus();
}
