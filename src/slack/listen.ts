import { randomUUID } from 'node:crypto';
import type { App, RespondFn, webApi } from '@slack/bolt';
import type { Logger } from 'pino';
import type { Answer, Requester, Handlers } from '../app/answer/handlers.ts';
import type { Notice, Text } from '../notice/notice.ts';
import { describeRefusal } from '../notice/answer/refusal-text.ts';
import { answerWords, noticeOf } from '../app/answer/answer-words.ts';
import type { Parsed, Reply } from '../app/answer/command.ts';
import { faultForLog } from './bolt-logger.ts';
import { parseCommand, pastedBehind, pastedText } from './typed-text.ts';
import {
  ActionPayload,
  BotMention,
  CommandPayload,
  DirectMessage,
  HomeEvent,
  MentionEvent,
  readReportValue,
  ShortcutPayload,
} from './payload.ts';
import {
  openPatience,
  openWindow,
  postDirectly,
  postPrivately,
  respondPrivately,
  respondToChannel,
  waitingText,
  type ReplyTo,
} from './reply.ts';
import { actionRoute, isRoute, type ActionRoute } from './routes.ts';
import { protectView } from './protect-view.ts';
import { explainView, homeView, hostAddView, hostRemoveView, type View } from './views.ts';
import { explainWithFiles, listenToForms } from './listen-forms.ts';
import { mayReadFiles } from './report-files.ts';
import type { SendFile } from './report-upload.ts';

type Client = webApi.WebClient;

export interface Listening {
  /** Resolves when every question under way is answered. */
  idle: () => Promise<void>;
}

/** Questions worked on at the same time; more are told to come back. */
const AT_ONCE_MAX = 100;
const EVENTS_REMEMBERED = 500;

/** Registers every way in. Each acknowledges first, then works, and whoever asked always gets an answer. */
export function listen(app: App, handlers: Handlers, log: Logger, sendFile: SendFile): Listening {
  const working = new Set<Promise<void>>();
  const seenEvents = new Set<string>();

  /** Does the work and answers its fault, if there is one, in words; says `waiting` when that takes long. Never throws. */
  async function answered(
    what: string,
    replyTo: ReplyTo,
    work: (reply: ReplyTo) => Promise<void>,
    waiting: Text | null = null,
  ): Promise<void> {
    const { reply, done } = openPatience(replyTo, waiting);
    const isBusy = working.size >= AT_ONCE_MAX;
    const task = carefully(what, reply, () => (isBusy ? reply(describeRefusal({ kind: 'busy' })) : work(reply)));
    working.add(task);
    await task.finally(() => working.delete(task));
    done();
  }

  async function carefully(what: string, reply: ReplyTo, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const reference = randomUUID().slice(0, 8);
      log.error({ fault: faultForLog(error), reference, what }, 'A question could not be answered');
      try {
        await reply(describeRefusal({ kind: 'fault', reference }));
      } catch (second) {
        log.warn({ fault: faultForLog(second), reference }, 'The person who asked could not be told either');
      }
    }
  }

  app.command(/.*/, async ({ ack, body, respond, client }) => {
    await ack();
    const { user_id: userId, channel_id: channelId, text, trigger_id: triggerId } = CommandPayload.parse(body);
    const parsed = parseCommand(text);
    await answered(
      'command',
      respondPrivately(respond, client, { channel: channelId, user: userId }),
      async (reply) => {
        if (!isRoute('command', body.command)) return reply(describeRefusal({ kind: 'unknown-action' }));
        const requester = { userId, channelId };
        const pasted = pastedBehind(text);
        if (pasted !== null) return reply(noticeOf(await handlers.explain({ text: pasted }, requester)));
        await deliver(await answerWords(parsed, handlers, requester), reply, client, triggerId);
      },
      waitingText(parsed),
    );
  });

  app.action(/.*/, async ({ ack, body, client, respond }) => {
    await ack();
    const payload = ActionPayload.parse(body);
    const channelId = payload.channel?.id ?? payload.container?.channel_id ?? null;
    const requester = { userId: payload.user.id, channelId };
    const inView = payload.view !== undefined || channelId === null;
    await answeredSomewhere(inView, payload, respond, client, requester);
  });

  async function answeredSomewhere(
    inView: boolean,
    payload: ActionPayload,
    respond: RespondFn,
    client: Client,
    requester: Requester,
  ): Promise<void> {
    const action = payload.actions[0];
    const route = actionRoute(action?.action_id ?? '');
    const value = action?.value ?? '';
    const opensForm =
      route === 'hosts-add' ||
      route === 'hosts-remove' ||
      route === 'protect' ||
      (route === 'run' && isForm(parseCommand(value)));
    const later =
      !inView && requester.channelId !== null
        ? respondPrivately(respond, client, { channel: requester.channelId, user: requester.userId })
        : lateWindow(client, payload.trigger_id);
    // Nothing but a window can answer in App Home, and only within three seconds: it is opened before the work.
    const early = inView && !opensForm ? await earlyWindow(client, payload.trigger_id) : null;
    async function work(reply: ReplyTo): Promise<void> {
      if (!route || (route === 'share' && inView)) return reply(describeRefusal({ kind: 'unknown-action' }));
      if (route === 'share') return share(await handlers.share({ incidentId: value }, requester), respond, reply);
      await deliver(await answerAction(route, value, requester), reply, client, payload.trigger_id);
    }
    const asked = route === 'scores' ? `scores ${value}` : value;
    await answered(
      'action',
      early ?? later,
      work,
      inView || route === 'share' ? null : waitingText(parseCommand(asked)),
    );
  }

  async function answerAction(
    route: Exclude<ActionRoute, 'share'>,
    value: string,
    requester: Requester,
  ): Promise<Reply> {
    switch (route) {
      case 'scores':
        return handlers.answerScores({ host: value, limit: null }, requester);
      case 'report':
        return sendFile(await handlers.fullReport(readReportValue(value), requester), requester);
      case 'mute':
        return handlers.muteIncident({ incidentId: value }, requester);
      case 'ack':
        return handlers.ackIncident({ incident: value }, requester);
      case 'protect':
        return handlers.protectForm({ incidentId: value }, requester);
      case 'approve':
        return handlers.approve({ changeId: value }, requester);
      case 'decline':
        return handlers.decline({ changeId: value }, requester);
      case 'undo':
        return handlers.undo({ changeId: value }, requester);
      case 'run':
        return answerWords(parseCommand(value), handlers, requester);
      case 'hosts-add':
        return answerWords(parseCommand('hosts add'), handlers, requester);
      case 'hosts-remove':
        return answerWords(parseCommand('hosts remove'), handlers, requester);
    }
  }

  /** A window for an answer, or null when Slack gives none: the work is done all the same. */
  async function earlyWindow(client: Client, triggerId: string): Promise<ReplyTo | null> {
    try {
      return await openWindow(client, triggerId, 'oombot');
    } catch (error) {
      log.warn({ fault: faultForLog(error) }, 'A window could not be opened');
      return null;
    }
  }

  app.shortcut(/.*/, async ({ ack, body, client }) => {
    await ack();
    const payload = ShortcutPayload.parse(body);
    const reply = await earlyWindow(client, payload.trigger_id);
    if (!reply) return;
    await answered('shortcut', reply, async () => {
      if (!isRoute('shortcut', payload.callback_id)) return reply(describeRefusal({ kind: 'unknown-action' }));
      const requester = { userId: payload.user.id, channelId: payload.channel?.id ?? null };
      const added = (payload.message?.files ?? []).flatMap((file) => file.id ?? []);
      const files = added.length > 0 && (await mayReadFiles(client)) ? added : [];
      const given = { text: messageText(payload), files, unread: added.length - files.length };
      await reply(await explainWithFiles(handlers, requester, client, given));
    });
  });

  app.event('app_home_opened', async ({ event, client }) => {
    const { user, tab } = HomeEvent.parse(event);
    if (tab !== 'home') return;
    await answered('home', publish(client, user), async () => {
      await publish(client, user)(await handlers.answerHome({ userId: user, channelId: null }));
    });
  });

  app.event('app_mention', async ({ event, body, client }) => {
    // Bots are not answered: two of them would talk for ever, and neither is a person.
    if (BotMention.safeParse(event).success) return;
    const mention = MentionEvent.parse(event);
    if (isRepeat(body.event_id)) return;
    const thread = mention.thread_ts === undefined ? {} : { thread_ts: mention.thread_ts };
    const reply = postPrivately(client, { channel: mention.channel, user: mention.user, ...thread });
    await answerTyped('mention', mention, reply);
  });

  app.event('message', async ({ event, body, client }) => {
    const message = DirectMessage.safeParse(event);
    if (!message.success || isRepeat(body.event_id)) return;
    const thread = message.data.thread_ts === undefined ? {} : { thread_ts: message.data.thread_ts };
    const reply = postDirectly(client, { channel: message.data.channel, ...thread });
    await answerTyped('direct message', message.data, reply);
  });

  async function answerTyped(what: string, message: MentionEvent, replyTo: ReplyTo): Promise<void> {
    // The bot's own mention stands before the words, or anywhere among them.
    const words = message.text.replace(/<@[A-Z0-9]+(?:\|[^>]*)?>/g, ' ');
    const requester = { userId: message.user, channelId: message.channel };
    const parsed = parseCommand(words);
    async function work(reply: ReplyTo): Promise<void> {
      const pasted = pastedBehind(words);
      if (pasted !== null) return reply(noticeOf(await handlers.explain({ text: pasted }, requester)));
      const answer = await answerWords(parsed, handlers, requester);
      if (answer.kind !== 'form') return reply(noticeOf(answer));
      await reply(describeRefusal({ kind: 'needs-window', command: `/oom ${answer.form}` }));
    }
    await answered(what, replyTo, work, waitingText(parsed));
  }

  // Slack sends an event again when its acknowledgement was lost.
  function isRepeat(eventId: string): boolean {
    if (seenEvents.has(eventId)) return true;
    seenEvents.add(eventId);
    const oldest = seenEvents.values().next();
    if (seenEvents.size > EVENTS_REMEMBERED && !oldest.done) seenEvents.delete(oldest.value);
    return false;
  }

  listenToForms(app, handlers, answered);

  async function idle(): Promise<void> {
    await Promise.allSettled(working);
  }

  return { idle };
}

async function deliver(answer: Reply, reply: ReplyTo, client: Client, triggerId: string): Promise<void> {
  if (answer.kind !== 'form') return reply(noticeOf(answer));
  await client.apiCall('views.open', { trigger_id: triggerId, view: await viewOf(answer, client) });
}

async function viewOf(form: Extract<Reply, { kind: 'form' }>, client: Client): Promise<View> {
  switch (form.form) {
    case 'explain':
      return explainView(await mayReadFiles(client));
    case 'protect':
      return protectView(form.filled);
    case 'hosts add':
      return hostAddView();
    case 'hosts remove':
      return hostRemoveView(form.host);
  }
}

async function share(answer: Answer, respond: RespondFn, reply: ReplyTo): Promise<void> {
  if (answer.kind === 'refused') return reply(noticeOf(answer));
  await respondToChannel(respond, answer.notice);
}

function publish(client: Client, userId: string): ReplyTo {
  return async (notice: Notice) => {
    await client.apiCall('views.publish', { user_id: userId, view: homeView(notice) });
  };
}

function isForm(parsed: Parsed): boolean {
  return parsed.kind === 'command' && parsed.form !== null;
}

function lateWindow(client: Client, triggerId: string): ReplyTo {
  return async (notice) => (await openWindow(client, triggerId, 'oombot'))(notice);
}

/** The text of a message as it was pasted, without the fence of a code block. */
function messageText({ message }: ShortcutPayload): string {
  const parts = [message?.text ?? '', ...(message?.attachments ?? []).map((one) => one.text ?? one.fallback ?? '')];
  return pastedText(parts.join('\n'));
}
