import type { App, webApi } from '@slack/bolt';
import { z } from 'zod';
import type { Asker, Handlers, HostDraft } from '../app/handlers.ts';
import { describeRefusal } from '../notice/refusal-text.ts';
import { noticeOf } from './answers.ts';
import { inputValue, ViewPayload } from './payload.ts';
import { fillWindow, type ReplyTo } from './reply.ts';
import { isRoute, type ViewRoute } from './routes.ts';
import { hostConfirmView, REPORT_FIELDS, waitingView } from './views.ts';

type Client = webApi.WebClient;
type Answered = (what: string, reply: ReplyTo, work: () => Promise<void>) => Promise<void>;

const TITLES: Record<ViewRoute, string> = {
  explain: 'Explanation',
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
    const mistakes = route === 'host-add' ? mistakesIn(payload) : {};
    if (Object.keys(mistakes).length > 0) {
      await ack({ response_action: 'errors', errors: mistakes });
      return;
    }
    // The types of views know no newer blocks.
    await ack({ response_action: 'update', view: waitingView(TITLES[route], 'One moment…') as never });
    const asker = { userId: payload.user.id, channelId: null };
    const reply = fillWindow(client, payload.view.id, TITLES[route]);
    await answered(`form ${route}`, reply, () => answerForm(route, payload, asker, reply, client));
  });

  async function answerForm(
    route: ViewRoute,
    payload: ViewPayload,
    asker: Asker,
    reply: ReplyTo,
    client: Client,
  ): Promise<void> {
    switch (route) {
      case 'explain': {
        const text = REPORT_FIELDS.map((field) => inputValue(payload, field)).join('\n');
        return reply(noticeOf(await handlers.explain({ text }, asker)));
      }
      case 'host-add': {
        const draft = draftOf(payload);
        const seen = await handlers.readHostKey(draft, asker);
        if (seen.kind === 'refused') return reply(describeRefusal(seen.refusal));
        await client.apiCall('views.update', { view_id: payload.view.id, view: hostConfirmView(draft, seen.key) });
        return;
      }
      case 'host-confirm': {
        const confirmed = Confirmed.safeParse(JSON.parse(payload.view.private_metadata));
        if (!confirmed.success) return reply(describeRefusal({ kind: 'stale', what: 'This form' }));
        return reply(noticeOf(await handlers.addHost(confirmed.data.draft, confirmed.data.fingerprint, asker)));
      }
      case 'host-remove':
        return reply(noticeOf(await handlers.removeHost({ host: inputValue(payload, 'name') }, asker)));
    }
  }
}

function draftOf(payload: ViewPayload): HostDraft {
  return {
    name: inputValue(payload, 'name'),
    address: inputValue(payload, 'address'),
    port: Number(inputValue(payload, 'port') || '22'),
    user: inputValue(payload, 'user') || null,
    tags: inputValue(payload, 'tags')
      .split(/[\s,]+/)
      .filter(Boolean)
      .slice(0, 20),
  };
}

/** Mistakes by field, in words. What the handlers know better (taken names, rights) they say themselves. */
function mistakesIn(payload: ViewPayload): Record<string, string> {
  const port = inputValue(payload, 'port');
  const checks: [string, boolean, string][] = [
    [
      'name',
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(inputValue(payload, 'name')),
      'Letters, digits, dots, dashes; at most 64.',
    ],
    [
      'address',
      /^[A-Za-z0-9][A-Za-z0-9.:_-]{0,254}$/.test(inputValue(payload, 'address')),
      'A host name or an IP address.',
    ],
    [
      'port',
      port === '' || (/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535),
      'A number from 1 to 65535.',
    ],
    ['user', /^(?:[a-z_][a-z0-9_-]{0,31}\$?)?$/i.test(inputValue(payload, 'user')), 'A login name.'],
    ['tags', /^[\w\s,.-]*$/.test(inputValue(payload, 'tags')), 'Words separated by blanks.'],
  ];
  return Object.fromEntries(checks.filter(([, fine]) => !fine).map(([field, , says]) => [field, says]));
}
