import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Handlers } from '../../src/app/answer/handlers.ts';
import { askingOf } from '../support/asking.ts';
import { textOf } from '../support/an-answering-bot.ts';
import { openKillGroup, type KillGroup } from '../support/kill-group.ts';
import { needs } from '../support/needs.ts';
import { openSshd, type Sshd } from '../support/sshd.ts';
import { hostConfig, watchHosts, type WatchedHosts } from '../support/watched-fleet.ts';

const ASKER = { userId: 'U1', channelId: 'C1' };
/** Since the host is watched: others' kills of before are nobody's. */
const SINCE = { kind: 'last' as const, forMs: 0 };

// Those that take systemd are in test/guest/why.test.ts; what cannot be provoked at all (a gap, a reboot, an old kernel), in test/incident/why.test.ts.
describe('why did it die, on a real host', { ...needs('sshd', 'kills', 'perl'), timeout: 120_000 }, () => {
  let sshd: Sshd;
  let group: KillGroup;
  let watched: WatchedHosts;
  let handlers: Handlers;
  let sinceMs: number;
  const names = mkdtempSync(path.join(tmpdir(), 'oombot-why-'));
  const mark = `w${process.pid}`;

  beforeAll(async () => {
    sshd = await openSshd();
    group = openKillGroup();
    watched = await watchHosts({ hosts: [hostConfig('here', sshd.target())] });
    watched.fleet.watchOnly(null);
    await watched.untilWatching('here');
    sinceMs = Date.now();
    handlers = askingOf(watched);
  }, 60_000);
  afterAll(async () => {
    await watched.close();
    await group.close();
    await sshd.close();
    rmSync(names, { recursive: true });
  });

  async function why(what: string, when: Parameters<Handlers['answerWhy']>[0]['when'] = null): Promise<string> {
    const since = { ...SINCE, forMs: Math.max(1_000, Date.now() - sinceMs) };
    return textOf(await handlers.answerWhy({ host: 'here', what, when: when ?? since }, ASKER));
  }

  /** Others' kills on this machine may be on their way to the record: until then it cannot be told. Never a "yes" of these. */
  async function whyNot(what: number): Promise<string> {
    let text = '';
    await expect
      .poll(
        async () => {
          text = await why(String(what));
          expect(text).not.toContain('Yes: ');
          return text;
        },
        { timeout: 60_000 },
      )
      .toContain(`No: the OOM killer did not kill ${what} on here`);
    return text;
  }

  /** A program under a name of its own. */
  function named(program: string, name: string): string {
    const file = path.join(names, `${mark}${name}`);
    symlinkSync(program, file);
    return file;
  }

  function end(child: ChildProcess): Promise<{ pid: number; code: number | null; signal: string | null }> {
    return new Promise((resolve) =>
      child.once('exit', (code, signal) => resolve({ pid: child.pid ?? 0, code, signal })),
    );
  }

  function run(file: string, args: string[]) {
    return end(spawn(file, args, { stdio: 'ignore' }));
  }

  it('was the OOM killer, with its incident, by pid and by name', async () => {
    const pid = await group.kill(`${mark}victim`);

    for (const what of [String(pid), `${mark}victim`]) {
      const text = await why(what);
      expect(text.split('\n')[0]).toContain(`Yes: ${mark}victim`);
      expect(text).toContain('was killed by the kernel’s OOM killer on here');
      expect(text).toMatch(/Incident [0-9a-f-]{8,}/);
    }
  });

  it('was kill -9 by hand', async () => {
    const child = spawn(named('/usr/bin/tail', 'nine'), ['-f', '/dev/null'], { stdio: 'ignore' });
    const over = end(child);
    process.kill(child.pid ?? 0, 'SIGKILL');
    const { pid, signal } = await over;

    expect(signal).toBe('SIGKILL');
    await whyNot(pid);
  });

  it('was a segmentation fault, as the kernel’s log says where it logs such', async () => {
    const { pid, signal } = await run(named('/usr/bin/perl', 'segv'), ['-e', 'print unpack("p", pack("Q", 8))']);
    const text = await whyNot(pid);

    expect(signal).toBe('SIGSEGV');
    if (text.includes('segfault')) expect(text).toMatch(new RegExp(`${mark}segv\\[${pid}\\]: segfault at 8`));
  });

  it.each([
    ['an abort', 'kill -ABRT $$', 'SIGABRT', null],
    ['an exit code of its own', 'exit 3', null, 3],
    ['the exit code 137 that a shell gives for a child', 'sh -c "kill -9 \\$\\$"; exit 137', null, 137],
  ])('was %s', async (_, script, signal, code) => {
    const ended = await run('/bin/sh', ['-c', script]);

    expect(ended).toMatchObject({ signal, code });
    await whyNot(ended.pid);
  });

  it('was an allocation beyond ulimit -v, which kills nobody', async () => {
    const ended = await run('/bin/sh', ['-c', 'ulimit -v 60000; exec perl -e \'$x = "a" x 300_000_000\'']);

    expect(ended.code === 0 && ended.signal === null).toBe(false);
    await whyNot(ended.pid);
  });

  it('was not itself killed when a child of it was: the child is named', async () => {
    const procs = `/sys/fs/cgroup/memory${group.memcg}/cgroup.procs`;
    const child = named('/usr/bin/tail', 'child');
    const parent = await run('/bin/sh', ['-c', `sh -c 'echo $$ > ${procs}; exec ${child} /dev/zero'; exit 1`]);
    const text = await whyNot(parent.pid);

    expect(text).toContain(`${mark}child`);
    expect(await why(`${mark}child`)).toContain('Yes: ');
  });

  it('is a limit of processes, which kills nobody either', async () => {
    const dir = `/sys/fs/cgroup/pids/oombot-why-${process.pid}`;
    mkdirSync(dir);
    try {
      writeFileSync(path.join(dir, 'pids.max'), '2');
      const ended = await run('/bin/sh', [
        '-c',
        `echo $$ > ${dir}/cgroup.procs; sleep 0.1 | sleep 0.1 | sleep 0.1; exit 254`,
      ]);
      await whyNot(ended.pid);
    } finally {
      await expect.poll(() => tryRmdir(dir)).toBe(true);
    }
  });

  it('is still running', async () => {
    const child = spawn(named('/usr/bin/tail', 'alive'), ['-f', '/dev/null'], { stdio: 'ignore' });
    const over = end(child);
    await expect.poll(() => why(`${mark}alive`, { kind: 'last', forMs: 1_000 })).toContain('is running on here');
    child.kill('SIGKILL');
    await over;

    expect(await why(`${mark}alive`)).not.toContain('is running');
  });

  it('never ran, as far as can be told: no "no" while others died', async () => {
    await group.kill(`${mark}other`);
    const text = await why(`${mark}nosuch`);

    expect(text).toContain('I cannot tell whether the OOM killer took');
    expect(text).toContain(`${mark}other`);
  });

  it('was before the host was watched: no "no" unless the counter shows that nothing was missed', async () => {
    const text = await why(`${mark}nosuch`, { kind: 'last', forMs: 23 * 60 * 60_000 });

    expect(text).not.toMatch(/^\S* ?No: /);
  });

  it('says so when the host is gone', async () => {
    await sshd.stop();
    try {
      expect(await why(`${mark}nosuch`)).toContain('did not answer, so its counters could not be compared');
    } finally {
      await sshd.start();
      await watched.untilWatching('here');
    }
  });
});

function tryRmdir(dir: string): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch {
    return false;
  }
}
