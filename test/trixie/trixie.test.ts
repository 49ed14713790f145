import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import { probeHost } from '../../src/ssh/probe.ts';
import { needs } from '../support/needs.ts';
import { byOpenssh, openSshd, realClock, stateOf, type Sshd } from '../support/sshd.ts';

const ML_KEM = ['KexAlgorithms mlkem768x25519-sha256'];
// Debian 13 with the folders of this machine that a server of the tests needs.
const IN_IT = `mount --bind /tmp "$0/tmp" && mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mkdir -p "$0/run/sshd" &&
  exec chroot "$0" "$@"`;

describe(
  'Debian 13 (OpenSSH 10)',
  needs('root', 'sshd', 'ssh', 'ssh-keygen', 'debootstrap', 'namespaces', 'x64'),
  () => {
    const opened: { close: () => Promise<void> }[] = [];
    let root: string;
    let programs: string;
    beforeAll(() => {
      programs = mkdtempSync(path.join(tmpdir(), 'oombot-trixie-'));
      root = execFileSync('sh', [path.join(import.meta.dirname, 'build.sh')], { stdio: ['ignore', 'pipe', 'inherit'] })
        .toString()
        .trim();
      // Its own client, which Debian 12 lacks the libraries for.
      const ssh = path.join(programs, 'ssh');
      const loader = `${root}/lib64/ld-linux-x86-64.so.2 --library-path ${root}/usr/lib/x86_64-linux-gnu`;
      writeFileSync(ssh, `#!/bin/sh\nexec ${loader} ${root}/usr/bin/ssh "$@"\n`);
      chmodSync(ssh, 0o755);
    });
    afterEach(async () => {
      while (opened.length > 0) await opened.pop()?.close();
    });
    afterAll(() => rmSync(programs, { recursive: true, force: true }));

    function anSsh(folders: string[] = []): Ssh {
      const proxyEnvironment = { PATH: [...folders, '/usr/bin:/bin'].join(':') };
      const ssh = openSsh({ clock: realClock, random: () => 1, passphrase: null, agentSocket: null, proxyEnvironment });
      opened.push(ssh);
      return ssh;
    }

    async function itsSshd(lines: string[] = []): Promise<Sshd> {
      const through = ['unshare', '-m', '--propagation', 'private', 'sh', '-c', IN_IT, root];
      const sshd = await openSshd({ through, lines });
      opened.push(sshd);
      return sshd;
    }

    it('is probed as it is by default', async () => {
      const connection = anSsh().connect((await itsSshd()).target());
      await stateOf(connection, 'connected');

      const probed = await probeHost(connection, { logFiles: null, clock: realClock });

      expect(probed).toMatchObject({ kind: 'probed', probe: { os: expect.stringContaining('trixie') } });
    });

    it('with ML-KEM alone is refused by ssh2 with the reason, and reached by its own ssh', async () => {
      const sshd = await itsSshd(ML_KEM);

      const bySsh2 = await stateOf(anSsh().connect(sshd.target()), 'refused');
      const byOlder = await stateOf(anSsh().connect(byOpenssh(sshd.target())), 'refused');
      await stateOf(anSsh([programs]).connect(byOpenssh(sshd.target())), 'connected');

      expect(bySsh2).toMatchObject({ reason: 'algorithms', sentence: expect.stringContaining('transport: openssh') });
      expect(byOlder).toMatchObject({
        reason: 'algorithms',
        sentence: expect.stringContaining('mlkem768x25519-sha256'),
      });
    });

    it.each([
      ['Match exec, quoted within', (ran: string) => `Match e"xe"c "touch ${ran}"\n Compression no\n`],
      ['ProxyCommand of a session type', (ran: string) => `Match sessiontype none\n ProxyCommand touch ${ran}\n`],
    ])('has its ssh run no program of its configuration: %s', async (_what, text) => {
      const sshd = await itsSshd();
      const [configFile, ran] = [path.join(sshd.dir, 'config'), path.join(sshd.dir, 'ran')];
      writeFileSync(configFile, text(ran), { mode: 0o600 });

      const state = await stateOf(anSsh([programs]).connect(byOpenssh(sshd.target(), { configFile })), 'refused');

      expect(existsSync(ran)).toBe(false);
      expect(state).toMatchObject({ reason: 'local-program', sentence: expect.stringContaining('allowProxyCommand') });
    });

    it('is tried once after it refused a login, and says to others why it shuts the address out (PerSourcePenalties)', async () => {
      const sshd = await itsSshd(['PerSourcePenalties authfail:60s min:1s']);
      const stranger = path.join(sshd.dir, 'stranger');
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', stranger]);
      const states: string[] = [];
      const connection = anSsh().connect(sshd.target({ identityFile: stranger }));
      connection.onState(({ kind }) => states.push(kind));

      const refused = await stateOf(connection, 'refused');
      const other = await stateOf(anSsh().connect(sshd.target()), 'unreachable');

      // One try, and the next after ten minutes; who comes from the same address meanwhile is told why.
      expect([refused.reason, states]).toEqual(['authentication', ['refused']]);
      expect(other.sentence).toContain('PerSourcePenalties');
    });
  },
);
