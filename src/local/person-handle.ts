import type { Channel, Person } from './directory.ts';
import type { RawValue, RawValues } from './element-values.ts';
import type { Interactions, Outcome } from './interactions.ts';
import type { Message } from './message.ts';
import type { View } from './views.ts';
import type { World } from './world.ts';

/** What is chosen or typed along with a click. */
export interface ClickOptions {
  blockId?: string;
  value?: RawValue;
  values?: RawValues;
}

/** One person of the workspace, for programs: does what the page lets people do, and sees what they see. */
export interface PersonHandle {
  id: string;
  /** `text` with the slash. A thread makes Slack refuse it. */
  command: (channel: string, text: string, threadTs?: string) => Promise<Outcome>;
  /** `channel`: a name, an id, or `direct` for the conversation with the bot. */
  say: (channel: string, text: string, threadTs?: string) => Outcome;
  /** Clicks or chooses in a message, a modal or the App Home. */
  click: (on: Message | View, actionId: string, options?: ClickOptions) => Promise<Outcome>;
  /** Sends the modal. */
  submit: (values?: RawValues) => Promise<Outcome>;
  closeView: () => Outcome;
  messageShortcut: (message: Message, callbackId: string) => Promise<Outcome>;
  openHome: () => Outcome;
  /** The open modal. */
  view: () => View | null;
  home: () => View | null;
  /** What the person sees of a channel, private answers included, oldest first; with `threadTs` the parent and its replies. */
  sees: (channel: string, threadTs?: string) => Message[];
  /** Only the private answers. */
  privateAnswers: (channel: string) => Message[];
  unread: (channel: string) => number;
}

/** Throws when there is no such person or channel: the program that asks is wrong. */
export function openPersonHandle(world: World, interactions: Interactions, nameOrId: string): PersonHandle {
  const person = personOf(world, nameOrId);
  const { log, views } = world;

  function channelOf(name: string): Channel {
    const channel = name === 'direct' ? world.directory.direct(person.id) : world.directory.channel(name);
    if (channel === null) throw new Error(`There is no channel ${name}`);
    return channel;
  }

  function sees(channel: string, threadTs?: string): Message[] {
    const { id } = channelOf(channel);
    return threadTs === undefined ? log.inChannel(id, person.id) : log.inThread(id, threadTs, person.id);
  }

  return {
    id: person.id,
    command: (channel, text, threadTs) => interactions.command(person, channelOf(channel), text, threadTs),
    say: (channel, text, threadTs) => interactions.say(person, channelOf(channel), text, threadTs),
    click(on, actionId, options = {}) {
      const place = 'ts' in on ? { channel: on.channel, ts: on.ts } : { viewId: on.id };
      return interactions.act(person, { place, actionId, ...options });
    },
    submit: (values = {}) => interactions.submit(person, views.modal(person.id)?.id ?? '', values),
    closeView: () => interactions.closeView(person, views.modal(person.id)?.id ?? ''),
    messageShortcut: (message, callbackId) =>
      interactions.messageShortcut(person, callbackId, channelOf(message.channel), message.ts),
    openHome: () => interactions.openHome(person, 'home'),
    view: () => views.modal(person.id),
    home: () => views.home(person.id),
    sees,
    privateAnswers: (channel) => sees(channel).filter((message) => message.onlyFor !== null),
    unread: (channel) => log.unread(channelOf(channel).id, person.id),
  };
}

function personOf(world: World, nameOrId: string): Person {
  const person = world.directory.person(nameOrId);
  if (person === null) throw new Error(`There is no person ${nameOrId}`);
  return person;
}
