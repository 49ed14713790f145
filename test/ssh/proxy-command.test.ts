import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Connection } from '../../src/ssh/connection.ts';
import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import { needs } from '../support/needs.ts';
import { freePort, openSshd, processesWith, realClock, stateOf, type Sshd } from '../support/sshd.ts';
import { eventually } from '../support/whole-bot.ts';

const CUTS = Number(process.env['OOMBOT_CUTS'] ?? 15);

const IS_OPENSSH = process.env['OOMBOT_TRANSPORT'] === 'openssh';
/** The program ssh, and the shell that it is tied to the bot by. */
const OF_SSH = IS_OPENSSH ? 2 : 0;

describe('a host behind a local program', needs('sshd', 'ssh', 'busybox'), () => {
  let sshd: Sshd;
  let ssh: Ssh;
  let mark: string;
  beforeEach(async () => {
    sshd = await openSshd();
    mark = `OOMBOT_PROXY=${randomUUID()}`;
    ssh = openSsh({
      clock: realClock,
      random: () => 0,
      passphrase: null,
      agentSocket: null,
      readyTimeoutMs: 5_000,
      proxyEnvironment: { PATH: process.env['PATH'], OOMBOT_PROXY: mark.split('=')[1] },
    });
  });
  afterEach(async () => {
    await ssh.close();
    await noProgramIsLeft();
    await sshd.close();
  });

  function programs(): Map<number, string> {
    return processesWith(mark);
  }
  /** The kernel takes a moment to end what was killed. */
  async function noProgramIsLeft(): Promise<void> {
    await expect.poll(() => [...programs().values()], { timeout: 5_000 }).toEqual([]);
  }
  /** One may have ended with another. */
  function endIfThere(pid: number, signal: NodeJS.Signals): void {
    try {
      process.kill(pid, signal);
    } catch {
      // It has.
    }
  }
  function connect(...proxyCommand: string[]): Connection {
    // Nobody listens there: only the program knows the way.
    return ssh.connect(sshd.target({ address: 'db01.invalid', fingerprints: [fingerprint()], proxyCommand }));
  }
  function fingerprint(): string {
    return sshd.fingerprint('ed25519');
  }
  function throughSsh(): string[] {
    const options = ['-F', '/dev/null', '-o', `UserKnownHostsFile=${sshd.knownHostsFile}`, '-o', 'BatchMode=yes'];
    return ['ssh', ...options, '-i', sshd.identityFile, '-p', String(sshd.port), '-W', '127.0.0.1:%p', '%r@127.0.0.1'];
  }
  async function says(connection: Connection): Promise<string> {
    const options = { stdin: 'echo "$((6 * 7))"', timeoutMs: 10_000, maxBytes: 1_000 };
    const { stdout, stderr, end } = await connection.exec('sh', options);
    return end.kind === 'exit' ? stdout.toString().trim() : `${JSON.stringify(end)} ${stderr}`;
  }

  it('is reached by ssh -W, and the program ends with the connection', async () => {
    const connection = connect(...throughSsh());
    await stateOf(connection, 'connected');

    expect(await says(connection)).toBe('42');
    expect(programs().size).toBe(1 + OF_SSH);

    await connection.close();
    await eventually(() => programs().size === 0, 'the end of ssh');
  });

  it('takes a large answer through the program, byte for byte', async () => {
    const connection = connect('busybox', 'nc', '127.0.0.1', '%p');
    await stateOf(connection, 'connected');

    const answer = await connection.exec('sh', {
      stdin: 'head -c 3000000 /dev/zero | tr "\\0" x',
      timeoutMs: 20_000,
      maxBytes: 4_000_000,
    });

    expect(answer.stdout.equals(Buffer.alloc(3_000_000, 'x'))).toBe(true);
  });

  // ssh runs the program itself, and does not say how it ended.
  it.skipIf(IS_OPENSSH)('is connected again when the program is killed, and says what became of it', async () => {
    const sentences: string[] = [];
    const connection = connect(...throughSsh());
    await stateOf(connection, 'connected');
    connection.onState(({ sentence }) => sentences.push(sentence));

    for (const pid of programs().keys()) process.kill(pid, 'SIGKILL');
    await eventually(() => sentences.length >= 2, 'the second connection');

    expect(sentences[0]).toBe(
      'The connection to here was lost (its proxy command ssh was ended by SIGKILL); connecting again.',
    );
    expect(await says(connection)).toBe('42');
    expect(programs().size).toBe(1);
  });

  it(`leaves no program behind, whatever end ${CUTS} of them find`, { timeout: 600_000 }, async () => {
    const connection = connect('sh', '-c', 'sleep 1000 & exec busybox nc 127.0.0.1 "$1"', 'sh', '%p');
    const ends = ['SIGKILL', 'SIGTERM', 'SIGINT', 'server'] as const;

    for (let cut = 0; cut < CUTS; cut++) {
      await stateOf(connection, 'connected');
      const lost = Promise.withResolvers<void>();
      const stop = connection.onState(() => lost.resolve());
      const end = ends[cut % ends.length] ?? 'server';
      if (end === 'server') {
        await sshd.stop();
        await sshd.start();
      } else for (const [pid, line] of programs()) if (line.includes('nc')) endIfThere(pid, end);
      await lost.promise;
      stop();
    }
    await stateOf(connection, 'connected');

    // The program and the sleep that it started beside.
    await eventually(() => programs().size === 2 + OF_SSH, 'nothing but the present program');
    expect(await says(connection)).toBe('42');
  });

  it('says what the program said before it gave up', async () => {
    const connection = connect(
      'sh',
      '-c',
      'echo "first"; printf "token expired:\\033[31m run \\"tsh login\\"\\n" >&2; exit 7',
    );

    const { sentence, reason } = await stateOf(connection, 'unreachable');

    expect(reason).toBe('network');
    expect(sentence).toContain(
      IS_OPENSSH
        ? 'cannot be reached: its jump host or ProxyCommand failed: "token expired: [31m run \'tsh login\'".'
        : '(its proxy command sh ended with code 7 and said: "token expired: [31m run \'tsh login\'".)',
    );
  });

  it.skipIf(IS_OPENSSH)('says that a program is missing, may not be run, or does nothing', async () => {
    const plain = path.join(sshd.dir, 'plain');
    writeFileSync(plain, 'text');

    expect((await stateOf(connect('/no/such/program'), 'unreachable')).sentence).toMatch(
      /its proxy command \/no\/such\/program could not be started: there is no such program/,
    );
    expect((await stateOf(connect(plain), 'unreachable')).sentence).toMatch(/could not be started: it may not be run/);
    expect((await stateOf(connect('sleep', '100'), 'unreachable')).sentence).toMatch(
      /did not answer as an SSH server in time\. \(its proxy command sleep/,
    );
  });

  it('ends a program that will not be ended, with all that it started', async () => {
    const connection = connect(
      'sh',
      '-c',
      'trap "" TERM; sleep 1000 & busybox nc 127.0.0.1 "$1"; sleep 1000',
      'sh',
      '%p',
    );
    await stateOf(connection, 'connected');

    await ssh.close();

    await noProgramIsLeft();
  });

  it('is a jump host for others', async () => {
    const jump = sshd.target({
      name: 'bastion',
      address: 'bastion.invalid',
      fingerprints: [fingerprint()],
      proxyCommand: throughSsh(),
    });
    const connection = ssh.connect(sshd.target({ jump }));
    await stateOf(connection, 'connected');

    expect(await says(connection)).toBe('42');
  });

  // The program ssh is asked for no such user.
  it.skipIf(IS_OPENSSH)('does not put host or user into any word but their own', async () => {
    const trace = path.join(sshd.dir, 'args');
    const target = sshd.target({
      user: '$(touch x)',
      port: await freePort(),
      proxyCommand: ['sh', '-c', 'printf "%%s\\n" "$@" > "$0"', trace, '%r', 'a %h:%p %%h'],
    });

    await stateOf(ssh.connect(target), 'unreachable');

    expect(readFileSync(trace, 'utf8')).toBe(`$(touch x)\na 127.0.0.1:${target.port} %h\n`);
  });
});
