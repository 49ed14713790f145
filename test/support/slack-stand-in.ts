import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { refuseMessage, refuseView } from './slack-limits.ts';

type Json = Record<string, unknown>;

export interface Call {
  method: string;
  args: Json;
}

export interface Ack {
  afterMs: number;
  payload: Json | undefined;
}

export interface SlackStandIn {
  apiUrl: string;
  calls: Call[];
  /** What was answered through response URLs. */
  responses: Json[];
  /** Changes the answer to one method: a body, or a status with headers. null: as usual. */
  script: { answer: (call: Call) => { status: number; body?: unknown; headers?: Record<string, string> } | null };
  /** What the app was granted, as each answer says it; null: nothing is said of it. */
  granted: { scopes: readonly string[] | null };
  command: (text: string, command?: string) => Promise<Ack>;
  click: (actionId: string, value: string, from?: 'message' | 'home') => Promise<Ack>;
  submit: (callbackId: string, values: Record<string, string>, metadata?: string) => Promise<Ack>;
  /** The form with a field for files, whose ids are given. */
  submitFiles: (callbackId: string, values: Record<string, string>, files: string[]) => Promise<Ack>;
  /** `files`: ids of those beside the text. */
  shortcut: (callbackId: string, text: string, files?: string[]) => Promise<Ack>;
  event: (event: Json, eventId?: string) => Promise<Ack>;
  /** The first call of a method with the number `nth`, when it is there. */
  call: (method: string, nth?: number) => Promise<Call>;
  response: (nth?: number) => Promise<Json>;
  socketCount: () => number;
  /** Cuts all sockets without a word. */
  cut: () => void;
  close: () => Promise<void>;
}

const BOT = {
  user: 'oombot',
  user_id: 'UBOT00001',
  bot_id: 'BBOT00001',
  team: 'T',
  team_id: 'T00000001',
  url: 'https://t.slack.com/',
};
const PATIENCE_MS = 5_000;

/** Slack as far as these tests need it, on the loopback: Web API, Socket Mode and response URLs, refusing what breaks the limits. */
export async function openSlackStandIn(tokens = { bot: 'xoxb-test', app: 'xapp-test' }): Promise<SlackStandIn> {
  const calls: Call[] = [];
  const responses: Json[] = [];
  const script: SlackStandIn['script'] = { answer: () => null };
  const granted: SlackStandIn['granted'] = { scopes: null };
  const waiting = new Map<string, (payload: Json | undefined) => void>();
  const sockets = new Set<WebSocket>();
  let count = 0;

  const server = createServer((request, response) => void serve(request, response));
  const socketServer = new WebSocketServer({ server, path: '/link' });
  socketServer.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('message', (data: Buffer) => {
      const said = JSON.parse(data.toString()) as { envelope_id: string; payload?: Json };
      waiting.get(said.envelope_id)?.(said.payload);
      waiting.delete(said.envelope_id);
    });
    socket.send(JSON.stringify({ type: 'hello', num_connections: 1 }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const base = `http://127.0.0.1:${port}`;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    if (request.url?.startsWith('/respond/')) return respond(JSON.parse(body) as Json, response);
    const call = { method: (request.url ?? '').replace('/api/', ''), args: readArguments(body) };
    const token = call.args['token'] ?? request.headers.authorization?.replace('Bearer ', '');
    delete call.args['token'];
    calls.push(call);
    const scripted = script.answer(call);
    const answer = scripted?.body ?? (scripted ? '' : usual(call, token));
    const scopes = granted.scopes === null ? {} : { 'x-oauth-scopes': granted.scopes.join(',') };
    response.writeHead(scripted?.status ?? 200, {
      'content-type': 'application/json',
      ...scopes,
      ...scripted?.headers,
    });
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  }

  function respond(said: Json, response: ServerResponse): void {
    const faults = refuseMessage({ text: String(said['text']), blocks: said['blocks'] as unknown[] });
    const scripted = script.answer({ method: 'respond', args: said });
    if (scripted) {
      response.writeHead(scripted.status);
      response.end();
      return;
    }
    responses.push(said);
    response.writeHead(faults.length > 0 ? 400 : 200);
    response.end(faults.length > 0 ? faults.join('\n') : 'ok');
  }

  function usual({ method, args }: Call, token: unknown): Json {
    const wanted = method === 'apps.connections.open' ? tokens.app : tokens.bot;
    if (token !== wanted) return { ok: false, error: 'invalid_auth' };
    count += 1;
    switch (method) {
      case 'auth.test':
        return { ok: true, ...BOT };
      case 'apps.connections.open':
        return { ok: true, url: `ws://127.0.0.1:${port}/link?n=${count}` };
      case 'chat.postMessage':
      case 'chat.update':
      case 'chat.postEphemeral': {
        const faults = refuseMessage({ text: String(args['text']), blocks: args['blocks'] as unknown[] });
        if (faults.length > 0) return { ok: false, error: 'invalid_blocks', response_metadata: { messages: faults } };
        return { ok: true, channel: args['channel'], ts: args['ts'] ?? `1700000000.${String(count).padStart(6, '0')}` };
      }
      case 'conversations.list':
        return {
          ok: true,
          channels: [
            { id: 'C00000001', name: 'oom', is_member: true },
            { id: 'C00000002', name: 'db-alerts', is_member: true },
          ],
        };
      case 'conversations.history':
      case 'conversations.replies':
        return { ok: true, messages: history(args), response_metadata: { next_cursor: '' } };
      case 'views.open':
      case 'views.update':
      case 'views.publish': {
        const faults = refuseView(args['view']);
        return faults.length > 0
          ? { ok: false, error: 'invalid_arguments', response_metadata: { messages: faults } }
          : { ok: true, view: { id: 'V1' } };
      }
      case 'blocks.validate': {
        const message = args['message'] as { text: string; blocks: unknown[] } | undefined;
        const faults = message === undefined ? refuseView(args['view']) : refuseMessage(message);
        const errors = faults.map((fault) => ({ pointer: '/', code: 'failed_constraint', message: fault }));
        const error = message === undefined ? 'invalid_view' : 'invalid_message';
        return faults.length > 0 ? { ok: false, error, errors } : { ok: true };
      }
      case 'users.info':
        return { ok: true, user: { id: args['user'], team_id: BOT.team_id } };
      case 'usergroups.users.list':
        return { ok: true, users: ['U00000001', 'U00000002'] };
      default:
        return { ok: true };
    }
  }

  function history(args: Json): Json[] {
    const posts = calls.filter(
      (call) => call.method === 'chat.postMessage' && call.args['channel'] === args['channel'],
    );
    return posts.map((call, at) => ({
      ts: `1700000000.${at}`,
      thread_ts: call.args['thread_ts'],
      metadata: call.args['metadata'],
    }));
  }

  async function send(type: string, payload: Json): Promise<Ack> {
    const [socket] = sockets;
    if (!socket) throw new Error('no socket is open');
    count += 1;
    const envelope = `e${count}`;
    const acked = new Promise<Json | undefined>((resolve) => waiting.set(envelope, resolve));
    const sentAt = performance.now();
    socket.send(JSON.stringify({ envelope_id: envelope, type, accepts_response_payload: true, payload }));
    const late = AbortSignal.timeout(PATIENCE_MS);
    const given = await Promise.race([
      acked,
      once(late, 'abort').then(() => Promise.reject(new Error(`${type} was not acknowledged`))),
    ]);
    return { afterMs: performance.now() - sentAt, payload: given };
  }

  function trigger(): string {
    count += 1;
    return `trigger.${count}`;
  }

  async function until<T>(look: () => T | undefined, what: string): Promise<T> {
    for (const untilMs = Date.now() + PATIENCE_MS; Date.now() < untilMs;) {
      const found = look();
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`${what} did not come; calls: ${calls.map((call) => call.method).join(', ')}`);
  }

  function textValues(values: Record<string, string>): Json {
    return Object.fromEntries(
      Object.entries(values).map(([id, value]) => [id, { value: { type: 'plain_text_input', value } }]),
    );
  }

  function submit(callbackId: string, values: Json, metadata = ''): Promise<Ack> {
    return send('interactive', {
      type: 'view_submission',
      user: { id: 'U00000001' },
      team: { id: 'T00000001' },
      view: { id: 'V1', type: 'modal', callback_id: callbackId, private_metadata: metadata, state: { values } },
    });
  }

  return {
    apiUrl: `${base}/api/`,
    calls,
    responses,
    script,
    granted,
    command: (text, command = '/oom') =>
      send('slash_commands', {
        command,
        text,
        user_id: 'U00000001',
        channel_id: 'C00000001',
        team_id: 'T00000001',
        response_url: `${base}/respond/1`,
        trigger_id: trigger(),
      }),
    click: (actionId, value, from = 'message') =>
      send('interactive', {
        type: 'block_actions',
        user: { id: 'U00000001' },
        team: { id: 'T00000001' },
        trigger_id: trigger(),
        ...(from === 'message'
          ? { channel: { id: 'C00000001' }, message: { ts: '1.1' }, response_url: `${base}/respond/1` }
          : { view: { type: 'home', id: 'VHOME' } }),
        actions: [{ type: 'button', action_id: actionId, block_id: 'b', value }],
      }),
    submit: (callbackId, values, metadata = '') => submit(callbackId, textValues(values), metadata),
    submitFiles: (callbackId, values, files) =>
      submit(callbackId, {
        ...textValues(values),
        file: { value: { type: 'file_input', files: files.map((id) => ({ id })) } },
      }),
    shortcut: (callbackId, text, files = []) =>
      send('interactive', {
        type: 'message_action',
        callback_id: callbackId,
        user: { id: 'U00000001' },
        team: { id: 'T00000001' },
        channel: { id: 'C00000001' },
        message: {
          type: 'message',
          text,
          ts: '1.1',
          ...(files.length > 0 ? { files: files.map((id) => ({ id })) } : {}),
        },
        response_url: `${base}/respond/1`,
        trigger_id: trigger(),
      }),
    event: (event, eventId = trigger()) =>
      send('events_api', { type: 'event_callback', team_id: 'T00000001', event_id: eventId, event }),
    call: (method, nth = 0) => until(() => calls.filter((call) => call.method === method)[nth], method),
    response: (nth = 0) => until(() => responses[nth], 'a response'),
    socketCount: () => sockets.size,
    cut: () => {
      sockets.forEach((socket) => socket.terminate());
      sockets.clear();
    },
    close: async () => {
      sockets.forEach((socket) => socket.terminate());
      socketServer.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Arguments as Slack's client sends them: a form, with JSON in the fields that are objects. */
function readArguments(body: string): Json {
  return Object.fromEntries(
    [...new URLSearchParams(body)].map(([key, value]) => [
      key,
      /^[[{]/.test(value) ? (JSON.parse(value) as unknown) : value,
    ]),
  );
}
