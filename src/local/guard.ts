import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/**
 * Why a request must be refused, or null. Only this machine's names for the loopback are taken as Host (so that a name which
 * an attacker points at 127.0.0.1 reaches nothing), and only our own pages as Origin. Programs send no Origin at all.
 */
export function refusalOf(request: IncomingMessage, port: number): string | null {
  // A shared server may listen on more than the loopback, and Host is what the client says.
  const { remoteAddress = '' } = request.socket;
  if (!/^(127\.|::1$|::ffff:127\.)/.test(remoteAddress)) return 'The local workspace is for this machine only.';
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  const { host, origin } = request.headers;
  if (host === undefined || !hosts.includes(host)) return 'This server answers to 127.0.0.1 and localhost only.';
  if (origin !== undefined && !hosts.some((one) => origin === `http://${one}`))
    return 'Requests of other pages are refused.';
  const site = request.headers['sec-fetch-site'];
  const isOpening = request.method === 'GET' && request.headers['sec-fetch-mode'] === 'navigate';
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && !isOpening) {
    return 'Requests of other pages are refused.';
  }
  return null;
}

/** Compares secrets without telling by time how much was right. */
export function isSame(given: unknown, secret: string): boolean {
  if (typeof given !== 'string') return false;
  const [one, other] = [Buffer.from(given), Buffer.from(secret)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** Headers of every answer that a browser could show. No inline script or style, nothing from elsewhere, no frames. */
export const PAGE_HEADERS: Record<string, string> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};
