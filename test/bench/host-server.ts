// An ssh2 server that stands in for any number of hosts, told apart by the user that logs in. Short commands are run on this machine
// once, and answered from then on.
import { spawnSync } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import ssh2, { type Connection, type ServerChannel } from 'ssh2';

export interface HostServerOptions {
  /** What a short command said on this machine, as the hosts shall say it. */
  answer: (text: string) => string;
  /** Takes the stream of the kernel's log. */
  followKmsg: (channel: ServerChannel) => void;
}

/** Listens on loopback and prints one line of JSON: its port and its host key. */
export function serveHosts({ answer, followKmsg }: HostServerOptions): void {
  const answers = new Map<string, Buffer>();
  const { private: hostKey, public: publicKey } = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });

  function answerOf(command: string, stdin: string): Buffer {
    const key = `${command}\n${stdin}`;
    const known = answers.get(key);
    if (known !== undefined) return known;
    const { stdout } = spawnSync('sh', ['-c', command], { input: stdin, maxBuffer: 2 ** 24 });
    const text = Buffer.from(answer(withoutLastingLog(stdout.toString('latin1'))), 'latin1');
    answers.set(key, text);
    return text;
  }

  function takeCommand(channel: ServerChannel, command: string): void {
    channel.on('error', () => {});
    if (command.includes('cat /dev/kmsg')) return followKmsg(channel);
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
}

/** With a journal each of a thousand hosts would have this machine's past. */
function withoutLastingLog(text: string): string {
  return text.replaceAll(/^(?:journal|killer|file) ?.*\n/gm, '');
}
