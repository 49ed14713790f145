import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { WHY_SCRIPT } from '../../src/remote/why-script.ts';
import { openSsh } from '../../src/ssh/open-ssh.ts';
import { following, probeOf } from '../support/follow.ts';
import { realClock, type Sshd } from '../support/sshd.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { openSetUpHost, type UnsharedHost } from './unshared-host.ts';
import { has, needs, skipWithout, type PartName } from '../support/needs.ts';

const HELPER = path.join(import.meta.dirname, '../../src/setup/oom-kmsg.sh');

const shells: [PartName, ...string[]][] = [['dash'], ['busybox', 'sh'], ['bash', '--posix']];

describe.each(shells)('oom-kmsg under %s', needs('kmsg', 'ps'), (...shell) => {
  beforeEach((context) => skipWithout(context, shell[0]));

  it('gives a header and the records, and ends with its input, leaving nothing behind', async () => {
    const [command, ...args] = [...shell, HELPER];
    const helper = spawn(command, args, { stdio: 'pipe', detached: true });
    const closed = new Promise<number | null>((resolve) => helper.once('close', resolve));
    let text = '';
    helper.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    while (!text.includes('\n6,')) await sleep(10);
    const group = helper.pid ?? 0;
    expect(membersOf(group).length).toBeGreaterThan(1);

    helper.stdin.end();
    await closed;

    expect(text).toMatch(/^#kmsg 1 [0-9a-f-]{36} \d{10} \d+\.\d\d\n\d+,\d+,\d+,/);
    await until(() => membersOf(group).length === 0);
  });

  it.each(['SIGTERM', 'SIGHUP'] as const)('ends on %s with all that it started', async (signal) => {
    const [command, ...args] = [...shell, HELPER];
    const helper = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
    const closed = new Promise((resolve) => helper.once('close', resolve));
    let bytes = 0;
    helper.stdout.on('data', (chunk: Buffer) => (bytes += chunk.length));
    while (bytes < 1_000) await sleep(10);

    helper.kill(signal);
    await closed;

    await until(() => membersOf(helper.pid ?? 0).length === 0);
  });

  it('takes no argument', () => {
    const [command, ...args] = [...shell, HELPER, 'x'];

    expect(spawnSync(command, args, { input: '', encoding: 'utf8' })).toMatchObject({ status: 2, stdout: '' });
  });
});

/** Processes of a group, zombies aside. */
function membersOf(group: number): string[] {
  return spawnSync('ps', ['-eo', 'pgid=,stat=,args='], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter((line) => new RegExp(`^\\s*${group}\\s+[^Z]`).test(line));
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 300) throw new Error('it did not become so within three seconds');
    await sleep(10);
  }
}

describe.each(['sudo', 'doas'] as const)('oom-kmsg through %s and sshd', needs('namespaces', 'sshd', 'ps'), (way) => {
  let host: UnsharedHost;
  let sshd: Sshd;
  beforeEach((context) => skipWithout(context, way));
  beforeAll(async () => {
    if (!has(way)) return;
    ({ host, sshd } = await openSetUpHost({ way }));
  });
  afterAll(async () => {
    await sshd?.close();
    await host?.close();
  });
  function running(): string {
    return host.run("ps -eo stat=,args= | grep -E 'oom-[k]msg|cat /dev/[k]msg' | grep -v '^Z'").stdout;
  }

  it('is read to its end for “why”, and not waited for', () => {
    const [, user = ''] = /^(\w+):/.exec(host.run('getent passwd oombot').stdout) ?? [];
    const script = WHY_SCRIPT.replace('exec sleep 1.5', 'exec sleep 1000');
    const { stdout } = host.run(`exec setpriv --reuid ${user} --regid ${user} --init-groups sh -c "$(cat)"`, {
      input: `${script}`,
      timeoutMs: 30_000,
    });

    expect(stdout).toMatch(/^ring \d+\.\d+ \d+\.\d+$/m);
    expect(stdout).toMatch(/^#end$/m);
    expect(running()).toBe('');
  });

  it.each(['end of the stream', 'goodbye', 'a reset', 'death of the session'])(
    'is what the bot reads by, and leaves nothing behind after %s',
    async (leaving) => {
      const proxy = await openTcpProxy(sshd.port);
      const ssh = openSsh({ clock: realClock, random: () => 1, passphrase: null, agentSocket: null });
      const connection = ssh.connect({
        ...sshd.target({ user: 'oombot', port: proxy.port }),
        knownHosts: [],
        fingerprints: [fingerprint(sshd)],
      });
      await connection.whenConnected(AbortSignal.timeout(10_000));
      const probe = await probeOf(connection);
      const follow = following(connection, probe);
      // Any record: the ring may have gone round.
      await follow.until(';', 'kmsg');
      const before = running();

      if (leaving === 'end of the stream') await follow.stop();
      if (leaving === 'goodbye') await connection.close();
      if (leaving === 'a reset') proxy.cut();
      if (leaving === 'death of the session')
        host.run("kill -9 $(ps -eo pid=,args= | awk '/sshd: [o]ombot/ { print $1 }')");

      expect(probe.kmsg).toBe(way);
      expect(before).toContain('cat /dev/kmsg');
      await until(() => running() === '');
      await follow.stop();
      await ssh.close();
      await proxy.close();
    },
  );
});

function fingerprint(sshd: Sshd): string {
  return (
    spawnSync('ssh-keygen', ['-lf', path.join(sshd.dir, 'host_ed25519.pub')], { encoding: 'utf8' }).stdout.split(
      ' ',
    )[1] ?? ''
  );
}
