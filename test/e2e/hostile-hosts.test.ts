import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { openLiveScans } from '../../src/app/live-scan.ts';
import type { HostConfig } from '../../src/config/config.ts';
import { openKillGroup } from '../support/kill-group.ts';
import { realClock } from '../support/real-clock.ts';
import { openSshd, type Sshd } from '../support/sshd.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { hostConfig, watchHosts } from '../support/watched-fleet.ts';
import { needs } from '../support/needs.ts';

const toClose: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).toReversed()) await close();
});

async function aServer(forceCommand?: string): Promise<Sshd> {
  const sshd = await openSshd(forceCommand === undefined ? {} : { lines: [`ForceCommand ${forceCommand}`] });
  toClose.push(sshd.close);
  return sshd;
}

async function aFlood(name: string, noise: (n: number) => Buffer): Promise<HostConfig> {
  const proxy = await openTcpProxy(1, noise);
  toClose.push(proxy.close);
  proxy.setMode('flood');
  return hostConfig(name, good.target({ port: proxy.port }));
}

let good: Sshd;

it(
  'hosts that lie, flood and fail each show their own state, while the one beside them is watched',
  { ...needs('sshd', 'kills'), timeout: 120_000 },
  async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'oombot-hostile-'));
    toClose.push(() => rmSync(dir, { recursive: true, force: true }));
    good = await aServer();
    const other = await aServer();
    function knownAs(name: string, line: string): string {
      const file = path.join(dir, name);
      writeFileSync(file, `${line}\n`);
      return file;
    }
    const at = `[127.0.0.1]:${good.port}`;
    const key = good.publicKey('ed25519');
    const motd = await aServer('cat /etc/os-release; echo "#kmsg 1 x"; exec sh -c "$SSH_ORIGINAL_COMMAND"');
    const unended = await aServer('printf "Welcome. "; exec sh -c "$SSH_ORIGINAL_COMMAND"');
    const failing = await aServer('/bin/false');
    const endless = path.join(dir, 'endless');
    writeFileSync(endless, '#!/bin/sh\nhead -c 300000000 /dev/zero | tr "\\0" x\n');
    chmodSync(endless, 0o755);
    const babbling = await aServer(endless);
    const hosts: HostConfig[] = [
      hostConfig('good', good.target()),
      hostConfig('unknown', good.target({ knownHosts: [] })),
      hostConfig('changed', good.target({ knownHosts: [knownAs('changed', `${at} ${other.publicKey('ed25519')}`)] })),
      hostConfig('revoked', good.target({ knownHosts: [knownAs('revoked', `@revoked ${at} ${key}`)] })),
      await aFlood('banner', (n) => Buffer.from(`banner ${n} ${'x'.repeat(60)}\r\n`.repeat(50))),
      await aFlood('line', () => Buffer.alloc(4096, 0x41)),
      await aFlood('noise', (n) => Buffer.from(Array.from({ length: 997 }, (_, i) => (i * 7 + n * 31) % 256))),
      hostConfig('motd', motd.target()),
      hostConfig('unended', unended.target()),
      hostConfig('failing', failing.target()),
      hostConfig('babbling', babbling.target()),
    ];
    const beforeMiB = process.memoryUsage().rss / 2 ** 20;
    const watched = await watchHosts({ hosts });
    toClose.push(watched.close);
    watched.fleet.watchOnly(null);
    await watched.untilWatching('good', 'motd', 'unended');
    const group = openKillGroup();
    toClose.push(group.close);
    const pid = await group.kill('mysqld');
    const deadAtMs = Date.now();

    for (const host of ['good', 'motd', 'unended']) {
      const kills = await watched.untilKills({ pids: [pid], sinceSeconds: group.sinceSeconds, host });
      expect(kills).toHaveLength(1);
      expect((kills[0]?.seenAtMs ?? Infinity) - deadAtMs).toBeLessThan(3_000);
    }
    await sleep(3_000);
    function stateOf(host: string): string {
      const link = watched.fleet.link(host)?.state();
      const watch = watched.fleet.watchState(host);
      return link?.kind === 'connected' ? `${watch?.kind}: ${watch?.sentence}` : `${link?.kind}: ${link?.sentence}`;
    }
    expect(stateOf('unknown')).toMatch(/^refused: .*unknown host key/);
    expect(stateOf('changed')).toMatch(/^refused: .*HAS CHANGED/);
    expect(stateOf('revoked')).toMatch(/^refused: .*REVOKED/);
    for (const host of ['banner', 'line', 'noise']) expect(stateOf(host)).toMatch(/^unreachable: /);
    expect(stateOf('failing')).toMatch(/^failed: .*no usable shell/);
    expect(stateOf('babbling')).toMatch(/^failed: .*too long an answer/);
    expect(process.memoryUsage().rss / 2 ** 20 - beforeMiB).toBeLessThan(300);
  },
);

it(
  'a /proc full of hostile names is ranked row by row, each name as it is',
  { ...needs('sshd', 'kills'), timeout: 60_000 },
  async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'oombot-names-'));
    toClose.push(() => rmSync(dir, { recursive: true, force: true }));
    good = await aServer();
    const names = ['a\nb', 'tab\there', 'a) S 1 1', '<!channel>', '$(reboot)', '==> /x/cmdline', '#end 1', 'Name:\t1'];
    const pids = names.map((name) => {
      const program = path.join(dir, name.replace('/x/', '_x_'));
      symlinkSync('/usr/bin/sleep', program);
      const child = spawn(program, ['60'], { stdio: 'ignore' });
      toClose.push(() => void child.kill('SIGKILL'));
      return child.pid;
    });
    const watched = await watchHosts({ hosts: [hostConfig('good', good.target())] });
    toClose.push(watched.close);
    watched.fleet.watchOnly(null);
    await watched.untilWatching('good');

    const read = await openLiveScans(watched.fleet, realClock).read('good', 20_000);

    const processes = read.kind === 'scan' ? read.scan.processes : [];
    const found = pids.map((pid) => processes.find((one) => one.pid === pid)?.name);
    expect(found).toEqual(names.map((name) => name.replace('/x/', '_x_').slice(0, 15)));
  },
);
