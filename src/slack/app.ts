import { App, SocketModeReceiver, webApi } from '@slack/bolt';
import type { Logger } from 'pino';
import type { Handlers } from '../app/answer/handlers.ts';
import type { Clock, Workspace, SendOutcome } from '../app/ports.ts';
import type { Account } from '../change/account.ts';
import { openAccounts } from './accounts.ts';
import { boltLogger, withoutSecrets } from './bolt-logger.ts';
import { openDirectory } from './directory.ts';
import { logMissing, openGranted } from './granted.ts';
import { listen, type Listening } from './listen.ts';
import { openUpload } from './report-upload.ts';
import { slackErrorWord } from './send-error.ts';
import { openWorkspace } from './workspace.ts';

export interface SlackOptions {
  botToken: string;
  appToken: string;
  /** Another Slack-compatible server; undefined: https://slack.com/api/ */
  apiUrl?: string | undefined;
  logger: Logger;
  clock: Clock;
}

export interface Slack extends Workspace {
  /** The members of a user group, remembered for some minutes or at most `maxAgeMs`. Throws when Slack does not say. */
  groupMembers: (groupId: string, maxAgeMs?: number) => Promise<string[]>;
  /** Who somebody is, as Slack said it a few seconds ago at most. Throws when Slack does not say. */
  account: (userId: string) => Promise<Account>;
  /**
   * Connects through Socket Mode and answers with `handlers`. While Slack cannot be reached it keeps trying, and says so in the log;
   * the signal gives up. Throws one sentence when a token is refused.
   */
  start: (handlers: Handlers, signal: AbortSignal) => Promise<void>;
  /** Whether the socket is up now: clicks and commands arrive. */
  isConnected: () => boolean;
  /** When Slack last took a message; null: not since the start. */
  lastSentAtMs: () => number | null;
  /** Waits for answers under way, then disconnects. */
  close: () => Promise<void>;
}

const CALL_TIMEOUT_MS = 10_000;
const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 30_000;
const STILL_CONNECTING_MS = 30_000;
/** Answers under way are waited for this long at the end. */
const CLOSE_PATIENCE_MS = 5_000;

const BAD_TOKENS = new Set([
  'invalid_auth',
  'not_authed',
  'account_inactive',
  'token_revoked',
  'token_expired',
  'not_allowed_token_type',
  'no_permission',
  'missing_scope',
]);

/** A client that is not connected yet. Throws one sentence when a token cannot be one. */
export function openSlack({ botToken, appToken, apiUrl, logger, clock }: SlackOptions): Slack {
  checkTokens(botToken, appToken);
  const bolt = boltLogger(logger);
  const api = apiUrl === undefined ? {} : { slackApiUrl: apiUrl };
  const granted = openGranted();
  // Bolt writes into the options of a receiver that it makes itself, so that the two clients would share them: each gets its own object.
  const receiver = new SocketModeReceiver({
    appToken,
    logger: bolt,
    // Also the wait before a reconnect, during which commands fail.
    clientPingTimeout: 2_000,
    installerOptions: {
      clientOptions: { ...api, retryConfig: { forever: true, minTimeout: RETRY_FIRST_MS, maxTimeout: RETRY_MAX_MS } },
    },
  });
  const app = new App({
    token: botToken,
    receiver,
    logger: bolt,
    convoStore: false,
    // auth.test from the constructor would be rejected unseen, and end the process later.
    deferInitialization: true,
    // No retries here: a post that was accepted without an answer would be posted twice. Who calls decides.
    clientOptions: {
      ...api,
      fetch: granted.fetch,
      timeout: CALL_TIMEOUT_MS,
      rejectRateLimitedCalls: true,
      retryConfig: { retries: 0 },
    },
  });
  app.error(async (error) =>
    logger.error({ reason: withoutSecrets(error.message) }, 'Slack sent something that could not be handled'),
  );

  // Listeners get clients from a pool; posts all go through this one.
  const directory = openDirectory(app.client, clock.nowMs, granted);

  let listening: Listening | null = null;
  let isConnected = false;
  let lastSentAtMs: number | null = null;
  receiver.client.on('connected', () => (isConnected = true));
  for (const event of ['disconnected', 'reconnecting', 'close']) receiver.client.on(event, () => (isConnected = false));
  const workspace = openWorkspace(app.client, directory, logger);

  function noted<A>(send: (to: A) => Promise<SendOutcome>): (to: A) => Promise<SendOutcome> {
    return async (to) => {
      const outcome = await send(to);
      if (outcome.kind === 'sent') lastSentAtMs = clock.nowMs();
      return outcome;
    };
  }

  async function start(handlers: Handlers, signal: AbortSignal): Promise<void> {
    listening = listen(app, handlers, logger, openUpload(app.client, directory, granted));
    await authenticate(app, clock, logger, signal);
    logMissing(logger, granted);
    await connect(app, logger, signal);
  }

  async function close(): Promise<void> {
    await Promise.race([listening?.idle(), clock.sleep(CLOSE_PATIENCE_MS)]);
    // Does not wait for the socket to close, and may keep a timer: the process ends itself.
    await app.stop();
  }

  return {
    post: noted(workspace.post),
    update: noted(workspace.update),
    reply: noted(workspace.reply),
    find: workspace.find,
    groupMembers: directory.groupMembers,
    account: openAccounts(app.client, clock.nowMs).account,
    start,
    isConnected: () => isConnected,
    lastSentAtMs: () => lastSentAtMs,
    close,
  };
}

function checkTokens(botToken: string, appToken: string): void {
  if (!botToken.startsWith('xoxb-'))
    throw new Error('SLACK_BOT_TOKEN must be a bot token: it starts with xoxb- (OAuth & Permissions page of the app).');
  if (!appToken.startsWith('xapp-'))
    throw new Error(
      'SLACK_APP_TOKEN must be an app-level token: it starts with xapp- (Basic Information page of the app, scope connections:write).',
    );
}

async function authenticate(app: App, clock: Clock, logger: Logger, signal: AbortSignal): Promise<void> {
  for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(RETRY_MAX_MS, waitMs * 2)) {
    try {
      await app.init();
      return;
    } catch (error) {
      const said = slackErrorWord(error);
      if (said !== null && BAD_TOKENS.has(said)) {
        throw new Error(`Slack refuses SLACK_BOT_TOKEN (${said}): install the app again and copy its bot token.`, {
          cause: error,
        });
      }
      if (signal.aborted) throw new Error('Slack was not reached before the stop', { cause: error });
      logger.warn({ reason: said ?? reasonOf(error), waitMs }, 'Slack cannot be reached; trying again');
      await clock.sleep(waitMs, signal);
    }
  }
}

async function connect(app: App, logger: Logger, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const stillTrying = setInterval(() => logger.warn({}, 'Still connecting to Slack'), STILL_CONNECTING_MS);
  stillTrying.unref();
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('Slack was not reached before the stop')), { once: true });
  });
  try {
    await Promise.race([app.start(), stopped]);
  } catch (error) {
    const said = slackErrorWord(error);
    if (said === null) throw error;
    throw new Error(
      `Slack refuses SLACK_APP_TOKEN (${said}): make an app-level token with the scope connections:write, and switch Socket Mode on.`,
      { cause: error },
    );
  } finally {
    clearInterval(stillTrying);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof webApi.WebAPIRequestError) return withoutSecrets(error.original.message);
  return error instanceof Error ? withoutSecrets(error.message) : 'unknown';
}
