import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Watched } from './app/answers-world.ts';
import type { LinkState } from './app/host-link.ts';
import type { Saved } from './app/save-queue.ts';
import type { Store } from './app/store-port.ts';
import type { WatchedFleet } from './fleet.ts';

export interface Meters {
  registry: Registry;
  kills: Counter;
  lines: Counter;
  gaps: Counter;
  lagSeconds: Histogram;
}

/** What the program counts of itself. */
export function openMeters(): Meters {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    kills: new Counter({
      name: 'oombot_kills_total',
      help: 'Processes that died, as recorded',
      labelNames: ['host', 'killer'],
      registers,
    }),
    lines: new Counter({ name: 'oombot_log_lines_total', help: 'Kernel log lines read', registers }),
    gaps: new Counter({
      name: 'oombot_log_gaps_total',
      help: 'Gaps seen in a kernel log',
      labelNames: ['host'],
      registers,
    }),
    lagSeconds: new Histogram({
      name: 'oombot_kill_lag_seconds',
      help: 'From the time of a kill to its record, of kills that were news',
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
      registers,
    }),
  };
}

/** Counts kills that were recorded, and how late that was. */
export function countKills(meters: Meters, saved: Saved, nowMs: number): void {
  for (const kill of saved.fresh) meters.kills.inc({ host: kill.host, killer: kill.record.killer });
  // Only history says nothing about how fast news are.
  for (const kill of saved.news) meters.lagSeconds.observe(Math.max(0, (nowMs - kill.atMs) / 1_000));
}

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
  meters: Meters,
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
      response.writeHead(200, { 'content-type': meters.registry.contentType }).end(await meters.registry.metrics());
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

type HostStates = Pick<WatchedFleet, 'hosts' | 'link' | 'watchState'>;

/** How a host is watched, and while it is not connected why not. `elsewhere`: by another process. */
type HostState = Watched['kind'] | Exclude<LinkState['kind'], 'connected'> | 'elsewhere';

const NO_HOSTS: Readonly<Record<HostState, number>> = {
  watching: 0,
  starting: 0,
  waiting: 0,
  failed: 0,
  elsewhere: 0,
  connecting: 0,
  unreachable: 0,
  refused: 0,
  resting: 0,
};

function stateOf(fleet: HostStates, host: string): { state: HostState; sentence: string } {
  const { kind, sentence } = fleet.link(host)?.state() ?? { kind: 'connecting', sentence: '' };
  if (kind !== 'connected') return { state: kind, sentence };
  const watch = fleet.watchState(host);
  return { state: watch?.kind ?? 'elsewhere', sentence: watch?.sentence ?? '' };
}

/** Hosts by state, and their kills that wait for the record; read when somebody asks. */
export function watchFleet(meters: Meters, fleet: HostStates & Pick<WatchedFleet, 'killsWaiting'>): void {
  const registers = [meters.registry];
  const hosts = new Gauge({
    name: 'oombot_hosts',
    help: 'Hosts by state, as /healthz gives it',
    labelNames: ['state'],
    registers,
    collect: () => {
      for (const [state, none] of Object.entries(NO_HOSTS)) hosts.set({ state }, none);
      for (const { name } of fleet.hosts()) hosts.inc({ state: stateOf(fleet, name).state });
    },
  });
  const kills = new Gauge({
    name: 'oombot_kills_waiting',
    help: 'Kills not yet on record',
    registers,
    collect: () => {
      kills.set(fleet.hosts().reduce((sum, { name }) => sum + fleet.killsWaiting(name), 0));
    },
  });
}

/** Deliveries that wait, by channel. */
export function watchOutbox(meters: Meters, store: Pick<Store, 'queueLengths'>): void {
  const gauge = new Gauge({
    name: 'oombot_deliveries_waiting',
    help: 'Messages not yet in the chat',
    labelNames: ['channel'],
    registers: [meters.registry],
    collect: async () => {
      gauge.reset();
      for (const queue of await store.queueLengths())
        gauge.set({ channel: queue.channel }, queue.waiting + queue.inFlight);
    },
  });
}

export interface Health {
  ok: boolean;
  chat: boolean;
  record: boolean;
  hosts: { host: string; state: HostState; sentence: string }[];
}

/** Well: the record can be read, and the chat is connected. A host that is away is its own matter. */
export async function healthOf(
  fleet: HostStates,
  store: Pick<Store, 'queueLengths'>,
  hasChat: boolean,
): Promise<Health> {
  const hasRecord = await store.queueLengths().then(
    () => true,
    () => false,
  );
  const hosts = fleet.hosts().map(({ name }) => ({ host: name, ...stateOf(fleet, name) }));
  return { ok: hasRecord && hasChat, chat: hasChat, record: hasRecord, hosts };
}
