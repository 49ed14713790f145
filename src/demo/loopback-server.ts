import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

import ssh2, { type AuthContext, type Connection as ServerConnection, type ServerChannel, type Session } from 'ssh2';

import { fingerprintOf } from '../ssh/known-hosts.ts';
import { makeKeyPair, publicBlobOf } from './client-key.ts';

const ADDRESS = '127.0.0.1';
const CONNECTIONS_MAX = 16;
const SESSIONS_MAX = 64;
const LOGIN_MS = 20_000;
const REFUSALS_MAX = 6;

/** One command that a client asked for. */
export interface CommandSession {
  channel: ServerChannel;
  /** Aborts when the channel is closed or its connection has gone. */
  signal: AbortSignal;
  /** Signals that the client sends to the command: `TERM`, without SIG. */
  onSignal: (listener: (name: string) => void) => void;
}

export interface LoopbackServer {
  address: string;
  port: number;
  /** `SHA256:…` of the host key, which was made for this run and is nowhere but in memory. */
  fingerprint: string;
  /** Stops listening, hangs up, and waits for what the sessions ran. */
  close: () => Promise<void>;
}

/**
 * An SSH server on a free port of 127.0.0.1, for one user with one key and for commands alone: no shell, no terminal, no
 * environment, no forwarding, no subsystem. `run` answers a command and resolves when nothing of it is left.
 */
export async function openLoopbackServer(options: {
  user: string;
  clientKey: Buffer;
  run: (command: string, session: CommandSession) => Promise<void>;
}): Promise<LoopbackServer> {
  const hostKey = makeKeyPair();
  const allowed = parsePublic(options.clientKey);
  const running = new Set<Promise<void>>();
  const sockets = new Map<number, Socket>();
  const deadlines = new Map<number, NodeJS.Timeout>();

  const ssh = new ssh2.Server({ hostKeys: [hostKey.private] }, (connection, { port }) => {
    connection.on('error', () => {}); // what a client breaks ends its own connection
    connection.on('authentication', authenticator(port));
    connection.once('ready', () => {
      clearTimeout(deadlines.get(port));
      takeSessions(connection);
    });
  });
  // Our own listener: it counts connections that say nothing, too, and gives them a deadline.
  const listener = createServer((socket) => {
    const port = socket.remotePort ?? 0;
    if (sockets.size >= CONNECTIONS_MAX) {
      socket.destroy();
      return;
    }
    sockets.set(port, socket);
    deadlines.set(
      port,
      setTimeout(() => socket.destroy(), LOGIN_MS),
    );
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(deadlines.get(port));
      deadlines.delete(port);
      sockets.delete(port);
    });
    ssh.injectSocket(socket);
  });

  function authenticator(port: number): (context: AuthContext) => void {
    let refusals = 0;
    return (context) => {
      const isKey =
        context.method === 'publickey' &&
        context.username === options.user &&
        context.key.algo === allowed.type &&
        equal(context.key.data, options.clientKey);
      // Without a signature the client only asks whether this key would do.
      const isProof =
        isKey &&
        (context.signature === undefined ||
          (context.blob !== undefined && allowed.verify(context.blob, context.signature, context.hashAlgo) === true));
      if (isProof) context.accept();
      else if (++refusals > REFUSALS_MAX) sockets.get(port)?.destroy();
      else context.reject(['publickey']);
    };
  }

  function takeSessions(connection: ServerConnection): void {
    let open = 0;
    const gone = new AbortController();
    connection.once('close', () => gone.abort());
    connection.once('end', () => gone.abort());
    connection.on('session', (accept, reject) => {
      if (open >= SESSIONS_MAX || gone.signal.aborted) {
        reject();
        return;
      }
      open += 1;
      const session = accept();
      session.once('close', () => (open -= 1));
      takeCommand(session, gone.signal);
    });
  }

  function takeCommand(session: Session, gone: AbortSignal): void {
    const closed = new AbortController();
    const signalled = new Set<(name: string) => void>();
    session.once('close', () => closed.abort());
    session.on('signal', (accept, _reject, { name }) => {
      (accept as (() => void) | undefined)?.(); // missing where no answer is wanted, as always with signals
      for (const listen of signalled) listen(name);
    });
    session.once('exec', (accept, _reject, { command }) => {
      const channel = accept();
      channel.on('error', () => {});
      channel.stderr.on('error', () => {});
      channel.once('close', () => closed.abort());
      const signal = AbortSignal.any([gone, closed.signal]);
      const done = options.run(command, { channel, signal, onSignal: (listen) => signalled.add(listen) }).catch(() => {
        endChannel(channel, 255);
      });
      running.add(done);
      void done.then(() => running.delete(done));
    });
  }

  listener.listen(0, ADDRESS);
  await once(listener, 'listening');
  return {
    address: ADDRESS,
    port: (listener.address() as AddressInfo).port,
    fingerprint: fingerprintOf(publicBlobOf(hostKey.public)),
    close: async () => {
      const closed = once(listener, 'close');
      listener.close();
      for (const socket of sockets.values()) socket.destroy();
      await closed;
      await Promise.all(running);
    },
  };
}

/** Ends a command's channel: how it ended, end of output, close. A channel that has gone is left alone. */
export function endChannel(channel: ServerChannel, end: number | string): void {
  try {
    if (typeof end === 'number') channel.exit(end);
    else channel.exit(end, false, '');
    channel.end();
  } catch {
    // The connection went in between.
  }
}

function parsePublic(blob: Buffer): ssh2.ParsedKey {
  const type = blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1');
  const parsed = ssh2.utils.parseKey(`${type} ${blob.toString('base64')}`);
  if (parsed instanceof Error) throw new Error('the client key cannot be read', { cause: parsed });
  return parsed;
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
