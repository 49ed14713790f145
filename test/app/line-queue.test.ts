import { expect, it } from 'vitest';
import type { LogBatch } from '../../src/app/host-link.ts';
import { openLineQueue } from '../../src/app/watch/line-queue.ts';
import { openTurns } from '../../src/app/watch/turns.ts';

it('lines wait in bounded memory while the record has no room, and are handled in order when it has', async () => {
  let room: PromiseWithResolvers<void> | null = Promise.withResolvers<void>();
  const handled: string[] = [];
  const lines = openLineQueue({
    turns: openTurns(),
    room: () => room?.promise ?? null,
    onLines: (batch) => handled.push(...batch.lines),
    onPosition: ({ value }) => handled.push(value),
    onGap: () => undefined,
  });
  const said: string[] = [];

  for (let at = 0; lines.hold() === null; at += 1) {
    said.push(`${at} ${'x'.repeat(1_000)}`);
    lines.add(aBatch([said.at(-1)!]));
  }
  lines.addPosition({ source: 'file:/a', value: 'behind' });
  expect(said.length).toBeLessThan(6_000);
  expect(handled).toEqual([]);
  const go = room;
  room = null;
  go.resolve();
  await lines.drained();

  expect(handled).toEqual([...said, 'behind']);
  expect(lines.hold()).toBeNull();
});

it('a line at which the reader throws is passed over, and those around it are handled', async () => {
  const handled: string[] = [];
  const faults: unknown[] = [];
  const lines = openLineQueue({
    turns: openTurns(),
    room: () => null,
    onLines: (batch) => {
      if (batch.lines.includes('poison')) throw new Error('what is this');
      handled.push(...batch.lines.map((line, at) => `${line} ${batch.positionAfter(at)?.value}`));
    },
    onPosition: () => undefined,
    onGap: (gap) => faults.push(gap),
  });

  lines.add(aBatch(['a', 'poison', 'b']));
  await lines.drained();

  expect(handled).toEqual(['a 0', 'b 2']);
  expect(faults).toMatchObject([{ source: 'file:/a', lost: 1, sentence: expect.stringContaining('what is this') }]);
});

function aBatch(lines: string[]): LogBatch {
  return {
    source: 'file:/a',
    lines,
    arrivedAtMs: 0,
    bootId: null,
    live: true,
    lookup: null,
    positionAfter: (index) => ({ source: 'file:/a', value: String(index) }),
  };
}
