// @ts-check
// What the page knows. Changed by `main.js` as the server tells it.

/** @typedef {Record<string, any>} Json */

export const state = {
  /** @type {Json | null} */
  world: null,
  /** `home`, or the id of a channel. */
  place: '',
  /** The head of the open thread. @type {string | null} */
  threadTs: null,
  /** What was typed or chosen in messages and views, by surface, block_id and action_id. @type {Map<string, Json>} */
  values: new Map(),
};

/** @returns {Json} */
export function world() {
  return state.world ?? { people: [], channels: [], commands: [], shortcuts: [], controls: [], userGroups: [] };
}

/** @param {string} id @returns {Json | undefined} */
export function channelOf(id) {
  return world().channels.find((/** @type {Json} */ one) => one.id === id);
}

/** A person's name as shown. @param {string} id */
export function nameOf(id) {
  if (id === world().slackbotId) return 'Slackbot';
  return world().people.find((/** @type {Json} */ one) => one.id === id)?.realName ?? id;
}

/** The app's name as shown. */
export function botName() {
  return nameOf(world().botId);
}

/** A channel's name as shown. @param {string} id */
export function channelName(id) {
  const channel = channelOf(id);
  return channel === undefined ? id : channel.kind === 'im' ? nameOf(world().botId) : channel.name;
}

/** @param {string} surface @param {string} blockId @param {string} actionId @param {string | null} value */
export function remember(surface, blockId, actionId, value) {
  const values = valuesOf(surface);
  (values[blockId] ??= {})[actionId] = value;
  state.values.set(surface, values);
  // Of a window: what was typed outlasts a reload.
  sessionStorage.setItem('typed', JSON.stringify({ surface, values }));
}

/** What was typed or chosen in a message or view, by block_id and action_id. @param {string} surface @returns {Json} */
export function valuesOf(surface) {
  const stored = JSON.parse(sessionStorage.getItem('typed') ?? '{}');
  return state.values.get(surface) ?? (stored.surface === surface ? stored.values : {});
}
