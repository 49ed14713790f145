#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import path from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import about from '../package.json' with { type: 'json' };
import { COMMANDS } from './app/answer/registry.ts';
import { readMoment } from './parse/selection.ts';
import { addOperationVerbs, finishVerbs } from './cli/operation-verbs.ts';

// In a clone, what Node makes of the TypeScript is kept beside it, so that the next start is quick. Installed code starts as quickly
// without, and then leaves nothing behind in a folder for all.
if (import.meta.filename.endsWith('.ts'))
  enableCompileCache(path.join(import.meta.dirname, '../node_modules/.cache/oombot'));

const EXIT_FAULT = 1;
const EXIT_USAGE = 2;

interface ParseFlags {
  json?: boolean;
  summary?: boolean;
  explain?: boolean;
  since?: number;
  until?: number;
  host?: string;
}

function readTime(text: string): number {
  const atMs = readMoment(text, Date.now());
  if (atMs === null) throw new InvalidArgumentError('Give a time such as 2h, 7d, 2026-11-30 or 2026-11-30T01:35.');
  return atMs;
}

/** Each verb loads its own code: `parse` must not wait for Slack's. */
function buildProgram(setExit: (status: number) => void): Command {
  const program = new Command('oombot')
    .description('Tells what the Linux OOM killer took, why, and who is next.')
    .version(about.version)
    .showSuggestionAfterError()
    .exitOverride();
  program
    .command('parse')
    .description(
      'Read kernel logs and explain every out-of-memory kill in them. Needs no configuration and no network.',
    )
    .argument('[files...]', 'log files, plain or compressed (gzip, xz, zstd); "-" is standard input', [])
    .option('--json', 'one JSON object a line for each kill')
    .option('--summary', 'a line for each service in place of the reports')
    .option('--explain', 'say what the words of each report mean, with its own numbers')
    .option('--since <time>', 'only kills since then: 2h, 7d, 2026-11-30 or 2026-11-30T01:35', readTime)
    .option('--until <time>', 'only kills until then', readTime)
    .option('--host <name>', 'only kills on this host, by the name that the log has')
    .action(async (files: string[], options: ParseFlags) => {
      const { parseFiles } = await import('./parse/parse-command.ts');
      if (files.length === 0 && process.stdin.isTTY) {
        process.stderr.write('oombot parse: name log files, or pipe one in: dmesg | oombot parse\n');
        setExit(EXIT_USAGE);
        return;
      }
      const named = files.length === 0 ? ['-'] : files;
      const { json = false, summary = false, explain = false, since = null, until = null, host = null } = options;
      const isAll = since === null && until === null && host === null;
      const select = isAll ? null : { sinceMs: since, untilMs: until, host };
      setExit(await parseFiles(named, { json, summary, explain, select, out: process.stdout, err: process.stderr }));
    });
  program
    .command('run')
    .description('Watch the hosts. With Slack tokens it answers there, else in a local workspace that it opens.')
    .action(async () => {
      const { runUntilStopped } = await import('./cli/run-command.ts');
      setExit(await runUntilStopped());
    });
  program
    .command('check')
    .description(
      'Check that the bot can log in, read the kernel log and scores, and apply changes. Prints what is wrong and how to fix it.',
    )
    .argument('[hosts...]', 'host names from the configuration (default: all)')
    .action(async (hosts: string[]) => {
      const { checkHosts } = await import('./cli/ask-command.ts');
      setExit(await checkHosts(hosts));
    });
  for (const command of COMMANDS.filter((one) => one.terminal !== null)) {
    const verb = program.command(command.name).description(`${sentence(command.does)}.`);
    for (const argument of command.usage.match(/<[^>]+>|\[[^\]]+\]/g) ?? []) verb.argument(argument);
    verb.action(async () => {
      const { askWords } = await import('./cli/ask-command.ts');
      setExit(await askWords(command, verb.args));
    });
  }
  program
    .command('setup')
    .description('Print the script that prepares a host: read it, then run it there as root.')
    .option('--user <name>', 'the account to create', 'oombot')
    .option('--key <file...>', "public key that may log in to it; two while one takes the other's place")
    .option('--separate-writer [file]', 'public key of a second account, which alone may apply changes')
    .option('--min <value>', 'lowest oom_score_adj that the helper will set, from -1000 to 0', readMin, '-900')
    .option('--allow-raise', 'let the helper make processes more likely to be killed, but never those of root')
    .option('--from <address...>', 'addresses that its keys may be used from')
    .option('--jump-to <host:port...>', 'make this host a bastion: let the bot go on to these')
    .option('--log-groups', 'let it read the whole journal and all log files (groups systemd-journal and adm)')
    .option('--log-file <path...>', 'log files that it may read besides kern.log, messages and syslog')
    .option('--remove', 'print the script that removes all of it')
    .action(
      async (options: {
        user: string;
        key?: string[];
        separateWriter?: string | true;
        min: string;
        allowRaise?: boolean;
        from?: string[];
        jumpTo?: string[];
        logGroups?: boolean;
        logFile?: string[];
        remove?: boolean;
      }) => {
        const { renderSetup } = await import('./setup/setup-script.ts');
        const { separateWriter } = options;
        try {
          const writerKey = typeof separateWriter === 'string' ? await readKey(separateWriter) : null;
          process.stdout.write(
            renderSetup({
              user: options.user,
              publicKeys: await Promise.all((options.key ?? []).map(readKey)),
              from: options.from ?? [],
              jumpTo: options.jumpTo ?? [],
              logGroups: options.logGroups === true,
              logFiles: options.logFile ?? [],
              writer: separateWriter === undefined ? null : { publicKey: writerKey },
              minOomScoreAdj: Number(options.min),
              allowRaise: options.allowRaise === true,
              remove: options.remove === true,
            }),
          );
        } catch (error) {
          // All that it takes is on the command line.
          process.stderr.write(`oombot setup: ${error instanceof Error ? error.message : String(error)}\n`);
          setExit(EXIT_USAGE);
        }
      },
    );
  const audit = program.command('audit').description('The record of who did what.');
  audit
    .command('verify')
    .description('Check that no entry of the audit log was changed or taken out.')
    .option('--head <count:hash>', 'a head that was noted elsewhere, such as in the log of that day')
    .action(async ({ head }: { head?: string }) => {
      const { verifyAudit } = await import('./cli/audit-command.ts');
      setExit(await verifyAudit(head));
    });
  audit
    .command('export')
    .description('Print the audit log as JSON, one entry a line, oldest first.')
    .action(async () => {
      const { exportAudit } = await import('./cli/audit-command.ts');
      setExit(await exportAudit());
    });
  addOperationVerbs(program, setExit);
  const verbs = new Set(program.commands.map((verb) => verb.name()));
  // A person of the workspace does these, and none is known here. Hidden: neither listed nor proposed.
  for (const { name, usage } of COMMANDS.filter(
    (one) => /^\w+$/.test(one.name) && !verbs.has(one.name) && one.name !== 'help',
  )) {
    program
      .command(name, { hidden: true })
      .argument('[words...]')
      .allowUnknownOption()
      .action(() => {
        process.stderr.write(`oombot ${name}: that is done in Slack: /oom ${`${name} ${usage}`.trim()}\n`);
        setExit(EXIT_USAGE);
      });
  }
  finishVerbs(program);
  return program;
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader went away (`oombot parse … | head`): no fault of ours.
  // The bot itself goes on: it has more to do than to print.
  if (process.argv.length > 2 && process.argv[2] !== 'run') process.exit(error.code === 'EPIPE' ? 0 : 1);
});

try {
  await buildProgram((status) => {
    process.exitCode = status;
  }).parseAsync(process.argv.length > 2 ? process.argv : [...process.argv, 'run']);
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
  else {
    // Faults say in one sentence what to do; a configuration that is wrong is bad usage.
    process.stderr.write(`oombot: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = error instanceof Error && error.name === 'ConfigError' ? EXIT_USAGE : EXIT_FAULT;
  }
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** As it was typed, if it is a value. */
function readMin(text: string): string {
  if (!/^(?:0|-[1-9]\d{0,2}|-1000)$/.test(text))
    throw new InvalidArgumentError('Expected a whole number from -1000 to 0.');
  return text;
}

async function readKey(file: string): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new Error(`the key file ${file} cannot be read: name the public key, such as ~/.ssh/oombot_ed25519.pub`, {
      cause: error,
    });
  });
}
