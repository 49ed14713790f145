import { z } from 'zod';

// Only the fields that are used; Slack adds others as it likes.
const User = z.object({ id: z.string() });
const Channel = z.object({ id: z.string() });

export const CommandPayload = z.object({
  command: z.string(),
  text: z.string().default(''),
  user_id: z.string(),
  channel_id: z.string(),
  trigger_id: z.string(),
});
export type CommandPayload = z.infer<typeof CommandPayload>;

export const ActionPayload = z.object({
  user: User,
  channel: Channel.optional(),
  container: z.object({ channel_id: z.string().optional(), is_ephemeral: z.boolean().optional() }).optional(),
  message: z.object({ ts: z.string(), thread_ts: z.string().optional() }).optional(),
  view: z.object({ type: z.string() }).optional(),
  trigger_id: z.string(),
  actions: z.array(z.object({ action_id: z.string(), value: z.string().optional() })).min(1),
});
export type ActionPayload = z.infer<typeof ActionPayload>;

const Input = z.looseObject({
  value: z.string().nullish(),
  selected_option: z.object({ value: z.string() }).nullish(),
  files: z.array(z.object({ id: z.string() })).nullish(),
});

export const ViewPayload = z.object({
  user: User,
  view: z.object({
    id: z.string(),
    callback_id: z.string(),
    private_metadata: z.string().default(''),
    state: z.object({ values: z.record(z.string(), z.record(z.string(), Input)) }),
  }),
});
export type ViewPayload = z.infer<typeof ViewPayload>;

export const ShortcutPayload = z.object({
  callback_id: z.string(),
  user: User,
  channel: Channel.optional(),
  trigger_id: z.string(),
  message: z
    .object({
      text: z.string().default(''),
      files: z.array(z.looseObject({ id: z.string().optional() })).optional(),
      blocks: z.array(z.unknown()).optional(),
      attachments: z.array(z.object({ text: z.string().optional(), fallback: z.string().optional() })).optional(),
    })
    .optional(),
});
export type ShortcutPayload = z.infer<typeof ShortcutPayload>;

/** A mention in a bot's or a workflow's message; it may name a user all the same. */
export const BotMention = z.union([
  z.looseObject({ bot_id: z.string() }),
  z.looseObject({ subtype: z.literal('bot_message') }),
  z.looseObject({ user: z.undefined().optional() }),
]);

export const MentionEvent = z.object({
  user: z.string(),
  text: z.string().default(''),
  channel: z.string(),
  ts: z.string(),
  thread_ts: z.string().optional(),
});
export type MentionEvent = z.infer<typeof MentionEvent>;

/** A direct message of a person; edits, joins and the bot's own words have a subtype or a bot id. */
export const DirectMessage = MentionEvent.extend({
  channel_type: z.literal('im'),
  subtype: z.undefined().optional(),
  bot_id: z.undefined().optional(),
});

export const HomeEvent = z.object({ user: z.string(), tab: z.string().default('home') });

/** The value of a form's field, whatever kind it is; empty when nothing was put in. */
export function inputValue(view: ViewPayload, field: string): string {
  const input = Object.values(view.view.state.values[field] ?? {})[0];
  return (input?.value ?? input?.selected_option?.value ?? '').trim();
}

/** A text field as it was typed, blanks at its ends and all. */
export function inputText(view: ViewPayload, field: string): string {
  return Object.values(view.view.state.values[field] ?? {})[0]?.value ?? '';
}

/** The ids of the files in a field. */
export function inputFiles(view: ViewPayload, field: string): string[] {
  return (Object.values(view.view.state.values[field] ?? {})[0]?.files ?? []).map((file) => file.id);
}

/** `ID`, or `ID KILL PAGE`; a value that somebody made up reads as the first page. */
export function readReportValue(value: string): { incidentId: string; kill: number; page: number } {
  const [incidentId = '', ...numbers] = value.split(' ');
  const [kill = 1, page = 1] = numbers.map((text) => (/^[1-9]\d{0,4}$/.test(text) ? Number(text) : 1));
  return { incidentId, kill, page };
}
