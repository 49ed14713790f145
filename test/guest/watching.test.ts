import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { processRequest } from '../../src/change/host-command.ts';
import type { Kill } from '../../src/incident/incident.ts';
import { renderSetup } from '../../src/setup/setup-script.ts';
import type { SshTarget } from '../../src/ssh/target.ts';
import { setupOptions } from '../setup/options.ts';
import { hostConfig, watchHosts, type WatchedHosts } from '../support/watched-fleet.ts';
import { openGuest, type Guest } from './guest.ts';

const WAIT_MS = 90_000;
const BOOT_MS = 240_000;

/** A process that the kernel killed, and between which seconds since boot, by the host's own clock that nobody can set. */
interface Death {
  pid: number;
  fromSeconds: number;
  toSeconds: number;
}

// A memory group that lets die whoever is started in it: `oom-victim [NAME]` prints its death. Swap would only make it last longer.
const PREPARE = `set -e
mkdir /sys/fs/cgroup/deadly
echo 8M >/sys/fs/cgroup/deadly/memory.max
cat >/usr/local/bin/oom-victim <<'END'
#!/bin/sh
ln -sf /usr/bin/tail "/run/\${1:-victim}"
read -r from _ </proc/uptime
sh -c 'echo $$ >/sys/fs/cgroup/deadly/cgroup.procs; exec "$0" /dev/zero' "/run/\${1:-victim}" >/dev/null 2>&1 &
pid=$!
wait "$pid"
[ "$?" = 137 ] || exit 1
read -r to _ </proc/uptime
echo "$pid $from $to"
END
cat >/usr/local/bin/oom-victims <<'END'
#!/bin/sh
while [ ! -e /run/enough ]; do oom-victim >>/run/deaths; sleep 0.3; done
END
chmod 755 /usr/local/bin/oom-victim /usr/local/bin/oom-victims
mkfifo /run/full
systemd-run -q --unit=keep-full sh -c 'exec sleep infinity <>/run/full'
dd if=/dev/zero of=/swap bs=1M count=128 status=none
chmod 600 /swap
mkswap -q /swap
mkdir -p /etc/systemd/oomd.conf.d
printf '[OOM]\\nSwapUsedLimit=10%%\\n' >/etc/systemd/oomd.conf.d/test.conf
echo 'EARLYOOM_ARGS="-r 3600 -m 1"' >/etc/default/earlyoom`;

// Over one connection from beginning to end, but for the reboot: run by `npm run test:guest`, not by `npm test`.
describe('watching a Debian with systemd and cgroup v2', { timeout: 400_000 }, () => {
  let guest: Guest;
  let watched: WatchedHosts;
  /** All that died, by the boot that it died in. */
  const deaths = new Map<string, number[]>();

  beforeAll(async () => {
    guest = await openGuest();
    const publicKey = readFileSync(`${guest.identityFile}.pub`, 'utf8');
    await root('exec sh -s', renderSetup(setupOptions({ publicKeys: [publicKey] })));
    await root(PREPARE);
    watched = await watchHosts({
      hosts: [hostConfig('guest', target())],
      keepaliveIntervalMs: 5_000,
      readyTimeoutMs: 20_000,
    });
    watched.fleet.watchOnly(null);
    await until('the watch', () => watched.fleet.watchState('guest')?.kind === 'watching');
    // Started on a host that is watched already: noticed by the next look at the counters.
    await root('systemctl start earlyoom systemd-oomd');
    await until('the killers’ journal', async () => {
      const { status } = await guest.ask("pgrep -f '^journalctl .*earlyoom.* -f'", { input: '' });
      return status === 0;
    });
  }, 900_000);
  afterAll(async () => {
    await watched?.close();
    await guest?.close();
  });

  function target(): SshTarget {
    return {
      name: 'guest',
      address: '127.0.0.1',
      port: guest.port,
      user: 'oombot',
      identityFile: guest.identityFile,
      knownHosts: [guest.knownHostsFile],
      fingerprints: [],
      jump: null,
    };
  }
  async function root(script: string, input = ''): Promise<string> {
    const { status, stdout, stderr } = await guest.ask(script, { input });
    if (status !== 0) throw new Error(`${script}: ${status} ${stdout} ${stderr}`);
    return stdout;
  }
  async function until(what: string, holds: () => boolean | Promise<boolean>, patienceMs = WAIT_MS): Promise<void> {
    const deadline = Date.now() + patienceMs;
    while (!(await holds())) {
      if (Date.now() > deadline)
        throw new Error(
          `${what} did not come: ${JSON.stringify([watched.fleet.watchState('guest'), watched.warnings])}`,
        );
      await sleep(100);
    }
  }
  function bootId(): Promise<string> {
    return root('cat /proc/sys/kernel/random/boot_id').then((text) => text.trim());
  }
  function readDeaths(text: string): Death[] {
    return text
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number))
      .map(([pid = 0, fromSeconds = 0, toSeconds = 0]) => ({ pid, fromSeconds, toSeconds }));
  }
  async function noteDeaths(...pids: number[]): Promise<void> {
    const boot = await bootId();
    deaths.set(boot, [...(deaths.get(boot) ?? []), ...pids]);
  }

  function recorded(): Promise<Kill[]> {
    return watched.store.kills({ hosts: null, sinceMs: null, untilMs: null, service: null, limit: 100_000 });
  }
  async function killsBy(killer: string): Promise<Kill[]> {
    return (await recorded()).filter(({ record }) => record.killer === killer);
  }
  /** Waits until all of these, which died in this boot, are on record. */
  async function untilRecorded(pids: readonly number[]): Promise<Kill[]> {
    const boot = await bootId();
    async function find(): Promise<Kill[]> {
      return (await recorded()).filter((kill) => kill.bootId === boot && pids.includes(kill.record.pid ?? -1));
    }
    await until(`the kills of ${pids.join(', ')}`, async () => (await find()).length >= pids.length);
    return find();
  }
  function sorted(pids: readonly number[]): number[] {
    return pids.toSorted((a, b) => a - b);
  }
  function pidsOf(kills: readonly Kill[]): number[] {
    return sorted(kills.map(({ record }) => record.pid ?? -1));
  }

  /** When the host was at 0 s since boot, by our clock. */
  async function bootMoment(): Promise<{ fromMs: number; toMs: number }> {
    let best = { fromMs: -Infinity, toMs: Infinity };
    for (let tries = 0; tries < 5; tries += 1) {
      const askedAtMs = Date.now();
      const uptimeMs = Number.parseFloat(await root('cat /proc/uptime')) * 1000;
      const one = { fromMs: askedAtMs - uptimeMs - 10, toMs: Date.now() - uptimeMs };
      if (one.toMs - one.fromMs < best.toMs - best.fromMs) best = one;
    }
    return best;
  }
  async function expectRightTime(
    kill: Kill | undefined,
    { fromSeconds, toSeconds }: Omit<Death, 'pid'>,
    boot?: { fromMs: number; toMs: number },
  ): Promise<void> {
    const { fromMs, toMs } = boot ?? (await bootMoment());
    if (kill === undefined) throw new Error('there is no such kill');
    expect(kill.atMs + kill.atErrorMs).toBeGreaterThanOrEqual(fromMs + fromSeconds * 1000);
    expect(kill.atMs - kill.atErrorMs).toBeLessThanOrEqual(toMs + toSeconds * 1000);
  }

  /** Lets one process after the other die while something is done to the host, and some more after it. Gives all that died. */
  async function underKills(...steps: (() => Promise<unknown>)[]): Promise<Death[]> {
    await root('rm -f /run/enough /run/deaths; : >/run/deaths; systemd-run -q --unit=victims oom-victims');
    async function untilMore(): Promise<void> {
      const before = Number(await root('wc -l </run/deaths'));
      await until('more deaths', async () => Number(await root('wc -l </run/deaths')) >= before + 3);
    }
    await untilMore();
    for (const step of steps) {
      await step();
      await untilMore();
    }
    await root('touch /run/enough; while systemctl -q is-active victims; do sleep 0.1; done');
    const all = readDeaths(await root('cat /run/deaths'));
    await noteDeaths(...all.map(({ pid }) => pid));
    return all;
  }
  async function setClock(by: string): Promise<void> {
    await root(`date -s '${by}'`);
  }

  it('records each kill once, at its time by our clock, while the host’s own clock is set forth and back', async () => {
    const died = await underKills(
      () => setClock('+3 hours'),
      () => setClock('-6 hours'),
      () => setClock('+3 hours'),
    );

    const kills = await untilRecorded(died.map(({ pid }) => pid));

    expect(died.length).toBeGreaterThanOrEqual(12);
    expect(pidsOf(kills)).toEqual(sorted(died.map(({ pid }) => pid)));
    for (const death of died) {
      const kill = kills.find(({ record }) => record.pid === death.pid);
      expect(kill).toMatchObject({ record: { name: 'victim', killer: 'kernel', oomMemcg: '/deadly' } });
      expect(kill?.atErrorMs).toBeLessThanOrEqual(2_500);
      await expectRightTime(kill, death);
    }
  });

  it('records each of a group that died as a whole once', async () => {
    const pids = readDeaths(
      await root(`mkdir /sys/fs/cgroup/whole; cd /sys/fs/cgroup/whole; echo 24M >memory.max; echo 1 >memory.oom.group
for n in 1 2 3; do sh -c 'echo $$ >cgroup.procs; exec sleep 1000' </dev/null >/dev/null 2>&1 & echo $!; done
while [ "$(wc -l <cgroup.procs)" -lt 3 ]; do sleep 0.1; done
sh -c 'echo $$ >cgroup.procs; exec tail /dev/zero' >/dev/null 2>&1 & echo $!
cd /; until rmdir /sys/fs/cgroup/whole 2>/dev/null; do sleep 0.1; done`),
    ).map(({ pid }) => pid);
    await noteDeaths(...pids);

    const kills = await untilRecorded(pids);

    expect(pids).toHaveLength(4);
    expect(pidsOf(kills)).toEqual(sorted(pids));
    for (const { record } of kills)
      expect(record).toMatchObject({ killer: 'kernel', outcome: 'killed', oomGroup: '/whole' });
    expect(kills.filter(({ record }) => record.name === 'sleep')).toHaveLength(3);
  });

  it('loses nothing and doubles nothing while the journal is restarted and rotated', async () => {
    const died = await underKills(
      () => root('systemctl restart systemd-journald'),
      () => root('journalctl --rotate'),
      () => root('systemctl restart systemd-journald; journalctl --rotate; journalctl --vacuum-files=1'),
    );

    const kills = await untilRecorded(died.map(({ pid }) => pid));

    expect(died.length).toBeGreaterThanOrEqual(12);
    expect(pidsOf(kills)).toEqual(sorted(died.map(({ pid }) => pid)));
  });

  it('records what earlyoom killed, at its time by our clock even where the host’s was set', async () => {
    await root(`available=$(sed -n 's/^MemAvailable: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo)
echo "EARLYOOM_ARGS=\\"-r 3600 -M $((available - 100 * 1024))\\"" >/etc/default/earlyoom
systemctl restart earlyoom; ln -sf /usr/bin/dd /run/memory-hog`);

    for (const by of ['now', '+3 hours', '-6 hours', '+3 hours']) {
      await setClock(by);
      const [death] = readDeaths(
        await root(`read -r from _ </proc/uptime
setpriv --reuid 65534 --clear-groups --regid 65534 /run/memory-hog if=/dev/zero bs=200M count=1 >/run/full 2>/dev/null </dev/null & pid=$!
wait $pid; read -r to _ </proc/uptime; echo "$pid $from $to"`),
      );
      const [kill, ...others] = await untilRecorded([death!.pid]);

      expect(others).toEqual([]);
      expect(kill).toMatchObject({
        source: 'journal',
        record: { pid: death!.pid, name: 'memory-hog', uid: 65534, killer: 'earlyoom', outcome: 'killed' },
      });
      await expectRightTime(kill, death!);
    }
  });

  it('records what systemd-oomd killed once, however often that says so', async () => {
    const [unit] = readDeaths(
      await root(`systemctl stop earlyoom; swapon /swap; read -r from _ </proc/uptime
systemd-run -q --unit=swapper -p MemoryHigh=20M -p ManagedOOMSwap=kill -p StandardOutput=file:/run/full dd if=/dev/zero bs=100M count=1
while systemctl -q is-active swapper; do sleep 0.1; done
read -r to _ </proc/uptime; swapoff /swap; echo "0 $from $to"`),
    );

    const said = await root(`journalctl -q -o cat -u systemd-oomd | grep -c '^Killed /system.slice/swapper.service'`);
    await until('all that it said', async () => {
      const kills = await killsBy('systemd-oomd');
      return kills.reduce((sum, { record }) => sum + record.evidence.length, 0) >= Number(said);
    });
    const [kill, ...others] = await killsBy('systemd-oomd');

    expect(others).toEqual([]);
    expect(kill).toMatchObject({
      source: 'journal',
      record: { killer: 'systemd-oomd', outcome: 'killed', taskMemcg: '/system.slice/swapper.service' },
    });
    expect(kill?.record.identity).toMatchObject({ unit: 'swapper.service' });
    expect(kill?.record.reason).toMatch(/^memory used .* and swap used .* being more than 10\.00%$/);
    await expectRightTime(kill, unit!);
  });

  it('asks for changes through the account for writing alone, once there is one, and not through the other', async () => {
    const writerFile = `${guest.identityFile}-w`;
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'bot-w', '-f', writerFile]);
    const [publicKey = '', writerKey = ''] = [guest.identityFile, writerFile].map((file) =>
      readFileSync(`${file}.pub`, 'utf8'),
    );
    const sleeper = await root('sleep 10000 </dev/null >/dev/null 2>&1 & cat /proc/$!/stat');
    const pid = Number.parseInt(sleeper, 10);
    const startTicks = Number(sleeper.slice(sleeper.lastIndexOf(')') + 2).split(' ')[19]);
    const about = { bootId: await bootId(), pid, startTicks };
    const { changes } = watched.fleet.link('guest')!;
    const before = await changes.request(processRequest({ ...about, from: 0, to: -100 })!);

    const { stdout } = await guest.ask('exec sh -s', {
      input: renderSetup(setupOptions({ publicKeys: [publicKey], writer: { publicKey: writerKey } })),
    });
    const after = await changes.request(processRequest({ ...about, from: -100, to: -200 })!);

    expect(stdout).toContain('  oombot-w can change values through oom-adj\n');
    expect(before).toMatchObject({ kind: 'answered', text: expect.stringContaining(`ok pid=${pid} old=0 new=-100 `) });
    expect(after).toMatchObject({
      kind: 'answered',
      text: expect.stringContaining(`ok pid=${pid} old=-100 new=-200 `),
    });
    const log = await root(`journalctl -q -t oom-adj -o cat | grep -F 'pid=${pid} '`);
    expect(log.trim().split('\n')).toEqual([
      expect.stringMatching(/^asked .* old=0 new=-100 by=oombot$/),
      expect.stringMatching(/^set .* old=0 new=-100 by=oombot$/),
      expect.stringMatching(/^asked .* old=-100 new=-200 by=oombot-w$/),
      expect.stringMatching(/^set .* old=-100 new=-200 by=oombot-w$/),
    ]);

    // Neither key does the other's work.
    const input = processRequest({ ...about, from: -200, to: -300 })!;
    const helper = 'sudo -n /usr/local/sbin/oom-adj';
    const tries = [
      await guest.ask(helper, { user: 'oombot', input }),
      await guest.ask(helper, { user: 'oombot-w', input }),
      await guest.ask(helper, { user: 'oombot', identityFile: writerFile, input }),
    ];
    for (const { status } of tries) expect(status).not.toBe(0);
    expect(tries[0]?.stdout).toContain('#oombot-host 1 refused command');
    expect(await root(`cat /proc/${pid}/oom_score_adj`)).toBe('-200\n');
    const other = { user: 'oombot-w', identityFile: writerFile, input: 'v1 hello\n' };
    expect((await guest.ask('id; journalctl -n 1', other)).stdout).toContain('#oombot-host 1 refused command');
    expect((await guest.ask(': oombot 1 adj; id', other)).stdout).toMatch(/^\nok oom-adj=1 [^\n]*\n$/);
    await root(`kill ${pid}`);
  });

  it('finds the way back after a reboot, with what died last before it and first after it', async () => {
    // It stops when sshd has stopped and our connection with it, and starts before sshd does: neither is seen live.
    await root(`cat >/usr/local/bin/oom-boundary <<'END'
#!/bin/sh
pkill -u oombot
mkdir -p /sys/fs/cgroup/deadly /var/lib/boundary
echo 8M >/sys/fs/cgroup/deadly/memory.max
read -r boot </proc/sys/kernel/random/boot_id
oom-victim boundary >>"/var/lib/boundary/$boot"
sed -n 's/^oom_kill //p' /proc/vmstat >"/var/lib/boundary/$boot.counter"
sync
exit 0
END
chmod 755 /usr/local/bin/oom-boundary
cat >/etc/systemd/system/boundary.service <<'END'
[Unit]
Before=ssh.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=/usr/local/bin/oom-boundary
[Install]
WantedBy=multi-user.target
END
systemctl daemon-reload; systemctl enable -q --now boundary
sed -i 's|^ExecStart=.*|ExecStart=/usr/local/bin/oom-boundary|' /etc/systemd/system/boundary.service; systemctl daemon-reload`);
    await root(`date -s '@${Date.now() / 1000}'`);
    const firstBoot = await bootId();
    const firstMoment = await bootMoment();
    const seen = new Set((await recorded()).map(({ key }) => key));

    await guest.reboot();
    const secondBoot = await bootId();
    await until('the new boot', () => watched.fleet.watchState('guest')?.facts?.bootId === secondBoot, BOOT_MS);

    expect(secondBoot).not.toBe(firstBoot);
    const [last, first] = await Promise.all(
      [firstBoot, secondBoot].map(async (boot) => readDeaths(await root(`cat /var/lib/boundary/${boot}`))),
    );
    expect([last, first]).toEqual([[expect.anything()], [expect.anything()]]);
    await until('both kills', async () => (await recorded()).filter(({ key }) => !seen.has(key)).length >= 2);
    const kills = (await recorded()).filter(({ key }) => !seen.has(key)).toReversed();
    expect(kills).toMatchObject([
      { bootId: firstBoot, source: 'journal', record: { pid: last![0]!.pid, name: 'boundary', killer: 'kernel' } },
      { bootId: secondBoot, record: { pid: first![0]!.pid, name: 'boundary', killer: 'kernel' } },
    ]);
    await expectRightTime(kills[0], last![0]!, firstMoment);
    await expectRightTime(kills[1], first![0]!);
    deaths.set(firstBoot, [...(deaths.get(firstBoot) ?? []), last![0]!.pid]);
    deaths.set(secondBoot, [first![0]!.pid]);
    const [live] = readDeaths(await root('oom-victim'));
    await noteDeaths(live!.pid);
    await untilRecorded([live!.pid]);
  });

  it('has on record what the kernel counted, none lost and none twice', async () => {
    const kernelKills = await killsBy('kernel');
    const boots = [...deaths.keys()];
    const counters = await root(`cat /var/lib/boundary/${boots[0]}.counter; sed -n 's/^oom_kill //p' /proc/vmstat`);
    const [before = [], after = []] = [...deaths.values()].map(sorted);

    expect(boots.map((boot) => pidsOf(kernelKills.filter((kill) => kill.bootId === boot)))).toEqual([before, after]);
    expect(kernelKills).toHaveLength(before.length + after.length);
    expect(new Set(kernelKills.map(({ key }) => key)).size).toBe(kernelKills.length);
    // With memory.oom.group the kernel counts the one that it chose a second time, among the group.
    expect(counters.trim().split('\n').map(Number)).toEqual([before.length + 1, after.length]);
    expect(await killsBy('earlyoom')).toHaveLength(4);
    expect(await killsBy('systemd-oomd')).toHaveLength(1);
    expect(watched.warnings.filter((text) => text.includes('does not explain'))).toEqual([]);
  });
});
