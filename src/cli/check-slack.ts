import { createInterface } from 'node:readline/promises';
import { styleText } from 'node:util';
import { loadConfig, type Config } from '../config/config.ts';
import { showHostText } from '../notice/host-text.ts';
import { exampleNotices } from '../run/example-notices.ts';
import { systemClock as clock } from '../run/system-clock.ts';
import type { NamedChannel } from '../slack/check-channels.ts';
import type { NamedPerson } from '../slack/check-people.ts';
import { checkSlack, type SlackReport } from '../slack/check-slack.ts';
import { layoutsOf } from '../slack/layouts.ts';

const EXIT_WRONG = 1;
const EXIT_USAGE = 2;
const COLOURS = { wrong: 'red', limited: 'yellow', note: 'gray' } as const;
/** What was posted is removed after this, whether somebody looked or not. */
const LOOK_MAX_MS = 10 * 60_000;

/** The verb `check slack`. `post`: a channel that gets one of each message, and loses them again. Exit 1 when something is wrong. */
export async function checkSlackNow({ post }: { post: string | null }): Promise<number> {
  const config = loadConfig();
  const { botToken, appToken, apiUrl } = config.slack;
  if (botToken === null || appToken === null) {
    process.stderr.write('oombot check slack: set SLACK_BOT_TOKEN and SLACK_APP_TOKEN\n');
    return EXIT_USAGE;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const layouts = layoutsOf(exampleNotices(clock.nowMs()));
  const isTerminal = process.stdout.isTTY && process.stdin.isTTY;
  if (isTerminal) process.stdout.write(`Slack looks at ${layouts.length} layouts, one a second …\n`);
  const report = await checkSlack({
    botToken,
    appToken,
    apiUrl,
    channels: channelsOf(config),
    people: peopleOf(config),
    layouts,
    postTo: post,
    mayRemove: () => (isTerminal ? untilEnter(post ?? '', stop.signal) : Promise.resolve()),
    clock,
    signal: stop.signal,
  });
  process.stdout.write(renderReport(report, process.stdout.isTTY && process.stdout.hasColors()));
  return report.findings.some(({ severity }) => severity === 'wrong') ? EXIT_WRONG : 0;
}

function renderReport({ place, findings, checked }: SlackReport, colour: boolean): string {
  const lines = findings.flatMap(({ severity, what, fix }) => [
    `${colour ? styleText(COLOURS[severity], severity, { validateStream: false }) : severity}: ${showHostText(what, 1_000)}`,
    ...(fix === null ? [] : [`    fix: ${showHostText(fix, 400)}`]),
  ]);
  const problems = findings.filter(({ severity }) => severity !== 'note').length;
  const where = place === null ? 'Slack' : `@${showHostText(place.bot, 80)} in ${showHostText(place.team, 80)}`;
  const said = problems === 0 ? 'no problems' : `${problems} to look at`;
  return `${[...lines, `${where}: ${checked} layouts checked by Slack, ${said}.`].join('\n')}\n`;
}

/** Each once, with all keys that name it. */
function channelsOf({ workspace, routes, hosts, approvals }: Config): NamedChannel[] {
  const named: [string | null, string][] = [
    [workspace.channel, 'workspace.channel'],
    ...routes.map(({ channel }, at): [string, string] => [channel, `routes[${at}].channel`]),
    ...hosts.map(({ channel, name }): [string | null, string] => [channel, `channel of ${name}`]),
    [approvals.channel, 'approvals.channel'],
  ];
  const keys = new Map<string, string[]>();
  for (const [channel, key] of named) if (channel !== null) keys.set(channel, [...(keys.get(channel) ?? []), key]);
  return [...keys].map(([channel, of]) => ({
    channel,
    keys: of.length <= 3 ? of : [...of.slice(0, 2), `${of.length - 2} more`],
  }));
}

function peopleOf({ approvals, admins }: Config): NamedPerson[] {
  const approvers = typeof approvals.approvers === 'object' ? (approvals.approvers ?? []) : [];
  const also = [
    ...(approvals.guests ? (['guest'] as const) : []),
    ...(approvals.external ? (['external'] as const) : []),
  ];
  return [
    ...approvers.map((id) => ({ id, key: 'approvals.approvers', also })),
    ...admins.map((id) => ({ id, key: 'admins', also })),
  ];
}

async function untilEnter(channel: string, signal: AbortSignal): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const late = AbortSignal.any([signal, AbortSignal.timeout(LOOK_MAX_MS)]);
  await lines
    .question(`Look at them in ${channel}, then press Enter to remove them. `, { signal: late })
    .catch(() => '');
  lines.close();
}
