import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { renderSetup } from '../../src/setup/setup-script.ts';
import { setupOptions } from './options.ts';
import { openUnsharedHost, type UnsharedHost } from './unshared-host.ts';
import { needs, skipWithout, type PartName } from '../support/needs.ts';

const HELPER = '/usr/local/sbin/oom-adj';
const SYSTEM = '/etc/systemd/system';

const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
const shells: [PartName, string][] = [
  ['dash', 'dash'],
  ['busybox', 'busybox sh'],
  ['bash', 'bash --posix'],
];
const ways = ['sudo', 'doas'] as const;

// There is no systemd in a copy of this machine, so this answers what the helper asks it: from the files, and only since it
// was told to read them again. A real one is asked in test/guest.
const SYSTEMCTL = `#!/bin/sh
S=${SYSTEM}
echo "$*" >>/run/asked
case $* in
  '--no-ask-password daemon-reload') [ ! -e /run/sick ] || { sleep "$(cat /run/sick)"; exit 1; }; rm -rf /run/loaded; cp -a $S /run/loaded ;;
  '--no-ask-password show -p LoadState -- '*) if [ -e "$S/\${6}" ]; then echo LoadState=loaded; else echo LoadState=not-found; fi ;;
  '--no-ask-password show -p Id -- alias.service') echo Id=shop.service ;;
  '--no-ask-password show -p Id -- '*) echo "Id=\${6}" ;;
  '--no-ask-password show -p User -- '* | '--no-ask-password show -p DynamicUser -- '*) sed -n "s/^\${4}=/&/p" "$S/\${6}" ;;
  '--no-ask-password show -p MainPID -- '*) echo MainPID=0 ;;
  '--no-ask-password show -p OOMScoreAdjust -- '*) cat "/run/loaded/\${6}" "/run/loaded/\${6}.d"/*.conf 2>/dev/null | awk '/^OOMScoreAdjust=/ { l = $0 } END { print l ? l : "OOMScoreAdjust=0" }' ;;
  *) exit 1 ;;
esac
`;

describe('oom-adj and services', needs('namespaces', 'sudo'), () => {
  let host: UnsharedHost;
  beforeEach(async () => {
    host = await openUnsharedHost();
    host.run(renderSetup(setupOptions()));
    host.run('cat >/usr/bin/systemctl; chmod 755 /usr/bin/systemctl; mkdir -p /run/systemd/system', {
      input: SYSTEMCTL,
    });
    host.run(`cd ${SYSTEM} && printf '[Service]\\nExecStart=/bin/true\\nOOMScoreAdjust=300\\n' | tee shop.service alias.service 'a\\x2db@1.service' ssh.service >/dev/null
printf '[Service]\\nOOMScoreAdjust=-250\\n' >systemd-journald.service; systemctl --no-ask-password daemon-reload; rm -f /run/asked; touch /run/asked; chmod 666 /run/asked`);
  });
  afterEach(() => host.close());

  function ask(request: string | Buffer, way: string = 'sudo'): string {
    return host.run(`exec su oombot -s /bin/sh -c '${way} -n ${HELPER}'`, { input: request }).stdout.trim();
  }
  function line(unit: string, current: string | number, wanted: string | number): string {
    return `v1 unit ${bootId} ${unit} ${current} ${wanted}\n`;
  }
  /** Every name under the units' folder, with what the drop-ins hold. */
  function state(): string {
    return host.run(
      `cd ${SYSTEM}; find . ! -type f -printf '%p %m %l\\n' -o -printf '%p %m %s\\n' | sort; cat */*.conf; ls -A /etc | wc -l`,
    ).stdout;
  }
  function dropIn(unit = 'shop.service'): string {
    return host.run(`cat '${SYSTEM}/${unit}.d/50-oombot.conf'`).stdout;
  }

  it.for(ways)('sets, changes and takes away a drop-in through %s', (way, context) => {
    skipWithout(context, way);
    // The set-up takes sudo where both are there.
    if (way === 'doas') host.run(`rm /usr/bin/sudo\n${renderSetup(setupOptions())}`);
    const before = state();

    expect(ask(line('shop.service', '-', -500), way)).toBe('ok unit=shop.service old=- new=-500');
    expect(dropIn()).toMatch(
      /^#.*remove this file, then systemctl daemon-reload\.\n# Earlier value: 300\n\[Service\]\nOOMScoreAdjust=-500\n$/,
    );
    expect(host.run(`cd ${SYSTEM}; ls -A shop.service.d; stat -c '%U %a' shop.service.d shop.service.d/*`).stdout).toBe(
      '50-oombot.conf\nroot 755\nroot 644\n',
    );
    expect(ask(line('shop.service', -500, 100), way)).toBe('ok unit=shop.service old=-500 new=100');
    expect(ask(line('shop.service', -500, 200), way)).toBe('refused changed:100');
    expect(ask(line('shop.service', '-', 200), way)).toBe('refused changed:100');
    expect(ask(line('shop.service', 100, '-'), way)).toBe('ok unit=shop.service old=100 new=-');
    expect(ask(line('shop.service', 100, '-'), way)).toBe('refused changed:-');
    expect(state()).toBe(before);
    expect(host.run('grep -c daemon-reload /run/asked').stdout).toBe('3\n');
  });

  it.for(shells)('does the same under %s', ([part, shell], context) => {
    skipWithout(context, part);
    const unit = 'a\\x2db@1.service';
    function asRoot(request: string): string {
      return host.run(`${shell} ${HELPER}`, { input: request }).stdout.trim();
    }

    expect(asRoot('v1 hello\n')).toMatch(/ units=yes /);
    expect(asRoot(line(unit, '-', -900))).toBe(`ok unit=${unit} old=- new=-900`);
    expect(dropIn(unit)).toContain('\nOOMScoreAdjust=-900\n');
    expect(asRoot(line(unit, -900, '-'))).toBe(`ok unit=${unit} old=-900 new=-`);
    expect(asRoot(line('a\\x2d/b.service', '-', 1))).toBe('refused chars');
    expect(asRoot(line('a\\b.service', '-', 1))).toBe('refused unit');
    expect(asRoot(line('-a.service', '-', 1))).toBe('refused unit');
  });

  it('leaves a line in the log of the host', () => {
    ask(line('shop.service', '-', 5));
    ask(line('shop.service', '-', 6));

    const log = host.run('sleep 0.3; cat /var/log/seen').stdout;
    for (const step of ['asked', 'set'])
      expect(log).toContain(`oom-adj: ${step} unit=shop.service old=- new=5 by=oombot`);
    expect(log).toContain('oom-adj: refused why=changed:5 req=v1 shop.service 6 by=oombot');
  });

  it('touches nothing for a name or value that is not one', () => {
    const before = state();
    const names: [string, string][] = [
      ['../shop.service', 'chars'],
      ['/etc/shadow', 'chars'],
      ['a/b.service', 'chars'],
      ['shop.service/', 'chars'],
      ['shop.service;id', 'chars'],
      ['$(touch${IFS}/etc/owned).service', 'chars'],
      ['`id`.service', 'chars'],
      ["'.service", 'chars'],
      ['".service', 'chars'],
      ['*.service', 'chars'],
      ['sho?.service', 'chars'],
      ['[s]hop.service', 'chars'],
      ['~root.service', 'chars'],
      ['%n.service', 'chars'],
      ['{a,b}.service', 'chars'],
      ['shop.service=1', 'chars'],
      ['sh\u00f6p.service', 'chars'],
      ['shop.service\tx', 'chars'],
      ['shop.service\r', 'chars'],
      ['shop\0.service', 'chars'],
      ['shop.service\nx', 'chars'],
      ['shop .service', 'ref'],
      ['.service', 'unit'],
      ['.shop.service', 'unit'],
      ['..service', 'unit'],
      ['-shop.service', 'unit'],
      ['--help.service', 'unit'],
      ['@.service', 'unit'],
      ['shop@.service', 'unit'],
      ['shop', 'unit'],
      ['shop.timer', 'unit'],
      ['shop.service.d', 'unit'],
      ['shop.SERVICE', 'unit'],
      ['shop.service\\', 'unit'],
      ['\\x2e\\x2e.service', 'unit'],
      ['shop\\.service', 'unit'],
      ['shop\\x2.service', 'unit'],
      ['shop\\xZZ.service', 'unit'],
      ['shop\\n.service', 'unit'],
      [`${'x'.repeat(193)}.service`, 'unit'],
      [`${'x'.repeat(600)}.service`, 'incomplete'],
      // Well-formed, but not what systemd has under that name.
      ['nowhere.service', 'unit'],
      ['alias.service', 'unit'],
    ];
    const values: [string, string, string][] = [
      ['-', '-1001', 'range'],
      ['-', '1001', 'range'],
      ['-', '010', 'number'],
      ['-', '-0', 'number'],
      ['-', '+5', 'chars'],
      ['-', '0x10', 'number'],
      ['-', '1e3', 'number'],
      ['-', '--', 'number'],
      ['-', '5\\n', 'number'],
      ['-', '5 6', 'ref'],
      ['-', '5\nOOMScoreAdjust=6', 'chars'],
      ['-', '9'.repeat(20), 'number'],
      ['x', '5', 'number'],
      ['', '5', 'fields'],
    ];

    for (const [name, reason] of names) expect([name, ask(line(name, '-', 5))]).toEqual([name, `refused ${reason}`]);
    for (const [current, wanted, reason] of values)
      expect([wanted, ask(line('shop.service', current, wanted))]).toEqual([wanted, `refused ${reason}`]);
    expect(ask(line('shop.service', '-', 5).replace(bootId, bootId.replaceAll(/[0-9]/g, '0')))).toBe('refused boot');
    expect(ask(line('shop.service', '-', 5).trim())).toBe('refused incomplete');
    // What a unit's name may hold is still refused where a process is meant.
    expect(ask(`v1 ${bootId} 2.0 1 0 5\n`)).toBe('refused chars');
    expect(ask(`V1 unit ${bootId} shop.service - 5\n`)).toBe('refused chars');
    expect(state()).toBe(before);
    expect(host.run('grep -c daemon-reload /run/asked').stdout).toBe('0\n');
  });

  it.each([
    ['a folder that leads elsewhere', `mkdir -m 777 /home/trap; ln -s /home/trap shop.service.d`, 'unsafe'],
    ['a folder that leads nowhere', `ln -s /etc/owned shop.service.d`, 'unsafe'],
    ['a folder that others may write to', `mkdir -m 775 shop.service.d`, 'unsafe'],
    ['a folder of somebody else', `mkdir shop.service.d; chown 65534 shop.service.d`, 'unsafe'],
    ['a file for a folder', `: >shop.service.d`, 'unsafe'],
    ['units that others may write to', `chmod 777 .`, 'unsafe'],
    [
      'a drop-in that leads elsewhere',
      `mkdir shop.service.d; ln -s /etc/passwd shop.service.d/50-oombot.conf`,
      'changed:?',
    ],
    [
      'a drop-in that leads nowhere',
      `mkdir shop.service.d; ln -s /etc/owned shop.service.d/50-oombot.conf`,
      'changed:?',
    ],
    ['a drop-in that is a pipe', `mkdir shop.service.d; mkfifo shop.service.d/50-oombot.conf`, 'changed:?'],
    [
      'a drop-in that somebody wrote more into',
      `mkdir shop.service.d; printf '[Service]\\nOOMScoreAdjust=5\\nMemoryMax=1G\\n' >shop.service.d/50-oombot.conf`,
      'changed:?',
    ],
    [
      'a drop-in that another one overrules',
      `mkdir shop.service.d; printf '[Service]\\nOOMScoreAdjust=77\\n' >shop.service.d/90-ours.conf`,
      'verify:77',
    ],
    ['a systemd that does not read again', `echo 0 >/run/sick`, 'reload'],
    ['no place to take turns', `mkdir -p /run/oom-adj && mount -o ro -t tmpfs t /run/oom-adj`, 'note'],
    ['a folder that cannot be written to', `mount --bind . . && mount -o remount,ro,bind .`, 'read-only'],
  ])('leaves all as it was with %s', (_, prepare, reason) => {
    const answer = host.run(
      // Mounts are those of one shell and of what it starts.
      `cd ${SYSTEM}; exec unshare -m sh -c "$(cat <<'PREPARE'\n${prepare}
(${LISTING}) >/run/before; cat /etc/passwd >>/run/before
su oombot -s /bin/sh -c 'sudo -n ${HELPER}'
(${LISTING}) >/run/after; cat /etc/passwd >>/run/after\nPREPARE\n)"`,
      { input: line('shop.service', '-', 5) },
    );

    expect(answer.stdout.trim()).toBe(`refused ${reason}`);
    expect(host.run('cmp /run/before /run/after; ls /etc/owned /home/trap/* 2>/dev/null').stdout).toBe('');
  });

  it('writes over a file that was left in its way, not through it', () => {
    host.run(`cd ${SYSTEM}; mkdir shop.service.d; ln -s /etc/owned shop.service.d/.50-oombot.conf.new`);

    expect(ask(line('shop.service', '-', 5))).toBe('ok unit=shop.service old=- new=5');
    expect(host.run('ls /etc/owned').status).not.toBe(0);
    expect(host.run(`ls -A ${SYSTEM}/shop.service.d`).stdout).toBe('50-oombot.conf\n');
  });

  it('waits for systemd only so long, and then brings back what was there', () => {
    host.run(`sed -i 's/timeout -s KILL 30/timeout -s KILL 1/' ${HELPER}; grep -q 'timeout -s KILL 1 ' ${HELPER}`);
    ask(line('shop.service', '-', 5));
    host.run('echo 100 >/run/sick');

    expect(ask(line('shop.service', 5, 6))).toBe('refused reload');
    expect(dropIn()).toContain('OOMScoreAdjust=5\n');
  });

  it('never goes above the value that the service has without it', () => {
    for (const unit of ['shop.service', 'ssh.service']) {
      expect(ask(line(unit, '-', 301))).toBe('refused no-raise');
      expect(ask(line(unit, '-', -500))).toMatch(/^ok /);
      expect(ask(line(unit, -500, 301))).toBe('refused no-raise');
      expect(ask(line(unit, -500, 300))).toMatch(/^ok /);
      expect(ask(line(unit, 300, -100))).toMatch(/^ok /);
      expect(ask(line(unit, -100, '-'))).toMatch(/^ok /);
    }
    expect(ask(line('systemd-journald.service', '-', -249))).toBe('refused no-raise');
    expect(ask(line('systemd-journald.service', '-', -300))).toMatch(/^ok /);
  });

  it('goes down only from a drop-in of an older helper, which kept no earlier value, and takes it away', () => {
    host.run(
      `cd ${SYSTEM}; mkdir shop.service.d; printf '# By oombot.\n[Service]\nOOMScoreAdjust=-500\n' >shop.service.d/50-oombot.conf`,
    );

    expect(ask(line('shop.service', -500, -400))).toBe('refused no-raise');
    expect(ask(line('shop.service', -500, -600))).toMatch(/^ok /);
    expect(ask(line('shop.service', -600, '-'))).toMatch(/^ok /);
  });

  it('says whether it would, and does nothing', () => {
    const before = state();

    expect(ask(line('shop.service', '-', 5).replace('v1', 'v1 try'))).toBe('ok try');
    expect(ask(line('shop.service', '-', 301).replace('v1', 'v1 try'))).toBe('refused no-raise');
    expect(state()).toBe(before);
    expect(host.run('cat /var/log/seen').stdout).not.toContain(' oom-adj: ');
  });

  it('raises where that was allowed, but nothing of root’s and nothing that runs containers', () => {
    host.run(renderSetup(setupOptions({ allowRaise: true })));
    host.run(`cd ${SYSTEM}; sed -i '1a User=nobody' shop.service; for u in crio k3s podman lxd libvirtd dropbear containerd docker; do cp shop.service $u.service; done
printf '[Service]\\nUser=root\\n' >roots.service; printf '[Service]\\nUser=0\\n' >zeros.service; printf '[Service]\\n' >nobodys.service; printf '[Service]\\nDynamicUser=yes\\n' >dynamic.service
systemctl --no-ask-password daemon-reload`);

    expect(ask(line('shop.service', '-', 900))).toMatch(/^ok /);
    expect(ask(line('dynamic.service', '-', 900))).toMatch(/^ok /);
    for (const unit of [
      'crio',
      'k3s',
      'podman',
      'lxd',
      'libvirtd',
      'dropbear',
      'containerd',
      'docker',
      'roots',
      'zeros',
      'nobodys',
    ])
      expect([unit, ask(line(`${unit}.service`, '-', 900))]).toEqual([unit, 'refused protected']);
  });

  it('lets one of two that come at once win', () => {
    host.run(
      `printf '%s' '${line('shop.service', '-', 1)}' >/run/one; printf '%s' '${line('shop.service', '-', 2)}' >/run/two`,
    );

    for (let round = 0; round < 15; round++) {
      const { stdout } = host.run(`${HELPER} </run/one >/run/said & ${HELPER} </run/two; wait; cat /run/said`);
      const value = /new=(\d)/.exec(stdout)?.[1] ?? '';

      expect(stdout.match(/^ok /gm)).toHaveLength(1);
      expect(stdout).toContain(`refused changed:${value}`);
      expect(dropIn()).toContain(`OOMScoreAdjust=${value}\n`);
      ask(line('shop.service', value, '-'));
    }
  });

  it('says so where there is no systemd', () => {
    host.run('rm -r /run/systemd/system');

    expect(ask('v1 hello\n')).toMatch(/ units=no /);
    expect(ask(line('shop.service', '-', 5))).toBe('refused no-systemd');
  });
});

const LISTING = `find . -printf '%p %y %m %u %l\\n' | sort`;
