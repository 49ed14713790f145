import { randomBytes } from 'node:crypto';
import { APP_ID, BOT, TEAM, type Channel, type Person } from './directory.ts';
import type { Message } from './message.ts';
import { asSlackMessage } from './message-log.ts';
import type { View } from './views.ts';
import { asSlackView } from './views.ts';
import type { World } from './world.ts';

const TOKEN = 'local-verification'; // The deprecated verification token; nothing reads it in Socket Mode
const common = { api_app_id: APP_ID, token: TOKEN, team: { id: TEAM.id, domain: TEAM.domain } };
const noEnterprise = { enterprise: null, is_enterprise_install: false };

/** Where a response_url answers. */
export function responseUrl(world: World, person: Person, channel: Channel, source: Message | null): string {
  const target = { channel: channel.id, person: person.id, threadTs: source?.threadTs ?? null, source };
  return `${world.baseUrl()}/response/${world.responseUrls.issue(target)}`;
}

/** Payload of a slash command. `text` is already escaped. */
export function commandPayload(
  world: World,
  person: Person,
  channel: Channel,
  said: { command: string; text: string },
): Record<string, unknown> {
  return {
    token: TOKEN,
    api_app_id: APP_ID,
    team_id: TEAM.id,
    team_domain: TEAM.domain,
    channel_id: channel.id,
    channel_name: channelName(channel),
    user_id: person.id,
    user_name: person.name,
    ...said,
    is_enterprise_install: 'false',
    response_url: responseUrl(world, person, channel, null),
    trigger_id: world.triggers.issue(person.id),
  };
}

/** Payload of a click or choice in a message. */
export function messageActionsPayload(
  world: World,
  person: Person,
  channel: Channel,
  message: Message,
  chosen: { actions: unknown[]; values: Record<string, unknown> },
): Record<string, unknown> {
  const isEphemeral = message.onlyFor !== null;
  return {
    type: 'block_actions',
    ...common,
    ...noEnterprise,
    user: userOf(person),
    container: {
      type: 'message',
      message_ts: message.ts,
      channel_id: channel.id,
      is_ephemeral: isEphemeral,
      ...(message.threadTs === null ? {} : { thread_ts: message.threadTs }),
    },
    trigger_id: world.triggers.issue(person.id),
    channel: { id: channel.id, name: channelName(channel) },
    // Slack leaves the message out of clicks on ephemeral messages.
    ...(isEphemeral ? {} : { message: asSlackMessage(message) }),
    state: { values: chosen.values },
    response_url: responseUrl(world, person, channel, message),
    actions: chosen.actions,
  };
}

/** Payload of a click or choice in a modal or an App Home. */
export function viewActionsPayload(
  world: World,
  person: Person,
  view: View,
  chosen: { actions: unknown[]; values: Record<string, unknown> },
): Record<string, unknown> {
  return {
    type: 'block_actions',
    ...common,
    ...noEnterprise,
    user: userOf(person),
    container: { type: 'view', view_id: view.id },
    trigger_id: world.triggers.issue(person.id),
    view: asSlackView(view, chosen.values),
    actions: chosen.actions,
  };
}

/** Payload of a sent modal. */
export function submissionPayload(
  world: World,
  person: Person,
  view: View,
  values: Record<string, unknown>,
): Record<string, unknown> {
  return {
    type: 'view_submission',
    ...common,
    ...noEnterprise,
    user: userOf(person),
    view: asSlackView(view, values),
    response_urls: [],
    trigger_id: world.triggers.issue(person.id),
  };
}

/** Payload of a shortcut from a message's menu. */
export function shortcutPayload(
  world: World,
  person: Person,
  callbackId: string,
  channel: Channel,
  message: Message,
): Record<string, unknown> {
  return {
    type: 'message_action',
    ...common,
    ...noEnterprise,
    user: userOf(person),
    callback_id: callbackId,
    action_ts: world.log.nextTs(),
    trigger_id: world.triggers.issue(person.id),
    message_ts: message.ts,
    channel: { id: channel.id, name: channelName(channel) },
    message: asSlackMessage(message),
    response_url: responseUrl(world, person, channel, message),
  };
}

/** An Events API event in its wrapping. */
export function eventPayload(world: World, event: Record<string, unknown>): Record<string, unknown> {
  const id = randomBytes(5).toString('hex').toUpperCase();
  return {
    type: 'event_callback',
    token: TOKEN,
    team_id: TEAM.id,
    api_app_id: APP_ID,
    event,
    event_id: `Ev${id}`,
    event_time: Math.floor(world.clock.nowMs() / 1000),
    authorizations: [
      { enterprise_id: null, team_id: TEAM.id, user_id: BOT.id, is_bot: true, is_enterprise_install: false },
    ],
    is_ext_shared_channel: false,
    event_context: `4-${id}`,
  };
}

function userOf(person: Person): Record<string, string> {
  return { id: person.id, username: person.name, name: person.name, team_id: TEAM.id };
}

function channelName(channel: Channel): string {
  return channel.kind === 'im' ? 'directmessage' : channel.name;
}
