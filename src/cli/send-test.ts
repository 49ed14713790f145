import { pino } from 'pino';
import { isCalled } from '../app/answer/test-answer.ts';
import { sendTests } from '../app/send-test.ts';
import { loadConfig } from '../config/config.ts';
import { describeTestOutcomes } from '../notice/answer/test-notice.ts';
import { renderText } from '../notice/render-text.ts';
import { systemClock as clock } from '../run/system-clock.ts';
import { testDestinations } from '../run/test-destinations.ts';
import { openSlack } from '../slack/app.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** The verb `send-test`: a marked example to a channel or webhook, or to all. Exit 1 when one did not get there. */
export async function sendTest(destination: string | null): Promise<number> {
  const config = loadConfig();
  const { botToken, appToken, apiUrl } = config.slack;
  const logger = pino({ level: 'silent' });
  const slack =
    botToken === null || appToken === null
      ? null
      : openSlack({ botToken, appToken, apiUrl: apiUrl ?? undefined, logger, clock });
  try {
    const all = testDestinations(config, slack, clock);
    const chosen = destination === null ? all : all.filter(({ name }) => isCalled(name, destination));
    if (chosen.length === 0) {
      const known = all.map(({ name }) => name).join(', ');
      const why = slack === null ? ' Channels need SLACK_BOT_TOKEN and SLACK_APP_TOKEN, which are not set.' : '';
      process.stderr.write(
        `oombot send-test: ${destination === null ? 'there is nothing to send to' : `there is no destination ${destination}`}.${known === '' ? '' : ` Destinations: ${known}.`}${why}\n`,
      );
      return EXIT_USAGE;
    }
    const outcomes = await sendTests(chosen, null, clock);
    process.stdout.write(`${renderText(describeTestOutcomes(outcomes, chosen.length - outcomes.length))}\n`);
    if (slack === null && destination === null)
      process.stdout.write('\nChannels were not tried: SLACK_BOT_TOKEN and SLACK_APP_TOKEN are not set.\n');
    return outcomes.every(({ outcome }) => outcome.kind === 'sent') ? 0 : EXIT_FAILED;
  } finally {
    await slack?.close();
  }
}
