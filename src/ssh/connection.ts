import type { Duplex } from 'node:stream';

import PQueue from 'p-queue';
import type { Client } from 'ssh2';

import type { Clock } from '../app/ports.ts';
import { runChannel, type ChannelEnd } from './channel.ts';
import type { Handshakes } from './handshakes.ts';
import type { Identities } from './identity.ts';
import { knownKeysFor, type KnownHostsFiles } from './known-hosts.ts';
import { login, type LoginResult } from './login.ts';
import type { FailureReason, HostKey } from './login-failure.ts';
import { targetKey, type SshTarget } from './target.ts';

/** `unreachable` is tried again by itself, `refused` waits for a person. `sentence` says what is wrong and what to do. */
export interface ConnectionState {
  kind: 'connecting' | 'connected' | 'unreachable' | 'refused';
  sinceMs: number;
  sentence: string;
  /** null unless unreachable or refused. */
  reason: FailureReason | null;
  /** What the host showed, when its key is why it was refused. */
  hostKey: HostKey | null;
}

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
}

/** One SSH connection to one host, kept up by itself. */
export interface Connection {
  target: SshTarget;
  state: () => ConnectionState;
  /** Calls back on every change from now on; returns how to stop that. */
  onState: (listener: (state: ConnectionState) => void) => () => void;
  /** Resolves once connected, rejects when the signal aborts or the connection is closed. */
  whenConnected: (signal: AbortSignal) => Promise<void>;
  /** A short command: fixed text, data over stdin. Never throws; says how it ended. At most 4 run at once. */
  exec: (command: string, options: ExecOptions) => Promise<ExecResult>;
  /** A lasting command. Never throws. */
  stream: (command: string, options: StreamOptions) => Promise<{ end: ChannelEnd; stderr: string }>;
  /** A way on to another host, for those behind this one. */
  forward: (address: string, port: number) => Promise<Duplex>;
  /** Tries at once what would be tried later: after a reload, or when a person says so. */
  lookAgain: () => void;
  close: () => Promise<void>;
}

/** What the connections of one process share. */
export interface ConnectionWorld {
  clock: Clock;
  /** 0 up to 1. */
  random: () => number;
  identities: Identities;
  knownHosts: KnownHostsFiles;
  handshakes: Handshakes;
  readyTimeoutMs: number;
  keepaliveIntervalMs: number;
}

const BACKOFF_FIRST_MS = 1_000;
const BACKOFF_MAX_MS = 300_000;
/** A key or a login that was refused is not hammered: newer sshd shut out the whole source address for that. */
const PERSON_MS = 600_000;
/** A connection that lasted this long starts the back-off anew. */
const STEADY_MS = 60_000;
// sshd's MaxSessions is 10: up to 5 lasting streams beside these.
const SHORT_AT_ONCE = 4;
const SHORT_WAITING_MAX = 64;
const NOT_CONNECTED: ChannelEnd = { kind: 'refused', sentence: 'not connected' };

/** Opens the connection and keeps it up until `close`. `jump` is the connection to the target's jump host, if it has one. */
export function openConnection(target: SshTarget, jump: Connection | null, world: ConnectionWorld): Connection {
  const { clock, random } = world;
  const closing = new AbortController();
  const listeners = new Set<(state: ConnectionState) => void>();
  const short = new PQueue({ concurrency: SHORT_AT_ONCE });
  let client: Client | null = null;
  let wake = new AbortController();
  let hangUp: (() => void) | null = null;
  let current: ConnectionState = {
    kind: 'connecting',
    sinceMs: clock.nowMs(),
    sentence: `Connecting to ${target.name}.`,
    reason: null,
    hostKey: null,
  };

  function become(kind: ConnectionState['kind'], sentence: string, why: Partial<ConnectionState> = {}): void {
    if (closing.signal.aborted) return;
    const same = kind === current.kind;
    if (same && sentence === current.sentence) return;
    current = { reason: null, hostKey: null, ...why, kind, sentence, sinceMs: same ? current.sinceMs : clock.nowMs() };
    for (const listener of listeners) listener(current);
  }

  async function tryOnce(): Promise<LoginResult> {
    const identity = await world.identities.load(target);
    if (identity.kind === 'problem') return failed('no-key', `${target.name}: ${identity.sentence}.`);
    let known;
    try {
      known = knownKeysFor(target, await world.knownHosts.read(target.knownHosts));
    } catch (error) {
      return failed('unknown-host-key', `${target.name}: ${error instanceof Error ? error.message : String(error)}.`);
    }
    if (jump !== null) await jumpConnected(jump);
    const { readyTimeoutMs, keepaliveIntervalMs } = world;
    return world.handshakes.pass(jump === null ? null : targetKey(jump.target), async (onFirstByte) => {
      let through: Duplex | null = null;
      try {
        if (jump !== null) through = await withTimeout(jump.forward(target.address, target.port), readyTimeoutMs);
      } catch (error) {
        const sentence = `${target.name} (${target.address}:${target.port}) cannot be reached from its jump host ${jump?.target.name ?? ''}: ${error instanceof Error ? error.message : String(error)}.`;
        return { kind: 'failed', failure: { kind: 'network', reason: 'network', sentence, hostKey: null } };
      }
      return login({
        target,
        through,
        identity,
        known,
        readyTimeoutMs,
        keepaliveIntervalMs,
        signal: closing.signal,
        onFirstByte,
      });
    });
  }

  /** Waits for the jump host without a limit, showing its trouble as ours. */
  async function jumpConnected(way: Connection): Promise<void> {
    function mirror({ kind, sentence, reason }: ConnectionState): void {
      if (kind === 'unreachable' || kind === 'refused')
        become(kind, `${target.name} waits for its jump host. ${sentence}`, { reason });
    }
    mirror(way.state());
    const stop = way.onState(mirror);
    try {
      await way.whenConnected(closing.signal);
    } finally {
      stop();
    }
  }

  async function run(): Promise<void> {
    let failures = 0;
    while (!closing.signal.aborted) {
      wake = new AbortController();
      const result = await tryOnce();
      if (closing.signal.aborted) {
        if (result.kind === 'in') result.client.end();
        return;
      }
      if (result.kind === 'in') {
        const connectedAtMs = clock.nowMs();
        client = result.client.setMaxListeners(30);
        become('connected', `Connected to ${target.name}.`);
        const gone = Promise.withResolvers<void>();
        hangUp = gone.resolve;
        void lostOf(client).then(gone.resolve);
        await gone.promise;
        client = null;
        if (clock.nowMs() - connectedAtMs >= STEADY_MS) failures = 0;
        become('connecting', `The connection to ${target.name} was lost; connecting again.`);
        await pause(random() * backoffMs(failures++));
        continue;
      }
      const { kind, reason, sentence, hostKey } = result.failure;
      become(kind === 'network' ? 'unreachable' : 'refused', sentence, { reason, hostKey });
      await pause(kind === 'network' ? random() * backoffMs(failures++) : PERSON_MS * (1 + random() / 10));
    }
  }

  async function pause(ms: number): Promise<void> {
    const signal = AbortSignal.any([closing.signal, wake.signal]);
    await clock.sleep(ms, signal).catch(() => {});
  }

  async function exec(command: string, options: ExecOptions): Promise<ExecResult> {
    if (short.size >= SHORT_WAITING_MAX) {
      return {
        stdout: Buffer.alloc(0),
        stderr: '',
        end: { kind: 'refused', sentence: `too many commands are waiting for ${target.name}` },
      };
    }
    const limit = AbortSignal.timeout(options.timeoutMs);
    const signal = options.signal ? AbortSignal.any([limit, options.signal]) : limit;
    return short.add(async () => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      function onStdout(chunk: Buffer): boolean {
        const rest = chunk.subarray(0, options.maxBytes - bytes);
        bytes += rest.length;
        chunks.push(rest);
        return rest.length === chunk.length;
      }
      const { end, stderr } =
        client === null
          ? { end: NOT_CONNECTED, stderr: '' }
          : await runChannel(client, command, { stdin: options.stdin ?? '', endStdin: true, signal, onStdout });
      const timedOut = end.kind === 'aborted' && limit.aborted;
      return { stdout: Buffer.concat(chunks), stderr, end: timedOut ? { kind: 'timeout' } : end };
    });
  }

  async function stream(command: string, options: StreamOptions): Promise<{ end: ChannelEnd; stderr: string }> {
    if (client === null) return { end: { kind: 'lost' }, stderr: '' };
    const ended = await runChannel(client, command, {
      stdin: options.stdin,
      endStdin: false,
      signal: options.signal,
      onStdout: (chunk) => {
        options.onData(chunk);
        return true;
      },
    });
    return ended.end.kind === 'refused' && client === null ? { ...ended, end: { kind: 'lost' } } : ended;
  }

  function forward(address: string, port: number): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      if (client === null) throw new Error('the jump host is not connected');
      client.forwardOut('127.0.0.1', 0, address, port, (error, channel) => {
        if (error) reject(error);
        else resolve(channel);
      });
    });
  }

  function whenConnected(signal: AbortSignal): Promise<void> {
    if (client !== null) return Promise.resolve();
    const done = Promise.withResolvers<void>();
    const either = AbortSignal.any([signal, closing.signal]);
    function onAbort(): void {
      done.reject(new Error(`no longer waiting for ${target.name}`));
    }
    function listener({ kind }: ConnectionState): void {
      if (kind === 'connected') done.resolve();
    }
    if (either.aborted) onAbort();
    either.addEventListener('abort', onAbort, { once: true });
    listeners.add(listener);
    return done.promise.finally(() => {
      either.removeEventListener('abort', onAbort);
      listeners.delete(listener);
    });
  }

  // What ends the loop is `close`; a fault of our own must not take the other hosts along.
  const running = run().catch((error: unknown) => {
    become('unreachable', `Watching ${target.name} failed: ${error instanceof Error ? error.message : String(error)}.`);
  });

  return {
    target,
    state: () => current,
    onState: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    whenConnected,
    exec,
    stream,
    forward,
    // A host that is there has nothing to try again: its next loss waits as any other's does.
    lookAgain: () => {
      if (client === null) wake.abort();
    },
    close: async () => {
      closing.abort();
      const leaving = client;
      if (leaving) await goodbye(leaving);
      hangUp?.();
      await running;
      listeners.clear();
    },
  };
}

function failed(reason: FailureReason, sentence: string): LoginResult {
  return { kind: 'failed', failure: { kind: 'person', reason, sentence, hostKey: null } };
}

function backoffMs(failures: number): number {
  return Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(failures, 20));
}

/** An ordinary loss emits `end` and `close` without `error`; through a jump host `close` may stay out. */
function lostOf(client: Client): Promise<void> {
  return new Promise((resolve) => {
    client.once('close', () => resolve());
    client.once('end', () => {
      client.destroy();
      resolve();
    });
  });
}

/** Says goodbye, and hangs up after a second where nobody answers. */
async function goodbye(client: Client): Promise<void> {
  const limit = Promise.withResolvers<void>();
  const timer = setTimeout(limit.resolve, 1_000);
  const gone = lostOf(client);
  client.end();
  await Promise.race([gone, limit.promise]);
  clearTimeout(timer);
  client.destroy();
}

async function withTimeout<T>(promise: Promise<T>, ms: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error('no answer')), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
