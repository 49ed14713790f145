import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import { needs } from '../support/needs.ts';
import { openSshd, realClock, stateOf, type Sshd } from '../support/sshd.ts';
import { eventually } from '../support/whole-bot.ts';

describe('a server that gives a login one session', needs('sshd'), () => {
  let sshd: Sshd;
  let ssh: Ssh;
  beforeEach(async () => {
    sshd = await openSshd({ lines: ['MaxSessions 1'] });
    ssh = openSsh({ clock: realClock, random: () => 0, passphrase: null, agentSocket: null });
  });
  afterEach(async () => {
    await ssh.close();
    await sshd.close();
  });

  it(
    'is asked over further logins while streams run, and they go with the connection',
    { timeout: 60_000 },
    async () => {
      const connection = ssh.connect(sshd.target());
      await stateOf(connection, 'connected');
      const stop = new AbortController();
      const seen: string[] = [];
      const streams = ['one', 'two'].map((name) =>
        connection.stream(`while read -r line; do echo "$line"; done`, {
          stdin: `${name}\n`,
          signal: stop.signal,
          onData: (chunk) => seen.push(chunk.toString().trim()),
        }),
      );
      await eventually(() => seen.length === 2, 'both streams');

      const answers = await Promise.all(
        [1, 2, 3, 4, 5, 6].map((n) =>
          connection.exec(`cat; echo ${n}`, { stdin: 'said ', timeoutMs: 30_000, maxBytes: 1_000 }),
        ),
      );

      expect(answers.map(({ stdout, end }) => [stdout.toString(), end.kind])).toEqual(
        [1, 2, 3, 4, 5, 6].map((n) => [`said ${n}\n`, 'exit']),
      );
      expect(seen.toSorted()).toEqual(['one', 'two']);
      stop.abort();
      expect((await Promise.all(streams)).map(({ end }) => end.kind)).toEqual(['aborted', 'aborted']);

      await connection.close();
      await eventually(() => sshd.processes().size === 0, 'the end of all that ran there');
    },
  );

  it('is connected anew as a whole when the first login is lost', async () => {
    const connection = ssh.connect(sshd.target());
    await stateOf(connection, 'connected');
    const lost = connection.stream('sleep 1000', { stdin: '', signal: new AbortController().signal, onData: () => {} });
    function ask() {
      return connection.exec('echo here', { timeoutMs: 20_000, maxBytes: 100 });
    }
    expect((await ask()).stdout.toString()).toBe('here\n');

    await sshd.stop();
    expect((await lost).end.kind).toBe('lost');
    await sshd.start();
    await stateOf(connection, 'connected');

    expect((await ask()).stdout.toString()).toBe('here\n');
  });
});
