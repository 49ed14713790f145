import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { actionRoute, ROUTES } from '../../src/slack/routes.ts';
import { FREE_METHODS, SCOPES } from '../../src/slack/scopes.ts';

const root = path.join(import.meta.dirname, '../..');

// https://docs.slack.dev/reference/app-manifest: no unknown properties, no empty lists.
const Manifest = z.strictObject({
  _metadata: z.strictObject({ major_version: z.literal(1), minor_version: z.literal(1) }),
  display_information: z.strictObject({
    name: z.string().min(1).max(35),
    description: z.string().max(140),
    background_color: z.string().regex(/^#(?:[0-9a-f]{3}|[0-9a-f]{6})$/),
  }),
  features: z.strictObject({
    app_home: z.strictObject({
      home_tab_enabled: z.literal(true),
      messages_tab_enabled: z.boolean(),
      messages_tab_read_only_enabled: z.boolean(),
    }),
    bot_user: z.strictObject({ display_name: z.string().max(80), always_online: z.boolean() }),
    shortcuts: z
      .array(
        z.strictObject({
          name: z.string().max(24),
          type: z.enum(['message', 'global']),
          callback_id: z.string().max(255),
          description: z.string().max(150),
        }),
      )
      .min(1)
      .max(10),
    slash_commands: z
      .array(
        z.strictObject({
          command: z.string().regex(/^\/[a-z_-]{1,31}$/),
          description: z.string().min(1).max(2_000),
          usage_hint: z.string().max(1_000),
          should_escape: z.literal(true),
        }),
      )
      .min(1),
  }),
  oauth_config: z.strictObject({
    scopes: z.strictObject({ bot: z.array(z.string()).min(1), bot_optional: z.array(z.string()).min(1) }),
  }),
  settings: z.strictObject({
    event_subscriptions: z.strictObject({ bot_events: z.array(z.string()).min(1).max(100) }),
    interactivity: z.strictObject({ is_enabled: z.literal(true) }),
    org_deploy_enabled: z.boolean(),
    socket_mode_enabled: z.literal(true),
    token_rotation_enabled: z.literal(false),
  }),
});

const manifest = Manifest.parse(parse(readFileSync(path.join(root, 'manifest.yml'), 'utf8')));
// All but the list of scopes itself.
const sources = globSync('src/slack/*.ts', { cwd: root, exclude: ['src/slack/scopes.ts'] })
  .map((file) => readFileSync(path.join(root, file), 'utf8'))
  .join('\n');

function ids(kind: string): string[] {
  return ROUTES.filter((route) => route.kind === kind).map((route) => route.id);
}

describe('the manifest and the routes', () => {
  it('name the same commands, shortcuts and events', () => {
    // A direct message is asked for as message.im and arrives as message.
    const events = manifest.settings.event_subscriptions.bot_events.map((event) => event.split('.')[0]);

    expect(manifest.features.slash_commands.map((command) => command.command)).toEqual(ids('command'));
    expect(manifest.features.shortcuts.map((shortcut) => shortcut.callback_id)).toEqual(ids('shortcut'));
    expect(new Set(events)).toEqual(new Set(ids('event')));
  });

  it('ask for the scopes that the code uses, and no other', () => {
    const needs: Record<string, boolean> = {
      'app_mentions:read': ids('event').includes('app_mention'),
      'im:history': ids('event').includes('message'),
      commands: ids('command').length > 0,
      'chat:write': sources.includes("'chat.postMessage'"),
      'channels:history': sources.includes("'conversations.history'"),
      'groups:history': sources.includes("'conversations.history'"),
      'channels:read': sources.includes('conversations.list'),
      'groups:read': sources.includes('private_channel'),
      'channels:join': sources.includes('conversations.join'),
      'usergroups:read': sources.includes('usergroups.users.list'),
      'users:read': /client\.users\.|'users\./.test(sources),
      'files:read': sources.includes("'files.info'"),
      'files:write': sources.includes("'files.completeUploadExternal'"),
      'reactions:write': sources.includes('reactions.'),
      'im:write': sources.includes('conversations.open'),
      'chat:write.public': false,
    };

    expect(manifest.oauth_config.scopes.bot).toEqual(
      Object.keys(needs)
        .filter((scope) => needs[scope])
        .toSorted(),
    );
  });

  it('leave to whoever installs the app what is not required, and list it twice, as Slack wants it', () => {
    const { bot, bot_optional: optional } = manifest.oauth_config.scopes;

    expect(bot).toEqual(SCOPES.map((scope) => scope.name).toSorted());
    expect(optional).toEqual(
      SCOPES.filter((scope) => !scope.isRequired)
        .map((scope) => scope.name)
        .toSorted(),
    );
  });
});

describe('the list of scopes', () => {
  const families = 'apps|auth|blocks|bots|chat|conversations|files|reactions|usergroups|users|views';
  const called = new Set(
    [
      ...sources.matchAll(new RegExp(`'((?:${families})(?:\\.[a-zA-Z]+)+)'`, 'g')),
      ...sources.matchAll(new RegExp(`client\\.((?:${families})(?:\\.[a-zA-Z]+)+)\\(`, 'g')),
    ].map(([, method = '']) => method),
  );

  it('knows every method of the Web API that is called, and no other', () => {
    const known = [...SCOPES.flatMap((scope) => scope.methods), ...FREE_METHODS];

    expect([...called].filter((method) => !known.includes(method))).toEqual([]);
    // Bolt calls it itself.
    expect(known.filter((method) => !called.has(method) && method !== 'apps.connections.open')).toEqual([]);
  });

  it('knows every event that the manifest subscribes to and that needs a scope', () => {
    const events = manifest.settings.event_subscriptions.bot_events.filter((event) => event !== 'app_home_opened');

    expect(SCOPES.flatMap((scope) => scope.events).toSorted()).toEqual(events.toSorted());
  });
});

describe('routes', () => {
  it('know a button by what is before its place', () => {
    expect(actionRoute('run.12')).toBe('run');
    expect(actionRoute('scores')).toBe('scores');
    expect(actionRoute('protect.0')).toBe('protect');
    expect(actionRoute('')).toBeNull();
    expect(actionRoute('constructor.1')).toBeNull();
  });

  it('are listed once', () => {
    const all = ROUTES.map((route) => `${route.kind} ${route.id}`);

    expect(new Set(all).size).toBe(all.length);
  });
});
