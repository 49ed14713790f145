import { ownHelper } from '../../src/setup/setup-script.ts';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { parseHostLook } from '../../src/cause/read-host-facts.ts';
import { parseMemorySample } from '../../src/oom/proc/memory-sample.ts';
import { parseProcScan } from '../../src/oom/proc/proc-scan.ts';
import type { Connection } from '../../src/ssh/connection.ts';
import { openHostLink } from '../../src/ssh/host-link.ts';
import { openSsh, type Ssh } from '../../src/ssh/open-ssh.ts';
import { following, probeOf } from '../support/follow.ts';
import { openSshd, realClock, stateOf, type Sshd } from '../support/sshd.ts';
import { needs } from '../support/needs.ts';

describe('a login shell whose greeting has no line end', needs('sshd'), () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'oombot-greeting-'));
  let sshd: Sshd;
  let ssh: Ssh;
  let connection: Connection;
  beforeAll(async () => {
    sshd = await openSshd({ lines: ['ForceCommand printf "Welcome. "; exec sh -c "$SSH_ORIGINAL_COMMAND"'] });
    ssh = openSsh({ clock: realClock, random: () => 0.05, passphrase: null, agentSocket: null });
    connection = ssh.connect(sshd.target());
    await stateOf(connection, 'connected');
  });
  afterAll(async () => {
    await ssh.close();
    await sshd.close();
    rmSync(dir, { recursive: true, force: true });
  });

  it('is no part of any answer', async () => {
    const link = openHostLink('db01', connection, { logFiles: null, clock: realClock, ownHelper });

    expect(await link.probe()).toMatchObject({ kind: 'facts' });
    expect(await link.counters()).not.toBeNull();
    expect(parseProcScan((await link.scan('all')) ?? '')).toMatchObject({ kind: 'scan', complete: true });
    expect(parseMemorySample((await link.scan('sample')) ?? '')).not.toBeNull();
    const about = { unit: null, group: null };
    expect(parseHostLook((await link.collectFacts(about)) ?? '', about, 0)).not.toBeNull();
    expect(await link.changes.request('v1 hello\n')).toMatchObject({ kind: 'answered' });
  });

  it('is no part of a log', async () => {
    const probe = await probeOf(connection);
    const nothing = { ...probe, kmsg: null, files: [], journal: { ...probe.journal, readable: false } };
    const sources = [...(probe.kmsg === null ? [] : [{ ...nothing, kmsg: probe.kmsg }]), { ...nothing, dmesg: true }];

    for (const source of sources) {
      const watch = following(connection, source);
      await watch.until('');
      await watch.stop();
      expect(watch.texts().filter((line) => line.includes('Welcome'))).toEqual([]);
    }
  });

  it('moves no place in a log file', async () => {
    const log = path.join(dir, 'kern.log');
    writeFileSync(log, 'one\ntwo\n');
    const probe = await probeOf(connection, [log]);
    const first = following(connection, probe, { logFiles: [log] });
    await first.until('two');
    await first.stop();
    appendFileSync(log, 'three\n');
    const second = following(connection, probe, { logFiles: [log], positions: [...first.positions.values()] });
    await second.until('three');
    await second.stop();

    expect([first.texts(), second.texts()]).toEqual([['one', 'two'], ['three']]);
    expect(JSON.parse(second.positions.get(`file:${log}`)?.value ?? '')).toMatchObject({ offset: 14 });
  });
});
