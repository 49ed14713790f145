import { ownHelper } from '../../src/setup/setup-script.ts';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Connection } from '../../src/ssh/connection.ts';
import { planFollow } from '../../src/ssh/follow.ts';
import { openHostLink } from '../../src/ssh/host-link.ts';
import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import { probeHost, readCounters, type Probe } from '../../src/ssh/probe.ts';
import { COMMANDS } from '../../src/remote/scripts.ts';
import { following, probeOf } from '../support/follow.ts';
import { causeKill, kernelLine } from '../support/kernel-kill.ts';
import { openSshd, realClock, stateOf, type Sshd } from '../support/sshd.ts';
import { has, needs } from '../support/needs.ts';

const A_PROBE: Probe = {
  user: 'oombot',
  uid: 1001,
  groups: ['oombot'],
  kernel: '6.1.0',
  os: 'Debian GNU/Linux 12 (bookworm)',
  bootId: 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
  bootAtMs: 0,
  bootErrorMs: 10,
  clockOffsetMs: 0,
  oomKills: 0,
  probedAtMs: 0,
  hidepid: '0',
  dmesgRestrict: true,
  kmsg: null,
  kmsgError: 'dd: failed to open',
  kmsgHelper: false,
  journal: { present: false, readable: false, persistent: false, outputFields: false, way: 'direct' },
  killers: [],
  files: [],
  dmesg: false,
  oomAdj: null,
  oomAdjHelper: false,
  procReadable: true,
  setup: {
    kmsgHelperError: null,
    oomAdjError: null,
    oomAdjSays: null,
    helperRights: [],
    writer: false,
    dispatcher: null,
    options: null,
    journalReader: 'none',
    closedFiles: [],
    capSysResource: true,
    procOptions: 'rw,relatime',
    adjFiles: { oomScoreAdj: true, oomAdj: true },
    tools: ['sudo'],
    hostGroups: ['adm'],
  },
};
const JOURNAL = { present: true, readable: true, persistent: true, outputFields: true, way: 'direct' } as const;

function aFile(file: string, readable = true): Probe['files'][number] {
  return { path: file, readable, bytes: 1 };
}

describe('planFollow', () => {
  it.each<[string, Partial<Probe>, string[] | null, object]>([
    [
      'ring and journal',
      { kmsg: 'sudo', journal: JOURNAL },
      null,
      { kind: 'kmsg', way: 'sudo', lasting: { kind: 'journal' }, killers: false },
    ],
    [
      'userspace killers beside the ring',
      { kmsg: 'direct', journal: JOURNAL, killers: ['earlyoom'] },
      null,
      { kind: 'kmsg', killers: true },
    ],
    [
      'a log file where the journal dies with the boot',
      { kmsg: 'direct', journal: { ...JOURNAL, persistent: false }, files: [aFile('/var/log/kern.log')] },
      null,
      { lasting: { kind: 'file', path: '/var/log/kern.log' } },
    ],
    ['the ring alone', { kmsg: 'doas' }, null, { kind: 'kmsg', lasting: null, killers: false }],
    [
      'the journal alone',
      { journal: JOURNAL, files: [aFile('/var/log/kern.log')] },
      null,
      { kind: 'journal', journal: { way: 'direct', outputFields: true } },
    ],
    [
      'the kernel’s own file before those that anybody writes to',
      { files: [aFile('/var/log/syslog'), aFile('/var/log/messages'), aFile('/var/log/kern.log')] },
      null,
      { kind: 'files', paths: ['/var/log/kern.log'] },
    ],
    [
      'what can be read',
      { files: [aFile('/var/log/kern.log', false), aFile('/var/log/messages')] },
      null,
      { kind: 'files', paths: ['/var/log/messages'] },
    ],
    ['dmesg last', { dmesg: true, files: [aFile('/var/log/kern.log', false)] }, null, { kind: 'dmesg' }],
    ['nothing', {}, null, { kind: 'nothing' }],
    [
      'the configured files before all',
      { kmsg: 'direct', journal: JOURNAL, files: [aFile('/srv/a.log'), aFile('/srv/b.log')] },
      ['/srv/b.log', '/srv/a.log'],
      { kind: 'files', paths: ['/srv/b.log', '/srv/a.log'], unread: [] },
    ],
    [
      'those configured files that can be read',
      { files: [aFile('/srv/a.log'), aFile('/srv/b.log', false)] },
      ['/srv/b.log', '/srv/a.log', '/srv/c.log'],
      { kind: 'files', paths: ['/srv/a.log'], unread: ['/srv/b.log', '/srv/c.log'] },
    ],
    [
      'nothing where the configured files cannot be read',
      { kmsg: 'direct' },
      ['/srv/b.log'],
      { kind: 'nothing', sentence: expect.stringContaining('/srv/b.log') },
    ],
  ])('chooses %s', (_what, change, logFiles, expected) => {
    expect(planFollow({ ...A_PROBE, ...change }, logFiles)).toMatchObject(expected);
  });
});

describe('looking at a real host', needs('sshd'), () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-probe-'));
  let sshd: Sshd;
  let ssh: Ssh;
  let connection: Connection;
  beforeAll(async () => {
    sshd = await openSshd();
    ssh = openSsh({ clock: realClock, random: () => 0.05, passphrase: null, agentSocket: null });
    connection = ssh.connect(sshd.target());
    await stateOf(connection, 'connected');
  });
  afterAll(async () => {
    await ssh.close();
    await sshd.close();
    rmSync(dir, { recursive: true, force: true });
  });

  it('finds who we are, when it booted, and what is there', async () => {
    const log = path.join(dir, 'my log');
    writeFileSync(log, 'x\n');
    const probe = await probeOf(connection, [log, path.join(dir, 'none'), 'no slash']);

    expect(probe).toMatchObject({ user: 'root', uid: 0, hidepid: expect.stringMatching(/^\w+$/), procReadable: true });
    expect(probe.bootId).toBe(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
    expect(probe.kernel).toBe(readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim());
    expect(probe.dmesgRestrict).toBe(readFileSync('/proc/sys/kernel/dmesg_restrict', 'utf8').trim() !== '0');
    expect(probe.files.filter((file) => file.path.startsWith(dir))).toEqual([{ path: log, readable: true, bytes: 2 }]);
    const bootAtMs = Date.now() - Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
    expect(Math.abs(probe.bootAtMs - bootAtMs)).toBeLessThanOrEqual(probe.bootErrorMs + 20);
    expect(Math.abs(probe.clockOffsetMs)).toBeLessThanOrEqual(1000 + probe.bootErrorMs);
  });

  it.each(['dash', 'bash', 'busybox sh'])('asks the same in %s', (shell) => {
    const { stdout } = spawnSync('sh', ['-c', COMMANDS.probe.replace('sh -c', `${shell} -c`)], { input: '' });

    expect(stdout.toString()).toMatch(/^\n#oombot probe 1\nuptime \d+\.\d+\nepoch \d+\nuser root\n[^]*#oombot end\n$/);
  });

  it('counts with the kernel', async () => {
    const before = await readCounters(connection, realClock);
    if (has('kills')) causeKill();
    const after = await readCounters(connection, realClock);

    expect(after?.bootId).toBe(before?.bootId);
    expect((after?.oomKills ?? 0) - (before?.oomKills ?? 0)).toBeGreaterThanOrEqual(has('kills') ? 1 : 0);
  });

  it('begins to follow anew when a userspace killer was started since', async () => {
    const slice = '/sys/fs/cgroup/system.slice';
    const unit = `${slice}/nohang-desktop.service`;
    const hadSlice = existsSync(slice);
    const link = openHostLink('here', connection, { logFiles: null, clock: realClock, ownHelper });
    const stop = new AbortController();
    const request = { positions: [], onLines: () => {}, onGap: () => {}, onPosition: () => {}, signal: stop.signal };
    try {
      expect((await link.probe()).kind).toBe('facts');
      const following = link.follow(request);
      await link.counters();
      expect(await Promise.race([following, sleep(300).then(() => 'goes on')])).toBe('goes on');

      mkdirSync(unit, { recursive: true });
      await link.counters();
      expect(await following).toEqual({ kind: 'done' });
    } finally {
      stop.abort();
      rmdirSync(unit);
      if (!hadSlice) rmdirSync(slice);
    }
  });

  it('polls dmesg where nothing else is to be had, each line once', async () => {
    const first = following(connection, { ...A_PROBE, dmesg: true });
    await first.until(']');
    await first.stop();
    kernelLine();
    const second = following(connection, { ...A_PROBE, dmesg: true }, { positions: [...first.positions.values()] });
    await second.until('drop_caches');
    await second.stop();

    expect(first.batches[0]).toMatchObject({ source: 'dmesg', framing: 'dmesg', live: false });
    expect(first.texts().filter((line) => second.texts().includes(line))).toEqual([]);
    expect(second.gaps).toEqual([]);
  });

  it('reads the configured files that it can, and says once which it cannot', async () => {
    const log = path.join(dir, 'kern.log');
    writeFileSync(log, 'hello\n');
    const logFiles = [log, path.join(dir, 'typo.log'), path.join(dir, 'typo2.log')];

    const watch = following(connection, await probeOf(connection, logFiles), { logFiles });
    await watch.until('hello');
    await watch.stop();

    expect(watch.gaps).toMatchObject([{ kind: 'unavailable', lost: null, lookup: null }]);
    expect(watch.gaps[0]?.sentence).toBe(`Configured log files that cannot be read: ${logFiles[1]}, ${logFiles[2]}.`);
  });

  it('reads past what the login shell has to say, and says when there is no usable one', async () => {
    const noisy = path.join(dir, 'noisy');
    const broken = path.join(dir, 'broken');
    writeFileSync(
      noisy,
      '#!/bin/sh\necho "Welcome!"; echo "#kmsg 1 not yet"; printf "\\033[31mmotd\\377"; echo; eval "$SSH_ORIGINAL_COMMAND"; echo bye\n',
    );
    writeFileSync(broken, '#!/bin/sh\necho This account is currently not available.\nexit 1\n');
    [noisy, broken].forEach((file) => chmodSync(file, 0o755));

    const talkative = await openSshd({ lines: [`ForceCommand ${noisy}`] });
    const useless = await openSshd({ lines: [`ForceCommand ${broken}`] });
    try {
      const one = ssh.connect(talkative.target());
      const two = ssh.connect(useless.target());
      await Promise.all([stateOf(one, 'connected'), stateOf(two, 'connected')]);

      const probe = await probeOf(one);
      expect(probe.user).toBe('root');
      if (probe.kmsg !== null) {
        const watch = following(one, { ...probe, files: [], journal: A_PROBE.journal });
        await watch.until(',');
        await watch.stop();
        expect(watch.texts().every((line) => /^\d+,\d+,/.test(line))).toBe(true);
      }
      expect(await probeHost(two, { logFiles: null, clock: realClock })).toMatchObject({
        kind: 'failed',
        sentence: expect.stringContaining('no usable shell'),
      });
    } finally {
      await talkative.close();
      await useless.close();
    }
  });

  it('takes a host whose commands say nonsense as failed, not as a host', async () => {
    const odd = path.join(dir, 'odd');
    writeFileSync(odd, '#!/bin/sh\nhead -c 1000000 /dev/urandom\n');
    chmodSync(odd, 0o755);
    const server = await openSshd({ lines: [`ForceCommand ${odd}`] });
    try {
      const host = ssh.connect(server.target());
      await stateOf(host, 'connected');

      expect((await probeHost(host, { logFiles: null, clock: realClock })).kind).toBe('failed');
      expect(await readCounters(host, realClock)).toBeNull();
    } finally {
      await server.close();
    }
  });

  it('finds and uses the reader that setup installs, through sudo', needs('namespaces', 'sudo'), async () => {
    const etc = mkdtempSync(path.join(dir, 'etc-'));
    const reader = `#!/bin/sh
read -r b < /proc/sys/kernel/random/boot_id; read -r up _ < /proc/uptime
echo "#kmsg 1 $b $(date +%s) $up"
exec 3<&0
cat /dev/kmsg </dev/null 3<&- & c=$!
( exec >/dev/null 2>&1; while read -r _ <&3; do :; done; kill "$c" ) & w=$!
wait "$c"; rc=$?
kill "$w" 2>/dev/null
exit "$rc"
`;
    writeFileSync(path.join(etc, 'oom-kmsg'), reader, { mode: 0o755 });
    writeFileSync(path.join(etc, 'sudoers'), 'oombot-test ALL=(root) NOPASSWD: /usr/local/sbin/oom-kmsg ""\n', {
      mode: 0o440,
    });
    // All of it in a mount namespace of its own: nothing of this machine changes.
    const enter = `set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0755 none /usr/local/sbin; mount -t tmpfs -o mode=0755 none /etc/sudoers.d
cp -p ${etc}/oom-kmsg /usr/local/sbin/oom-kmsg; cp -p ${etc}/sudoers /etc/sudoers.d/oombot-test
for f in passwd group shadow; do cp -p /etc/$f ${etc}/$f; done
echo 'oombot-test:x:45678:45678::/:/bin/sh' >> ${etc}/passwd
echo 'oombot-test:x:45678:' >> ${etc}/group
echo 'oombot-test:*:19000::::::' >> ${etc}/shadow
for f in passwd group shadow; do mount --bind ${etc}/$f /etc/$f; done
exec "$0" "$@"
`;
    const server = await openSshd({ through: ['unshare', '-m', 'sh', '-c', enter] });
    try {
      chmodSync(server.dir, 0o755);
      chmodSync(path.join(server.dir, 'authorized_keys'), 0o644);
      const host = ssh.connect(server.target({ user: 'oombot-test' }));
      await stateOf(host, 'connected');

      const probe = await probeOf(host);
      expect(probe).toMatchObject({ user: 'oombot-test', kmsgHelper: true, setup: { kmsgHelperError: null } });
      // Where dmesg_restrict is 0 the account may read the ring itself.
      expect(probe.kmsg).toBe(probe.dmesgRestrict === true ? 'sudo' : 'direct');
      const watch = following(host, { ...probe, kmsg: 'sudo', files: [], journal: A_PROBE.journal });
      await watch.until(',');
      await watch.stop();
      expect(watch.batches[0]).toMatchObject({ source: 'kmsg', bootId: probe.bootId });
    } finally {
      await server.close();
    }
  });
});
