import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { checkConnection } from '../../src/run/check-connection.ts';
import type { Connection } from '../../src/ssh/connection.ts';
import { openSsh } from '../../src/ssh/open-ssh.ts';
import { renderSetup } from '../../src/setup/setup-script.ts';
import { setupOptions } from '../setup/options.ts';
import { openUnsharedHost } from '../setup/unshared-host.ts';
import { runCommand, type Ran } from '../support/command.ts';
import { openRealm, REALM, type Realm } from '../support/kerberos.ts';
import { needs } from '../support/needs.ts';
import { byOpenssh, makeKey, openSshd, processesWith, realClock, stateOf, type Sshd } from '../support/sshd.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'oombot-kerberos-'));
/** The host's own name is no matter: its keytab has one for localhost alone. */
const LINES = ['GSSAPIAuthentication yes', 'GSSAPIStrictAcceptorCheck no'];
/** As docs/hosts.md has it. */
const FORCED = `Match User oombot
  ForceCommand /usr/local/bin/oombot-host watch change
  DisableForwarding yes
  PermitTTY no
  PermitUserRC no`.split('\n');
const ask = { timeoutMs: 10_000, maxBytes: 1_000 };

describe('a host by Kerberos', needs('sshd', 'ssh', 'ssh-keygen', 'krb5kdc', 'kadmin.local', 'kinit'), () => {
  const opened: { close: () => Promise<void> }[] = [];
  let realm: Realm;
  let sshd: Sshd;
  let both: Sshd;
  let through: string[];
  beforeAll(async () => {
    realm = await openRealm(['oombot', 'stranger']);
    realm.allow('root', ['oombot']);
    through = ['env', `KRB5_CONFIG=${realm.env['KRB5_CONFIG']}`, `KRB5_KTNAME=${realm.hostKeytab}`];
    [sshd, both] = await Promise.all([
      openSshd({ through, lines: [...LINES, 'PubkeyAuthentication no'] }),
      openSshd({ through, lines: LINES }),
    ]);
  });
  afterEach(async () => {
    while (opened.length > 0) await opened.pop()?.close();
  });
  afterAll(async () => {
    for (const one of [sshd, both, realm]) await one?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  /** db01, whose ssh_config says all of it; `key` is of oombot.yaml. */
  function connect(
    ticket: string | null,
    {
      to = sshd,
      name = 'localhost',
      more = '',
      key = null as string | null,
      kerberos = 'yes',
      env = realm.env,
      user = 'root',
    } = {},
  ): Connection {
    const folder = mkdtempSync(path.join(dir, 'config-'));
    const [config, known] = [path.join(folder, 'config'), path.join(folder, 'known_hosts')];
    writeFileSync(known, `[${name}]:${to.port} ${to.publicKey('ed25519')}\n`);
    writeFileSync(
      config,
      `Host db01\n HostName ${name}\n Port ${to.port}\n User ${user}\n UserKnownHostsFile ${known} ${both.knownHostsFile}\n IdentityFile ${key ?? '/none'}\n GSSAPIAuthentication ${kerberos}\n${more}`,
    );
    const ssh = openSsh({
      clock: realClock,
      random: () => 0.05,
      passphrase: null,
      agentSocket: null,
      proxyEnvironment: {
        PATH: process.env['PATH'],
        ...env,
        ...(ticket === null ? {} : { KRB5CCNAME: ticket }),
      },
    });
    opened.push(ssh);
    const settings = { host: 'db01', configFile: config, given: key === null ? [] : (['identityFile'] as const) };
    return ssh.connect(byOpenssh(to.target({ name: 'db01', user, identityFile: key }), settings));
  }

  async function found(connection: Connection): Promise<{ what: string | undefined; fix: unknown }> {
    const config = { name: 'db01', tags: [], channel: null, logFiles: null, target: connection.target };
    const [finding] = await checkConnection(config, connection, realClock);
    return { what: finding?.what, fix: finding?.fix };
  }

  it('runs commands and streams by a ticket, also when that has expired meanwhile; then a new login says so', async () => {
    // A ticket for the host that the cache holds already would be taken for five minutes more, as clocks may differ.
    const [ticket, other] = [realm.ticket('oombot', 20), realm.ticket('oombot', 2)];
    const connection = connect(ticket);
    await stateOf(connection, 'connected');
    const stopping = new AbortController();
    let heard = '';
    const stream = connection.stream('echo begun; cat', {
      stdin: 'given\n',
      signal: stopping.signal,
      onData: (chunk) => (heard += chunk.toString()),
    });
    const env = { ...process.env, ...realm.env, KRB5CCNAME: ticket };
    await vi.waitFor(() => expect(() => execFileSync('klist', ['-s'], { env })).toThrow(), 30_000);

    const { stdout } = await connection.exec('id -un; echo "$OOMBOT_SSHD"', ask);
    const late = connect(other);
    const state = await stateOf(late, 'refused');

    expect(stdout.toString()).toBe(`root\n${sshd.dir}\n`);
    expect(heard).toBe('begun\ngiven\n');
    stopping.abort();
    expect((await stream).end).toEqual({ kind: 'aborted' });
    const sentence = `db01 (127.0.0.1:${sshd.port}) refuses the login of root by Kerberos, and takes no key: "Ticket expired". Get a new ticket with kinit, as the user that oombot runs as.`;
    expect(state).toMatchObject({ reason: 'no-ticket', sentence });
    expect(await found(late)).toEqual({ what: sentence, fix: { where: 'bot', line: 'kinit' } });
  });

  it('says that there is no ticket, and logs in once there is one', async () => {
    const ticket = `FILE:${path.join(dir, 'later')}`;
    const connection = connect(ticket);
    const state = await stateOf(connection, 'refused');

    execFileSync('cp', [realm.ticket('oombot').replace('FILE:', ''), ticket.replace('FILE:', '')]);
    connection.reconnectNow();

    expect(state).toMatchObject({ reason: 'no-ticket' });
    expect(state.sentence).toContain(
      `takes no key: "No Kerberos credentials available (default cache: ${ticket})". Get a new ticket with kinit`,
    );
    await stateOf(connection, 'connected');
  });

  it('is checked by the command line with what Kerberos finds in its environment: no ticket, then a keytab', async () => {
    const [known, yaml] = [path.join(dir, 'known_hosts'), path.join(dir, 'oombot.yaml')];
    writeFileSync(known, `[localhost]:${sshd.port} ${sshd.publicKey('ed25519')}\n`);
    writeFileSync(path.join(dir, 'ssh_config'), 'Host localhost\n GSSAPIAuthentication yes\n');
    writeFileSync(
      yaml,
      `ssh: { user: root, knownHosts: ${known}, configFile: ${path.join(dir, 'ssh_config')}, transport: openssh }
hosts: [{ name: db01, address: localhost, port: ${sshd.port} }]\n`,
    );
    function check(env: Record<string, string>): Promise<Ran> {
      return runCommand(['check', 'db01', '--config', yaml], { cwd: dir, env: { HOME: dir, ...realm.env, ...env } });
    }

    const none = await check({});
    const byKeytab = await check({ KRB5_CLIENT_KTNAME: realm.keytab, KRB5CCNAME: `FILE:${path.join(dir, 'own')}` });

    expect(none.out).toMatch(/takes no key: "No Kerberos credentials available[^]*\bkinit\n/);
    expect(byKeytab.out).not.toContain('Kerberos');
    expect(byKeytab.out).toMatch(/^db01 +log in: yes/m);
  });

  it(
    'gets no more than a key does where sshd forces the command of the set-up',
    needs('namespaces', 'sudo'),
    async () => {
      const host = await openUnsharedHost();
      opened.push(host);
      const { status } = host.run(renderSetup(setupOptions()));
      const to = await openSshd({
        through: [...host.through, ...through],
        lines: [...LINES, ...FORCED],
      });
      opened.push(to);
      realm.allow('oombot', ['oombot']);
      const connection = connect(realm.ticket('oombot'), { to, user: 'oombot' });
      await stateOf(connection, 'connected');

      const refused = await connection.exec('id', ask);
      const config = { name: 'db01', tags: [], channel: null, logFiles: null, target: connection.target };
      const findings = await checkConnection(config, connection, realClock);

      expect(status).toBe(0);
      expect(refused.stdout.toString()).toContain('#oombot-host 1 refused');
      // What there is beside is of the machine.
      expect(
        findings.map(({ code }) => code).filter((code) => !/^no-(?:kernel-entries|capability)$/.test(code)),
      ).toEqual([]);
    },
  );

  it.each([
    ['the principal may not log in', () => connect(realm.ticket('stranger')), '~root/.k5login on the host names'],
    ['ssh is not to use it', () => connect(realm.ticket('oombot'), { kerberos: 'no' }), 'GSSAPIAuthentication yes'],
    [
      'the host has another name there',
      () => connect(realm.ticket('oombot'), { name: '127.0.0.1' }),
      `takes no key: "Server host/127.0.0.1@${REALM} not found in Kerberos database". HostName in ssh_config must be`,
    ],
  ])('says what to look at where %s, and names no line of a key', async (_what, open, words) => {
    const connection = open();

    const state = await stateOf(connection, 'refused');

    expect(state).toMatchObject({ reason: 'kerberos', sentence: expect.stringContaining(words) });
    expect(state.sentence).not.toContain('authorized_keys');
    expect((await found(connection)).fix).toBeNull();
  });

  it('tells of the ticket and of the key where a host takes both, and has the login by the key alone too', async () => {
    const stranger = path.join(dir, 'stranger');
    makeKey(stranger, 'ed25519');

    const none = await stateOf(connect(null, { to: both }), 'refused');
    const byKey = await stateOf(connect(null, { to: both, key: stranger }), 'refused');

    const words = /Kerberos said: "No Kerberos credentials available .*kinit.*authorized_keys/;
    expect(none).toMatchObject({ reason: 'no-ticket', sentence: expect.stringMatching(words) });
    expect(byKey).toMatchObject({ reason: 'authentication', sentence: expect.stringMatching(words) });
    await stateOf(connect(null, { to: both, key: both.identityFile }), 'connected');
  });

  it('names the ticket where a jump host takes nothing else', async () => {
    const jump = ` ProxyJump bastion\nHost bastion\n HostName localhost\n Port ${sshd.port}\n User root\n GSSAPIAuthentication yes\n UserKnownHostsFile ${path.join(dir, 'jump')}\n`;
    writeFileSync(path.join(dir, 'jump'), `[localhost]:${sshd.port} ${sshd.publicKey('ed25519')}\n`);

    const state = await stateOf(connect(null, { to: both, more: jump }), 'refused');

    expect(state).toMatchObject({ reason: 'jump-host' });
    expect(state.sentence).toMatch(
      /its jump host localhost refuses the login .*Kerberos said: "No Kerberos credentials available/,
    );
    await stateOf(connect(realm.ticket('oombot'), { to: both, more: jump }), 'connected');
  });

  it('takes nothing that was said at the login for the reason of a loss: ssh was killed', async () => {
    const own = await openSshd({ through, lines: [...LINES, `Banner ${path.join(dir, 'banner')}`] });
    opened.push(own);
    writeFileSync(path.join(dir, 'banner'), 'For members only\n');
    const ticket = `FILE:${path.join(dir, 'nobody')}`;
    const connection = connect(ticket, { to: own, key: own.identityFile });
    await stateOf(connection, 'connected');
    const lost: string[] = [];
    connection.onState(({ kind, sentence }) => kind === 'connecting' && lost.push(sentence));

    for (const [pid, line] of processesWith(`KRB5CCNAME=${ticket}`))
      if (line.startsWith('ssh ')) process.kill(pid, 'SIGKILL');
    await vi.waitFor(() => expect(lost).toHaveLength(1), 8_000);

    expect(lost).toEqual(['The connection to db01 was lost; connecting again.']);
  });

  it('tries again by itself where no KDC answers', async () => {
    const away = await openRealm(['oombot']);
    opened.push(away);
    const ticket = away.ticket('oombot');
    await away.stop();

    const state = await stateOf(connect(ticket, { env: away.env }), 'unreachable');

    expect(state).toMatchObject({ reason: 'network' });
    expect(state.sentence).toContain('cannot be logged in to: Kerberos said: "Cannot contact any KDC for realm');
  });
});
