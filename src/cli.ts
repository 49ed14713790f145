#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { Command, CommanderError } from 'commander';

// Stripped and compiled modules are kept, so that the next start is quick.
enableCompileCache();

const EXIT_USAGE = 2;

/** Each verb loads its own code: `parse` must not wait for Slack's. */
function buildProgram(setExit: (status: number) => void): Command {
  const program = new Command('oombot')
    .description('Tells what the Linux OOM killer took, why, and who is next.')
    .version('0.1.0')
    .showSuggestionAfterError()
    .showHelpAfterError('Try: oombot --help')
    .exitOverride();
  program
    .command('parse')
    .description(
      'Read kernel logs and explain every out-of-memory kill in them. Needs no configuration and no network.',
    )
    .argument('[files...]', 'log files, plain or compressed (gzip, xz, zstd); "-" is standard input', [])
    .option('--json', 'one JSON object a line for each kill')
    .action(async (files: string[], options: { json?: boolean }) => {
      const { parseFiles } = await import('./parse/parse-command.ts');
      if (files.length === 0 && process.stdin.isTTY) {
        process.stderr.write('oombot parse: name log files, or pipe one in: dmesg | oombot parse\n');
        setExit(EXIT_USAGE);
        return;
      }
      const named = files.length === 0 ? ['-'] : files;
      setExit(await parseFiles(named, { json: options.json === true, out: process.stdout, err: process.stderr }));
    });
  program
    .command('run', { isDefault: true })
    .description('Watch the hosts. With Slack tokens it answers there, else in a local workspace that it opens.')
    .action(async () => {
      const { runUntilStopped } = await import('./run-command.ts');
      setExit(await runUntilStopped());
    });
  return program;
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader went away (`oombot parse … | head`): no fault of ours.
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

try {
  await buildProgram((status) => {
    process.exitCode = status;
  }).parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
  else throw error;
}
