import { randomUUID } from 'node:crypto';
import { lstatSync, mkdirSync, statSync, unlinkSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import path from 'node:path';
import { z } from 'zod';
import about from '../../package.json' with { type: 'json' };
import { answerInText } from '../app/answer/answer-in-text.ts';
import type { Handlers } from '../app/answer/handlers.ts';
import { COMMANDS } from '../app/answer/registry.ts';
import type { Log } from '../app/ports.ts';

/** Where a question is posted. The number changes when an older side could not read the other. */
export const ASK_PATH = '/1/ask';
/** The header with the version of the bot that answers. */
export const VERSION_HEADER = 'oombot-version';
/** Words as they were typed after `oombot`. */
export const AskBody = z.object({ words: z.array(z.string().max(1_000)).min(1).max(20) });
export type AskBody = z.output<typeof AskBody>;
/** `unknown`: this bot has no such question. */
export const AskReply = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('answer'), status: z.int().min(0).max(2), text: z.string() }),
  z.object({ kind: z.literal('unknown') }),
  z.object({ kind: z.literal('busy') }),
  z.object({ kind: z.literal('fault'), reference: z.string() }),
]);
export type AskReply = z.output<typeof AskReply>;

/** unix(7): sun_path has 108 bytes, the last one a NUL. */
const PATH_BYTES_MAX = 107;
const BODY_BYTES_MAX = 32 * 1024;
const AT_ONCE_MAX = 8;
const CONNECTIONS_MAX = 32;
const REQUEST_MS = 5_000;
/** A client that takes nothing, or a question that nothing moves in, for so long is let go of. */
const IDLE_MS = 120_000;

export interface LocalSocket {
  close: () => Promise<void>;
}

/** What a path is too long for, as a sentence; null: it is not. */
export function pathFault(file: string): string | null {
  const bytes = Buffer.byteLength(file);
  return bytes <= PATH_BYTES_MAX
    ? null
    : `The path of the local socket, ${file}, has ${bytes} bytes, and Linux takes ${PATH_BYTES_MAX}: set "socket" in oombot.yaml to a shorter one.`;
}

/**
 * Answers questions from this machine's terminals, on a Unix socket that its owner alone can open: of all commands those that ask, never
 * those that do something. Throws one sentence where it cannot be opened; the bot does without it then.
 */
export async function openLocalSocket(world: { file: string; handlers: Handlers; log: Log }): Promise<LocalSocket> {
  const { file, handlers, log } = world;
  const tooLong = pathFault(file);
  if (tooLong !== null) throw new Error(tooLong);
  ownFolder(path.dirname(file));
  await clearStale(file);
  let working = 0;
  const server = createServer({ maxHeaderSize: 4_096, requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS });
  server.maxConnections = CONNECTIONS_MAX;
  server.timeout = IDLE_MS;
  server.on('request', (request, response) => {
    response.setHeader(VERSION_HEADER, about.version);
    if (request.method !== 'POST' || request.url !== ASK_PATH) return void response.writeHead(404).end();
    if (working >= AT_ONCE_MAX) return send(response, { kind: 'busy' });
    working += 1;
    void reply(request, response).finally(() => (working -= 1));
  });

  async function reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const words = await readWords(request);
    if (words === null) return void response.writeHead(400, { connection: 'close' }).end();
    try {
      send(response, await answer(words, handlers));
    } catch (error) {
      const reference = randomUUID().slice(0, 8);
      log.error({ err: error, reference, what: words[0] }, 'A question from a terminal could not be answered');
      send(response, { kind: 'fault', reference });
    }
  }

  await listen(server, file);
  return {
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer([name = '', ...rest]: readonly string[], handlers: Handlers): Promise<AskReply> {
  const command = COMMANDS.find((one) => one.terminal !== null && one.name === name);
  const asked = command?.read(rest);
  return asked?.kind === 'command' ? { kind: 'answer', ...(await answerInText(asked, handlers)) } : { kind: 'unknown' };
}

function send(response: ServerResponse, reply: AskReply): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(reply));
}

/** null: it is no question, too long, or broken off. */
async function readWords(request: IncomingMessage): Promise<string[] | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > BODY_BYTES_MAX) return null;
      chunks.push(chunk);
    }
    const body = AskBody.safeParse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    return body.success ? body.data.words : null;
  } catch {
    return null;
  }
}

/** Whoever may write to the folder could put a socket of his own in the place. */
function ownFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { mode, uid } = statSync(folder);
  const me = process.getuid?.();
  if ((uid !== me && uid !== 0) || (mode & 0o022) !== 0)
    throw new Error(
      `The folder of the local socket, ${folder}, can be written by others: chmod go-w ${folder}, or set "socket" in oombot.yaml to a place elsewhere.`,
    );
}

/** Removes what a bot left that was killed. Throws where another one answers, or where it is something else. */
async function clearStale(file: string): Promise<void> {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket())
    throw new Error(`${file} is not a socket: move it away, or set "socket" in oombot.yaml to a path that is free.`);
  if (await isAnswered(file))
    throw new Error(
      `Another oombot answers at ${file} already: set "socket" in oombot.yaml to a path of its own for each.`,
    );
  unlinkSync(file);
}

function isAnswered(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(file);
    // A backlog that is full refuses with EAGAIN: somebody is there.
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EAGAIN'));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** The socket has mode 0600 from the first moment on: listen() binds before it returns. */
async function listen(server: Server, file: string): Promise<void> {
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          new Error(`The local socket ${file} cannot be opened: ${error.code ?? error.message}.`, { cause: error }),
        ),
      );
      server.listen(file, resolve);
      process.umask(before);
    });
  } finally {
    process.umask(before);
  }
}
