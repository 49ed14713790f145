import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { takeUpHosts } from '../../src/run/hosts.ts';

/** Hosts that are taken up from a record that opens late, where that goes wrong or not. */
function aStart(addedHosts: () => Promise<never[]>) {
  const logged: string[] = [];
  const taken: unknown[] = [];
  const base = {
    settings: { now: () => ({ hosts: [] }) },
    addedHosts,
    inventories: { hosts: () => [] },
    log: pino({ level: 'error' }, { write: (line) => void logged.push((JSON.parse(line) as { msg: string }).msg) }),
  } as unknown as Parameters<typeof takeUpHosts>[0];
  const fleet = { replace: (hosts: unknown) => Promise.resolve(void taken.push(hosts)) };
  return { base, fleet, logged, taken };
}

describe('hosts of a record that was opened late', () => {
  it('are taken up once it is open', async () => {
    const { base, fleet, taken } = aStart(() => Promise.resolve([]));
    await takeUpHosts(base, fleet, null, Promise.resolve(), new AbortController().signal);

    expect(taken).toEqual([[]]);
  });

  it('that it does not give are said in the log, and end nothing', async () => {
    const { base, fleet, logged } = aStart(() => Promise.reject(new Error('no such table: hosts')));
    await takeUpHosts(base, fleet, null, Promise.resolve(), new AbortController().signal);

    expect(logged).toEqual(['The hosts could not be taken up; reload to try again']);
  });

  it('are left where the bot is stopped first', async () => {
    const { base, fleet, logged, taken } = aStart(() => Promise.resolve([]));
    const stop = new AbortController();
    const taking = takeUpHosts(base, fleet, null, new Promise(() => undefined), stop.signal);
    stop.abort();
    await taking;

    expect([logged, taken]).toEqual([[], []]);
  });
});
