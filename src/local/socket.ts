import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { WebSocketServer } from 'ws';
import { z } from 'zod';
import type { Clock } from '../app/ports.ts';
import type { Changes } from './changes.ts';
import { APP_ID } from './directory.ts';
import { parseJson, targetOf } from './http-body.ts';

const ACK_WITHIN_MS = 3_000;
const TICKET_LIFE_MS = 30_000;
const CONNECTIONS_MAX = 10;
const FRAME_BYTES_MAX = 1024 * 1024;
const PING_EVERY_MS = 10_000;
const CLOSE_WITHIN_MS = 1_000;
const LEAVE_WITHIN_MS = 10_000; // After `disconnect`: acknowledgements under way may still come

export type EnvelopeType = 'slash_commands' | 'interactive' | 'events_api';

/** What became of an envelope: answered in time, not answered in time, or nobody was connected. */
export type Ack = { kind: 'acked'; payload: unknown } | { kind: 'late' } | { kind: 'unreachable' };

export interface SocketMode {
  /** Path and query of a WebSocket for one connection, good for half a minute. */
  ticket: () => string;
  /** Takes the request when it is a WebSocket of ours; false: it is not. */
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;
  /** Gives an envelope to one of the connections and waits for its acknowledgement. */
  send: (type: EnvelopeType, payload: unknown, retry?: { attempt: number; reason: string }) => Promise<Ack>;
  count: () => number;
  /** Asks every connection to come back, as Slack does every few hours. */
  refresh: () => void;
  /** Cuts every connection without a word. */
  drop: () => void;
  close: () => void;
}

const Answer = z.object({ envelope_id: z.string(), payload: z.unknown().optional() });

/** The server side of Socket Mode. */
export function openSocketMode(clock: Clock, changes: Changes): SocketMode {
  const server = new WebSocketServer({ noServer: true, maxPayload: FRAME_BYTES_MAX, perMessageDeflate: false });
  const tickets = new Map<string, number>();
  const connections: WebSocket[] = [];
  const waiting = new Map<string, (payload: unknown) => void>();
  let turn = 0;
  const heartbeat = setInterval(() => connections.forEach((one) => one.ping()), PING_EVERY_MS);
  heartbeat.unref();

  function receive(data: string): void {
    const answer = Answer.safeParse(parseJson(data));
    if (answer.success) waiting.get(answer.data.envelope_id)?.(answer.data.payload ?? {});
  }

  function forget(connection: WebSocket): void {
    const at = connections.indexOf(connection);
    if (at < 0) return;
    connections.splice(at, 1);
    changes.emit({ kind: 'sockets', count: connections.length });
  }

  function greet(connection: WebSocket): void {
    connection.on('error', () => connection.terminate());
    connection.on('close', () => forget(connection));
    connection.on('message', (data: Buffer) => receive(data.toString('utf8')));
    if (connections.length >= CONNECTIONS_MAX) {
      connection.send(JSON.stringify({ type: 'disconnect', reason: 'too_many_websockets' }));
      connection.close();
      return;
    }
    connections.push(connection);
    const hello = {
      type: 'hello',
      num_connections: connections.length,
      connection_info: { app_id: APP_ID },
      debug_info: { host: 'local', approximate_connection_time: 18_060 },
    };
    connection.send(JSON.stringify(hello));
    changes.emit({ kind: 'sockets', count: connections.length });
  }

  return {
    ticket() {
      const ticket = randomBytes(24).toString('base64url');
      for (const [old, untilMs] of tickets) if (untilMs < clock.nowMs()) tickets.delete(old);
      tickets.set(ticket, clock.nowMs() + TICKET_LIFE_MS);
      return `/link/?ticket=${ticket}&app_id=${APP_ID}`;
    },
    upgrade(request, socket, head) {
      const { path, query } = targetOf(request);
      if (path !== '/link/') return false;
      const ticket = query.get('ticket') ?? '';
      const untilMs = tickets.get(ticket);
      tickets.delete(ticket);
      if (untilMs === undefined || untilMs < clock.nowMs()) {
        socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
        return true;
      }
      server.handleUpgrade(request, socket, head, greet);
      return true;
    },
    async send(type, payload, retry) {
      const open = connections.filter((one) => one.readyState === one.OPEN);
      const connection = open[turn++ % open.length];
      if (connection === undefined) return { kind: 'unreachable' };
      const envelopeId = randomUUID();
      const stop = new AbortController();
      const answered = new Promise<Ack>((resolve) => {
        waiting.set(envelopeId, (body) => resolve({ kind: 'acked', payload: body }));
      });
      const timedOut = clock.sleep(ACK_WITHIN_MS, stop.signal).then(
        (): Ack => ({ kind: 'late' }),
        (): Ack => ({ kind: 'late' }), // the sleep was stopped because the answer is there
      );
      const retried = retry === undefined ? {} : { retry_attempt: retry.attempt, retry_reason: retry.reason };
      const accepts_response_payload = type !== 'events_api';
      connection.send(JSON.stringify({ envelope_id: envelopeId, type, payload, accepts_response_payload, ...retried }));
      const ack = await Promise.race([answered, timedOut]);
      waiting.delete(envelopeId);
      stop.abort();
      return ack;
    },
    count: () => connections.length,
    refresh() {
      const frame = JSON.stringify({ type: 'disconnect', reason: 'refresh_requested', debug_info: { host: 'local' } });
      for (const connection of connections.slice()) {
        forget(connection);
        connection.send(frame);
        setTimeout(() => connection.terminate(), LEAVE_WITHIN_MS).unref();
      }
    },
    drop() {
      for (const connection of connections) connection.terminate();
    },
    close() {
      clearInterval(heartbeat);
      for (const connection of connections.slice()) {
        connection.close(1001, 'going away');
        setTimeout(() => connection.terminate(), CLOSE_WITHIN_MS).unref();
      }
      server.close();
    },
  };
}
