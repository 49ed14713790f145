import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';

import { followKmsg } from '../../src/ssh/kmsg-source.ts';
import { openSsh } from '../../src/ssh/open-ssh.ts';
import { openSshd, realClock, stateOf } from '../support/sshd.ts';
import { needs } from '../support/needs.ts';

it(
  'takes 100 MB of kernel log with bounded memory, and the kill in it',
  { ...needs('sshd'), timeout: 120_000 },
  async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'oombot-flood-'));
    const flood = path.join(dir, 'flood');
    // Stands in for a host's /dev/kmsg: records without end, one line without end, noise, and one kill among them.
    writeFileSync(
      flood,
      `#!/bin/sh
echo "#kmsg 1 f81d4fae-7dec-11d0-a765-00a0c91e6bf6 1795400000 10.00"
awk 'BEGIN { for (i = 1; i <= 1000000; i++) { printf "4,%d,%d,-;", i, i; print "nft: IN=eth0 OUT= MAC=00:11:22:33:44:55 SRC=192.0.2.1 DST=192.0.2.2 LEN=60" } }'
head -c 5000000 /dev/zero | tr '\\0' x
echo
head -c 1000000 /dev/urandom
echo
echo '3,1000001,1000001,-;Out of memory: Killed process 4242 (mysqld) total-vm:1kB'
sleep 60
`,
    );
    chmodSync(flood, 0o755);
    const sshd = await openSshd({ lines: [`ForceCommand ${flood}`] });
    const ssh = openSsh({ clock: realClock, random: () => 0.05, passphrase: null, agentSocket: null });
    const leave = new AbortController();
    try {
      const connection = ssh.connect(sshd.target());
      await stateOf(connection, 'connected');
      const before = process.memoryUsage().rss;
      let most = 0;
      let lines = 0;
      const killed = Promise.withResolvers<string>();
      const end = followKmsg(
        {
          connection,
          clock: realClock,
          signal: leave.signal,
          onLines: (batch) => {
            lines += batch.lines.length;
            most = Math.max(most, process.memoryUsage().rss);
            const kill = batch.lines.find((line) => line.includes('Killed process'));
            if (kill !== undefined) killed.resolve(kill);
          },
          onGap: () => {},
        },
        { way: 'direct', position: null },
      );

      expect(await killed.promise).toContain('4242 (mysqld)');
      expect(lines).toBeGreaterThanOrEqual(1_000_001);
      expect(most - before).toBeLessThan(150 * 1024 * 1024);
      leave.abort();
      expect(await end).toEqual({ kind: 'aborted' });
    } finally {
      leave.abort();
      await ssh.close();
      await sshd.close();
      rmSync(dir, { recursive: true, force: true });
    }
  },
);
