import { z } from 'zod';
import { elementsOf } from './block-ids.ts';
import { BOT, SLACKBOT_ID, type Channel, type Person } from './directory.ts';
import { elementValue, inputErrors, stateValues, type RawValue, type RawValues } from './element-values.ts';
import type { Block, Message } from './message.ts';
import { asSlackMessage } from './message-log.ts';
import {
  commandPayload,
  eventPayload,
  messageActionsPayload,
  shortcutPayload,
  submissionPayload,
  viewActionsPayload,
} from './payloads.ts';
import type { Ack } from './socket.ts';
import { escapedCommandText, escapeText, typedText } from './typed-text.ts';
import { asSlackView, type View } from './views.ts';
import type { World } from './world.ts';

/** What came of something a person did: done, or a sentence that this person reads; for modals also one for each block. */
export type Outcome = { ok: true } | { ok: false; error: string; errors?: Record<string, string> };

/** Where a click or choice happens. */
export type ActionPlace = { channel: string; ts: string } | { viewId: string };

export interface ActionOf {
  place: ActionPlace;
  actionId: string;
  /** Needed when several blocks have this action_id. */
  blockId?: string | undefined;
  /** What was chosen; a button has none. */
  value?: RawValue | undefined;
  /** What stands in the other inputs of the same message or view. */
  values?: RawValues | undefined;
}

/** Everything that a person can do, by ids. Unknown ids are an outcome with a sentence, never a throw. */
export interface Interactions {
  command: (person: Person, channel: Channel, text: string, threadTs?: string | null) => Promise<Outcome>;
  say: (person: Person, channel: Channel, text: string, threadTs?: string | null) => Outcome;
  act: (person: Person, action: ActionOf) => Promise<Outcome>;
  submit: (person: Person, viewId: string, values: RawValues) => Promise<Outcome>;
  closeView: (person: Person, viewId: string) => Outcome;
  messageShortcut: (person: Person, callbackId: string, channel: Channel, ts: string) => Promise<Outcome>;
  openHome: (person: Person, tab: 'home' | 'messages') => Outcome;
}

const REDELIVER_AFTER_MS = [1_000, 60_000, 300_000]; // The Events API tries three times more
const GONE: Outcome = { ok: false, error: 'That is no longer there.' };
const NO_ANSWER: Outcome = { ok: false, error: 'The app did not answer in time (operation_timeout). Try again?' };
const NOT_CONNECTED: Outcome = { ok: false, error: 'The app is not connected (dispatch_failed). Try again?' };
const MODAL_TROUBLE: Outcome = { ok: false, error: 'We had some trouble connecting. Try again?' };

const AckText = z.object({ text: z.string().min(1) });
const SubmitAnswer = z.discriminatedUnion('response_action', [
  z.object({ response_action: z.literal('errors'), errors: z.record(z.string(), z.string()) }),
  z.object({ response_action: z.literal('update'), view: z.unknown() }),
]);

/** Events that only apps with a scope get. */
const EVENT_SCOPES: Readonly<Record<string, string>> = { app_mention: 'app_mentions:read', 'message.im': 'im:history' };

/** The name under which an app subscribes to an event. */
function subscription(event: Record<string, unknown>): string {
  return event['type'] === 'message' ? 'message.im' : String(event['type']);
}

export function openInteractions(world: World): Interactions {
  const { log, views, directory, sockets } = world;

  function whisper(person: Person, channel: Channel, text: string, threadTs: string | null = null): Outcome {
    log.post({ channel: channel.id, user: SLACKBOT_ID, onlyFor: person.id, threadTs, text: escapeText(text) });
    return { ok: false, error: text };
  }

  function deliverEvent(event: Record<string, unknown>): void {
    const name = subscription(event);
    if (world.botEvents?.has(name) === false) return;
    const scope = EVENT_SCOPES[name];
    if (scope !== undefined && world.scopes?.has(scope) === false) return;
    const payload = eventPayload(world, event);
    async function tryAll(): Promise<void> {
      let ack = await sockets.send('events_api', payload, { attempt: 0, reason: '' });
      for (const [at, waitMs] of REDELIVER_AFTER_MS.entries()) {
        if (ack.kind === 'acked') return;
        const reason = ack.kind === 'late' ? 'timeout' : 'http_error';
        await world.clock.sleep(waitMs, world.closing);
        ack = await sockets.send('events_api', payload, { attempt: at + 1, reason });
      }
    }
    tryAll().catch(() => {}); // the workspace closes: its waits end by throwing
  }

  function outcome(ack: Ack): Outcome {
    if (ack.kind === 'acked') return { ok: true };
    return ack.kind === 'late' ? NO_ANSWER : NOT_CONNECTED;
  }

  function place(
    person: Person,
    at: ActionPlace,
  ): { blocks: Block[]; view: View } | { blocks: Block[]; message: Message } | null {
    if ('viewId' in at) {
      const view = views.find(at.viewId);
      return view === null || view.person !== person.id ? null : { blocks: view.blocks, view };
    }
    const message = log.find(at.channel, at.ts, person.id);
    if (message === null) return null;
    return { blocks: message.blocks, message };
  }

  return {
    async command(person, channel, text, threadTs) {
      const [, command = '', words = ''] = /^(\/\S*)\s*([^]*)$/.exec(text.trim()) ?? [];
      const known = world.commands.find((one) => one.command === command);
      if (threadTs !== undefined && threadTs !== null) {
        return whisper(person, channel, `${command} is not supported in threads. Sorry!`, threadTs);
      }
      if (known === undefined) {
        const advice = `In Slack, all messages that start with the "/" character are interpreted as commands.`;
        return whisper(person, channel, `${command} is not a valid command. ${advice}`);
      }
      const escaped = known.shouldEscape === true ? escapedCommandText(words, directory) : escapeText(words);
      const payload = commandPayload(world, person, channel, { command, text: escaped });
      const ack = await sockets.send('slash_commands', payload);
      if (ack.kind !== 'acked') {
        const error = ack.kind === 'late' ? 'operation_timeout' : 'dispatch_failed';
        return whisper(person, channel, `${command} failed with the error "${error}"`);
      }
      // An acknowledgement may carry an answer, for the one who asked.
      const answer = AckText.safeParse(ack.payload);
      if (answer.success) log.post({ channel: channel.id, user: BOT.id, onlyFor: person.id, text: answer.data.text });
      return { ok: true };
    },

    say(person, channel, text, threadTs) {
      const message = log.post({
        channel: channel.id,
        user: person.id,
        text: typedText(text, directory),
        threadTs: threadTs ?? null,
      });
      const event = { ...asSlackMessage(message), channel: channel.id, event_ts: message.ts };
      if (channel.kind === 'im') deliverEvent({ ...event, channel_type: 'im' });
      else if (message.text.includes(`<@${BOT.id}>`) && directory.isMember(channel, BOT.id)) {
        deliverEvent({ ...event, type: 'app_mention' });
      }
      return { ok: true };
    },

    async act(person, action) {
      const at = place(person, action.place);
      const found = elementsOf(at?.blocks ?? []).find(
        ({ block, element }) =>
          element.action_id === action.actionId && (action.blockId === undefined || block.block_id === action.blockId),
      );
      if (at === null || found === undefined) return GONE;
      const { block, element } = found;
      const values = stateValues(at.blocks, action.values ?? {});
      const ids = { action_id: element.action_id, block_id: block.block_id, action_ts: log.nextTs() };
      const chosen = { actions: [{ ...ids, ...elementValue(element, action.value ?? null) }], values };
      if ('view' in at) {
        return outcome(await sockets.send('interactive', viewActionsPayload(world, person, at.view, chosen)));
      }
      const channel = directory.channel(at.message.channel);
      if (channel === null) return GONE;
      return outcome(
        await sockets.send('interactive', messageActionsPayload(world, person, channel, at.message, chosen)),
      );
    },

    async submit(person, viewId, raw) {
      const view = views.modal(person.id);
      if (view === null || view.id !== viewId) return GONE;
      const errors = inputErrors(view.blocks, raw);
      if (Object.keys(errors).length > 0) return { ok: false, error: 'Please correct what is marked.', errors };
      const values = stateValues(view.blocks, raw);
      const ack = await sockets.send('interactive', submissionPayload(world, person, view, values));
      if (ack.kind !== 'acked') return MODAL_TROUBLE;
      if (typeof ack.payload === 'object' && ack.payload !== null && Object.keys(ack.payload).length === 0) {
        views.close(person.id);
        return { ok: true };
      }
      const answer = SubmitAnswer.safeParse(ack.payload);
      if (!answer.success) return MODAL_TROUBLE;
      return answerSubmit(view, answer.data);
    },

    closeView(person, viewId) {
      if (views.modal(person.id)?.id !== viewId) return GONE;
      views.close(person.id);
      return { ok: true };
    },

    async messageShortcut(person, callbackId, channel, ts) {
      const message = log.find(channel.id, ts, person.id);
      const isKnown = world.shortcuts.some((one) => one.callbackId === callbackId);
      if (message === null || !isKnown) return GONE;
      return outcome(await sockets.send('interactive', shortcutPayload(world, person, callbackId, channel, message)));
    },

    openHome(person, tab) {
      const channel = directory.direct(person.id);
      const view = views.home(person.id);
      deliverEvent({
        type: 'app_home_opened',
        user: person.id,
        channel: channel?.id,
        event_ts: log.nextTs(),
        tab,
        ...(tab === 'home' && view !== null ? { view: asSlackView(view) } : {}),
      });
      return { ok: true };
    },
  };

  function answerSubmit(view: View, answer: z.infer<typeof SubmitAnswer>): Outcome {
    if (answer.response_action === 'update')
      return 'error' in views.update(view.id, answer.view) ? MODAL_TROUBLE : { ok: true };
    const inputs = new Set(view.blocks.filter((one) => one.type === 'input').map((one) => one.block_id));
    if (!Object.keys(answer.errors).every((blockId) => inputs.has(blockId))) return MODAL_TROUBLE;
    return { ok: false, error: 'Please correct what is marked.', errors: answer.errors };
  }
}
