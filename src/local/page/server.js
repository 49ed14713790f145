// @ts-check
// What the page asks of the server. Each request carries the secret that was written into the page.

const RELOAD_AFTER_MS = 1_500;

const session = document.querySelector('meta[name="session"]')?.getAttribute('content') ?? '';

/** This page, among all that are open: a window opens where it was asked for. */
const tab = crypto.randomUUID();

/** @typedef {Record<string, any>} Json */

/** @param {string} path @param {Json} body @returns {Promise<Json>} */
async function post(path, body) {
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-session': session },
      body: JSON.stringify(body),
    });
    return await response.json();
  } catch {
    return { ok: false, isUnsent: true, error: 'Not sent: oombot does not answer. Is it still running?' };
  }
}

/** Does something as a person. @param {string} person @param {Json} deed */
export function perform(person, deed) {
  return post('/page/do', { person, tab, deed });
}

/**
 * The newest messages of a channel, or of one thread, oldest first.
 * @param {string} person @param {string} channel @param {string | null} threadTs
 * @returns {Promise<Json[]>}
 */
export async function readMessages(person, channel, threadTs = null) {
  const answer = await post('/page/messages', { person, channel, threadTs });
  return answer.messages ?? [];
}

/**
 * Live changes for one person. The browser reconnects by itself, and `hello` then starts anew.
 * @param {string} person
 * @param {Record<string, (data: any) => void>} listeners
 * @param {(isThere: boolean) => void} onConnection
 */
export function listen(person, listeners, onConnection) {
  const source = new EventSource(
    `/page/events?person=${encodeURIComponent(person)}&tab=${tab}&session=${encodeURIComponent(session)}`,
  );
  for (const [name, listener] of Object.entries(listeners)) {
    source.addEventListener(name, (event) => listener(JSON.parse(event.data)));
  }
  source.onopen = () => onConnection(true);
  source.onerror = () => {
    onConnection(false);
    // Refused, not only cut: the workspace was started anew and this page's secret is old.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), RELOAD_AFTER_MS);
  };
  return source;
}
