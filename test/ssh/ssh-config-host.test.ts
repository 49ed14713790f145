import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import path from 'node:path';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { openSshConfigFile } from '../../src/ssh/ssh-config-file.ts';
import { readSshConfigHost, type SshConfigHost } from '../../src/ssh/ssh-config-host.ts';
import { needs } from '../support/needs.ts';

// ssh takes the home of the account, whatever HOME says.
const { homedir: home, username: localUser, uid: localUid } = userInfo();
const dir = mkdtempSync(path.join(tmpdir(), 'oombot-ssh-config-'));
let files = 0;

function aFile(text: string, name = `config-${files++}`): string {
  const file = path.join(dir, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

function hostOf(file: string, host: string, env: Record<string, string> = {}): SshConfigHost {
  const reader = openSshConfigFile(file, { home, localUser });
  const asked = { host, given: { user: null, port: null }, otherwise: { user: localUser, port: 22 } };
  return readSshConfigHost(reader, asked, {
    home,
    localUser,
    localUid,
    localHost: hostname(),
    variable: (name) => env[name],
    allowProxyCommand: false,
  });
}

/** What ssh itself makes of the file, without a network. */
function sshSays(file: string, host: string): Map<string, string[]> {
  const { stdout, stderr, status } = spawnSync('ssh', ['-G', '-F', file, host], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  const said = new Map<string, string[]>();
  for (const line of stdout.split('\n')) {
    const [keyword = '', value = ''] = line.split(/ (.*)/s);
    said.set(keyword, [...(said.get(keyword) ?? []), value]);
  }
  return said;
}

/** The same facts, once as oombot reads them and once as ssh does. */
function bothOf(file: string, host: string) {
  const [ours, theirs] = [hostOf(file, host), sshSays(file, host)];
  const { settings } = ours;
  function one(keyword: string): string | null {
    return theirs.get(keyword)?.[0] ?? null;
  }
  const jump = one('proxyjump');
  return {
    ours: {
      hostname: ours.address ?? host,
      port: ours.port ?? 22,
      user: ours.user ?? localUser,
      jumps: ours.jumps,
      agent: settings.identityAgent ?? null,
      alias: settings.hostKeyAlias ?? null,
      identitiesOnly: settings.identitiesOnly ?? false,
      connectTimeoutMs: settings.connectTimeoutMs ?? null,
      keepaliveMs: settings.keepaliveIntervalMs ?? 0,
      keepaliveCount: settings.keepaliveCountMax ?? 3,
    },
    theirs: {
      hostname: one('hostname'),
      port: Number(one('port')),
      user: one('user'),
      jumps: jump === null || jump === 'none' ? [] : jump.split(','),
      agent: one('identityagent'),
      alias: one('hostkeyalias'),
      identitiesOnly: one('identitiesonly') === 'yes',
      connectTimeoutMs: one('connecttimeout') === 'none' ? null : Number(one('connecttimeout')) * 1000,
      keepaliveMs: Number(one('serveraliveinterval')) * 1000,
      keepaliveCount: Number(one('serveralivecountmax')),
    },
  };
}

describe('a host of ssh_config', needs('ssh'), () => {
  const included = aFile('Host db01\n  Port 2201\nHost *\n  User fromInclude\n', 'parts/10-db.conf');
  aFile('Host web*\n  Port 2202\n', 'parts/20-web.conf');

  it.each([
    ['patterns and negation', 'Host !db02 db*\n  User a\nHost *\n  User b\n', ['db01', 'db02', 'web']],
    [
      'tokens',
      'Host db01\n  HostName %h.example.net\n  User u\n  IdentityAgent ~/agent-%r-%p-%n-%h-%u-%i-%L-%%\n',
      ['db01'],
    ],
    [
      'the hash of a connection',
      'Host db01\n  HostName d.example.net\n  Port 2022\n  IdentityAgent /run/%C\n',
      ['db01'],
    ],
    [
      'quotes, equals signs and comments',
      'Host = "db01" web # both\n  User="dba"\n  Port =\t2022 # why\n',
      ['db01', 'web'],
    ],
    [
      'Match host and user',
      'Host db*\n HostName x.example.net\nMatch host x.* user root\n  Port 1\nMatch host db01\n  Port 2\n',
      ['db01'],
    ],
    [
      'a negated Match',
      'Match !host db01 all\n  Port 7\nMatch originalhost db01,web !user nobody\n  Port 9\n',
      ['db01', 'web', 'c'],
    ],
    ['Include of a pattern', `Include ${dir}/parts/*.conf\nHost *\n  Port 1\n`, ['db01', 'web1', 'other']],
    ['Include inside a Host', `Host db01\n  Include ${included}\n  Port 1\nHost other\n  User o\n`, ['db01', 'other']],
    ['an Include that is not there', `Include ${dir}/none\nHost db01\n  Port 9\n`, ['db01']],
    [
      'a chain of jumps',
      'Host db01\n  ProxyJump a,ops@b:2200\n  ProxyJump c\nHost *\n  ProxyJump none\n',
      ['db01', 'x'],
    ],
    ['a ProxyCommand before a jump', 'Host db01\n  ProxyCommand none\n  ProxyJump a\n', ['db01']],
    [
      'timings, alias and keys',
      'Host db01\n  ConnectTimeout 7\n  ServerAliveInterval 2m\n  ServerAliveCountMax 5\n  HostKeyAlias the-db\n  IdentitiesOnly yes\n',
      ['db01'],
    ],
    ['no agent', 'Host db01\n  IdentityAgent none\n', ['db01']],
  ])('is read as ssh reads it: %s', (_, text, hosts) => {
    const file = aFile(text);

    for (const host of hosts) {
      const { ours, theirs } = bothOf(file, host);
      expect({ host, ...ours }).toEqual({ host, ...theirs });
    }
  });

  it('is read as ssh reads it, whatever sections a file has', () => {
    const pattern = fc.constantFrom('db01', 'db*', '*', 'web?', '!db02', '*.net', 'x.net', '!web1');
    const patterns = fc.array(pattern, { minLength: 1, maxLength: 3 });
    const heading = fc.oneof(
      patterns.map((list) => `Host ${list.join(' ')}`),
      fc
        .tuple(fc.constantFrom('host', '!host', 'originalhost', 'user', '!user', 'localuser'), patterns)
        .map(([criterion, list]) => `Match ${criterion} ${list.join(',')}`),
      fc.tuple(patterns, patterns).map(([a, b]) => `Match originalhost ${a.join(',')} user ${b.join(',')}`),
      fc.constant('Match all'),
    );
    const line = fc.oneof(
      fc.constantFrom('HostName x.net', 'HostName %h.net', 'User db01', 'User web1', 'Port 2201', 'Port=2202'),
      fc.constantFrom('ProxyJump a,b', 'ProxyJump none', 'ProxyJump u@c:9', 'ConnectTimeout 3', 'HostKeyAlias k'),
      fc.constantFrom(
        'IdentityAgent none',
        'IdentityAgent "/run/a b"',
        `Include ${dir}/parts/*`,
        `Include ${included}`,
      ),
    );
    const section = fc
      .tuple(heading, fc.array(line, { maxLength: 4 }))
      .map(([top, lines]) => [top, ...lines].join('\n  '));
    const text = fc.array(section, { minLength: 1, maxLength: 6 }).map((sections) => `${sections.join('\n')}\n`);

    fc.assert(
      fc.property(text, fc.constantFrom('db01', 'db02', 'web1', 'x.net'), (config, host) => {
        const { ours, theirs } = bothOf(aFile(config, 'any'), host);

        expect(ours).toEqual(theirs);
      }),
      { numRuns: 150 },
    );
  });
});

describe('a line of ssh_config that is not taken up', () => {
  it('is named with its file, line and keyword, and only where it applies', () => {
    const file = aFile(
      [
        'Host other',
        '  GSSAPIAuthentication yes',
        'Host db01',
        '  GSSAPIAuthentication yes',
        '  ForwardAgent yes',
        '  ForwardX11 no',
        '  Colour blue',
        '  StrictHostKeyChecking no',
        '  KexAlgorithms sntrup761x25519-sha512,curve25519-sha256',
        'Match originalhost db01 final',
        '  Port 9',
      ].join('\n'),
    );

    const { warnings, settings, port } = hostOf(file, 'db01');

    expect(warnings.map((one) => one.replaceAll(file, 'F'))).toEqual([
      'F:10: "Match final" is not supported, so this section is left out.',
      'F:8: StrictHostKeyChecking is "no", but oombot connects to known host keys only.',
      'F:9: KexAlgorithms names sntrup761x25519-sha512, which oombot does not have.',
      'F:4: GSSAPIAuthentication is not supported and was ignored.',
      'F:5: ForwardAgent has no effect here.',
      'F:7: Colour is not supported and was ignored.',
    ]);
    expect(settings.kexAlgorithms).toEqual(['curve25519-sha256']);
    expect(port).toBeNull();
  });

  it.each([
    ['KexAlgorithms sntrup761x25519-sha512', /config-\d+:2: KexAlgorithms names no algorithm that oombot has/],
    ['Port 99999', /config-\d+:2: Port is "99999", expected a number up to 65535/],
    ['ConnectTimeout soon', /config-\d+:2: ConnectTimeout is "soon", expected seconds/],
    ['IdentityFile ~/%q', /config-\d+:2: IdentityFile uses %q, which is not known/],
    ['IdentityFile ${OOMBOT_NO_SUCH}/k', /config-\d+:2: IdentityFile uses \$\{OOMBOT_NO_SUCH\}, which is not set/],
    ['User', /config-\d+:2: User has no value/],
  ])('is a fault where its value cannot be used: %s', (line, sentence) => {
    const file = aFile(`Host db01\n  ${line}\n`);

    expect(() => hostOf(file, 'db01')).toThrow(sentence);
  });

  it('never runs what Match exec names, and says so only where the section could apply', () => {
    const trace = path.join(dir, 'ran');
    const file = aFile(`Match originalhost db01 exec "touch ${trace}"\n  User y\nHost db*\n  Port 9\n`);

    expect(() => hostOf(file, 'db01')).toThrow(/config-\d+:1: "Match exec" would run a command/);
    expect(hostOf(file, 'db02').port).toBe(9);
    expect(existsSync(trace)).toBe(false);
  });

  it('ends an Include that includes itself', () => {
    const file = path.join(dir, 'itself');
    writeFileSync(file, `Include ${file}\nHost db01\n`);

    expect(() => hostOf(file, 'db01')).toThrow(/its Include lines go deeper than 16 files/);
  });

  it('takes lists of algorithms as changes of what oombot offers, and the agent from a variable', () => {
    const file = aFile(
      'Host db01\n  Ciphers -aes*\n  HostKeyAlgorithms ^ssh-rsa\n  MACs hmac-sha2-512\n  IdentityAgent $SOCK\n',
    );

    const { settings } = hostOf(file, 'db01', { SOCK: '/run/agent' });

    expect(settings.ciphers).toEqual(['chacha20-poly1305@openssh.com']);
    expect(settings.hostKeyAlgorithms?.slice(0, 2)).toEqual(['ssh-rsa', 'ssh-ed25519']);
    expect(settings.macs).toEqual(['hmac-sha2-512']);
    expect(settings.identityAgent).toBe('/run/agent');
  });
});
