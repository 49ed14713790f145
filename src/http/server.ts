import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Health } from './health.ts';
import type { Metrics } from './metrics.ts';

export interface HttpSide {
  server: Server;
  /** With the port that is really listened on. */
  url: string;
  /** Others who answer on the same port: the local workspace. First who says true has taken it. */
  mount: (handle: (request: IncomingMessage, response: ServerResponse) => boolean) => void;
  close: () => Promise<void>;
}

/** /healthz and /metrics on the configured address. Throws one sentence when the port is taken. */
export async function openHttp(
  address: { host: string; port: number },
  metrics: Metrics,
  health: () => Promise<Health>,
): Promise<HttpSide> {
  const mounted: ((request: IncomingMessage, response: ServerResponse) => boolean)[] = [];

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?')[0];
    if (request.method === 'GET' && path === '/healthz') {
      const found = await health();
      response
        .writeHead(found.ok ? 200 : 503, { 'content-type': 'application/json' })
        .end(`${JSON.stringify(found)}\n`);
    } else if (request.method === 'GET' && path === '/metrics') {
      response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(await metrics.registry.metrics());
    } else if (!mounted.some((handle) => handle(request, response))) response.writeHead(404).end();
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
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
    mount: (handle) => mounted.push(handle),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
