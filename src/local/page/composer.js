// @ts-check
import { act } from './act.js';
import { freshId, h } from './dom.js';
import { hintsFor } from './hints.js';
import { world } from './state.js';

/** @typedef {Record<string, any>} Json */

const HISTORY_MAX = 50;

/**
 * The box to write in: Enter sends, Shift+Enter breaks the line, a slash shows what the app understands, arrow up brings back what
 * was sent.
 * @param {{ id: string, label: string, channel: string, threadTs: string | null, onSent: () => void }} options
 */
export function composer({ id, label, channel, threadTs, onSent }) {
  const listId = freshId('hints');
  const list = h('ul', { id: listId, class: 'hints', role: 'listbox', 'aria-label': 'Commands', hidden: true });
  const box = h('textarea', {
    id,
    rows: '1',
    placeholder: label,
    'aria-label': label,
    role: 'combobox',
    'aria-autocomplete': 'list',
    'aria-controls': listId,
    'aria-expanded': 'false',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const send = h('button', { type: 'submit', class: 'block-button primary', 'aria-label': 'Send' }, 'Send');
  /** @type {{ text: string, insert: string, description: string }[]} */
  let hints = [];
  let chosen = -1;
  /** How far back in what was sent; -1: not looking back. */
  let back = -1;

  function fit() {
    box.style.height = 'auto';
    box.style.height = `${Math.min(box.scrollHeight, 220)}px`;
  }

  function suggest() {
    hints = threadTs === null ? hintsFor(box.value, world()['commands']) : [];
    chosen = -1;
    show();
  }

  function show() {
    list.hidden = hints.length === 0;
    box.setAttribute('aria-expanded', String(hints.length > 0));
    const rows = hints.map((hint, at) =>
      h(
        'li',
        {
          id: `${listId}-${at}`,
          role: 'option',
          'aria-selected': String(at === chosen),
          onPointerdown: (/** @type {Event} */ event) => (event.preventDefault(), take(at)),
        },
        h('code', {}, hint.text),
        hint.description === '' ? null : h('small', {}, hint.description),
      ),
    );
    list.replaceChildren(...rows);
    if (chosen >= 0) box.setAttribute('aria-activedescendant', `${listId}-${chosen}`);
    else box.removeAttribute('aria-activedescendant');
    rows[chosen]?.scrollIntoView({ block: 'nearest' });
  }

  /** @param {number} at */
  function take(at) {
    const hint = hints[at];
    if (hint === undefined) return;
    put(hint.insert);
    suggest();
    box.focus();
  }

  /** @param {string} text */
  function put(text) {
    box.value = text;
    box.setSelectionRange(text.length, text.length);
    fit();
  }

  /** @param {number} step */
  function look(step) {
    const sent = history();
    back = Math.max(-1, Math.min(sent.length - 1, back + step));
    put(sent[back] ?? '');
    hints = [];
    show();
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.isComposing) return;
    const { key } = event;
    const isLooking = box.value === '' || back >= 0;
    if (key === 'Enter' && !event.shiftKey) {
      if (chosen >= 0) take(chosen);
      else void submit();
    } else if (key === 'Tab' && !event.shiftKey && hints.length > 0 && hints[Math.max(0, chosen)]?.insert !== box.value)
      take(Math.max(0, chosen));
    else if (key === 'Escape' && hints.length > 0) {
      hints = [];
      show();
    } else if (isLooking && key === 'ArrowUp') look(1);
    else if (isLooking && key === 'ArrowDown') look(-1);
    else if (hints.length > 0 && (key === 'ArrowDown' || key === 'ArrowUp')) {
      chosen = (chosen + (key === 'ArrowDown' ? 1 : -1) + hints.length) % hints.length;
      show();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  async function submit() {
    const text = box.value.trim();
    if (text === '') return;
    // As in Slack, a space before the slash makes it a message.
    const kind = box.value.startsWith('/') ? 'command' : 'say';
    // Nobody would get it: it stays here until somebody is there.
    if (document.body.classList.contains('offline')) return;
    const typed = box.value;
    keep(text);
    back = -1;
    put('');
    suggest();
    keepDraft('');
    onSent();
    const outcome = await act({ kind, channel, text, threadTs });
    if (outcome['isUnsent'] !== true || box.value !== '') return;
    put(typed);
    keepDraft(typed);
  }

  const draftKey = `draft ${world()['me']} ${channel} ${threadTs ?? ''}`;

  /** Kept over a look elsewhere, a reload, and a restart of the bot. @param {string} text */
  function keepDraft(text) {
    if (text === '') sessionStorage.removeItem(draftKey);
    else sessionStorage.setItem(draftKey, text);
  }

  box.addEventListener('keydown', onKey);
  box.addEventListener('input', () => {
    back = -1;
    fit();
    suggest();
    keepDraft(box.value);
  });
  box.value = sessionStorage.getItem(draftKey) ?? '';
  // It has no height before it is on the page.
  if (box.value !== '') requestAnimationFrame(fit);
  box.addEventListener('blur', () => {
    hints = [];
    show();
  });
  return h(
    'form',
    { class: 'composer', onSubmit: (/** @type {Event} */ event) => (event.preventDefault(), submit()) },
    list,
    h(
      'p',
      { class: 'offline-note', role: 'status' },
      'oombot does not answer, so nothing can be sent now. What you type is kept.',
    ),
    h('div', { class: 'composer-box' }, box, send),
  );
}

/** What this person sent, the newest first. @returns {string[]} */
function history() {
  const stored = sessionStorage.getItem(`history ${world()['me']}`);
  return stored === null ? [] : JSON.parse(stored);
}

/** @param {string} text */
function keep(text) {
  const all = [text, ...history().filter((one) => one !== text)].slice(0, HISTORY_MAX);
  sessionStorage.setItem(`history ${world()['me']}`, JSON.stringify(all));
}
