import { webApi } from '@slack/bolt';
import { z } from 'zod';
import type { Clock } from '../app/ports.ts';
import type { Notice } from '../notice/notice.ts';
import { renderContent } from './blocks.ts';
import type { Layout } from './layouts.ts';
import { readSendError, refusalWords, slackErrorWord } from './send-error.ts';
import { limited, note, wrong, type SlackFinding } from './slack-finding.ts';

type Client = webApi.WebClient;

interface Pace {
  clock: Clock;
  signal: AbortSignal;
}

/** "Special rate limits apply" to blocks.validate, without a figure; a channel takes about one message a second. */
const EVERY_MS = 1_000;
/** A limit that lasts longer is not waited for. */
const WAIT_MAX_MS = 60_000;
const TRIES_MAX = 3;
const FAULTS_SHOWN = 3;

const INVALID = new Set(['invalid_blocks', 'invalid_message', 'invalid_view']);
const Invalid = z.object({
  errors: z.array(z.object({ pointer: z.string().catch('?'), message: z.string().catch('?') })),
});

/** Has Slack look at each layout, one a second; nothing is posted. `checked`: how many it looked at. */
export async function checkLayouts(
  client: Client,
  layouts: readonly Layout[],
  pace: Pace,
): Promise<{ findings: SlackFinding[]; checked: number }> {
  const findings: SlackFinding[] = [];
  for (const [checked, layout] of layouts.entries()) {
    try {
      await paced(pace, () => client.apiCall('blocks.validate', payloadOf(layout)));
    } catch (error) {
      if (!INVALID.has(slackErrorWord(error) ?? '')) {
        findings.push(
          note(
            `Slack did not look at ${layouts.length - checked} of ${layouts.length} layouts: ${whyOf(error)}.`,
            'try again in a minute',
          ),
        );
        return { findings, checked };
      }
      findings.push(refusedLayout(layout, error));
    }
  }
  return { findings, checked: layouts.length };
}

function payloadOf(layout: Layout): Record<string, unknown> {
  return layout.kind === 'view' ? { view: layout.view } : { message: { text: layout.text, blocks: layout.blocks } };
}

function refusedLayout(layout: Layout, error: unknown): SlackFinding {
  const what = `Slack refuses the layout “${layout.name}” (${layout.kind}): ${faultsOf(error)}.`;
  const update = 'update oombot; if it is the newest, report this line';
  return layout.kind === 'message'
    ? limited(`${what} Such messages are sent in plain form.`, update)
    : wrong(`${what} Nothing else stands in for it.`, update);
}

function faultsOf(error: unknown): string {
  const read = error instanceof webApi.WebAPIPlatformError ? Invalid.safeParse(error.data) : null;
  if (read?.success !== true || read.data.errors.length === 0) return refusalWords(error);
  const shown = read.data.errors.slice(0, FAULTS_SHOWN).map(({ pointer, message }) => `${pointer} ${message}`);
  const more = read.data.errors.length - shown.length;
  return `${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`.slice(0, 500);
}

/**
 * Posts one of each message in a channel, marked as an example, and removes all of them, also after a failure or when it is stopped.
 * `channel`: a name with `#`, or an id.
 */
export async function postExamples(
  client: Client,
  channel: string,
  { layouts, mayRemove, ...pace }: Pace & { layouts: readonly Layout[]; mayRemove: () => Promise<void> },
): Promise<SlackFinding[]> {
  const posted: { channel: string; ts: string }[] = [];
  const findings: SlackFinding[] = [];
  try {
    for (const layout of layouts) {
      if (layout.kind !== 'message') continue;
      const content = renderContent(asExample(layout.notice), 'message');
      try {
        const sent = await paced(pace, () =>
          client.apiCall('chat.postMessage', { channel, ...content, unfurl_links: false }),
        );
        posted.push(Posted.parse(sent));
      } catch (error) {
        if (pace.signal.aborted) {
          findings.push(note('Stopped before all examples were posted.'));
          break;
        }
        const said = slackErrorWord(error);
        findings.push(
          wrong(
            `The example of “${layout.name}” could not be posted in ${channel}: ${said === null ? whyOf(error) : refusalWords(error)}.`,
            FIXES[said ?? ''] ?? 'see the findings above',
          ),
        );
        // The others would fare the same.
        if (said === null || !INVALID.has(said)) break;
      }
    }
    if (posted.length > 0) await mayRemove();
  } finally {
    findings.push(...(await removeAll(client, posted, pace)));
  }
  return findings;
}

const Posted = z.object({ channel: z.string(), ts: z.string() });
const FIXES: Readonly<Record<string, string>> = {
  not_in_channel: 'in that channel: /invite @oombot',
  channel_not_found: 'create it, or if it is private, in that channel: /invite @oombot',
  is_archived: 'unarchive it, or name another channel',
};

async function removeAll(
  client: Client,
  posted: readonly { channel: string; ts: string }[],
  { clock }: Pace,
): Promise<SlackFinding[]> {
  // Whoever stops the check wants them gone all the same.
  const pace = { clock, signal: new AbortController().signal };
  let left = 0;
  for (const { channel, ts } of posted) {
    const removed = await paced(pace, () => client.apiCall('chat.delete', { channel, ts })).then(
      () => true,
      (error: unknown) => slackErrorWord(error) === 'message_not_found',
    );
    if (!removed) left += 1;
  }
  const word = left === 1 ? 'example is' : 'examples are';
  return left === 0
    ? []
    : [limited(`${left} ${word} still in the channel.`, 'delete them by hand: each is marked as an example')];
}

function asExample(notice: Notice): Notice {
  const words = 'From “oombot check slack”: nothing was killed and nothing was changed. This message will be removed.';
  return {
    ...notice,
    headline: [{ words: 'Example: ' }, ...notice.headline],
    small: [[{ words }], ...notice.small],
  };
}

/** At most one a second; waits while Slack says so, within reason. */
async function paced<T>({ clock, signal }: Pace, call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted();
    try {
      const done = await call();
      await clock.sleep(EVERY_MS, signal).catch(() => undefined);
      return done;
    } catch (error) {
      const failure = readSendError(error);
      if (failure.kind !== 'rate-limited' || tries >= TRIES_MAX || failure.retryAfterMs > WAIT_MAX_MS) {
        await clock.sleep(EVERY_MS, signal).catch(() => undefined);
        throw error;
      }
      await clock.sleep(failure.retryAfterMs, signal);
    }
  }
}

function whyOf(error: unknown): string {
  const failure = readSendError(error);
  return 'reason' in failure ? failure.reason : failure.kind === 'rate-limited' ? 'it asks to wait' : failure.kind;
}
