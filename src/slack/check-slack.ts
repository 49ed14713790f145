import { webApi } from '@slack/bolt';
import { pino } from 'pino';
import { z } from 'zod';
import type { Clock } from '../app/ports.ts';
import { boltLogger } from './bolt-logger.ts';
import { checkChannels, type NamedChannel } from './check-channels.ts';
import { checkLayouts, postExamples } from './check-layouts.ts';
import { checkPeople, type NamedPerson } from './check-people.ts';
import { openGranted, type Granted } from './granted.ts';
import type { Layout } from './layouts.ts';
import { missingScopes, SCOPES } from './scopes.ts';
import { readSendError, slackErrorWord } from './send-error.ts';
import { limited, note, wrong, type SlackFinding } from './slack-finding.ts';

type Client = webApi.WebClient;

export interface SlackCheck {
  botToken: string;
  appToken: string;
  /** Another Slack-compatible server; null: https://slack.com/api/ */
  apiUrl: string | null;
  channels: readonly NamedChannel[];
  people: readonly NamedPerson[];
  layouts: readonly Layout[];
  /** Where one of each is posted, and removed again; null: nowhere. */
  postTo: string | null;
  /** Asked before what was posted is removed. */
  mayRemove: () => Promise<void>;
  clock: Clock;
  signal: AbortSignal;
}

export interface SlackReport {
  /** The workspace, and the name that the bot has there; null: the token was refused. */
  place: { team: string; bot: string } | null;
  findings: SlackFinding[];
  /** Layouts that Slack looked at. */
  checked: number;
}

const CALL_TIMEOUT_MS = 10_000;
/** Times in messages are off by as much, and what was sent is looked for from ten minutes before. */
const CLOCK_ODD_MS = 5_000;
const CLOCK_WRONG_MS = 5 * 60_000;
const APPS = 'https://api.slack.com/apps → your app';

const About = z.object({ team: z.string().default('?'), user: z.string().default('oombot') });
const Opened = z.object({ url: z.string() });

/** Looks at everything that oombot needs of Slack, with the tokens, and says what is off. Posts only where it is told to. */
export async function checkSlack(check: SlackCheck): Promise<SlackReport> {
  const granted = openGranted();
  const dated = openDated(granted, check.clock);
  const client = clientOf(check.botToken, check.apiUrl, dated.fetch);
  const socket = await checkSocket(clientOf(check.appToken, check.apiUrl, globalThis.fetch));
  const about = await attempt(async () => About.parse(await client.auth.test()));
  if ('error' in about)
    return { place: null, findings: [refusedToken(about.error, 'SLACK_BOT_TOKEN'), ...socket], checked: 0 };
  const bot = about.value.user;
  const layouts = await checkLayouts(client, check.layouts, check);
  const findings = [
    ...socket,
    ...clockFindings(dated.skewMs()),
    ...scopeFindings(granted),
    ...(await checkChannels(client, check.channels, { granted, bot })),
    ...(await checkPeople(client, check.people, granted)),
    ...layouts.findings,
    ...(check.postTo === null ? [] : await postExamples(client, check.postTo, check)),
  ];
  return { place: { team: about.value.team, bot }, findings, checked: layouts.checked };
}

function clientOf(token: string, apiUrl: string | null, fetch: typeof globalThis.fetch): Client {
  return new webApi.WebClient(token, {
    ...(apiUrl === null ? {} : { slackApiUrl: apiUrl }),
    fetch,
    timeout: CALL_TIMEOUT_MS,
    rejectRateLimitedCalls: true,
    retryConfig: { retries: 0 },
    logger: boltLogger(pino({ level: 'silent' })),
  });
}

async function attempt<T>(what: () => Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await what() };
  } catch (error) {
    return { error };
  }
}

/** How far the clock here is from Slack's, by the first answer that is dated. */
function openDated(granted: Granted, clock: Clock): { fetch: typeof globalThis.fetch; skewMs: () => number | null } {
  let skewMs: number | null = null;

  async function fetch(...request: Parameters<typeof globalThis.fetch>): Promise<Response> {
    const askedAtMs = clock.nowMs();
    const response = await granted.fetch(...request);
    const said = Date.parse(response.headers.get('date') ?? '');
    // The header has whole seconds: it was written up to one later than it says, and somewhere between question and answer.
    if (skewMs === null && Number.isFinite(said)) skewMs = (askedAtMs + clock.nowMs()) / 2 - (said + 500);
    return response;
  }

  return { fetch, skewMs: () => skewMs };
}

function clockFindings(skewMs: number | null): SlackFinding[] {
  if (skewMs === null || Math.abs(skewMs) <= CLOCK_ODD_MS) return [];
  const off = `The clock here is ${Math.round(Math.abs(skewMs) / 1_000)} s ${skewMs > 0 ? 'ahead of' : 'behind'} Slack’s`;
  const fix = 'here, as root: timedatectl set-ntp true';
  return [
    Math.abs(skewMs) > CLOCK_WRONG_MS
      ? wrong(`${off}: a message whose sending is in doubt may not be found, and be posted twice.`, fix)
      : limited(`${off}: times in messages are off by as much.`, fix),
  ];
}

function scopeFindings(granted: Granted): SlackFinding[] {
  const scopes = granted.scopes();
  if (scopes === null) return [note('Slack does not say which scopes were granted, so they were not checked.')];
  const unused = [...scopes].filter((scope) => !SCOPES.some(({ name }) => name === scope) && scope !== 'identify');
  return [
    ...missingScopes(scopes).map(({ name, isRequired, lost }) => {
      const fix = `${APPS} → OAuth & Permissions → Scopes: add ${name}, then reinstall`;
      const what = `The scope ${name} was not granted: ${lost.replaceAll('`', '')}.`;
      return isRequired ? wrong(what, fix) : limited(what, fix);
    }),
    ...(unused.length === 0
      ? []
      : [
          note(
            `Granted and not used by oombot: ${unused.join(', ')}.`,
            `${APPS} → OAuth & Permissions → Scopes: remove what nothing else needs, then reinstall`,
          ),
        ]),
  ];
}

/** Asks for a socket and does not open it: Slack would send it what a running bot should get. */
async function checkSocket(client: Client): Promise<SlackFinding[]> {
  const opened = await attempt(async () => Opened.parse(await client.apps.connections.open()));
  if ('error' in opened) return [refusedToken(opened.error, 'SLACK_APP_TOKEN')];
  const { host, origin } = new URL(opened.value.url.replace(/^ws/, 'http'));
  const reached = await attempt(() =>
    fetch(origin, { signal: AbortSignal.timeout(CALL_TIMEOUT_MS), redirect: 'manual' }),
  );
  if ('value' in reached) {
    await reached.value.body?.cancel();
    return [];
  }
  return [
    wrong(
      `Slack’s socket server ${host} cannot be reached from here: no command and no click arrives.`,
      'let this machine open HTTPS and WebSocket connections to *.slack.com, or set HTTPS_PROXY and NODE_USE_ENV_PROXY=1',
    ),
  ];
}

const TOKEN_FIX = {
  SLACK_BOT_TOKEN: `${APPS} → Install App: install it again, and copy the Bot User OAuth Token (xoxb-…)`,
  SLACK_APP_TOKEN: `${APPS} → Basic Information → App-Level Tokens: generate one with connections:write (xapp-…); Socket Mode: switch it on`,
} as const;

function refusedToken(error: unknown, name: keyof typeof TOKEN_FIX): SlackFinding {
  const said = slackErrorWord(error);
  if (said !== null) return wrong(`Slack refuses ${name} (${said}).`, TOKEN_FIX[name]);
  const failure = readSendError(error);
  const why = 'reason' in failure ? failure.reason : failure.kind;
  return wrong(
    `Slack cannot be asked about ${name}: ${why}.`,
    'let this machine reach https://slack.com, or set HTTPS_PROXY and NODE_USE_ENV_PROXY=1; then try again',
  );
}
