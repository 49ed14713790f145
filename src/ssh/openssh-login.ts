import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import type { HostKey } from '../app/host-link.ts';
import { parseCertificate } from './certificate.ts';
import { fingerprintOf, hostKeyType, type KnownKeys } from './known-hosts.ts';
import type { LoggedIn } from './logged-in.ts';
import { networkFailure, type LoginFailure } from './login-failure.ts';
import { runOpensshSession } from './openssh-channel.ts';
import {
  failed,
  faultWords,
  isForNow,
  keyShown,
  lastWords,
  noRoom,
  notStarted,
  opensshFailure,
} from './openssh-failure.ts';
import { configFilesOf, makeOpensshFolder, type OpensshFolder } from './openssh-folder.ts';
import { isPlainName, programOnTheWay } from './openssh-programs.ts';
import { expandProxyCommand, killGroup } from './proxy-command.ts';
import type { OpensshSettings, SshTarget } from './target.ts';

export interface OpensshRequest {
  target: SshTarget;
  known: KnownKeys;
  /** The local program that leads through the jump host; null: there is none. */
  through: readonly string[] | null;
  /** From its start to logged in. */
  readyTimeoutMs: number;
  keepaliveIntervalMs: number;
  signal: AbortSignal;
}

/** `lost` gives ssh's last words once the connection is gone; null: it had none. */
export type OpensshResult =
  | { kind: 'in'; login: LoggedIn; firstKey: HostKey | null; release: () => void; lost: () => Promise<string | null> }
  | { kind: 'failed'; failure: LoginFailure };

/** Logins by the machine's own program `ssh`: one process for each, which all its sessions share. */
export interface Openssh {
  /** One try. Never throws. */
  login: (request: OpensshRequest) => Promise<OpensshResult>;
}

// KnownHostsCommand, by which keys are compared with pins, and shown, came with 8.5.
const VERSION_MIN = [8, 5] as const;
const CAN_DETACH = [8, 7] as const;
const SAID_CHARS_MAX = 4_096;
const GRACE_MS = 2_000;
const POLL_MS = 20;
const LAST_WORDS_MS = 300;

// The shell stays behind as a second process of the group and reads what nobody writes: when the bot ends, however it ends, it takes the
// folder away and the group, itself too, with it. Not its standard input, which Node closes as ssh ends. What follows are arguments; the
// text is fixed.
const TIED = '{ read -r _ <&3; rm -rf -- "$0"; kill -KILL 0; } >/dev/null 2>&1 & exec "$@" 3<&-';

/** `environment` holds no secret of the bot's. */
export function openOpenssh(options: { environment: NodeJS.ProcessEnv; agentSocket: string | null }): Openssh {
  // A person's shell, screen and askpass are none of a program's that runs by itself.
  const { SSH_ASKPASS: _, DISPLAY: __, ...inherited } = options.environment;
  const agent = options.agentSocket === null ? {} : { SSH_AUTH_SOCK: options.agentSocket };
  // ssh looks for relative Include lines, and those with `~/`, in HOME.
  const home = homedir();
  const env = { ...inherited, ...agent, HOME: home, SHELL: '/bin/sh', SSH_ASKPASS_REQUIRE: 'never' };
  let version: Promise<readonly number[]> | null = null;

  async function ask(words: readonly string[], limit: { timeout: number; signal: AbortSignal }): Promise<string> {
    const { stdout } = await promisify(execFile)('ssh', words, { env, maxBuffer: 1024 * 1024, ...limit });
    return stdout;
  }

  async function readVersion(): Promise<readonly number[]> {
    const { stderr } = await promisify(execFile)('ssh', ['-V'], { env, timeout: 10_000 });
    const [, major, minor] = /OpenSSH_(\d+)\.(\d+)/.exec(stderr) ?? [];
    return [Number(major ?? 0), Number(minor ?? 0)];
  }

  async function login(request: OpensshRequest): Promise<OpensshResult> {
    const { target } = request;
    const { openssh } = target;
    if (openssh === undefined) throw new Error(`${target.name} is not reached by ssh`);
    const strange = [openssh.host, target.address, target.user].find((one) => !isPlainName(one));
    if (strange !== undefined)
      return failed(
        target,
        'local-program',
        `${JSON.stringify(strange.slice(0, 100))} is not a valid host or user name`,
      );
    let canDetach: boolean;
    try {
      version ??= readVersion();
      const found = await version;
      if (!isAtLeast(found, VERSION_MIN))
        return failed(
          target,
          'no-ssh',
          `transport openssh needs OpenSSH 8.5 or newer, and the ssh on this machine is ${found[0] === 0 ? 'another program' : found.join('.')}. Update it, or set transport: ssh2`,
        );
      canDetach = isAtLeast(found, CAN_DETACH);
    } catch (error) {
      version = null;
      if (isForNow(error)) return notStarted(target, error);
      const fix = 'Install it (Debian: apt-get install openssh-client), or set transport: ssh2';
      return failed(target, 'no-ssh', `transport openssh needs ssh on this machine, which cannot be run. ${fix}`);
    }
    const first = await tryOnce(request, openssh, { trusted: null, canDetach });
    if (first.kind === 'in' || target.trustFirstKey === undefined || first.shown === null) return first;
    const key = plainKey(first.shown);
    if (first.failure.hostKey?.line == null || request.known.verdict(key) !== 'unknown') return first;
    // Now ssh itself checks that the host has this very key.
    const second = await tryOnce(request, openssh, { trusted: key, canDetach });
    return second.kind === 'in' ? { ...second, firstKey: keyShown(target, key) } : second;
  }

  async function tryOnce(
    request: OpensshRequest,
    openssh: OpensshSettings,
    { trusted, canDetach }: { trusted: Buffer | null; canDetach: boolean },
  ): Promise<Extract<OpensshResult, { kind: 'in' }> | { kind: 'failed'; failure: LoginFailure; shown: Buffer | null }> {
    const { target, known, readyTimeoutMs, keepaliveIntervalMs, signal } = request;
    const timeoutMs = target.settings?.connectTimeoutMs ?? readyTimeoutMs;
    const deadlineMs = performance.now() + timeoutMs;
    let folder: OpensshFolder;
    let words: string[];
    try {
      // Pins stand in the place of known_hosts, but nothing lifts what is revoked there.
      const revoked = target.fingerprints.length > 0 ? known.revoked : [];
      folder = await makeOpensshFolder(target, openssh, {
        extra: [
          ...revoked.map((blob) => ({ marker: 'revoked', names: '*', type: hostKeyType(blob), blob }) as const),
          ...(trusted === null ? [] : [{ marker: null, names: '*', type: hostKeyType(trusted), blob: trusted }]),
        ],
        connectTimeoutMs: timeoutMs,
        keepaliveIntervalMs,
        canDetach,
      });
    } catch (error) {
      return { ...notStarted(target, error), shown: null };
    }
    function isGivenUp(): boolean {
      return signal.aborted || performance.now() > deadlineMs;
    }
    try {
      const proxy = request.through ?? target.proxyCommand ?? null;
      words = [
        '-F',
        folder.config,
        ...folder.options,
        ...(proxy === null ? [] : ['-o', `ProxyCommand=${shellWords(expandProxyCommand(proxy, target))}`]),
      ];
      if (!openssh.allowPrograms) {
        const mine = proxy === null ? [] : ['-o', 'ProxyCommand=none'];
        const inFiles = { files: configFilesOf(openssh), home };
        const line = await programOnTheWay(inFiles, [...mine, ...words, '--', openssh.host], (of) =>
          // `Match sessiontype` holds for what runs without a command.
          ask(['-G', '-N', '-T', ...(of.includes('-F') ? [] : ['-F', folder.config]), ...of], {
            timeout: Math.max(1, Math.ceil(deadlineMs - performance.now()) + 1),
            signal,
          }),
        );
        if (line !== null) {
          await folder.remove();
          const why = `${line}. To allow that, set ssh.allowProxyCommand: true in oombot.yaml`;
          return { ...failed(target, 'local-program', why), shown: null };
        }
      }
    } catch (error) {
      await folder.remove();
      if (!isGivenUp()) return { ...notStarted(target, error), shown: null };
      const failure = networkFailure(
        target,
        null,
        '',
        'cannot be reached: ssh takes too long to read its configuration.',
      );
      return { kind: 'failed', failure, shown: null };
    }

    const command = ['ssh', ...words, '-N', '-T', '--', openssh.host];
    let master: ChildProcess;
    try {
      master = spawn('/bin/sh', ['-c', TIED, folder.dir, ...command], {
        stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
        env,
        detached: true,
      });
    } catch (error) {
      await folder.remove();
      return { ...notStarted(target, error), shown: null };
    }
    const gone = Promise.withResolvers<void>();
    let [said, fault] = ['', ''];
    // Without a free file descriptor it comes without its pipes.
    master.stderr?.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString('latin1')}`.slice(-SAID_CHARS_MAX);
    });
    const tie = (master as Partial<ChildProcess>).stdio?.[3];
    tie?.on('error', () => {});
    master.once('error', (error) => {
      fault = faultWords(error);
      gone.resolve();
    });
    master.once('exit', () => {
      // What is left of it are the shell and what ssh had started.
      killGroup(master, 'SIGKILL');
      tie?.destroy();
      gone.resolve();
    });
    const lost = new AbortController();
    void gone.promise.then(() => lost.abort());

    async function end(): Promise<void> {
      if (lost.signal.aborted) return;
      killGroup(master, 'SIGTERM');
      const timer = setTimeout(() => killGroup(master, 'SIGKILL'), GRACE_MS);
      await gone.promise;
      clearTimeout(timer);
    }

    let isLate = false;
    while (!lost.signal.aborted && !isLate && !(await isThere(folder.socket))) {
      await Promise.race([gone.promise, sleep(POLL_MS)]);
      isLate = isGivenUp();
    }
    if (lost.signal.aborted || isLate) {
      const shown = await folder.shownKey();
      await Promise.all([end(), lastSaid(master)]);
      await folder.remove();
      if (fault !== '') return { ...noRoom(target, fault), shown };
      return { kind: 'failed', failure: opensshFailure(target, known, { said, shown, isLate }), shown };
    }
    // What it said on its way in, such as a banner, is not why it ends later.
    said = '';
    const key = await folder.shownKey();
    const removed = gone.promise.then(folder.remove);

    // A session that finds no connection must not make one of its own: its way out is a program that ends at once.
    const session = ['-F', 'none', '-S', folder.socket, '-o', 'ControlMaster=no', '-o', 'ProxyCommand=false'];
    const quiet = [...session, '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR', '-T'];
    const name = openssh.host;
    return {
      kind: 'in',
      firstKey: null,
      release: () => void end(),
      lost: async () => {
        await lastSaid(master);
        return said.trim() === '' ? null : `ssh said: "${lastWords(said)}"`;
      },
      login: {
        run: (text, how) =>
          runOpensshSession(
            {
              start: (one) => spawn('ssh', [...quiet, '--', name, one], { stdio: ['pipe', 'pipe', 'pipe'], env }),
              gone: lost.signal,
            },
            text,
            how,
          ),
        onward: { kind: 'program', words: ['ssh', ...quiet, '-W', '[%h]:%p', '--', name] },
        hostKey: key === null ? null : fingerprintOf(plainKey(key)),
        gone: gone.promise,
        goodbye: async () => {
          await end();
          await removed;
        },
        destroy: () => void end(),
      },
    };
  }

  return { login };
}

/** Waits until its standard error has ended, a moment at most. */
async function lastSaid(child: ChildProcess): Promise<void> {
  const { stderr } = child;
  if (!stderr || stderr.readableEnded || stderr.destroyed) return;
  const late = new AbortController();
  const ended = new Promise((resolve) => child.once('close', resolve));
  await Promise.race([ended, sleep(LAST_WORDS_MS, undefined, { signal: late.signal }).catch(() => undefined)]);
  late.abort();
}

/** A host certificate stands for the key in it. */
function plainKey(key: Buffer): Buffer {
  return parseCertificate(key)?.keyBlob ?? key;
}

function isAtLeast([major = 0, minor = 0]: readonly number[], [least, point]: readonly [number, number]): boolean {
  return major > least || (major === least && minor >= point);
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** Words for ProxyCommand, which ssh gives to a shell: each stays one word, and `%` begins a token only where it is `%h` or `%p` of ours. */
function shellWords(words: readonly string[]): string {
  if (words.some((word) => /[\0-\x1f\x7f]/.test(word))) throw new Error('its proxy command has a control character');
  return words.map((word) => `'${word.replaceAll("'", "'\\''").replaceAll('%', '%%')}'`).join(' ');
}
