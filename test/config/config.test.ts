import { mkdtempSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import {
  addedHostConfig,
  CONFIG_KEYS,
  ConfigError,
  diffHosts,
  loadConfig,
  type HostConfig,
} from '../../src/config/config.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'oombot-config-'));
let files = 0;

function aFile(text: string, name = `${files++}.yaml`): string {
  const file = path.join(dir, name);
  writeFileSync(file, text);
  return file;
}

function faultsOf(text: string, env: NodeJS.ProcessEnv = {}): string[] {
  const file = aFile(text);
  try {
    loadConfig({ path: file, env });
  } catch (error) {
    if (error instanceof ConfigError) return error.message.replaceAll(file, 'F').split('\n');
    throw error;
  }
  return [];
}

const CONTRACT = `
workspace:
  channel: "#oom"
routes:
  - tags: [db]
    channel: "#db-alerts"
    mention: S0614TZR7
approvals:
  channel: "#oom-approvals"
  approvers: [U024BE7LH, S0614TZR7]
  quorum: 1
  selfApproval: false
  expireAfter: 30m
ssh:
  user: oombot
  identityFile: ~/.ssh/oombot_ed25519
  knownHosts: ~/.ssh/known_hosts
hosts:
  - name: db01
    address: 10.0.0.11
    tags: [db, prod]
  - name: edge7
    address: edge7.example.net
    port: 2222
    user: ops
    jump: bastion
    channel: "#edge"
    logFiles: [/var/log/kern.log]
database: sqlite:./data/oombot.db
http: 127.0.0.1:3000
`;

describe('loadConfig', () => {
  it('reads the example of the contract', () => {
    const config = loadConfig({ path: aFile(CONTRACT), env: {} });

    expect(config.approvals).toEqual({
      channel: '#oom-approvals',
      approvers: ['U024BE7LH', 'S0614TZR7'],
      guests: false,
      external: false,
      quorum: 1,
      selfApproval: false,
      directMessages: true,
      expireAfterMs: 1_800_000,
    });
    expect(config.routes).toEqual([{ tags: ['db'], channel: '#db-alerts', mention: 'S0614TZR7' }]);
    expect(config.http).toEqual({ host: '127.0.0.1', port: 3000, token: null });
    expect(config.database).toEqual({ kind: 'sqlite', path: './data/oombot.db' });
    const identityFile = path.join(homedir(), '.ssh/oombot_ed25519');
    const knownHosts = [path.join(homedir(), '.ssh/known_hosts')];
    expect(config.hosts[1]).toEqual({
      name: 'edge7',
      tags: [],
      channel: '#edge',
      logFiles: ['/var/log/kern.log'],
      target: {
        name: 'edge7',
        address: 'edge7.example.net',
        port: 2222,
        user: 'ops',
        identityFile,
        knownHosts,
        fingerprints: [],
        jump: {
          name: 'bastion',
          address: 'bastion',
          port: 22,
          user: 'oombot',
          identityFile,
          knownHosts,
          fingerprints: [],
          jump: null,
        },
      },
    });
    expect(Object.isFrozen(config.hosts[0]?.target)).toBe(true);
  });

  it('is all defaults for an empty file', () => {
    const config = loadConfig({ path: aFile('# nothing yet\n'), env: {} });

    expect(config.hosts).toEqual([]);
    expect(config.workspace.channel).toBe('#oom');
    expect(config.http).toEqual({ host: '127.0.0.1', port: 3000, token: null });
  });

  it('reads when to tell the week, how often to look, and whom to warn', () => {
    const text = [
      'digest: { at: Friday 17:30, zone: Europe/Berlin }',
      'samples: { every: 20s }',
      'earlyWarning: [{ tags: [db], within: 1h }, { tags: [] }]',
    ].join('\n');
    const config = loadConfig({ path: aFile(text), env: {} });
    const plain = loadConfig({ path: aFile('database: sqlite:./x.db\n'), env: {} });
    const off = loadConfig({ path: aFile('digest: { at: off }\nsamples: { every: off }\n'), env: {} });

    expect(config.digest).toEqual({ weekday: 5, minute: 17 * 60 + 30, zone: 'Europe/Berlin' });
    expect(config.sampleEveryMs).toBe(20_000);
    expect(config.earlyWarning).toEqual([
      { tags: ['db'], withinMs: 3_600_000 },
      { tags: [], withinMs: 1_800_000 },
    ]);
    expect([plain.digest, plain.sampleEveryMs, plain.earlyWarning]).toEqual([
      { weekday: 1, minute: 540, zone: 'UTC' },
      60_000,
      [],
    ]);
    expect([off.digest, off.sampleEveryMs]).toEqual([null, null]);
  });

  it('takes the environment over the file, and an empty variable as unset', () => {
    const env = {
      DATABASE_URL: 'postgres://bot:secret@db/oombot',
      LOG_LEVEL: '',
      SLACK_API_URL: 'http://127.0.0.1:9/api/',
    };
    const config = loadConfig({ path: aFile(CONTRACT), env });

    expect(config.database).toEqual({ kind: 'postgres', url: 'postgres://bot:secret@db/oombot' });
    expect(config.logLevel).toBe('info');
    expect(config.slack.apiUrl).toBe('http://127.0.0.1:9/api/');
  });

  it.each([
    ['a misspelt key', 'ssh:\n  usr: me\n', ['F:2: ssh.usr is not a known key: did you mean user?']],
    [
      'a misspelt key in a list',
      'hosts:\n  - name: a\n  - name: b\n    adress: x\n',
      ['F:4: hosts[1].adress is not a known key: did you mean address?'],
    ],
    [
      'an unheard-of key',
      'admins: []\nzebra: 1\n',
      [expect.stringMatching(/^F:2: zebra is not a known key: known here: workspace, routes/)],
    ],
    [
      'times of the week',
      'digest:\n  at: monday\n  zone: Mars/Base\n',
      [
        'F:2: digest.at is "monday", expected a weekday and a time such as mon 09:00, or off.',
        'F:3: digest.zone is "Mars/Base", expected a time zone such as UTC or Europe/Berlin.',
      ],
    ],
    [
      'a pace that would be a burden',
      'samples:\n  every: 1s\n',
      ['F:2: samples.every is "1s", expected a duration from 10s to 10m, or off.'],
    ],
    [
      'warnings without samples',
      'samples: { every: off }\nearlyWarning:\n  - tags: [db]\n',
      ['F:2: earlyWarning needs samples, and samples.every is off, expected a duration such as 1m there.'],
    ],
    ['a wrong type', 'ssh:\n  user: me\n  port: abc\n', ['F:3: ssh.port is "abc", expected a port, 1 to 65535.']],
    [
      'a missing key',
      'routes:\n  - tags: [db]\n',
      [expect.stringMatching(/^F:2: routes\[0\]\.channel is missing, expected a channel/)],
    ],
    ['a list that is none', 'hosts: db01\n', ['F:1: hosts is "db01", expected a list.']],
    [
      'a mapping that is none',
      'ssh: yes please\n',
      ['F:1: ssh is "yes please", expected a mapping of keys to values.'],
    ],
    [
      'a bad duration',
      'approvals:\n  expireAfter: soon\n',
      ['F:2: approvals.expireAfter is "soon", expected a duration such as 30m, 2h or 7d.'],
    ],
    [
      'a port out of range',
      'http: 127.0.0.1:70000\n',
      ['F:1: http is "127.0.0.1:70000", expected address:port, such as 127.0.0.1:3000.'],
    ],
    [
      'a relative log file',
      'hosts:\n  - name: a\n    logFiles:\n      - var/log/x\n',
      ['F:4: hosts[0].logFiles[0] is "var/log/x", expected an absolute path of a log file.'],
    ],
    [
      'a log file with a newline',
      'hosts:\n  - name: a\n    logFiles: ["/var/log/x\\nreboot"]\n',
      [expect.stringContaining('expected an absolute path of a log file')],
    ],
    [
      'an address that is an option',
      'hosts:\n  - name: a\n    address: -oProxyCommand=x\n',
      [expect.stringContaining('expected a host name or IP address')],
    ],
    [
      'a name twice',
      'hosts:\n  - name: a\n  - name: a\n',
      ['F:3: hosts[1].name is "a", expected a name that no other host has.'],
    ],
    [
      'a jump in a ring',
      'hosts:\n  - name: a\n    jump: b\n  - name: b\n    jump: a\n',
      [expect.stringContaining('does not come back'), expect.stringContaining('does not come back')],
    ],
    [
      'a short fingerprint',
      'hosts:\n  - name: a\n    fingerprints: ["SHA256:abc"]\n',
      [expect.stringContaining('expected SHA256: and 43 characters')],
    ],
    [
      'two of a key',
      'http: 127.0.0.1:1\nhttp: 127.0.0.1:2\n',
      [expect.stringMatching(/^F:2: this is not YAML: Map keys must be unique/)],
    ],
    ['broken YAML', 'hosts:\n  - {name: a\n', [expect.stringMatching(/^F:\d: this is not YAML/)]],
  ])('says what is wrong with %s, and where', (_what, text, expected) => {
    expect(faultsOf(text)).toEqual(expected);
  });

  it('does not repeat a password in a sentence', () => {
    expect(faultsOf('', { DATABASE_URL: 'mysql://u:hunter2@h/x' })).toEqual([
      'DATABASE_URL is not usable, expected sqlite:PATH or postgres://user@host/name.',
    ]);
  });

  it('says which token is missing', () => {
    expect(faultsOf('', { SLACK_BOT_TOKEN: 'xoxb-1' })[0]).toMatch(/only one of them is set/);
  });

  it('says when the file asked for is not there', () => {
    expect(() => loadConfig({ env: { OOMBOT_CONFIG: path.join(dir, 'none.yaml') } })).toThrow(
      /none\.yaml cannot be read.*OOMBOT_CONFIG/,
    );
  });
});

describe('hosts out of ssh_config', () => {
  it('takes address, port, user, key and jumps, and lets the entry win', () => {
    const sshConfig = aFile(
      'Host db*\n  HostName %h.internal\n  User dba\n  ProxyJump outer,ops@inner:2200\nHost outer\n  HostName 192.0.2.1\n  Port 2022\n  User jump\nHost *\n  IdentityFile ~/.ssh/%h_key\n',
      'ssh_config',
    );
    const config = loadConfig({
      path: aFile(`ssh: {configFile: ${sshConfig}}\nhosts:\n  - sshConfig: db01\n    port: 2222\n`),
      env: {},
    });

    const target = config.hosts[0]?.target;
    expect(target).toMatchObject({ name: 'db01', address: 'db01.internal', port: 2222, user: 'dba' });
    expect(target?.identityFile).toBe(path.join(homedir(), '.ssh/db01.internal_key'));
    expect(target?.jump).toMatchObject({ address: 'inner', port: 2200, user: 'ops' });
    expect(target?.jump?.jump).toMatchObject({ address: '192.0.2.1', port: 2022, user: 'jump', jump: null });
  });

  it.each([
    ['Host other\n  HostName x\n', /it has no Host db01/],
    [
      'Host db01\n  HostName x\nMatch originalhost db01 exec "touch /tmp/oombot-was-here"\n  User y\n',
      /:3: "Match exec" would run a command/,
    ],
  ])('refuses %j', (text, sentence) => {
    const sshConfig = aFile(text);

    expect(faultsOf(`ssh: {configFile: ${sshConfig}}\nhosts:\n  - sshConfig: db01\n`)[0]).toMatch(sentence);
  });
});

describe('the transport', () => {
  function load(text: string) {
    return loadConfig({ path: aFile(text), env: {} });
  }

  it('is ssh2 unless the file says otherwise, for all or for one', () => {
    const hosts = 'hosts: [{name: a}, {name: b, transport: openssh}, {name: c, transport: ssh2}]\n';

    const byDefault = load(hosts).hosts.map(({ target }) => target.openssh !== undefined);
    const forAll = load(`ssh: {transport: openssh}\n${hosts}`).hosts.map(({ target }) => target.openssh !== undefined);

    expect(byDefault).toEqual([false, true, false]);
    expect(forAll).toEqual([true, true, false]);
    expect(faultsOf('hosts: [{name: a, transport: telnet}]\n')[0]).toMatch(
      /transport is "telnet", expected auto, ssh2 or/,
    );
  });

  it('takes SHA-1 for host keys where a line says so, with a warning', () => {
    const { hosts, warnings } = load('hosts: [{name: a}, {name: old, allowSha1: true}]\n');

    expect(hosts.map(({ target }) => target.allowSha1)).toEqual([undefined, true]);
    expect(warnings).toEqual([expect.stringMatching(/^hosts\[1\]\.allowSha1 .*SHA-1.* can be forged/)]);
  });

  it('leaves to ssh what its own configuration says of an alias, Match exec too, and tells it what oombot.yaml says', () => {
    const file = aFile(
      'Match exec "true"\n  User x\nHost db01\n  HostName db01.net\n  Port 2201\n  ProxyJump bastion\n',
    );
    const { hosts, warnings } = load(
      `ssh: {configFile: ${file}, transport: openssh}\nhosts: [{sshConfig: db01, user: ops}, {name: b, jump: me@c, address: 10.0.0.2}]\n`,
    );
    const [alias, plain] = hosts.map(({ target }) => target);

    expect(warnings).toEqual([]);
    expect(alias).toMatchObject({ address: 'db01.net', port: 2201, user: 'ops', jump: null });
    expect(alias?.openssh).toMatchObject({ host: 'db01', given: ['user'], configFile: file, allowPrograms: false });
    expect(plain?.openssh).toMatchObject({ host: '10.0.0.2', otherwise: { user: 'oombot', port: 22 } });
    expect(plain?.openssh?.given).toContain('user');
    // A jump host of such a host has no other way.
    expect(plain?.jump?.openssh).toMatchObject({ host: 'c', given: ['user'] });
  });
});

describe('a jump out of ssh_config', () => {
  it('is looked up there too, and reached through the one before it, whatever its own jumps', () => {
    const sshConfig = aFile(
      [
        'Host db01',
        '  ProxyJump outer,ops@inner:2200',
        '  ConnectTimeout 9',
        '  GSSAPIAuthentication yes',
        'Host web01',
        '  ProxyJump inner',
        'Host inner',
        '  HostName 192.0.2.2',
        '  User nobody',
        '  ProxyJump elsewhere',
        'Host *',
        '  IdentityFile ~/.ssh/one',
        '  IdentityFile ~/.ssh/two',
      ].join('\n'),
    );

    const config = loadConfig({
      path: aFile(`ssh: {configFile: ${sshConfig}}\nhosts:\n  - sshConfig: db01\n  - sshConfig: web01\n`),
      env: {},
    });

    const [db01, web01] = config.hosts.map(({ target }) => target);
    const keys = { identityFile: path.join(homedir(), '.ssh/one') };
    const settings = { moreIdentityFiles: [path.join(homedir(), '.ssh/two')] };
    expect(db01).toMatchObject({ ...keys, settings: { ...settings, connectTimeoutMs: 9_000 } });
    expect(db01?.jump).toMatchObject({ ...keys, settings, address: '192.0.2.2', port: 2200, user: 'ops' });
    expect(db01?.jump?.jump).toMatchObject({ ...keys, address: 'outer', jump: null });
    expect(web01?.jump).toMatchObject({ address: '192.0.2.2', user: 'nobody', port: 22 });
    expect(web01?.jump?.jump).toMatchObject({ address: 'elsewhere', jump: null });
    expect(config.warnings).toEqual([`${sshConfig}:4: GSSAPIAuthentication is not supported and was ignored.`]);
  });

  it('may not come back to the host itself', () => {
    const sshConfig = aFile('Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n');

    expect(faultsOf(`ssh: {configFile: ${sshConfig}}\nhosts:\n  - sshConfig: a\n`)[0]).toMatch(
      /jump is "a", expected a way that does not come back to the host itself/,
    );
  });
});

describe('a proxy command', () => {
  const sshConfig = aFile(
    'Host db01\n  HostName db01.net\n  ProxyCommand exec-me --to "%h:%p" %n %% | cat\n',
    'with_proxy',
  );

  function load(text: string, env: NodeJS.ProcessEnv = {}) {
    return loadConfig({ path: aFile(text), env });
  }

  it('is taken from oombot.yaml as words, and is the only way', () => {
    const { hosts } = load(
      `ssh: {configFile: ${sshConfig}}\nhosts:\n  - {name: a, proxyCommand: [tsh, "%h", "%%"]}\n  - {sshConfig: db01, jump: a}\n`,
    );

    expect(hosts[0]?.target).toMatchObject({ proxyCommand: ['tsh', '%h', '%%'], jump: null });
    expect(hosts[1]?.target.proxyCommand).toBeUndefined();
    expect(hosts[1]?.target.jump?.proxyCommand).toEqual(['tsh', '%h', '%%']);
  });

  it('is taken from ssh_config only where that is allowed', () => {
    const hosts = 'hosts: [{sshConfig: db01}]\n';
    const without = load(`ssh: {configFile: ${sshConfig}}\n${hosts}`);
    const allowed = load(`ssh: {configFile: ${sshConfig}, allowProxyCommand: true}\n${hosts}`);

    expect(without.hosts[0]?.target.proxyCommand).toBeUndefined();
    expect(without.warnings[0]).toMatch(/with_proxy:3: ProxyCommand runs a local program, so it is not used/);
    expect(allowed.hosts[0]?.target.proxyCommand).toEqual(['/bin/sh', '-c', 'exec exec-me --to "%h:%p" db01 %% | cat']);
    expect(allowed.warnings).toEqual([]);
  });

  it('is refused where a shell could read a name as more than that', () => {
    const hostile = aFile('Host db01\n  HostName $(touch${IFS}x)\n  ProxyCommand nc %h %p\n');

    expect(faultsOf(`ssh: {configFile: ${hostile}, allowProxyCommand: true}\nhosts: [{sshConfig: db01}]\n`)[0]).toMatch(
      /:3: ProxyCommand cannot be used with "\$\(touch\$\{ifs\}x\)"/,
    );
  });

  it.each([
    ['{name: a, proxyCommand: nc %h %p}', /proxyCommand is "nc %h %p", expected a list of words/],
    ['{name: a, proxyCommand: [nc, "%x"]}', /proxyCommand uses %x, expected %h, %p or %r/],
    ['{name: a, jump: b, proxyCommand: [nc]}', /has a jump and a proxyCommand, expected one of them/],
  ])('says what is wrong with %s', (host, sentence) => {
    expect(faultsOf(`hosts:\n  - ${host}\n`)[0]).toMatch(sentence);
  });

  it('finds the environment without the secrets of the bot', () => {
    const { proxyEnvironment } = load('', {
      PATH: '/bin',
      AWS_PROFILE: 'prod',
      SLACK_BOT_TOKEN: 'xoxb-1',
      SLACK_APP_TOKEN: 'xapp-1',
      OOMBOT_SSH_PASSPHRASE: 'p',
      DATABASE_URL: 'sqlite:x',
      CREDENTIALS_DIRECTORY: '/run',
    } as NodeJS.ProcessEnv);

    expect(proxyEnvironment).toEqual({ PATH: '/bin', AWS_PROFILE: 'prod' });
  });
});

describe('a file that is not there', () => {
  it('is said in words', () => {
    const none = path.join(dir, 'none');

    expect(faultsOf(`ssh: {configFile: ${none}}\nhosts:\n  - sshConfig: db01\n`)[0]).toMatch(
      /sshConfig is "db01", but .*none cannot give it: it does not exist\.$/,
    );
    expect(() => loadConfig({ path: none })).toThrow(`${none} cannot be read: it does not exist.`);
  });
});

describe('diffHosts', () => {
  function text(hosts: string): readonly HostConfig[] {
    return loadConfig({
      path: aFile(`hosts:
${hosts}`),
      env: {},
    }).hosts;
  }

  it('touches only what changed', () => {
    const before = text('  - {name: a}\n  - {name: b}\n  - {name: c}\n  - {name: d}\n');
    const after = text('  - {name: a}\n  - {name: b, tags: [x]}\n  - {name: c, port: 2222}\n  - {name: e}\n');

    const changes = diffHosts(before, after);

    expect(changes.added.map((host) => host.name)).toEqual(['e']);
    expect(changes.removed).toEqual(['d']);
    expect(changes.changed.map(({ host, reconnect }) => [host.name, reconnect])).toEqual([
      ['b', false],
      ['c', true],
    ]);
  });

  it('reconnects a host when its jump host moved', () => {
    const before = text('  - {name: a, jump: b}\n  - {name: b}\n');
    const after = text('  - {name: a, jump: b}\n  - {name: b, address: 192.0.2.7}\n');

    expect(diffHosts(before, after).changed.map(({ host, reconnect }) => [host.name, reconnect])).toEqual([
      ['a', true],
      ['b', true],
    ]);
  });
});

it('gives a host added from Slack the defaults and its confirmed key only', () => {
  const config = loadConfig({ path: aFile('ssh: {user: watch}\n'), env: {} });
  const added = {
    name: 'n',
    address: '192.0.2.1',
    port: 22,
    user: null,
    tags: [],
    fingerprint: 'SHA256:x',
    addedBy: 'U1',
    addedAtMs: 0,
  };

  expect(addedHostConfig(config, added).target).toMatchObject({
    user: 'watch',
    fingerprints: ['SHA256:x'],
    jump: null,
  });
});

it('documents each key once', () => {
  const keys = CONFIG_KEYS.map(({ key }) => key);

  expect(new Set(keys).size).toBe(keys.length);
  // Each documented key is accepted where it says it stands: given a wrong value, it is the value that is complained of.
  for (const key of keys) {
    const nested = key.split('.').reduceRight<unknown>(
      (inner, part) => {
        const name = part.replace('[]', '');
        return { [name]: part.endsWith('[]') ? [inner] : inner };
      },
      { wrong: true },
    );
    const faults = faultsOf(JSON.stringify(nested));
    expect(faults.join('\n'), key).toContain(`${key.replace('[]', '[0]')} is {"wrong":true}, expected`);
  }
});

describe('webhooks', () => {
  const HOOK = 'webhooks:\n  - format: cloudevents\n    url: https://hooks.example.net/oom\n    tags: [prod]\n';
  const LONG = 'a secret of twenty-two';

  it('have their secret from the environment or a file, and a name by their address', () => {
    const secretFile = aFile(`${LONG}\n`, 'hook-secret');
    const text = `${HOOK}    secretEnv: HOOK\n  - format: pagerduty\n    secretFile: ${secretFile}\n`;

    expect(loadConfig({ path: aFile(text), env: { HOOK: LONG } }).webhooks).toEqual([
      {
        name: 'hooks.example.net',
        format: 'cloudevents',
        url: 'https://hooks.example.net/oom',
        tags: ['prod'],
        secret: { kind: 'known', value: LONG },
      },
      {
        name: 'pagerduty',
        format: 'pagerduty',
        url: 'https://events.pagerduty.com/v2/enqueue',
        tags: [],
        secret: { kind: 'known', value: LONG },
      },
    ]);
    expect(
      loadConfig({ path: aFile(`${HOOK}    secretEnv: HOOK\n`), env: { HOOK_FILE: secretFile } }).webhooks,
    ).toMatchObject([{ secret: { kind: 'known', value: LONG } }]);
  });

  it('without their secret are read all the same, for those who only look at the record', () => {
    function secretOf(text: string, env: NodeJS.ProcessEnv = {}) {
      const secret = loadConfig({ path: aFile(`${HOOK}${text}`), env }).webhooks[0]?.secret;
      return secret?.kind === 'fault' ? secret.sentence : secret;
    }

    expect(secretOf('    secretEnv: HOOK\n')).toBe('webhooks[0].secretEnv is "HOOK": its secret is not set.');
    expect(secretOf('    secretFile: /nowhere/x\n')).toBe(
      'webhooks[0].secretFile is "/nowhere/x": its secret cannot be read: it does not exist.',
    );
    expect(secretOf('    secretEnv: HOOK\n', { HOOK: 'short' })).toContain(
      'too short, expected at least 16 characters',
    );
  });

  it.each([
    'http://hooks.example.net/oom',
    'http://10.0.0.1/',
    'http://localhost.example.net/',
    'ftp://hooks.example.net/',
    'https://user:password@hooks.example.net/',
    'hooks.example.net',
  ])('refuse the address %s', (url) => {
    const text = `webhooks:\n  - { format: cloudevents, url: "${url}", secretEnv: HOOK }\n`;

    expect(faultsOf(text, { HOOK: LONG })).toEqual([expect.stringContaining('F:2: webhooks[0].url is')]);
  });

  it.each(['http://127.0.0.1:8080/x', 'http://localhost/', 'http://[::1]:9/', 'http://127.1/'])('take %s', (url) => {
    const text = `webhooks:\n  - { format: cloudevents, url: "${url}", secretEnv: HOOK }\n`;

    expect(faultsOf(text, { HOOK: LONG })).toEqual([]);
  });

  it('say what does not fit together', () => {
    expect(
      faultsOf(
        'webhooks:\n  - format: cloudevents\n    secretEnv: A\n  - format: pagerduty\n  - format: pagerduty\n    secretEnv: A\n    secretFile: /b\n',
      ),
    ).toEqual([
      'F:2: webhooks[0].url is missing, expected an https:// address.',
      'F:4: webhooks[1] needs its secret, expected either secretEnv or secretFile.',
      'F:5: webhooks[2].name is "pagerduty", expected a name that no other webhook has.',
      'F:5: webhooks[2] needs its secret, expected either secretEnv or secretFile.',
    ]);
  });
});

describe('the socket that a terminal asks', () => {
  function socketOf(text: string, env: NodeJS.ProcessEnv = {}): string | null {
    return loadConfig({ path: aFile(text), env }).socket;
  }

  it('stands beside the database, unless it is named or off', () => {
    expect(socketOf('{}')).toBe('./data/oombot.db.sock');
    expect(socketOf('database: sqlite:/var/lib/oombot/oombot.db')).toBe('/var/lib/oombot/oombot.db.sock');
    expect(socketOf('socket: ~/oombot.sock')).toBe(path.join(homedir(), 'oombot.sock'));
    expect(socketOf('socket: off')).toBeNull();
  });

  it('stands in the runtime directory where the database is no file', () => {
    const postgres = 'database: postgres://oombot@db.example.net/oombot';

    expect(socketOf(postgres, { RUNTIME_DIRECTORY: '/run/user/7/oombot:/run/other', XDG_RUNTIME_DIR: '/else' })).toBe(
      '/run/user/7/oombot/oombot.sock',
    );
    expect(socketOf(postgres, { XDG_RUNTIME_DIR: '/run/user/7' })).toBe('/run/user/7/oombot/oombot.sock');
    expect(socketOf(postgres)).toBeNull();
  });
});
