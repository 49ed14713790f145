// Child process of the Slack bench: an ssh2 server that stands in for any number of hosts whose kernels talk. Prints its port and key.
// node busy-hosts.ts LINES-A-SECOND KILL-EVERY-S, for each host. Short commands are run on this machine once, and answered from then on.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import ssh2, { type Connection, type ServerChannel } from 'ssh2';

const [lines = '', killEvery = ''] = process.argv.slice(2);
const LINES_PER_S = Number(lines);
const KILL_EVERY_S = Number(killEvery);
const UPTIME_S = 5_000;

const answers = new Map<string, Buffer>();
const { private: hostKey, public: publicKey } = ssh2.utils.generateKeyPairSync('ed25519');
const startedAtMs = Date.now();
let hosts = 0;

function answerOf(command: string, stdin: string): Buffer {
  const key = `${command}\n${stdin}`;
  const known = answers.get(key);
  if (known !== undefined) return known;
  const { stdout } = spawnSync('sh', ['-c', command], { input: stdin, maxBuffer: 2 ** 24 });
  // With a journal each host would have this machine's past.
  const text = stdout.toString('latin1').replaceAll(/^(?:journal|killer|file) ?.*\n/gm, '');
  const answer = Buffer.from(text, 'latin1');
  answers.set(key, answer);
  return answer;
}

function talk(channel: ServerChannel): void {
  const host = (hosts += 1);
  let seq = 0;
  let second = 0;
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  channel.write(`#kmsg 1 ${bootId} ${Math.floor(startedAtMs / 1000)} ${UPTIME_S}.00\n`);
  const timer = setInterval(() => {
    const usec = UPTIME_S * 1e6 + (Date.now() - startedAtMs) * 1_000;
    const texts = Array.from({ length: LINES_PER_S }, (_, at) => `6,%,-;usb 1-1: new device number ${at}`);
    if ((second + host) % KILL_EVERY_S === 0)
      texts.push(
        `3,%,-;Out of memory: Killed process ${1_000 + second} (job-${host}) total-vm:81920kB, anon-rss:40960kB, file-rss:0kB, shmem-rss:0kB`,
      );
    second += 1;
    channel.write(texts.map((text, at) => `${text.replace('%', `${(seq += 1)},${usec + at}`)}\n`).join(''));
  }, 1_000);
  channel.on('end', () => channel.end());
  channel.on('close', () => clearInterval(timer));
  channel.resume();
}

function takeCommand(channel: ServerChannel, command: string): void {
  channel.on('error', () => {});
  if (command.includes('cat /dev/kmsg')) return talk(channel);
  let stdin = '';
  channel.on('data', (chunk: Buffer) => (stdin += chunk.toString('latin1')));
  channel.on('end', () => {
    channel.write(answerOf(command, stdin));
    channel.exit(0);
    channel.end();
  });
}

function takeClient(client: Connection): void {
  client.on('error', () => {});
  client.on('authentication', (attempt) => attempt.accept());
  client.on('session', (accept) => {
    accept().on('exec', (acceptCommand, _, { command }) => takeCommand(acceptCommand(), command));
  });
}

const server = new ssh2.Server({ hostKeys: [hostKey] }, takeClient);
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port, publicKey })}\n`);
});
