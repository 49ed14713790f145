import type { Logger } from 'pino';
import { missingScopes } from './scopes.ts';

/** What whoever installed the app granted, as Slack says it in each answer. */
export interface Granted {
  /** For a client of the Web API: passes everything on, and notes what the answer says. */
  fetch: typeof globalThis.fetch;
  /** True also while Slack has not said. */
  has: (scope: string) => boolean;
  /** null: Slack has not said. */
  scopes: () => ReadonlySet<string> | null;
}

/** Nothing is known before the first answer. A scope that is granted later counts from the next answer on. */
export function openGranted(): Granted {
  let scopes: ReadonlySet<string> | null = null;

  async function fetch(...request: Parameters<typeof globalThis.fetch>): Promise<Response> {
    const response = await globalThis.fetch(...request);
    const said = response.headers.get('x-oauth-scopes') ?? '';
    if (said !== '') scopes = new Set(said.split(',').map((scope) => scope.trim()));
    return response;
  }

  return { fetch, has: (scope) => scopes?.has(scope) ?? true, scopes: () => scopes };
}

/** Says in the log what does not work for want of a right. */
export function logMissing(log: Logger, granted: Granted): void {
  for (const { name: scope, isRequired, lost } of missingScopes(granted.scopes() ?? new Set())) {
    if (granted.has(scope)) continue;
    log[isRequired ? 'error' : 'warn']({ scope, lost }, 'The Slack app was not granted a scope');
  }
}
