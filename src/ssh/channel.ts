import type { Client, ClientChannel } from 'ssh2';

/** How a remote command ended. Only `exit` and `signal` are about the command; the others are about the way to it. */
export type ChannelEnd =
  | { kind: 'exit'; code: number }
  | { kind: 'signal'; signal: string }
  /** The connection went while it ran: the command may have done its work or not. */
  | { kind: 'lost' }
  | { kind: 'timeout' }
  | { kind: 'too-much' }
  /** It did not start: not connected, no session to be had (`isFull`), or too many waiting. */
  | { kind: 'refused'; sentence: string; isFull?: boolean }
  /** Whoever was given its output threw. */
  | { kind: 'fault'; sentence: string }
  | { kind: 'aborted' };

export interface ChannelOptions {
  /** Written at once. */
  stdin: string;
  /** False: input stays open, and its end tells the remote watcher that we are gone. */
  endStdin: boolean;
  signal: AbortSignal;
  /** Returns false to stop. Called as the bytes arrive. */
  onStdout: (chunk: Buffer) => boolean;
  /** Asked after each piece. null: go on; else nothing more is taken from the host until it resolves. */
  hold?: (() => Promise<void> | null) | undefined;
}

const STDERR_BYTES_MAX = 8 * 1024;

/** Runs one command on a connection. Never throws; the command text must be fixed, data goes over stdin. */
export function runChannel(
  client: Client,
  command: string,
  options: ChannelOptions,
): Promise<{ end: ChannelEnd; stderr: string }> {
  const done = Promise.withResolvers<{ end: ChannelEnd; stderr: string }>();
  const stderr = openErrorText();
  let channel: ClientChannel | null = null;
  let over = false;

  function finish(end: ChannelEnd): void {
    if (over) return;
    over = true;
    options.signal.removeEventListener('abort', onAbort);
    client.off('close', onLost);
    client.off('end', onLost);
    done.resolve({ end, stderr: stderr.text() });
    if (channel !== null && end.kind !== 'exit' && end.kind !== 'signal' && end.kind !== 'lost')
      leave(channel, options.endStdin);
  }
  function onLost(): void {
    finish({ kind: 'lost' });
  }
  function onAbort(): void {
    finish({ kind: 'aborted' });
  }

  if (options.signal.aborted) {
    finish({ kind: 'refused', sentence: 'given up before it started' });
    return done.promise;
  }
  options.signal.addEventListener('abort', onAbort, { once: true });
  client.once('close', onLost);
  client.once('end', onLost);

  function onOpen(error: Error | undefined, opened: ClientChannel): void {
    if (error) {
      // sshd says only "open failed" when MaxSessions is reached.
      const isFull = error.message.includes('Channel open failure');
      finish({ kind: 'refused', sentence: `no session for a command: ${error.message}`, isFull });
      return;
    }
    channel = opened;
    opened.on('error', () => {});
    opened.on('data', (chunk: Buffer) => {
      if (over) return;
      try {
        if (!options.onStdout(chunk)) return finish({ kind: 'too-much' });
        const held = options.hold?.() ?? null;
        if (held === null) return;
        opened.pause();
        void held.then(() => opened.resume());
      } catch (error) {
        // Thrown on, it would end the process, and with it the watching of all other hosts.
        finish({ kind: 'fault', sentence: `its output cannot be read: ${wordsOf(error)}` });
      }
    });
    opened.stderr.on('data', stderr.add);
    // The order of `exit` and `end` varies; `close` is last. Without an exit code or a signal the connection was lost.
    opened.on('close', (code?: number | null, signal?: string) => {
      if (typeof code === 'number') finish({ kind: 'exit', code });
      else if (typeof signal === 'string') finish({ kind: 'signal', signal });
      else finish({ kind: 'lost' });
    });
    if (over) {
      leave(opened, options.endStdin);
      return;
    }
    if (options.endStdin) opened.end(options.stdin);
    else if (options.stdin !== '') opened.write(options.stdin);
  }
  try {
    client.exec(command, onOpen);
  } catch {
    // ssh2 throws "Not connected" when the connection has gone.
    finish({ kind: 'refused', sentence: 'not connected' });
  }
  return done.promise;
}

/** What a command writes to its standard error, as far as it is kept. */
export function openErrorText(): { add: (chunk: Buffer) => void; text: () => string } {
  const kept: Buffer[] = [];
  let bytes = 0;
  function add(chunk: Buffer): void {
    const rest = chunk.subarray(0, STDERR_BYTES_MAX - bytes);
    bytes += rest.length;
    if (rest.length > 0) kept.push(rest);
  }
  return { add, text: () => Buffer.concat(kept).toString('latin1') };
}

/** A fault for a sentence. */
export function wordsOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 200);
}

/** A lasting command ends by itself when its input does; a signal would hit the shell that waits to tidy up behind it. */
function leave(channel: ClientChannel, signal: boolean): void {
  try {
    channel.resume();
    channel.stderr.resume();
    channel.end();
    if (signal) channel.signal('TERM');
    channel.close();
  } catch {
    // Gone already.
  }
}
