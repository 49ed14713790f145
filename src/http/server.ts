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

/** /healthz. */
export function healthPage(health: () => Promise<Health>): Page {
  return pageAt('/healthz', async (response) => {
    const found = await health();
    response.writeHead(found.ok ? 200 : 503, { 'content-type': 'application/json' }).end(`${JSON.stringify(found)}\n`);
  });
}

/** /metrics. */
export function metricsPage({ registry }: Metrics): Page {
  return pageAt('/metrics', async (response) => {
    response.writeHead(200, { 'content-type': registry.contentType }).end(await registry.metrics());
  });
}

function pageAt(path: string, answer: (response: ServerResponse) => Promise<void>): Page {
  return (request, response) => {
    if (request.method !== 'GET' || request.url?.split('?')[0] !== path) return false;
    answer(response).catch(() => response.destroy());
    return true;
  };
}
