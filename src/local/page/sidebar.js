// @ts-check
import { act, notice } from './act.js';
import { h } from './dom.js';
import { avatar } from './message.js';
import { botName, state, world } from './state.js';

/** @typedef {Record<string, any>} Json */

/**
 * Everything in the sidebar, drawn anew at each change.
 * @param {{ switchTo: (person: string) => void, isOnline: boolean }} options
 * @returns {HTMLElement[]}
 */
export function sidebar({ switchTo, isOnline }) {
  const { team, channels, people, controls, sockets, botId } = world();
  const isConnected = isOnline && (sockets?.count ?? 0) > 0;
  const direct = channels.find((/** @type {Json} */ one) => one['kind'] === 'im');
  return [
    h(
      'div',
      { class: 'team' },
      h('strong', {}, team?.name ?? ''),
      h(
        'span',
        { class: isConnected ? 'status on' : 'status' },
        !isOnline ? 'Workspace stopped' : `${botName()} is ${isConnected ? '' : 'not '}connected`,
      ),
    ),
    h(
      'fieldset',
      { class: 'people' },
      h('legend', {}, 'You are'),
      people
        .filter((/** @type {Json} */ one) => one['id'] !== botId)
        .map((/** @type {Json} */ one) => person(one, switchTo)),
    ),
    section(
      'Channels',
      channels
        .filter((/** @type {Json} */ one) => one['kind'] !== 'im')
        .map((/** @type {Json} */ one) =>
          place(one['id'], one['kind'] === 'private' ? '🔒' : '#', one['name'], one['unread']),
        ),
    ),
    section('Apps', [
      place('home', avatar(botId), botName(), 0),
      direct ? place(direct['id'], '✉', `Messages with ${botName()}`, direct['unread']) : null,
    ]),
    controls.length > 0
      ? section('Replay a kill', controls.map(control), 'These are not in Slack: they make something happen here.')
      : null,
  ].filter((one) => one !== null);
}

/** @param {string} title @param {(HTMLElement | null)[]} rows @param {string} note */
function section(title, rows, note = '') {
  return h(
    'section',
    { class: 'side-section' },
    h('h2', {}, title),
    note === '' ? null : h('p', { class: 'side-note' }, note),
    h(
      'ul',
      {},
      rows.filter((one) => one !== null).map((row) => h('li', {}, row)),
    ),
  );
}

/** @param {Json} one @param {(person: string) => void} switchTo */
function person(one, switchTo) {
  const input = h('input', { type: 'radio', name: 'person', value: one['id'], class: 'visually-hidden' });
  input.checked = one['id'] === world()['me'];
  input.addEventListener('change', () => switchTo(one['id']));
  return h('label', { class: 'person' }, input, avatar(one['id']), h('span', {}, one['realName']));
}

/** @param {string} id @param {Node | string} sign @param {string} name @param {number} unread */
function place(id, sign, name, unread) {
  const isHere = state.place === id;
  return h(
    'a',
    { href: `#/${id}`, class: unread > 0 ? 'place unread' : 'place', 'aria-current': isHere ? 'page' : null },
    h('span', { class: 'place-sign', 'aria-hidden': 'true' }, sign),
    h('span', { class: 'place-name' }, name),
    unread > 0 ? h('span', { class: 'badge' }, unread, h('span', { class: 'visually-hidden' }, ' unread')) : null,
  );
}

/** @param {Json} one */
function control(one) {
  const button = h(
    'button',
    {
      type: 'button',
      class: 'control',
      async onClick() {
        button.disabled = true;
        const outcome = await act({ kind: 'control', id: one['id'] });
        button.disabled = false;
        if (outcome['ok'] && !outcome['said']) notice('Done.', false);
      },
    },
    h('span', {}, one['label']),
    one['description'] === '' ? null : h('small', {}, one['description']),
  );
  return button;
}
