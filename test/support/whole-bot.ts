import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import type { Store } from '../../src/app/store-port.ts';
import { loadConfig } from '../../src/config/config.ts';
import { openLocalWorkspace, type LocalWorkspace, type LocalWorkspaceOptions } from '../../src/local/workspace.ts';
import { run, type Running } from '../../src/main.ts';
import { openStore } from '../../src/store/store.ts';

export interface WholeBot {
  workspace: LocalWorkspace;
  running: Running;
  printed: () => string;
  /** Stops bot and workspace and removes all files. */
  close: () => Promise<void>;
}

interface ManifestFile {
  features: {
    slash_commands: { command: string; description: string; usage_hint: string; should_escape: boolean }[];
    shortcuts: { name: string; type: 'message' | 'global'; callback_id: string }[];
  };
  oauth_config: { scopes: { bot: string[] } };
  settings: { event_subscriptions: { bot_events: string[] } };
}

/** A workspace that grants what `manifest.yml` asks for, and nothing else. */
export function openWorkspaceOfManifest(options: Partial<LocalWorkspaceOptions>): Promise<LocalWorkspace> {
  const file = path.join(import.meta.dirname, '../../manifest.yml');
  const { features, oauth_config, settings } = parse(readFileSync(file, 'utf8')) as ManifestFile;
  return openLocalWorkspace({
    channels: ['#oom'],
    commands: features.slash_commands.map((one) => ({
      command: one.command,
      description: one.description,
      usageHint: one.usage_hint,
      shouldEscape: one.should_escape,
    })),
    shortcuts: features.shortcuts.map((one) => ({ type: one.type, callbackId: one.callback_id, name: one.name })),
    scopes: oauth_config.scopes.bot,
    botEvents: settings.event_subscriptions.bot_events,
    ...options,
  });
}

/** Starts the bot as `oombot run` does, with tokens of a workspace of its own that it reaches over the wire. */
export async function openWholeBot(options: {
  yaml: string;
  channels: LocalWorkspaceOptions['channels'];
  people?: LocalWorkspaceOptions['people'];
  /** Prepares the record before the bot opens it. */
  prepare?: (store: Store) => Promise<void>;
}): Promise<WholeBot> {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-whole-'));
  const workspace = await openWorkspaceOfManifest({
    channels: options.channels,
    ...(options.people === undefined ? {} : { people: options.people }),
  });
  const database = `sqlite:${path.join(dir, 'oombot.db')}`;
  if (options.prepare !== undefined) {
    const store = await openStore(database);
    await options.prepare(store);
    await store.close();
  }
  const stop = new AbortController();
  let printed = '';
  const running = await startBot({
    dir,
    workspace,
    database,
    yaml: options.yaml,
    print: (text) => (printed += text),
    signal: stop.signal,
  });
  return {
    workspace,
    running,
    printed: () => printed,
    close: async () => {
      stop.abort();
      await running.close();
      await workspace.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Starts the bot as `oombot run` does, on a workspace and a database that are there. Its configuration is put into `dir`. */
export function startBot(options: {
  dir: string;
  workspace: LocalWorkspace;
  database: string;
  yaml: string;
  print?: (text: string) => void;
  signal?: AbortSignal;
}): Promise<Running> {
  const { workspace, database } = options;
  const file = path.join(options.dir, 'oombot.yaml');
  writeFileSync(file, `http: 127.0.0.1:0\n${options.yaml}`);
  const env = {
    SLACK_BOT_TOKEN: workspace.botToken,
    SLACK_APP_TOKEN: workspace.appToken,
    SLACK_API_URL: workspace.apiUrl,
    DATABASE_URL: database,
    LOG_LEVEL: 'error',
  };
  return run({
    load: () => loadConfig({ path: file, env }),
    print: options.print ?? (() => undefined),
    signal: options.signal ?? new AbortController().signal,
  });
}

/** Looks again and again until there is something to see; for what gives no sign when it changes. */
export async function eventually<T>(
  look: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  what: string,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== null && seen !== undefined && seen !== false) return seen;
    if (Date.now() > deadline) throw new Error(`${what} did not come within ${timeoutMs} ms`);
    await sleep(50);
  }
}

/** What Ana sees in #oom after `/oom` with these words: text and blocks. Each step may take `timeoutMs`. */
export async function answerTo(workspace: LocalWorkspace, words: string, timeoutMs: number): Promise<string> {
  const ana = workspace.as('Ana');
  let before = 0;
  // Slack gives up after three seconds, which a busy machine may take: then it is typed again.
  await eventually(
    async () => {
      before = ana.privateAnswers('#oom').length;
      return (await ana.command('#oom', `/oom ${words}`)).ok;
    },
    `a taker of ${words}`,
    timeoutMs,
  );
  const answer = await eventually(() => ana.privateAnswers('#oom')[before], `the answer to ${words}`, timeoutMs);
  return answer.text + JSON.stringify(answer.blocks);
}
