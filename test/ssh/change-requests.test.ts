import { ownHelper } from '../../src/setup/setup-script.ts';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processRequest, readHelperAnswer, readMeans } from '../../src/change/host-command.ts';
import { openHostLink } from '../../src/ssh/host-link.ts';
import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import { openSshd, realClock, stateOf, type Sshd } from '../support/sshd.ts';
import { needs } from '../support/needs.ts';

const GROUP = `/sys/fs/cgroup/memory/oombot-limit-${process.pid}`;

describe('asking a host for changes', needs('sshd', 'namespaces'), () => {
  let sshd: Sshd;
  let ssh: Ssh;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    // No helper, whatever this machine has.
    const hidden = 'mount -t tmpfs none /usr/local/sbin && exec "$@"';
    sshd = await openSshd({ through: ['unshare', '-m', '--propagation', 'private', 'sh', '-c', hidden, 'sh'] });
    ssh = openSsh({ clock: realClock, random: Math.random, passphrase: null, agentSocket: null });
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await ssh.close();
    await sshd.close();
  });

  async function aLink() {
    const connection = ssh.connect(sshd.target());
    await stateOf(connection, 'connected');
    return openHostLink('here', connection, { logFiles: null, clock: realClock, ownHelper });
  }

  function aSleeper(): { pid: number; startTicks: number } {
    const child = spawn('sh', ['-c', 'echo 600 > /proc/self/oom_score_adj; exec sleep 1000'], { stdio: 'ignore' });
    children.push(child);
    const pid = child.pid ?? 0;
    while (readFileSync(`/proc/${pid}/comm`, 'utf8').trim() !== 'sleep') spawnSync('sleep', ['0.02']);
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return { pid, startTicks: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]) };
  }

  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

  it('makes the same checks as the login user where there is no helper', async () => {
    const link = await aLink();
    const { pid, startTicks } = aSleeper();
    const want = { bootId, pid, startTicks, from: 600, to: 100 };

    const hello = await link.changes.request('v1 hello\n');
    expect(hello).toMatchObject({ kind: 'answered', asUid: 0 });
    expect(hello.kind === 'answered' && readMeans(hello.text)?.max).toBe(1000);
    const stale = await link.changes.request(processRequest({ ...want, startTicks: startTicks + 1 })!);
    expect(stale.kind === 'answered' && readHelperAnswer(stale.text, { pid })).toEqual({
      kind: 'refused',
      why: { kind: 'process-replaced' },
    });
    const done = await link.changes.request(processRequest(want)!);

    expect(done.kind === 'answered' && readHelperAnswer(done.text, { pid })).toEqual({
      kind: 'written',
      old: 600,
      now: 100,
    });
    expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()).toBe('100');
    await link.close();
  });

  it('says that nothing was sent where there is no connection', async () => {
    const link = await aLink();
    await link.close();

    expect(await link.changes.request('v1 hello\n')).toMatchObject({ kind: 'unsent' });
  });

  it('finds the innermost memory group with a limit, and none where there is none', needs('cgroup'), async () => {
    const link = await aLink();
    mkdirSync(path.join(GROUP, 'inner'), { recursive: true });
    writeFileSync(path.join(GROUP, 'memory.limit_in_bytes'), '64M');
    const name = path.basename(GROUP);

    const found = await link.changes.limitOf(`/${name}/inner`);
    const hostile = await Promise.all(
      ['/../../etc', '/$(id)', '/a\nb', 'relative', '/', `/${name}; id`].map((one) => link.changes.limitOf(one)),
    );
    rmdirSync(path.join(GROUP, 'inner'));
    rmdirSync(GROUP);

    expect(found).toEqual({ path: `/${name}`, limitKiB: 65_536 });
    expect(hostile).toEqual([null, null, null, null, null, null]);
    await link.close();
  });
});
