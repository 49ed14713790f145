import { webApi } from '@slack/bolt';
import type { SendOutcome } from '../app/ports.ts';

type Failure = Exclude<SendOutcome, { kind: 'sent' }>;

// The socket was never made, so that nothing can have arrived.
const UNSENT_CODES = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const GONE = new Set(['message_not_found', 'thread_not_found', 'cant_update_message']);
// Slack's own words for "not now": the request was not carried out.
const LATER: Record<string, number> = {
  ratelimited: 30_000,
  rate_limited: 30_000,
  service_unavailable: 5_000,
  team_added_to_org: 60_000,
};
// The request may have been carried out.
const DOUBTFUL = new Set(['internal_error', 'fatal_error', 'request_timeout']);

/** What a failed call means for the message. An answer that was lost after Slack took the message is `unknown`. */
export function readSendError(error: unknown): Failure {
  if (error instanceof webApi.WebAPIRateLimitedError)
    return { kind: 'rate-limited', retryAfterMs: Math.max(1, error.retryAfter) * 1_000 };
  if (error instanceof webApi.WebAPIPlatformError) {
    const said = error.data.error;
    const later = LATER[said];
    if (later !== undefined) return { kind: 'rate-limited', retryAfterMs: later };
    if (GONE.has(said)) return { kind: 'gone' };
    if (DOUBTFUL.has(said)) return { kind: 'unknown', reason: said };
    if (said === 'missing_scope') return { kind: 'refused', reason: `missing_scope: ${neededScope(error.data)}` };
    return { kind: 'refused', reason: said };
  }
  if (error instanceof webApi.WebAPIHTTPError) return { kind: 'unknown', reason: `HTTP ${error.statusCode}` };
  const code = deepCode(error);
  if (code !== null && UNSENT_CODES.has(code)) return { kind: 'unsent', reason: code };
  return { kind: 'unknown', reason: code ?? (error instanceof Error ? error.message : String(error)) };
}

/** Which scope would do, in Slack's words: `channels:history,groups:history`. */
function neededScope(data: object): string {
  return 'needed' in data && typeof data.needed === 'string' ? data.needed : 'Slack does not say which';
}

/** Slack's error word of a failed call; null when it was no answer of Slack's. */
export function slackErrorWord(error: unknown): string | null {
  return error instanceof webApi.WebAPIPlatformError ? error.data.error : null;
}

/** Slack's word with its details: which field of which block it refused. */
export function refusalWords(error: unknown): string {
  if (!(error instanceof webApi.WebAPIPlatformError)) return String(error);
  const details = error.data.response_metadata?.messages ?? [];
  return [error.data.error, ...details].join('; ').slice(0, 500);
}

// fetch wraps: "fetch failed" → cause → the system's error, sometimes several tries in `errors`.
function deepCode(error: unknown, depth = 0): string | null {
  if (!(error instanceof Error) || depth > 5) return null;
  if ('code' in error && typeof error.code === 'string' && !error.code.startsWith('slack_')) return error.code;
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  return deepCode(inner, depth + 1);
}
