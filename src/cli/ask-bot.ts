import { lstatSync, statSync, type Stats } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import path from 'node:path';
import about from '../../package.json' with { type: 'json' };
import type { TextAnswer } from '../app/answer/answer-in-text.ts';
import { AskReply, ASK_PATH, pathFault, VERSION_HEADER, type AskBody } from '../http/local-socket.ts';

/** What asking the running bot came to. */
export type FromBot =
  /** `note`: something about the bot that the person should know. */
  | { kind: 'answer'; answer: TextAnswer; note: string | null }
  /** No bot runs here; `because`: why one could not be asked even if it does. */
  | { kind: 'none'; because: string | null }
  /** A bot runs here and gave no answer: a sentence that says what to do. */
  | { kind: 'failed'; sentence: string };

/** The longest question, a check of many hosts, is over by then. */
const ANSWER_MS = 90_000;
const REPLY_BYTES_MAX = 4 * 1024 * 1024;

/** Asks the bot that listens on this socket; null: none does by the configuration. Never throws for what the bot does. */
export async function askBot(
  socket: string | null,
  words: readonly string[],
  answerMs: number = ANSWER_MS,
): Promise<FromBot> {
  if (socket === null) return { kind: 'none', because: null };
  const tooLong = pathFault(socket);
  if (tooLong !== null) return { kind: 'none', because: tooLong };
  const foreign = strangerAt(socket);
  if (foreign !== null) return foreign;
  const signal = AbortSignal.timeout(answerMs);
  try {
    return read(await post(socket, { words: [...words] }, signal), words[0] ?? '');
  } catch (error) {
    return signal.aborted
      ? {
          kind: 'failed',
          sentence: `The running bot gave no answer within ${Math.ceil(answerMs / 1000)} s. Its log may say why.`,
        }
      : failure(error, socket);
  }
}

function read({ status, version, body }: { status: number; version: string; body: string }, name: string): FromBot {
  const other = `The running bot is version ${version}, this command is ${about.version}`;
  const reply = status === 200 ? AskReply.safeParse(parsed(body)) : null;
  if (reply?.success !== true || reply.data.kind === 'unknown') {
    const why =
      version === about.version
        ? 'The running bot did not understand the question'
        : `${other}, so it does not understand “${name}”`;
    return { kind: 'failed', sentence: `${why}. Restart the bot, then ask again.` };
  }
  switch (reply.data.kind) {
    case 'busy':
      return { kind: 'failed', sentence: 'The running bot answers too many questions at once. Ask again in a moment.' };
    case 'fault':
      return {
        kind: 'failed',
        sentence: `The running bot could not answer. Its log has the reason, under reference ${reply.data.reference}.`,
      };
    case 'answer': {
      const { status: exit, text } = reply.data;
      const note = version === about.version ? null : `${other}: restart the bot to have both alike.`;
      return { kind: 'answer', answer: { status: exit, text }, note };
    }
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

async function post(
  socketPath: string,
  body: AskBody,
  signal: AbortSignal,
): Promise<{ status: number; version: string; body: string }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    request({ socketPath, path: ASK_PATH, method: 'POST', headers, agent: false, signal }, resolve)
      .once('error', reject)
      .end(JSON.stringify(body));
  });
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > REPLY_BYTES_MAX) throw new Error('The answer is too long');
    chunks.push(chunk);
  }
  const version = String(response.headers[VERSION_HEADER] ?? '')
    .replace(/[^\w.+-]/g, '')
    .slice(0, 40);
  return {
    status: response.statusCode ?? 0,
    version: version === '' ? 'unknown' : version,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

function failure(error: unknown, socket: string): FromBot {
  const { code } = error as NodeJS.ErrnoException;
  switch (code) {
    // Nobody listens: a bot that was killed left it. One that starts takes its place.
    case 'ECONNREFUSED':
    case 'ENOENT':
    case 'ENOTSOCK':
      return { kind: 'none', because: null };
    case 'EACCES':
    case 'EPERM':
      return { kind: 'failed', sentence: notYours(socket) };
    case 'EAGAIN':
      return { kind: 'failed', sentence: 'The running bot answers too many questions at once. Ask again in a moment.' };
    default:
      return {
        kind: 'failed',
        sentence: 'The running bot broke off while it answered: it was stopped, or it failed. Ask again when it runs.',
      };
  }
}

/** Only a socket of one's own is believed; root believes those of the owner of the folder, who could read the record just so. */
function strangerAt(socket: string): FromBot | null {
  let found: Stats;
  try {
    found = lstatSync(socket);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EACCES' ? { kind: 'failed', sentence: notYours(socket) } : { kind: 'none', because: null };
  }
  if (!found.isSocket()) return { kind: 'none', because: null };
  const me = process.getuid?.();
  if (found.uid === me) return null;
  return me === 0 && found.uid === statSync(path.dirname(socket)).uid
    ? null
    : { kind: 'failed', sentence: notYours(socket) };
}

function notYours(socket: string): string {
  return `The bot’s socket ${socket} belongs to another user. Ask as the user that the bot runs as, for example sudo -u oombot oombot last db01.`;
}
