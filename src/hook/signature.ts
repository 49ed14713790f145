import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';

/**
 * Headers of a signed request as https://www.standardwebhooks.com says: HMAC-SHA-256 over `ID.TIMESTAMP.BODY`. A secret that begins
 * with `whsec_` is base64 behind that; any other is its own bytes. `atMs`: when it is sent.
 */
export function signedHeaders(secret: string, id: string, body: string, atMs: number): Record<string, string> {
  const timestamp = String(Math.floor(atMs / 1_000));
  const key = secret.startsWith(PREFIX) ? Buffer.from(secret.slice(PREFIX.length), 'base64') : Buffer.from(secret);
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
