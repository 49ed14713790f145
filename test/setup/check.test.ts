import type { LoginTrouble } from '../../src/app/host-link.ts';
import { describe, expect, it } from 'vitest';

import { VERBS } from '../../src/remote/scripts.ts';
import { readHelperHello } from '../../src/setup/check-changes.ts';
import { checkHost } from '../../src/setup/check.ts';
import { canWatch, type CheckedHost, type Finding, type FindingCode, type HostFacts } from '../../src/setup/finding.ts';
import { renderCheck } from '../../src/setup/render-check.ts';

function aHost(change: Partial<CheckedHost> = {}): CheckedHost {
  return {
    name: 'db01',
    address: '10.0.0.11',
    port: 22,
    user: 'oombot',
    identityFile: '~/.ssh/oombot_ed25519',
    knownHosts: ['~/.ssh/known_hosts'],
    fingerprints: [],
    jump: null,
    transport: 'ssh2',
    logFiles: null,
    ...change,
  };
}

const HELLO =
  'ok oom-adj=1 min=-900 max=1000 capability=yes writable=yes file=oom_score_adj units=yes raise=no log=yes try=yes ref=yes';
/** Of a helper from before it kept to lowering. */
const OLD_HELLO = 'ok oom-adj=1 min=-1000 max=1000 capability=yes writable=yes file=oom_score_adj units=yes';

/** A host where nothing is off. */
function facts(change: Partial<HostFacts> = {}, setup: Partial<HostFacts['setup']> = {}): HostFacts {
  return {
    uid: 999,
    groups: ['oombot', 'systemd-journal'],
    oomKills: 0,
    hidepid: '0',
    dmesgRestrict: true,
    kmsg: 'sudo',
    kmsgError: 'dd: failed to open',
    kmsgHelper: true,
    journal: { present: true, readable: true, persistent: true },
    killers: [],
    files: [],
    dmesg: false,
    oomAdj: 'sudo',
    oomAdjHelper: true,
    procReadable: true,
    setup: {
      kmsgHelperError: null,
      oomAdjError: null,
      oomAdjSays: HELLO,
      helperRights: [
        { path: '/usr/local/sbin/oom-kmsg', uid: 0, mode: '755' },
        { path: '/usr/local/sbin/oom-adj', uid: 0, mode: '755' },
      ],
      writer: false,
      dispatcher: { version: 1, verbs: VERBS },
      options: null,
      journalReader: 'there',
      closedFiles: [],
      capSysResource: true,
      procOptions: 'rw,relatime',
      adjFiles: { oomScoreAdj: true, oomAdj: true },
      tools: ['sudo', 'usermod', 'apt-get'],
      hostGroups: ['systemd-journal', 'adm'],
      ...setup,
    },
    ...change,
  };
}

function check(probe: HostFacts, host = aHost()): Finding[] {
  return checkHost({ host, login: null, probe });
}

const SHOWN = { type: 'ssh-ed25519', fingerprint: 'SHA256:y', line: '10.0.0.11 ssh-ed25519 AAAA+/==' };

function refused(reason: LoginTrouble['reason'], host = aHost(), hostKey: LoginTrouble['hostKey'] = SHOWN): Finding[] {
  return checkHost({ host, login: { reason, sentence: 'So it is.', hostKey }, probe: null });
}

describe('checkHost', () => {
  it('finds nothing where nothing is off', () => {
    expect(check(facts())).toEqual([]);
    expect(renderCheck(aHost(), [], false)).toBe('db01  log in: yes · kernel log: yes · scores: yes · changes: yes\n');
  });

  it.each<[string, HostFacts, object]>([
    [
      'a kernel that does not count',
      facts({ oomKills: null }),
      { code: 'no-counters', severity: 'watches-worse', what: expect.stringContaining('4.13'), fix: null },
    ],
    [
      'a kernel with oom_adj alone',
      facts({}, { adjFiles: { oomScoreAdj: false, oomAdj: true } }),
      { code: 'legacy-oom-adj', what: expect.stringContaining('oom_adj'), fix: null },
    ],
    [
      'neither file',
      facts({}, { adjFiles: { oomScoreAdj: false, oomAdj: false } }),
      { code: 'no-oom-adj', severity: 'cannot-change' },
    ],
    [
      'a killer whose kills are read',
      facts({ killers: ['systemd-oomd'] }),
      { code: 'userspace-killers', severity: 'note', what: expect.stringContaining('only in the journal') },
    ],
    [
      'root without the capability, by its own account',
      facts({}, { oomAdjSays: HELLO.replace('capability=yes', 'capability=no') }),
      { code: 'no-capability', severity: 'cannot-change', fix: null },
    ],
    [
      'a helper from before it kept to lowering',
      facts({}, { oomAdjSays: OLD_HELLO }),
      {
        code: 'old-helper',
        severity: 'note',
        fix: { where: 'bot', line: 'oombot setup | ssh root@10.0.0.11 sh' },
      },
    ],
    [
      'such a helper with a range of its own',
      facts({}, { oomAdjSays: OLD_HELLO.replace('-1000', '-500') }),
      { code: 'old-helper', fix: { where: 'bot', line: 'oombot setup --min -500 | ssh root@10.0.0.11 sh' } },
    ],
    [
      'a helper that may raise, and has no log',
      facts({}, { oomAdjSays: HELLO.replace('raise=no log=yes', 'raise=yes log=no') }),
      { code: 'no-host-log', severity: 'cannot-change', fix: { where: 'host', line: 'apt-get install -y rsyslog' } },
    ],
    [
      'a helper of a later version',
      facts({}, { oomAdjSays: HELLO.replace('oom-adj=1', 'oom-adj=2') }),
      { code: 'stale-helper', what: expect.stringContaining('(2, not 1)') },
    ],
    [
      'a helper but nothing to call it with',
      facts({ oomAdj: null }, { oomAdjSays: null, tools: ['apk'] }),
      { code: 'helper-refused', fix: { where: 'host', line: 'apk add doas' } },
    ],
    [
      'no log but the ring, on Alpine',
      facts({ journal: { present: false, readable: false, persistent: false } }, { tools: ['doas', 'apk'] }),
      { code: 'no-journald', fix: { where: 'host', line: expect.stringContaining('apk add rsyslog') } },
    ],
  ])('names %s', (_, probe, expected) => {
    expect(check(probe)).toMatchObject([expected]);
  });

  it('names a killer that is not seen, with the line that lets it be seen', () => {
    const findings = check(
      facts({
        groups: ['oombot'],
        killers: ['earlyoom', 'systemd-oomd'],
        journal: { present: true, readable: false, persistent: true },
      }),
    );

    expect(findings.map((finding) => [finding.code, finding.severity, finding.fix?.line])).toEqual([
      ['no-journal-reader', 'watches-worse', 'oombot setup | ssh root@10.0.0.11 sh'],
      ['userspace-killers', 'watches-worse', 'oombot setup | ssh root@10.0.0.11 sh'],
    ]);
  });

  it('names the group on a host that was never set up', () => {
    const findings = check(
      facts(
        {
          groups: ['me'],
          kmsg: 'direct',
          kmsgHelper: false,
          oomAdj: null,
          oomAdjHelper: false,
          journal: { present: true, readable: false, persistent: true },
        },
        { dispatcher: null, journalReader: 'none', helperRights: [] },
      ),
    );

    expect(findings.map((finding) => [finding.code, finding.fix?.line])).toEqual([
      ['no-group', 'usermod -aG systemd-journal oombot'],
      ['no-helper', 'oombot setup | ssh root@10.0.0.11 sh'],
    ]);
  });

  it.each<[string, Partial<HostFacts['setup']>, FindingCode, RegExp, string]>([
    [
      'an older set-up, whose key may run anything',
      { dispatcher: null, oomAdjSays: OLD_HELLO },
      'wide-setup',
      /may run any command as oombot/,
      'oombot setup | ssh root@10.0.0.11 sh',
    ],
    [
      'a dispatcher that lacks a name',
      { dispatcher: { version: 1, verbs: VERBS.filter((verb) => verb !== 'groups') }, options: ['--min', '-500'] },
      'old-dispatcher',
      /does not know groups\.$/,
      'oombot setup --min -500 | ssh root@10.0.0.11 sh',
    ],
  ])('prints the upgrade of %s, and goes on', (_, setup, code, words, line) => {
    const findings = check(facts({}, setup));

    expect(findings).toMatchObject([{ code, severity: 'note', what: expect.stringMatching(words), fix: { line } }]);
    expect(canWatch(findings)).toBe(true);
  });

  it('keeps all that a host was set up with when it asks for one thing more', () => {
    const options = ['--from', '10.0.0.5', '--jump-to', 'db01:22', '--log-file', '/srv/a.log'];
    const findings = check(
      facts({ files: [] }, { options, closedFiles: ['/srv/b.log'] }),
      aHost({ logFiles: ['/srv/b.log'] }),
    );

    expect(findings[0]?.fix?.line).toBe(
      'oombot setup --from 10.0.0.5 --jump-to db01:22 --log-file /srv/b.log /srv/a.log | ssh root@10.0.0.11 sh',
    );
  });

  const A = '/var/log/kern.log';
  const B = '/srv/kern.log';
  it.each<[string, HostFacts['files'], [string, string | undefined][], boolean]>([
    [
      'all can be read',
      [
        { path: A, readable: true },
        { path: B, readable: true },
      ],
      [],
      true,
    ],
    ['one is not there', [{ path: A, readable: true }], [['watches-worse', `ls -l ${B} || ls -l /srv/`]], true],
    [
      'one may not be read',
      [
        { path: A, readable: true },
        { path: B, readable: false },
      ],
      [['watches-worse', `chgrp adm ${B} && chmod g+r ${B} && usermod -aG adm oombot`]],
      true,
    ],
    [
      'none can be read',
      [{ path: A, readable: false }],
      [
        ['cannot-watch', `chgrp adm ${A} && chmod g+r ${A} && usermod -aG adm oombot`],
        ['cannot-watch', `ls -l ${B} || ls -l /srv/`],
      ],
      false,
    ],
  ])('judges by the configured log files alone: %s', (_, files, expected, watchable) => {
    const journal = { present: true, readable: false, persistent: false };
    const host = aHost({ logFiles: [A, B] });
    const worse = check(facts({ files, kmsg: null, journal, uid: 0 }), host);

    // The ring and the journal are not read, and neither help nor harm.
    for (const findings of [check(facts({ files }), host), worse]) {
      expect(findings.map(({ severity, fix }) => [severity, fix?.line])).toEqual(expected);
      expect(findings.every(({ code }) => code === 'unreadable-file')).toBe(true);
      expect(canWatch(findings)).toBe(watchable);
    }
    expect(renderCheck(host, worse, false)).toContain(
      `kernel log: ${expected.length === 0 ? 'yes' : watchable ? 'partial' : 'no'}`,
    );
  });

  it('does not send for the journal where configured files are read', () => {
    const probe = facts({ files: [{ path: A, readable: true }], killers: ['earlyoom'] });

    expect(check(probe, aHost({ logFiles: [A] }))).toMatchObject([
      { code: 'userspace-killers', severity: 'note', fix: null },
    ]);
  });

  it.each<[string, Partial<HostFacts>, string, string]>([
    [
      'an account outside of the group',
      { groups: ['oombot', 'adm'] },
      'oom-journal is not allowed by sudo or doas',
      'oombot setup | ssh root@10.0.0.11 sh',
    ],
    [
      'root',
      { uid: 0, groups: ['root'] },
      'The journal has no kernel entries: is systemd-journald running?',
      'systemctl restart systemd-journald',
    ],
    [
      'an account in the group',
      {},
      'The journal has no kernel entries: is systemd-journald running?',
      'systemctl restart systemd-journald',
    ],
  ])('a journal that gives nothing to %s', (_, change, words, line) => {
    const findings = check(
      facts({ killers: ['earlyoom'], journal: { present: true, readable: false, persistent: true }, ...change }),
    );

    expect(findings).toMatchObject([
      { what: expect.stringContaining(words), fix: { line } },
      { code: 'userspace-killers', fix: { line } },
    ]);
  });

  it('puts what keeps the host from being watched first', () => {
    const findings = check(
      facts({
        kmsg: null,
        kmsgHelper: false,
        journal: { present: true, readable: false, persistent: true },
        oomAdj: null,
        oomAdjHelper: false,
        groups: [],
      }),
    );

    expect(findings.map((finding) => finding.severity)).toEqual(['cannot-watch', 'cannot-watch', 'cannot-change']);
    expect(canWatch(findings)).toBe(false);
  });

  it('leaves an account for writing to itself, and keeps what was chosen when it is set up again', () => {
    const separate = facts(
      { oomAdj: null },
      { writer: true, oomAdjSays: null, oomAdjError: 'sudo sudo: a password is required' },
    );
    const lower = facts({}, { writer: true, oomAdjSays: HELLO.replace('min=-900', 'min=-1000').replace('=1 ', '=3 ') });

    expect(check(separate)).toEqual([]);
    expect(check(lower)[0]?.fix?.line).toBe('oombot setup --separate-writer --min -1000 | ssh root@10.0.0.11 sh');
  });

  it.each<[LoginTrouble['reason'], CheckedHost, string | null]>([
    ['network', aHost(), null],
    ['algorithms', aHost(), 'transport: openssh'],
    ['algorithms', aHost({ transport: 'openssh' }), null],
    ['fido-key', aHost(), 'transport: openssh'],
    ['no-ssh', aHost(), null],
    ['local-program', aHost(), null],
    ['authentication', aHost(), 'oombot setup --key ~/.ssh/oombot_ed25519.pub | ssh root@10.0.0.11 sh'],
    [
      'authentication',
      aHost({ user: 'ops', port: 2222, jump: { address: 'bastion', port: 22, user: 'me' } }),
      'oombot setup --user ops --key ~/.ssh/oombot_ed25519.pub | ssh -J me@bastion:22 -p 2222 root@10.0.0.11 sh',
    ],
    // The set-up makes no account called root: the host gets one of its own, by the same key.
    [
      'authentication',
      aHost({ user: 'root' }),
      'oombot setup --key ~/.ssh/oombot_ed25519.pub | ssh root@10.0.0.11 sh # then set user: oombot for db01 in oombot.yaml',
    ],
    [
      'no-key',
      aHost({ identityFile: '/keys/a b' }),
      "ssh-keygen -t ed25519 -N '' -C oombot -f '/keys/a b' && oombot setup --key '/keys/a b.pub' | ssh root@10.0.0.11 sh",
    ],
    ['locked-key', aHost(), 'export OOMBOT_SSH_PASSPHRASE=…'],
    ['unusable-key', aHost(), null],
    ['jump-host', aHost({ jump: { address: 'bastion', port: 22, user: 'me' } }), null],
    ['unknown-host-key', aHost(), "printf '%s\\n' '10.0.0.11 ssh-ed25519 AAAA+/==' >> ~/.ssh/known_hosts"],
    [
      'changed-host-key',
      aHost({ port: 2222 }),
      "ssh-keygen -f ~/.ssh/known_hosts -R '[10.0.0.11]:2222' && printf '%s\\n' '10.0.0.11 ssh-ed25519 AAAA+/==' >> ~/.ssh/known_hosts",
    ],
    ['changed-host-key', aHost({ fingerprints: ['SHA256:x'] }), null],
  ])('%s: the line is as the host is reached', (reason, host, line) => {
    expect(refused(reason, host)).toMatchObject([{ severity: 'cannot-watch', about: 'login' }]);
    expect(refused(reason, host)[0]?.fix?.line ?? null).toBe(line);
  });

  it('says what to do on a host whose key was revoked', () => {
    expect(refused('revoked-host-key')[0]?.fix?.line).toContain('ssh-keygen -A');
  });

  it('lets nothing that a host says into a line or raw onto the terminal', () => {
    const evil = '\u001b[2J$(reboot);\n`id`\u202e';
    const probe = facts(
      {
        kmsg: null,
        oomAdj: null,
        hidepid: evil,
        procReadable: false,
        kmsgError: evil,
        killers: [evil],
        files: [{ path: `/var/log/${evil}`, readable: false }],
        journal: { present: false, readable: false, persistent: false },
      },
      {
        kmsgHelperError: evil,
        oomAdjError: evil,
        oomAdjSays: evil,
        procOptions: `rw,gid=1${evil},${evil}`,
        helperRights: [{ path: evil, uid: 5, mode: '777' }],
        tools: [evil],
        hostGroups: [evil],
      },
    );

    const findings = check(probe);
    const text = renderCheck(aHost(), findings, false);

    expect(findings.length).toBeGreaterThan(4);
    expect(findings.map((finding) => finding.fix?.line ?? '').join('\n')).not.toMatch(/reboot|`id`/);
    // oxlint-disable-next-line no-control-regex -- these are what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });

  it('quotes what the configuration says', () => {
    const host = aHost({ user: "o'x", address: '-oProxyCommand=x y' });

    for (const finding of check(facts({ oomAdjHelper: false, oomAdj: null, procReadable: false }), host))
      expect(finding.fix?.line).not.toMatch(/(?<!\\)o'x| -oProxyCommand/);
  });
});

describe('renderCheck', () => {
  it('answers the four questions, then says what, what it costs and what to run', () => {
    const findings = check(facts({ oomAdj: null, oomAdjHelper: false, procReadable: false, hidepid: '2' }));

    expect(renderCheck(aHost(), findings, false)).toBe(
      [
        'db01  log in: yes · kernel log: yes · scores: partial · changes: no',
        '  limited: /proc is mounted with hidepid=2, so oombot only sees its own processes.',
        '      Kills are still seen, but not who is next or what a victim was. (The line lasts until the next boot; put it in /etc/fstab to keep it.)',
        '      fix, on db01, as root: mount -o remount,gid=$(id -g oombot) /proc',
        '  cannot change: The helper /usr/local/sbin/oom-adj is missing.',
        '      oom_score_adj cannot be changed on this host.',
        '      fix, here: oombot setup | ssh root@10.0.0.11 sh',
        '',
      ].join('\n'),
    );
  });

  it('uses colours only when asked to', () => {
    const findings = check(facts({ oomKills: null }));

    expect(renderCheck(aHost(), findings, true)).toContain('\u001b[');
    expect(renderCheck(aHost(), findings, false)).not.toContain('\u001b[');
  });
});

describe('readHelperHello', () => {
  it('reads what the helper says of itself, and nothing else', () => {
    expect(readHelperHello(HELLO)).toEqual({
      version: 1,
      min: -900,
      max: 1000,
      capability: true,
      writable: true,
      file: 'oom_score_adj',
      units: true,
      raises: false,
      logs: true,
    });
    expect(readHelperHello(OLD_HELLO)).toMatchObject({ min: -1000, raises: null, logs: true });
    expect(readHelperHello('refused fields')).toBeNull();
    expect(readHelperHello(`${HELLO} x`)).toBeNull();
  });
});
