import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { renderSetup } from '../../src/setup/setup-script.ts';
import { setupOptions } from './options.ts';
import { openUnsharedHost, type UnsharedHost } from './unshared-host.ts';
import { has, needs, skipWithout } from '../support/needs.ts';

const HELPER = '/usr/local/sbin/oom-adj';
const GROUPS = '/sys/fs/cgroup/memory';

function nonce(): string {
  return randomBytes(16).toString('hex');
}

function groupsLeft(): string[] {
  return readdirSync(GROUPS).filter((name) => name.startsWith('oombot-drill-'));
}

describe.each(['sudo', 'doas'] as const)(
  'a drill through %s',
  { ...needs('namespaces', 'kills'), timeout: 120_000 },
  (way) => {
    let host: UnsharedHost;
    beforeEach((context) => skipWithout(context, way));
    beforeAll(async () => {
      if (!has(way)) return;
      host = await openUnsharedHost();
      if (way === 'doas') host.run('rm /usr/bin/sudo');
      host.run(renderSetup(setupOptions()));
      host.run('chmod 777 /dev/shm');
    });
    afterAll(() => host?.close());

    /** As the account, which may set up its own surroundings first. */
    function as(input: string, before = ''): string {
      return host
        .run(`exec su oombot -s /bin/sh -c "$(cat <<'COMMAND'\n${before} exec ${way} -n ${HELPER}\nCOMMAND\n)"`, {
          input,
        })
        .stdout.trim();
    }
    /** What is on the host: processes, groups, files that the helper could write to. */
    function listing(): string {
      return host.run(
        `for d in /proc/[0-9]*; do [ "\${d#/proc/}" = $$ ] || tr '\\0' ' ' <$d/cmdline; echo; done 2>/dev/null | sort | uniq | grep -v -e '^tr ' -e '^sort' -e '^uniq' -e '^grep' -e 'd in /proc'
ls -R /run /dev/shm /usr/local /etc /home; ls ${GROUPS} | grep -v -e oombot-e2e -e oombot-test; ls -l /proc/sys/vm`,
      ).stdout;
    }
    /** Sets something of the host aside while `work` is done. */
    function where<T>(before: string, after: string, work: () => T): T {
      try {
        expect(host.run(before).stderr).toBe('');
        return work();
      } finally {
        host.run(after);
      }
    }

    it('kills one process of its own, in its own group, and leaves nothing behind', () => {
      as(`v1 drill ${nonce()}\n`);
      const [before, id] = [listing(), nonce()];

      const said = as(`v1 drill ${id} ${'0123456789abcdef'.repeat(4)}\n`);

      expect(said).toBe(`ok drill=${id}`);
      expect(listing()).toBe(before);
      const seen = host.run(
        `until grep -q 'drilled=${id}' /var/log/seen; do sleep 0.02; done; grep oom-adj: /var/log/seen | tail -n 2; dmesg | grep ${id}`,
        { timeoutMs: 30_000 },
      ).stdout;
      expect(seen).toMatch(
        new RegExp(`oom-adj: asked drill=${id} ref=(?:0123456789abcdef){4} by=oombot\n.*drilled=${id} ref=`),
      );
      expect(seen).toMatch(
        new RegExp(`oom_memcg=/oombot-drill-${id},task_memcg=/oombot-drill-${id},task=oombot-drill,`),
      );
    });

    it.each([
      ['busybox', 'busybox sh'],
      ['dash', 'dash'],
      ['bash', 'bash'],
    ] as const)('works with %s as /bin/sh', (shell, program) => {
      const id = nonce();
      const before = `cp -P /bin/sh /run/sh-before; ln -sf "$(command -v ${shell})" /usr/bin/sh`;
      where(before, 'cp -P /run/sh-before /usr/bin/sh; rm /run/sh-before', () => {
        expect(host.run(`exec ${program} ${HELPER}`, { input: `v1 drill ${id}\n` }).stdout).toBe(`ok drill=${id}\n`);
      });
      expect(groupsLeft()).toEqual([]);
    });

    it('says whether it would do it, without doing anything', () => {
      const id = nonce();

      expect(as(`v1 try drill ${id}\n`)).toBe('ok try');

      expect(host.run(`sleep 0.2; grep ${id} /var/log/seen; dmesg | grep ${id}`).stdout).toBe('');
    });

    it.each([
      ['v1 drill\n', 'fields'],
      ['v1 drill 0123\n', 'nonce'],
      [`v1 drill ${'a'.repeat(31)}\n`, 'nonce'],
      [`v1 drill ${'a'.repeat(33)}\n`, 'nonce'],
      [`v1 drill ${'z'.repeat(32)}\n`, 'nonce'],
      [`v1 drill -${'a'.repeat(31)}\n`, 'nonce'],
      [`v1 drill ${'a'.repeat(28)}/../\n`, 'chars'],
      [`v1 drill ${'a'.repeat(32)}\n$(id)\n`, 'chars'],
      [`v1 drill ${'A'.repeat(32)}\n`, 'chars'],
      [`v1 drill ${'a'.repeat(32)}`, 'incomplete'],
      [`v1 drill ${'a'.repeat(32)} zz\n`, 'ref'],
      [`v1 drill ${'a'.repeat(32)} ${'b'.repeat(16)} 64\n`, 'fields'],
      [`v2 drill ${'a'.repeat(32)}\n`, 'version'],
    ])('is refused for %j', (request, reason) => {
      expect(as(request)).toBe(`refused ${reason}`);

      expect(groupsLeft()).toEqual([]);
    });

    it('takes no argument, and nothing of its caller’s surroundings', () => {
      const id = nonce();
      const around = `cd /dev/shm; printf '#!/bin/sh\\necho bad >/dev/shm/ran\\n' >/dev/shm/mkdir; chmod 755 /dev/shm/mkdir; cp mkdir rmdir; cp mkdir timeout
ulimit -S -v 60000; ulimit -c 0; ulimit -S -n 16; PATH=/dev/shm:$PATH DRILL_BYTES=1 top=/dev/shm groups=v9 DRILLED=id ROOM_KIB=1 group=/etc; export PATH DRILL_BYTES top groups DRILLED ROOM_KIB group;`;

      expect(as(`v1 drill ${id}\n`, around)).toBe(`ok drill=${id}`);

      expect(host.run('cat /dev/shm/ran; rm -f /dev/shm/mkdir /dev/shm/rmdir /dev/shm/timeout').stdout).toBe('');
      expect(host.run(`su oombot -s /bin/sh -c '${way} -n ${HELPER} drill'`).status).not.toBe(0);
    });

    it('is refused, and nothing is killed, where it cannot be made safe', () => {
      const id = nonce();
      const asked = `v1 drill ${id}\n`;
      function put(file: string, text: string, work: () => string): string {
        return where(
          `printf '${text}' >/run/instead; mount --bind /run/instead ${file}`,
          `umount ${file}; rm /run/instead`,
          work,
        );
      }
      const inner = `${GROUPS}/oombot-test-${process.pid}-drill`;

      expect(put('/proc/sys/vm/panic_on_oom', '2\\n', () => as(asked))).toBe('refused panic');
      expect(put('/proc/sys/vm/panic_on_oom', '2\\n', () => as(asked.replace('v1', 'v1 try')))).toBe('refused panic');
      expect(put('/proc/meminfo', 'MemTotal: 9000000 kB\\nMemAvailable: 60000 kB\\n', () => as(asked))).toBe(
        'refused room',
      );
      expect(where(`umount ${GROUPS}`, `mount -t cgroup -o memory memory ${GROUPS}`, () => as(asked))).toBe(
        'refused no-group',
      );
      // As in a container: what looks like the top is a group with a limit.
      expect(
        where(
          `mkdir ${inner}; echo 64M >${inner}/memory.limit_in_bytes; mount --bind ${inner} ${GROUPS}`,
          `umount ${GROUPS}; rmdir ${inner}`,
          () => as(asked),
        ),
      ).toBe('refused container');
      expect(where(`mount -o remount,bind,ro ${GROUPS}`, `mount -o remount,bind,rw ${GROUPS}`, () => as(asked))).toBe(
        'refused group',
      );
      expect(where('mv /dev/log /dev/log-away', 'mv /dev/log-away /dev/log', () => as(asked))).toBe('refused log');
      expect(host.run(`exec su oombot -s /bin/sh -c 'exec sh ${HELPER}'`, { input: asked }).stdout.trim()).toBe(
        'refused root',
      );
      expect(groupsLeft()).toEqual([]);
      expect(host.run(`dmesg | grep ${id}`).stdout).toBe('');
    });

    it('says that nothing was killed where the kernel kills nothing', () => {
      // A shell that ends by itself instead of holding memory.
      const edit = `cp ${HELPER} /run/helper; sed -i 's/-lt 21 /-lt 3 /' ${HELPER}`;

      expect(where(edit, `cat /run/helper >${HELPER}; rm /run/helper`, () => as(`v1 drill ${nonce()}\n`))).toBe(
        'refused not-killed',
      );

      expect(groupsLeft()).toEqual([]);
    });

    it.runIf(way === 'sudo')('is refused at once while another one goes on', () => {
      // It waits inside its group for the second one to come.
      const edit = `cp ${HELPER} /run/helper; sed -i 's/^inside=no/until [ -e \\/run\\/go ]; do sleep 0.02; done; inside=no/' ${HELPER}`;
      const ids = [nonce(), nonce(), nonce()];
      const said = where(
        edit,
        `cat /run/helper >${HELPER}; rm -f /run/helper /run/go /run/said`,
        () =>
          host.run(
            `echo v1 drill ${ids[0]} | ${HELPER} >/run/said & until grep -q . ${GROUPS}/oombot-drill-${ids[0]}/tasks; do sleep 0.02; done 2>/dev/null
echo v1 drill ${ids[1]} | ${HELPER}; mv /usr/bin/flock /usr/bin/flock-away; echo v1 drill ${ids[2]} | ${HELPER}; mv /usr/bin/flock-away /usr/bin/flock
: >/run/go; wait; cat /run/said`,
          ).stdout,
      );

      expect(said).toBe(`refused busy\nrefused busy\nok drill=${ids[0]}\n`);
      expect(groupsLeft()).toEqual([]);
    });

    it.each(way === 'sudo' ? ['TERM', 'INT', 'HUP'] : [])(
      'SIG%s at any moment, to all of it, leaves nothing behind',
      (signal) => {
        for (let round = 0; round < 4; round++) {
          const id = nonce();
          const said = host.run(
            `echo v1 drill ${id} >/run/request; setsid sh ${HELPER} </run/request >/run/said & sleep 0.${String(round * 36).padStart(3, '0')}; kill -${signal} -$!; wait; cat /run/said`,
          ).stdout;

          // Before it has told signals that it does not listen, it is gone without an answer; and without having begun.
          expect(said).toMatch(/^(?:ok drill=[0-9a-f]{32}\n|refused not-killed\n|)$/);
          expect(groupsLeft()).toEqual([]);
        }
        expect(host.run("pgrep -f 'oombot-dril[l]'").stdout).toBe('');
      },
    );

    it.runIf(way === 'sudo')(
      'kill -9 at any moment leaves at most an empty group, which the next one takes away',
      () => {
        for (let round = 0; round < 6; round++) {
          host.run(
            `echo v1 drill ${nonce()} >/run/request; setsid sh ${HELPER} </run/request >/dev/null & sleep 0.${String(round * 24).padStart(3, '0')}; kill -KILL -$!; wait; sleep 0.3`,
          );
          for (const group of groupsLeft()) expect(host.run(`cat ${GROUPS}/${group}/tasks`).stdout).toBe('');
        }
        const id = nonce();

        expect(as(`v1 drill ${id}\n`)).toBe(`ok drill=${id}`);
        expect(groupsLeft()).toEqual([]);
      },
    );
  },
);
