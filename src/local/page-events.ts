import type { ServerResponse } from 'node:http';
import type { Change } from './changes.ts';
import { APP_ID, BOT, SLACKBOT_ID, TEAM, type Person } from './directory.ts';
import type { Message } from './message.ts';
import { asSlackMessage } from './message-log.ts';
import { asSlackView, type View } from './views.ts';
import type { World } from './world.ts';

const READERS_MAX = 20;
const UNSENT_BYTES_MAX = 4 * 1024 * 1024;
const KEEP_ALIVE_MS = 20_000;

/** A button of the page that is not Slack's: it makes something happen in the demonstration. */
export interface Control {
  id: string;
  label: string;
  description: string;
  /** Returns one sentence on what it did. */
  run: () => Promise<string>;
}

export interface PageEvents {
  /** Keeps the response open and tells it all that `person` may see. */
  attach: (person: Person, tab: string, response: ServerResponse) => void;
  /** Somebody does something in a tab: a window that opens of it belongs there. */
  actsIn: (person: Person, tab: string) => void;
  close: () => void;
}

/** The live side of the page: server-sent events, one stream for each open page. */
export function openPageEvents(world: World, controls: readonly Control[]): PageEvents {
  const readers = new Map<ServerResponse, { person: Person; tab: string }>();
  /** Where each person last did something. */
  const lastTab = new Map<string, string>();
  /** Which tab the open window of each person is in. */
  const windows = new Map<string, { viewId: string; tab: string }>();
  const stop = world.changes.subscribe((change) => {
    for (const [response, { person, tab }] of readers)
      for (const [name, data] of seenBy(person, tab, change)) send(response, name, data);
  });
  const keepAlive = setInterval(() => readers.forEach((_, response) => response.write(':\n\n')), KEEP_ALIVE_MS);
  keepAlive.unref();

  function send(response: ServerResponse, name: string, data: unknown): void {
    // A page that does not read is cut off; it comes back and starts anew.
    if (response.writableLength > UNSENT_BYTES_MAX) response.destroy();
    else response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** The person's open window, if it is in this tab. One whose tab is gone moves to the next that comes. */
  function windowIn(person: Person, tab: string): View | null {
    const view = world.views.modal(person.id);
    if (view === null) return null;
    const is = windows.get(person.id);
    const isThere = [...readers.values()].some((one) => one.person.id === person.id && one.tab === is?.tab);
    const of =
      is?.viewId === view.id && isThere ? is.tab : is?.viewId === view.id ? tab : (lastTab.get(person.id) ?? tab);
    windows.set(person.id, { viewId: view.id, tab: of });
    return of === tab ? view : null;
  }

  function seenBy(person: Person, tab: string, change: Change): [string, unknown][] {
    switch (change.kind) {
      case 'message':
        return mayRead(person, change.message)
          ? [
              ['message', asPageMessage(change.message)],
              ['unread', unread(person, change.message.channel)],
            ]
          : [];
      case 'removed':
        return change.onlyFor === null || change.onlyFor === person.id ? [['removed', change]] : [];
      case 'view':
        return change.person === person.id ? [['modal', shown(windowIn(person, tab))]] : [];
      case 'home':
        return change.person === person.id ? [['home', shown(world.views.home(person.id))]] : [];
      case 'read':
        return change.person === person.id ? [['unread', unread(person, change.channel)]] : [];
      case 'sockets':
        return [['sockets', { count: change.count }]];
    }
  }

  function mayRead(person: Person, message: Message): boolean {
    const channel = world.directory.channel(message.channel);
    if (channel === null || !world.directory.isMember(channel, person.id)) return false;
    return message.onlyFor === null || message.onlyFor === person.id;
  }

  function unread(person: Person, channel: string): { channel: string; count: number } {
    return { channel, count: world.log.unread(channel, person.id) };
  }

  function shown(view: View | null): unknown {
    return view === null ? null : asSlackView(view);
  }

  function hello(person: Person, tab: string): unknown {
    const { directory, views, sockets, commands, shortcuts } = world;
    const channels = directory.channels().filter((channel) => directory.isMember(channel, person.id));
    return {
      team: TEAM,
      appId: APP_ID,
      botId: BOT.id,
      slackbotId: SLACKBOT_ID,
      me: person.id,
      people: directory.people(),
      userGroups: directory.userGroups().map(({ id, handle }) => ({ id, handle })),
      channels: channels.map((channel) => ({
        ...channel,
        hasBot: directory.isMember(channel, BOT.id),
        unread: world.log.unread(channel.id, person.id),
      })),
      commands,
      shortcuts,
      controls: controls.map(({ id, label, description }) => ({ id, label, description })),
      sockets: { count: sockets.count() },
      modal: shown(windowIn(person, tab)),
      home: shown(views.home(person.id)),
    };
  }

  return {
    actsIn: (person, tab) => void lastTab.set(person.id, tab),
    attach(person, tab, response) {
      const oldest = readers.keys().next().value;
      if (readers.size >= READERS_MAX && oldest !== undefined) oldest.destroy();
      readers.set(response, { person, tab });
      response.on('close', () => readers.delete(response));
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' });
      send(response, 'hello', hello(person, tab));
    },
    close() {
      stop();
      clearInterval(keepAlive);
      for (const response of readers.keys()) response.end();
    },
  };
}

/** A message as the page reads it: Slack's form, and whether only its reader sees it. */
export function asPageMessage(message: Message): Record<string, unknown> {
  return { ...asSlackMessage(message), channel: message.channel, onlyForYou: message.onlyFor !== null };
}
