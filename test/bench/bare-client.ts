// Child process of the watch bench: what many streams cost at the least. node bare-client.ts PORT IDENTITY-FILE COUNT COMMAND
// Opens one connection with one stream each, 32 logins at once, and prints "connected MS". With COUNT 1 it prints when a line
// arrives that tells of a kill: "kill PID MS-SINCE-1970".
import { readFileSync } from 'node:fs';
import PQueue from 'p-queue';
import ssh2 from 'ssh2';

const [port = '', identityFile = '', count = '', command = ''] = process.argv.slice(2);
const privateKey = readFileSync(identityFile);
const startedAt = performance.now();

function connect(): Promise<void> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    client.on('error', reject);
    client.on('ready', () => {
      client.exec(command, (error, stream) => {
        if (error) return reject(error);
        stream.stderr.resume();
        stream.on('data', take);
        resolve();
      });
    });
    client.connect({
      host: '127.0.0.1',
      port: Number(port),
      username: 'root',
      privateKey,
      hostVerifier: (_: Buffer, answer: (isTrusted: boolean) => void): void => answer(true),
      keepaliveInterval: 15_000,
      keepaliveCountMax: 3,
      readyTimeout: 60_000,
    });
  });
}

function take(chunk: Buffer): void {
  const atMs = performance.timeOrigin + performance.now();
  if (count !== '1') return;
  for (const [, pid] of chunk.toString('latin1').matchAll(/Killed process (\d+)/g))
    process.stdout.write(`kill ${pid} ${atMs}\n`);
}

const logins = new PQueue({ concurrency: 32 });
await Promise.all(Array.from({ length: Number(count) }, () => logins.add(connect)));
process.stdout.write(`connected ${performance.now() - startedAt}\n`);
