import type { SendOutcome } from '../app/ports.ts';

export interface Post {
  url: string;
  headers: Record<string, string>;
  body: string;
  /** For the whole request. */
  timeoutMs: number;
}

/** The receiver understood the request and does not want this one: the next may be taken. */
const REFUSED = new Set([400, 409, 413, 415, 422]);
const LATER = new Set([408, 425, 429]);
/** The connection was never made, so that nothing can have arrived. */
const UNSENT =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|UND_ERR_CONNECT_TIMEOUT|.*(CERT|SELF_SIGNED|VERIFY).*)$/;
const RETRY_AFTER_MS = 5_000;
const RETRY_AFTER_MAX_MS = 10 * 60_000;

/**
 * Posts JSON once. A redirect is not followed: what is signed for one receiver, or holds its key, goes to no other. Never throws. An
 * answer that did not come is `unknown`; no part of the address is in a reason.
 */
export async function postJson({ url, headers, body, timeoutMs }: Post, signal: AbortSignal): Promise<SendOutcome> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'user-agent': 'oombot', ...headers },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    // Nobody reads it, however long it is.
    await response.body?.cancel().catch(() => undefined);
    return outcomeOf(response);
  } catch (error) {
    const reason = reasonOf(error, timeoutMs);
    return { kind: UNSENT.test(reason) ? 'unsent' : 'unknown', reason };
  }
}

function outcomeOf({ ok, status, headers }: Response): SendOutcome {
  if (ok) return { kind: 'sent', ts: '' };
  if (LATER.has(status)) return { kind: 'rate-limited', retryAfterMs: retryAfterMs(headers.get('retry-after')) };
  if (status >= 300 && status < 400)
    return {
      kind: 'unsent',
      reason: `HTTP ${status}, a redirect, which is not followed: configure the address itself`,
    };
  return { kind: REFUSED.has(status) ? 'refused' : 'unsent', reason: `HTTP ${status}` };
}

/** Seconds or a date (RFC 9110), within bounds. */
function retryAfterMs(said: string | null): number {
  const seconds = said === null ? NaN : Number(said);
  const asked = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(said ?? '') - Date.now();
  return Number.isFinite(asked) ? Math.min(RETRY_AFTER_MAX_MS, Math.max(1_000, asked)) : RETRY_AFTER_MS;
}

/** fetch wraps: "fetch failed" → cause → the system's error, sometimes several tries in `errors`. */
function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return 'no answer';
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs / 1_000} s`;
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error.cause;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return inner instanceof Error ? reasonOf(inner, timeoutMs) : error.name;
}
