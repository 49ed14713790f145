import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseGroupKills, readGroupKills } from '../../src/ssh/group-kills.ts';
import { COMMANDS } from '../../src/remote/scripts.ts';
import { openSsh } from '../../src/ssh/open-ssh.ts';
import { openKillGroup } from '../support/kill-group.ts';
import { openSshd, realClock, stateOf } from '../support/sshd.ts';
import { needs } from '../support/needs.ts';

function answer(...rows: string[]): string {
  return ['', '#groups 1', ...rows, '#end', ''].join('\n');
}

describe('the answer of a host about its groups', () => {
  it('is read as text that anybody may have written', () => {
    const hostile = './a/memory.events:oom_kill 7:b/caf\xc3\xa9\xff `id`;\\x2d/memory.events.local:oom_kill 2';
    const text = answer(
      hostile,
      './x/memory.events.local:oom_kill 9999999999999999',
      `./${'y'.repeat(2_000)}/memory.events.local:oom_kill 1`,
      './memory.oom_control:oom_kill 3',
      'oom_kill 4',
    );

    expect(parseGroupKills(text)).toEqual([{ path: '/a/memory.events:oom_kill 7:b/café\\xff `id`;\\x2d', kills: 2 }]);
    expect(parseGroupKills('./x/memory.events.local:oom_kill 1\n')).toBeNull();
    expect(parseGroupKills('\n#groups 1\n./x/memory.events.local:oom_kill 1\n')).toBeNull();
  });

  it('tells only the deepest of groups whose counts may be sums', () => {
    const text = answer(
      './system.slice/memory.events:oom_kill 3',
      './system.slice/shop.service/memory.events:oom_kill 2',
      './system.slice/shop.service2/memory.events:oom_kill 1',
    );

    expect(parseGroupKills(text)?.map((group) => group.path)).toEqual([
      '/system.slice/shop.service',
      '/system.slice/shop.service2',
    ]);
  });
});

describe('the command, on a tree of groups', needs('namespaces'), () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-groups-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const busybox = path.join(dir, 'busybox');
  mkdirSync(busybox);
  for (const name of ['find', 'grep', 'head', 'sh', 'env']) symlinkSync('/usr/bin/busybox', path.join(busybox, name));
  let trees = 0;

  /** What a host whose /sys/fs/cgroup has these files answers, in that shell. */
  function ask(shell: string, files: Record<string, string>) {
    const tree = path.join(dir, `tree-${(trees += 1)}`);
    for (const [file, text] of Object.entries({ 'cgroup.procs': '', ...files })) {
      mkdirSync(path.dirname(path.join(tree, file)), { recursive: true });
      writeFileSync(path.join(tree, file), text);
    }
    const command = COMMANDS.groups.replace('sh -c', `${shell} -c`);
    const enter = 'mount --make-rprivate / && mount --bind "$0" /sys/fs/cgroup && export PATH="$1" && eval "$2"';
    const where = shell === 'sh' ? busybox : (process.env['PATH'] ?? '');
    const { stdout } = spawnSync('unshare', ['-m', '/bin/sh', '-c', enter, tree, where, command]);
    return parseGroupKills(stdout.toString('latin1'));
  }

  // `sh` is busybox, and so is all that it calls.
  describe.each(['dash', 'bash', 'sh'])('in %s', (shell) => {
    it('reads what each group of version 2 counted itself', () => {
      const groups = ask(shell, {
        'system.slice/memory.events': 'oom 3\noom_kill 3\n',
        'system.slice/memory.events.local': 'oom 0\noom_kill 0\n',
        'system.slice/shop.service/memory.events': 'oom 3\noom_kill 3\noom_group_kill 0\n',
        'system.slice/shop.service/memory.events.local': 'oom 3\noom_kill 3\noom_group_kill 0\n',
        'system.slice/-a b;$(id)\xe9.service/memory.events.local': 'oom_kill 12\n',
      });

      expect(groups?.toSorted((a, b) => a.kills - b.kills)).toEqual([
        { path: '/system.slice/shop.service', kills: 3 },
        { path: '/system.slice/-a b;$(id)é.service', kills: 12 },
      ]);
    });

    it('makes do with older kernels, and with version 1', () => {
      expect(ask(shell, { 'a.slice/b.service/memory.events': 'oom_kill 2\n' })).toEqual([
        { path: '/a.slice/b.service', kills: 2 },
      ]);
      expect(
        ask(shell, {
          'memory/memory.oom_control': 'oom_kill 1\n',
          'memory/cgroup.sane_behavior': '0\n',
          'memory/docker/x/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 4\n',
        }),
      ).toEqual([{ path: '/docker/x', kills: 4 }]);
    });

    it('says nothing from inside a container', () => {
      expect(ask(shell, { 'cgroup.events': '', 'b/memory.events': 'oom_kill 2\n' })).toBeNull();
      expect(ask(shell, { 'memory/memory.oom_control': '', 'memory/b/memory.oom_control': 'oom_kill 2\n' })).toBeNull();
    });
  });
});

describe('a real host', needs('sshd', 'kills'), () => {
  it('tells in which group its kernel killed', async () => {
    const sshd = await openSshd();
    const ssh = openSsh({ clock: realClock, random: () => 0.05, passphrase: null, agentSocket: null });
    const [group, quiet] = [openKillGroup(), openKillGroup()];
    try {
      const connection = ssh.connect(sshd.target());
      await stateOf(connection, 'connected');
      await group.kill();
      await group.kill();

      const groups = await readGroupKills(connection);

      expect(groups?.find(({ path: where }) => where === group.memcg)).toEqual({ path: group.memcg, kills: 2 });
      expect(groups?.some(({ path: where }) => where === quiet.memcg)).toBe(false);
    } finally {
      await group.close();
      await quiet.close();
      await ssh.close();
      await sshd.close();
    }
  });
});
