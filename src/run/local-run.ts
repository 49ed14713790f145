import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Clock } from '../app/ports.ts';
import type { Store } from '../app/store-port.ts';
import { DEFAULT_DATABASE_PATH, type Config, type HostConfig } from '../config/config.ts';
import { DEMO_NAME, openDemoHosts } from '../demo/demo-hosts.ts';
import { keepPageToken } from '../local/page-token.ts';
import { openLocalWorkspace } from '../local/workspace.ts';
import type { HttpSide } from '../http/server.ts';

/** What the bot needs of the workspace that stands in for Slack, and the hosts that come with it. */
export interface Local {
  /** The page, with the token that opens it. */
  pageUrl: string;
  apiUrl: string;
  botToken: string;
  appToken: string;
  hosts: HostConfig[];
  /** False: there is a real machine behind that name. */
  isSimulated: (host: string) => boolean;
  close: () => Promise<void>;
}

const READ_WITHIN_MS = 10_000;
const READ_POLL_MS = 50;

const Manifest = z.object({
  features: z.object({
    slash_commands: z.array(
      z.object({ command: z.string(), description: z.string(), usage_hint: z.string(), should_escape: z.boolean() }),
    ),
    shortcuts: z.array(z.object({ name: z.string(), type: z.literal('message'), callback_id: z.string() })),
  }),
  oauth_config: z.object({ scopes: z.object({ bot: z.array(z.string()) }) }),
  settings: z.object({ event_subscriptions: z.object({ bot_events: z.array(z.string()) }) }),
});

/** Opens the local workspace on the bot's own port, with the commands of the manifest, and the demo hosts behind it. */
export async function openLocal(world: { http: HttpSide; config: Config; clock: Clock }): Promise<Local> {
  const { http, config, clock } = world;
  const demo = await openDemoHosts({ clock });
  const manifest = Manifest.parse(parse(readFileSync(path.join(import.meta.dirname, '../../manifest.yml'), 'utf8')));
  const channels = [
    config.workspace.channel,
    config.approvals.channel,
    ...config.routes.map((route) => route.channel),
    ...config.hosts.map((host) => host.channel),
  ];
  const workspace = await openLocalWorkspace({
    server: http.server,
    channels: [...new Set(channels.filter((channel) => channel !== null))],
    commands: manifest.features.slash_commands.map((one) => ({
      command: one.command,
      description: one.description,
      usageHint: one.usage_hint,
      shouldEscape: one.should_escape,
    })),
    shortcuts: manifest.features.shortcuts.map((one) => ({
      callbackId: one.callback_id,
      name: one.name,
    })),
    controls: demo.controls,
    pageToken: keepPageToken(fileBeside(config, 'page-token')),
    keepIn: fileBeside(config, 'page-messages.json'),
    scopes: manifest.oauth_config.scopes.bot,
    botEvents: manifest.settings.event_subscriptions.bot_events,
    clock,
  });
  http.mount(workspace.handle);
  http.server.on('upgrade', (request, socket, head) => {
    if (!workspace.upgrade(request, socket, head)) socket.destroy();
  });
  return {
    pageUrl: workspace.pageUrl,
    apiUrl: workspace.apiUrl,
    botToken: workspace.botToken,
    appToken: workspace.appToken,
    hosts: demo.hosts,
    isSimulated: demo.isSimulated,
    close: async () => {
      await workspace.close();
      await demo.close();
    },
  };
}

/** Waits until the past of the simulated host is on record, at most ten seconds: what is answered first asks for it. */
export async function untilDemoIsRead(
  store: Pick<Store, 'incidents'>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const deadlineMs = clock.nowMs() + READ_WITHIN_MS;
  while (!signal.aborted && clock.nowMs() < deadlineMs) {
    if ((await store.incidents(DEMO_NAME, 1)).length > 0) return;
    await clock.sleep(READ_POLL_MS, signal).catch(() => undefined);
  }
}

/** Beside the database; where that is no file, in the folder where it would be. */
function fileBeside({ database }: Config, name: string): string {
  const folder = path.dirname(database.kind === 'sqlite' ? database.path : DEFAULT_DATABASE_PATH);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return path.join(folder, name);
}
