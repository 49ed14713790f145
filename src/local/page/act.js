// @ts-check
import { byId, h } from './dom.js';
import { perform } from './server.js';
import { valuesOf, world } from './state.js';

/** @typedef {Record<string, any>} Json */

/** Does something as the person who is chosen, and says so when it did not work. @param {Json} deed @returns {Promise<Json>} */
export async function act(deed) {
  const outcome = await perform(world().me, deed);
  // What Slackbot says in the channel, and what a modal shows at its fields, is not said twice.
  const isShownElsewhere = deed['kind'] === 'command' || deed['kind'] === 'submit';
  if (!outcome['ok'] && (!isShownElsewhere || (outcome['isUnsent'] && deed['kind'] === 'command')))
    notice(outcome['error'], true);
  if (outcome['said']) notice(outcome['said'], false);
  return outcome;
}

/** What a click in a message or view does. @param {Json} place @param {string} surface */
export function actsIn(place, surface) {
  return {
    surface,
    /** @param {Json} element @param {string} blockId @param {string | null} value */
    async act(element, blockId, value) {
      const values = valuesOf(surface);
      await act({ kind: 'act', place, actionId: element['action_id'], blockId, value, values });
    },
  };
}

/** A line at the foot of the page that goes away by itself. @param {string} text @param {boolean} isError */
export function notice(text, isError) {
  const line = h('p', { class: isError ? 'notice notice-error' : 'notice' }, h('span', {}, text));
  const close = h(
    'button',
    { type: 'button', class: 'quiet', 'aria-label': 'Dismiss', onClick: () => line.remove() },
    '✕',
  );
  line.append(close);
  byId('notices').append(line);
  setTimeout(() => line.remove(), isError ? 12_000 : 6_000);
}
