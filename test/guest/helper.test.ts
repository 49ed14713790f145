import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { oomAdjOfOomScoreAdj, oomScoreAdjOfOomAdj } from '../../src/oom/badness/badness.ts';
import { rankNext } from '../../src/oom/proc/proc-scan.ts';
import { renderSetup } from '../../src/setup/setup-script.ts';
import { setupOptions } from '../setup/options.ts';
import { openFullGroup } from '../support/predicted-kill.ts';
import { openGuest, type Guest } from './guest.ts';

const HELPER = '/usr/local/sbin/oom-adj';
const cli = path.join(import.meta.dirname, '../../src/cli.ts');
const node = path.join(import.meta.dirname, '../../node_modules/.bin/node');

// What a machine without CAP_SYS_RESOURCE and without systemd cannot show: run by `npm run test:guest`, not by `npm test`.
describe('the helper on a Debian with systemd and a root that lacks nothing', { timeout: 400_000 }, () => {
  let guest: Guest;
  let dir: string;
  let bootId = '';

  beforeAll(async () => {
    guest = await openGuest();
    dir = mkdtempSync(path.join(tmpdir(), 'oombot-guest-test-'));
    const publicKey = readFileSync(`${guest.identityFile}.pub`, 'utf8');
    const { stdout } = guest.run('exec sh -s', {
      input: renderSetup(setupOptions({ publicKeys: [publicKey], minOomScoreAdj: -1000, allowRaise: true })),
    });
    expect(stdout).toContain('  oombot can change values through oom-adj\n');
    bootId = root('cat /proc/sys/kernel/random/boot_id').trim();
  }, 900_000);
  afterAll(async () => {
    await guest?.close();
    if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
  });

  function root(script: string, input = ''): string {
    const { status, stdout, stderr } = guest.run(script, { input });
    if (status !== 0) throw new Error(`${script}: ${status} ${stdout} ${stderr}`);
    return stdout;
  }
  /** As the account itself, which no longer has a shell over ssh. */
  function asAccount(script: string, input: string) {
    return guest.run(`exec su oombot -s /bin/sh -c "$(cat <<'SCRIPT'\n${script}\nSCRIPT\n)"`, { input });
  }
  function ask(request: string): string {
    return asAccount(`sudo -n ${HELPER}`, request).stdout.trim();
  }
  function start(): { pid: number; ticks: string } {
    const text = root('setpriv --reuid 65534 sleep 10000 </dev/null >/dev/null 2>&1 & sleep 0.3; cat /proc/$!/stat');
    return { pid: Number.parseInt(text, 10), ticks: text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '' };
  }
  function line({ pid, ticks }: { pid: number; ticks: string }, current: number, wanted: number): string {
    return `v1 ${bootId} ${pid} ${ticks} ${current} ${wanted}\n`;
  }
  function unitLine(unit: string, current: string | number, wanted: string | number): string {
    return `v1 unit ${bootId} ${unit} ${current} ${wanted}\n`;
  }
  function service(name: string, command = '/bin/sleep infinity', more = ''): void {
    root(
      `cat >'/etc/systemd/system/${name}' && systemctl daemon-reload && systemctl start '${name}'`,
      `[Service]\nUser=nobody\nExecStart=${command}\n${more}`,
    );
  }
  /** What systemd says it will start the service with, and what its process has. */
  function valuesOf(name: string): string[] {
    return root(
      `systemctl show -p OOMScoreAdjust '${name}'; cat /proc/$(systemctl show -p MainPID '${name}' | cut -d= -f2)/oom_score_adj`,
    )
      .split('\n')
      .slice(0, 2);
  }

  it('is found in order by oombot check', () => {
    writeFileSync(
      path.join(dir, 'oombot.yaml'),
      `database: sqlite:${dir}/oombot.db\nssh:\n  identityFile: ${guest.identityFile}\n  knownHosts: ${guest.knownHostsFile}\nhosts:\n  - name: guest\n    address: 127.0.0.1\n    port: ${guest.port}\n`,
    );
    const { status, stdout, stderr } = spawnSync(node, [cli, 'check', 'guest'], {
      cwd: dir,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
    });

    expect(stderr).toBe('');
    expect(stdout).not.toMatch(/CAP_SYS_RESOURCE|oom_score_adj cannot/);
    expect(status).toBe(0);
  });

  it('says that it can do all', () => {
    expect(ask('v1 hello\n')).toBe(
      'ok oom-adj=1 min=-1000 max=1000 capability=yes writable=yes file=oom_score_adj units=yes raise=yes log=yes try=yes ref=yes names=yes drill=yes',
    );
  });

  it('has the kernel kill a process of its own in a drill, on cgroup v2, and leaves nothing behind', () => {
    function left(): string {
      return root(
        'ls -d /sys/fs/cgroup/oombot-drill-* 2>/dev/null; grep -l oombot-drill /proc/[0-9]*/comm 2>/dev/null; true',
      ).trim();
    }
    const id = 'a1'.repeat(16);
    const before = root('grep ^oom_kill /proc/vmstat');

    expect(ask(`v1 try drill ${id}\n`)).toBe('ok try');
    expect(ask(`v1 drill ${id}\n`)).toBe(`ok drill=${id}`);

    expect(Number(root('grep ^oom_kill /proc/vmstat').split(' ')[1]) - Number(before.split(' ')[1])).toBe(1);
    expect(root(`dmesg | grep oom-kill: | tail -n 1`)).toContain(
      `oom_memcg=/oombot-drill-${id},task_memcg=/oombot-drill-${id},task=oombot-drill,`,
    );
    expect(left()).toBe('');

    // 1 panics only where the whole host is short.
    root('echo 2 >/proc/sys/vm/panic_on_oom');
    expect(ask(`v1 drill ${id}\n`)).toBe('refused panic');
    root('echo 1 >/proc/sys/vm/panic_on_oom');
    expect(ask(`v1 drill ${id}\n`)).toBe(`ok drill=${id}`);
    root('echo 0 >/proc/sys/vm/panic_on_oom');
    expect(left()).toBe('');
    expect(root('systemctl is-system-running; systemctl --failed --no-legend')).toBe('running\n');
  });

  it('lowers below where a process started, to -1000 and back, and each is read back', () => {
    const one = start();
    const seen = [];

    for (const [current, wanted] of [
      [0, -500],
      [-500, -1000],
      [-1000, -999],
      [-999, 1000],
      [1000, 0],
    ] as const) {
      expect(ask(line(one, current, wanted))).toMatch(
        new RegExp(`^ok pid=${one.pid} old=${current} new=${wanted} oom_score=\\d+$`),
      );
      seen.push(root(`cat /proc/${one.pid}/oom_score_adj`).trim());
    }
    expect(seen).toEqual(['-500', '-1000', '-999', '1000', '0']);
    expect(ask(line(one, -5, 5))).toBe('refused changed:0');
    expect(ask(`v1 ${bootId} 1 1 0 -1000\n`)).toBe('refused pid');
  });

  it('is logged where an administrator looks', () => {
    const one = start();
    ask(line(one, 0, -7));

    expect(root('journalctl -q -t oom-adj -o cat')).toContain(
      `set pid=${one.pid} start=${one.ticks} comm=sleep old=0 new=-7 by=oombot`,
    );
  });

  it('keeps to the value that the kernel makes of an old oom_adj', () => {
    const text = root(`sleep 1000 </dev/null >/dev/null 2>&1 & cd /proc/$!
for v in -17 -16 -15 -14 -13 -12 -11 -10 -9 -8 -7 -6 -5 -4 -3 -2 -1 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
  echo $v >oom_adj; echo $v $(cat oom_score_adj) $(cat oom_adj)
done`);
    const rows = text
      .trim()
      .split('\n')
      .map((row) => row.split(' ').map(Number));

    expect(rows).toHaveLength(33);
    for (const [written = 0, score = 0, read] of rows) {
      expect([written, oomScoreAdjOfOomAdj(written)]).toEqual([written, score]);
      expect([written, oomAdjOfOomScoreAdj(score)]).toEqual([written, read]);
    }
  });

  it('writes oom_adj where that is all there is', () => {
    const one = start();
    root(`sed 's/^file=oom_score_adj$/file=oom_adj/' ${HELPER} >/root/legacy; grep -q '^file=oom_adj$' /root/legacy`);

    expect(root('sh /root/legacy', line(one, 0, -1000))).toMatch(
      new RegExp(`^ok pid=${one.pid} old=0 new=-1000 oom_score=0 oom_adj=-17\\n$`),
    );
    expect(root(`cat /proc/${one.pid}/oom_score_adj`)).toBe('-1000\n');
    expect(root('sh /root/legacy', line(one, -1000, 0))).toMatch(/^ok .* oom_adj=0\n$/);
  });

  it('gives a service a drop-in that its next start has, over a restart, and takes it away again', () => {
    service('shop.service');
    service('a\\x2db@1.service');

    for (const unit of ['shop.service', 'a\\x2db@1.service']) {
      expect(ask(unitLine(unit, '-', -500))).toBe(`ok unit=${unit} old=- new=-500`);
      // What runs already is changed for itself.
      expect(valuesOf(unit)).toEqual(['OOMScoreAdjust=-500', '0']);
      root(`systemctl restart '${unit}'`);
      expect(valuesOf(unit)).toEqual(['OOMScoreAdjust=-500', '-500']);
      expect(ask(unitLine(unit, '-', -600))).toBe('refused changed:-500');
      expect(ask(unitLine(unit, -500, -1000))).toBe(`ok unit=${unit} old=-500 new=-1000`);
      root(`systemctl restart '${unit}'`);
      expect(valuesOf(unit)).toEqual(['OOMScoreAdjust=-1000', '-1000']);
      expect(root(`systemctl cat '${unit}'`)).toContain('50-oombot.conf\n# By oombot');
      expect(ask(unitLine(unit, -1000, '-'))).toBe(`ok unit=${unit} old=-1000 new=-`);
      root(`systemctl restart '${unit}'`);
      expect(valuesOf(unit)).toEqual(['OOMScoreAdjust=0', '0']);
    }
    expect(root('find /etc/systemd/system -name "*.d" -newer /usr/local/sbin/oom-adj')).toBe('');
  });

  it('promises nothing that systemd would not do', () => {
    service('other.service', '/bin/sleep infinity', '[Install]\nAlias=nickname.service\n');
    root(`systemctl enable -q other.service; mkdir /etc/systemd/system/other.service.d
printf '[Service]\\nOOMScoreAdjust=77\\n' >/etc/systemd/system/other.service.d/90-ours.conf; systemctl daemon-reload`);

    expect(ask(unitLine('nickname.service', '-', 5))).toBe('refused unit');
    expect(ask(unitLine('nowhere.service', '-', 5))).toBe('refused unit');
    expect(ask(unitLine('other.service', '-', 5))).toBe('refused verify:77');
    expect(root('ls -A /etc/systemd/system/other.service.d')).toBe('90-ours.conf\n');
    expect(ask(unitLine('ssh.service', '-', 1))).toBe('refused protected');
    expect(ask(unitLine('systemd-journald.service', '-', -200))).toBe('refused protected');
    // A broken drop-in beside ours is not made worse: systemd leaves it out and says so.
    expect(ask(unitLine('other.service', '-', 77))).toMatch(/^ok /);
    expect(ask(unitLine('other.service', 77, '-'))).toMatch(/^ok /);
    expect(root('systemctl is-system-running')).toBe('running\n');
  });

  it('gives the caller nothing else', () => {
    const victim = start();
    const good = line(victim, 0, 300);
    root(`mkdir -m 755 /dev/shm/evil; cd /dev/shm/evil
for c in dd tr cat id logger printf mkdir systemctl timeout find sed; do printf '#!/bin/sh\\ntouch /etc/owned\\n' >$c; chmod 755 $c; done; echo 'touch /etc/owned' >env`);
    const tries = `sudo -n ${HELPER} x
sudo -n ${HELPER} ''
sudo -n -s touch /etc/owned
sudo -n sh -c "touch /etc/owned"
sudo -n -i touch /etc/owned
sudo -n '-u#-1' touch /etc/owned
EDITOR="touch /etc/owned" sudoedit -n /etc/hosts
sudo -n PATH=/dev/shm/evil ${HELPER}
sudo -n ENV=/dev/shm/evil/env BASH_ENV=/dev/shm/evil/env ${HELPER}
sudo -n LD_PRELOAD=/dev/shm/evil/dd ${HELPER}
sudo -n SYSTEMD_UNIT_PATH=/dev/shm/evil ${HELPER}
PATH=/dev/shm/evil:$PATH sudo -n -E ${HELPER}
sudo -n systemctl daemon-reload
sudo -n -g adm ${HELPER}
systemctl --no-ask-password daemon-reload
systemctl --no-ask-password stop shop.service
cp /dev/shm/evil/dd ${HELPER}
echo x >>~/.ssh/authorized_keys
mv ~/.ssh ~/old
ls /run/oom-adj
touch /etc/systemd/system/shop.service.d
echo -1000 >/proc/${victim.pid}/oom_score_adj`;
    const script = `while IFS= read -r t; do if printf '%s' '${good}' | sh -c "$t" >/dev/null 2>&1; then printf '%s\\n' "$t"; fi; done`;

    const succeeded = asAccount(script, `${tries}\n`).stdout;
    const harmless = asAccount(
      `export PATH=/dev/shm/evil:/usr/bin ENV=/dev/shm/evil/env SYSTEMD_UNIT_PATH=/dev/shm/evil IFS=0; /usr/bin/sudo -n ${HELPER}`,
      line(victim, 0, 0),
    ).stdout;

    expect(succeeded).toBe('');
    expect(harmless).toMatch(/^ok pid=/);
    expect(root(`cat /proc/${victim.pid}/oom_score_adj`)).toBe('0\n');
    expect(guest.run('ls /etc/owned').status).not.toBe(0);
  });

  it('touches no unit for a name that is none', () => {
    const before = root('find /etc/systemd /etc/passwd -printf "%p %s\\n" | sort');
    const bad = [
      '../shop.service',
      '/etc/shadow',
      '$(id).service',
      '*.service',
      '-x.service',
      '.x.service',
      'x@.service',
      'x.timer',
      'x\\y.service',
      'shop.service;id',
    ];

    for (const name of bad)
      expect([name, ask(unitLine(name, '-', 5))]).toEqual([name, expect.stringMatching(/^refused (?:chars|unit)$/)]);
    expect(ask(unitLine('shop.service', '-', '5\nExecStart=/bin/false'))).toBe('refused chars');
    expect(root('find /etc/systemd /etc/passwd -printf "%p %s\\n" | sort')).toBe(before);
  });

  it('turns the kernel to whom oombot then predicts, with values below zero, in a group of cgroup v2', () => {
    // Should this fail, all of it goes with the guest.
    const group = openFullGroup(root);
    const big = group.start(60, 0);
    const middle = group.start(30, 0);
    const small = group.start(12, 0);
    function change(pid: number, wanted: number): void {
      const facts = group.scan().processes.find((one) => one.pid === pid)!;
      expect(ask(line({ pid, ticks: String(facts.startTicks) }, facts.oomScoreAdj, wanted))).toMatch(/^ok /);
    }

    change(big, -500);
    const first = group.kill();
    change(big, -1000);
    const second = group.kill();
    expect(rankNext(group.scan()).ranking.at(-1)?.task.pid).toBe(big);
    // Free for the kernel again, it is the first.
    change(big, 0);
    const third = group.kill();

    expect([first.predicted.pid, third.predicted.pid]).toEqual([middle, big]);
    // The small one, unless the kernel took it at once with the first, as it rarely does.
    if (!first.victims.includes(small)) expect(second.predicted.pid).toBe(small);
    for (const { predicted, victims } of [first, second, third]) expect(victims[0]).toBe(predicted.pid);
    group.close();
  });

  it('spares one at -1000 even where a whole group is killed, which oombot reads as such', () => {
    const group = '/sys/fs/cgroup/oombot-group';
    const pids = root(`mkdir ${group}; echo 40M >${group}/memory.max; echo 1 >${group}/memory.oom.group
for n in 1 2 3; do sh -c 'echo $$ >${group}/cgroup.procs; exec sleep 1000' </dev/null >/dev/null 2>&1 & echo $!; done; sleep 1`);
    const [kept = 0, ...others] = pids.trim().split('\n').map(Number);
    const stat = root(`cat /proc/${kept}/stat`);
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    expect(ask(line({ pid: kept, ticks }, 0, -1000))).toMatch(/^ok /);

    root(`sh -c 'echo $$ >${group}/cgroup.procs; exec tail /dev/zero' || sleep 2`);

    expect(root(`cat ${group}/cgroup.procs`)).toBe(`${kept}\n`);
    const log = root('journalctl -q -k -o short-iso');
    const parsed = execFileSync(node, [cli, 'parse', '--json', '-'], { input: log, encoding: 'utf8' });
    const killed = parsed
      .trim()
      .split('\n')
      .map((row) => JSON.parse(row) as { pid: number; oomGroup: string | null })
      .filter(({ oomGroup }) => oomGroup === '/oombot-group');
    expect(killed.map(({ pid }) => pid)).toEqual(expect.arrayContaining(others));
    expect(killed).toHaveLength(others.length + 1);
    expect(killed.map(({ pid }) => pid)).not.toContain(kept);
    root(`kill ${kept}; sleep 0.5; rmdir ${group}`);
  });

  it('has the services as they were meant after a reboot, and refuses what was meant for the boot before', async () => {
    service('shop.service', '/bin/sleep infinity', '[Install]\nWantedBy=multi-user.target\n');
    root('systemctl enable -q shop.service');
    expect(ask(unitLine('shop.service', '-', -321))).toMatch(/^ok /);
    const one = start();
    const stale = [line(one, 0, 5), unitLine('shop.service', -321, '-')];

    await guest.reboot();

    expect(valuesOf('shop.service')).toEqual(['OOMScoreAdjust=-321', '-321']);
    for (const request of stale) expect(ask(request)).toBe('refused boot');
    expect(valuesOf('shop.service')).toEqual(['OOMScoreAdjust=-321', '-321']);
  });
});
