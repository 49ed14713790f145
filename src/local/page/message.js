// @ts-check
import { act, actsIn } from './act.js';
import { blocks } from './blocks.js';
import { h, svg } from './dom.js';
import { menuButton } from './menu.js';
import { nameOf, state, world } from './state.js';
import { mrkdwn } from './text.js';

/** @typedef {Record<string, any>} Json */

/** The key of what is typed and chosen in a message. @param {Json} message */
export function surfaceOf(message) {
  return `${message['channel']}:${message['ts']}`;
}

/** @param {string} ts */
export function timeOf(ts) {
  return new Date(Number(ts) * 1000);
}

/**
 * One message. `openThread` is null inside a thread.
 * @param {Json} message @param {((ts: string) => void) | null} openThread
 */
export function messageNode(message, openThread) {
  const { user, ts } = message;
  const at = timeOf(ts);
  const isApp = user === world().botId;
  const time = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hour12: false }).format(at);
  const name = nameOf(user);
  const replies = message['reply_count'] ?? 0;
  return h(
    'article',
    { class: message['onlyForYou'] ? 'message only-you' : 'message', 'data-ts': ts, 'aria-label': `${name}, ${time}` },
    avatar(user),
    h(
      'div',
      { class: 'message-body' },
      message['onlyForYou']
        ? h('p', { class: 'only-you-line' }, h('span', { 'aria-hidden': 'true' }, '◉ '), 'Only visible to you')
        : null,
      h(
        'p',
        { class: 'message-head' },
        h('strong', {}, name),
        isApp ? h('span', { class: 'app-badge' }, 'App') : null,
        h('time', { datetime: at.toISOString(), title: at.toLocaleString('en') }, time),
        message['edited'] ? h('span', { class: 'edited' }, '(edited)') : null,
      ),
      content(message),
      openThread !== null && replies > 0
        ? h(
            'button',
            { type: 'button', class: 'replies', onClick: () => openThread(ts) },
            replyFaces(message),
            `${replies} ${replies === 1 ? 'reply' : 'replies'}`,
          )
        : null,
    ),
    tools(message, openThread),
  );
}

/** @param {Json} message */
function content(message) {
  const surface = actsIn({ channel: message['channel'], ts: message['ts'] }, surfaceOf(message));
  return h(
    'div',
    { class: 'blocks' },
    message['blocks'] ? blocks(message['blocks'], surface) : h('div', { class: 'text' }, mrkdwn(message['text'])),
  );
}

/** @param {string} user */
export function avatar(user) {
  const isApp = user === world().botId;
  const people = world().people;
  const at = people.findIndex((/** @type {Json} */ one) => one['id'] === user);
  const look = isApp ? 'avatar avatar-app' : at < 0 ? 'avatar avatar-slackbot' : `avatar avatar-${at % 5}`;
  return h('span', { class: look, 'aria-hidden': 'true' }, isApp ? '◎' : nameOf(user).slice(0, 1).toUpperCase());
}

/** @param {Json} message */
function replyFaces(message) {
  return h('span', { class: 'faces', 'aria-hidden': 'true' }, (message['reply_users'] ?? []).slice(0, 3).map(avatar));
}

/** @param {Json} message @param {((ts: string) => void) | null} openThread */
function tools(message, openThread) {
  const { channel, ts } = message;
  if (message['onlyForYou']) {
    return h(
      'div',
      { class: 'tools' },
      h('button', { type: 'button', class: 'quiet', onClick: () => act({ kind: 'dismiss', channel, ts }) }, 'Dismiss'),
    );
  }
  const items = world().shortcuts.map((/** @type {Json} */ one) => ({
    label: one['name'],
    choose: () => void act({ kind: 'messageShortcut', callbackId: one['callbackId'], channel, ts }),
  }));
  items.push({ label: 'Copy text', choose: () => void navigator.clipboard?.writeText(message['text']) });
  return h(
    'div',
    { class: 'tools' },
    openThread === null
      ? null
      : h(
          'button',
          { type: 'button', class: 'icon-button', 'aria-label': 'Reply in thread', onClick: () => openThread(ts) },
          bubble(),
        ),
    menuButton({ label: 'More actions', face: '⋯', items }),
  );
}

/** Forgets what was typed in a message that is gone. @param {Json} removed */
export function forget(removed) {
  state.values.delete(surfaceOf(removed));
}

function bubble() {
  const path =
    'M3 4.5A1.5 1.5 0 0 1 4.5 3h9A1.5 1.5 0 0 1 15 4.5v6a1.5 1.5 0 0 1-1.5 1.5H8l-3.5 3v-3A1.5 1.5 0 0 1 3 10.5z';
  return svg('svg', { viewBox: '0 0 18 18', class: 'icon', 'aria-hidden': 'true' }, svg('path', { d: path }));
}
