import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { When } from '../../src/app/answer/when-words.ts';
import type { Handlers } from '../../src/app/answer/handlers.ts';
import { renderSetup } from '../../src/setup/setup-script.ts';
import { setupOptions } from '../setup/options.ts';
import { textOf } from '../support/an-answering-bot.ts';
import { askingOf } from '../support/asking.ts';
import { hostConfig, watchHosts, type WatchedHosts } from '../support/watched-fleet.ts';
import { openGuest, type Guest } from './guest.ts';

const ASKER = { userId: 'U1', channelId: 'C1' };
const WAIT_MS = 90_000;

/** Units that end in ways of their own, each started by `systemctl start`. `tail /dev/zero` grows until it is killed. */
const UNITS: Record<string, string> = {
  'why-nine': 'ExecStart=/bin/sleep 1000',
  'why-slow': `ExecStart=/bin/sh -c 'trap "" TERM; while :; do sleep 1; done'\nTimeoutStopSec=2`,
  'why-watchdog': `Type=notify\nNotifyAccess=all\nWatchdogSec=3\nExecStart=/bin/sh -c 'systemd-notify --ready; sleep 1000'`,
  'why-runtime': 'RuntimeMaxSec=2\nExecStart=/bin/sleep 1000',
  'why-exit': `ExecStart=/bin/sh -c 'exit 7'`,
  'why-137': `ExecStart=/bin/sh -c 'exit 137'`,
  'why-crash': `ExecStart=/bin/sh -c 'kill -SEGV $$$$'`,
  'why-fault': `ExecStart=/usr/bin/perl -e 'print unpack("p", pack("Q", 8))'`,
  'why-abort': `ExecStart=/bin/sh -c 'kill -ABRT $$$$'`,
  'why-limit': `Restart=always\nRestartSec=100ms\nExecStart=/bin/sh -c 'exit 1'`,
  'why-address': `LimitAS=60M\nExecStart=/usr/bin/perl -e '$$x = "a" x 300_000_000'`,
  'why-tasks': `TasksMax=3\nExecStart=/usr/bin/perl -e 'for (1..6) { fork or sleep 1000 } sleep 1000'`,
  'why-done': 'ExecStart=/bin/true',
  'why-full': 'MemoryMax=16M\nMemorySwapMax=0\nExecStart=/usr/bin/tail /dev/zero',
  'why-together': `MemoryMax=24M\nMemorySwapMax=0\nOOMPolicy=kill\nExecStart=/bin/sh -c 'sleep 1000 & exec tail /dev/zero'`,
  'why-child': `MemoryMax=24M\nMemorySwapMax=0\nOOMPolicy=continue\nExecStart=/bin/sh -c 'tail /dev/zero; exec sleep 1000'`,
  'why-alive': 'ExecStart=/bin/sleep 1000',
  'why-never': 'ExecStart=/bin/sleep 1000',
  'why-host': 'OOMScoreAdjust=1000\nExecStart=/bin/sleep 1000',
  'why-earlyoom': `User=games\nOOMScoreAdjust=500\nExecStart=/usr/bin/perl -e '$$x = "a" x 200_000_000; sleep 1000'`,
  'why-oomd': `MemoryHigh=20M\nManagedOOMSwap=kill\nExecStart=/usr/bin/perl -e '$$x = "a" x 100_000_000; sleep 1000'`,
};

/** Of a process in a group of its own, which is gone with it, and in no unit. */
const LOST_VICTIM = `mkdir -p /sys/fs/cgroup/lost; echo 8M >/sys/fs/cgroup/lost/memory.max; ln -sf /usr/bin/tail /run/lost-victim
sh -c 'echo $$ >/sys/fs/cgroup/lost/cgroup.procs; exec /run/lost-victim /dev/zero' >/dev/null 2>&1 </dev/null
rmdir /sys/fs/cgroup/lost`;
/** Nothing in the host's logs tells of what was before it: the kernel's ring has gone round, and the journal begins anew. */
const LOSE_LOGS = `echo on >/proc/sys/kernel/printk_devkmsg
filler=$(printf '%0900d' 0); i=0; while [ $i -lt 2000 ]; do echo "filler $i $filler"; i=$((i+1)); done | while read -r l; do echo "$l" >/dev/kmsg; done
sleep 3; journalctl -q --rotate; sleep 2; journalctl -q --vacuum-time=1s`;

// One boot for all of them: run by `npm run test:guest`, not by `npm test`.
describe('why did it die, on a Debian with systemd', { timeout: 400_000 }, () => {
  let guest: Guest;
  let watched: WatchedHosts;
  let handlers: Handlers;

  beforeAll(async () => {
    guest = await openGuest();
    const publicKey = readFileSync(`${guest.identityFile}.pub`, 'utf8');
    await root('exec sh -s', renderSetup(setupOptions({ publicKeys: [publicKey] })));
    // There is no D-Bus in this small Debian, without which systemd answers root alone.
    await root('cat >>/root/.ssh/authorized_keys', publicKey);
    for (const [name, lines] of Object.entries(UNITS))
      await root(`cat >/etc/systemd/system/${name}.service`, `[Service]\n${lines}\n`);
    // As an enabled service is: systemd forgets the others once they end in order, as SIGTERM does for it.
    await root('mkdir -p /etc/systemd/system/multi-user.target.wants; cd $_; ln -s ../why-earlyoom.service .');
    await root('systemctl daemon-reload');
    watched = await watch();
    handlers = askingOf(watched);
  }, 900_000);
  afterAll(async () => {
    await watched?.close();
    await guest?.close();
  });

  /** A bot with a record of its own, which meets the host now. */
  async function watch(): Promise<WatchedHosts> {
    const bot = await watchHosts({
      hosts: [
        hostConfig('guest', {
          name: 'guest',
          address: '127.0.0.1',
          port: guest.port,
          user: 'root',
          identityFile: guest.identityFile,
          knownHosts: [guest.knownHostsFile],
          fingerprints: [],
          jump: null,
        }),
      ],
      keepaliveIntervalMs: 5_000,
      readyTimeoutMs: 20_000,
    });
    bot.fleet.watchOnly(null);
    await until('the watch', () => bot.fleet.watchState('guest')?.kind === 'watching', 3 * WAIT_MS);
    return bot;
  }
  async function until(what: string, holds: () => boolean | Promise<boolean>, patienceMs = WAIT_MS): Promise<void> {
    const deadline = Date.now() + patienceMs;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`${what} did not come: ${JSON.stringify(watched?.warnings)}`);
      await sleep(200);
    }
  }
  async function root(script: string, input = ''): Promise<string> {
    const { status, stdout, stderr } = await guest.ask(script, { input });
    if (status !== 0) throw new Error(`${script}: ${status} ${stdout} ${stderr}`);
    return stdout;
  }
  /** The processor is emulated: it may not answer in time, and is asked again. */
  async function why(what: string, when: When | null = null, asked = handlers): Promise<string> {
    const deadline = Date.now() + WAIT_MS;
    for (;;) {
      const text = textOf(await asked.answerWhy({ host: 'guest', what, when }, ASKER));
      if (!text.includes('did not answer, so') || Date.now() > deadline) return text;
      await sleep(1_000);
    }
  }
  /** Starts it, does the rest, and waits until systemd says that it is over. */
  async function over(unit: string, then = ''): Promise<void> {
    await root(
      `systemctl start ${unit} || true; ${then}
       i=0; while [ $i -lt 200 ]; do case $(systemctl show -p ActiveState --value ${unit}) in inactive|failed) exit 0;; esac; sleep 0.2; i=$((i+1)); done; exit 1`,
    );
  }

  it.each<[string, string, RegExp]>([
    ['why-nine', 'kill -9 $(systemctl show -p MainPID --value why-nine);', /SIGKILL \(9\).*exit status 137.*kill -9/],
    [
      'why-slow',
      'sleep 1; systemctl stop why-slow;',
      /did not stop in time \(TimeoutStopSec=2 s\), so systemd killed it with SIGKILL/,
    ],
    ['why-watchdog', '', /did not report in time \(WatchdogSec=3 s\)/],
    ['why-runtime', '', /run for as long as it may \(RuntimeMaxSec=2 s\)/],
    ['why-exit', '', /ended by itself with exit code 7: its own decision/],
    ['why-137', '', /exit code 137 \(128 \+ 9\)/],
    ['why-crash', '', /SIGSEGV \(11\).*exit status 139/],
    ['why-abort', '', /SIGABRT \(6\).*exit status 134/],
    ['why-limit', '', /restarted why-limit\.service \d+ times by itself, and then no more/],
    ['why-address', '', /60 MiB of address space \(LimitAS=, ulimit -v\)/],
    ['why-done', '', /ended in order, with exit code 0|does not run, and no failure of it is noted/],
  ])('%s was not the OOM killer, and the answer says what it was', async (unit, then, words) => {
    await over(unit, then);
    const text = await why(`${unit}.service`);

    expect(text).toContain(`No: the OOM killer did not kill ${unit}.service on guest`);
    expect(text).toMatch(words);
  });

  it('shows the crash that the kernel logged', async () => {
    await over('why-fault');

    expect(await why('why-fault.service')).toMatch(/perl\[\d+\]: segfault at 8/);
  });

  it('shows forks that a limit of tasks refused, of a service that goes on', async () => {
    await root('systemctl start why-tasks; sleep 2');
    const text = await why('why-tasks.service', { kind: 'last', forMs: 60_000 });
    await root('systemctl stop why-tasks');

    expect(text).toMatch(/^\S* ?No: /);
    expect(text).toMatch(/forks? (?:was|were) refused in its group: the limit of tasks was reached \(TasksMax=3\)/);
  });

  it.each([
    ['why-full', 'tail'],
    ['why-together', 'why-together.service'],
  ])('%s was the OOM killer', async (unit, victim) => {
    await over(unit);
    const text = await why(`${unit}.service`);

    expect(text.split('\n')[0]).toMatch(/Yes: .*was killed by the kernel’s OOM killer on guest/);
    expect(text).toContain(victim);
  });

  it('is a child of a service that lives on: yes, a process of its unit', async () => {
    await root('systemctl start why-child; sleep 5');
    const text = await why('why-child');

    expect(text.split('\n')[0]).toMatch(/Yes: tail .*\(a process of its unit\) was killed/);
  });

  it('is no question for a service that runs since before', async () => {
    await root('systemctl start why-alive; sleep 3');
    expect(await why('why-alive.service', { kind: 'last', forMs: 1_000 })).toContain('is running on guest');
  });

  it('is a no of what never ran, and "cannot tell" of a name that nobody knows while others were killed', async () => {
    const never = await why('why-never.service');
    const nobody = await why('why-nobody', { kind: 'last', forMs: 3_600_000 });
    const since = await why('why-nobody', { kind: 'last', forMs: 1_000 });

    expect(never).toContain('No: the OOM killer did not kill why-never.service on guest');
    expect(never).toMatch(/does not run, and no failure of it is noted/);
    expect(nobody).toContain('I cannot tell whether the OOM killer took why-nobody on guest');
    expect(since).toContain('No: the OOM killer did not kill why-nobody on guest');
  });

  it('was the OOM killer, of the whole host', async () => {
    // A guest whose memory really runs out does not answer for minutes: the kernel is asked to kill as if it had.
    await over('why-host', 'sleep 1; echo f >/proc/sysrq-trigger;');
    const text = await why('why-host.service');

    expect(text.split('\n')[0]).toMatch(/Yes: sleep .*was killed by the kernel’s OOM killer on guest/);
    expect(text).toContain('SysRq');
  });

  it('was earlyoom', async () => {
    await root(`available=$(sed -n 's/^MemAvailable: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo)
echo "EARLYOOM_ARGS=\\"-r 3600 -M $((available - 100 * 1024))\\"" >/etc/default/earlyoom; systemctl start earlyoom`);
    await until('its journal', async () => (await guest.ask("pgrep -f '^journalctl .*earlyoom.* -f'")).status === 0);
    await over('why-earlyoom');
    let text = '';
    await until('an answer', async () => !(text = await why('why-earlyoom.service')).includes('cannot tell'));
    await root('systemctl stop earlyoom');

    expect(text.split('\n')[0]).toMatch(/Yes: perl .*was killed by earlyoom on guest/);
  });

  it('was systemd-oomd', async () => {
    await root(`dd if=/dev/zero of=/swap bs=1M count=128 status=none; chmod 600 /swap; mkswap -q /swap; swapon /swap
mkdir -p /etc/systemd/oomd.conf.d; printf '[OOM]\\nSwapUsedLimit=10%%\\n' >/etc/systemd/oomd.conf.d/test.conf; systemctl start systemd-oomd`);
    await until('its journal', async () => (await guest.ask("pgrep -f '^journalctl .*oomd.* -f'")).status === 0);
    await over('why-oomd');
    let text = '';
    await until('an answer', async () => !(text = await why('why-oomd.service')).includes('cannot tell'));
    await root('systemctl stop systemd-oomd; swapoff /swap');

    expect(text.split('\n')[0]).toMatch(/Yes: .*was killed by systemd-oomd on guest/);
  });

  it('is a yes from before the bot’s time where the host’s log still has it', async () => {
    const other = await watch();
    let text = '';
    await until('an answer', async () => {
      text = await why('why-full.service', null, askingOf(other));
      return !text.includes('cannot tell');
    });
    await other.close();

    expect(text.split('\n')[0]).toMatch(/Yes: tail .*was killed by the kernel’s OOM killer on guest/);
  });

  it('cannot be told where the log has a gap', async () => {
    await root('cat >/run/gap', `${LOST_VICTIM}\n${LOSE_LOGS}\n`);
    // All connections end, ours too, and come back when the lines are gone.
    await root(
      `systemd-run -q --unit=gap sh -c 'sleep 1; systemctl stop ssh; for p in $(pgrep -x sshd); do kill $p; done; sh /run/gap; systemctl start ssh'`,
    );
    await until(
      'the gap',
      async () => (await guest.ask('systemctl is-active gap', { alone: true })).stdout === 'inactive\n',
      2 * WAIT_MS,
    );
    await until('the watch', () => watched.fleet.watchState('guest')?.kind === 'watching', 3 * WAIT_MS);
    const texts = [
      await why('lost-victim', { kind: 'last', forMs: 600_000 }),
      await why('999999', { kind: 'last', forMs: 600_000 }),
    ];

    for (const text of texts) expect(text).toContain('I cannot tell whether the OOM killer took');
    expect(texts[0]).toMatch(/1 kill/);
  });

  it('cannot be told of the time before the bot’s where the log of then is gone, unless systemd knows', async () => {
    const other = await watch();
    const asked = askingOf(other);
    const lost = await why('lost-victim', { kind: 'last', forMs: 3_600_000 }, asked);
    const full = await why('why-full.service', null, asked);
    await other.close();

    expect(lost).toContain('I cannot tell whether the OOM killer took lost-victim on guest');
    expect(lost).toContain('its kernel counted kills that I know nothing of');
    expect(full).toContain('Yes: the OOM killer took a process of why-full.service on guest');
  });

  it('is not told of the time before a reboot', async () => {
    await guest.reboot();
    const deadline = Date.now() + 3 * WAIT_MS;
    let text = '';
    do text = await why('why-nine.service', { kind: 'last', forMs: 3_600_000 });
    while (!text.includes('was booted') && Date.now() < deadline);

    expect(text).toContain('I cannot tell whether the OOM killer took why-nine.service');
    expect(text).toContain('its counters began anew then');
  });
});
