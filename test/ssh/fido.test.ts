import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';

import { checkConnection } from '../../src/run/check-connection.ts';
import type { Connection } from '../../src/ssh/connection.ts';
import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import type { SshTarget } from '../../src/ssh/target.ts';
import { openSetUpHost } from '../setup/unshared-host.ts';
import { openFidoDevice, type FidoDevice } from '../support/fido-device.ts';
import { needs } from '../support/needs.ts';
import { byOpenssh, openSshd, processesWith, realClock, stateOf, type Sshd } from '../support/sshd.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'oombot-fido-'));
const ask = { timeoutMs: 10_000, maxBytes: 10_000 };

describe('a FIDO key', needs('sshd', 'ssh', 'ssh-keygen', 'C compiler'), () => {
  const opened: Ssh[] = [];
  let device: FidoDevice;
  let sshd: Sshd;
  beforeAll(async () => {
    device = openFidoDevice();
    sshd = await openSshd();
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    device.plugIn();
    while (opened.length > 0) await opened.pop()?.close();
  });
  afterAll(async () => {
    await sshd?.close();
    device?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  function aKey(type: 'ed25519-sk' | 'ecdsa-sk', options: readonly string[] = []): string {
    const file = path.join(mkdtempSync(path.join(dir, 'key-')), 'id_sk');
    device.makeKey(file, type, options);
    return file;
  }

  /** The key may log in; `options` are those of its line in authorized_keys. */
  function allow(file: string, options = ''): string {
    appendFileSync(path.join(sshd.dir, 'authorized_keys'), `${options}${readFileSync(`${file}.pub`, 'utf8')}`);
    return file;
  }

  function connect(target: SshTarget, agentSocket: string | null = null, readyTimeoutMs = 20_000): Connection {
    const ssh = openSsh({
      clock: realClock,
      random: () => 0.05,
      passphrase: null,
      agentSocket,
      readyTimeoutMs,
      proxyEnvironment: { PATH: process.env['PATH'], ...device.env },
    });
    opened.push(ssh);
    return ssh.connect(target);
  }

  function byKey(identityFile: string, { provider = device.provider, to = sshd, user = 'root' } = {}): SshTarget {
    const configFile = path.join(mkdtempSync(path.join(dir, 'config-')), 'config');
    writeFileSync(configFile, `SecurityKeyProvider ${provider}\n`);
    return byOpenssh(to.target({ identityFile, user }), { configFile });
  }

  /** Of ssh, that wait for the device. */
  function helpers(): string[] {
    const all = [...processesWith(`SOFTWARE_FIDO_DEVICE=${device.env['SOFTWARE_FIDO_DEVICE']}`).values()];
    return all.filter((line) => line.includes('ssh-sk-helper'));
  }

  async function check(connection: Connection): Promise<{ what: string | undefined; fix: unknown }> {
    const config = { name: 'here', tags: [], channel: null, logFiles: null, target: connection.target };
    const [finding] = await checkConnection(config, connection, realClock);
    return { what: finding?.what, fix: finding?.fix };
  }

  it.each([
    ['ed25519-sk', 'that is touched', [], ''],
    ['ecdsa-sk', 'that is touched', [], ''],
    ['ed25519-sk', 'that needs no touch', ['-O', 'no-touch-required'], 'no-touch-required '],
    ['ecdsa-sk', 'that needs no touch', ['-O', 'no-touch-required'], 'no-touch-required '],
  ] as const)('of type %s %s runs commands and streams', async (type, _touch, options, allowed) => {
    const connection = connect(byKey(allow(aKey(type, options), allowed)));
    await stateOf(connection, 'connected');
    const stopping = new AbortController();
    let heard = '';

    const stream = connection.stream('cat', {
      stdin: 'given\n',
      signal: stopping.signal,
      onData: (chunk) => (heard += chunk.toString()),
    });
    const { stdout } = await connection.exec('echo "$OOMBOT_SSHD"', ask);
    for (let tries = 0; heard === '' && tries < 400; tries++) await sleep(25);
    stopping.abort();

    expect(stdout.toString()).toBe(`${sshd.dir}\n`);
    expect(heard).toBe('given\n');
    expect((await stream).end).toEqual({ kind: 'aborted' });
  });

  it('whose touch the host wants is refused where it was made to need none', async () => {
    const state = await stateOf(connect(byKey(allow(aKey('ecdsa-sk', ['-O', 'no-touch-required'])))), 'refused');

    expect(state.reason).toBe('authentication');
  });

  it.each([
    [
      'whose device is unplugged',
      () => {
        const target = byKey(allow(aKey('ecdsa-sk')));
        device.unplug();
        return target;
      },
      '"device not found". Plug in the device that holds it, or name its library by SecurityKeyProvider in ssh_config.',
    ],
    [
      'whose library is not there',
      () => byKey(allow(aKey('ed25519-sk')), { provider: '/none/such.so' }),
      '"provider /none/such.so is not an OpenSSH FIDO library". Check SecurityKeyProvider',
    ],
    [
      'that wants a PIN',
      () => byKey(allow(aKey('ed25519-sk', ['-O', 'verify-required']))),
      'wants a PIN (verify-required), make one that does not: nobody is asked.',
    ],
  ])('%s: says that the host would take it, and what to do', async (_what, target, words) => {
    const connection = connect(target());

    const state = await stateOf(connection, 'refused');

    const { identityFile } = connection.target;
    expect(state.reason).toBe('unusable-key');
    expect(state.sentence).toContain(`would take the key ${identityFile} for root, but ssh cannot sign with it: "`);
    expect(state.sentence).toContain(words);
    expect(state.sentence).not.toContain('authorized_keys');
    expect(await check(connection)).toEqual({ what: state.sentence, fix: null });
  });

  it('that waits to be touched is tried again and again, leaves nothing behind, and logs in by a touch', async () => {
    const target = byKey(allow(aKey('ed25519-sk')));
    device.plugIn(true);
    const connection = connect(target, null, 5_000);

    const state = await stateOf(connection, 'unreachable');
    await vi.waitFor(() => expect(helpers()).toEqual([]), { timeout: 2_000, interval: 10 });
    await device.touch();

    expect(state.sentence).toContain('answers, but the login takes too long. Does a key wait to be touched?');
    await stateOf(connection, 'connected');
  });

  it('logs in again once its device is back', async () => {
    const target = byKey(allow(aKey('ed25519-sk')));
    device.unplug();
    const connection = connect(target);
    await stateOf(connection, 'refused');

    device.plugIn();
    connection.reconnectNow();

    await stateOf(connection, 'connected');
  });

  describe('by ssh2, which cannot use it', () => {
    async function refused(identityFile: string | null, agentSocket: string | null = null): Promise<string> {
      const { openssh: _, ...target } = byOpenssh(sshd.target({ identityFile }));
      const connection = connect(target, agentSocket);
      const { reason, sentence } = await stateOf(connection, 'refused');

      expect(reason).toBe('fido-key');
      expect(sentence).toContain('own ssh: set transport: openssh for this host');
      expect((await check(connection)).fix).toEqual({ where: 'configuration', line: 'transport: openssh' });
      return sentence;
    }

    it.each([
      ['ed25519-sk', ''],
      ['ecdsa-sk', ''],
      ['ecdsa-sk', 'secret'],
    ] as const)('is named in a file: %s, with the passphrase "%s"', async (type, passphrase) => {
      const file = allow(aKey(type));
      const words = ['-q', '-p', '-P', '', '-N', passphrase, '-a', '1', '-f', file];
      if (passphrase !== '') execFileSync('ssh-keygen', words, { stdio: 'pipe' });

      expect(await refused(file)).toContain(`the key file ${file} holds a FIDO key`);
    });

    it('is named where only its public half is a file', async () => {
      const file = allow(aKey('ecdsa-sk'));
      rmSync(file);

      expect(await refused(file)).toContain(`the key file ${file} holds a FIDO key`);
    });

    it('is named in an agent, by which ssh logs in', needs('ssh-agent'), async () => {
      const file = allow(aKey('ed25519-sk'));
      const agent = openAgent(file);
      vi.stubEnv('HOME', dir);

      expect(await refused(null, agent)).toContain('all keys of the agent are FIDO keys');
      await stateOf(connect(byOpenssh(sshd.target({ identityFile: null })), agent), 'connected');
    });
  });

  /** An agent that has this key of the device. */
  function openAgent(file: string): string {
    const socket = path.join(mkdtempSync(path.join(dir, 'agent-')), 'socket');
    const env = { ...process.env, ...device.env, SSH_AUTH_SOCK: socket };
    const said = execFileSync('ssh-agent', ['-s', '-a', socket, '-P', device.provider], { env, encoding: 'utf8' });
    onTestFinished(() => void process.kill(Number(/SSH_AGENT_PID=(\d+)/.exec(said)?.[1])));
    execFileSync('ssh-add', ['-q', '-S', device.provider, file], { env, stdio: 'pipe' });
    return socket;
  }

  it('is let in by the set-up of a host, which wants no touch', needs('namespaces', 'sudo'), async () => {
    const file = aKey('ed25519-sk', ['-O', 'no-touch-required']);
    const publicKeys = [readFileSync(`${file}.pub`, 'utf8')];
    const { host, sshd: to } = await openSetUpHost({ publicKeys });
    onTestFinished(async () => {
      await to.close();
      await host.close();
    });
    const connection = connect(byKey(file, { to, user: 'oombot' }));

    await stateOf(connection, 'connected');

    expect((await connection.exec('id', ask)).stdout.toString()).toContain('#oombot-host 1 refused');
  });
});
