import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readMeans } from '../../src/change/host-command.ts';
import { parseProcScan } from '../../src/oom/proc/proc-scan.ts';
import { SCRIPTS, VERBS } from '../../src/remote/scripts.ts';
import { ownHelper, renderSetup } from '../../src/setup/setup-script.ts';
import { openHostLink } from '../../src/ssh/host-link.ts';
import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import { probeOf } from '../support/follow.ts';
import { freePort, realClock, stateOf } from '../support/sshd.ts';
import { needs } from '../support/needs.ts';
import { setupOptions } from './options.ts';
import { openUnsharedHost, type UnsharedHost } from './unshared-host.ts';

// The sshd of the copy, with the configuration that the set-up leaves there, and keys of three who may try.
describe(
  'the one command of the bot’s key, under a real sshd',
  { ...needs('namespaces', 'sshd', 'sudo', 'ssh-keygen', 'busybox'), timeout: 180_000 },
  () => {
    let host: UnsharedHost;
    let port: number;
    let ssh: Ssh;
    const dir = '/root/keys';

    beforeAll(async () => {
      host = await openUnsharedHost();
      port = await freePort();
      host.run(
        `mkdir -m 700 ${dir}; for k in old new writer; do ssh-keygen -q -t ed25519 -N '' -f ${dir}/$k; done; ls /etc/ssh/ssh_host_ed25519_key || ssh-keygen -A`,
      );
      setUp();
      startSshd();
      ssh = openSsh({ clock: realClock, random: Math.random, passphrase: null, agentSocket: null });
    });
    afterAll(async () => {
      await ssh?.close();
      await host?.close();
    });

    function keyOf(name: string): string {
      return host.run(`cat ${dir}/${name}.pub`).stdout;
    }
    function setUp(change: Parameters<typeof setupOptions>[0] = {}): string {
      const { status, stdout, stderr } = host.run('exec sh -s', {
        input: renderSetup(setupOptions({ publicKeys: [keyOf('old')], ...change })),
      });
      if (status !== 0) throw new Error(`${stdout}${stderr}`);
      return stdout;
    }
    function startSshd(): void {
      host.run(
        `[ ! -e /run/sshd.pid ] || kill "$(cat /run/sshd.pid)"; /usr/sbin/sshd -p ${port} -o ListenAddress=127.0.0.1 -o PidFile=/run/sshd.pid; sleep 0.2`,
      );
    }
    /** What OpenSSH's client gets: `more` goes before the host's name, `command` after it. */
    function login(
      command: string,
      { more = '', key = 'old', input = '' }: { more?: string; key?: string; input?: string } = {},
    ) {
      return host.run(
        `timeout 10 ssh -F none -p ${port} -i ${dir}/${key} -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes ${more} oombot@127.0.0.1 "$(cat <<'COMMAND'\n${command}\nCOMMAND\n)"`,
        { input, timeoutMs: 20_000 },
      );
    }

    function connect(key = 'old') {
      const files = path.join('/tmp', `oombot-dispatcher-${process.pid}-${key}`);
      writeFileSync(files, host.run(`cat ${dir}/${key}`).stdout, { mode: 0o600 });
      writeFileSync(
        `${files}.known`,
        `[127.0.0.1]:${port} ${host.run('cat /etc/ssh/ssh_host_ed25519_key.pub').stdout.split(' ').slice(0, 2).join(' ')}\n`,
      );
      return ssh.connect({
        name: 'db01',
        address: '127.0.0.1',
        port,
        user: 'oombot',
        identityFile: files,
        knownHosts: [`${files}.known`],
        fingerprints: [],
        jump: null,
      });
    }

    it('tells how often systemd-oomd killed, and is asked again only after a new probe where systemd does not know', async () => {
      const connection = connect();
      await stateOf(connection, 'connected');
      const link = openHostLink('db01', connection, { logFiles: null, clock: realClock, ownHelper });
      await link.probe();
      function systemctlSays(text: string): void {
        host.run(
          `mkdir -p /sys/fs/cgroup/system.slice/systemd-oomd.service && cat >/usr/bin/systemctl && chmod 755 /usr/bin/systemctl`,
          { input: `#!/bin/sh\necho asked >>/tmp/systemctl-asked\nprintf '${text}'\n` },
        );
      }
      host.run('mount -t tmpfs none /sys/fs/cgroup; : >/tmp/systemctl-asked; chmod 666 /tmp/systemctl-asked');

      systemctlSays('ManagedOOMKills=2\\nId=shop.service\\n\\nManagedOOMKills=0\\nId=cron.service\\n');
      expect(await link.oomdKills()).toMatchObject({ sum: 2, units: [{ unit: 'shop.service', kills: 2 }] });

      systemctlSays('Id=shop.service\\n');
      host.run(': >/tmp/systemctl-asked');
      expect([await link.oomdKills(), await link.oomdKills()]).toEqual([null, null]);
      expect(host.run('cat /tmp/systemctl-asked').stdout).toBe('asked\n');
      host.run('umount /sys/fs/cgroup; rm -f /usr/bin/systemctl');
      await connection.close();
    });

    it('answers all that the bot asks', async () => {
      const connection = connect();
      await stateOf(connection, 'connected');
      const probe = await probeOf(connection);
      const link = openHostLink('db01', connection, { logFiles: null, clock: realClock, ownHelper });
      await link.probe();

      expect(probe.setup.dispatcher).toEqual({ version: 1, verbs: [...VERBS] });
      expect(probe).toMatchObject({ user: 'oombot', kmsg: 'sudo', oomAdj: 'sudo', groups: ['oombot'] });
      for (const which of ['all', 'light', 'sample'] as const) expect(await link.scan(which)).toMatch(/\n#end\t\d+\n$/);
      expect(parseProcScan((await link.scan('all')) ?? '').kind).not.toBe('unreadable');
      expect(await link.counters()).toMatchObject({ bootId: probe.bootId });
      expect(await link.collectFacts({ unit: null, group: '/' })).toContain('#end');
      const hello = await link.changes.request('v1 hello\n');
      expect(hello.kind === 'answered' && readMeans(hello.text)).toMatchObject({ raises: false, tries: true });
      await link.close();
    });

    it('runs nothing else: no shell, no terminal, no copying, no forwarding, nothing from the caller’s input or environment', () => {
      host.run('rm -f /tmp/owned /home/oombot/owned; echo secret >/tmp/secret; chmod 644 /tmp/secret');
      const commands = [
        'id',
        'sh',
        'touch /tmp/owned',
        '',
        ': oombot 1 probe',
        ': oombot 2 probe;',
        ': oombot 1 ;touch /tmp/owned',
        ': oombot 1 nothing; touch /tmp/owned',
        ': oombot 1 probe touch;',
        ': oombot 1 $(touch /tmp/owned);',
        ': oombot 1 `touch /tmp/owned`;',
        ': oombot 1 ../../bin/sh;',
        ': oombot 1 /bin/sh;',
        ': oombot 1 *;',
        ': oombot 1 prob?;',
        ': oombot 1 probe|counters;',
        ': oombot 1 counters\ntouch /tmp/owned;',
        ' : oombot 1 counters;',
        ':  oombot 1 counters;',
        ': oombot 1 own-adj; touch /tmp/owned',
        'internal-sftp',
        'scp -t /tmp/owned',
        'scp -f /tmp/secret',
        'rsync --server . /tmp',
        'sudo -n /usr/local/sbin/oom-adj',
        '/usr/local/sbin/oom-kmsg',
        'exec /usr/local/bin/oombot-host watch change',
      ];
      const ran = commands.filter((command) => {
        const { status, stdout } = login(command, { input: 'v1 hello\n' });
        return status === 0 || !/#oombot-host 1 refused (?:command|name)/.test(stdout) || stdout.includes('secret');
      });
      const tails = ['; touch /tmp/owned', '; exec env sh -c "touch /tmp/owned"', ';\ntouch /tmp/owned'];
      const inputs = ['touch /tmp/owned\n', '$(touch /tmp/owned)\n'];
      for (const tail of tails) expect(login(`: oombot 1 counters${tail}`).stdout).toContain('#counters 1 ');
      const names = Object.keys(SCRIPTS).filter((name) => !['kmsg', 'journal', 'file', 'dmesg'].includes(name));
      for (const name of names) for (const input of inputs) login(`: oombot 1 ${name};`, { input });

      const options: [string, string, (out: string, status: number | null) => boolean][] = [
        ['a terminal', '-tt', (out, status) => status !== 0 && !out.includes('uid=')],
        ['sftp', '-s', (_, status) => status !== 0],
        ['a way on', '-W 127.0.0.1:22', (_, status) => status !== 0],
        ['a way back', '-o ExitOnForwardFailure=yes -R 0:127.0.0.1:22', (_, status) => status !== 0],
        ['a socket of the host', `-o ExitOnForwardFailure=yes -R /tmp/owned:127.0.0.1:22`, (_, status) => status !== 0],
        [
          'its own environment',
          '-o SetEnv=BASH_ENV=/tmp/evil -o SetEnv=ENV=/tmp/evil',
          (out) => out.includes('refused'),
        ],
        ['a tunnel', '-w any', (_, status) => status !== 0],
      ];
      const got = options.filter(([, more, refused]) => {
        const command = more.startsWith('-W') ? '' : more === '-s' ? 'sftp' : 'id';
        const { status, stdout } = login(command, { more });
        return !refused(stdout, status);
      });

      expect(ran).toEqual([]);
      expect(got.map(([name]) => name)).toEqual([]);
      expect(host.run('ls /tmp/owned /home/oombot/owned 2>/dev/null; ls -A /home/oombot').stdout).toBe('.ssh\n');
      console.log(
        `NOTE: ${commands.length + tails.length + names.length * inputs.length + options.length} tries against oombot-host, none worked`,
      );
    });

    it('reads no file but the logs that it knows', () => {
      host.run('echo secret >/var/log/other.log; echo secret >/tmp/secret; chmod 644 /var/log/other.log /tmp/secret');
      function read(file: string): string {
        return login(': oombot 1 file;', { input: `abc123\n${file}\n-\n0\n0\n-\n0\n0\n0\n` }).stdout;
      }
      host.run("echo 'kernel: line' >/var/log/kern.log; chmod 644 /var/log/kern.log");

      const others = [
        '/etc/passwd',
        '/tmp/secret',
        '/var/log/other.log',
        '/var/log/kern.log/../other.log',
        '/var/log/./kern.log',
        '/var/log/kern.log|/var/log/messages',
      ];

      expect(read('/var/log/kern.log')).toContain('kernel: line');
      for (const file of others) expect([file, read(file)]).toEqual([file, '\n']);
      setUp({ logFiles: ['/var/log/other.log'] });
      expect(read('/var/log/other.log')).toContain('secret');
      expect(read('/tmp/secret')).toBe('\n');
      setUp();
    });

    it('shows of the journal what the kernel and the killers wrote, and nothing else', () => {
      host.run(
        `mv /usr/bin/journalctl /usr/bin/journalctl-real; printf '#!/bin/sh\\nfor a; do printf "[%%s]" "$a"; done; echo\\n' >/usr/bin/journalctl; chmod 755 /usr/bin/journalctl`,
      );
      function ask(line: string): string {
        // Kept open for a moment, as its end is the end of reading.
        return host.run(
          `{ cat; sleep 0.6; } | SSH_ORIGINAL_COMMAND=': oombot 1 journal-helper;' su oombot -s /bin/sh -c '/usr/local/bin/oombot-host watch'`,
          { input: `${line}\n` },
        ).stdout;
      }
      const good = ask('past all fields -');
      const bad = [
        'past all fields',
        'past any fields -',
        'past all fields -o=cat',
        'past all fields --vacuum-size=1',
        'past all fields s=1 --rotate',
        'past all fields s=$(id)',
        'since all fields -1',
        'since all fields 1;id',
        'follow all fields s=1\nprobe',
        'past all fields *',
        '--flush',
        'x'.repeat(600),
      ].filter((line) => ask(line).includes('['));
      host.run('mv /usr/bin/journalctl-real /usr/bin/journalctl');

      expect(good).toMatch(
        /\n#journal 1 \d+ [0-9a-f-]{36} [\d.]+\n\[-q\]\[--no-pager\]\[-o\]\[json\]\[_TRANSPORT=kernel\]\[\+\]\[_SYSTEMD_UNIT=systemd-oomd\.service\]/,
      );
      expect(good).toContain('[-n][20000]');
      expect(bad).toEqual([]);
    });

    it('lets a key be replaced in two steps', () => {
      setUp({ publicKeys: [keyOf('old'), keyOf('new')] });
      const both = ['old', 'new'].map((key) => login(': oombot 1 hello;', { key }).status);
      setUp({ publicKeys: [keyOf('new')] });
      const one = ['old', 'new'].map((key) => login(': oombot 1 hello;', { key }).status);
      setUp();

      expect(both).toEqual([0, 0]);
      expect(one).toEqual([255, 0]);
    });

    it('lets the key in from the given addresses only', () => {
      setUp({ from: ['192.0.2.7', '198.51.100.0/24'] });
      const away = login(': oombot 1 hello;').status;
      setUp({ from: ['127.0.0.0/8'] });
      const here = login(': oombot 1 hello;').status;
      setUp();

      expect([away, here]).toEqual([255, 0]);
    });

    it('on a bastion goes on to the named hosts and nowhere else', () => {
      setUp({ jumpTo: [`127.0.0.1:${port}`, '[2001:db8::1]:22'] });
      startSshd();
      function through(target: string) {
        return host.run(
          `printf '' | timeout 5 ssh -F none -p ${port} -i ${dir}/old -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes -W ${target} oombot@127.0.0.1`,
        ).stdout;
      }
      const inner = login('id').stdout;
      const reached = through(`127.0.0.1:${port}`);
      const others = ['127.0.0.1:22', `127.0.0.2:${port}`, '/run/sshd.pid'].map(through);
      const back = login('id', { more: '-o ExitOnForwardFailure=yes -R 0:127.0.0.1:22' });
      setUp();
      startSshd();

      expect(reached).toMatch(/^SSH-2\.0-/);
      expect(others).toEqual(['', '', '']);
      expect(back.status).toBe(255);
      expect(inner).toContain('refused command');
      expect(through(`127.0.0.1:${port}`)).toBe('');
    });

    it('is left by the bot that does not know why, where a name is not known there', async () => {
      host.run("sed -i -e 's/^counters)/was-counters)/' -e 's/ counters / /' /usr/local/bin/oombot-host");
      const connection = connect();
      await stateOf(connection, 'connected');
      const link = openHostLink('db01', connection, { logFiles: null, clock: realClock, ownHelper });

      expect(await link.probe()).toMatchObject({ kind: 'facts' });
      expect(await link.counters()).toBeNull();
      expect((await probeOf(connection)).setup.dispatcher?.verbs).not.toContain('counters');
      await link.close();
      setUp();
    });

    it('is taken away to the end while the bot is connected', async () => {
      const connection = connect();
      await stateOf(connection, 'connected');
      const stop = new AbortController();
      const isReading = Promise.withResolvers<void>();
      const stream = connection.stream(': oombot 1 kmsg-helper;', {
        stdin: '',
        signal: stop.signal,
        onData: () => isReading.resolve(),
      });
      await isReading.promise;

      const { status, stdout, stderr } = host.run('exec sh -s', { input: renderSetup(setupOptions({ remove: true })) });
      const again = host.run('exec sh -s', { input: renderSetup(setupOptions({ remove: true })) });

      expect([status, stderr]).toEqual([0, '']);
      expect(stdout).toContain('- account oombot\n');
      expect(again.stdout).toBe('Nothing was removed: nothing was there.\n');
      expect(host.run('id oombot').status).not.toBe(0);
      expect(
        host.run('find /home/oombot /etc/systemd/system /usr/local/bin /usr/local/sbin -name "*oom*" 2>/dev/null')
          .stdout,
      ).toBe('');
      expect(await stream).toMatchObject({ end: { kind: expect.stringMatching(/lost|exit|signal/) } });
      await connection.close();
    });
  },
);

it('is made of the very texts that the bot sends elsewhere', () => {
  const script = renderSetup(setupOptions());

  for (const text of Object.values(SCRIPTS)) expect(script).toContain(`\n${text.trim()}\n`);
  expect(existsSync(path.join(import.meta.dirname, '../../src/setup/oombot-host.sh'))).toBe(true);
  expect(script).not.toMatch(/@(?:SCRIPTS|FILES|VERBS|OPTIONS|REQUEST)@/);
  expect(readFileSync(path.join(import.meta.dirname, '../../src/setup/oombot-host.sh'), 'utf8')).not.toContain('eval');
});
