import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

import { openErrorText, wordsOf, type ChannelEnd, type ChannelOptions } from './channel.ts';

/** A child of the program ssh that asks the one connection of its host for a session. */
export interface SessionWorld {
  /** Starts it. Throws where the machine has no room for it. */
  start: (command: string) => ChildProcess;
  /** Aborted once the connection is gone. */
  gone: AbortSignal;
}

/** A lasting command ends by itself when its input does. */
const LEAVE_MS = 2_000;
/** The sessions of a connection that is lost may be told before the connection itself. */
const LOST_MS = 500;

/** Runs one command. Never throws. As `runChannel` does by ssh2. */
export function runOpensshSession(
  { start, gone }: SessionWorld,
  command: string,
  options: ChannelOptions,
): Promise<{ end: ChannelEnd; stderr: string }> {
  const done = Promise.withResolvers<{ end: ChannelEnd; stderr: string }>();
  const stderr = openErrorText();
  let over = false;
  let child: ChildProcess;

  function finish(end: ChannelEnd): void {
    if (over) return;
    over = true;
    options.signal.removeEventListener('abort', onAbort);
    gone.removeEventListener('abort', onLost);
    done.resolve({ end, stderr: stderr.text() });
    if (child.exitCode === null && child.signalCode === null) leave(child, options.endStdin);
  }
  function onLost(): void {
    finish({ kind: 'lost' });
  }
  function onAbort(): void {
    finish({ kind: 'aborted' });
  }

  if (options.signal.aborted)
    return Promise.resolve({ end: { kind: 'refused', sentence: 'given up before it started' }, stderr: '' });
  if (gone.aborted) return Promise.resolve({ end: { kind: 'refused', sentence: 'not connected' }, stderr: '' });
  try {
    child = start(command);
  } catch (error) {
    return Promise.resolve({
      end: { kind: 'refused', sentence: `ssh cannot be started: ${wordsOf(error)}` },
      stderr: '',
    });
  }
  options.signal.addEventListener('abort', onAbort, { once: true });
  gone.addEventListener('abort', onLost, { once: true });
  child.once('error', (error) => finish({ kind: 'refused', sentence: `ssh cannot be started: ${wordsOf(error)}` }));
  child.stdin?.on('error', () => {}); // it ended before it had read all
  child.stdout?.on('data', (chunk: Buffer) => {
    if (over) return;
    try {
      if (!options.onStdout(chunk)) return finish({ kind: 'too-much' });
      const held = options.hold?.() ?? null;
      if (held === null) return;
      child.stdout?.pause();
      void held.then(() => child.stdout?.resume());
    } catch (error) {
      finish({ kind: 'fault', sentence: `its output cannot be read: ${wordsOf(error)}` });
    }
  });
  child.stderr?.on('data', stderr.add);
  child.once('close', (code) => void judge(code));

  // 255 is ssh's own word for all that went wrong, and what it says for a command that a signal ended.
  async function judge(code: number | null): Promise<void> {
    if (over) return;
    if (code !== null && code !== 255) return finish({ kind: 'exit', code });
    if (/^mux_client_request_session: session request failed/m.test(stderr.text()))
      return finish({ kind: 'refused', sentence: 'no session for a command', isFull: true });
    await sleep(LOST_MS, undefined, { signal: gone }).catch(() => {});
    finish({ kind: 'signal', signal: 'a signal' });
  }

  if (options.endStdin) child.stdin?.end(options.stdin);
  else if (options.stdin !== '') child.stdin?.write(options.stdin);
  return done.promise;
}

function leave(child: ChildProcess, atOnce: boolean): void {
  child.stdout?.resume();
  child.stderr?.resume();
  child.stdin?.end();
  if (atOnce) child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), LEAVE_MS);
  child.once('exit', () => clearTimeout(timer));
}
