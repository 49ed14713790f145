// @ts-check
import { act, actsIn } from './act.js';
import { blocks } from './blocks.js';
import { freshId, h } from './dom.js';
import { valuesOf } from './state.js';

// The open modal of the person, as a dialog of the browser: it keeps the focus inside and Escape closes it.

/** @typedef {Record<string, any>} Json */

/** @type {{ dialog: HTMLDialogElement, view: Json } | null} */
let shown = null;

/** Shows the modal that the person has open now. @param {Json | null} view */
export function showModal(view) {
  if (view === null) {
    hide();
    return;
  }
  if (shown?.view['id'] === view['id'] && shown?.view['hash'] === view['hash']) return;
  const keep = shown?.view['id'] === view['id'] ? focusKey() : null;
  if (shown === null) open(view);
  else shown.view = view;
  fill(view);
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
    void close();
  });
  document.body.append(dialog);
  shown = { dialog, view };
  dialog.showModal();
}

async function close() {
  if (shown !== null) await act({ kind: 'closeView', viewId: shown.view['id'] });
}

/** @param {Json} view */
function fill(view) {
  if (shown === null) return;
  const titleId = freshId('modal');
  const surface = view['id'];
  const body = h('div', { class: 'dialog-body blocks' }, blocks(view['blocks'], actsIn({ viewId: surface }, surface)));
  const submit = view['submit']
    ? h('button', { class: 'block-button primary', type: 'submit' }, view['submit'].text)
    : null;
  const cancel = h(
    'button',
    { class: 'block-button', type: 'button', onClick: close },
    view['close']?.text ?? 'Cancel',
  );
  const trouble = h('p', { class: 'dialog-error', role: 'alert', hidden: true });
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
      h('h2', { id: titleId }, view['title']?.text ?? ''),
      h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Close', onClick: close }, '✕'),
    ),
    body,
    h('footer', { class: 'dialog-foot' }, trouble, cancel, submit),
  );
  shown.dialog.setAttribute('aria-labelledby', titleId);
  shown.dialog.replaceChildren(form);
}

/** @param {Json} view @param {HTMLElement} form @param {HTMLElement} trouble @param {HTMLButtonElement | null} submit */
async function send(view, form, trouble, submit) {
  if (submit === null || submit.disabled) return;
  submit.disabled = true;
  submit.setAttribute('aria-busy', 'true');
  const outcome = await act({ kind: 'submit', viewId: view['id'], values: valuesOf(view['id']) });
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
    '.dialog-body input, .dialog-body textarea, .dialog-body select, .dialog-foot button[type="submit"]',
  );
  const target = same ?? first ?? shown.dialog.querySelector('button');
  if (target instanceof HTMLElement) target.focus();
}
