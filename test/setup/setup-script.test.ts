import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { renderSetup } from '../../src/setup/setup-script.ts';
import { A_KEY, ANOTHER_KEY, setupOptions } from './options.ts';
import { openUnsharedHost, type UnsharedHost } from './unshared-host.ts';
import { needs } from '../support/needs.ts';

const WRITER = { writer: { publicKey: ANOTHER_KEY } };
/** What the key of the bot runs where changes go through the same account. */
const FORCED = 'restrict,command="/usr/local/bin/oombot-host watch change"';
const HELPERS = ['oom-adj', 'oom-kmsg'].map((name) => path.join(import.meta.dirname, `../../src/setup/${name}.sh`));

describe('the printed set-up script', () => {
  it.each([
    ['set-up', setupOptions()],
    ['set-up without a key', setupOptions({ publicKeys: [] })],
    ['set-up with an account for writing', setupOptions(WRITER)],
    ['undo', setupOptions({ remove: true })],
  ])('pleases shellcheck: %s', needs('shellcheck'), (_, options) => {
    const { stdout, status } = spawnSync('shellcheck', ['-s', 'sh', '-'], {
      input: renderSetup(options),
      encoding: 'utf8',
    });

    expect(stdout).toBe('');
    expect(status).toBe(0);
  });

  it('holds helpers that please shellcheck', needs('shellcheck'), () => {
    expect(spawnSync('shellcheck', ['-s', 'sh', ...HELPERS], { encoding: 'utf8' }).stdout).toBe('');
  });

  it('holds the lowest value that was asked for', () => {
    expect(renderSetup(setupOptions())).toContain('\nMIN=-900\nMAX=1000\nRAISE=no\n');
    expect(renderSetup(setupOptions({ minOomScoreAdj: -1000, allowRaise: true }))).toContain(
      '\nMIN=-1000\nMAX=1000\nRAISE=yes\n',
    );
  });

  it.each([
    [{ user: 'root' }, /--user "root"/],
    [{ user: 'a b' }, /--user "a b"/],
    [{ user: 'x ALL=(ALL) NOPASSWD: ALL' }, /--user/],
    [{ user: '../x' }, /--user/],
    [{ minOomScoreAdj: -1001 }, /--min -1001/],
    [{ minOomScoreAdj: 0.5 }, /--min 0.5/],
    [{ publicKeys: ['-----BEGIN OPENSSH PRIVATE KEY-----\nabc'] }, /private key/],
    [{ publicKeys: ['ssh-ed25519 short'] }, /no public key/],
    [{ publicKeys: [`command="x" ${A_KEY}`] }, /no public key/],
    [{ publicKeys: [`${A_KEY}\n${ANOTHER_KEY}`] }, /no public key/],
    [{ writer: { publicKey: A_KEY } }, /another/],
  ])('is not made from %j', (change, words) => {
    expect(() => renderSetup(setupOptions(change))).toThrow(words);
  });

  it('lets no comment of a key mean anything', () => {
    const script = renderSetup(setupOptions({ publicKeys: [`${A_KEY} $(touch /x) '"\`\\`] }));

    expect(script).toContain(`${A_KEY}_touch_x_`);
  });
});

describe('on Debian', needs('namespaces', 'sudo'), () => {
  let host: UnsharedHost | null = null;
  afterEach(async () => {
    await host?.close();
    host = null;
  });
  async function machine(): Promise<UnsharedHost> {
    host = await openUnsharedHost();
    return host;
  }
  /** As it is run from afar: the script on the standard input of a shell. */
  function run(on: UnsharedHost, change: Parameters<typeof setupOptions>[0] = {}) {
    return on.run('exec sh -s', { input: renderSetup(setupOptions(change)) });
  }
  /** Everything that the script may touch, with rights. */
  function state(on: UnsharedHost): string {
    return on.run(
      'cd /; ls -lAnR /etc/sudoers.d /etc/ssh /usr/local/sbin /usr/local/bin /home/oombot /etc/systemd/system /etc/doas* 2>/dev/null; cat /etc/passwd /etc/group /etc/sudoers.d/* /etc/ssh/sshd_config /etc/ssh/sshd_config.d/* /etc/doas.conf 2>/dev/null',
    ).stdout;
  }

  it('sets up all, then changes nothing, then takes it back', async () => {
    const on = await machine();
    on.run('groupadd -f -r systemd-journal');
    const before = state(on);

    const first = run(on);
    const between = state(on);
    const second = run(on);

    expect(first).toMatchObject({ status: 0, stderr: '' });
    expect(first.stdout).toMatch(/^\+ account oombot$/m);
    expect(first.stdout).toMatch(/^ {2}oombot can read the kernel log through oom-kmsg$/m);
    expect(second.status).toBe(0);
    expect(second.stdout).not.toMatch(/^\+/m);
    expect(second.stdout).toContain('Nothing was changed: all was there.');
    expect(state(on)).toBe(between);
    expect(on.run('cat /home/oombot/.ssh/authorized_keys').stdout).toBe(`${FORCED} ${A_KEY}\n`);
    expect(on.run('id -Gn oombot').stdout.trim().split(' ').toSorted()).toEqual(['oombot']);
    expect(on.run("grep '^oombot:' /etc/shadow").stdout).toMatch(/^oombot:\*:/);
    expect(on.run('visudo -c').status).toBe(0);

    const undone = run(on, { remove: true });
    const again = run(on, { remove: true });

    expect(undone.status).toBe(0);
    expect(again.stdout).toBe('Nothing was removed: nothing was there.\n');
    // Times aside, which ls shows.
    expect(withoutTimes(state(on))).toBe(withoutTimes(before));
  });

  it('leaves what protects a service when it is taken away, and names it', async () => {
    const on = await machine();
    run(on);
    const file = '/etc/systemd/system/shop.service.d/50-oombot.conf';
    on.run(`mkdir -p ${path.dirname(file)} && printf '[Service]\\nOOMScoreAdjust=-500\\n' >${file}`);

    const undone = run(on, { remove: true });

    expect(undone.stdout).toContain(`! ${file} stays: a service was protected by it. To end that: rm '${file}' && `);
    expect(on.run(`cat ${file}`).stdout).toBe('[Service]\nOOMScoreAdjust=-500\n');
  });

  it('needs root, and a key, before it touches anything', async () => {
    const on = await machine();
    const before = state(on);

    const nobody = on.run('exec setpriv --reuid 65534 --clear-groups sh -s', { input: renderSetup(setupOptions()) });
    const noKey = run(on, { publicKeys: [] });
    const wrongKey = on.run('exec sh -s', {
      input: renderSetup(setupOptions({ publicKeys: [] })).replaceAll(/^PASTE THE.*$/gm, 'hello'),
    });

    expect(nobody).toMatchObject({ status: 1, stderr: '! This must be run as root. Nothing more was done.\n' });
    expect(noKey.status).toBe(1);
    expect(noKey.stderr).toContain('PASTE THE PUBLIC KEY HERE');
    expect(wrongKey.stderr).toContain('The key is not a public key');
    expect(state(on)).toBe(before);
  });

  it('does nothing when it was cut off on its way', async () => {
    const on = await machine();
    const before = state(on);
    const script = renderSetup(setupOptions());

    for (const length of [0.3, 0.6, 0.9]
      .map((part) => Math.floor(script.length * part))
      .concat([2, 4, 6, 7, 8].map((missing) => script.length - missing))) {
      const { stdout } = on.run('exec sh -s', { input: script.slice(0, length) });
      expect(stdout, `cut at ${length} of ${script.length}`).toBe('');
    }
    expect(state(on)).toBe(before);
  });

  it('keeps the key when run again without one, and takes another when given one', async () => {
    const on = await machine();
    run(on);

    const without = run(on, { publicKeys: [] });
    const key = on.run('cat /home/oombot/.ssh/authorized_keys').stdout;
    const changed = run(on, { publicKeys: [ANOTHER_KEY] });

    expect(without.stdout).toContain('Nothing was changed');
    expect(key).toContain(A_KEY);
    expect(changed.stdout).toContain('1 changed');
    expect(on.run('cat /home/oombot/.ssh/authorized_keys').stdout).toBe(`${FORCED} ${ANOTHER_KEY}\n`);
  });

  it.each([
    'sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIMwS/MWnmeUTvnOMgQ4kTGVtbkXwxBaU0qUmQlREYMVTAAAABHNzaDo= bot',
    'sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBLKyQKZ/lMOhi33ogzbTET2vF7DnydaihmQ9fA7+lD31vYfrvBa7H9mmHeaT4rOtDWa16EOvqWTT3/bJs5r37tgAAAAEc3NoOg== bot',
  ])('asks for no touch of the FIDO key %s, beside a plain key, and keeps both', async (key) => {
    const on = await machine();
    const lines = `${FORCED} ${A_KEY}\n${FORCED.replace('restrict,', 'restrict,no-touch-required,')} ${key}\n`;

    const first = run(on, { publicKeys: [A_KEY, key] });
    const made = on.run('cat /home/oombot/.ssh/authorized_keys').stdout;
    const again = run(on, { publicKeys: [] });

    expect(first.status).toBe(0);
    expect(made).toBe(lines);
    expect(again.stdout).toContain('Nothing was changed');
  });

  it('mends what was bent, and leaves nothing half written', async () => {
    const on = await machine();
    run(on);
    on.run(`chmod 777 /usr/local/sbin/oom-adj; chown oombot /usr/local/sbin/oom-kmsg; chown oombot /home/oombot/.ssh
      echo 'oombot ALL=(root) NOPASSWD: ALL' > /etc/sudoers.d/oombot; gpasswd -a oombot adm; echo id > /usr/local/bin/oombot-host`);

    const mended = run(on);

    expect(mended.stdout.match(/^\+ .*/gm)).toEqual([
      '+ /usr/local/bin/oombot-host',
      '+ /usr/local/sbin/oom-kmsg',
      '+ /usr/local/sbin/oom-adj',
      '+ /home/oombot belongs to root',
      '+ oombot out of group adm',
      '+ /etc/sudoers.d/oombot',
    ]);
    expect(
      on.run('find / -xdev -name "*oombot-new*" 2>/dev/null; find /etc /usr/local /home -name "*oombot-new*"').stdout,
    ).toBe('');
  });

  it('does not put a rule in place that visudo refuses', async () => {
    const on = await machine();
    on.run('cp /bin/false /usr/sbin/visudo');

    const result = run(on);

    expect(result.status).toBe(1);
    expect(result.stderr).toContain('/etc/sudoers.d/oombot was not written');
    expect(on.run('ls -A /etc/sudoers.d').stdout).toBe('README\n');
  });

  it('leaves the keys of an account of your own alone', async () => {
    const on = await machine();
    on.run('useradd -m -s /bin/sh ops; mkdir /home/ops/.ssh; echo mine > /home/ops/.ssh/authorized_keys');

    const result = run(on, { user: 'ops' });
    run(on, { user: 'ops', remove: true });

    expect(result.stdout).toContain(
      `! ops is an account of your own, so its keys are left alone. The line for its authorized_keys: ${FORCED} ${A_KEY}`,
    );
    expect(on.run('cat /home/ops/.ssh/authorized_keys').stdout).toBe('mine\n');
    expect(on.run('id ops').status).toBe(0);
  });

  it('tells when a later rule takes away what ours gives, and of a folder that others may write to', async () => {
    const on = await machine();
    on.run(
      "echo 'oombot ALL=(ALL) !ALL' > /etc/sudoers.d/zz-last; chmod 440 /etc/sudoers.d/zz-last; chgrp adm /usr/local/sbin; chmod 2775 /usr/local/sbin",
    );

    const { stdout } = run(on);

    expect(stdout).toContain('! oombot cannot change values through sudo');
    expect(stdout).toContain('! Others than root may write to /usr/local/sbin');
  });

  it('frees the bot from requiretty where sudo asks for a terminal', async () => {
    const on = await machine();
    on.run("printf 'Defaults requiretty\\n' >> /etc/sudoers");

    const { stdout } = run(on);
    const second = run(on);

    expect(stdout).toMatch(/oombot can (?:change|raise) values/);
    expect(second.stdout).toContain('Nothing was changed');
  });

  it('uses doas where there is no sudo, keeping the other rules', needs('doas'), async () => {
    const on = await machine();
    on.run("rm /usr/bin/sudo; printf 'permit persist :wheel\\n' > /etc/doas.conf; chmod 600 /etc/doas.conf");

    const first = run(on);
    const second = run(on);
    const rules = on.run('cat /etc/doas.conf').stdout;
    run(on, { remove: true });

    expect(first.stdout).toMatch(/oombot can read the kernel log through oom-kmsg/);
    expect(first.stdout).toMatch(/oombot can (?:change|raise) values/);
    expect(second.stdout).toContain('Nothing was changed');
    expect(rules).toContain('permit nopass oombot as root cmd /usr/local/sbin/oom-adj args\n');
    expect(on.run('cat /etc/doas.conf').stdout).toBe('permit persist :wheel\n');
  });

  it('says what to install where there is neither', async () => {
    const on = await machine();
    on.run('rm -f /usr/bin/sudo /usr/bin/doas');

    const { stdout, status } = run(on);

    expect(status).toBe(0);
    expect(stdout).toContain('! Neither sudo nor doas is here');
  });

  it('sets up an account for writing alone, which sshd holds to that', async () => {
    const on = await machine();
    const dir = mkdtempSync(path.join(tmpdir(), 'oombot-writer-'));
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(dir, 'w')]);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(dir, 'r')]);
    const keys = {
      publicKeys: [on.run(`cat ${dir}/r.pub`).stdout],
      writer: { publicKey: on.run(`cat ${dir}/w.pub`).stdout },
    };
    on.run('ls /etc/ssh/ssh_host_ed25519_key || ssh-keygen -A');

    const first = run(on, keys);
    const second = run(on, keys);
    // The sshd of the copy, on a port of its own, with the configuration that the script left.
    const port = 20_000 + (process.pid % 20_000);
    on.run(`/usr/sbin/sshd -p ${port} -o ListenAddress=127.0.0.1 -o PidFile=none`);
    const ssh = `-F none -p ${port} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes`;
    function as(who: string, key: string, more: string, input = '') {
      return on.run(
        `ssh ${ssh} -i ${dir}/${key} ${more.startsWith('-') ? more : ''} ${who}@127.0.0.1 ${more.startsWith('-') ? '' : more}`,
        { input },
      );
    }

    expect(first.stdout).toContain('+ /etc/ssh/sshd_config.d/50-oombot.conf');
    expect(first.stdout).toMatch(/oombot-w can (?:change|raise) values/);
    expect(second.stdout).toContain('Nothing was changed');
    expect(as('oombot-w', 'w', "': oombot 1 adj; whatever'", 'v1 hello\n').stdout).toMatch(/^ok oom-adj=1 /m);
    expect(as('oombot-w', 'w', 'id', 'v1 hello\n').stdout).toContain('refused command');
    expect(as('oombot-w', 'r', 'id').status).toBe(255);
    expect(as('oombot', 'w', 'id').status).toBe(255);
    expect(as('oombot', 'r', 'id -un').stdout).toContain('#oombot-host 1 refused command');
    expect(as('oombot', 'r', "': oombot 1 hello;'").stdout).toContain('#oombot-host 1 probe ');
    expect(as('oombot', 'r', "': oombot 1 adj;'", 'v1 hello\n').stdout).toContain('refused purpose');
    expect(as('oombot-w', 'w', "': oombot 1 counters;'").stdout).toContain('refused purpose');
    expect(as('oombot', 'r', '"sudo -n /usr/local/sbin/oom-adj"', 'v1 hello\n').stdout).toContain('refused command');
    expect(as('oombot', 'r', '"echo x >> .ssh/authorized_keys"').status).not.toBe(0);
    expect(as('oombot-w', 'w', '-W 127.0.0.1:22').status).not.toBe(0);
    expect(as('oombot-w', 'w', '-tt', 'v1 hello\n').stdout).not.toContain('$');
    expect(as('oombot', 'r', '-W 127.0.0.1:22').status).not.toBe(0);
    rmSync(dir, { recursive: true });

    const undone = run(on, { remove: true });
    expect(undone.stdout).toContain('- account oombot-w');
    expect(on.run('sshd -t').status).toBe(0);
    expect(on.run('ls /etc/ssh/authorized_keys.d /etc/ssh/sshd_config.d').stdout).not.toContain('oombot');
  });

  it('writes the rule for the account for writing into sshd_config itself where nothing is included', async () => {
    const on = await machine();
    on.run("sed -i '/^Include/d' /etc/ssh/sshd_config; ls /etc/ssh/ssh_host_ed25519_key || ssh-keygen -A");
    const before = on.run('cat /etc/ssh/sshd_config').stdout;

    const first = run(on, WRITER);
    const second = run(on, WRITER);
    const config = on.run('cat /etc/ssh/sshd_config').stdout;
    run(on, { remove: true });

    expect(first.status).toBe(0);
    expect(second.stdout).toContain('Nothing was changed');
    expect(config).toContain('ForceCommand /usr/local/bin/oombot-host change\n');
    expect(on.run('cat /etc/ssh/sshd_config').stdout).toBe(before);
  });
});

function withoutTimes(text: string): string {
  return text
    .replaceAll(/ [A-Z][a-z]{2} +\d+ +(?:\d\d:\d\d|\d{4}) /g, ' ')
    .replaceAll(/^(total|d[rwxst-]{9}) .*$/gm, '$1');
}

// Alpine's tools: busybox for all, adduser and addgroup among it, and doas. The busybox of Debian has not the two; one that
// has can be given, else the accounts are there before.
const BUSYBOX = [
  process.env['OOMBOT_TEST_BUSYBOX'] ?? '/var/cache/oombot-test/busybox',
  '/bin/busybox',
  '/usr/bin/busybox',
].find((file) => existsSync(file));

describe('under busybox and doas, as on Alpine', needs('namespaces', 'busybox', 'doas'), () => {
  let host: UnsharedHost;
  beforeEach(async () => {
    host = await openUnsharedHost();
  });
  afterEach(() => host.close());

  it('sets up all, then changes nothing, then takes it back', () => {
    const applets = spawnSync(BUSYBOX ?? '', ['--list'], { encoding: 'utf8' }).stdout.split('\n');
    const hasAccounts = applets.includes('adduser') && applets.includes('su');
    if (!hasAccounts)
      console.warn(
        `NOTE: ${BUSYBOX} has no adduser or su: the account is made before the script runs, and its own try is left out. Name another in OOMBOT_TEST_BUSYBOX.`,
      );
    host.run(
      `set -e; R=/root/alpine; mkdir -p $R/bin $R/sbin $R/usr/bin $R/usr/sbin $R/etc $R/proc $R/dev $R/home $R/tmp $R/run $R/lib64
      cat > $R/bin/busybox; chmod 755 $R/bin/busybox
      for a in $($R/bin/busybox --list); do [ "$a" = busybox ] || ln -s /bin/busybox "$R/bin/$a"; done
      for f in /usr/bin/doas /lib/*/security/pam_permit.so $R/bin/busybox; do
        case $f in $R/*) ;; *) mkdir -p "$R\${f%/*}"; cp -p "$f" "$R$f" ;; esac
        for l in $(ldd "$f" 2>/dev/null | grep -o '/[^ ]*'); do mkdir -p "$R\${l%/*}"; cp -L "$l" "$R$l"; done
      done
      for l in /lib/*/libnss_files.so.2 /lib/*/libnss_compat.so.2; do [ ! -e "$l" ] || { mkdir -p "$R\${l%/*}"; cp -L "$l" "$R$l"; }; done
      mkdir -p $R/etc/pam.d; for t in auth account session; do echo "$t required pam_permit.so"; done > $R/etc/pam.d/doas
      echo 'root:x:0:0:root:/root:/bin/sh' > $R/etc/passwd; echo 'root:*:1::::::' > $R/etc/shadow
      printf 'root:x:0:\\nadm:x:4:\\n' > $R/etc/group; echo /bin/sh > $R/etc/shells
      ${hasAccounts ? '' : "echo 'oombot:x:990:990:oombot setup:/home/oombot:/bin/sh' >> $R/etc/passwd; echo 'oombot:*:1::::::' >> $R/etc/shadow; printf 'oombot:x:990:\\n' >> $R/etc/group"}
      mount --bind /proc $R/proc; mount --bind /dev $R/dev`,
      { input: readFileSync(BUSYBOX ?? '') },
    );
    function run(change: Parameters<typeof setupOptions>[0] = {}) {
      return host.run('exec chroot /root/alpine /bin/sh -s', { input: renderSetup(setupOptions(change)) });
    }

    const first = run();
    const second = run();
    const asked = host.run('exec chroot --userspec=oombot /root/alpine /usr/bin/doas -n /usr/local/sbin/oom-adj', {
      input: 'v1 hello\n',
    });
    const read = host.run('exec chroot --userspec=oombot /root/alpine /usr/bin/doas -n /usr/local/sbin/oom-kmsg');

    expect(first).toMatchObject({ status: 0, stderr: '' });
    expect(asked.stdout).toMatch(/^ok oom-adj=1 /);
    expect(read.stdout).toMatch(/^#kmsg 1 /);
    expect(second.stdout).toContain('Nothing was changed: all was there.');
    expect(host.run('cat /root/alpine/etc/doas.conf').stdout).toContain(
      'permit nopass oombot as root cmd /usr/local/sbin/oom-kmsg args',
    );
    expect(host.run("grep '^oombot:' /root/alpine/etc/shadow").stdout).toMatch(/^oombot:\*:/);
    expect(host.run('chroot /root/alpine id -Gn oombot').stdout).not.toContain('adm');

    if (hasAccounts) {
      expect(first.stdout).toMatch(/^ {2}oombot can read the kernel log through oom-kmsg$/m);
      expect(first.stdout).toMatch(/oombot can (?:change|raise) values/);
      expect(run({ remove: true }).stdout).toContain('- account oombot');
      expect(run({ remove: true }).stdout).toBe('Nothing was removed: nothing was there.\n');
    }
  });
});
