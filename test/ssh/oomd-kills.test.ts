import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/remote/scripts.ts';
import { parseOomdKills } from '../../src/ssh/oomd-kills.ts';
import { needs } from '../support/needs.ts';

/** `systemctl show -p Id -p ManagedOOMKills` of systemd 259. The order of a unit's properties is that of its interfaces. */
const PROPERTIES = `ManagedOOMKills=2
Id=shop.service

Id=session-4.scope
ManagedOOMKills=1

ManagedOOMKills=0
Id=cron.service

ManagedOOMKills=[not set]
Id=ssh.service

ManagedOOMKills=1
Id=dev-disk\\x2dby.slice
`;
/** The same question to systemd 252, which does not know the property. */
const OLD_PROPERTIES = 'Id=shop.service\n\nId=cron.service\n';

describe('the answer of a host about systemd-oomd', () => {
  it('is unknown where an older oombot-host refuses the question, and nothing where it is torn', () => {
    expect(parseOomdKills('\n#oombot-host 1 refused name\n', 0)).toBe('unknown');
    expect(parseOomdKills('unit 3 shop.service\n', 0)).toBeNull();
    expect(parseOomdKills('', 0)).toBeNull();
  });

  it('leaves out what is no unit', () => {
    const text = 'unit 1 a b.service\nunit x c.service\nunit 2 d.service\n#oomd-kills 1 3\n';

    expect(parseOomdKills(text, 7)).toEqual({ sum: 3, units: [{ unit: 'd.service', kills: 2 }], readAtMs: 7 });
  });
});

describe('the question about systemd-oomd', needs('namespaces', 'busybox'), () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-oomd-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  let hosts = 0;

  /** What a host answers on which systemctl says that, in that shell; `awk` is busybox's or the system's. */
  function ask(shell: string, properties: string, hasOomd = true) {
    const host = path.join(dir, `host-${(hosts += 1)}`);
    const groups = path.join(host, 'cgroup');
    mkdirSync(path.join(groups, hasOomd ? 'system.slice/systemd-oomd.service' : 'system.slice'), { recursive: true });
    const bin = path.join(host, 'bin');
    mkdirSync(bin);
    writeFileSync(path.join(host, 'properties'), properties);
    writeFileSync(
      path.join(bin, 'systemctl'),
      `#!/bin/sh\n[ "$*" = 'show -p Id -p ManagedOOMKills -- *.service *.scope *.slice' ] && exec cat ${host}/properties\nexit 1\n`,
      { mode: 0o755 },
    );
    if (shell === 'sh')
      for (const name of ['sh', 'awk', 'cat', 'env']) symlinkSync('/usr/bin/busybox', path.join(bin, name));
    const command = COMMANDS['oomd-kills'].replace('sh -c', `${shell} -c`);
    const enter = 'mount --make-rprivate / && mount --bind "$0" /sys/fs/cgroup && export PATH="$1" && eval "$2"';
    const where = shell === 'sh' ? bin : `${bin}:${process.env['PATH'] ?? ''}`;
    const { stdout } = spawnSync('unshare', ['-m', '/bin/sh', '-c', enter, groups, where, command]);
    return parseOomdKills(stdout.toString('latin1'), 0);
  }

  // `sh` is busybox, and so is all that it calls.
  describe.each(['dash', 'bash', 'sh'])('in %s', (shell) => {
    it('adds up what systemd counted, and names the units', () => {
      expect(ask(shell, PROPERTIES)).toEqual({
        sum: 4,
        units: [
          { unit: 'shop.service', kills: 2 },
          { unit: 'session-4.scope', kills: 1 },
          { unit: 'dev-disk\\x2dby.slice', kills: 1 },
        ],
        readAtMs: 0,
      });
    });

    it('says that an older systemd does not know', () => {
      expect(ask(shell, OLD_PROPERTIES)).toBe('unknown');
      expect(ask(shell, '')).toBe('unknown');
    });

    it('asks nothing where no systemd-oomd runs', () => {
      expect(ask(shell, PROPERTIES, false)).toBeNull();
    });
  });
});
