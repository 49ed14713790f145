import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request, type RequestListener } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import about from '../../package.json' with { type: 'json' };
import { COMMANDS } from '../../src/app/answer/registry.ts';
import { askBot } from '../../src/cli/ask-bot.ts';
import { ASK_PATH, openLocalSocket } from '../../src/http/local-socket.ts';
import { answeringHandlers, type AnsweringHandlers } from '../support/answering-handlers.ts';
import { needs } from '../support/needs.ts';

function aPlace(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'oombot-socket-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, 'oombot.sock');
}

async function aBot(file = aPlace(), handlers: AnsweringHandlers = answeringHandlers()) {
  const logged: string[] = [];
  const log = { info: () => {}, warn: () => {}, error: (_: object, sentence: string) => void logged.push(sentence) };
  const socket = await openLocalSocket({ file, handlers, log });
  let isOpen = true;
  async function close(): Promise<void> {
    if (isOpen) await socket.close();
    isOpen = false;
  }
  onTestFinished(close);
  return { file, handlers, logged, close };
}

/** Something that is no oombot of this version, at a socket. */
async function anImpostor(answer: RequestListener): Promise<string> {
  const file = aPlace();
  const server = createServer(answer);
  server.listen(file);
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return file;
}

/** What the socket answers to bytes; the status of the answer, or "closed". */
async function sending(file: string, bytes: string | Buffer, headers: Record<string, string | number> = {}) {
  return new Promise<number | 'closed'>((resolve) => {
    const post = request({ socketPath: file, path: ASK_PATH, method: 'POST', agent: false, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    post.on('error', () => resolve('closed'));
    post.end(bytes);
  });
}

it('answers a question as the chat does, to its own user alone, and takes its file away at the end', async () => {
  const { file, close } = await aBot();

  const answered = await askBot(file, ['scores', 'db01']);
  const slip = await askBot(file, ['last', 'db1']);

  expect(answered).toEqual({ kind: 'answer', answer: { status: 0, text: 'scores of db01' }, note: null });
  expect(slip).toMatchObject({ answer: { status: 2, text: expect.stringContaining('Did you mean db01?') } });
  expect((statSync(file).mode & 0o777).toString(8)).toBe('600');
  await close();
  expect(existsSync(file)).toBe(false);
});

it('answers questions, and does nothing whatever it is told to do', async () => {
  const { file, handlers } = await aBot();
  const deeds = COMMANDS.filter(({ terminal }) => terminal === null).map(({ name }) => name);

  for (const name of [...deeds, 'approve', 'undo', 'run', ''])
    expect([name, await askBot(file, [name, 'db01', 'mysqld', '-500'])]).toMatchObject([name, { kind: 'failed' }]);

  expect(deeds).toEqual(
    expect.arrayContaining(['protect', 'unprotect', 'mute', 'unmute', 'ack', 'test', 'hosts add', 'rules end']),
  );
  expect(handlers.asked).toEqual([]);
});

it('says what is wrong where it fails, and logs why under that reference', async () => {
  const { file, logged } = await aBot();

  const failed = await askBot(file, ['last', 'boom']);

  expect(failed).toMatchObject({
    kind: 'failed',
    sentence: expect.stringMatching(
      /^The running bot could not answer\. Its log has the reason, under reference [0-9a-f]{8}\.$/,
    ),
  });
  expect(JSON.stringify(failed)).not.toContain('xoxb');
  expect(logged).toEqual(['A question from a terminal could not be answered']);
});

it('takes the place of a socket that a killed bot left, which the terminal passes over', async () => {
  const file = aPlace();
  const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', script, file]), 'exit');
  expect(statSync(file).isSocket()).toBe(true);

  expect(await askBot(file, ['hosts'])).toEqual({ kind: 'none', because: null });
  await aBot(file);

  expect(await askBot(file, ['hosts'])).toMatchObject({ kind: 'answer' });
});

it('leaves a socket on which another bot answers, and a file that is no socket', async () => {
  const { file } = await aBot();
  const other = aPlace();
  writeFileSync(other, 'mine');

  await expect(aBot(file)).rejects.toThrow(/Another oombot answers at .* already: set "socket"/);
  await expect(aBot(other)).rejects.toThrow(/is not a socket: move it away/);
  expect(await askBot(file, ['hosts'])).toMatchObject({ kind: 'answer' });
  expect(await askBot(other, ['hosts'])).toEqual({ kind: 'none', because: null });
});

it('says how long a path may be, on both sides', async () => {
  const file = path.join(tmpdir(), `${'x'.repeat(108)}.sock`);
  const sentence = /has \d+ bytes, and Linux takes 107: set "socket" in oombot\.yaml to a shorter one\.$/;

  await expect(aBot(file)).rejects.toThrow(sentence);
  expect(await askBot(file, ['hosts'])).toEqual({ kind: 'none', because: expect.stringMatching(sentence) });
});

it('opens no socket in a folder that others can write to', async () => {
  const file = aPlace();
  chmodSync(path.dirname(file), 0o777);

  await expect(aBot(file)).rejects.toThrow(/can be written by others: chmod go-w/);
});

it('trusts no socket of another user', needs('root'), async () => {
  const file = await anImpostor((_, response) =>
    response.end(JSON.stringify({ kind: 'answer', status: 0, text: 'lies' })),
  );
  chownSync(file, 12_345, 12_345);

  expect(await askBot(file, ['hosts'])).toMatchObject({
    kind: 'failed',
    sentence: expect.stringContaining('belongs to another user. Ask as the user that the bot runs as'),
  });
});

it('says which version runs where an older or newer bot answers', async () => {
  const older = await anImpostor((_, response) => response.writeHead(404, { 'oombot-version': '0.1.9' }).end());
  const newer = await anImpostor((_, response) => {
    response.setHeader('oombot-version', '9.9.9[31m');
    response.end(JSON.stringify({ kind: 'answer', status: 0, text: 'two hosts', more: true }));
  });

  expect(await askBot(older, ['hosts'])).toEqual({
    kind: 'failed',
    sentence: `The running bot is version 0.1.9, this command is ${about.version}, so it does not understand “hosts”. Restart the bot, then ask again.`,
  });
  expect(await askBot(newer, ['hosts'])).toMatchObject({
    answer: { text: 'two hosts' },
    note: `The running bot is version 9.9.931m, this command is ${about.version}: restart the bot to have both alike.`,
  });
});

it.each<[string, RequestListener, RegExp]>([
  [
    'ends while it answers',
    (_, response) => void (response.write('{"kind"'), response.destroy()),
    /broke off while it answered/,
  ],
  ['ends before it answers', (incoming) => incoming.socket.destroy(), /broke off while it answered/],
  ['never answers', () => {}, /no answer within 1 s/],
  ['answers a drop at a time', (_, response) => drip(response), /no answer within 1 s/],
  ['answers without end', (_, response) => endless(response), /broke off|did not understand/],
  ['answers what is no answer', (_, response) => response.end('<html>'), /did not understand the question/],
])('ends in a sentence where the bot %s', async (_, answer, sentence) => {
  const file = await anImpostor((incoming, response) => {
    response.setHeader('oombot-version', about.version);
    response.on('error', () => {});
    answer(incoming, response);
  });

  const answerMs = sentence.source.includes('within 1 s') ? 700 : 60_000;
  expect(await askBot(file, ['hosts'], answerMs)).toMatchObject({
    kind: 'failed',
    sentence: expect.stringMatching(sentence),
  });
});

it('is not stopped by clients that send too much, nonsense, or nothing', async () => {
  const { file } = await aBot();
  const silent = Array.from({ length: 20 }, () => connect(file).on('error', () => {}));

  const answers = [
    await sending(file, '{'),
    await sending(file, JSON.stringify({ words: [] })),
    await sending(file, JSON.stringify({ words: ['last', 7] })),
    await sending(file, JSON.stringify({ words: ['last', 'x'.repeat(2_000)] })),
    await sending(file, Buffer.alloc(3_000_000, 'x')),
    await sending(file, 'x', { padding: 'y'.repeat(10_000) }),
  ];

  expect(answers.map((status) => status === 'closed' || (status >= 400 && status < 500))).toEqual(
    answers.map(() => true),
  );
  expect(await askBot(file, ['scores', 'db01'])).toMatchObject({ kind: 'answer' });
  for (const socket of silent) socket.destroy();
});

it('answers eight questions at once, and tells the ninth to come back', async () => {
  const handlers = answeringHandlers();
  const { promise: waited, resolve: go } = Promise.withResolvers<void>();
  const { file } = await aBot(aPlace(), {
    ...handlers,
    answerHosts: async (who) => (await waited, handlers.answerHosts(who)),
  });
  const eight = Array.from({ length: 8 }, () => askBot(file, ['hosts']));
  await expect.poll(async () => (await askBot(file, ['scores', 'db01'])).kind).toBe('failed');

  const ninth = await askBot(file, ['scores', 'db01']);
  go();

  expect(ninth).toMatchObject({ sentence: expect.stringContaining('too many questions at once') });
  expect((await Promise.all(eight)).map(({ kind }) => kind)).toEqual(Array.from({ length: 8 }, () => 'answer'));
});

function drip(response: Parameters<RequestListener>[1]): void {
  const timer = setInterval(() => response.write(' '), 50);
  response.once('close', () => clearInterval(timer));
}

function endless(response: Parameters<RequestListener>[1]): void {
  function more(): void {
    while (!response.destroyed && response.write('x'.repeat(64 * 1024)));
  }
  response.on('drain', more);
  more();
}
