import { aNotice, type Notice, type Text } from '../notice.ts';
import { sayCount, sayDuration } from '../units.ts';

/** What became of a test at one destination; the outcome as its sender gave it. */
export interface TestOutcome {
  name: string;
  kind: 'channel' | 'webhook';
  outcome:
    | { kind: 'sent' }
    | { kind: 'rate-limited'; retryAfterMs: number }
    | { kind: 'unknown' | 'unsent' | 'refused'; reason: string }
    | { kind: 'gone' };
}

/** The marked example that a channel shows. `by`: a user id; null: somebody in a terminal. */
export function describeTest(by: string | null, atMs: number): Notice {
  return aNotice({
    tone: 'plain',
    headline: [{ words: 'Test: nothing was killed' }],
    sentence: [{ words: 'This is where oombot posts when Linux kills a process for memory.' }],
    small: [
      [
        { words: 'Sent by ' },
        by === null ? { words: 'oombot send-test' } : { userId: by },
        { words: ', ' },
        { atMs },
        { words: '.' },
      ],
    ],
  });
}

/** Which destinations took the test, and what to do about the others. `left`: how many were not tried. */
export function describeTestOutcomes(outcomes: readonly TestOutcome[], left: number): Notice {
  const failed = outcomes.filter(({ outcome }) => outcome.kind !== 'sent');
  return aNotice({
    tone: failed.length === 0 ? 'good' : 'bad',
    headline: [
      {
        words:
          failed.length === 0
            ? `The test reached ${sayCount(outcomes.length, 'destination')}`
            : `The test did not reach ${failed.length} of ${sayCount(outcomes.length, 'destination')}`,
      },
    ],
    parts: [{ kind: 'rows', rows: [...failed, ...outcomes.filter((one) => !failed.includes(one))].map(rowOf) }],
    small: left === 0 ? [] : [[{ words: `${sayCount(left, 'more destination')} not tried: name one.` }]],
  });
}

function rowOf({ name, kind, outcome }: TestOutcome): { text: Text } {
  const where: Text = [{ hostText: name }, { words: kind === 'webhook' ? ' (webhook): ' : ': ' }];
  switch (outcome.kind) {
    case 'sent':
      return { text: [...where, { words: 'sent.' }] };
    case 'gone':
      return { text: [...where, { words: 'not sent: the channel is gone. Check its name in the configuration.' }] };
    case 'rate-limited':
      return {
        text: [...where, { words: `not sent: too many requests. Try again in ${sayDuration(outcome.retryAfterMs)}.` }],
      };
    case 'refused':
    case 'unsent':
    case 'unknown':
      return {
        text: [
          ...where,
          { words: outcome.kind === 'unknown' ? 'no confirmation: ' : 'not sent: ' },
          { prose: outcome.reason },
          {
            words: `. ${(kind === 'channel' ? CHANNEL_FIX : WEBHOOK_FIX).find(([sign]) => sign.test(outcome.reason))?.[1] ?? ''}`,
          },
        ],
      };
  }
}

// The first that fits. Slack's words: https://docs.slack.dev/reference/methods/chat.postMessage#errors
const CHANNEL_FIX: readonly (readonly [RegExp, string])[] = [
  [/^no channel /, 'Then invite the bot there: /invite @oombot'],
  [/not_in_channel|channel_not_found/, 'Invite the bot in that channel: /invite @oombot'],
  [/is_archived/, 'Unarchive the channel, or name another one in the configuration.'],
  [/missing_scope|not_allowed_token_type/, 'Install the app again from manifest.yml, which has the scope.'],
  [
    /invalid_auth|not_authed|token_|account_inactive/,
    'Install the app again and copy its bot token to SLACK_BOT_TOKEN.',
  ],
  [/restricted_action|posting_to/, 'An admin of the workspace must let apps post in that channel.'],
  [/./, 'Check that this machine reaches https://slack.com, then try again.'],
];

const WEBHOOK_FIX: readonly (readonly [RegExp, string])[] = [
  [
    /HTTP 40[13]/,
    'The receiver does not know the secret, or does not let this machine in: check secretEnv or secretFile.',
  ],
  [
    /HTTP 400/,
    'The receiver did not understand it: for PagerDuty check that the secret is the integration key of Events API v2.',
  ],
  [/HTTP 404|HTTP 410|HTTP 405/, 'Check the path of url.'],
  [/redirect/, ''],
  [/secret/, 'Check secretEnv or secretFile.'],
  [
    /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_VERIFY/,
    'Check the certificate; for an authority of your own set NODE_EXTRA_CA_CERTS.',
  ],
  [/ENOTFOUND|EAI_AGAIN/, 'No such name: check the host in url.'],
  [/ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|no answer|TIMEOUT/i, 'Check host and port in url, and the firewall between.'],
  [/HTTP 5/, 'The receiver has a fault of its own: see its log.'],
  [/./, 'Check url.'],
];
