#!/usr/bin/env node
// Starts oombot on any Node from 20 on: on this one where it is new enough, else on the one that came as a dependency.
// Plain JavaScript, so that an old Node can read it. In a clone it runs the sources, installed the built files.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** What it is tested with; older ones print warnings about SQLite. */
const NODE_GOOD = [24, 0];
/** Below this it cannot run: zstd in node:zlib, node:sqlite without a flag, and (in a clone) TypeScript. */
const NODE_MIN = [22, 18];
const EXIT_FAULT = 1;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'];

const sources = fileURLToPath(new URL('cli.ts', import.meta.url));
const isClone = existsSync(sources);
const main = isClone ? sources : fileURLToPath(new URL('../dist/cli.js', import.meta.url));

if (process.argv.length === 3 && ['--version', '-V'].includes(process.argv[2])) {
  const about = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  process.stdout.write(`${about.version}\n`);
} else {
  const other = isFrom(NODE_GOOD) ? null : nodeOfDependency();
  if (other !== null) startOn(other);
  else if (isFrom(NODE_MIN)) await import(pathToFileURL(main).href);
  else {
    process.stderr.write(
      `oombot: this is Node ${process.versions.node}, and oombot needs ${NODE_MIN.join('.')} or newer. Install a newer Node, or let oombot bring its own: npm install -g --allow-scripts=node oombot\n`,
    );
    process.exitCode = EXIT_FAULT;
  }
}

/** @param {number[]} version */
function isFrom([majorMin = 0, minorMin = 0]) {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major > majorMin || (major === majorMin && minor >= minorMin);
}

/** The executable of the package `node`; null where its install script did not run. */
function nodeOfDependency() {
  try {
    const require = createRequire(import.meta.url);
    const file = fileURLToPath(new URL('bin/node', pathToFileURL(require.resolve('node/package.json'))));
    return existsSync(file) ? file : null;
  } catch {
    return null;
  }
}

/** @param {string} node */
function startOn(node) {
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`oombot: ${node} cannot be started: ${error.message}\n`);
    process.exitCode = EXIT_FAULT;
  });
  child.on('exit', (status, signal) => {
    if (signal === null) process.exit(status ?? EXIT_FAULT);
    // Ended by a signal: so do we, that whoever waits sees the same.
    for (const one of SIGNALS) process.removeAllListeners(one);
    process.kill(process.pid, signal);
  });
}
