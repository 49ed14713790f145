import type { Call } from '../../src/local/web-api.ts';
import { refuseMessage, refuseView } from './slack-limits.ts';

/** What Slack would refuse, or a person be misled by, in the messages and views that were sent; empty: nothing. */
export function faultsOfSent(calls: readonly Call[]): string[] {
  return calls.flatMap((call) => faultsOf(call).map((fault) => `${call.method}: ${fault}`));
}

/** Every text of the messages and views that were sent and that Slack reads as mrkdwn. */
export function mrkdwnOfSent(calls: readonly Call[]): string[] {
  return calls.flatMap(({ args }) => (isObject(args) ? mrkdwnIn(decoded(args)) : []));
}

function faultsOf({ method, args, error }: Call): string[] {
  // A fault that the test asked for was answered before the call was read.
  if (!isObject(args)) return [];
  const given = decoded(args);
  const refused = error === null || error.startsWith('fault') ? [] : [`answered ${error}`];
  switch (method) {
    case 'chat.postMessage':
    case 'chat.update':
    case 'chat.postEphemeral':
    case 'response_url':
      return [...refused, ...refuseMessage({ text: String(given['text']), blocks: given['blocks'] as unknown[] })];
    case 'views.open':
    case 'views.update':
    case 'views.publish':
      return [...refused, ...refuseView(given['view'])];
    default:
      return [];
  }
}

/** The web client sends what is not text as JSON in a form. */
function decoded(args: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(args).map(([key, value]) => [
      key,
      ['blocks', 'view', 'metadata'].includes(key) && typeof value === 'string'
        ? (JSON.parse(value) as unknown)
        : value,
    ]),
  );
}

function mrkdwnIn(thing: unknown): string[] {
  if (Array.isArray(thing)) return thing.flatMap(mrkdwnIn);
  if (!isObject(thing)) return [];
  const own = thing['type'] === 'mrkdwn' && typeof thing['text'] === 'string' ? [thing['text']] : [];
  const top = 'blocks' in thing && typeof thing['text'] === 'string' ? [thing['text']] : [];
  return [
    ...own,
    ...top,
    ...Object.values(thing).flatMap((value) => (typeof value === 'object' ? mrkdwnIn(value) : [])),
  ];
}

function isObject(thing: unknown): thing is Record<string, unknown> {
  return typeof thing === 'object' && thing !== null;
}
