import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseHostLook } from '../../src/cause/read-host-facts.ts';
import { COMMANDS } from '../../src/remote/scripts.ts';
import { HOSTILE_NAMES } from '../support/hostile-names.ts';
import { needs } from '../support/needs.ts';

const SHELLS = ['sh', 'dash', 'busybox sh', 'bash'].filter(
  (shell) => spawnSync('sh', ['-c', `${shell} -c :`]).status === 0,
);
const NOBODY = { unit: null, group: null };

function run(shell: string, input: string, file?: { cwd: string }) {
  const command = COMMANDS.look.replace('sh -c', `${shell} -c`);
  return spawnSync('sh', ['-c', command], { input, encoding: 'latin1', ...file });
}

describe.each(SHELLS)('a look at this machine with %s', (shell) => {
  it('says what the kernel says, at once and without a complaint', () => {
    const startedAtMs = Date.now();
    const { stdout, stderr, status } = run(shell, '\n\n');

    const facts = parseHostLook(stdout, NOBODY, 5);
    expect([stderr, status]).toEqual(['', 0]);
    expect(Date.now() - startedAtMs).toBeLessThan(2_000);
    expect(facts).toMatchObject({ atMs: 5, group: null, unit: null });
    expect(facts?.memory.totalKiB).toBeGreaterThan(100_000);
    expect(facts?.memory.slabUnreclaimableKiB).toBeGreaterThan(0);
    expect(facts?.vm).toMatchObject({ overcommit_memory: expect.any(Number), min_free_kbytes: expect.any(Number) });
    expect(facts?.counters['oom_kill']).toBeGreaterThanOrEqual(0);
    expect(facts?.tmpfs.every(({ sizeKiB, usedKiB }) => sizeKiB >= usedKiB)).toBe(true);
  });

  it('says what the memory group holds, and what it may hold', needs('cgroup'), async () => {
    const group = `/oombot-look-${process.pid}-${SHELLS.indexOf(shell)}`;
    const dir = path.join('/sys/fs/cgroup/memory', group);
    mkdirSync(dir);
    writeFileSync(path.join(dir, 'memory.limit_in_bytes'), String(64 * 1024 * 1024));
    const holder = spawn('sh', ['-c', `echo $$ > ${dir}/cgroup.procs; exec head -c 20M /dev/zero | tail | sleep 60`], {
      stdio: 'ignore',
      detached: true,
    });
    onTestFinished(async () => {
      if (holder.pid !== undefined) process.kill(-holder.pid, 'SIGKILL');
      await sleep(200);
      rmdirSync(dir);
    });
    await expect
      .poll(() => parseHostLook(run(shell, `\n${group}\n`).stdout, { unit: null, group }, 0)?.group?.statsKiB['rss'])
      .toBeGreaterThan(15_000);

    const facts = parseHostLook(run(shell, `\n${group}\n`).stdout, { unit: null, group }, 0)?.group;
    expect(facts).toMatchObject({ version: 1, path: group, limitKiB: 65_536, events: { oom_kill: 0 } });
    expect(facts?.currentKiB).toBeGreaterThan(15_000);
  });

  it('runs nothing of what it is given', () => {
    const cwd = path.join('/tmp', `oombot-look-${process.pid}-${SHELLS.indexOf(shell)}`);
    mkdirSync(cwd);
    onTestFinished(() => rmdirSync(cwd));
    const nasty = [
      '$(touch x)',
      '`touch x`',
      '; touch x',
      "'; touch x; '",
      '/../../etc',
      '-H',
      '/a$(touch x)',
      '"; touch x',
    ];

    for (const text of [...nasty, ...HOSTILE_NAMES.map((name) => name.replaceAll('\n', ' '))]) {
      const { stdout } = run(shell, `${text}\n${text.startsWith('/') ? text : `/${text}`}\n`, { cwd });
      expect(stdout).toContain('#end');
      expect(stdout).not.toContain('group version');
    }
    // An empty directory is all that can be removed.
  });
});

describe('the answer of a look', () => {
  const WHOLE = [
    'banner of a login shell',
    '#look 1',
    'up 1000.00',
    'mem MemTotal 600000',
    'mem SwapTotal 262140',
    'psi some avg10=80.50 avg60=1.00 avg300=0.00 total=1',
    'psi full avg10=62.25 avg60=1.00 avg300=0.00 total=1',
    'vm swappiness 1',
    'swap 262140 1000 /dev/vda2',
    'tmpfs 300000 170000 /dev/shm with blank',
    'balloon virtio_balloon',
    'zram 104857600',
    'arc 1073741824',
    'group version 2',
    'group memory.max max',
    'group memory.current 41943040',
    'group memory.swap.max 0',
    'group memory.oom.group 1',
    'event high 12',
    'event oom_kill 3',
    'stat anon 40000000',
    'package 300 2026-08-30 01:30:00 upgrade mysql-server:amd64 8.0.1 8.0.2',
    'unit ActiveState=active',
    'unit MemoryMax=infinity',
    'unit MemoryHigh=1073741824',
    'unit TasksMax=18446744073709551615',
    'unit OOMScoreAdjust=-500',
    'unit ActiveEnterTimestampMonotonic=996000000',
    '#end',
    '',
  ].join('\n');
  const SUBJECT = { unit: 'web.service', group: '/system.slice/web.service' };

  it('is read, whatever stands before it', () => {
    expect(parseHostLook(WHOLE, SUBJECT, 7)).toMatchObject({
      pressure: { someAvg10: 80.5, fullAvg10: 62.25 },
      vm: { swappiness: 1 },
      swaps: [{ device: '/dev/vda2', sizeKiB: 262_140, usedKiB: 1_000 }],
      tmpfs: [{ path: '/dev/shm with blank', sizeKiB: 300_000, usedKiB: 170_000 }],
      balloon: 'virtio_balloon',
      zramKiB: 102_400,
      zfsArcKiB: 1_048_576,
      group: { version: 2, limitKiB: null, currentKiB: 40_960, swapLimitKiB: 0, oomGroup: true, events: { high: 12 } },
      unit: { memoryMaxKiB: null, memoryHighKiB: 1_048_576, tasksMax: null, oomScoreAdjust: -500, activeForMs: 4_000 },
      packages: { agoSeconds: 300, text: '2026-08-30 01:30:00 upgrade mysql-server:amd64 8.0.1 8.0.2' },
    });
  });

  it('is read as far as it goes, wherever it was cut off', () => {
    for (let end = 0; end < WHOLE.length; end += 3) {
      const facts = parseHostLook(WHOLE.slice(0, end), SUBJECT, 7);
      if (end > WHOLE.indexOf('up 1000') && facts !== null)
        expect(Object.values(facts.vm).every(Number.isFinite)).toBe(true);
      if (end < WHOLE.indexOf('#look 1') + 7) expect(facts).toBeNull();
    }
  });
});
