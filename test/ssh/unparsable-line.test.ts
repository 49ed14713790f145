import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { LogBatch, LogGap } from '../../src/app/host-link.ts';
import { openLineQueue } from '../../src/app/watch/line-queue.ts';
import { openTurns } from '../../src/app/watch/turns.ts';
import { openSsh } from '../../src/ssh/open-ssh.ts';
import { following, probeOf } from '../support/follow.ts';
import { needs } from '../support/needs.ts';
import { openSshd, realClock, stateOf } from '../support/sshd.ts';

it(
  'a line at which the parser throws does not keep the rest of a real log from being read',
  needs('sshd'),
  async () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'oombot-poison-')), 'kern.log');
    writeFileSync(file, 'before\npoison\nafter\n');
    const sshd = await openSshd();
    const ssh = openSsh({ clock: realClock, random: () => 0.05, passphrase: null, agentSocket: null });
    const read: string[] = [];
    const gaps: LogGap[] = [];
    const done = Promise.withResolvers<void>();
    const queue = openLineQueue({
      turns: openTurns(),
      room: () => null,
      onLines: ({ lines }: LogBatch) => {
        if (lines.includes('poison')) throw new Error('what is this');
        read.push(...lines);
        if (lines.includes('after')) done.resolve();
      },
      onPosition: () => undefined,
      onGap: (gap) => gaps.push(gap),
    });
    try {
      const connection = ssh.connect(sshd.target());
      await stateOf(connection, 'connected');
      const watch = following(connection, await probeOf(connection, [file]), { logFiles: [file], onLines: queue.add });

      await Promise.race([done.promise, watch.end]);
      await queue.drained();

      expect(read).toEqual(['before', 'after']);
      expect(gaps).toMatchObject([{ lost: 1, sentence: expect.stringContaining('what is this') }]);
      expect(await watch.stop()).toEqual({ kind: 'aborted' });
    } finally {
      await ssh.close();
      await sshd.close();
    }
  },
);
