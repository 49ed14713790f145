import type { App, webApi } from '@slack/bolt';
import { z } from 'zod';
import type { Requester, Handlers, HostDraft } from '../app/answer/handlers.ts';
import { hostMistakes } from '../app/answer/host-editing.ts';
import type { Refusal } from '../change/refusal.ts';
import { describeRefusal } from '../notice/answer/refusal-text.ts';
import { noticeOf } from '../app/answer/answer-words.ts';
import { aNotice, type Notice } from '../notice/notice.ts';
import { inputFiles, inputValue, ViewPayload } from './payload.ts';
import { filledIn, formAgain } from './form-again.ts';
import { protectView, readProtectForm } from './protect-view.ts';
import { fillWindow, type ReplyTo } from './reply.ts';
import { isRoute, type ViewRoute } from './routes.ts';
import { explainMistakes, FILE_FIELD, pastedText } from './explain-form.ts';
import { readFiles, UnreadableFile } from './report-files.ts';
import { explainView, hostAddView, hostConfirmView, hostRemoveView, waitingView, type View } from './views.ts';

type Client = webApi.WebClient;
type Answered = (what: string, reply: ReplyTo, work: () => Promise<void>) => Promise<void>;

const TITLES: Record<ViewRoute, string> = {
  explain: 'Explanation',
  protect: 'Propose a protection',
  'host-add': 'Add a host',
  'host-confirm': 'Add a host',
  'host-remove': 'Remove a host',
};

const Confirmed = z.object({
  fingerprint: z.string(),
  draft: z.object({
    name: z.string(),
    address: z.string(),
    port: z.number(),
    user: z.string().nullable(),
    tags: z.array(z.string()),
  }),
});

/** Registers what is done when a form is sent. Mistakes in fields are shown at the field; everything else in the window. */
export function listenToForms(app: App, handlers: Handlers, answered: Answered): void {
  app.view(/.*/, async ({ ack, body, client }) => {
    const read = ViewPayload.safeParse(body);
    const route = read.success && isRoute('view', read.data.view.callback_id) ? read.data.view.callback_id : null;
    if (!read.success || !route) {
      await ack({
        response_action: 'update',
        view: waitingView('oombot', 'This form belongs to another version of the bot. Ask again with /oom.') as never,
      });
      return;
    }
    const payload = read.data;
    const mistakes = mistakesOf(route, payload);
    if (Object.keys(mistakes).length > 0) {
      await ack({ response_action: 'errors', errors: mistakes });
      return;
    }
    // The types of views know no newer blocks.
    await ack({ response_action: 'update', view: waitingView(TITLES[route], 'One moment…') as never });
    const requester = { userId: payload.user.id, channelId: null };
    const reply = fillWindow(client, payload.view.id, TITLES[route]);
    await answered(`form ${route}`, reply, () => answerForm(route, payload, requester, reply, client));
  });

  async function answerForm(
    route: ViewRoute,
    payload: ViewPayload,
    requester: Requester,
    reply: ReplyTo,
    client: Client,
  ): Promise<void> {
    const filled = filledIn(payload);
    const { id } = payload.view;
    async function show(view: View): Promise<void> {
      await client.apiCall('views.update', { view_id: id, view });
    }
    /** Nothing of what was typed is lost where it is refused. */
    async function showAgain(form: View, refusal: Refusal, values: Record<string, string> = filled): Promise<void> {
      await show(formAgain(form, values, refusal));
    }
    switch (route) {
      case 'explain': {
        const files = inputFiles(payload, FILE_FIELD);
        const given = { text: pastedText(payload), files };
        if (files.length > 0) return reply(await explainWithFiles(handlers, requester, client, given));
        const answer = await handlers.explain({ text: given.text }, requester);
        if (answer.kind === 'refused') return showAgain(explainView(FILE_FIELD in filled), answer.refusal);
        return reply(noticeOf(answer));
      }
      case 'protect': {
        const form = readProtectForm(payload);
        if ('mistakes' in form) return;
        const answer = await handlers.protect(form.ask, requester);
        const { private_metadata: incidentId } = payload.view;
        if (answer.kind === 'refused')
          return showAgain(protectView({ host: '', what: '', incidentId }), answer.refusal);
        return reply(noticeOf(answer));
      }
      case 'host-add': {
        const draft = draftOf(payload);
        const seen = await handlers.readHostKey(draft, requester);
        return seen.kind === 'refused'
          ? showAgain(hostAddView(), seen.refusal)
          : show(hostConfirmView(draft, seen.key));
      }
      case 'host-confirm': {
        const confirmed = Confirmed.safeParse(JSON.parse(payload.view.private_metadata));
        if (!confirmed.success) return reply(describeRefusal({ kind: 'stale', what: 'This form' }));
        const { draft, fingerprint } = confirmed.data;
        const answer = await handlers.addHost(draft, fingerprint, requester);
        if (answer.kind === 'refused') return showAgain(hostAddView(), answer.refusal, fieldsOf(draft));
        return reply(noticeOf(answer));
      }
      case 'host-remove': {
        const answer = await handlers.removeHost({ host: inputValue(payload, 'name') }, requester);
        if (answer.kind === 'refused') return showAgain(hostRemoveView(null), answer.refusal);
        return reply(noticeOf(answer));
      }
    }
  }
}

/** A new host as its form has it. */
function fieldsOf({ name, address, port, user, tags }: HostDraft): Record<string, string> {
  return { name, address, port: port === 22 ? '' : String(port), user: user ?? '', tags: tags.join(' ') };
}

function mistakesOf(route: ViewRoute, payload: ViewPayload): Record<string, string> {
  if (route === 'explain') return explainMistakes(payload);
  if (route === 'host-add') return mistakesIn(draftOf(payload));
  return route === 'protect' ? protectMistakes(payload) : {};
}

/** Explains what was pasted together with the files beside it. */
export async function explainWithFiles(
  handlers: Handlers,
  requester: Requester,
  client: Client,
  given: { text: string; files: readonly string[]; unread?: number },
): Promise<Notice> {
  try {
    const read = given.files.length === 0 ? '' : await readFiles(client, given.files);
    const text = [given.text, read].filter((part) => part !== '').join('\n');
    return withUnread(noticeOf(await handlers.explain({ text }, requester)), given.unread ?? 0);
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error;
    return aNotice({ headline: [{ prose: error.message }] });
  }
}

/** Files that the app may not read are not passed over in silence. */
function withUnread(notice: Notice, count: number): Notice {
  if (count === 0) return notice;
  const words = `${count === 1 ? 'The file was' : 'The files were'} not read: the Slack app lacks the scope files:read. Paste the report with /oom explain.`;
  return { ...notice, small: [[{ words }], ...notice.small] };
}

function protectMistakes(payload: ViewPayload): Record<string, string> {
  const form = readProtectForm(payload);
  return 'mistakes' in form ? form.mistakes : {};
}

function draftOf(payload: ViewPayload): HostDraft {
  const port = inputValue(payload, 'port') || '22';
  return {
    name: inputValue(payload, 'name'),
    address: inputValue(payload, 'address'),
    port: /^\d{1,5}$/.test(port) ? Number(port) : Number.NaN,
    user: inputValue(payload, 'user') || null,
    tags: inputValue(payload, 'tags')
      .split(/[\s,]+/)
      .filter(Boolean),
  };
}

/** Mistakes by field, in words. What the handlers know better (taken names, rights) they say themselves. */
function mistakesIn(draft: HostDraft): Record<string, string> {
  return Object.fromEntries(
    hostMistakes(draft).map(({ field, expected }) => [
      field,
      `${expected.charAt(0).toUpperCase()}${expected.slice(1)}.`,
    ]),
  );
}
