import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Health } from './health.ts';
import type { Metrics } from './metrics.ts';

/** Answers a request, or says false: it is somebody else's. */
export type Page = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface HttpSide {
  server: Server;
  /** With the port that is really listened on. */
  url: string;
  /** Adds what answers on this port; the first that takes a request has it. */
  mount: (page: Page) => void;
  close: () => Promise<void>;
}

const TEXT = { 'content-type': 'text/plain; charset=utf-8' };
const LOOPBACK_ADDRESS = /^(127\.|::1$|::ffff:127\.)/;
const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

/** Listens on the configured address. Throws one sentence when the port is taken. */
export async function openHttp(address: { host: string; port: number }): Promise<HttpSide> {
  const pages: Page[] = [];
  const server = createServer((request, response) => {
    if (!pages.some((page) => page(request, response))) response.writeHead(404).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken =
        error.code === 'EADDRINUSE'
          ? 'it is in use: set "http" in oombot.yaml to another port, or to port 0 for any free one'
          : error.message;
      reject(new Error(`Cannot listen on ${address.host}:${address.port}: ${taken}.`));
    });
    server.listen(address.port, address.host, resolve);
  });
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
  return {
    server,
    url: `http://${address.host.includes(':') ? `[${address.host}]` : address.host}:${port}`,
    mount: (page) => pages.push(page),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** /healthz; with `token` for those who bring it. */
export function healthPage(health: () => Promise<Health>, token: string | null): Page {
  return pageAt('/healthz', token, async (response) => {
    const found = await health();
    response.writeHead(found.ok ? 200 : 503, { 'content-type': 'application/json' }).end(`${JSON.stringify(found)}\n`);
  });
}

/** /metrics; with `token` for those who bring it. */
export function metricsPage({ registry }: Metrics, token: string | null): Page {
  return pageAt('/metrics', token, async (response) => {
    response.writeHead(200, { 'content-type': registry.contentType }).end(await registry.metrics());
  });
}

function pageAt(path: string, token: string | null, answer: (response: ServerResponse) => Promise<void>): Page {
  return (request, response) => {
    if (request.method !== 'GET' || request.url?.split('?')[0] !== path) return false;
    if (isForeignName(request))
      response.writeHead(403, TEXT).end('On this machine this answers to 127.0.0.1, [::1] and localhost only.\n');
    else if (token !== null && !isSame(bearerOf(request), token))
      response
        .writeHead(401, { ...TEXT, 'www-authenticate': 'Bearer' })
        .end('This needs the token of OOMBOT_HTTP_TOKEN.\n');
    else answer(response).catch(() => response.destroy());
    return true;
  };
}

/** Somebody's page, whose name was pointed at this machine (DNS rebinding), must not read what stands here. */
function isForeignName({ socket, headers }: IncomingMessage): boolean {
  return LOOPBACK_ADDRESS.test(socket.remoteAddress ?? '') && !LOOPBACK_HOST.test(headers.host ?? '');
}

function bearerOf({ headers }: IncomingMessage): string {
  return /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
}

/** Hashed first, so that neither a length nor the time it takes tells anything. */
function isSame(given: string, token: string): boolean {
  const [one, other] = [given, token].map((text) => createHash('sha256').update(text).digest());
  return one !== undefined && other !== undefined && timingSafeEqual(one, other);
}
