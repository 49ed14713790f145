// @ts-check
import { h } from './dom.js';
import { messageNode, timeOf } from './message.js';

/** @typedef {Record<string, any>} Json */

const NEAR_END_PX = 120;
const SHOWN_MAX = 400; // Older ones leave the page; the next visit of the channel reads the newest again

/**
 * A list of messages that stays at its end while the reader is there.
 * @param {HTMLElement} place @param {{ openThread: ((ts: string) => void) | null, isOurs: (message: Json) => boolean, empty: string }} options
 */
export function messageList(place, { openThread, isOurs, empty }) {
  /** @type {Map<string, HTMLElement>} */
  const nodes = new Map();

  /** @param {Json[]} messages */
  function fill(messages) {
    nodes.clear();
    place.replaceChildren();
    for (const message of messages) if (isOurs(message)) add(message);
    tidy();
    place.scrollTop = place.scrollHeight;
  }

  /** @param {Json} message */
  function add(message) {
    const node = messageNode(message, openThread);
    nodes.set(message['ts'], node);
    place.append(node);
    return node;
  }

  /** A new message, or a message as it is now. @param {Json} message */
  function put(message) {
    if (!isOurs(message)) return;
    const isAtEnd = place.scrollHeight - place.scrollTop - place.clientHeight < NEAR_END_PX;
    const old = nodes.get(message['ts']);
    if (old === undefined) add(message).classList.add('arriving');
    else replace(old, message);
    const oldest = nodes.keys().next().value;
    if (nodes.size > SHOWN_MAX && oldest !== undefined) {
      nodes.get(oldest)?.remove();
      nodes.delete(oldest);
    }
    tidy();
    if (isAtEnd) place.scrollTop = place.scrollHeight;
  }

  /** The focus stays on the same control, the open details stay open. @param {HTMLElement} old @param {Json} message */
  function replace(old, message) {
    const focused = old.contains(document.activeElement) ? document.activeElement?.getAttribute('data-action') : null;
    const isOpen = [...old.querySelectorAll('details')].map((one) => one.open);
    const node = messageNode(message, openThread);
    nodes.set(message['ts'], node);
    old.replaceWith(node);
    node.querySelectorAll('details').forEach((one, at) => (one.open = isOpen[at] ?? one.open));
    if (!focused) return;
    const same = node.querySelector(`[data-action="${CSS.escape(focused)}"]`);
    if (same instanceof HTMLElement) same.focus();
  }

  /** @param {string} ts */
  function remove(ts) {
    nodes.get(ts)?.remove();
    nodes.delete(ts);
    tidy();
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

  return { fill, put, remove };
}

/** @param {Date} at */
function dayOf(at) {
  if (at.toDateString() === new Date().toDateString()) return 'Today';
  return new Intl.DateTimeFormat('en', { weekday: 'long', month: 'long', day: 'numeric' }).format(at);
}
