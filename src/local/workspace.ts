import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../app/ports.ts';
import { openChanges } from './changes.ts';
import { openDirectory, type ChannelSeed, type DirectorySeed, type UserGroup } from './directory.ts';
import { openFaults, type Faults } from './faults.ts';
import { PAGE_HEADERS, refusalOf } from './guard.ts';
import { targetOf, type Target } from './http-body.ts';
import { openInteractions } from './interactions.ts';
import { keepMessages } from './kept-messages.ts';
import type { Message } from './message.ts';
import { openMessageLog } from './message-log.ts';
import type { Control } from './page-events.ts';
import { openPageServer } from './page-server.ts';
import { newPageToken } from './page-token.ts';
import { openPersonHandle, type PersonHandle } from './person-handle.ts';
import { openResponseUrls } from './response-urls.ts';
import { openSocketMode } from './socket.ts';
import { openSharedFiles } from './shared-files.ts';
import { openTriggers } from './triggers.ts';
import { openViews } from './views.ts';
import { openWebApi, type Call } from './web-api.ts';
import type { CommandSeed, ShortcutSeed, World } from './world.ts';

export interface LocalWorkspaceOptions {
  /** On 127.0.0.1, nowhere else. 0 (default): any free one. Not used with `server`. */
  port?: number;
  /** A server that already listens on 127.0.0.1 (or on all addresses) and hands over requests through `handle` and `upgrade`. */
  server?: Server;
  /** Channels of the workspace, with or without `#`. The bot is in them unless told otherwise. */
  channels: readonly (string | ChannelSeed)[];
  /** Default: Ana (ULOCALANA), Ben (ULOCALBEN) and Cleo (ULOCALCLEO). */
  people?: DirectorySeed['people'];
  userGroups?: readonly UserGroup[];
  commands: readonly CommandSeed[];
  shortcuts?: readonly ShortcutSeed[];
  controls?: readonly Control[];
  /** Opens the page. Default: a new one. */
  pageToken?: string;
  /** Bot scopes of the manifest: methods that need others answer `missing_scope`. Default: everything is granted. */
  scopes?: readonly string[];
  /** Bot events of the manifest: others are not sent. Default: all that there are. */
  botEvents?: readonly string[];
  /** A file that keeps messages over a restart. Default: nothing is kept beyond `close`. */
  keepIn?: string;
  clock?: Clock;
}

export interface LocalWorkspace {
  /** `http://127.0.0.1:3000/`. */
  url: string;
  /** The page, with the token that opens it: `http://127.0.0.1:3000/?token=…`. */
  pageUrl: string;
  /** For `slackApiUrl`: `http://127.0.0.1:3000/api/`. */
  apiUrl: string;
  botToken: string;
  appToken: string;
  /** For a shared server: true when the request is the workspace's, which then answers it. */
  handle: (request: IncomingMessage, response: ServerResponse) => boolean;
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;
  /** What a person can do and see, by name or id. */
  as: (nameOrId: string) => PersonHandle;
  /** Messages of a channel that everybody in it sees, oldest first; with `threadTs` the parent and its replies. */
  messages: (channel: string, threadTs?: string) => Message[];
  /** Every Web API and response_url call so far, the newest 20,000. */
  calls: () => readonly Call[];
  faults: Faults;
  /** Connected sockets. */
  socketCount: () => number;
  /** Sends `disconnect` (refresh_requested) on every socket, as Slack does every few hours. */
  refreshSocket: () => void;
  /** Cuts every socket without a word. */
  dropSockets: () => void;
  /** Looks again after every change until there is something to see; throws after `timeoutMs` (default 5,000). */
  until: <T>(look: () => T | null | undefined | false, timeoutMs?: number) => Promise<T>;
  close: () => Promise<void>;
}

const PEOPLE = [
  { id: 'ULOCALANA', name: 'Ana' },
  { id: 'ULOCALBEN', name: 'Ben' },
  { id: 'ULOCALCLEO', name: 'Cleo' },
];
const OURS = /^\/($|page\/|api\/|response\/|upload\/|link\/|favicon\.ico$)/;

const realClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { ref: false, ...(signal === undefined ? {} : { signal }) }),
};

/**
 * A workspace on the loopback that speaks Slack's wire (Web API, Socket Mode, response URLs, views) and refuses what Slack
 * refuses, with a chat page for people. Rejects when the port is taken,
 * or the server is bound to another address than 127.0.0.1.
 */
export async function openLocalWorkspace(options: LocalWorkspaceOptions): Promise<LocalWorkspace> {
  const clock = options.clock ?? realClock;
  const server = options.server ?? createServer({ requestTimeout: 30_000 });
  if (options.server !== undefined) portOf(server);
  const closing = new AbortController();
  const changes = openChanges();
  const directory = openDirectory({
    people: options.people ?? PEOPLE,
    channels: options.channels,
    userGroups: options.userGroups ?? [],
  });
  const log = openMessageLog(changes, clock.nowMs);
  const keepUp = options.keepIn === undefined ? null : keepMessages(options.keepIn, { changes, directory, log });
  const world: World = {
    clock,
    changes,
    directory,
    log,
    files: openSharedFiles(),
    views: openViews(changes, clock.nowMs),
    triggers: openTriggers(clock.nowMs),
    responseUrls: openResponseUrls(log, clock.nowMs),
    sockets: openSocketMode(clock, changes),
    commands: options.commands,
    shortcuts: options.shortcuts ?? [],
    scopes: options.scopes === undefined ? null : new Set(options.scopes),
    botEvents: options.botEvents === undefined ? null : new Set(options.botEvents),
    baseUrl: () => `http://127.0.0.1:${portOf(server)}`,
    closing: closing.signal,
  };
  const faults = openFaults(world.sockets.drop);
  const tokens = { bot: `xoxb-local-${secret()}`, app: `xapp-local-${secret()}` };
  const api = openWebApi(world, faults, tokens);
  const interactions = openInteractions(world);
  const pageToken = options.pageToken ?? newPageToken();
  const page = openPageServer(world, interactions, { controls: options.controls ?? [], token: pageToken });

  function handle(request: IncomingMessage, response: ServerResponse): boolean {
    const target = targetOf(request);
    if (!OURS.test(target.path)) return false;
    const refusal = refusalOf(request, portOf(server));
    if (refusal !== null) {
      response.writeHead(403, { ...PAGE_HEADERS, 'content-type': 'text/plain' }).end(refusal);
      return true;
    }
    answer(request, response, target).catch(() => response.destroy()); // the peer went away, or the workspace closes
    return true;
  }

  async function answer(request: IncomingMessage, response: ServerResponse, target: Target): Promise<void> {
    if (await page.handle(request, response, target)) return;
    if (request.method === 'POST') await api.handle(request, response, target.path);
    else response.writeHead(405, { ...PAGE_HEADERS, allow: 'POST' }).end();
  }

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    if (targetOf(request).path !== '/link/') return false;
    if (faults.isDown() || refusalOf(request, portOf(server)) !== null)
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    else world.sockets.upgrade(request, socket, head);
    return true;
  }

  function until<T>(look: () => T | null | undefined | false, timeoutMs = 5_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`Nothing came within ${timeoutMs} ms`));
      }, timeoutMs);
      const stop = changes.subscribe(check);
      function check(): void {
        const seen = look();
        if (seen === null || seen === undefined || seen === false) return;
        clearTimeout(timer);
        stop();
        resolve(seen);
      }
      check();
    });
  }

  if (options.server === undefined) {
    server.on('request', (request, response) => {
      if (!handle(request, response)) response.writeHead(404, PAGE_HEADERS).end();
    });
    server.on('upgrade', (request, socket, head) => {
      if (!upgrade(request, socket, head)) socket.destroy();
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.port ?? 0, '127.0.0.1', resolve);
    });
  }

  return {
    url: `${world.baseUrl()}/`,
    pageUrl: `${world.baseUrl()}/?token=${pageToken}`,
    apiUrl: `${world.baseUrl()}/api/`,
    botToken: tokens.bot,
    appToken: tokens.app,
    handle,
    upgrade,
    as: (nameOrId) => openPersonHandle(world, interactions, nameOrId),
    messages(channelName, threadTs) {
      const channel = directory.channel(channelName);
      if (channel === null) throw new Error(`There is no channel ${channelName}`);
      return threadTs === undefined ? log.inChannel(channel.id, null) : log.inThread(channel.id, threadTs, null);
    },
    calls: api.calls,
    faults,
    socketCount: world.sockets.count,
    refreshSocket: world.sockets.refresh,
    dropSockets: world.sockets.drop,
    until,
    async close() {
      closing.abort();
      keepUp?.();
      page.close();
      world.sockets.close();
      if (options.server !== undefined) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server does not listen on a port');
  // All that is handed out says 127.0.0.1: bound elsewhere, nobody would be there, or somebody else.
  if (!['127.0.0.1', '0.0.0.0', '::', '::ffff:127.0.0.1'].includes(address.address))
    throw new Error(`The local workspace needs a server on 127.0.0.1, not on ${address.address}`);
  return address.port;
}

function secret(): string {
  return randomBytes(18).toString('base64url');
}
