import { spawn } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { expect, it, vi } from 'vitest';

import { runOpensshSession } from '../../src/ssh/openssh-channel.ts';

const OPTIONS = { stdin: '', endStdin: true, signal: new AbortController().signal, onStdout: () => true };

function aWorld() {
  const lost = new AbortController();
  const start = vi.fn((command: string) => spawn('/bin/sh', ['-c', command], { stdio: ['pipe', 'pipe', 'pipe'] }));
  return { lost, start, world: { start, gone: lost.signal } };
}

it('leaves nothing of its sessions with the connection that they ran on', async () => {
  const warned = vi.fn();
  process.on('warning', warned);
  const { lost, world } = aWorld();

  const ends = await Promise.all(Array.from({ length: 20 }, () => runOpensshSession(world, 'exit 3', OPTIONS)));
  const signalled = await runOpensshSession(world, 'kill -9 $$', OPTIONS);

  expect(ends.map(({ end }) => end)).toEqual(Array.from({ length: 20 }, () => ({ kind: 'exit', code: 3 })));
  expect(signalled.end.kind).toBe('signal');
  expect(getEventListeners(lost.signal, 'abort')).toEqual([]);
  process.off('warning', warned);
  expect(warned).not.toHaveBeenCalled();
});

it('tells a session that its connection is lost, and starts none on one that is gone', async () => {
  const { lost, start, world } = aWorld();

  const running = runOpensshSession(world, 'exec sleep 60', OPTIONS);
  lost.abort();

  expect((await running).end).toEqual({ kind: 'lost' });
  const late = await runOpensshSession(world, 'exit 0', OPTIONS);
  expect(late.end).toEqual({ kind: 'refused', sentence: 'not connected' });
  expect(start).toHaveBeenCalledTimes(1);
});
