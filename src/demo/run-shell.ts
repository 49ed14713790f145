import { spawn } from 'node:child_process';
import { constants, userInfo } from 'node:os';

import { endChannel, type CommandSession } from './loopback-server.ts';

/** After the connection has gone, a command has this long to end by itself. */
const GRACE_MS = 500;

/**
 * Runs a command with /bin/sh as the user of this process, in a process group of its own, with nothing of this process's
 * environment. Resolves when it is over; when the channel goes first, the group is ended.
 */
export function runShell(command: string, session: CommandSession): Promise<void> {
  const { channel, signal } = session;
  const done = Promise.withResolvers<void>();
  const { username, homedir } = userInfo();
  const child = spawn('/bin/sh', ['-c', command], {
    cwd: homedir,
    env: {
      HOME: homedir,
      USER: username,
      LOGNAME: username,
      SHELL: '/bin/sh',
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    },
    // A process group, so that all of it can be ended, pipelines and background jobs included.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let timer: NodeJS.Timeout | null = null;

  function killGroup(name: NodeJS.Signals): void {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, name);
    } catch {
      // None of it is left.
    }
  }

  function onGone(): void {
    // Nobody reads on: what is still written must not hold the command back.
    child.stdout.unpipe(channel);
    child.stderr.unpipe(channel.stderr);
    child.stdout.resume();
    child.stderr.resume();
    child.stdin.destroy();
    killGroup('SIGTERM');
    timer = setTimeout(() => killGroup('SIGKILL'), GRACE_MS);
  }

  child.stdin.on('error', () => {}); // a command need not read its input
  child.once('error', (error) => {
    channel.stderr.write(`${error.message}\n`);
    endChannel(channel, 127);
    done.resolve();
  });
  // After `close` nothing of the group holds an end of our pipes.
  child.once('close', (code, by) => {
    if (timer !== null) clearTimeout(timer);
    signal.removeEventListener('abort', onGone);
    endChannel(channel, by === null ? (code ?? 255) : by.slice('SIG'.length));
    done.resolve();
  });
  session.onSignal((name) => {
    const asked = Object.keys(constants.signals).find((known) => known === `SIG${name}`);
    if (asked !== undefined) killGroup(asked as NodeJS.Signals);
  });
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  if (signal.aborted) onGone();
  else signal.addEventListener('abort', onGone, { once: true });
  return done.promise;
}
