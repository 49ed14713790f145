import { describe, expect, it } from 'vitest';
import type { Store } from '../../src/app/store-port.ts';
import { openSaveQueue } from '../../src/app/watch/save-queue.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { QUIET } from '../support/quiet-log.ts';

function aStore(saved: string[]): Store {
  return {
    mutes: () => Promise.resolve([]),
    saveBatch: ({ positions }) => {
      saved.push(...positions.map(({ value }) => value));
      return Promise.resolve({ fresh: [], amended: [], incidents: [] });
    },
  } satisfies Partial<Store> as Partial<Store> as Store;
}

describe('what is to be saved', () => {
  it('goes on being saved after nothing was handed in', async () => {
    const saved: string[] = [];
    const queue = openSaveQueue('db01', {
      store: aStore(saved),
      clock: fakeClock(0),
      log: QUIET,
      decide: () => ({ incidents: [], placed: {}, deliveries: [] }),
      isHistory: () => false,
      onSaved: () => {},
      onUnsaved: () => {},
    });

    queue.add({});
    await queue.drained();
    queue.add({ positions: [{ source: 'kmsg', value: '7' }] });
    await queue.drained();

    expect(saved).toEqual(['7']);
  });
});
