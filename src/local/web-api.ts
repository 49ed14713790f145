import type { IncomingMessage, ServerResponse } from 'node:http';
import { CHAT_METHODS } from './api-chat.ts';
import { CONVERSATION_METHODS } from './api-conversations.ts';
import { FILE_METHODS } from './api-files.ts';
import { missingScope, type ApiAnswer, type ApiMethod } from './api-method.ts';
import { PEOPLE_METHODS } from './api-people.ts';
import { VALIDATE_METHODS } from './api-validate.ts';
import { VIEW_METHODS } from './api-views.ts';
import type { Fault, Faults } from './faults.ts';
import { parseJson, readBody, sendJson, targetOf } from './http-body.ts';
import type { World } from './world.ts';

const CALLS_KEPT = 20_000;
const RETRY_AFTER_S = 30;

const METHODS: Record<string, ApiMethod> = {
  ...PEOPLE_METHODS,
  ...CHAT_METHODS,
  ...CONVERSATION_METHODS,
  ...FILE_METHODS,
  ...VIEW_METHODS,
  ...VALIDATE_METHODS,
};

/** One call as it arrived, for tests that count. */
export interface Call {
  /** A Web API method, `response_url` or `upload`. */
  method: string;
  atMs: number;
  args: unknown;
  /** null: ok. */
  error: string | null;
}

export interface WebApi {
  /** Answers `/api/METHOD`, `/response/SECRET` and `/upload/SECRET`. */
  handle: (request: IncomingMessage, response: ServerResponse, path: string) => Promise<void>;
  calls: () => readonly Call[];
}

/** Slack's Web API and response_urls over HTTP. */
export function openWebApi(world: World, faults: Faults, tokens: { bot: string; app: string }): WebApi {
  const calls: Call[] = [];

  function note(call: Call): void {
    calls.push(call);
    if (calls.length > CALLS_KEPT) calls.shift();
  }

  function run(name: string, args: Record<string, unknown>, token: string): ApiAnswer & { req_method?: string } {
    const method = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
    if (method === undefined) return { ok: false, error: 'unknown_method', req_method: name };
    if (token === '') return { ok: false, error: 'not_authed' };
    if (token !== tokens.bot && token !== tokens.app) return { ok: false, error: 'invalid_auth' };
    if (token !== tokens[method.token]) return { ok: false, error: 'not_allowed_token_type' };
    return missingScope(method.needs, world) ?? method.run(args, world);
  }

  function fail(response: ServerResponse, fault: Fault): void {
    if (fault.cut === true) {
      response.destroy();
      return;
    }
    const status = fault.status ?? 500;
    const retryAfter = String(fault.retryAfterSeconds ?? RETRY_AFTER_S);
    if (status === 429) sendJson(response, 429, { ok: false, error: 'ratelimited' }, { 'retry-after': retryAfter });
    else sendJson(response, status, { ok: false, error: 'internal_error' });
  }

  async function answer(request: IncomingMessage, name: string): Promise<{ status: number; body: unknown }> {
    const text = await readBody(request);
    if (text === null) return { status: 413, body: { ok: false, error: 'request_too_large' } };
    const atMs = world.clock.nowMs();
    const secret = name.startsWith('/response/') ? name.slice('/response/'.length) : null;
    if (secret !== null) {
      const args = parseJson(text);
      const { status, error } = world.responseUrls.receive(secret, args);
      note({ method: 'response_url', atMs, args, error });
      return { status, body: error === null ? { ok: true } : { ok: false, error } };
    }
    if (name.startsWith('/upload/')) {
      const isTaken = world.files.receive(name.slice('/upload/'.length), text);
      note({ method: 'upload', atMs, args: null, error: isTaken ? null : 'not_found' });
      return { status: isTaken ? 200 : 404, body: { ok: isTaken } };
    }
    const args = readArgs(request, text);
    const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? args['token'];
    const result = run(name, args, typeof given === 'string' ? given : '');
    note({ method: name, atMs, args, error: result.ok ? null : result.error });
    if (result.ok) return { status: 200, body: result };
    const { messages, ...rest } = result;
    return { status: 200, body: messages === undefined ? rest : { ...rest, response_metadata: { messages } } };
  }

  return {
    calls: () => calls,
    async handle(request, response, path) {
      if (faults.isDown()) {
        response.destroy();
        return;
      }
      const name = path.startsWith('/api/') ? path.slice('/api/'.length) : path;
      const fault = faults.take(
        path.startsWith('/api/') ? name : path.startsWith('/upload/') ? 'upload' : 'response_url',
      );
      if (fault?.delayMs !== undefined) await world.clock.sleep(fault.delayMs, world.closing);
      const isBad = fault !== null && (fault.status !== undefined || fault.cut === true);
      if (isBad && fault.when !== 'after') {
        note({ method: name, atMs: world.clock.nowMs(), args: null, error: `fault ${fault.status ?? 'cut'}` });
        fail(response, fault);
        return;
      }
      const { status, body } = await answer(request, name);
      if (isBad) fail(response, fault);
      else sendJson(response, status, body, { 'x-oauth-scopes': [...(world.scopes ?? [])].join(',') });
    },
  };
}

function readArgs(request: IncomingMessage, text: string): Record<string, unknown> {
  const { query } = targetOf(request);
  if ((request.headers['content-type'] ?? '').startsWith('application/json')) {
    const body = parseJson(text);
    return typeof body === 'object' && body !== null ? { ...Object.fromEntries(query), ...body } : {};
  }
  return { ...Object.fromEntries(query), ...Object.fromEntries(new URLSearchParams(text)) };
}
