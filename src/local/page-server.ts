import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import { z } from 'zod';
import type { Channel, Person } from './directory.ts';
import { isSame, PAGE_HEADERS } from './guard.ts';
import { parseJson, readBody, sendJson, type Target } from './http-body.ts';
import type { Interactions, Outcome } from './interactions.ts';
import { asPageMessage, openPageEvents, type Control } from './page-events.ts';
import { cookieOf } from './page-token.ts';
import type { World } from './world.ts';

const MESSAGES_SHOWN = 200;
/** A year: the token outlives restarts, so what remembers it may. */
const COOKIE_S = 365 * 24 * 60 * 60;
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const raw = z.union([z.string().max(20_000), z.null()]);
const values = z.record(z.string(), z.record(z.string(), raw)).optional();
const threadTs = z.string().nullish();
const text = z.string().min(1).max(40_000);
const Deed = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('say'), channel: z.string(), text, threadTs }),
  z.object({ kind: z.literal('command'), channel: z.string(), text, threadTs }),
  z.object({
    kind: z.literal('act'),
    place: z.union([z.object({ viewId: z.string() }), z.object({ channel: z.string(), ts: z.string() })]),
    actionId: z.string(),
    blockId: z.string().optional(),
    value: raw.optional(),
    values,
  }),
  z.object({ kind: z.literal('submit'), viewId: z.string(), values }),
  z.object({ kind: z.literal('closeView'), viewId: z.string() }),
  z.object({ kind: z.literal('messageShortcut'), callbackId: z.string(), channel: z.string(), ts: z.string() }),
  z.object({ kind: z.literal('openHome'), tab: z.enum(['home', 'messages']) }),
  z.object({ kind: z.literal('read'), channel: z.string() }),
  z.object({ kind: z.literal('dismiss'), channel: z.string(), ts: z.string() }),
  z.object({ kind: z.literal('control'), id: z.string() }),
]);
/** Of one page that is open somewhere. */
const tab = z.string().max(64).default('');
const InProgress = z.object({ person: z.string(), tab, deed: Deed });
const Reading = z.object({ person: z.string(), channel: z.string(), threadTs });

export interface PageServer {
  /** Answers `/`, `/favicon.ico` and `/page/…`; false: not ours. */
  handle: (request: IncomingMessage, response: ServerResponse, target: Target) => Promise<boolean>;
  close: () => void;
}

/**
 * The chat page and what it asks of the server. Styles, scripts and pictures are for everybody; the page needs `token`, in its address
 * or in the cookie that comes of that, and what it asks needs the secret that was written into it too.
 */
export function openPageServer(
  world: World,
  interactions: Interactions,
  { controls, token }: { controls: readonly Control[]; token: string },
): PageServer {
  const session = randomBytes(24).toString('base64url');
  const files = readFiles();
  const events = openPageEvents(world, controls);

  function personOf(id: string | null): Person | null {
    return world.directory.people().find((one) => one.id === id && !one.isBot) ?? null;
  }

  function channelOf(id: string, person: Person): Channel | null {
    const channel = world.directory.channels().find((one) => one.id === id);
    return channel !== undefined && world.directory.isMember(channel, person.id) ? channel : null;
  }

  /** A cookie knows no ports: each workspace on 127.0.0.1 has one of its own name. */
  function cookieName(): string {
    return `oombot-page-${new URL(world.baseUrl()).port}`;
  }

  function isLetIn(request: IncomingMessage): boolean {
    return isSame(cookieOf(request, cookieName()), token);
  }

  // Not by a redirect: a browser that came here by a link of another site would not send a strict cookie along.
  function sendPage(request: IncomingMessage, response: ServerResponse, given: string | null): void {
    const isGiven = given !== null && isSame(given, token);
    const isOpen = given === null ? isLetIn(request) : isGiven;
    const cookie = `${cookieName()}=${token}; Path=/; Max-Age=${COOKIE_S}; HttpOnly; SameSite=Strict`;
    response.writeHead(isOpen ? 200 : 401, {
      ...PAGE_HEADERS,
      'content-type': TYPES['.html'],
      ...(isGiven ? { 'set-cookie': cookie } : {}),
    });
    response.end(isOpen ? files.get('index.html')?.replace('{{session}}', session) : files.get('no-token.html'));
  }

  function sendFile(response: ServerResponse, name: string): void {
    const file = path.extname(name) === '.html' ? undefined : files.get(name);
    const type = TYPES[path.extname(name)] ?? 'text/plain; charset=utf-8';
    if (file === undefined) {
      response.writeHead(404, PAGE_HEADERS).end();
      return;
    }
    response.writeHead(200, { ...PAGE_HEADERS, 'content-type': type }).end(file);
  }

  /** A file that the app sent, to be kept and never shown by the browser. */
  function sendShared(request: IncomingMessage, response: ServerResponse, id: string): void {
    const file = isLetIn(request) ? world.files.find(id) : null;
    if (file === null || file.text === null) {
      response.writeHead(404, PAGE_HEADERS).end();
      return;
    }
    const name = file.name.replace(/[^\w.-]+/g, '_');
    response.writeHead(200, {
      ...PAGE_HEADERS,
      'content-type': 'text/plain; charset=utf-8',
      'content-disposition': `attachment; filename="${name}"`,
    });
    response.end(file.text);
  }

  async function control(id: string): Promise<Outcome & { said?: string }> {
    const found = controls.find((one) => one.id === id);
    if (found === undefined) return { ok: false, error: 'There is no such control.' };
    try {
      return { ok: true, said: await found.run() };
    } catch (error) {
      return { ok: false, error: error instanceof Error ? error.message : 'It failed.' };
    }
  }

  async function perform(person: Person, deed: z.infer<typeof Deed>): Promise<Outcome> {
    switch (deed.kind) {
      case 'act':
        return interactions.act(person, deed);
      case 'submit':
        return interactions.submit(person, deed.viewId, deed.values ?? {});
      case 'closeView':
        return interactions.closeView(person, deed.viewId);
      case 'openHome':
        return interactions.openHome(person, deed.tab);
      case 'control':
        return control(deed.id);
      case 'say':
      case 'command':
      case 'messageShortcut':
      case 'read':
      case 'dismiss':
        return performIn(person, deed);
    }
  }

  type InChannel = Extract<z.infer<typeof Deed>, { channel: string }>;

  async function performIn(person: Person, deed: InChannel): Promise<Outcome> {
    const channel = channelOf(deed.channel, person);
    if (channel === null) return { ok: false, error: 'There is no such channel.' };
    switch (deed.kind) {
      case 'say':
        return interactions.say(person, channel, deed.text, deed.threadTs);
      case 'command':
        return interactions.command(person, channel, deed.text, deed.threadTs);
      case 'messageShortcut':
        return interactions.messageShortcut(person, deed.callbackId, channel, deed.ts);
      case 'read':
        world.log.markRead(channel.id, person.id);
        return { ok: true };
      case 'dismiss': {
        const message = world.log.find(channel.id, deed.ts, person.id);
        if (message?.onlyFor === person.id) world.log.remove(message);
        return { ok: true };
      }
    }
  }

  async function answerPost(request: IncomingMessage, response: ServerResponse, pathname: string): Promise<void> {
    const body = parseJson(await readBody(request));
    if (!isLetIn(request)) {
      sendJson(response, 401, { ok: false, error: 'Open the address that oombot printed when it started.' });
      return;
    }
    if (!isSame(request.headers['x-session'], session)) {
      sendJson(response, 403, { ok: false, error: 'This page is from an earlier start. Reload it.' });
      return;
    }
    const refused = { ok: false, error: 'The server did not understand the page.' };
    if (pathname === '/page/do') {
      const doing = InProgress.safeParse(body);
      const person = personOf(doing.data?.person ?? null);
      if (!doing.success || person === null) sendJson(response, 400, refused);
      else {
        // What is read or drawn by itself opens no window.
        if (!['read', 'openHome'].includes(doing.data.deed.kind)) events.actsIn(person, doing.data.tab);
        sendJson(response, 200, await perform(person, doing.data.deed));
      }
      return;
    }
    const reading = Reading.safeParse(body);
    const person = personOf(reading.data?.person ?? null);
    const channel = person === null || !reading.success ? null : channelOf(reading.data.channel, person);
    if (pathname !== '/page/messages' || channel === null || person === null) {
      sendJson(response, 400, refused);
      return;
    }
    const head = reading.data?.threadTs;
    const messages =
      typeof head === 'string'
        ? world.log.inThread(channel.id, head, person.id)
        : world.log.inChannel(channel.id, person.id);
    sendJson(response, 200, { ok: true, messages: messages.slice(-MESSAGES_SHOWN).map(asPageMessage) });
  }

  return {
    async handle(request, response, { path: asked, query }) {
      if (asked === '/') sendPage(request, response, query.get('token'));
      else if (asked === '/favicon.ico') sendFile(response, 'icon.svg');
      else if (!asked.startsWith('/page/')) return false;
      else if (request.method === 'POST') await answerPost(request, response, asked);
      else if (asked === '/page/events') {
        const everybody = world.directory.people().filter((one) => !one.isBot);
        const person = personOf(query.get('person')) ?? everybody[0] ?? null;
        const isOurs = isLetIn(request) && isSame(query.get('session'), session);
        if (isOurs && person !== null) events.attach(person, (query.get('tab') ?? '').slice(0, 64), response);
        else response.writeHead(403, PAGE_HEADERS).end();
      } else if (asked.startsWith('/page/file/')) sendShared(request, response, asked.slice('/page/file/'.length));
      else sendFile(response, asked.slice('/page/'.length));
      return true;
    },
    close: events.close,
  };
}

function readFiles(): Map<string, string> {
  const folder = path.join(import.meta.dirname, 'page');
  const names = readdirSync(folder).filter((name) => path.extname(name) in TYPES);
  return new Map(names.map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]));
}
