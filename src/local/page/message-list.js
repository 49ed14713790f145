// @ts-check
import { h } from './dom.js';
import { messageNode, timeOf } from './message.js';

/** @typedef {Record<string, any>} Json */

const NEAR_END_PX = 120;
const TOGETHER_MS = 16;
const SHOWN_MAX = 400; // Older ones leave the page; the next visit of the channel reads the newest again

/**
 * A list of messages that stays at its end while the reader is there.
 * @param {HTMLElement} place @param {{ openThread: ((ts: string) => void) | null, isOurs: (message: Json) => boolean, empty: string }} options
 */
export function messageList(place, { openThread, isOurs, empty }) {
  /** @type {Map<string, HTMLElement>} */
  const nodes = new Map();
  /** What the nodes show. @type {Map<string, Json>} */
  const shown = new Map();
  /** What came since the last look. @type {Map<string, Json | null>} */
  const waiting = new Map();
  /** Leads to what came below the window while the reader was elsewhere. */
  const below = h(
    'button',
    { type: 'button', class: 'new-below', hidden: true, onClick: () => goToEnd() },
    'New messages ↓',
  );
  let newBelow = 0;
  place.addEventListener('scroll', () => {
    if (isNearEnd()) seenAll();
  });

  function isNearEnd() {
    return place.scrollHeight - place.scrollTop - place.clientHeight < NEAR_END_PX;
  }

  function seenAll() {
    newBelow = 0;
    below.hidden = true;
  }

  /** Where the last message was shown from its beginning: who has not moved since is still with the newest. */
  let restsAt = -1;

  function clear() {
    nodes.clear();
    shown.clear();
    waiting.clear();
    place.replaceChildren();
  }

  /** What was read; what came live while it was on its way stays. @param {Json[]} messages */
  function fill(messages) {
    const last = messages.at(-1)?.['ts'] ?? '0';
    const newer = [...shown.values()].filter((message) => message['ts'] > last);
    const before = new Map(nodes);
    const same = new Map([...shown].map(([ts, message]) => [ts, JSON.stringify(message)]));
    nodes.clear();
    shown.clear();
    const wanted = [...messages, ...newer].filter(isOurs);
    for (const message of wanted) {
      const { ts } = message;
      // What did not change keeps its element, so that nobody's click or focus is lost.
      const kept = same.get(ts) === JSON.stringify(message) ? before.get(ts) : undefined;
      nodes.set(ts, kept ?? messageNode(message, openThread));
      shown.set(ts, message);
    }
    arrange();
    tidy();
    place.scrollTop = place.scrollHeight;
    seenAll();
  }

  /** Puts the elements in order without touching those that stand right. */
  function arrange() {
    const wanted = new Set(nodes.values());
    for (const child of place.querySelectorAll(':scope > *'))
      if (!(child instanceof HTMLElement) || !wanted.has(child)) child.remove();
    let next = place.firstElementChild;
    for (const node of wanted) {
      if (next === node) next = next.nextElementSibling;
      else place.insertBefore(node, next);
    }
  }

  /** @param {Json} message */
  function add(message) {
    const node = messageNode(message, openThread);
    nodes.set(message['ts'], node);
    shown.set(message['ts'], message);
    place.append(node);
    return node;
  }

  /** A new message, or a message as it is now. @param {Json} message */
  function put(message) {
    if (isOurs(message)) later(message['ts'], message);
  }

  /** @param {string} ts */
  function remove(ts) {
    later(ts, null);
  }

  /** A storm brings hundreds of changes at once: they are shown together. @param {string} ts @param {Json | null} message */
  function later(ts, message) {
    if (waiting.size === 0) setTimeout(flush, TOGETHER_MS);
    waiting.delete(ts);
    waiting.set(ts, message);
  }

  function flush() {
    const isAtEnd = place.scrollTop === restsAt || isNearEnd();
    for (const [ts, message] of [...waiting].slice(-SHOWN_MAX)) {
      const old = nodes.get(ts);
      if (message === null) drop(ts);
      else if (!isOurs(message))
        continue; // the reader went elsewhere meanwhile
      else if (old === undefined) {
        add(message).classList.add('arriving');
        newBelow += 1;
      } else replace(old, message);
    }
    waiting.clear();
    for (const ts of [...nodes.keys()].slice(0, -SHOWN_MAX)) drop(ts);
    tidy();
    if (isAtEnd) goToEnd();
    else if (newBelow > 0) {
      below.textContent = newBelow === 1 ? 'New message ↓' : `${newBelow} new messages ↓`;
      below.hidden = false;
    }
  }

  /** To the end; a message that is longer than the window is shown from its beginning. */
  function goToEnd() {
    place.scrollTop = place.scrollHeight;
    const last = [...nodes.values()].at(-1);
    if (last !== undefined && last.offsetHeight > place.clientHeight) {
      place.scrollTop += last.getBoundingClientRect().top - place.getBoundingClientRect().top - 8;
    }
    restsAt = place.scrollTop;
    seenAll();
  }

  /** @param {string} ts */
  function drop(ts) {
    nodes.get(ts)?.remove();
    nodes.delete(ts);
    shown.delete(ts);
  }

  /** The focus stays on the same control. @param {HTMLElement} old @param {Json} message */
  function replace(old, message) {
    const focused = old.contains(document.activeElement) ? document.activeElement?.getAttribute('data-action') : null;
    const node = messageNode(message, openThread);
    nodes.set(message['ts'], node);
    shown.set(message['ts'], message);
    old.replaceWith(node);
    if (!focused) return;
    const same = node.querySelector(`[data-action="${CSS.escape(focused)}"]`);
    if (same instanceof HTMLElement) same.focus();
  }

  /** Lines between days, and a word when there is nothing. */
  function tidy() {
    place.querySelectorAll('.day, .empty').forEach((one) => one.remove());
    if (nodes.size === 0) place.append(h('p', { class: 'empty' }, empty));
    let last = '';
    for (const [ts, node] of nodes) {
      const day = dayOf(timeOf(ts));
      if (day !== last) node.before(h('p', { class: 'day' }, h('span', {}, day)));
      last = day;
    }
  }

  place.after(below);
  return { clear, fill, put, remove, goToEnd };
}

/** @param {Date} at */
function dayOf(at) {
  if (at.toDateString() === new Date().toDateString()) return 'Today';
  return new Intl.DateTimeFormat('en', { weekday: 'long', month: 'long', day: 'numeric' }).format(at);
}
