import type { Duplex } from 'node:stream';

import type { Handshakes } from './handshakes.ts';
import type { Identities, Identity } from './identity.ts';
import { knownKeysFor, type KnownHostsFiles, type KnownKeys } from './known-hosts.ts';
import type { LoggedIn } from './logged-in.ts';
import { login, type LoginResult } from './login.ts';
import type { Openssh } from './openssh-login.ts';
import type { Clock } from '../app/ports.ts';
import type { HostKey, LinkState, LoginTrouble } from '../app/host-link.ts';
import { expandProxyCommand, type Proxies, type ProxyWay } from './proxy-command.ts';
import { ssh2Login } from './ssh2-login.ts';
import { targetKey, type SshTarget } from './target.ts';

/** `lost` says, once the connection is gone, how a local program on its way ended; null where there is none. */
export type DialResult =
  | { kind: 'in'; login: LoggedIn; firstKey: HostKey | null; release: () => void; lost: () => Promise<string | null> }
  | Extract<LoginResult, { kind: 'failed' }>;

/** What the logins of one process share. */
export interface DialWorld {
  identities: Identities;
  knownHosts: KnownHostsFiles;
  handshakes: Handshakes;
  proxies: Proxies;
  openssh: Openssh;
  /** Puts a key on file that was trusted at first sight. Rejects where it cannot. */
  trustFirstKey: (target: SshTarget, key: HostKey) => Promise<void>;
  readyTimeoutMs: number;
  keepaliveIntervalMs: number;
  clock: Clock;
}

/** The connection to a jump host, as far as those behind it need it. */
export interface JumpHost {
  target: SshTarget;
  state: () => LinkState;
  onState: (listener: (state: LinkState) => void) => () => void;
  whenConnected: (signal: AbortSignal) => Promise<void>;
  onward: () => LoggedIn['onward'] | null;
}

/** The way to a target, if it is not dialled directly. */
export interface DialWay {
  jump: JumpHost | null;
  /** Called while the jump host is in trouble, which is then ours. */
  onJumpTrouble: (state: LinkState) => void;
}

/** One try: reads key and known_hosts, goes through jump host or local program, logs in. Never throws for what a host does. */
export async function dial(
  target: SshTarget,
  { jump, onJumpTrouble }: DialWay,
  world: DialWorld,
  signal: AbortSignal,
): Promise<DialResult> {
  const { readyTimeoutMs, keepaliveIntervalMs } = world;
  const settings = { target, readyTimeoutMs, keepaliveIntervalMs, signal };
  // The program ssh looks for its keys itself.
  const identity = target.openssh === undefined ? await world.identities.load(target) : null;
  if (identity?.kind === 'problem') return failed(identity.reason, `${target.name}: ${identity.sentence}.`);
  let known: KnownKeys;
  try {
    known = knownKeysFor(target, await world.knownHosts.read(target.knownHosts));
  } catch (error) {
    return failed('unknown-host-key', `${target.name}: ${messageOf(error)}.`);
  }
  if (jump !== null) await jumpConnected(jump, onJumpTrouble, signal);
  return world.handshakes.pass(jump === null ? null : targetKey(jump.target), async () => {
    const onward = jump?.onward() ?? null;
    if (jump !== null && onward === null) return unreachableFrom(jump, target, 'it is not connected');
    const result =
      identity === null
        ? await world.openssh.login({ ...settings, known, through: onward?.kind === 'program' ? onward.words : null })
        : await loginBySsh2(identity);
    if (result.kind === 'failed' || result.firstKey === null) return result;
    try {
      await world.trustFirstKey(target, result.firstKey);
      return result;
    } catch (error) {
      result.login.destroy();
      result.release();
      return failed(
        'unknown-host-key',
        `${target.name}: its first key cannot be put into ${target.trustFirstKey ?? ''}: ${messageOf(error)}.`,
      );
    }

    async function loginBySsh2(by: Extract<Identity, { kind: 'usable' }>): Promise<DialResult> {
      let through: Duplex | null = null;
      try {
        if (onward?.kind === 'stream')
          through = await withTimeout(onward.open(target.address, target.port), readyTimeoutMs);
      } catch (error) {
        return unreachableFrom(jump, target, messageOf(error));
      }
      let proxy: ProxyWay | null = null;
      try {
        if (target.proxyCommand !== undefined)
          proxy = world.proxies.open(expandProxyCommand(target.proxyCommand, target));
      } catch (error) {
        return failed('network', `${target.name}: its proxy command could not be started: ${messageOf(error)}.`);
      }
      const way = { through: proxy?.stream ?? through, nowMs: world.clock.nowMs };
      const made = await login({ ...settings, ...way, identity: by, known });
      if (made.kind === 'in')
        return {
          kind: 'in',
          login: ssh2Login(made.client, made.hostKey),
          firstKey: made.firstKey,
          release: () => proxy?.end(),
          lost: async () => (proxy === null ? null : proxyWords(target, await proxy.fate())),
        };
      if (proxy === null || made.failure.kind !== 'network') return made;
      const fate = await proxy.fate();
      const words =
        proxyWords(target, fate) ??
        `its proxy command ${program(target)} runs${fate.said === null ? '' : ` and said: "${fate.said}"`}`;
      return { kind: 'failed', failure: { ...made.failure, sentence: `${made.failure.sentence} (${words}.)` } };
    }
  });
}

function unreachableFrom(jump: JumpHost | null, target: SshTarget, why: string): DialResult {
  const sentence = `${target.name} (${target.address}:${target.port}) cannot be reached from its jump host ${jump?.target.name ?? ''}: ${why}.`;
  return failed('network', sentence);
}

function proxyWords(target: SshTarget, { ended, said }: { ended: string | null; said: string | null }): string | null {
  if (ended === null) return null;
  return `its proxy command ${program(target)} ${ended}${said === null ? '' : ` and said: "${said}"`}`;
}

/** As people know it: what a shell runs, not the shell. */
function program({ proxyCommand = [] }: SshTarget): string {
  const [first = '', , line = ''] = proxyCommand;
  const word = first === '/bin/sh' ? (line.replace(/^exec /, '').split(' ')[0] ?? '') : first;
  return word.slice(0, 100);
}

/** Waits for the jump host without a limit. */
async function jumpConnected(
  jump: JumpHost,
  onTrouble: (state: LinkState) => void,
  signal: AbortSignal,
): Promise<void> {
  function mirror(state: LinkState): void {
    if (state.kind === 'unreachable' || state.kind === 'refused') onTrouble(state);
  }
  mirror(jump.state());
  const stop = jump.onState(mirror);
  try {
    await jump.whenConnected(signal);
  } finally {
    stop();
  }
}

function failed(reason: LoginTrouble['reason'], sentence: string): DialResult {
  return {
    kind: 'failed',
    failure: { kind: reason === 'network' ? 'network' : 'person', reason, sentence, hostKey: null },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
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
