import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { renderSetup } from '../../src/setup/setup-script.ts';
import { setupOptions } from './options.ts';
import { openUnsharedHost, type UnsharedHost } from './unshared-host.ts';
import { has, needs, skipWithout } from '../support/needs.ts';

const HELPER = '/usr/local/sbin/oom-adj';
const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

// A systemctl that takes its time to read the units again, which is when a signal comes.
const SYSTEMCTL = `#!/bin/sh
case $* in
  *daemon-reload) : >/run/reloading; sleep 0.6; rm -f /run/reloading ;;
  *LoadState*) echo LoadState=loaded ;;
  *'-p Id'*) echo "Id=\${6}" ;;
  *OOMScoreAdjust*) cat /etc/systemd/system/shop.service.d/*.conf 2>/dev/null | awk '/^OOMScoreAdjust=/ { l = $0 } END { print l ? l : "OOMScoreAdjust=300" }' ;;
esac
`;

interface Victim {
  pid: number;
  start: string;
}

describe.each(['sudo', 'doas'] as const)(
  'attacks on oom-adj through %s',
  { ...needs('namespaces'), timeout: 120_000 },
  (way) => {
    let host: UnsharedHost;
    beforeEach((context) => skipWithout(context, way));
    beforeAll(async () => {
      if (!has(way)) return;
      const opened = await openUnsharedHost();
      // Whatever an attack does to the helper, the test ends.
      host = { ...opened, run: (script, options) => opened.run(script, { timeoutMs: 30_000, ...options }) };
      if (way === 'doas') host.run('rm /usr/bin/sudo');
      host.run(renderSetup(setupOptions()));
      host.run(
        'cat >/usr/bin/systemctl; chmod 755 /usr/bin/systemctl; mkdir -p /run/systemd/system; chmod 777 /dev/shm',
        { input: SYSTEMCTL },
      );
    });
    afterAll(() => host?.close());

    function start(program = 'sleep 1000', uid = 65_534, value = 600): Victim {
      const { stdout } = host.run(
        `setpriv --reuid ${uid} sh -c 'echo ${value} >/proc/self/oom_score_adj; exec ${program}' </dev/null >/dev/null 2>&1 & sleep 0.1; echo $!; cat /proc/$!/stat`,
      );
      const [pid = '', stat = ''] = stdout.split(/\n(.*)/s);
      return { pid: Number(pid), start: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '' };
    }
    function request({ pid, start: ticks }: Victim, from: number, to: number): string {
      return `v1 ${bootId} ${pid} ${ticks} ${from} ${to}\n`;
    }
    function unitRequest(from: string | number, to: string | number): string {
      return `v1 unit ${bootId} shop.service ${from} ${to}\n`;
    }
    /** As the account, which may set up its own surroundings first: `$1` is what calls the helper. */
    function as(command: string, input: string): string {
      return host
        .run(
          `exec su oombot -s /bin/sh -c "$(cat <<'COMMAND'\n${command.replaceAll('$1', `${way} -n ${HELPER}`)}\nCOMMAND\n)"`,
          {
            input,
          },
        )
        .stdout.trim();
    }
    function valueOf({ pid }: Victim): string {
      return host.run(`cat /proc/${pid}/oom_score_adj`).stdout.trim();
    }
    function logOf(words: string): string[] {
      return host
        .run(`sleep 0.2; grep ' oom-adj: ' /var/log/seen`)
        .stdout.split('\n')
        .filter((line) => line.includes(words));
    }
    function dropIns(): string {
      return host.run('ls -A /etc/systemd/system/shop.service.d 2>/dev/null').stdout.trim();
    }

    it.each(['TERM', 'INT', 'HUP', 'QUIT', 'PIPE', 'ALRM', 'USR1', 'TSTP', 'XFSZ'])(
      'SIG%s in the middle of a change of a service stops nothing, and all of it is in the log',
      (signal) => {
        host.run('rm -rf /etc/systemd/system/shop.service.d; : >/var/log/seen');

        const said = host
          .run(
            `printf '%s' '${unitRequest('-', 5)}' >/run/request
setsid su oombot -s /bin/sh -c '${way} -n ${HELPER}' </run/request >/run/said & until [ -e /run/reloading ]; do sleep 0.02; done
for d in /proc/[0-9]*; do case $(tr '\\0' ' ' <$d/cmdline) in '/bin/sh ${HELPER}'*) kill -${signal} \${d#/proc/}; echo hit >>/run/hit ;; esac; done 2>/dev/null
wait; cat /run/said`,
          )
          .stdout.trim();

        expect(host.run('cat /run/hit; rm /run/hit').stdout).toContain('hit');
        expect(dropIns()).toBe('50-oombot.conf');
        expect(logOf('asked unit=shop.service old=- new=5')).toHaveLength(1);
        expect(logOf('set unit=shop.service old=- new=5')).toHaveLength(1);
        expect(said).toBe('ok unit=shop.service old=- new=5');
      },
    );

    it('Ctrl-C, which reaches all that the helper has started, leaves what its log says', () => {
      host.run('rm -rf /etc/systemd/system/shop.service.d; : >/var/log/seen');

      const said = host
        .run(
          `printf '%s' '${unitRequest('-', 5)}' >/run/request; setsid sh ${HELPER} </run/request >/run/said & until [ -e /run/reloading ]; do sleep 0.02; done; kill -INT -$!; wait; cat /run/said`,
        )
        .stdout.trim();

      expect(logOf('asked unit=shop.service old=- new=5')).toHaveLength(1);
      expect(logOf(dropIns() === '' ? 'refused why=reload' : 'set unit=shop.service')).toHaveLength(1);
      expect(said).toBe(dropIns() === '' ? 'refused reload' : 'ok unit=shop.service old=- new=5');
    });

    it('a signal at any moment leaves no change of a process that the log does not show', () => {
      const one = start();
      host.run(': >/var/log/seen');
      let changed = 0;

      for (let round = 0; round < 25; round++) {
        const before = Number(valueOf(one));
        const to = 599 - round;
        host.run(
          `printf '%s' '${request(one, before, to)}' >/run/request
setsid sh ${HELPER} </run/request >/dev/null 2>&1 & sleep 0.0${String(10 + round * 3).padStart(2, '0')}; kill -TERM -$!; wait; sleep 0.1`,
        );
        if (Number(valueOf(one)) === before) continue;
        changed++;
        expect(logOf(`asked pid=${one.pid} start=${one.start} comm=sleep old=${before} new=${to}`)).toHaveLength(1);
      }

      expect(changed).toBeGreaterThan(0);
    });

    it.each([
      ['few descriptors', 'ulimit -n 13'],
      ['no file may grow', 'ulimit -f 0'],
      ['no processor time', 'ulimit -t 1'],
      ['little memory', 'ulimit -v 30000'],
    ])('%s: changed and logged, or refused', (_, limit) => {
      const one = start();
      host.run('rm -rf /etc/systemd/system/shop.service.d; : >/var/log/seen');

      const hard = [as(`${limit}; exec $1`, request(one, 600, 500)), as(`${limit}; exec $1`, unitRequest('-', 5))];
      const soft = as(`${limit.replace('ulimit', 'ulimit -S')}; exec $1`, request(one, Number(valueOf(one)), 400));

      const changes = [Number(valueOf(one)) === 400, dropIns() !== ''];
      expect(changes[0]).toBe(true);
      expect(soft).toMatch(/^ok /);
      expect(logOf('set pid=').length).toBe(hard[0]?.startsWith('ok') ? 2 : 1);
      expect(logOf('asked unit=').length).toBe(changes[1] ? 1 : 0);
      expect(['', '50-oombot.conf']).toContain(dropIns());
      for (const answer of hard) expect(answer).toMatch(/^(?:ok .*|refused limits|)$/);
    });

    it('does nothing while there is no log, or one that takes nothing', () => {
      const one = start();
      const pid = host.run("pgrep -f '^busybox syslogd'").stdout.trim();
      host.run(`kill -STOP ${pid}; for i in $(seq 700); do timeout -s KILL 0.05 logger full || break; done`);
      // sudo itself would wait for the log.
      const stuck = host.run(HELPER, { input: request(one, 600, 500) }).stdout.trim();
      host.run(`mv /dev/log /dev/log-away`);
      const none = as('exec $1', request(one, 600, 500));
      const tried = as('exec $1', request(one, 600, 500).replace('v1', 'v1 try'));
      const hello = as('exec $1', 'v1 hello\n');
      host.run(`mv /dev/log-away /dev/log; kill -CONT ${pid}; sleep 0.5`);

      expect([stuck, none, tried]).toEqual(['refused log', 'refused log', 'refused log']);
      expect(hello).toContain(' log=no ');
      expect(valueOf(one)).toBe('600');
      expect(as('exec $1', request(one, 600, 500))).toMatch(/^ok /);
    });

    it('keeps nobody waiting who does not read its answer', () => {
      host.run('rm -rf /etc/systemd/system/shop.service.d');
      const began = Date.now();

      const second = host.run(
        `mkfifo /run/full; exec 3<>/run/full; timeout 1 dd if=/dev/zero of=/run/full bs=4096 2>/dev/null
printf '%s' '${unitRequest('-', 5)}' >/run/request; ${HELPER} </run/request >/run/full & sleep 2
printf '%s' '${unitRequest(5, 4)}' >/run/request; ${HELPER} </run/request; kill -KILL $!; rm /run/full`,
      ).stdout;

      expect(second).toBe('ok unit=shop.service old=5 new=4\n');
      expect(Date.now() - began).toBeLessThan(15_000);
    });

    it('keeps a note only as long as its process lives, and only so many', () => {
      host.run('cp /bin/sleep /dev/shm/sshd');
      const many = Array.from({ length: 12 }, () => start('/dev/shm/sshd 1000'));
      for (const one of many) expect(as('exec $1', request(one, 600, 500))).toMatch(/^ok /);
      host.run(`kill -KILL ${many.map(({ pid }) => pid).join(' ')}`);

      const last = start();
      as('exec $1', request(last, 600, 500));
      const notes = host
        .run('ls /run/oom-adj')
        .stdout.split('\n')
        .filter((name) => name.startsWith(bootId));
      host.run(`sed -i 's/^NOTES_MAX=.*/NOTES_MAX=${notes.length}/' ${HELPER}`);
      const tooMany = start();

      expect(notes.some((name) => many.some(({ pid }) => name.includes(`.${pid}.`)))).toBe(false);
      expect(as('exec $1', request(tooMany, 600, 500))).toBe('refused note');
      expect(valueOf(tooMany)).toBe('600');
      // What has a note goes on.
      expect(as('exec $1', request(last, 500, 400))).toMatch(/^ok /);
      host.run(`sed -i 's/^NOTES_MAX=.*/NOTES_MAX=1024/' ${HELPER}`);
    });

    it('takes nothing from the environment of its caller', () => {
      const one = start();
      host.run(
        `mv /usr/bin/logger /usr/bin/logger-real; printf '#!/bin/sh\\nenv >/run/seen-env\\nexec /usr/bin/logger-real "$@"\\n' >/usr/bin/logger; chmod 755 /usr/bin/logger`,
      );

      host.run(
        `export LD_PRELOAD_NOT=1 TZ=:/etc/shadow POSIXLY_CORRECT=1 GREP_OPTIONS=-r HOME=/dev/shm SYSTEMD_PAGER=id LOCPATH=/dev/shm LINES_IN_IT='
RAISE=yes
KEPT=/tmp
file=x
MIN=-1000'; exec ${HELPER}`,
        {
          input: request(one, 600, 500),
        },
      );
      const names = host
        .run('cat /run/seen-env; mv /usr/bin/logger-real /usr/bin/logger')
        .stdout.trim()
        .split('\n')
        .map((line) => line.split('=')[0]);

      expect(valueOf(one)).toBe('500');
      expect(
        names.filter(
          (name) => !['PATH', 'LC_ALL', 'PWD', 'OLDPWD', 'SUDO_USER', 'DOAS_USER', '_'].includes(name ?? ''),
        ),
      ).toEqual([]);
    });

    it('raises, where that was allowed, nothing of root’s, nothing of the way in and nothing that runs containers', () => {
      host.run(renderSetup(setupOptions({ allowRaise: true })));
      // The names are cut to 15 bytes by the kernel, as those of the real ones are.
      const names =
        'sshd sshd-session dropbear systemd systemd-journald dbus-daemon containerd containerd-shim containerd-shim-runc-v2 dockerd docker-proxy docker-init crio conmon conmonrs podman runc crun k3s-server k3s k0s rke2 kubelet kube-proxy kubelite lxd lxc-start incusd libvirtd virtqemud qemu-system-x86_64 buildkitd cri-dockerd nomad snap.lxd.daemon'.split(
          ' ',
        );
      const kept = names.filter((name) => {
        host.run(`cp /bin/sleep '/dev/shm/${name}'`);
        return as('exec $1', request(start(`/dev/shm/${name} 1000`), 600, 1000)) !== 'refused protected';
      });
      // A name that it gave itself does not hide what it is.
      host.run(
        `cp /bin/sh /dev/shm/crio-of; printf 'printf java >/proc/self/comm\\nwhile :; do sleep 1; done\\n' >/dev/shm/hide; chmod 755 /dev/shm/hide`,
      );
      const hidden = start('/dev/shm/crio-of /dev/shm/hide');
      expect(host.run(`cat /proc/${hidden.pid}/comm`).stdout).toBe('java\n');
      const ordinary = start();

      expect(kept).toEqual([]);
      expect(as('exec $1', request(hidden, 600, 1000))).toBe('refused protected');
      expect(as('exec $1', request(start('sleep 1000', 0), 600, 1000))).toBe('refused protected');
      expect(as('exec $1', `v1 ${bootId} 1 1 0 1000\n`)).toBe('refused pid');
      expect(as('exec $1', request(ordinary, 600, 1000))).toMatch(/^ok /);
      expect(as('exec $1', 'v1 hello\n')).toContain(' raise=yes ');
    });
  },
);
