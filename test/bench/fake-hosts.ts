// Child process of the watch bench: an ssh2 server that stands in for any number of quiet hosts. Prints its port and its key.
// Short commands are run on this machine once, and answered from then on; the kernel log is a header and then silence.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import ssh2, { type Connection, type ServerChannel } from 'ssh2';

const PROCESSES = 100; // of 8 MiB and more: a usual server

const answers = new Map<string, Buffer>();
const { private: hostKey, public: publicKey } = ssh2.utils.generateKeyPairSync('ed25519');

function answerOf(command: string, stdin: string): Buffer {
  const key = `${command}\n${stdin}`;
  const known = answers.get(key);
  if (known !== undefined) return known;
  const { stdout } = spawnSync('sh', ['-c', command], { input: stdin, maxBuffer: 2 ** 24 });
  const text = stdout.toString('latin1');
  const answer = Buffer.from(text.includes('#oomscan') ? asManyProcesses(text) : withoutLastingLog(text), 'latin1');
  answers.set(key, answer);
  return answer;
}

/** With a journal each of a thousand hosts would have this machine's past. */
function withoutLastingLog(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^(journal|killer|file) ?/.test(line))
    .join('\n');
}

function asManyProcesses(text: string): string {
  const [header = '', ...rows] = text.split('\n').filter((line) => line !== '' && !line.startsWith('#end'));
  const many = Array.from({ length: PROCESSES }, (_, at) => {
    const fields = (rows[at % rows.length] ?? '').split('\t');
    return [String(1_000 + at), ...fields.slice(1)].join('\t');
  });
  return [header, ...many, `#end ${PROCESSES}`, ''].join('\n');
}

function takeCommand(channel: ServerChannel, command: string): void {
  channel.on('error', () => {});
  if (command.includes('cat /dev/kmsg')) {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    channel.write(`#kmsg 1 ${bootId} ${Math.floor(Date.now() / 1000)} 5000.00\n`);
    channel.on('end', () => channel.end());
    channel.resume();
    return;
  }
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
