import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { LocalWorkspace } from '../../src/local/workspace.ts';
import { renderSetup } from '../../src/setup/setup-script.ts';
import { setupOptions } from '../setup/options.ts';
import { answerTo, eventually, openWorkspaceOfManifest } from '../support/whole-bot.ts';
import { openGuest, type Guest } from './guest.ts';

const WAIT_MS = 240_000;
const SEND_MS = 300_000;
const root = path.join(import.meta.dirname, '../..');

/** Where the machine watches itself, through an account of its own. */
const CONFIG = `http: 127.0.0.1:3000
ssh:
  user: watched
  identityFile: /run/credentials/oombot.service/ssh-key
  knownHosts: /etc/oombot/known_hosts
database: sqlite:/var/lib/oombot/oombot.db
hosts:
  - { name: db01, address: 127.0.0.1 }
`;
const HEALTH = `fetch('http://127.0.0.1:3000/healthz').then(async (answer) => console.log(answer.status, await answer.text()))`;

// The package as npm installs it, run by deploy/oombot.service as docs/operate.md says: run by `npm run test:guest`, not by `npm test`.
describe('the systemd service on a Debian of its own', { timeout: 800_000 }, () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-service-'));
  let guest: Guest;
  let workspace: LocalWorkspace;
  let tunnel: ChildProcess | null = null;

  beforeAll(async () => {
    const installed = installPackage();
    guest = await openGuest();
    workspace = await openWorkspaceOfManifest({ channels: ['#oom'] });
    const publicKey = readFileSync(`${guest.identityFile}.pub`, 'utf8');
    await asRoot('cat >>/root/.ssh/authorized_keys', publicKey);
    send(installed);
    openTunnel();
    await asRoot('exec sh -s', renderSetup(setupOptions({ user: 'watched', publicKeys: [publicKey] })));
    await asRoot(`cd /usr/local/lib/node_modules/oombot/deploy
install -m 644 oombot.sysusers.conf /usr/lib/sysusers.d/oombot.conf && systemd-sysusers
install -m 644 oombot.tmpfiles.conf /usr/lib/tmpfiles.d/oombot.conf && systemd-tmpfiles --create oombot.conf
install -m 644 oombot.service /etc/systemd/system/`);
    await asRoot('exec install -m 600 /dev/stdin /etc/oombot/slack-bot-token', `${workspace.botToken}\n`);
    await asRoot('exec install -m 600 /dev/stdin /etc/oombot/slack-app-token', `${workspace.appToken}\n`);
    await asRoot('exec install -m 600 /dev/stdin /etc/oombot/ssh-key', readFileSync(guest.identityFile, 'utf8'));
    const knownHosts = readFileSync(guest.knownHostsFile, 'utf8').replace(/^\[127\.0\.0\.1\]:\d+/, '127.0.0.1');
    await asRoot('cat >/etc/oombot/known_hosts', knownHosts);
    await asRoot('exec install -m 644 /dev/stdin /etc/oombot/oombot.yaml', CONFIG);
    // The stand-in for Slack is at the other end of the tunnel.
    await asRoot(
      'mkdir /etc/systemd/system/oombot.service.d && cat >/etc/systemd/system/oombot.service.d/slack.conf',
      `[Service]\nEnvironment=SLACK_API_URL=${workspace.apiUrl}\n`,
    );
    await asRoot('touch /run/before-the-first-start; systemctl daemon-reload && systemctl enable -q --now oombot');
  }, 900_000);

  afterAll(async () => {
    tunnel?.kill('SIGKILL');
    await guest?.close();
    await workspace?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  async function asRoot(script: string, input = ''): Promise<string> {
    const { status, stdout, stderr } = await guest.ask(script, { input });
    if (status !== 0) throw new Error(`${script}: ${status} ${stdout} ${stderr}`);
    return stdout;
  }
  async function show(property: string): Promise<string> {
    return (await asRoot(`systemctl show -P ${property} oombot`)).trim();
  }

  /** The folder that npm made of the tarball: `bin` and `lib`. */
  function installPackage(): string {
    const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', dir], {
      cwd: root,
      encoding: 'utf8',
    });
    const tarball = path.join(dir, packed.trim().split('\n').at(-1) ?? '');
    const prefix = path.join(dir, 'prefix');
    execFileSync('npm', ['install', '--global', '--prefix', prefix, '--no-audit', '--no-fund', tarball], {
      cwd: dir,
      stdio: 'pipe',
    });
    return prefix;
  }

  /** A login of root’s, for what takes longer than a command or lasts. */
  function login(...options: string[]): string[] {
    const settings = ['BatchMode=yes', 'ExitOnForwardFailure=yes', `UserKnownHostsFile=${guest.knownHostsFile}`];
    const named = settings.flatMap((setting) => ['-o', setting]);
    return ['-F', 'none', '-i', guest.identityFile, '-p', String(guest.port), ...named, ...options, 'root@127.0.0.1'];
  }

  function send(installed: string): void {
    const archive = execFileSync('tar', ['czf', '-', '-C', installed, 'bin', 'lib'], { maxBuffer: 1024 ** 3 });
    execFileSync('ssh', [...login(), 'exec tar xzf - -C /usr/local --no-same-owner'], {
      input: archive,
      timeout: SEND_MS,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    // The Node that came with it is the machine’s.
    execFileSync('ssh', [
      ...login(),
      'ln -s ../lib/node_modules/oombot/node_modules/node/bin/node /usr/local/bin/node',
    ]);
  }

  function openTunnel(): void {
    const { port } = new URL(workspace.apiUrl);
    tunnel = spawn('ssh', login('-N', '-R', `127.0.0.1:${port}:127.0.0.1:${port}`), { stdio: 'ignore' });
  }

  /** Asks until the answer is as expected: a bot that is just starting answers nothing yet. */
  function untilAnswered(words: string, expected: RegExp): Promise<true> {
    return eventually(
      async () => expected.test(await answerTo(workspace, words, WAIT_MS).catch(() => '')),
      `${expected.source} as the answer to ${words}`,
      WAIT_MS,
    ).catch(async (error: unknown) => {
      throw new Error((await guest.ask('journalctl -q -u oombot -o cat')).stdout, { cause: error });
    }) as Promise<true>;
  }

  it('starts with its tokens from credentials, answers, and says that it is healthy', async () => {
    await untilAnswered('hosts', /db01/);
    await untilAnswered('hosts', /watched since/);

    expect(await show('ActiveState')).toBe('active');
    expect(await asRoot(`node -e "${HEALTH}"`)).toMatch(/^200 /);
  });

  it('tells of a kill on the machine that it watches with the key that came as a credential', async () => {
    await asRoot(`mkdir /sys/fs/cgroup/deadly && echo 8M >/sys/fs/cgroup/deadly/memory.max
ln -s /usr/bin/tail /run/victim
sh -c 'echo $$ >/sys/fs/cgroup/deadly/cgroup.procs; exec /run/victim /dev/zero' >/dev/null 2>&1 || true`);

    const message = await eventually(
      () => workspace.messages('#oom').find(({ text }) => text.includes('victim')),
      'the message',
      WAIT_MS,
    );

    expect(message.text).toContain('db01');
  });

  it('is exposed as little as V8 allows, and shows its secrets to nobody', async () => {
    const said = await asRoot('systemd-analyze security --no-pager oombot.service');
    const exposure = /exposure level for oombot\.service: ([\d.]+)/.exec(said)?.[1];
    console.info(`systemd-analyze security oombot.service: ${exposure}`);

    expect(Number(exposure)).toBeLessThanOrEqual(2.5);
    const pid = await show('MainPID');
    const seen = await asRoot(`systemctl show oombot; tr '\\0' '\\n' </proc/${pid}/environ; journalctl -q -u oombot`);
    expect(seen).toContain('CREDENTIALS_DIRECTORY=/run/credentials/oombot.service');
    for (const token of [workspace.botToken, workspace.appToken]) expect(seen).not.toContain(token);
    for (const name of ['SLACK_BOT_TOKEN', 'SLACK_APP_TOKEN', 'ssh-key']) {
      const read = await guest.ask(`setpriv --reuid 65534 --clear-groups cat /run/credentials/oombot.service/${name}`);
      expect(read.status).not.toBe(0);
      expect(read.stderr).toContain('Permission denied');
    }
  });

  it('reads its configuration again on reload, without a restart', async () => {
    const before = await show('MainPID');
    await asRoot(
      `sed -i 's/^hosts:/hosts:\\n  - { name: web01, address: 127.0.0.1, port: 1 }/' /etc/oombot/oombot.yaml && systemctl reload oombot`,
    );

    await untilAnswered('hosts', /web01/);

    expect(await show('MainPID')).toBe(before);
  });

  it('is started again when it is killed, and keeps its record', async () => {
    const before = await show('MainPID');
    await asRoot(`kill -9 ${before}`);
    await eventually(async () => !['', '0', before].includes(await show('MainPID')), 'another process', WAIT_MS);

    await untilAnswered('last db01', /victim/);

    expect(await show('NRestarts')).toBe('1');
  });

  it('stops in good order, and has written in its state directory alone', async () => {
    await asRoot('systemctl stop oombot');

    expect([await show('Result'), await show('ExecMainStatus')]).toEqual(['success', '0']);
    expect(await asRoot("stat -c '%a %U %G' /var/lib/oombot /etc/oombot")).toBe('700 oombot oombot\n750 root oombot\n');
    expect((await asRoot('ls -A /var/lib/oombot')).trim().split('\n')).toEqual(['oombot.db', 'oombot.db.lock']);
    // What it owns, and what anybody changed in the places where a service could leave something.
    expect(
      await asRoot(
        `find / -xdev -user oombot -not -path '/var/lib/oombot*'
find /usr /opt /srv /home /root /etc/oombot /var/tmp /tmp -xdev -newer /run/before-the-first-start -not -type d -not -path '/etc/oombot/oombot.yaml'`,
      ),
    ).toBe('');
  });
});
