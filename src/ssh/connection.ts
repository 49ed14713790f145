import { openExtraLogins } from './extra-logins.ts';
import { dial, type DialResult, type DialWorld } from './dial.ts';
import type { HostKey, LinkState, LoginTrouble } from '../app/host-link.ts';
import type { LoggedIn } from './logged-in.ts';
import { openRemoteCommands, type RemoteCommands } from './remote-commands.ts';
import type { SshTarget } from './target.ts';

/** A link's state, with why it is in trouble. */
export interface ConnectionState extends LinkState {
  /** null unless unreachable or refused. */
  reason: LoginTrouble['reason'] | null;
  /** What the host showed, when its key is why it was refused. */
  hostKey: HostKey | null;
}

/** One SSH connection to one host, kept up by itself. */
export interface Connection extends RemoteCommands {
  target: SshTarget;
  state: () => ConnectionState;
  /** Calls back on every change from now on; returns how to stop that. */
  onState: (listener: (state: ConnectionState) => void) => () => void;
  /** Resolves once connected, rejects when the signal aborts or the connection is closed. */
  whenConnected: (signal: AbortSignal) => Promise<void>;
  /** Tries at once what would be tried later: after a reload, or when a person says so. */
  reconnectNow: () => void;
  /** Hangs up after a while in which nothing was asked; from then on it connects for commands only. */
  rest: () => void;
  /** Connects, and stays connected: what an open connection does until it is told to rest. */
  keepUp: () => void;
  close: () => Promise<void>;
}

/** What the connections of one process share. */
export interface ConnectionWorld extends DialWorld {
  /** 0 up to 1. */
  random: () => number;
}

const BACKOFF_FIRST_MS = 1_000;
const BACKOFF_MAX_MS = 300_000;
/** Where the login worked and the link was lost soon after: each wait is time in which no kill is seen. */
const LOST_BACKOFF_MAX_MS = 30_000;
/** A key or a login that was refused is not hammered: newer sshd shut out the whole source address for that. */
const PERSON_MS = 600_000;
/** A connection that lasted this long starts the back-off anew. */
const STEADY_MS = 60_000;
/** Who asks once often asks again. */
const LINGER_MS = 5 * 60_000;

/** Opens the connection and keeps it up until `close`. `jump` is the connection to the target's jump host, if it has one. */
export function openConnection(target: SshTarget, jump: Connection | null, world: ConnectionWorld): Connection {
  const { clock, random } = world;
  const closing = new AbortController();
  const listeners = new Set<(state: ConnectionState) => void>();
  const extras = openExtraLogins(() => (client === null ? null : tryOnce(closing.signal)), clock);
  const commands = openRemoteCommands(
    target.name,
    { now: () => (client === null ? [] : [client, ...extras.now()]), more: extras.more },
    awake,
  );
  let client: LoggedIn | null = null;
  let wake = new AbortController();
  /** Gives up the try to connect that is under way or waits for its turn. */
  let trying = new AbortController();
  let hangUp: (() => void) | null = null;
  let isKeptUp = true;
  /** Commands that wait for the connection or run. */
  let asking = 0;
  let asks = 0;
  let roused = new AbortController();
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

  function tryOnce(signal: AbortSignal): Promise<DialResult> {
    const way = {
      jump,
      onJumpTrouble: ({ kind, sentence }: LinkState): void =>
        become(kind, `${target.name} waits for its jump host. ${sentence}`, { reason: 'jump-host' }),
    };
    return dial(target, way, world, signal);
  }

  async function run(): Promise<void> {
    let failures = 0;
    while (!closing.signal.aborted) {
      if (!isWanted()) {
        failures = 0;
        await rested();
        continue;
      }
      wake = new AbortController();
      trying = new AbortController();
      const givenUp = trying.signal;
      const result = await tryOnce(AbortSignal.any([closing.signal, givenUp])).catch((error: unknown) => {
        if (givenUp.aborted) return null;
        throw error;
      });
      if (result === null || (result.kind === 'failed' && givenUp.aborted)) continue;
      if (closing.signal.aborted) {
        if (result.kind === 'in') {
          await result.login.goodbye();
          result.release();
        }
        return;
      }
      if (result.kind === 'in') {
        const connectedAtMs = clock.nowMs();
        client = result.login;
        become('connected', `Connected to ${target.name}.`);
        const gone = Promise.withResolvers<void>();
        hangUp = gone.resolve;
        void client.gone.then(gone.resolve);
        await gone.promise;
        client = null;
        extras.drop();
        const why = isWanted() && !closing.signal.aborted ? await result.lost() : null;
        result.release();
        if (!isWanted()) continue;
        if (clock.nowMs() - connectedAtMs >= STEADY_MS) failures = 0;
        become(
          'connecting',
          `The connection to ${target.name} was lost${why === null ? '' : ` (${why})`}; connecting again.`,
        );
        await pause(random() * Math.min(LOST_BACKOFF_MAX_MS, backoffMs(failures++)));
        continue;
      }
      const { kind, reason, sentence, hostKey } = result.failure;
      become(kind === 'network' ? 'unreachable' : 'refused', sentence, { reason, hostKey });
      await pause(kind === 'network' ? random() * backoffMs(failures++) : PERSON_MS * (1 + random() / 10));
    }
  }

  function isWanted(): boolean {
    return isKeptUp || asking > 0;
  }

  async function rested(): Promise<void> {
    roused = new AbortController();
    jump?.rest();
    become('resting', `${target.name} is connected to when somebody asks.`);
    const signal = AbortSignal.any([closing.signal, roused.signal]);
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    if (closing.signal.aborted) return;
    jump?.keepUp();
    become('connecting', `Connecting to ${target.name}.`);
  }

  function rouse(): void {
    roused.abort();
  }

  function rest(): void {
    isKeptUp = false;
    // Another process has it: a thousand logins that wait for their turn would keep those waiting that are wanted.
    if (!isWanted()) trying.abort();
    void hangUpIdle();
  }

  async function hangUpIdle(): Promise<void> {
    const asksBefore = asks;
    await clock.sleep(LINGER_MS, closing.signal).catch(() => {});
    if (isWanted() || client === null || asks > asksBefore) return;
    await client.goodbye();
    hangUp?.();
  }

  /** For a command: connects if need be, and waits until it is known whether that worked. */
  async function awake<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
    asking += 1;
    asks += 1;
    rouse();
    try {
      if (current.kind === 'resting' || (current.kind === 'connecting' && !isKeptUp)) await settled(signal);
      return await ask();
    } finally {
      asking -= 1;
      if (!isKeptUp) void hangUpIdle();
    }
  }

  function settled(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      function done(): void {
        leave();
        signal.removeEventListener('abort', done);
        resolve();
      }
      const leave = onState(({ kind }) => {
        if (kind !== 'connecting' && kind !== 'resting') done();
      });
      if (signal.aborted) done();
      else signal.addEventListener('abort', done, { once: true });
    });
  }

  function onState(listener: (state: ConnectionState) => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  async function pause(ms: number): Promise<void> {
    const signal = AbortSignal.any([closing.signal, wake.signal]);
    await clock.sleep(ms, signal).catch(() => {});
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

  // Begun a moment later, so that a connection may be told to rest before it dials. What ends the loop is `close`; a fault of our own must not take the other hosts along.
  const running = Promise.resolve()
    .then(run)
    .catch((error: unknown) => {
      become(
        'unreachable',
        `Watching ${target.name} failed: ${error instanceof Error ? error.message : String(error)}.`,
      );
    });

  return {
    target,
    state: () => current,
    onState,
    whenConnected,
    ...commands,
    // A host that is there has nothing to try again: its next loss waits as any other's does.
    reconnectNow: () => {
      if (client === null) wake.abort();
    },
    rest,
    keepUp: () => {
      isKeptUp = true;
      rouse();
    },
    close: async () => {
      closing.abort();
      const leaving = client;
      await leaving?.goodbye();
      hangUp?.();
      await running;
      listeners.clear();
    },
  };
}

function backoffMs(failures: number): number {
  return Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(failures, 20));
}
