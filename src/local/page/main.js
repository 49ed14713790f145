// @ts-check
import { actsIn } from './act.js';
import { blocks } from './blocks.js';
import { composer } from './composer.js';
import { byId, h } from './dom.js';
import { forget } from './message.js';
import { messageList } from './message-list.js';
import { showModal } from './modal.js';
import { listen, perform, readMessages } from './server.js';
import { sidebar } from './sidebar.js';
import { botName, channelName, channelOf, state, world } from './state.js';

/** @typedef {Record<string, any>} Json */

let isOnline = false;
/** @type {EventSource | null} */
let source = null;

const list = messageList(byId('messages'), {
  openThread: (ts) => void openThread(ts),
  isOurs: (message) => message['channel'] === state.place && isInChannel(message),
  empty: 'Nothing here yet. Type / to see what the bot understands.',
});
/** @type {ReturnType<typeof messageList> | null} */
let threadList = null;

/** A reply belongs into its thread alone, unless it was also sent to the channel. @param {Json} message */
function isInChannel(message) {
  return !message['thread_ts'] || message['thread_ts'] === message['ts'] || message['subtype'] === 'thread_broadcast';
}

/** @param {string} person */
function connect(person) {
  source?.close();
  state.values.clear();
  source = listen(person, { hello, message, removed, unread, sockets, modal: showModal, home }, (isThere) => {
    isOnline = isThere;
    document.body.classList.toggle('offline', !isThere);
    drawSidebar();
  });
}

/** @param {Json} data */
function hello(data) {
  state.world = data;
  sessionStorage.setItem('person', data['me']);
  showModal(data['modal']);
  list.clear();
  if (location.hash.length < 3) location.replace(`#/${data['channels'][0]?.id ?? 'home'}`);
  void go();
}

/** @param {Json} data */
function message(data) {
  list.put(data);
  threadList?.put(data);
  if (data['channel'] === state.place && document.visibilityState === 'visible') void markRead();
}

/** @param {Json} data */
function removed(data) {
  forget(data);
  if (data['channel'] === state.place) list.remove(data['ts']);
  threadList?.remove(data['ts']);
}

/** @param {Json} data */
function unread(data) {
  const channel = channelOf(data['channel']);
  if (channel === undefined) return;
  channel['unread'] = data['channel'] === state.place && document.visibilityState === 'visible' ? 0 : data['count'];
  drawSidebar();
}

/** @param {Json} data */
function sockets(data) {
  if (state.world !== null) state.world['sockets'] = data;
  drawSidebar();
}

/** @param {Json | null} view */
function home(view) {
  if (state.world !== null) state.world['home'] = view;
  if (state.place === 'home') drawHome();
}

let reading = false;

/** One request at a time, however fast messages come. */
async function markRead() {
  if (reading || channelOf(state.place) === undefined) return;
  reading = true;
  await perform(world()['me'], { kind: 'read', channel: state.place });
  reading = false;
}

let isDrawing = false;

/** Once for all changes of one frame: a storm brings hundreds. */
function drawSidebar() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    drawSidebarNow();
  });
}

function drawSidebarNow() {
  if (state.world === null) return;
  const focused = document.activeElement;
  const key = focused?.getAttribute('href') ?? (focused instanceof HTMLInputElement ? focused.value : null);
  const hadFocus = focused !== null && byId('sidebar').contains(focused);
  byId('sidebar').replaceChildren(...sidebar({ switchTo: connect, isOnline }));
  const again =
    key === null
      ? null
      : [...byId('sidebar').querySelectorAll('a, input')].find(
          (one) => one.getAttribute('href') === key || one.getAttribute('value') === key,
        );
  if (hadFocus && again instanceof HTMLElement) again.focus();
}

/** Shows what the address says. */
async function go() {
  const place = location.hash.slice(2);
  if (place !== state.place) closeThread();
  state.place = channelOf(place) === undefined ? 'home' : place;
  toggleDrawer(false);
  const isHome = state.place === 'home';
  const channel = channelOf(state.place);
  byId('home').hidden = !isHome;
  byId('messages').hidden = isHome;
  byId('composer-place').hidden = isHome;
  byId('title').textContent = isHome || channel?.['kind'] === 'im' ? botName() : `# ${channelName(state.place)}`;
  byId('subtitle').textContent =
    channel !== undefined && !channel['hasBot'] ? `${botName()} is not in this channel` : '';
  drawTabs(isHome || channel?.['kind'] === 'im');
  document.title = `${isHome ? botName() : channelName(state.place)}: local workspace`;
  if (isHome) {
    drawHome();
    void perform(world()['me'], { kind: 'openHome', tab: 'home' });
  } else {
    const label = channel?.['kind'] === 'im' ? `Message ${botName()}` : `Message #${channelName(state.place)}`;
    byId('composer-place').replaceChildren(
      composer({ id: 'composer', label, channel: state.place, threadTs: null, onSent: list.goToEnd }),
    );
    byId('messages').setAttribute('aria-label', `Messages in ${channelName(state.place)}`);
    list.fill(await readMessages(world()['me'], state.place));
    if (state.threadTs !== null) await openThread(state.threadTs);
    void markRead();
    if (window.matchMedia('(min-width: 800px)').matches && document.activeElement === document.body)
      byId('composer').focus();
  }
  drawSidebar();
}

/** @param {boolean} isApp */
function drawTabs(isApp) {
  const tabs = byId('tabs');
  tabs.hidden = !isApp;
  const direct = world()['channels'].find((/** @type {Json} */ one) => one['kind'] === 'im');
  /** @param {string} id @param {string} name */
  function tab(id, name) {
    return h('a', { href: `#/${id}`, 'aria-current': state.place === id ? 'page' : null }, name);
  }
  if (isApp) tabs.replaceChildren(tab('home', 'Home'), direct ? tab(direct['id'], 'Messages') : '');
}

function drawHome() {
  const view = world()['home'];
  const place = byId('home');
  if (view === null || view === undefined)
    place.replaceChildren(h('p', { class: 'empty' }, `${botName()} has not drawn its home yet.`));
  else
    place.replaceChildren(
      h('div', { class: 'blocks' }, blocks(view['blocks'], actsIn({ viewId: view['id'] }, view['id']))),
    );
}

/** @param {string} ts */
async function openThread(ts) {
  state.threadTs = ts;
  const place = byId('thread');
  const messages = h('div', { class: 'messages', role: 'log', 'aria-label': 'Replies', tabindex: '-1' });
  const close = h(
    'button',
    { type: 'button', class: 'icon-button', 'aria-label': 'Close thread', onClick: closeThread },
    '✕',
  );
  place.replaceChildren(
    h(
      'header',
      { class: 'bar' },
      h('div', { class: 'bar-title' }, h('h2', {}, 'Thread'), h('p', {}, `# ${channelName(state.place)}`)),
      close,
    ),
    messages,
    composer({
      id: 'reply',
      label: 'Reply …',
      channel: state.place,
      threadTs: ts,
      onSent: () => threadList?.goToEnd(),
    }),
  );
  place.hidden = false;
  const channel = state.place;
  threadList = messageList(messages, {
    openThread: null,
    isOurs: (message) => message['channel'] === channel && (message['ts'] === ts || message['thread_ts'] === ts),
    empty: 'No replies yet.',
  });
  threadList.fill(await readMessages(world()['me'], channel, ts));
  byId('reply').focus();
}

function closeThread() {
  const hadFocus = byId('thread').contains(document.activeElement);
  state.threadTs = null;
  threadList = null;
  byId('thread').hidden = true;
  byId('thread').replaceChildren();
  if (hadFocus) document.getElementById('composer')?.focus();
}

/** @param {boolean} isOpen */
function toggleDrawer(isOpen) {
  document.body.classList.toggle('drawer-open', isOpen);
  byId('scrim').hidden = !isOpen;
  byId('drawer').setAttribute('aria-expanded', String(isOpen));
  if (isOpen) byId('sidebar').querySelector('a')?.focus();
}

const THEMES = /** @type {const} */ ({ auto: '◐ Auto', light: '☀ Light', dark: '☾ Dark' });

/** @param {boolean} next */
function theme(next) {
  const names = /** @type {(keyof typeof THEMES)[]} */ (Object.keys(THEMES));
  const now = names.find((one) => one === localStorage.getItem('theme')) ?? 'auto';
  const name = next ? (names[(names.indexOf(now) + 1) % names.length] ?? 'auto') : now;
  localStorage.setItem('theme', name);
  if (name === 'auto') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = name;
  byId('theme').textContent = THEMES[name];
  byId('theme').setAttribute('aria-label', `Colours: ${name}`);
}

window.addEventListener('hashchange', () => void go());
document.addEventListener('visibilitychange', () => void markRead());
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  if (document.body.classList.contains('drawer-open')) toggleDrawer(false);
  else if (state.threadTs !== null) closeThread();
});
byId('drawer').addEventListener('click', () => toggleDrawer(true));
byId('scrim').addEventListener('click', () => toggleDrawer(false));
byId('theme').addEventListener('click', () => theme(true));
theme(false);
// The address holds the channel, so that these do not change it.
for (const skip of document.querySelectorAll('a.skip')) {
  skip.addEventListener('click', (event) => {
    event.preventDefault();
    document.getElementById(skip.getAttribute('href')?.slice(1) ?? '')?.focus();
  });
}
// The token is in the cookie by now, and belongs into no history, bookmark or screenshot.
if (location.search !== '') history.replaceState(null, '', `/${location.hash}`);
connect(sessionStorage.getItem('person') ?? ''); // nobody yet: the server takes the first
