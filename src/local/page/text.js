// @ts-check
import { h, link } from './dom.js';
import { channelOf, nameOf, world } from './state.js';

// Slack's mrkdwn. Angle brackets are Slack's own syntax also inside code, which is why unescaped text from outside is dangerous:
// this page shows what Slack would do with it.

/** @typedef {import('./dom.js').Child} Child */

/** `&amp;`, `&lt;` and `&gt;` are the only entities. @param {string} text */
function unescapeText(text) {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

/** mrkdwn → nodes. @param {string} text @returns {Child[]} */
export function mrkdwn(text) {
  return text.split(/(```[^]*?```)/).map((part) => {
    const fence = /^```\n?([^]*?)\n?```$/.exec(part);
    return fence ? h('pre', { tabindex: '0' }, angles(fence[1] ?? '', plain)) : lines(part);
  });
}

/** A text object → nodes. @param {Record<string, any>} text @returns {Child} */
export function textObject(text) {
  return text['type'] === 'mrkdwn' ? mrkdwn(text['text']) : text['text'];
}

/** @param {string} text @returns {Child[]} */
function lines(text) {
  /** @type {Child[]} */
  const nodes = [];
  /** @type {string[]} */
  let quoted = [];
  const all = text.split('\n');
  for (const [at, line] of all.entries()) {
    const quote = /^(?:&gt;|>) ?(.*)$/.exec(line);
    if (quote) quoted.push(quote[1] ?? '');
    if (quoted.length > 0 && (!quote || at === all.length - 1)) {
      nodes.push(h('blockquote', {}, quoted.flatMap((one) => [inline(one), h('br')]).slice(0, -1)));
      quoted = [];
    }
    if (!quote) nodes.push(inline(line), at < all.length - 1 ? h('br') : null);
  }
  return nodes;
}

/** @param {string} line @returns {Child[]} */
function inline(line) {
  return line
    .split(/(`[^`\n]+`)/)
    .map((part) => (/^`[^`]+`$/.test(part) ? h('code', {}, angles(part.slice(1, -1), plain)) : angles(part, styled)));
}

/** @param {string} text @returns {Child} */
function plain(text) {
  return unescapeText(text);
}

const STYLES = /** @type {const} */ ({ '*': 'strong', _: 'em', '~': 's' });

/**
 * `*bold*`, `_italic_`, `~struck~`: the mark stands at the edge of a word and on one line.
 * @param {string} text @returns {Child}
 */
function styled(text) {
  const match = /(?<![\w*_~])([*_~])(?!\s)([^\n]*?[^\s])\1(?![\w])/.exec(text);
  if (!match || match[2] === undefined) return unescapeText(text);
  const mark = /** @type {keyof typeof STYLES} */ (match[1]);
  return [
    styled(text.slice(0, match.index)),
    h(STYLES[mark], {}, styled(match[2])),
    styled(text.slice(match.index + match[0].length)),
  ];
}

/** @param {string} text @param {(text: string) => Child} rest @returns {Child[]} */
function angles(text, rest) {
  return text.split(/(<[^<>\n]+>)/).map((part) => (/^<[^<>\n]+>$/.test(part) ? angle(part.slice(1, -1)) : rest(part)));
}

/** What stands between angle brackets. @param {string} inside @returns {Child} */
function angle(inside) {
  const bar = inside.indexOf('|');
  const target = bar < 0 ? inside : inside.slice(0, bar);
  const label = bar < 0 ? null : unescapeText(inside.slice(bar + 1));
  if (target.startsWith('@')) return userMention(target.slice(1));
  if (target.startsWith('#')) return channelMention(target.slice(1), label);
  if (target.startsWith('!date^')) return date(target.slice('!date^'.length).split('^'), label);
  if (target.startsWith('!subteam^')) return groupMention(target.slice('!subteam^'.length), label);
  if (/^!(here|channel|everyone)$/.test(target)) return broadcast(target.slice(1));
  if (target.startsWith('!')) return label ?? `<${unescapeText(inside)}>`;
  const url = unescapeText(target);
  return link(url, label ?? url.replace(/^mailto:/, ''));
}

/** @param {string} id */
function userMention(id) {
  const isMe = id === world().me;
  return h('span', { class: isMe ? 'mention mention-me' : 'mention' }, `@${nameOf(id)}`);
}

/** @param {string} id @param {string | null} label */
function channelMention(id, label) {
  const name = channelOf(id)?.name ?? label ?? id;
  return h('a', { class: 'mention', href: `#/${id}` }, `#${name}`);
}

/** @param {string} id @param {string | null} label */
function groupMention(id, label) {
  const handle = world().userGroups.find((/** @type {{ id: string }} */ one) => one.id === id)?.handle;
  return h('span', { class: 'mention' }, handle === undefined ? (label ?? id) : `@${handle}`);
}

/** Everybody is called: loud, so that nobody misses that it would happen. @param {string} range */
function broadcast(range) {
  return h('span', { class: 'mention mention-all' }, `@${range}`);
}

/** @param {string[]} parts @param {string | null} fallback @returns {Child} */
function date([seconds = '', format = '', url], fallback) {
  const at = new Date(Number(seconds) * 1000);
  if (!/^\d+$/.test(seconds) || Number.isNaN(at.getTime())) return fallback ?? '';
  return dateNode(at, unescapeText(format), url === undefined ? null : unescapeText(url), fallback);
}

/** @param {Date} at @param {string} format @param {string | null} url @param {string | null} fallback */
export function dateNode(at, format, url = null, fallback = null) {
  const text = format.replace(/\{(\w+)\}/g, (all, name) => datePart(at, name) ?? all);
  const node = h('time', { datetime: at.toISOString(), title: fallback ?? at.toISOString() }, text);
  return url === null ? node : link(url, node);
}

/** @param {Date} at @param {string} name @returns {string | null} */
function datePart(at, name) {
  const days = Math.round((new Date(at).setHours(0, 0, 0, 0) - new Date().setHours(0, 0, 0, 0)) / 86_400_000);
  const near = days === 0 ? 'today' : days === -1 ? 'yesterday' : days === 1 ? 'tomorrow' : null;
  /** @param {Intl.DateTimeFormatOptions} options */
  function say(options) {
    return new Intl.DateTimeFormat('en', options).format(at);
  }
  switch (name) {
    case 'date_num':
      return at.toLocaleDateString('sv');
    case 'date':
      return say({ month: 'long', day: 'numeric', year: 'numeric' });
    case 'date_short':
      return say({ month: 'short', day: 'numeric', year: 'numeric' });
    case 'date_long':
      return say({ weekday: 'long', month: 'long', day: 'numeric', year: 'numeric' });
    case 'date_pretty':
      return near ?? say({ month: 'long', day: 'numeric', year: 'numeric' });
    case 'date_short_pretty':
      return near ?? say({ month: 'short', day: 'numeric', year: 'numeric' });
    case 'date_long_pretty':
      return near ?? say({ weekday: 'long', month: 'long', day: 'numeric', year: 'numeric' });
    case 'time':
      return say({ hour: '2-digit', minute: '2-digit', hour12: false });
    case 'time_secs':
      return say({ hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
    case 'ago':
      return ago(Date.now() - at.getTime());
    default:
      return null;
  }
}

/** @param {number} ms */
function ago(ms) {
  const minutes = Math.round(ms / 60_000);
  if (Math.abs(minutes) < 1) return 'just now';
  const format = new Intl.RelativeTimeFormat('en', { numeric: 'always' });
  if (Math.abs(minutes) < 60) return format.format(-minutes, 'minute');
  if (Math.abs(minutes) < 24 * 60) return format.format(-Math.round(minutes / 60), 'hour');
  return format.format(-Math.round(minutes / 1440), 'day');
}
