import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import type { Gap, LineBatch } from '../../src/ssh/log-source.ts';
import { openSsh } from '../../src/ssh/open-ssh.ts';
import { steppingOver } from '../../src/ssh/step-over.ts';
import { following, probeOf } from '../support/follow.ts';
import { openSshd, realClock, stateOf } from '../support/sshd.ts';
import { needs } from '../support/needs.ts';

function aBatch(lines: string[], cut: number[] = []): LineBatch {
  return {
    source: 'kmsg',
    framing: 'kmsg',
    lines,
    cut: new Set(cut),
    arrivedAtMs: 1,
    bootId: null,
    live: true,
    lookup: null,
    positionAfter: (index) => ({ source: 'kmsg', value: `${index}` }),
  };
}

/** A reader that cannot read lines with `poison`; keeps what it read. */
function aReader() {
  const read: { line: string; isCut: boolean; place: string | undefined }[] = [];
  function onLines(batch: LineBatch): void {
    if (batch.lines.some((line) => line.includes('poison'))) throw new Error('what is this');
    for (const [index, line] of batch.lines.entries())
      read.push({ line, isCut: batch.cut.has(index), place: batch.positionAfter(index)?.value });
  }
  return { read, onLines };
}

describe('a line at which the reader throws', () => {
  it('is passed over, once said, and the lines around it are read with their own places', () => {
    const { read, onLines } = aReader();
    const gaps: Omit<Gap, 'lookup'>[] = [];
    const take = steppingOver(onLines, (gap) => gaps.push(gap));

    take(aBatch(['a', 'poison', 'b'], [2]));
    take(aBatch(['c']));

    expect(read).toEqual([
      { line: 'a', isCut: false, place: '0' },
      { line: 'b', isCut: true, place: '2' },
      { line: 'c', isCut: false, place: '0' },
    ]);
    expect(gaps).toMatchObject([{ kind: 'fault', source: 'kmsg', lost: 1 }]);
    expect(gaps[0]?.sentence).toContain('what is this');
  });

  it('does not keep the rest of a real log from being read', needs('sshd'), async () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'oombot-poison-')), 'kern.log');
    writeFileSync(file, 'before\npoison\nafter\n');
    const sshd = await openSshd();
    const ssh = openSsh({ clock: realClock, random: () => 0.05, passphrase: null, agentSocket: null });
    try {
      const connection = ssh.connect(sshd.target());
      await stateOf(connection, 'connected');
      const { read, onLines } = aReader();
      const done = Promise.withResolvers<void>();
      const watch = following(connection, await probeOf(connection, [file]), {
        logFiles: [file],
        onLines: (batch) => {
          onLines(batch);
          if (batch.lines.includes('after')) done.resolve();
        },
      });

      await Promise.race([done.promise, watch.end]);

      expect(read.map(({ line }) => line)).toEqual(['before', 'after']);
      expect(watch.gaps).toMatchObject([{ kind: 'fault', lost: 1 }]);
      expect(await watch.stop()).toEqual({ kind: 'aborted' });
    } finally {
      await ssh.close();
      await sshd.close();
    }
  });
});
