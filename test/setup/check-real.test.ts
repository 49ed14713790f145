import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

import { checkHost } from '../../src/setup/check.ts';
import { canWatch, type Finding, type FindingCode, type Severity } from '../../src/setup/finding.ts';
import { renderCheck } from '../../src/setup/render-check.ts';
import type { ConnectionState } from '../../src/ssh/connection.ts';
import { openSsh } from '../../src/ssh/open-ssh.ts';
import type { SshTarget } from '../../src/ssh/target.ts';
import { probeOf } from '../support/follow.ts';
import { makeKey, realClock, type Sshd } from '../support/sshd.ts';
import { LACKS_CAPABILITY, openSetUpHost, type UnsharedHost } from './unshared-host.ts';
import { needs } from '../support/needs.ts';

const JOURNALD = '/lib/systemd/systemd-journald';

const NEEDS = needs('namespaces', 'sshd', 'sudo', 'journald');

// journald by hand, as no systemd runs here; and a systemctl that can do the one thing which a line asks of it.
const WITH_JOURNAL = `
[ -s /etc/machine-id ] || echo 0123456789abcdef0123456789abcdef > /etc/machine-id
cat > /usr/local/sbin/journald-again <<'END'
#!/bin/sh
[ ! -e /run/journald.pid ] || kill "$(cat /run/journald.pid)"
for d in /run/log /var/log; do [ ! -d $d/journal ] || { chgrp -R systemd-journal $d/journal; chmod 2755 $d/journal; }; done
${JOURNALD} </dev/null >/dev/null 2>&1 &
echo $! > /run/journald.pid
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  sleep 0.1
  chgrp -R systemd-journal /run/log/journal /var/log/journal 2>/dev/null
  [ -z "$(journalctl -q --no-pager -n 1 _TRANSPORT=kernel)" ] || exit 0
done
END
cat > /usr/bin/systemctl <<'END'
#!/bin/sh
[ "$*" = "restart systemd-journald" ] && exec /usr/local/sbin/journald-again
exit 1
END
chmod 755 /usr/local/sbin/journald-again /usr/bin/systemctl
mkdir -p /run/systemd/journal /run/log/journal && chgrp systemd-journal /run/log/journal && chmod 2755 /run/log/journal
/usr/local/sbin/journald-again
`;
const NO_JOURNAL = 'kill "$(cat /run/journald.pid)"; rm -f /usr/bin/journalctl';
const NO_FILES = 'rm -f /var/log/kern.log /var/log/messages /var/log/syslog';

interface World {
  host: UnsharedHost;
  sshd: Sshd;
  target: SshTarget;
  look: () => Promise<Finding[]>;
  /** Runs a line where it says; throws if it fails. */
  mend: (finding: Finding | undefined) => void;
}

describe('a host that is set up, looked at over a real sshd', NEEDS, () => {
  const opened: World[] = [];
  afterEach(async () => {
    for (const { sshd, host } of opened.splice(0)) {
      await sshd.close();
      await host.close();
    }
  });

  async function world(): Promise<World> {
    const { host, sshd } = await openSetUpHost({ before: `${NO_FILES}; ${WITH_JOURNAL}` });
    const target = sshd.target({ name: 'db01', user: 'oombot' });
    const one: World = {
      host,
      sshd,
      target,
      look: () => lookAt(one.target),
      mend: (finding) => mend(one, finding),
    };
    opened.push(one);
    return one;
  }

  it('is fine but for what this machine lacks', async () => {
    const { look } = await world();

    const findings = await look();

    expect(codes(findings)).toEqual(['volatile-journal', ...(LACKS_CAPABILITY ? ['no-capability'] : [])]);
    expect(canWatch(findings)).toBe(true);
  });

  it.each<[string, string, FindingCode, Severity, RegExp]>([
    [
      'no reader of the journal',
      'rm /usr/local/sbin/oom-journal',
      'no-journal-reader',
      'watches-worse',
      /oom-journal is not there/,
    ],
    [
      'an older set-up, whose key runs anything',
      `sed -i 's/,command="[^"]*"//' /home/oombot/.ssh/authorized_keys; rm /usr/local/bin/oombot-host /usr/local/sbin/oom-journal; gpasswd -a oombot systemd-journal`,
      'wide-setup',
      'note',
      /may run any command as oombot/,
    ],
    [
      'a dispatcher that is too old',
      `sed -i -e 's/^groups)/was)/' -e 's/ groups limit / limit /' /usr/local/bin/oombot-host`,
      'old-dispatcher',
      'note',
      /does not know groups\./,
    ],
    [
      'dmesg_restrict and no reader',
      'rm /usr/local/sbin/oom-kmsg',
      'no-kmsg',
      'watches-worse',
      /kernel\.dmesg_restrict is 1.*is missing/,
    ],
    [
      'nothing that could be read',
      `rm /usr/local/sbin/oom-kmsg; ${NO_JOURNAL}; ${NO_FILES}`,
      'no-kmsg',
      'cannot-watch',
      /is missing/,
    ],
    ['no helper', 'rm /usr/local/sbin/oom-adj', 'no-helper', 'cannot-change', /oom-adj is missing/],
    ['no rule', 'rm /etc/sudoers.d/oombot', 'helper-refused', 'cannot-change', /a password is required/],
    [
      'no rule for the reader',
      'rm /etc/sudoers.d/oombot',
      'no-kmsg',
      'cannot-watch',
      /is not permitted \(sudo sudo: a password is required\)/,
    ],
    [
      'a rule with an argument',
      `printf 'oombot ALL=(root) NOPASSWD: /usr/local/sbin/oom-adj x\\n' > /etc/sudoers.d/oombot`,
      'helper-refused',
      'cannot-change',
      /password is required/,
    ],
    [
      'a rule for another account',
      `sed -i 's/^oombot/nobody/' /etc/sudoers.d/oombot`,
      'helper-refused',
      'cannot-change',
      /password is required/,
    ],
    ['requiretty', `echo 'Defaults requiretty' >> /etc/sudoers`, 'requiretty', 'cannot-change', /terminal/],
    [
      'an older helper',
      `printf '#!/bin/sh\\nread -r x; echo refused fields\\n' > /usr/local/sbin/oom-adj`,
      'stale-helper',
      'cannot-change',
      /different version/,
    ],
    ['a helper that all may write to', 'chmod 757 /usr/local/sbin/oom-adj', 'unsafe-helper', 'unsafe', /mode 757/],
    ['a helper of its own', 'chown oombot /usr/local/sbin/oom-kmsg', 'unsafe-helper', 'unsafe', /belongs to uid \d/],
    ['hidepid', 'mount -o remount,hidepid=2 /proc', 'hidepid', 'watches-worse', /hidepid=(?:2|invisible)/],
    [
      'hidepid with a group that may see all',
      'groupadd seers; mount -o remount,hidepid=2,gid=$(getent group seers | cut -d: -f3) /proc',
      'hidepid',
      'watches-worse',
      /hidepid=/,
    ],
    [
      'a file that only root may read',
      `${NO_JOURNAL}; (umask 077; echo x > /var/log/kern.log)`,
      'unreadable-file',
      'watches-worse',
      /cannot read \/var\/log\/kern\.log/,
    ],
    ['a journal in memory only', 'true', 'volatile-journal', 'watches-worse', /in memory only/],
    ['a read-only /proc', 'mount -o remount,ro /proc', 'read-only-proc', 'cannot-change', /read-only/],
  ])('%s: named, and mended by its line', async (_, hurt, code, severity, words) => {
    const one = await world();
    one.host.run(hurt);

    const before = await one.look();
    const finding = before.find((each) => each.code === code);
    expect(codes(before)).toContain(code);
    expect(finding).toMatchObject({ severity, what: expect.stringMatching(words) });
    // Without its rule the account reads nothing: it is in no group.
    expect(canWatch(before)).toBe(severity !== 'cannot-watch' && !hurt.includes('sudoers'));
    one.mend(finding);

    expect(codes(await one.look())).not.toContain(code);
    // The group that saw all before still does.
    if (hurt.includes('seers')) expect(one.host.run('id -Gn oombot').stdout).toContain('seers');
  });

  it('a host without any log but the ring is named with what to install', async () => {
    const one = await world();
    one.host.run(`${NO_JOURNAL}; ${NO_FILES}`);

    const finding = (await one.look()).find((each) => each.code === 'no-journald');

    expect(finding).toMatchObject({
      severity: 'watches-worse',
      fix: { where: 'host', line: 'apt-get install -y rsyslog' },
    });
  });

  it('a key that the host does not take', async () => {
    const one = await world();
    const identityFile = path.join(one.sshd.dir, 'other');
    makeKey(identityFile, 'ed25519');
    one.target = { ...one.target, identityFile };

    const before = await one.look();
    one.mend(before[0]);

    expect(before).toMatchObject([{ code: 'authentication', severity: 'cannot-watch', about: 'login' }]);
    expect(canWatch(before)).toBe(false);
    expect(codes(await one.look())).not.toContain('authentication');
  });

  it('no key at all', async () => {
    const one = await world();
    one.target = { ...one.target, identityFile: path.join(one.sshd.dir, "not there's") };

    const before = await one.look();
    one.mend(before[0]);

    expect(codes(before)).toEqual(['no-key']);
    expect(codes(await one.look())).not.toContain('no-key');
  });

  it('a key with a passphrase that is not known is named, and never written over', async () => {
    const one = await world();
    const identityFile = path.join(one.sshd.dir, 'locked');
    makeKey(identityFile, 'ed25519', 'sesame');
    one.target = { ...one.target, identityFile };

    expect(await one.look()).toMatchObject([
      { code: 'locked-key', fix: { where: 'bot', line: 'export OOMBOT_SSH_PASSPHRASE=…' } },
    ]);
  });

  it('a host key that is not on file, and one that has changed', async () => {
    const one = await world();
    const mine = path.join(one.sshd.dir, 'my known hosts');
    writeFileSync(mine, '');
    one.target = { ...one.target, knownHosts: [mine] };

    const unknown = await one.look();
    one.mend(unknown[0]);
    const known = await one.look();
    one.sshd.changeHostKeys();
    await one.sshd.stop();
    await one.sshd.start();
    const changed = await one.look();
    one.mend(changed[0]);

    expect(codes(unknown)).toEqual(['unknown-host-key']);
    expect(canWatch(known)).toBe(true);
    expect(codes(changed)).toEqual(['changed-host-key']);
    expect(canWatch(await one.look())).toBe(true);
  });

  it('a host that is not there', async () => {
    const one = await world();
    await one.sshd.stop();

    const findings = await one.look();

    expect(findings).toMatchObject([{ code: 'network', fix: null }]);
    expect(renderCheck(one.target, findings, false)).toMatch(
      /^db01 {2}log in: no · kernel log: \? · scores: \? · changes: \?\n/,
    );
    await one.sshd.start();
  });
});

function codes(findings: readonly Finding[]): FindingCode[] {
  return findings.map((finding) => finding.code);
}

/** One login as `oombot check` makes it: a new one each time, as groups count from the next login. */
async function lookAt(target: SshTarget): Promise<Finding[]> {
  const ssh = openSsh({ clock: realClock, random: () => 1, passphrase: null, agentSocket: null });
  const connection = ssh.connect(target);
  const settled = new Promise<ConnectionState>((resolve) => {
    connection.onState((state) => {
      if (state.kind !== 'connecting') resolve(state);
    });
  });
  const state = connection.state().kind === 'connecting' ? await settled : connection.state();
  const host = { ...target, transport: 'ssh2' as const, logFiles: null };
  const findings =
    state.reason !== null
      ? checkHost({ host, login: { ...state, reason: state.reason }, probe: null })
      : checkHost({ host, login: null, probe: await probeOf(connection) });
  await ssh.close();
  return findings;
}

/** The line as a person would run it: `oombot`, and `ssh` with a key and a place for host keys of its own. */
function mend({ host, sshd }: World, finding: Finding | undefined): void {
  if (!finding?.fix) throw new Error(`no line for ${finding?.code}`);
  if (finding.fix.where === 'host') {
    const done = host.run(finding.fix.line);
    if (done.status !== 0) throw new Error(`${finding.fix.line}: ${done.stderr}`);
    return;
  }
  const bin = path.join(sshd.dir, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(
    path.join(bin, 'oombot'),
    `#!/bin/sh\nexec ${process.execPath} ${path.join(import.meta.dirname, '../../src/cli.ts')} "$@"\n`,
  );
  writeFileSync(
    path.join(bin, 'ssh'),
    `#!/bin/sh\nexec /usr/bin/ssh -F none -i ${sshd.identityFile} -o UserKnownHostsFile=${sshd.knownHostsFile} -o BatchMode=yes "$@"\n`,
  );
  for (const name of ['oombot', 'ssh']) chmodSync(path.join(bin, name), 0o755);
  const done = spawnSync('bash', ['-c', `set -o pipefail; ${finding.fix.line}`], {
    encoding: 'utf8',
    env: { PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: sshd.dir },
    timeout: 60_000,
  });
  if (done.status !== 0) throw new Error(`${finding.fix.line}: ${done.stdout}${done.stderr}`);
}
