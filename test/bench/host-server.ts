// An ssh2 server that stands in for any number of hosts, told apart by the user that logs in. Short commands are run on this machine
// once, and answered from then on.
import { spawnSync } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import ssh2, { type Connection, type ServerChannel } from 'ssh2';

export interface HostServerOptions {
  /** What a short command said on this machine, as the hosts shall say it. */
  answer: (text: string) => string;
  /** What one of them makes of that, at each answer. `host`: who logs in. */
  answerOfHost?: (text: string, host: string) => string;
  /** Somebody connects. */
  onClient?: () => void;
  /** Takes the stream of the kernel's log. */
  followKmsg: (channel: ServerChannel, host: string) => void;
}

/** Listens on loopback and prints one line of JSON: its port and its host key. */
export function serveHosts({ answer, answerOfHost, onClient, followKmsg }: HostServerOptions): void {
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

  function takeCommand(channel: ServerChannel, command: string, host: string): void {
    channel.on('error', () => {});
    if (command.includes('cat /dev/kmsg')) return followKmsg(channel, host);
    let stdin = '';
    channel.on('data', (chunk: Buffer) => (stdin += chunk.toString('latin1')));
    channel.on('end', () => {
      const said = answerOf(command, stdin);
      channel.write(answerOfHost === undefined ? said : answerOfHost(said.toString('latin1'), host));
      channel.exit(0);
      channel.end();
    });
  }

  function takeClient(client: Connection): void {
    client.on('error', () => {});
    onClient?.();
    let host = '';
    client.on('authentication', (attempt) => {
      host = attempt.username;
      attempt.accept();
    });
    client.on('session', (accept) => {
      accept().on('exec', (acceptCommand, _, { command }) => takeCommand(acceptCommand(), command, host));
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
