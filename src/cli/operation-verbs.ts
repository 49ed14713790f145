import { Argument, type Command } from 'commander';
import { COMMANDS } from '../app/answer/registry.ts';
import { useConfigFile } from '../config/use-config-file.ts';
import { SHELLS, type Shell } from './completion.ts';

/** Under each verb's help: one line that can be copied. A command that is not here has its example in the registry. */
const EXAMPLES: Readonly<Record<string, string>> = {
  parse: 'journalctl -k -o short-iso | oombot parse',
  run: 'oombot run --config /etc/oombot/oombot.yaml',
  check: 'oombot check db01',
  'check slack': 'oombot check slack --post "#oom-test"',
  last: 'oombot last db01',
  show: 'oombot show 1a2b3c4d',
  why: 'oombot why db01 mysqld 2h',
  history: 'oombot history db 30d',
  report: 'oombot report db',
  hosts: 'oombot hosts',
  pending: 'oombot pending',
  rules: 'oombot rules db01',
  scores: 'oombot scores db01 20',
  memory: 'oombot memory db01 12h',
  setup: 'oombot setup --key ~/.ssh/oombot_ed25519.pub | less',
  'audit verify': 'oombot audit verify',
  'audit export': 'oombot audit export > audit.jsonl',
  init: 'oombot init db01 web1',
  'send-test': 'oombot send-test "#oom"',
  'config check': 'oombot config check --config /etc/oombot/oombot.yaml',
  completion: 'oombot completion bash > /etc/bash_completion.d/oombot',
  backup: 'oombot backup /var/backups/oombot-$(date +%F).db',
  'migrate-database': 'oombot migrate-database sqlite:./data/oombot.db postgres://oombot@db.example.net/oombot',
};

/** Adds the verbs of set-up and operation. Each loads its own code when it is run. */
export function addOperationVerbs(program: Command, setExit: (status: number) => void): void {
  program
    .command('init')
    .description('Write a commented oombot.yaml, after a few questions or from hosts of ~/.ssh/config.')
    .argument('[hosts...]', 'names of ~/.ssh/config; none: ask')
    .action(async (names: string[], options: { config?: string }) => {
      const { initConfig } = await import('./init.ts');
      setExit(await initConfig({ file: options.config ?? 'oombot.yaml', names }));
    });
  program.commands
    .find((one) => one.name() === 'check')
    ?.command('slack')
    .description(
      'Check the Slack app: tokens, socket, scopes, channels, approvers, clock, and every layout that oombot can send. Says how to fix what is off.',
    )
    .option('--post <channel>', 'also post one of each message there, marked as an example, and remove them again')
    .action(async ({ post }: { post?: string }) => {
      const { checkSlackNow } = await import('./check-slack.ts');
      setExit(await checkSlackNow({ post: post ?? null }));
    });
  const config = program.command('config').description('The configuration.');
  config
    .command('check')
    .description('Check everything in the configuration that needs no network. Exit 1 when something is wrong.')
    .action(async () => {
      const { checkConfig } = await import('./check-config.ts');
      setExit(await checkConfig());
    });
  program
    .command('send-test')
    .description('Send a marked example to a channel or webhook, or to all, and say what became of it.')
    .argument('[destination]', 'a channel or the name of a webhook (default: all)')
    .action(async (destination?: string) => {
      const { sendTest } = await import('./send-test.ts');
      setExit(await sendTest(destination ?? null));
    });
  program
    .command('backup')
    .description('Copy the SQLite database to a file while the bot runs. For PostgreSQL use pg_dump.')
    .argument('<file>', 'where to write; an existing file is not overwritten')
    .action(async (file: string) => {
      const { backUp } = await import('./database-verbs.ts');
      setExit(await backUp(file));
    });
  program
    .command('migrate-database')
    .description('Copy all records to another database, count and verify them. Stop every oombot first.')
    .argument('<from>', 'sqlite:PATH or postgres://…')
    .argument('<to>', 'an empty one: sqlite:PATH or postgres://…')
    .action(async (from: string, to: string) => {
      const { migrateDatabase } = await import('./database-verbs.ts');
      setExit(await migrateDatabase(from, to));
    });
  program
    .command('completion')
    .description('Print the completion script of a shell.')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .action(async (shell: Shell) => {
      const { renderCompletion } = await import('./completion.ts');
      process.stdout.write(renderCompletion(program, shell));
    });
}

function exampleOf(path: string): string | undefined {
  const names = { host: 'db01', group: 'db', tag: 'db', process: 'mysqld' };
  const words = COMMANDS.find(({ name }) => name === path)?.examples[0]?.words(names) ?? null;
  return EXAMPLES[path] ?? (words === null ? undefined : `oombot ${words}`);
}

/** What every verb has: --config, an example under its help, and a pointer to its own help after a usage error. */
export function finishVerbs(program: Command): void {
  function finish(command: Command, path: string): void {
    const verbs = command.commands.filter((one) => one.name() !== 'help');
    for (const verb of verbs) finish(verb, `${path} ${verb.name()}`.trim());
    const verb = `oombot ${path}`.trim();
    const example = exampleOf(path);
    command
      .showHelpAfterError(`${example === undefined ? '' : `For example: ${example}\n`}Try: ${verb} --help`)
      .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, `${verb}: `)) })
      .exitOverride();
    // What only leads to other verbs does nothing itself.
    if (path === '' || (verbs.length > 0 && example === undefined)) return;
    if (!command.options.some((option) => option.long === '--config'))
      command.option('--config <file>', 'the configuration file; default $OOMBOT_CONFIG, else ./oombot.yaml');
    if (example !== undefined) command.addHelpText('after', `\nExample:\n  ${example}`);
  }
  finish(program, '');
  program.hook('preAction', (_, verb) => {
    const { config } = verb.opts<{ config?: string }>();
    if (config !== undefined && verb.name() !== 'init') useConfigFile(config);
  });
}
