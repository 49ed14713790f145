import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import { programOnTheWay } from '../../src/ssh/openssh-programs.ts';
import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import type { OpensshSettings, SshTarget } from '../../src/ssh/target.ts';
import { needs } from '../support/needs.ts';
import { byOpenssh, openSshd, realClock, stateOf, type Sshd } from '../support/sshd.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'oombot-programs-'));
const ran = path.join(dir, 'ran');
const home = path.join(dir, 'home');
const EXEC = `exec "touch ${ran}"`;

describe('a host whose ssh configuration runs programs', needs('sshd', 'ssh', 'ssh-keygen'), () => {
  const opened: Ssh[] = [];
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await openSshd();
    mkdirSync(path.join(home, '.ssh'), { recursive: true });
  });
  beforeEach(() => rmSync(ran, { force: true }));
  afterEach(async () => {
    vi.unstubAllEnvs();
    while (opened.length > 0) await opened.pop()?.close();
  });
  afterAll(async () => {
    await sshd?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  function anSsh(environment: NodeJS.ProcessEnv = {}): Ssh {
    const ssh = openSsh({
      clock: realClock,
      random: () => 0.05,
      passphrase: null,
      agentSocket: null,
      proxyEnvironment: { PATH: process.env['PATH'], ...environment },
    });
    opened.push(ssh);
    return ssh;
  }

  function aFile(text: string, file = path.join(mkdtempSync(path.join(dir, 'config-')), 'config')): string {
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }

  /** The folder in which a link leads to the folder of a file. */
  function linkedFolder(text: string): string {
    const folder = mkdtempSync(path.join(dir, 'links-'));
    symlinkSync(path.dirname(aFile(text)), path.join(folder, 'ops'));
    return folder;
  }

  /** An alias of ssh_config, of which oombot.yaml says no more than its name. */
  function edge(lines: string, change: Partial<OpensshSettings> = {}): SshTarget {
    const own = `Host edge\n HostName 127.0.0.1\n Port ${sshd.port}\n User root\n IdentityFile ${sshd.identityFile}\n UserKnownHostsFile ${sshd.knownHostsFile}\n`;
    return byOpenssh(sshd.target({ name: 'edge' }), {
      host: 'edge',
      configFile: aFile(`${lines}\n${own}`),
      given: [],
      ...change,
    });
  }

  it.each([
    ['ProxyCommand', () => `Host edge\n ProxyCommand sh -c 'touch ${ran}; exec nc 127.0.0.1 ${sshd.port}'`],
    ['Match exec', () => `Match ${EXEC}\n Compression no`],
    ['Match !exec', () => `Match !${EXEC}\n Compression no`],
    ['Match "exec"', () => `Match "exec" "touch ${ran}"\n Compression no`],
    ['Match with a quote in its exec', () => `Match e"xe"c "touch ${ran}"\n Compression no`],
    ['Match with exec behind a quote', () => `Match host "edge"${EXEC}\n Compression no`],
    ['"Match" without a space', () => `"Match"${EXEC}\n Compression no`],
    ['=Match', () => `=Match ${EXEC}\n Compression no`],
    ['Match exec in an Include', () => `Include ${aFile(`Match host edge ${EXEC}\n`)}`],
    ['Match exec behind a glob', () => `Include ${path.dirname(aFile(`Match exec="touch ${ran}"\n`))}/con*`],
    ['Match exec behind a link to a folder in a pattern', () => `Include ${linkedFolder(`Match ${EXEC}\n`)}/*/config`],
    ['Match exec in the home of a user', () => `Include "~root/..${aFile(`Match ${EXEC}\n`)}"`],
    ['=Include', () => `=Include ${aFile(`Match ${EXEC}\n`)}`],
    ['ProxyCommand of a hop', () => `Host edge\n ProxyJump hop\nHost hop\n ProxyCommand touch ${ran}`],
    ['ProxyJump for a shell', () => `Host edge\n ProxyJump $(touch$IFS${ran})@127.0.0.1`],
  ] as const)('names the %s and runs nothing', async (_what, lines) => {
    const state = await stateOf(anSsh().connect(edge(lines())), 'refused');

    expect(existsSync(ran)).toBe(false);
    expect(state).toMatchObject({ reason: 'local-program', sentence: expect.stringContaining('allowProxyCommand') });
  });

  it.each([
    ['the home that ssh looks in', 'Include here'],
    ['a file that is included', () => `Include ${aFile('Include here\n')}`],
  ])('names the Match exec of a relative Include in %s', async (_what, lines) => {
    aFile(`Match ${EXEC}\n`, path.join(home, '.ssh/here'));
    vi.stubEnv('HOME', home);

    const state = await stateOf(anSsh().connect(edge(typeof lines === 'string' ? lines : lines())), 'refused');

    expect(existsSync(ran)).toBe(false);
    expect(state.sentence).toContain('~/.ssh/here:1: "Match exec" runs a local program');
  });

  it('has ssh look for its files in the same home', async () => {
    aFile(`Match ${EXEC}\n`, path.join(home, '.ssh/here'));

    await stateOf(anSsh({ HOME: home }).connect(edge('Include here')), 'connected');

    expect(existsSync(ran)).toBe(false);
  });

  it('looks for a relative Include of the file for all users where ssh does, which finds that file in another one', async () => {
    aFile(`Match ${EXEC}\n`, path.join(home, '.ssh/here'));
    const files = [path.join(dir, 'none'), aFile('Include here\n')];

    expect(await programOnTheWay({ files, home }, ['--', 'edge'], async () => '')).toContain('~/.ssh/here:1');
  });

  it('takes no other file for the one that is named', async () => {
    const folder = path.dirname(aFile(`Match ${EXEC}\n`));

    const state = await stateOf(anSsh().connect(edge('', { configFile: `${folder}/c*` })), 'refused');

    expect(existsSync(ran)).toBe(false);
    expect(state).toMatchObject({ reason: 'local-program', sentence: expect.stringContaining('cannot hold the path') });
  });

  it('is reached where a host has such a name', async () => {
    await stateOf(anSsh().connect(edge('Match host exec-1.example.net,exec.example.net\n Port 1')), 'connected');
  });

  it('does without LocalCommand', async () => {
    await stateOf(anSsh().connect(edge(`Host edge\n PermitLocalCommand yes\n LocalCommand touch ${ran}`)), 'connected');

    expect(existsSync(ran)).toBe(false);
  });

  it('runs them where that is allowed', async () => {
    await stateOf(anSsh().connect(edge(`Match ${EXEC}\n Compression no`, { allowPrograms: true })), 'connected');

    expect(existsSync(ran)).toBe(true);
  });
});
