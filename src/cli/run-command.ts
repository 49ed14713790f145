import { ConfigError } from '../config/config.ts';
import { run, type Running } from '../main.ts';

const EXIT_FAULT = 1;
const EXIT_CONFIG = 2;

/** The verb `run`: until SIGINT or SIGTERM; SIGHUP reads the configuration again. Gives the exit status. */
export async function runUntilStopped(): Promise<number> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  let running: Running | null = null;
  process.on('SIGHUP', () => void reload(running));
  try {
    // Beside a chat, what runs in the background writes its log alone: whole messages between its lines are nobody's.
    running = await run({
      print: (text) => {
        if (isWatched(running)) print(text);
      },
      signal: stop.signal,
    });
  } catch (error) {
    process.stderr.write(`oombot: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof ConfigError ? EXIT_CONFIG : EXIT_FAULT;
  }
  print(greeting(running));
  await new Promise<void>((resolve) => {
    if (stop.signal.aborted) resolve();
    stop.signal.addEventListener('abort', () => resolve());
  });
  await running.close();
  // Bolt may keep a timer of half a minute.
  process.exit(0);
}

/** Somebody may look: at the terminal, or because there is no chat to look at. */
function isWatched(running: Running | null): boolean {
  return process.stdout.isTTY || running === null || running.local !== null;
}

async function reload(running: Running | null): Promise<void> {
  if (running === null) {
    print('Still starting: the configuration is read again after the start only.\n');
    return;
  }
  try {
    const restart = await running.reload();
    print(
      `The configuration was read again.${restart.length === 0 ? '' : ` A restart is needed for: ${restart.join(', ')}.`}\n`,
    );
  } catch (error) {
    process.stderr.write(
      `oombot: the old configuration stays in force: ${error instanceof Error ? error.message : String(error)}\n`,
    );
  }
}

function greeting(running: Running): string {
  const hosts = running.fleet.hosts().map((host) => host.name);
  const watched =
    hosts.length === 0
      ? 'No host is configured yet.'
      : `Watching ${hosts.slice(0, 8).join(', ')}${hosts.length > 8 ? ` and ${hosts.length - 8} more` : ''}.`;
  if (running.local === null)
    return `oombot is connected to Slack. ${watched} Its health is on ${running.url}/healthz\n`;
  return [
    'oombot runs in its local workspace, which stands in for Slack. Nothing leaves this machine.',
    '',
    `  Open   ${running.local.pageUrl}`,
    '  Type   /oom last demo-db01',
    '  Click  one under "Replay a kill" to see it arrive',
    '',
    `${watched} Set SLACK_BOT_TOKEN and SLACK_APP_TOKEN to run against Slack. Stop with Ctrl-C.`,
    '',
  ].join('\n');
}

function print(text: string): void {
  process.stdout.write(text);
}
