import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  /** As it was sent, byte by byte. */
  text: string;
  body: Record<string, unknown>;
  atMs: number;
}

/** What a request gets: a status with headers, or nothing at all. `isTaken`: whether the receiver acts on it. */
export interface Answer {
  status: number | 'hang' | 'cut';
  isTaken: boolean;
  headers?: Record<string, string>;
}

export interface WebhookReceiver {
  url: (path: string) => string;
  /** All requests. */
  requests: Received[];
  /** What it acted on, repeats too. */
  taken: Received[];
  script: { answer: (request: Received) => Answer | undefined };
  close: () => Promise<void>;
}

/** A receiver of webhooks on the loopback, over real HTTP. */
export async function openWebhookReceiver(): Promise<WebhookReceiver> {
  const requests: Received[] = [];
  const taken: Received[] = [];
  const script: WebhookReceiver['script'] = { answer: () => undefined };
  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return; // The sender died in the middle of it.
    }
    const text = Buffer.concat(chunks).toString();
    const body = JSON.parse(text) as Record<string, unknown>;
    const received = { path: request.url ?? '', headers: request.headers, text, body, atMs: Date.now() };
    requests.push(received);
    const answer = script.answer(received) ?? { status: 202, isTaken: true };
    if (answer.isTaken) taken.push(received);
    if (answer.status === 'hang') return;
    if (answer.status === 'cut') return void request.socket.destroy();
    response.writeHead(answer.status, answer.headers).end('{}');
  }

  const server = createServer((request, response) => void take(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: (path) => `http://127.0.0.1:${port}${path}`,
    requests,
    taken,
    script,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** An alert as PagerDuty keeps it. */
export interface ReceivedAlert {
  state: 'open' | 'taken' | 'resolved';
  /** More than once is a second page. */
  opened: number;
  /** Of the newest trigger. */
  payload: { summary: string; severity: string; custom_details: Record<string, unknown> };
}

/** What a pager shows after these requests, by dedup_key. */
export function receivedAlerts(requests: readonly Received[]): Map<string, ReceivedAlert> {
  const alerts = new Map<string, ReceivedAlert>();
  for (const { body } of requests) {
    const key = body['dedup_key'] as string;
    const known = alerts.get(key);
    if (body['event_action'] === 'trigger') {
      const isOpen = known !== undefined && known.state !== 'resolved';
      const payload = body['payload'] as ReceivedAlert['payload'];
      alerts.set(key, {
        state: isOpen ? known.state : 'open',
        opened: (known?.opened ?? 0) + (isOpen ? 0 : 1),
        payload,
      });
    } else if (known !== undefined && known.state !== 'resolved')
      known.state = body['event_action'] === 'resolve' ? 'resolved' : 'taken';
  }
  return alerts;
}
