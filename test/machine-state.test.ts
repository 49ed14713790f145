import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { differences, readMachineState } from './support/machine-state.ts';

it('a run that leaves something behind, or changes something, is told what', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'oombot-machine-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  function file(name: string, text: string): void {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  file('etc/passwd', 'root\n');
  file('etc/sudoers', 'root\n');
  file('home/ana/notes', '');
  file('proc/sys/kernel/dmesg_restrict', '1\n');
  file('proc/sys/vm/drop_caches', '0\n');
  file('proc/77/environ', '');
  const before = readMachineState('RUN=1', root);

  file('etc/passwd', 'root\noombot\n');
  chmodSync(path.join(root, 'etc/sudoers'), 0o600);
  file('usr/local/sbin/oom-adj', '');
  file('home/ana/notes', 'changed by Ana herself');
  mkdirSync(path.join(root, 'home/oombot'));
  file('home/oombot/.ssh/authorized_keys', '');
  file('proc/sys/kernel/dmesg_restrict', '0\n');
  file('proc/sys/vm/drop_caches', '3\n');
  mkdirSync(path.join(root, 'sys/fs/cgroup/memory/oombot-e2e-99999-1'), { recursive: true });
  mkdirSync(path.join(root, 'sys/fs/cgroup/memory/oombot-e2e-77-1'), { recursive: true });
  file('proc/78/environ', 'A=1\0RUN=1\0');
  file('proc/78/cmdline', 'sleep\x001000\x00');
  const found = differences(before, readMachineState('RUN=1', root)).map((one) => one.replace(root, ''));

  expect(found.map((one) => one.split(' ')[0])).toEqual([
    '/etc/passwd',
    '/etc/sudoers',
    '/home/oombot/.ssh',
    '/home/oombot/.ssh/authorized_keys',
    '/proc/78',
    '/proc/sys/kernel/dmesg_restrict',
    '/sys/fs/cgroup/memory/oombot-e2e-99999-1',
    '/usr/local/sbin',
    '/usr/local/sbin/oom-adj',
  ]);
  expect(found).toContain('/proc/sys/kernel/dmesg_restrict was 1, is 0');
  expect(found).toContain('/proc/78 is new: sleep 1000');
});
