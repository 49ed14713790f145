import { spawn, type ChildProcess } from 'node:child_process';
import { Duplex } from 'node:stream';

import type { SshTarget } from './target.ts';

/** The way to one host through a local program, whose input and output are the connection. */
export interface ProxyWay {
  stream: Duplex;
  /** How the program ended, in words that follow its name, and what it said on its standard error; waits a moment for its end. */
  fate: () => Promise<{ ended: string | null; said: string | null }>;
  /** Ends it, and all that it started in its process group. */
  end: () => void;
}

export interface Proxies {
  /** Starts the program, without a shell. Throws where the machine has no room for it; all else is an error of the stream. */
  open: (argv: readonly string[]) => ProxyWay;
  /** Ends all, and waits until they are gone. */
  close: () => Promise<void>;
}

const STDERR_CHARS_MAX = 400;
const GRACE_MS = 2_000;
/** Its standard error may arrive just after its output ended. */
const LAST_WORDS_MS = 300;

/** Local programs that stand between the bot and a host, one for each connection. `environment` holds no secret of the bot's. */
export function openProxies(environment: NodeJS.ProcessEnv): Proxies {
  const running = new Map<ChildProcess, { end: () => void; gone: Promise<void> }>();
  // What ends the bot without goodbyes leaves nothing behind but what ends by itself when its input does.
  function killAll(): void {
    for (const child of running.keys()) killGroup(child, 'SIGKILL');
  }

  function open(argv: readonly string[]): ProxyWay {
    const [program = '', ...args] = argv;
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: environment, detached: true });
    const gone = Promise.withResolvers<void>();
    let said = '';
    let ended: string | null = null;

    const stream: Duplex = new Duplex({
      read: () => child.stdout.resume(),
      write: (chunk: Buffer, _, done) => void child.stdin.write(chunk, done),
      final: (done) => void child.stdin.end(done),
      destroy: (error, done) => {
        end();
        done(error);
      },
    });
    stream.on('error', () => {}); // whoever uses it listens too, later
    child.stdin.on('error', (error) => stream.destroy(error));
    child.stdout.on('data', (chunk: Buffer) => {
      if (!stream.push(chunk)) child.stdout.pause();
    });
    child.stdout.on('end', () => stream.push(null));
    child.stderr.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString('latin1')}`.slice(-4 * STDERR_CHARS_MAX);
    });
    child.once('error', (error) => leave(`could not be started: ${startFault(error)}`));
    child.once('exit', (code, signal) => leave(signal === null ? `ended with code ${code}` : `was ended by ${signal}`));

    function leave(words: string): void {
      ended ??= words;
      // Its group may outlive it.
      killGroup(child, 'SIGKILL');
      running.delete(child);
      if (running.size === 0) process.off('exit', killAll);
      gone.resolve();
      if (child.pid === undefined) stream.destroy(new Error(words));
      // Somebody else may hold its output open.
      else setTimeout(() => stream.destroy(), LAST_WORDS_MS).unref();
    }

    function end(): void {
      if (ended !== null || child.pid === undefined) return;
      killGroup(child, 'SIGTERM');
      const timer = setTimeout(() => killGroup(child, 'SIGKILL'), GRACE_MS);
      void gone.promise.then(() => clearTimeout(timer));
    }

    if (running.size === 0) process.on('exit', killAll);
    running.set(child, { end, gone: gone.promise });

    return {
      stream,
      end,
      fate: async () => {
        const late = Promise.withResolvers<void>();
        const timer = setTimeout(late.resolve, LAST_WORDS_MS);
        await Promise.race([new Promise((resolve) => child.once('close', resolve)), late.promise]);
        clearTimeout(timer);
        const words = lastWords(said);
        return { ended, said: words === '' ? null : words };
      },
    };
  }

  return {
    open,
    close: async () => {
      const all = [...running.values()];
      for (const { end } of all) end();
      await Promise.all(all.map(({ gone }) => gone));
    },
  };
}

/** The words of a proxy command for one host: `%h %p %r` and `%%` (ssh_config(5), TOKENS) are filled in, each within its word. */
export function expandProxyCommand(argv: readonly string[], { address, port, user }: SshTarget): string[] {
  const tokens: Record<string, string> = { h: address, p: String(port), r: user, '%': '%' };
  return argv.map((word) => word.replaceAll(/%([hpr%])/g, (_, letter: string) => tokens[letter] ?? ''));
}

/** A group of its own, so that what a wrapper script started goes with it. */
export function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Gone already.
  }
}

function startFault(error: Error): string {
  const code = 'code' in error ? error.code : null;
  if (code === 'ENOENT') return 'there is no such program';
  if (code === 'EACCES') return 'it may not be run';
  return error.message;
}

/** The end of what a program said: it says why last. Printable ASCII, on one line. */
function lastWords(said: string): string {
  return said
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .replaceAll('"', "'")
    .trim()
    .slice(-STDERR_CHARS_MAX);
}
