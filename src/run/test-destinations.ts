import { channelTest, webhookTest, type TestDestination } from '../app/send-test.ts';
import type { Clock, Workspace } from '../app/ports.ts';
import { webhookDestination } from '../app/webhook.ts';
import type { Config } from '../config/config.ts';
import { openWebhooks } from '../hook/open-webhooks.ts';
import { receiversOf } from './settings.ts';

/** Every channel and webhook that the configuration names. Without a workspace there are no channels. */
export function testDestinations(
  config: Config,
  chat: Pick<Workspace, 'post'> | null,
  clock: Clock,
): TestDestination[] {
  const { workspace, routes, hosts, approvals, webhooks } = config;
  const channels = [
    workspace.channel,
    ...routes.map((route) => route.channel),
    ...hosts.map((host) => host.channel),
    approvals.channel,
  ].filter((channel) => channel !== null);
  const find = openWebhooks({ receivers: () => receiversOf(config), nowMs: clock.nowMs });
  return [
    ...(chat === null ? [] : [...new Set(channels)].map((channel) => channelTest(channel, chat, clock))),
    ...webhooks.map(({ name }) => webhookTest(name, webhookDestination(name), find, clock)),
  ];
}
