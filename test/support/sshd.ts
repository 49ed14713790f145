import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import ssh2 from 'ssh2';
import type { Clock } from '../../src/app/ports.ts';
import type { Connection, ConnectionState } from '../../src/ssh/connection.ts';
import { fingerprintOf } from '../../src/ssh/known-hosts.ts';
import type { OpensshSettings, SshTarget } from '../../src/ssh/target.ts';
import { has } from './needs.ts';

export type KeyType = 'ed25519' | 'ecdsa' | 'rsa';

export interface Sshd {
  port: number;
  dir: string;
  /** A key that may log in as root. */
  identityFile: string;
  /** known_hosts with this server's first key. */
  knownHostsFile: string;
  /** The known_hosts line of one of its keys, without the name: `ssh-ed25519 AAAA…`. */
  publicKey: (type: KeyType) => string;
  /** `SHA256:…` of one of its keys. */
  fingerprint: (type: KeyType) => string;
  target: (change?: Partial<SshTarget>) => SshTarget;
  /** Puts new host keys in place of the old ones; takes effect with the next start. */
  changeHostKeys: () => void;
  start: () => Promise<void>;
  /** What its sessions started and is still there, also what outlived its session: pids by command line. */
  processes: () => Map<number, string>;
  /** Ends the listener and all sessions. */
  stop: () => Promise<void>;
  close: () => Promise<void>;
}

/**
 * A real OpenSSH server on a free loopback port, with its own keys and files. `through` starts it, as `nsenter … --` does; `env` is
 * what its sessions find set.
 */
export async function openSshd(
  options: { hostKeys?: KeyType[]; lines?: string[]; through?: string[]; env?: Record<string, string> } = {},
): Promise<Sshd> {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-sshd-'));
  // Debian's sshd wants its privilege separation directory, which systemd would have made.
  mkdirSync('/run/sshd', { recursive: true });
  const types = options.hostKeys ?? ['ed25519'];
  const port = await freePort();
  const identityFile = path.join(dir, 'id');
  const knownHostsFile = path.join(dir, 'known_hosts');
  makeKey(identityFile, 'ed25519');
  makeHostKeys();
  writeFileSync(path.join(dir, 'authorized_keys'), readFileSync(`${identityFile}.pub`), { mode: 0o600 });
  writeFileSync(knownHostsFile, `[127.0.0.1]:${port} ${publicKey(types[0] ?? 'ed25519')}\n`);
  const config = path.join(dir, 'sshd_config');
  writeFileSync(
    config,
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      ...types.map((type) => `HostKey ${hostKeyFile(type)}`),
      `AuthorizedKeysFile ${path.join(dir, 'authorized_keys')}`,
      `PidFile ${path.join(dir, 'pid')}`,
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'UsePAM no',
      'StrictModes no',
      'MaxStartups 200',
      // sshd takes the first line of this kind alone. A home without start-up files: bash reads them for sshd, and what the
      // account of this machine has in them is neither what is tried nor quick.
      `SetEnv ${Object.entries({ OOMBOT_SSHD: dir, HOME: path.join(dir, 'home'), ...options.env })
        .map(([name, value]) => `${name}=${value}`)
        .join(' ')}`,
      ...(options.lines ?? []),
      '',
    ].join('\n'),
  );
  let child: ChildProcess | null = null;

  function hostKeyFile(type: KeyType): string {
    return path.join(dir, `host_${type}`);
  }
  function makeHostKeys(): void {
    for (const type of types) {
      rmSync(hostKeyFile(type), { force: true });
      makeKey(hostKeyFile(type), type);
    }
  }
  function publicKey(type: KeyType): string {
    return readFileSync(`${hostKeyFile(type)}.pub`, 'utf8')
      .split(' ')
      .slice(0, 2)
      .join(' ')
      .trim();
  }

  async function start(): Promise<void> {
    let log = '';
    const [command, ...args] = [...(options.through ?? []), '/usr/sbin/sshd', '-D', '-e', '-f', config];
    const started = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    started.stderr.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-20_000)));
    child = started;
    for (let tries = 0; tries < 200; tries++) {
      if (started.exitCode !== null) throw new Error(`sshd did not start: ${log}`);
      if (log.includes('Server listening')) return;
      await sleep(25);
    }
    throw new Error(`sshd does not listen: ${log}`);
  }

  async function stop(): Promise<void> {
    const leaving = child;
    child = null;
    if (leaving?.pid === undefined || leaving.exitCode !== null) return;
    const gone = new Promise((resolve) => leaving.once('exit', resolve));
    const sessions = childrenOf(leaving.pid);
    leaving.kill('SIGKILL');
    for (const pid of sessions) kill(pid);
    await gone;
  }

  await start();
  return {
    port,
    dir,
    identityFile,
    knownHostsFile,
    publicKey,
    fingerprint: (type) => fingerprintOf(Buffer.from(publicKey(type).split(' ')[1] ?? '', 'base64')),
    target: (change = {}) =>
      byTransport({
        name: 'here',
        address: '127.0.0.1',
        port,
        user: 'root',
        identityFile,
        knownHosts: [knownHostsFile],
        fingerprints: [],
        jump: null,
        ...change,
      }),
    changeHostKeys: makeHostKeys,
    start,
    stop,
    processes: () => processesWith(`OOMBOT_SSHD=${dir}`),
    close: async () => {
      await stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The same host by the program ssh, which reads no configuration of this machine's user. */
export function byOpenssh(target: SshTarget, change: Partial<OpensshSettings> = {}): SshTarget {
  const { address, user, port, identityFile, knownHosts } = target;
  return {
    ...target,
    openssh: {
      host: address,
      configFile: NO_CONFIG,
      allowPrograms: false,
      given: ['address', 'port', 'user', 'identityFile', 'knownHosts'],
      otherwise: { user, port, identityFile, knownHosts },
      ...change,
    },
  };
}

/** OOMBOT_TRANSPORT=openssh has the tests of all hosts go by the program ssh. */
const IS_OPENSSH = process.env['OOMBOT_TRANSPORT'] === 'openssh';
const NO_CONFIG = '/nonexistent/ssh_config';

function byTransport(target: SshTarget): SshTarget {
  return IS_OPENSSH ? byOpenssh(target) : target;
}

/** A key pair, by ssh-keygen where it is there. */
export function makeKey(file: string, type: KeyType, passphrase = ''): void {
  const bits = { ed25519: [], ecdsa: [256], rsa: [2048] }[type];
  if (has('ssh-keygen')) {
    const size = bits.flatMap((count) => ['-b', String(count)]);
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', 'test', '-a', '1', '-f', file, ...size]);
  } else {
    const secret = passphrase === '' ? {} : { passphrase, cipher: 'aes256-ctr', rounds: 1 };
    const generate = ssh2.utils.generateKeyPairSync as (
      of: KeyType,
      options: object,
    ) => { private: string; public: string };
    const made = generate(type, { comment: 'test', ...secret, ...(bits[0] === undefined ? {} : { bits: bits[0] }) });
    writeFileSync(file, made.private);
    writeFileSync(`${file}.pub`, `${made.public}\n`);
  }
  chmodSync(file, 0o600);
}

/** Command lines by pid of all processes that find `NAME=value` set; one that is just ending has none, and is left out. */
export function processesWith(variable: string): Map<number, string> {
  const found = new Map<number, string>();
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      if (!readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(variable)) continue;
      const line = readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ');
      if (line !== '') found.set(Number(name), line);
    } catch {
      // It is gone.
    }
  }
  return found;
}

/** The sshd processes of the sessions, and what runs in them. */
function childrenOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
    return children.flatMap((child) => [...childrenOf(child), child]);
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** What an `oombot.yaml` says to watch this server as a host. `more`: further keys of the host, such as `, tags: [db]`. */
export function hostYaml(
  { port, identityFile, knownHostsFile }: Sshd,
  { user = 'root', name = 'db01', more = '' } = {},
): string {
  const transport = IS_OPENSSH ? `, transport: openssh, configFile: ${NO_CONFIG}` : '';
  return [
    `ssh: { user: ${user}, identityFile: ${identityFile}, knownHosts: ${knownHostsFile}${transport} }`,
    'hosts:',
    `  - { name: ${name}, address: 127.0.0.1, port: ${port}${more} }`,
    '',
  ].join('\n');
}

/** The machine's own clock. */
export const realClock: Clock = {
  nowMs: () => Date.now(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, signal ? { signal } : {});
  },
};

/** Waits for a state of a connection, up to ten seconds. */
export async function stateOf(
  connection: Connection,
  kind: ConnectionState['kind'],
  timeoutMs = 10_000,
): Promise<ConnectionState> {
  const deadline = Date.now() + timeoutMs;
  while (connection.state().kind !== kind) {
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(connection.state())}`);
    await sleep(5);
  }
  return connection.state();
}
