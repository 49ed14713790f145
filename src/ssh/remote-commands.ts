import { setTimeout as sleep } from 'node:timers/promises';

import PQueue from 'p-queue';

import type { ChannelEnd } from './channel.ts';
import type { LoggedIn } from './logged-in.ts';

export interface ExecOptions {
  stdin?: string;
  /** Includes the wait for a free session. */
  timeoutMs: number;
  maxBytes: number;
  signal?: AbortSignal;
}

export interface ExecResult {
  stdout: Buffer;
  /** At most 8 KiB. */
  stderr: string;
  end: ChannelEnd;
}

export interface StreamOptions {
  /** Written at once; the input then stays open until the stream is left, so that the remote end notices. */
  stdin: string;
  signal: AbortSignal;
  /** Called with the bytes as they arrive, with no delay between. */
  onData: (chunk: Buffer) => void;
  /** As in FollowRequest. */
  hold?: (() => Promise<void> | null) | undefined;
}

/** What can be asked of a connection. */
export interface RemoteCommands {
  /** A short command: fixed text, data over stdin. Never throws; says how it ended. At most 4 run at once. Wakes what rests. */
  exec: (command: string, options: ExecOptions) => Promise<ExecResult>;
  /** A lasting command. Never throws. */
  stream: (command: string, options: StreamOptions) => Promise<{ end: ChannelEnd; stderr: string }>;
  /** The way on to another host, for those behind this one; null: not connected. */
  onward: () => LoggedIn['onward'] | null;
  /** `SHA256:…` of the key that the host has shown to have; null: not connected. */
  hostKey: () => string | null;
}

// sshd's MaxSessions is 10: up to 5 lasting streams beside these.
const SHORT_AT_ONCE = 4;
const SHORT_WAITING_MAX = 64;
const FULL_PAUSE_MS = 200;
const NOT_CONNECTED: ChannelEnd = { kind: 'refused', sentence: 'not connected' };

/** The logins of one connection, and more of them where a server gives each too few sessions (sshd's MaxSessions). */
export interface Logins {
  /** The connection itself first; empty: it is not there. */
  now: () => readonly LoggedIn[];
  /** One more; null: there is none to be had now. */
  more: () => Promise<LoggedIn | null>;
}

/** Channels of a connection that comes and goes; `awake` brings it about that it is there, if it can be, while `ask` runs. */
export function openRemoteCommands(
  host: string,
  logins: Logins,
  awake: <T>(signal: AbortSignal, ask: () => Promise<T>) => Promise<T>,
): RemoteCommands {
  const short = new PQueue({ concurrency: SHORT_AT_ONCE });

  async function exec(command: string, options: ExecOptions): Promise<ExecResult> {
    if (short.size >= SHORT_WAITING_MAX) {
      return {
        stdout: Buffer.alloc(0),
        stderr: '',
        end: { kind: 'refused', sentence: `too many commands are waiting for ${host}` },
      };
    }
    const limit = AbortSignal.timeout(options.timeoutMs);
    const signal = options.signal ? AbortSignal.any([limit, options.signal]) : limit;
    return short.add(() => awake(signal, runNow));

    async function runNow(): Promise<ExecResult> {
      function runSomewhere() {
        return onSomeLogin((login) =>
          login.run(command, { stdin: options.stdin ?? '', endStdin: true, signal, onStdout }),
        );
      }

      const chunks: Buffer[] = [];
      let bytes = 0;
      function onStdout(chunk: Buffer): boolean {
        const rest = chunk.subarray(0, options.maxBytes - bytes);
        bytes += rest.length;
        chunks.push(rest);
        return rest.length === chunk.length;
      }
      let { end, stderr } = await runSomewhere();
      // Commands end soon: another try has room, if time is left.
      while (end.kind === 'refused' && end.isFull === true && (await pauseBefore(signal)))
        ({ end, stderr } = await runSomewhere());
      const timedOut = end.kind === 'aborted' && limit.aborted;
      return { stdout: Buffer.concat(chunks), stderr, end: timedOut ? { kind: 'timeout' } : end };
    }
  }

  async function stream(command: string, options: StreamOptions): Promise<{ end: ChannelEnd; stderr: string }> {
    if (logins.now().length === 0) return { end: { kind: 'lost' }, stderr: '' };
    const ended = await onSomeLogin((login) =>
      login.run(command, {
        stdin: options.stdin,
        endStdin: false,
        signal: options.signal,
        onStdout: (chunk) => {
          options.onData(chunk);
          return true;
        },
        hold: options.hold,
      }),
    );
    return ended.end.kind === 'refused' && logins.now().length === 0 ? { ...ended, end: { kind: 'lost' } } : ended;
  }

  /** On the first login that has a session left; one that is full started nothing. */
  async function onSomeLogin(run: (login: LoggedIn) => ReturnType<LoggedIn['run']>): ReturnType<LoggedIn['run']> {
    const tried = new Set<LoggedIn>();
    let last: Awaited<ReturnType<LoggedIn['run']>> = { end: NOT_CONNECTED, stderr: '' };
    for (;;) {
      const login = logins.now().find((one) => !tried.has(one)) ?? (tried.size === 0 ? null : await logins.more());
      if (login === null || tried.has(login)) return last;
      tried.add(login);
      last = await run(login);
      if (last.end.kind !== 'refused' || last.end.isFull !== true) return last;
    }
  }

  return {
    exec,
    stream,
    onward: () => logins.now()[0]?.onward ?? null,
    hostKey: () => logins.now()[0]?.hostKey ?? null,
  };
}

/** False: no time is left. */
async function pauseBefore(signal: AbortSignal): Promise<boolean> {
  await sleep(FULL_PAUSE_MS, undefined, { signal }).catch(() => undefined);
  return !signal.aborted;
}
